"""`limits`: a guest that asks for more than it was allowed is ended or refused, and the host stays as it was."""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    ComponentError,
    Engine,
    InvalidPipeline,
    LimitExceeded,
    Limits,
    Pipeline,
    RunError,
    TimedOut,
)
from orchestrator.engine import Component
from orchestrator.engine._live import LIVE
from orchestrator.interface.show import show_type
from orchestrator.interface.types import Resource
from orchestrator.manifest.model import Bulk, Lifetime
from tests.behaviour.stories import staged
from tests.support import bombs
from tests.support.every_path import BULKS
from tests.support.granting import faults, granted
from tests.support.greedy_guests import (
    ATTACK,
    CLOCK_LOOP,
    CONFIG_LOOP,
    DIG,
    GO,
    GROW,
    OWN_HANDLES,
    PING_PONG,
    SPIN,
    TEXT_ATTACK,
    attacker,
    memories,
    tables,
    text_attacker,
)
from tests.support.parts import AGENT, TOOL_USER, relay
from tests.support.resource_guests import HOLDER, OWNER

UNLIMITED = Limits()


def test_every_limit_arrives() -> None:
    found = granted(
        "limits: {memory: 64MiB, tables: 10_000, timeout: 5s, fuel: 1_000_000_000, host-calls: 1000, output: 1MiB,"
        " handles: 1000}"
    ).limits
    assert found == Limits(64 << 20, 10_000, 5.0, 1_000_000_000, host_calls=1000, output=1 << 20, handles=1000)


def test_nothing_at_all_may_be_a_limit() -> None:
    found = granted("limits: {tables: 0, host-calls: 0, output: 0B, handles: 0}").limits
    assert found == Limits(tables=0, host_calls=0, output=0, handles=0)


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ("tables: -1", "out-of-range: `limits.tables` of node `a` is -1"),
        ("fuel: 0", "out-of-range: `limits.fuel` of node `a` is 0"),
        ("fuel: 1e9", "wrong-kind: `limits.fuel` of node `a` must be a whole number"),
        ("host-calls: many", "wrong-kind: `limits.host-calls` of node `a` must be a whole number"),
        ("output: 100", "size: `limits.output` of node `a` must be a size"),
        ("handles: 1.5", "wrong-kind: `limits.handles` of node `a` must be a whole number"),
        ("instructions: 5", "unknown-key: `limits` of node `a` has no key `instructions`"),
    ],
)
def test_a_limit_that_is_wrong_is_no_limit_that_is_left_out(limit: str, fault: str) -> None:
    (found,) = faults(f"limits: {{{limit}}}")
    assert found.startswith(fault)


# What hostile components get. Each is ended or refused, its run fails with the limit's name, the host stays as it was,
# and the next run of the same pipeline, which is harmless, goes well.

SPENT = "the guest used up its fuel, {} units: give it more `fuel`, or have it compute less in one run"
LATE = "node `it` took longer than its timeout, 0.05 s"
DEEP = "the guest's calls nest too deep: its stack is used up"
HUNGRY = "the guest asked for more memory than its limit, {} bytes, and ended"
PAGE = 65536
"""Bytes."""
RELAY = "test:hostile/relay"


def alone(component: Component, limits: Limits = UNLIMITED, run: str = GO, **more: Any) -> Pipeline:
    """One node; the input `n` says how much it attacks."""
    pipeline = Pipeline("hostile").input("n", "u32").node("it", component, run=run, limits=limits, **more)
    return pipeline.data("inputs.n", "it").output("out", "it")


@contextmanager
def unharmed() -> Iterator[None]:
    """The host is what it was after it: no instance is left, and little memory."""
    before, taken = set(LIVE), resident()
    yield
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator keeps of what was freed is nobody's
    assert set(LIVE) - before == set()
    assert resident() - taken < 64 << 20


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def attacked(engine: Engine, pipeline: Pipeline, n: int = 1, *, limit: str, message: str, node: str = "it") -> RunError:
    """Links the pipeline, runs it harmless, attacked, and harmless again; the error of the attack.

    Arguments:
        limit: the name in the event of the limit that was met.
    """
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=0).outputs == {"out": 1}
        went = stage.run(n=n)
        assert isinstance(went.error, TimedOut if limit == "timeout" else LimitExceeded), went.error
        assert (went.message, went.error.node) == (message, node)
        (event,) = went.of("limit")
        assert (event.decision, event.node, event.detail) == ("failed", node, {"limit": limit, "message": message})
        assert [e.decision for e in went.of("run")] == ["failed"]
        assert stage.run(n=0).outputs == {"out": 1}
    return went.error


# Time and fuel

