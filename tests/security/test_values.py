"""Values of a guest that are small in its memory and large in the host's: counted before Python makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator import (
    Contract,
    ContractViolated,
    Engine,
    LimitExceeded,
    Limits,
    Pipeline,
    TimedOut,
)
from orchestrator.contract.checks import Ledger
from orchestrator.contract.compile import compile_contract
from orchestrator.contract.paths import strings
from orchestrator.engine._block_sizes import many_extra
from orchestrator.engine._load import loader, many_loader
from orchestrator.engine.settings import InstanceSettings
from orchestrator.errors import Cancelled, RunError
from orchestrator.interface import parse_type, read_json, to_json
from orchestrator.interface import types as t
from orchestrator.interface.allowance import LOOK, MOST, Allowance, objects
from orchestrator.interface.plain import plain
from orchestrator.manifest.model import Bulk, Reject, Where
from tests.behaviour.stories import Went, staged
from tests.security.test_limits import unharmed
from tests.support.every_path import BULKS
from tests.support.greedy_guests import GO
from tests.support.parts import AGENT, TOOL_USER
from tests.support.sprawling_guests import ASKER, GIVE, HEADERS, OBJECTS, SPRAWL, SPRAWLER, TAKE, TYPE, caller

SMALL = Limits(memory=64 << 20)
ALLOWED = 4 << 20
"""Objects for a memory of 64 MiB."""
MANY = ALLOWED // OBJECTS + 1
FEW = 1000
ONE_BY_ONE = (
    "the values of one call are too large to cross one by one; have them cross in bulk (`bulk: auto` on the node), or "
    "pass them in parts"
)
SEES: dict[str, Contract] = {
    "require": Contract(require=("size(args.l) >= 0 && args.l.all(x, true) || true",)),
    "reject": Contract(reject=(Reject("args.l", "x"),)),
}


def too_many(found: int, most: int = ALLOWED) -> str:
    return (
        f"the values of a call would be {found} objects of the host or more, and may be {most}: pass less at a time, "
        "or texts and bytes, which are one each; a contract's `max-bytes` or `max-response` says sooner what is too "
        "large"
    )


def refused(went: Went, message: str, node: str, edge: str = "") -> None:
    """The run ended with the limit, told where it was met; in an event too."""
    assert isinstance(went.error, LimitExceeded), went.error
    assert (went.message, went.error.limit, went.error.node, went.error.edge) == (message, "values", node, edge)
    (event,) = went.of("limit")
    assert (event.decision, event.node, event.edge) == ("failed", node, edge)
    assert event.detail == {"limit": "values", "message": message}


def giving(engine: Engine, bulk: Bulk = "auto", limits: Limits = SMALL) -> Pipeline:
    sprawler = engine.from_text(SPRAWLER, "sprawler")
    return (
        Pipeline("hostile")
        .input("n", "u32")
        .node("it", sprawler, run=GIVE, limits=limits, bulk=bulk)
        .data("inputs.n", "it")
    )


@pytest.mark.parametrize("bulk", BULKS)
def test_an_output(engine: Engine, bulk: Bulk) -> None:
    with unharmed(), staged(giving(engine, bulk).output("out", "it"), engine) as stage:
        assert len(stage.run(n=FEW).outputs["out"]) == FEW  # type: ignore[index]
        refused(stage.run(n=MANY), ONE_BY_ONE if bulk == "never" else too_many(MANY * OBJECTS), "it")
        assert len(stage.run(n=FEW).outputs["out"]) == FEW  # type: ignore[index]


@pytest.mark.parametrize("bulk", BULKS)
def test_a_data_edge_whose_rule_sees_the_value(engine: Engine, bulk: Bulk) -> None:
    pipeline = (
        giving(engine, bulk)
        .node("taker", engine.from_text(SPRAWLER, "sprawler"), run=TAKE, limits=SMALL, bulk=bulk)
        .data("it", "taker", contract=Contract(reject=(Reject("value", "x"),)))
        .output("out", "taker")
    )
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=FEW).outputs == {"out": FEW}
        if bulk == "never":
            refused(stage.run(n=MANY), ONE_BY_ONE, "it")
        else:
            refused(stage.run(n=MANY), too_many(MANY * OBJECTS), "taker", "it -> taker")
        assert stage.run(n=FEW).outputs == {"out": FEW}


@pytest.mark.parametrize("bulk", ["auto", "always"])
def test_a_data_edge_without_a_rule_makes_nothing_of_the_value(engine: Engine, bulk: Bulk) -> None:
    taker = engine.from_text(SPRAWLER, "sprawler")
    pipeline = giving(engine, bulk).node("taker", taker, run=TAKE, limits=SMALL, bulk=bulk)
    with unharmed(), staged(pipeline.data("it", "taker").output("out", "taker"), engine) as stage:
        assert stage.run(n=MANY).outputs == {"out": MANY}


@pytest.mark.parametrize("part", ["when", "path", "python"])
def test_a_data_edge_that_looks_into_the_value(engine: Engine, part: str) -> None:
    pipeline = giving(engine)
    if part == "path":
        pipeline.node("taker", python=lambda x: 1, signature="func(x: tuple<tuple<tuple<u8>>>) -> u32")
        pipeline.data("it.0", "taker")
    else:
        pipeline.node("taker", python=lambda x: len(x), signature=f"func(x: {TYPE}) -> u32")
        pipeline.data("it", "taker", when="size(value) > 0" if part == "when" else "")
    with unharmed(), staged(pipeline.output("out", "taker"), engine) as stage:
        assert stage.run(n=FEW).outputs == {"out": 1 if part == "path" else FEW}
        went = stage.run(n=MANY)
    if part == "path":  # of the value that the path goes into: it is no edge's
        assert isinstance(went.error, LimitExceeded)
        assert (went.message, went.error.node, went.error.edge) == (too_many(MANY * OBJECTS), "it", "it.0 -> taker")
    else:
        refused(went, too_many(MANY * OBJECTS), "taker", "it -> taker" if part == "when" else "")


@pytest.mark.parametrize("rule", SEES)
@pytest.mark.parametrize("bulk", ["auto", "always"])
def test_arguments_that_a_rule_of_a_call_sees(engine: Engine, bulk: Bulk, rule: str) -> None:
    went = _called(engine, "take", SEES[rule], bulk)
    refused(went, too_many(MANY * OBJECTS), "sprawler", f"it -> sprawler ({SPRAWL})")


@pytest.mark.parametrize("bulk", ["auto", "always"])
def test_a_result_that_a_rule_of_a_call_sees(engine: Engine, bulk: Bulk) -> None:
    went = _called(engine, "give", Contract(reject=(Reject("result", "x"),)), bulk)
    refused(went, too_many(MANY * OBJECTS), "sprawler", f"it -> sprawler ({SPRAWL})")


@pytest.mark.parametrize("function", ["give", "take"])
def test_a_call_whose_values_cross_one_by_one(engine: Engine, function: str) -> None:
    went = _called(engine, function, Contract(), "never")
    assert (type(went.error), went.message) == (LimitExceeded, ONE_BY_ONE)


@pytest.mark.parametrize("function", ["give", "take"])
def test_a_call_between_the_two_ways(engine: Engine, function: str) -> None:
    """One side has no shim: the values are made into objects between them."""
    went = _called(engine, function, Contract(), "auto", "never")
    assert isinstance(went.error, LimitExceeded)
    assert went.message == (too_many(MANY * OBJECTS) if function == "take" else ONE_BY_ONE)
    assert (went.error.node, went.error.edge) == ("sprawler", f"it -> sprawler ({SPRAWL})")


@pytest.mark.parametrize("function", ["give", "take"])
def test_a_call_that_nobody_looks_into(engine: Engine, function: str) -> None:
    assert _called(engine, function, Contract(max_bytes=MANY + 64)).outputs == {"out": 1}


@pytest.mark.parametrize(
    ("function", "contract", "rule"),
    [
        ("take", Contract(max_request=1000, reject=(Reject("args.l", "x"),)), "max-request"),
        ("take", Contract(max_bytes=1000, require=("size(args.l) > 0",)), "max-bytes"),
        ("give", Contract(max_response=1000, reject=(Reject("result", "x"),)), "max-response"),
        ("give", Contract(max_bytes=1000, ensure=("size(result) > 0",)), "max-bytes"),
        ("take", Contract(require=("args.l.all(x, args.l.exists(y, x == y))",)), "require"),
        ("give", Contract(ensure=("result.all(x, result.exists(y, x == y))",)), "ensure"),
    ],
)
def test_what_is_told_by_size_is_told_before_values_are_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, function: str, contract: Contract, rule: str
) -> None:
    took: list[int] = []

    def walk(_self: Allowance, items: Any, count: int, _each: int = 1) -> Any:
        took.append(count)
        return items

    monkeypatch.setattr(Allowance, "walk", walk)
    went = _called(engine, function, contract)
    assert isinstance(went.error, ContractViolated)
    assert went.error.rule == rule
    assert MANY not in took


def _called(engine: Engine, function: str, contract: Contract, bulk: Bulk = "auto", other: Bulk | None = None) -> Went:
    """How it goes when a guest calls with, or for, a list that is too long; before and after, one that is not."""
    pipeline = (
        Pipeline("hostile")
        .input("n", "u32")
        .node("it", engine.from_text(caller(function), "caller"), run=GO, limits=SMALL, bulk=bulk)
        .node("sprawler", engine.from_text(SPRAWLER, "sprawler"), limits=SMALL, bulk=other or bulk)
        .data("inputs.n", "it")
        .call("it", "sprawler", contract=replace(contract, functions=(function,)))
        .output("out", "it")
    )
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=10).outputs == {"out": 1}
        went = stage.run(n=MANY)
        assert stage.run(n=10).outputs == {"out": 1}
    return went


@pytest.mark.parametrize("bulk", BULKS)
def test_arguments_of_a_python_node_that_is_called(engine: Engine, bulk: Bulk) -> None:
    pipeline, lengths = to_python(engine, Contract(), bulk)
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=FEW).outputs == {"out": 1}
        went = stage.run(n=MANY)
        assert stage.run(n=FEW).outputs == {"out": 1}
    assert lengths == [FEW, FEW]
    if bulk == "never":
        assert (type(went.error), went.message) == (LimitExceeded, ONE_BY_ONE)
    else:
        refused(went, too_many(MANY * OBJECTS), "python", "it.take -> python.take")


def test_arguments_of_a_python_node_are_not_made_when_their_size_is_refused(engine: Engine) -> None:
    pipeline, lengths = to_python(engine, Contract(max_request=2000))
    with staged(pipeline, engine) as stage:
        assert stage.run(n=FEW).outputs == {"out": 1}
        went = stage.run(n=MANY)
    assert (type(went.error), lengths) == (ContractViolated, [FEW])


def to_python(engine: Engine, contract: Contract, bulk: Bulk = "auto") -> tuple[Pipeline, list[int]]:
    """A guest that calls a Python node, and how long the lists were that this got."""
    lengths: list[int] = []

    def take(items: list[Any]) -> int:
        lengths.append(len(items))
        return 1

    pipeline = (
        Pipeline("hostile")
        .input("n", "u32")
        .node("it", engine.from_text(ASKER, "asker"), run=GO, limits=SMALL, bulk=bulk)
        .node("python", python=take, signature=f"func(l: {TYPE}) -> u32")
        .data("inputs.n", "it")
        .call("it.take", "python.take", contract=contract)
        .output("out", "it")
    )
    return pipeline, lengths


# Tools, and what the host serves


def tooled(engine: Engine) -> Pipeline:
    return (
        Pipeline("tools")
        .input("name", "string")
        .input("arguments", "string")
        .node("agent", engine.from_text(TOOL_USER, "agent"), run=f"{AGENT}.call", limits=SMALL)
        .node("sprawler", engine.from_text(SPRAWLER, "sprawler"), limits=SMALL)
        .data("inputs.name", "agent.name")
        .data("inputs.arguments", "agent.arguments")
        .tool("agent", f"sprawler.{GIVE}")
        .tool("agent", f"sprawler.{TAKE}")
        .output("out", "agent")
    )


def test_what_a_tool_gives(engine: Engine) -> None:
    with unharmed(), staged(tooled(engine), engine) as stage:
        for n in (FEW, MANY, FEW):
            went = stage.run({"name": "give", "arguments": json.dumps({"n": n})})
            if n == FEW:
                assert went.outputs == {"out": json.dumps([[[[0]]]] * FEW)}
            else:
                refused(went, too_many(MANY * OBJECTS), "sprawler", f"agent -> sprawler.{GIVE}")


def test_what_a_tool_is_given(engine: Engine) -> None:
    with unharmed(), staged(tooled(engine), engine) as stage:
        for n in (FEW, MANY, FEW):
            went = stage.run({"name": "take", "arguments": f'{{"l": [{",".join(["[[[0]]]"] * n)}]}}'})
            if n == FEW:
                assert went.outputs == {"out": str(FEW)}
            else:
                refused(went, too_many(MANY * OBJECTS + 3), "sprawler", f"agent -> sprawler.{TAKE}")


@pytest.mark.parametrize("bulk", BULKS)
def test_arguments_of_what_the_host_serves(engine: Engine, bulk: Bulk) -> None:
    pipeline = (
        Pipeline("hostile")
        .input("n", "u32")
        .node("it", engine.from_text(HEADERS, "headers"), run=GO, limits=SMALL, bulk=bulk)
        .data("inputs.n", "it")
        .output("out", "it")
    )
    many = ALLOWED // 3 + 1
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=10).outputs == {"out": 1}
        refused(stage.run(n=many), ONE_BY_ONE if bulk == "never" else too_many(many * 3), "it")
        assert stage.run(n=10).outputs == {"out": 1}


def test_lists_of_numbers_are_counted_when_somebody_asks_for_lists() -> None:
    """As arrays they are one object each."""
    wide, array = t.List(t.List(t.U16)), memoryview(bytes(20)).cast("H")
    with Allowance(20):
        assert plain(wide, [array, array]) == [[0] * 10] * 2
    for convert in (plain, to_json):
        with Allowance(19), pytest.raises(LimitExceeded) as caught:
            convert(wide, [array, array])
        assert caught.value.message == too_many(20, 19)


# How many


@pytest.mark.parametrize(
    ("memory", "most"),
    [(1 << 16, ALLOWED), (64 << 20, ALLOWED), (128 << 20, 2 * ALLOWED), (1 << 30, MOST), (4 << 30, MOST)],
)
def test_how_many_goes_with_the_memory(memory: int, most: int) -> None:
    assert InstanceSettings(memory=memory).objects == most


@pytest.mark.parametrize(
    ("type_", "count"),
    [
        ("u8", 1), ("string", 1), ("list<u64>", 1), ("tuple<u8, u8>", 3), ("record { a: u8, b: list<string> }", 3),
        ("flags { a, b, c }", 4), ("option<tuple<u8>>", 2), ("option<option<u8>>", 3), ("result", 2),
        ("result<tuple<u8, u8>, string>", 5), ("variant { a, b(tuple<u8>) }", 4), ("enum { a, b }", 1),
    ],
)  # fmt: skip
def test_how_many_objects_a_value_is_without_its_lists(type_: str, count: int) -> None:
    assert objects(parse_type(type_)) == count


@pytest.mark.parametrize(
    ("type_", "arrays", "count"),
    [
        ("list<list<bool>>", False, 44), ("list<list<u16>>", False, 44), ("list<list<u16>>", True, 4),
        ("list<list<u8>>", False, 4), ("list<list<string>>", False, 44), ("list<list<char>>", False, 44),
        ("list<list<tuple<u8>>>", False, 84), ("list<option<list<u16>>>", False, 44),
    ],
)  # fmt: skip
def test_lists_in_lists_add_up_as_they_are_met(type_: str, arrays: bool, count: int) -> None:
    """Four lists of ten, all of zeros."""
    element = parse_type(type_).element  # type: ignore[union-attr]
    head = b"\1\0\0\0" if isinstance(element, t.Option) else b""
    memory = memoryview((head + b"\0\1\0\0" + b"\x0a\0\0\0") * 4 + bytes(1 << 10))
    load = many_loader(element, arrays)
    assert len(load(memory, 0, 4, Allowance(count))) == 4
    with pytest.raises(LimitExceeded) as caught:
        load(memory, 0, 4, Allowance(count - 1))
    assert caught.value.message == too_many(count, count - 1)


# When it ends


class Looks:
    """Lets what looks at it go on so many times."""

    def __init__(self, most: int) -> None:
        self.left = most

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled("enough")


LONG = 10 * LOOK
ZEROS = memoryview(bytes(16 * LONG))
PAIRS = [(0,)] * LONG


def condition(text: str, type_: t.Type, value: Any) -> Callable[[], object]:
    checks, found = compile_contract(Contract(require=(text,)), None, type_, Where(), "e")
    assert checks is not None, found
    return lambda: checks.before(Ledger(), 0, lambda: {"value": value})


@pytest.mark.parametrize(
    "element",
    ["tuple<u8>", "string", "bool", "list<u8>", "record { a: u8, b: string }", "variant { a(u8), b(string) }"],
)
def test_reading_a_list_looks_at_the_time(element: str) -> None:
    type_ = parse_type(element)
    with pytest.raises(Cancelled, match="enough"):
        many_loader(type_, False)(ZEROS, 0, LONG, Allowance(check=Looks(3)))
    assert len(many_loader(type_, False)(ZEROS, 0, LONG, Allowance(check=Looks(1000)))) == LONG


def test_measuring_a_list_looks_at_the_time() -> None:
    for element in ("string", "list<string>"):
        with pytest.raises(Cancelled, match="enough"):
            many_extra(parse_type(element))(ZEROS, 0, LONG, Allowance(check=Looks(3)))
        assert many_extra(parse_type(element))(ZEROS, 0, LONG, Allowance(check=Looks(1000))) == 8 * LONG


PAIR_LIST = t.List(t.Tuple((t.U8,)))
GOING: dict[str, Callable[[], object]] = {
    "a pattern": lambda: list(strings(["x"] * LONG)),
    "a pattern in lists": lambda: list(strings(PAIRS)),
    "a condition": condition("value.all(x, x[0] == 0)", PAIR_LIST, PAIRS),
    "JSON": lambda: to_json(PAIR_LIST, PAIRS),
    "arrays as lists": lambda: plain(t.List(t.List(t.U16)), [memoryview(b"").cast("H")] * LONG),
}


@pytest.mark.parametrize("name", GOING)
def test_going_through_a_value_looks_at_the_time(name: str) -> None:
    with Allowance(check=Looks(3)), pytest.raises(Cancelled, match="enough"):
        GOING[name]()
    with Allowance(check=Looks(1000)):
        GOING[name]()


@pytest.mark.parametrize("whole", [False, True], ids=["of the node", "of the run"])
def test_time_that_is_up_while_a_result_is_read(engine: Engine, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    """The guest is done at once; what it gave takes longer than there is time."""
    contract = Contract(functions=("take",), reject=(Reject("args.l", "x"),), timeout=None if whole else 0.02)
    pipeline = (
        Pipeline("late")
        .input("n", "u32")
        .node("it", engine.from_text(caller("take"), "caller"), run=GO)
        .node("sprawler", engine.from_text(SPRAWLER, "sprawler"))
        .data("inputs.n", "it")
        .call("it", "sprawler", contract=contract)
    )
    with unharmed(), staged(pipeline, engine) as stage:
        went = stage.run(n=MANY) if not whole else None
        if whole:
            with pytest.raises(TimedOut):
                stage.linked.run({"n": MANY}, timeout=0.2)
    if went is not None:
        assert isinstance(went.error, ContractViolated)
        assert went.error.rule == "timeout"


def test_no_memory_for_a_value_is_no_error_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Allowance):
        def walk(self, items: Any, count: int, each: int = 1) -> Any:
            raise MemoryError

    memory = memoryview(b"\x08\0\0\0\1\0\0\0" + bytes(8))
    with pytest.raises(RunError) as caught:
        loader(PAIR_LIST, False)(memory, 0, Full())
    assert isinstance(caught.value, LimitExceeded)
    assert caught.value.message == "the host has no memory left for the values of a call: pass less at a time"


def test_json_is_counted_before_it_is_read() -> None:
    """What stands in its texts counts for nothing."""
    with Allowance(LOOK):
        for inside in (",", "[", '\\"', "\\\\"):
            assert read_json(t.STRING, f'"{inside * LONG}"') == json.loads(f'"{inside}"') * LONG
    with Allowance(LOOK), pytest.raises(LimitExceeded) as caught:
        read_json(t.List(t.U16), f"[{','.join(['0'] * LONG)}]")
    assert caught.value.message == too_many(LONG + 1, LOOK)
