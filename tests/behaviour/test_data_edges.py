"""Data edges: what arrives where, and the events of it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import Engine, Pipeline, RunError, ValueMismatch, Variant
from orchestrator.engine import Carried, Component
from orchestrator.interface import types as t
from orchestrator.interface.allowance import Check
from tests.behaviour.stories import play, staged
from tests.support.parts import NUM
from tests.support.wat import MEMORY, Types, echo, wide

PERSON = "record { name: string, ages: list<u32>, nick: option<string>, pair: tuple<u8, string> }"
ANN = {"name": "Ann", "ages": [3, 4], "nick": "A", "pair": (7, "seven")}


def person(value: dict[str, Any]) -> dict[str, Any]:
    return value


def taker(type_: str, source: str, target: str = "take.x") -> Pipeline:
    """`make` gives a person; `source` goes to `take`, of that type, and is the output."""
    return (
        Pipeline("data")
        .input("person", PERSON)
        .node("make", python=person, signature=f"func(value: {PERSON}) -> {PERSON}")
        .node("take", python=lambda x: x, signature=f"func(x: {type_}) -> {type_}")
        .data("inputs.person", "make")
        .data(source, target)
        .output("out", "take")
    )


@pytest.mark.parametrize(
    ("type_", "source", "given"),
    [
        (PERSON, "make", ANN),
        ("string", "make.name", "Ann"),
        ("u32", "make.ages.1", 4),
        ("string", "make.nick?", "A"),
        ("option<string>", "make.nick", "A"),
        ("option<string>", "make.name", "Ann"),
        ("string", "make.pair.1", "seven"),
        ("string", "inputs.person.name", "Ann"),
        ("option<option<string>>", "make.nick", {"some": "A"}),
    ],
)
def test_a_value_arrives_from_its_path(engine: Engine, type_: str, source: str, given: Any) -> None:
    went = play(taker(type_, source), engine, person=ANN)
    assert went.outputs == {"out": given}
    last = [f"  data {source} -> take.x", "  node take"]
    first = ["  data inputs.person -> make", "  node make"]
    assert sorted(went.story) == sorted(["run", *first, *last])


@pytest.mark.parametrize(
    ("type_", "source", "changed", "message"),
    [
        ("string", "make.nick?", {"nick": None}, "make.nick?: expected a value, found none"),
        ("u32", "make.ages.1", {"ages": [3]}, "make.ages.1: expected an element 1, found a list of 1"),
    ],
)
def test_a_path_that_leads_nowhere_ends_the_run(
    engine: Engine, type_: str, source: str, changed: dict[str, Any], message: str
) -> None:
    went = play(taker(type_, source), engine, person=ANN | changed)
    assert type(went.error) is RunError
    assert (went.error.message, went.error.node, went.error.edge) == (message, "take", f"{source} -> take.x")
    assert went.story == ["run failed", "  data inputs.person -> make", "  node make"]


def test_a_record_with_the_one_field_some_is_no_option(engine: Engine) -> None:
    pipeline = (
        Pipeline("some")
        .input("x", "option<record { some: string }>")
        .node("take", python=lambda x: x["some"], signature="func(x: record { some: string }) -> string")
        .data("inputs.x?", "take.x")
        .output("out", "take")
    )
    assert play(pipeline, engine, x={"some": "x"}).outputs == {"out": "x"}


def test_into_the_case_of_a_variant_and_into_a_result(engine: Engine) -> None:
    kind = "record { shape: variant { round(f64), flat }, got: result<u32, string> }"
    pipeline = (
        Pipeline("cases")
        .input("x", kind)
        .node("radius", python=lambda r: r, signature="func(r: f64) -> f64")
        .node("number", python=lambda n: n, signature="func(n: u32) -> u32")
        .data("inputs.x.shape.round", "radius")
        .data("inputs.x.got.ok", "number")
        .output("radius", "radius")
        .output("number", "number")
    )
    with staged(pipeline, engine) as stage:
        good = stage.run(x={"shape": Variant("round", 2.5), "got": {"ok": 5}})
        assert good.outputs == {"radius": 2.5, "number": 5}
        flat = stage.run(x={"shape": Variant("flat"), "got": {"ok": 5}})
        assert flat.message == "inputs.x.shape.round: expected the case `round`, found `flat`"
        err = stage.run(x={"shape": Variant("round", 2.5), "got": {"err": "no"}})
        assert err.message == "inputs.x.got.ok: expected `ok`, found `err`"


def test_constants_and_absent_options(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("constants")
        .node("sum", numbers, run=f"{NUM}.add", args={"a": 2, "b": 40})
        .node("seven", numbers, run=f"{NUM}.maybe")
        .node("given", numbers, run=f"{NUM}.maybe", args={"n": 9})
        .output("sum", "sum")
        .output("seven", "seven")
        .output("given", "given")
    )
    went = play(pipeline, engine)
    assert went.outputs == {"sum": 42, "seven": 7, "given": 9}
    assert sorted(went.story) == sorted(["run", "  node sum", "  node seven", "  node given"])


def test_a_result_is_unwrapped_and_an_err_ends_the_run_with_its_value(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("unwrap")
        .input("n", "u32")
        .node("check", numbers, run=f"{NUM}.checked")
        .node("after", numbers, run=f"{NUM}.double")
        .data("inputs.n", "check")
        .data("check", "after")
        .output("out", "after")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=4).outputs == {"out": 8}
        went = stage.run(n=0)
    assert type(went.error).__name__ == "ComponentFailed"
    assert getattr(went.error, "value", None) == "it is zero"
    assert str(went.error) == (
        f"test:num/num.checked answered with an error (node `check`, trace {went.events[0].run})\n"
        '  = value: "it is zero"'
    )
    assert went.story == ["run failed", "  data inputs.n -> check", "  node check failed"]
    assert "zero" not in str(went.events)


def test_an_error_that_is_taken_lets_the_run_go_on(engine: Engine, numbers: Component, texts: Component) -> None:
    pipeline = (
        Pipeline("taken")
        .input("n", "u32")
        .node("check", numbers, run=f"{NUM}.checked")
        .node("after", numbers, run=f"{NUM}.double")
        .node("sorry", texts, run="test:text/text.echo")
        .data("inputs.n", "check")
        .data("check", "after")
        .data("check.err", "sorry")
        .output("number", "after")
        .output("error", "sorry")
        .output("raw", "check.err")
    )
    with staged(pipeline, engine) as stage:
        good, bad = stage.run(n=4), stage.run(n=0)
    assert good.outputs == {"number": 8, "error": None, "raw": None}
    assert good.story == [
        "run",
        "  data inputs.n -> check",
        "  node check",
        "  data check -> after",
        "  node after",
    ]
    assert bad.outputs == {"number": None, "error": "it is zero", "raw": "it is zero"}
    assert bad.story == [
        "run",
        "  data inputs.n -> check",
        "  node check failed",
        "  data check.err -> sorry",
        "  node sorry",
    ]


def test_inputs_are_held_against_their_types(engine: Engine) -> None:
    with staged(taker("string", "make.name"), engine) as stage:
        went = stage.run(person=ANN | {"ages": [-1]})
        assert type(went.error) is ValueMismatch
        assert str(went.error) == "inputs.person.ages[0]: expected u32 (0 to 4294967295), found -1"
        assert str(stage.run().error) == "inputs.person: expected a value: it has no default, found none"
        assert str(stage.run(person=ANN, n=1).error) == (
            "inputs.n: expected one of the pipeline's inputs (person), found an unknown input"
        )
        assert stage.events == []


def test_an_output_may_be_an_input_or_a_part(engine: Engine) -> None:
    pipeline = Pipeline("outputs").input("person", PERSON).output("all", "inputs.person")
    pipeline.output("name", "inputs.person.name").output("nick", "inputs.person.nick?")
    with staged(pipeline, engine) as stage:
        went = stage.run(person=ANN)
        assert went.outputs == {"name": "Ann", "all": ANN, "nick": "A"}
        assert went.story == ["run"]
        assert stage.run(person=ANN | {"nick": None}).message == ("inputs.person.nick?: expected a value, found none")


def test_nothing_crosses_into_a_node_that_is_skipped(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("skipped")
        .input("n", "u32")
        .node("sum", numbers, run=f"{NUM}.add")
        .node("after", numbers, run=f"{NUM}.double")
        .data("inputs.n", "sum.a")
        .data("inputs.n", "sum.b", when="value > 3")
        .data("sum", "after")
        .output("sum", "sum")
        .output("after", "after")
    )
    with staged(pipeline, engine) as stage:
        skipped, ran = stage.run(n=1), stage.run(n=5)
    assert (skipped.outputs, skipped.story) == ({"sum": None, "after": None}, ["run"])
    assert ran.outputs == {"sum": 10, "after": 20}


NAMED = t.Record((t.Field("name", t.STRING), t.Field("size", t.Option(t.U64))))
_NAMED = Types(imported=False)
_SHOWN = _NAMED.show(NAMED)
LISTS = f"""(component {" ".join(_NAMED.declarations)}
  (type $list (list {_SHOWN}))
  (core module $m {MEMORY}
    (func (export "same") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "post") (param i32) (call $reset)))
  (core instance $i (instantiate $m))
  (func (export "same") (param "x" $list) (result $list) (canon lift (core func $i "same")
    (memory (core memory $i "memory")) (realloc (core func $i "realloc")) (post-return (core func $i "post")))))"""
"""Gives back the list of `NAMED` that it gets."""
SOME_NAMED = {"name": "é", "size": 2**64 - 1}


@pytest.mark.parametrize("path", [False, True], ids=["whole", "a part"])
@pytest.mark.parametrize(
    ("type_", "value"), [(NAMED, SOME_NAMED), (t.List(NAMED), [SOME_NAMED] * 3)], ids=["C values", "memory"]
)
def test_a_value_stays_outside_of_python_until_somebody_looks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, type_: t.Type, value: Any, path: bool
) -> None:
    """From component to component nothing is made of it; a path into it looks, and so does an output."""
    looked: list[str] = []
    made = Carried.python

    def noted(carried: Carried, check: Check) -> Any:
        looked.append("looked")
        return made(carried, check)

    monkeypatch.setattr(Carried, "python", noted)
    passed = wide(type_)
    component = engine.from_text(echo(passed), "echo")
    pipeline = Pipeline("chain").input("x", passed).data("inputs.x", "a")
    for name in "abc":
        pipeline.node(name, component, run="echo")
    pipeline.data("a", "b").data("b", "c")
    if path:
        pipeline.node("part", python=lambda x: x, signature="func(x: u64) -> u64").data("b.3", "part")
    given = (*range(17), value)
    with pipeline.link(engine) as linked:
        linked.run(x=given)
        assert looked == (["looked"] if path else [])
    with pipeline.output("out", "c").link(engine) as linked:
        assert linked.run(x=given).outputs == {"out": given}


@pytest.mark.parametrize("order", [("x1", "x3"), ("x3", "x1")], ids=["in order", "the other way round"])
def test_of_several_values_one_stays_where_it_came_from(engine: Engine, order: tuple[str, str]) -> None:
    """They are passed by one pointer: the others are laid out around that one."""
    names, pair, many = t.List(NAMED), t.Tuple((t.U8, t.STRING)), wide(t.BOOL)
    together = engine.from_text(echo(pair, names, many, names), "together")
    values: dict[str, Any] = {"x1": [SOME_NAMED] * 2, "x3": [{"name": "b", "size": None}] * 300}
    flags = (*range(17), True)
    pipeline = Pipeline("several").input("pair", pair).input("many", many).output("out", "together")
    pipeline.node("together", together, run="echo").data("inputs.pair", "together.x0").data(
        "inputs.many", "together.x2"
    )
    for name, target in zip("ab", order, strict=True):
        texts = engine.from_text(LISTS, name)
        pipeline.input(name, names).node(name, texts, run="same").data(f"inputs.{name}", name)
        pipeline.data(name, f"together.{target}")
    given = {name: values[target] for name, target in zip("ab", order, strict=True)}
    with pipeline.link(engine) as linked:
        out = linked.run(pair=(7, "sieben"), many=flags, **given)["out"]
    assert out == ((7, "sieben"), values["x1"], flags, values["x3"])
