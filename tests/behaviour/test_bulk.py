"""`bulk` of a node: values come through whole with each setting, into a run, out of it, over edges of both kinds."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import Engine, InvalidPipeline, Pipeline
from orchestrator.interface import types as t
from orchestrator.interface.sizes import layout
from orchestrator.manifest.model import Bulk
from tests.behaviour.stories import play
from tests.support.resource_guests import API, HOLDER, OWNER
from tests.support.wat import MEMORY, WIDE, Types, echo, relay, wide

PART = t.Record((t.Field("name", t.STRING), t.Field("size", t.Option(t.U64)), t.Field("tags", t.List(t.STRING))))
KINDS: dict[str, t.Type] = {
    "bytes": t.List(t.U8),
    "numbers": t.List(t.F64),
    "rows": t.List(t.List(t.S16)),
    "records": t.List(PART),
    "text": t.STRING,
    "scalar": t.U32,
}
VALUES: dict[str, list[Any]] = {
    "bytes": [b"", b"\x00\xff", bytes(range(256)) * 400],
    "numbers": [[], [0.5, -0.0, 1e300], [float(n) for n in range(20_000)]],
    "rows": [[[]], [[1, -2], [], [3]]],
    "records": [
        [],
        [{"name": "é", "size": None, "tags": []}, {"name": "", "size": 2**64 - 1, "tags": ["a", ""]}] * 100,
    ],
    "text": ["", "x" * 10_000],
    "scalar": [0, 2**32 - 1],
}
CASES = [(kind, value) for kind, values in VALUES.items() for value in values]

every = pytest.mark.parametrize("bulk", ["auto", "always", "never"])


def echoes() -> str:
    """A component that exports a function for each of `KINDS`, which gives back what it gets."""
    types = Types(imported=False)
    shown = {name: types.show(type_) for name, type_ in KINDS.items()}
    memory = '(memory (core memory $i "memory")) (realloc (core func $i "realloc"))'
    in_memory = f'{memory} (post-return (core func $i "post"))'
    lifted = "\n".join(
        f"""(func (export "{name}") (param "x" {type_}) (result {type_})
          (canon lift (core func $i "{"same" if name == "scalar" else "pair"}")
            {"" if name == "scalar" else in_memory}))"""
        for name, type_ in shown.items()
    )
    return f"""(component {" ".join(types.declarations)}
      (core module $m {MEMORY}
        (func (export "same") (param i32) (result i32) (local.get 0))
        (func (export "pair") (param i32 i32) (result i32)
          (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m))
      {lifted})"""


@every
@pytest.mark.parametrize(("kind", "value"), CASES, ids=[f"{kind}-{at}" for at, (kind, _) in enumerate(CASES)])
def test_a_value_goes_through_a_run(engine: Engine, bulk: Bulk, kind: str, value: Any) -> None:
    component = engine.from_text(echoes(), "echoes")
    pipeline = (
        Pipeline("through")
        .input("x", KINDS[kind])
        .node("one", component, run=kind, bulk=bulk)
        .node("two", component, run=kind, bulk="auto")
        .data("inputs.x", "one")
        .data("one", "two")
        .output("out", "two")
        .output("between", "one")
    )
    assert play(pipeline, engine, x=value).outputs == {"out": value, "between": value}


@every
@pytest.mark.parametrize("other", ["auto", "always", "never"])
def test_a_value_crosses_a_call_edge(engine: Engine, bulk: Bulk, other: Bulk) -> None:
    whole = wide(KINDS["records"])
    value = (*range(WIDE), VALUES["records"][1])
    pipeline = (
        Pipeline("across")
        .input("x", whole)
        .node("relay", engine.from_text(relay(whole, layout(whole)[0]), "relay"), run="relay", bulk=bulk)
        .node("echo", engine.from_text(echo(whole), "echo"), bulk=other)
        .data("inputs.x", "relay")
        .call("relay.echo", "echo.echo")
        .output("out", "relay")
    )
    assert play(pipeline, engine, x=value).outputs == {"out": value}


@every
def test_handles_cross_one_by_one_whatever_is_asked_for(engine: Engine, bulk: Bulk, nothing_left: None) -> None:
    pipeline = (
        Pipeline("handles")
        .input("n", "u32")
        .node("holder", engine.from_text(HOLDER, "holder"), run="make", bulk=bulk)
        .node("owner", engine.from_text(OWNER, "owner"), bulk=bulk)
        .data("inputs.n", "holder")
        .call("holder", "owner", interface=API)
        .output("handle", "holder")
    )
    assert play(pipeline, engine, n=5).outputs == {"handle": 1}


def test_bulk_is_one_of_three_words() -> None:
    word: Any = "allways"
    with pytest.raises(ValueError, match=r"^`bulk` is `allways`; expected one of auto, always, never$"):
        Pipeline("p").node("a", "a.wasm", bulk=word)
    with pytest.raises(TypeError, match=r"^`bulk` is a text, not of type bool$"):
        Pipeline("p").node("a", "a.wasm", bulk=True)  # type: ignore[arg-type]


def test_a_python_function_has_none(engine: Engine) -> None:
    pipeline = Pipeline("p").node("a", python=lambda: 1, signature="func() -> u32", bulk="never")
    with pytest.raises(InvalidPipeline, match="`bulk` of `a` is about a component's values"):
        pipeline.link(engine)


def test_a_component_that_becomes_a_python_function_leaves_its_bulk_behind(engine: Engine) -> None:
    pipeline = Pipeline("p").node("a", engine.from_text(echoes(), "echoes"), run="scalar", args={"x": 1}, bulk="always")
    pipeline.replace("a", python=lambda x: x + 1, signature="func(x: u32) -> u32").output("out", "a")
    assert play(pipeline, engine).outputs == {"out": 2}