SPINNING = {
    "fuel": (Limits(fuel=100_000), SPENT.format(100_000)),
    "timeout": (Limits(timeout=0.05), LATE),
}


@pytest.mark.parametrize("limit", SPINNING)
@pytest.mark.parametrize(
    "guest",
    [
        attacker(SPIN),
        attacker("(loop $on (drop (memory.grow (i32.const 0))) (br $on))", "(memory 1)"),
        attacker("(loop $on (drop (memory.grow (i32.const 70000))) (br $on))", "(memory 1)"),
        attacker(f"{GROW} {SPIN}", "(memory 1)"),
        attacker(f"(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) {SPIN}", "(memory 1)"),
        attacker("(loop $on (call $f) (br $on))", "(func $f)"),
        attacker(f"(call_indirect (i32.const 0)) {SPIN}", "(table 1 funcref) (elem (i32.const 0) $f) (func $f)"),
    ],
    ids=["loop", "grows by nothing", "grows too far", "takes all memory", "fills", "calls", "calls indirectly"],
)
def test_a_loop_without_end(engine: Engine, guest: str, limit: str) -> None:
    limits, message = SPINNING[limit]
    pipeline = alone(engine.from_text(guest), replace(limits, memory=8 << 20))
    attacked(engine, pipeline, limit=limit, message=message)


@pytest.mark.parametrize("limit", SPINNING)
def test_a_loop_that_only_calls_the_host(engine: Engine, limit: str) -> None:
    limits, message = SPINNING[limit]
    attacked(engine, alone(engine.from_text(CLOCK_LOOP), limits), 1 << 30, limit=limit, message=message)


@pytest.mark.parametrize("guest", [CLOCK_LOOP, CONFIG_LOOP], ids=["clock", "config"])
@pytest.mark.parametrize("bulk", BULKS)
def test_calls_of_the_host_are_counted(engine: Engine, guest: str, bulk: Bulk) -> None:
    pipeline = alone(engine.from_text(guest), Limits(host_calls=1000), bulk=bulk)
    message = "the guest called the host more than the 1000 times it may"
    attacked(engine, pipeline, 1001, limit="host-calls", message=message)
    with staged(pipeline, engine) as stage:
        assert stage.run(n=1000).outputs == {"out": 1}


def test_looking_for_tools_is_a_call_of_the_host(engine: Engine) -> None:
    agent = engine.from_text(TOOL_USER, "agent")
    pipeline = Pipeline("hostile").node("it", agent, run=f"{AGENT}.call", args={"name": "x", "arguments": ""})
    for most, message in (
        (1, f"{AGENT}.call answered with an error"),
        (0, "the guest called the host more than the 0 times it may"),
    ):
        pipeline.replace("it", limits=Limits(host_calls=most))
        with unharmed(), staged(pipeline, engine) as stage:
            assert stage.run().message == message


@pytest.mark.parametrize("lifetime", ["run", "call", "session"])
def test_each_run_may_call_the_host_so_often(engine: Engine, lifetime: Lifetime) -> None:
    pipeline = alone(engine.from_text(CLOCK_LOOP), Limits(host_calls=1000), lifetime=lifetime)
    with staged(pipeline, engine) as stage:
        assert [stage.run(n=900).outputs for _ in range(3)] == [{"out": 1}] * 3
        assert stage.run(n=1001).outputs is None
        assert [stage.run(n=900).outputs for _ in range(3)] == [{"out": 1}] * 3


@pytest.mark.parametrize(
    ("start", "limits", "limit", "message"),
    [
        (SPIN, Limits(fuel=10_000), "fuel", SPENT.format(10_000)),
        (SPIN, Limits(timeout=0.05), "timeout", LATE),
        (f"{GROW} unreachable", Limits(memory=2 << 20), "memory", HUNGRY.format(2 << 20)),
        ("(drop (call $dig (i32.const 0)))", UNLIMITED, "stack", DEEP),
    ],
    ids=["fuel", "timeout", "memory", "stack"],
)
def test_a_start_function(engine: Engine, start: str, limits: Limits, limit: str, message: str) -> None:
    """It runs before there is a call: within the time and the budget of the run that needs the instance."""
    guest = engine.from_text(attacker("", f"(memory 1) {DIG} (func $start {start}) (start $start)"))
    with unharmed(), staged(alone(guest, limits), engine) as stage:
        for _ in range(2):
            went = stage.run(n=0)
            assert (went.message, getattr(went.error, "node", "")) == (message, "it")
            assert [(event.detail or {})["limit"] for event in went.of("limit")] == [limit]


# Memory and tables


