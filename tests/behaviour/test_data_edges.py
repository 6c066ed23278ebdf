"""Data edges: what arrives where, and the events of it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import Engine, Pipeline, RunError, ValueMismatch, Variant
from orchestrator.engine import Component
from tests.behaviour.stories import play, staged
from tests.support.parts import NUM

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