@pytest.mark.parametrize("count", [1, 20])
def test_memory_to_the_limit_and_past_it(engine: Engine, count: int) -> None:
    """Of all memories together: with twenty of them each may have a twentieth, or one of them nearly all."""
    limit = 10 * count * PAGE
    pipeline = alone(engine.from_text(memories(count)), Limits(memory=limit))
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=9).outputs == {"out": 1}
    attacked(engine, pipeline, 10, limit="memory", message=HUNGRY.format(limit))


@pytest.mark.parametrize("count", [1, 20])
def test_memory_that_is_too_large_from_the_start(engine: Engine, count: int) -> None:
    message = "the component's memory is larger than its limit from the start"
    with unharmed(), staged(alone(engine.from_text(memories(count)), Limits(memory=PAGE * count)), engine) as stage:
        assert stage.run(n=0).outputs == {"out": 1}
    twice = memories(count).replace("(memory 1)", "(memory 2)")
    with unharmed(), staged(alone(engine.from_text(twice), Limits(memory=2 * PAGE * count - 1)), engine) as stage:
        went = stage.run(n=0)
        assert (went.message, (went.of("limit")[0].detail or {})["limit"]) == (message, "memory")


@pytest.mark.parametrize("lifetime", ["run", "session"])
def test_a_guest_that_is_refused_memory_and_goes_on_has_not_failed(engine: Engine, lifetime: Lifetime) -> None:
    """It is told once for each stay in which it asked, however often."""
    guest = engine.from_text(attacker(f"{GROW} {GROW} {GROW}", "(memory 1)"))
    with unharmed(), staged(alone(guest, Limits(memory=4 << 20), lifetime=lifetime), engine) as stage:
        for _ in range(2):
            went = stage.run(n=1)
            assert went.outputs == {"out": 1}
            message = f"the guest asked for more memory than its limit, {4 << 20} bytes, and went on without"
            (event,) = went.of("limit")
            assert (event.decision, event.node) == ("denied", "it")
            assert event.detail == {"limit": "memory", "message": message}
            assert event.parent == went.of("node")[0].span
        assert stage.run(n=0).of("limit") == []


def test_each_call_that_was_refused_memory_is_told(engine: Engine) -> None:
    """Over an edge an instance is left on a short way: not then."""
    guest = engine.from_text(attacker(GROW, "(memory 1)"))
    pipeline = (
        Pipeline("hostile")
        .node("caller", engine.from_text(relay(RELAY, ATTACK, "go", 3), "caller"), run=f"{RELAY}.go", args={"n": 1})
        .node("it", guest, limits=Limits(memory=4 << 20))
        .call("caller", "it")
        .output("out", "caller")
    )
    with unharmed(), staged(pipeline, engine) as stage:
        went = stage.run()
        assert went.outputs == {"out": 3}
        assert [event.node for event in went.of("limit")] == ["it"] * 3
        assert [event.parent for event in went.of("limit")] == [event.span for event in went.of("call")]


@pytest.mark.parametrize(
    ("count", "size", "most", "limit", "by", "grown"),
    [
        (1, 1, "", 1000, 999, 1),
        (1, 1, "", 1000, 1000, 0),
        (20, 1, "", 2000, 99, 20),
        (20, 1, "", 2000, 100, 0),
        (20, 50, "50", 1000, 1, 0),
        (20, 50, "60", 1200, 10, 20),
        (20, 50, "60", 1199, 10, 0),
        (1000, 1, "", 1000, 1, 0),
        (3, 1, "", 10, 4_294_967_295, 0),
    ],
)
def test_elements_of_all_tables_together(
    engine: Engine, count: int, size: int, most: str, limit: int, by: int, grown: int
) -> None:
    """A table is told that it cannot grow, and the guest goes on: it has never more than the limit says."""
    pipeline = alone(engine.from_text(tables(count, size, most)), Limits(tables=limit))
    with unharmed(), staged(pipeline, engine) as stage:
        assert [stage.run(n=n).outputs for n in (0, by, 0)] == [{"out": 1}, {"out": 1 + grown}, {"out": 1}]
    assert grown * (size + by) + (count - grown) * size <= limit


def test_a_table_that_cannot_grow_leaves_its_share_to_others(engine: Engine) -> None:
    """Most guests have many tables, and one that counts: it may have all that the others do not need."""
    more = "(table 10 10 funcref) (table 20 30 externref) (table $t 1 funcref)"
    attack = "(if (i32.eq (table.grow $t (ref.null func) (local.get 0)) (i32.const -1)) (then unreachable))"
    pipeline = alone(engine.from_text(attacker(attack, more)), Limits(tables=1000))
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=959).outputs == {"out": 1}
        assert stage.run(n=960).message == "the guest trapped: wasm `unreachable` instruction executed"
        assert stage.run(n=959).outputs == {"out": 1}


@pytest.mark.parametrize(
    ("guest", "limit", "needed"),
    [(tables(20, 50), 999, 1000), (tables(1, 10_000_000), None, 10_000_000), (tables(3, 1 << 19), None, 3 << 19)],
)
def test_tables_that_are_too_large_from_the_start(engine: Engine, guest: str, limit: int | None, needed: int) -> None:
    message = f"the component's tables need {needed} elements from the start, and their limit is {limit or 1 << 20}"
    with unharmed(), staged(alone(engine.from_text(guest), Limits(tables=limit)), engine) as stage:
        went = stage.run(n=0)
        assert (went.message, (went.of("limit")[0].detail or {})["limit"]) == (message, "tables")


@pytest.mark.parametrize(("limit", "grown"), [(220, 4), (219, 0), (100, 0)])
def test_tables_of_nodes_that_share_a_store(engine: Engine, limit: int, grown: int) -> None:
    """One has a table of 20 that stays so, the other four of 10 that want 50: the limit is of all five."""
    caller = relay(RELAY, ATTACK, "go").replace('(func (export "go")', '(table 20 20 funcref) (func (export "go")', 1)
    pipeline = (
        alone(engine.from_text(caller, "caller"), Limits(tables=limit), f"{RELAY}.go")
        .node("other", engine.from_text(tables(4, 10), "other"))
        .call("it", "other", fuse=True)
    )
    with unharmed(), staged(pipeline, engine) as stage:
        assert stage.run(n=40).outputs == {"out": 1 + grown}


# Handles


def test_handles_of_another_component(engine: Engine) -> None:
    holder = engine.from_text(HOLDER, "holder")
    pipeline = (
        Pipeline("hostile")
        .input("n", "u32")
        .node("it", holder, run="hoard", limits=Limits(handles=100))
        .node("owner", engine.from_text(OWNER, "owner"))
        .data("inputs.n", "it")
        .call("it", "owner")
    )
    message = "a guest may hold 100 handles at a time, and wants one more of counter: it has to drop some"
    with unharmed(), staged(pipeline, engine) as stage:
        for n, fails in ((100, False), (101, True), (100, False)):
            went = stage.run(n=n)
            assert (went.error is not None) == fails
            if fails:
                assert (went.message, getattr(went.error, "node", "")) == (message, "it")
                assert [(event.detail or {})["limit"] for event in went.of("limit")] == ["handles"]


def test_ten_million_handles_of_its_own(engine: Engine) -> None:
    message = "the guest holds more handles than any may, 100000: it has to drop some"
    attacked(engine, alone(engine.from_text(OWN_HANDLES)), 10_000_000, limit="handles", message=message)


# Stack


@pytest.mark.parametrize(
    "guest",
    [
        attacker("(drop (call $dig (i32.const 0)))", DIG),
        attacker("(drop (call $ping (i32.const 0)))", PING_PONG),
        attacker(
            "(call_indirect (i32.const 0))",
            "(table 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0)))",
        ),
    ],
    ids=["itself", "each other", "indirectly"],
)
def test_recursion_without_end(engine: Engine, guest: str) -> None:
    attacked(engine, alone(engine.from_text(guest)), limit="stack", message=DEEP)
    attacked(engine, alone(engine.from_text(guest), Limits(fuel=1 << 40)), limit="stack", message=DEEP)


def test_recursion_at_the_end_of_a_chain(engine: Engine) -> None:
    """Each store has a stack of its own; what is called ends all that call it."""
    names = [f"test:hostile/relay{n}" for n in range(10)]
    pipeline = alone(engine.from_text(relay(names[0], names[1], "go"), "r0"), run=f"{names[0]}.go")
    for number, (own, wanted) in enumerate(pairwise([*names[1:], ATTACK]), start=1):
        pipeline.node(f"r{number}", engine.from_text(relay(own, wanted, "go"), f"r{number}"))
    pipeline.node("last", engine.from_text(attacker("(drop (call $dig (i32.const 0)))", DIG), "last"))
    chain = ["it", *(f"r{number}" for number in range(1, 10)), "last"]
    for caller, callee in pairwise(chain):
        pipeline.call(caller, callee)
    attacked(engine, pipeline, limit="stack", message=DEEP, node="last")


def test_recursion_that_calls_the_host_at_each_step(engine: Engine) -> None:
    """What serves a call stands on the same stack, and leaves it."""
    guest = CLOCK_LOOP.replace(
        '(func (export "go")',
        """(func $dig (param i32) (result i32)
          (drop (call $now)) (i32.add (call $dig (local.get 0)) (i32.const 1)))
        (func (export "go")""",
        1,
    ).replace("(loop $on", "(if (local.get 0) (then (drop (call $dig (i32.const 0))))) (loop $on", 1)
    attacked(engine, alone(engine.from_text(guest)), limit="stack", message=DEEP)


def test_recursion_in_an_allocator_and_after_a_call(engine: Engine) -> None:
    """The host calls both for values that cross: into the guest, and when they were taken out of it."""
    digs = "(drop (call $dig (i32.const 0)))"
    for guest in (text_attacker(digs, ""), text_attacker("", digs)):
        for bulk in BULKS:
            pipeline = (
                Pipeline("hostile")
                .input("s", "string")
                .node("it", engine.from_text(guest), run=f"{TEXT_ATTACK}.echo", bulk=bulk)
                .data("inputs.s", "it")
                .output("out", "it")
            )
            with unharmed(), staged(pipeline, engine) as stage:
                for _ in range(2):
                    went = stage.run(s="é" * 100)
                    assert (went.message, getattr(went.error, "node", "")) == (DEEP, "it")
                    assert [(event.detail or {})["limit"] for event in went.of("limit")] == ["stack"]


# Components that are bombs themselves: refused when they are loaded, in bounded time and memory of another process

BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "hours to compile": (
        bombs.endless,
        "bomb cannot be compiled: it takes more than 2s of processor time; ORCHESTRATOR_COMPILE_TIMEOUT may allow more",
    ),
    "hundreds of thousands of functions": (
        lambda: bombs.many_functions(300_000),
        "bomb cannot be compiled: it takes more than 512MiB of memory; ORCHESTRATOR_COMPILE_MEMORY may allow more",
    ),
    "a million exports": (
        lambda: bombs.many_exports(1_000_000),
        "bomb: it has 1000000 imports and exports or more, and 10000 are allowed",
    ),
    "a million imports": (
        lambda: bombs.many_imports(1_000_000),
        "bomb: it has 1000000 imports and exports or more, and 10000 are allowed",
    ),
    "components in components": (
        lambda: bombs.nested(101),
        "bomb: the component's binary cannot be read: components nested more than 100 deep",
    ),
    "a list of lists, and so on": (
        lambda: bombs.deep_type(10_000),
        "bomb: not a valid component: failed to parse WebAssembly module; type nesting is too deep (at offset 0xf8)",
    ),
    "a type of two of a type of two, and so on": (
        lambda: bombs.doubled_type(15),
        "bomb: its functions and types have more than 50000 parts",
    ),
    "a name that is used again and again": (
        lambda: bombs.long_names(1000, 99_000),
        "bomb: the names of its functions and types have more than 4194304 characters",
    ),
    "more than a component may have": (
        lambda: bombs.padded(256 << 20),
        "bomb has 268435472 bytes; a component may have 268435456",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_component_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make, message = BOMBS[name]
    hours = name == "hours to compile"
    monkeypatch.setenv("ORCHESTRATOR_COMPILE_MEMORY", "4GiB" if hours else "512MiB")
    with Engine(tmp_path, compile_timeout=2 if hours else 60) as engine:
        with pytest.raises(ComponentError) as caught:
            engine.from_binary(make(), "bomb")
        assert str(caught.value) == message
        assert list((tmp_path / "code").iterdir()) == []
        with staged(alone(engine.from_text(attacker(SPIN))), engine) as stage:
            assert stage.run(n=0).outputs == {"out": 1}


def test_a_pipeline_with_a_bomb_is_refused_and_says_which_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.wasm").write_bytes(bombs.many_exports(20_000))
    with Engine(tmp_path / "cache") as engine, pytest.raises(InvalidPipeline) as caught:
        Pipeline("hostile", folder=tmp_path).node("it", "bomb.wasm", run=GO).link(engine)
    assert str(caught.value) == (
        "error[component]: the component of `it` cannot be loaded: "
        "bomb: it has 20000 imports and exports or more, and 10000 are allowed\n --> node `it`"
    )


def test_a_component_of_200_mb_that_does_nothing(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        before = resident()
        component = engine.from_binary(bombs.padded(200 << 20), "large")
        assert component.world.exports == ()
        assert resident() - before < 512 << 20


def test_a_deep_type_that_is_just_allowed_is_carried(engine: Engine) -> None:
    component = engine.from_binary(bombs.deep_type(90), "deep")
    (shown,) = component.world.types
    assert not isinstance(shown.type, Resource)
    assert show_type(shown.type).count("list<") == 90
