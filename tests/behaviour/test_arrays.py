"""Lists of numbers as arrays: any buffer of the right kind goes in, and they come out without a copy per element."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from orchestrator import Engine, Pipeline, ValueMismatch
from orchestrator.interface import types as t
from orchestrator.manifest.model import Bulk
from tests.support.wat import MEMORY

FLOATS = t.List(t.F32)
VALUES = [0.5, -1.0, 3.25]
ECHO = f"""(component
  (core module $m {MEMORY}
    (func (export "pair") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "post") (param i32) (call $reset)))
  (core instance $i (instantiate $m))
  (func (export "echo") (param "x" (list f32)) (result (list f32))
    (canon lift (core func $i "pair") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
      (post-return (core func $i "post")))))"""
every = pytest.mark.parametrize("bulk", ["auto", "always", "never"])


def through(engine: Engine, bulk: Bulk) -> Pipeline:
    component = engine.from_text(ECHO, "echo")
    pipeline = Pipeline("through").input("x", FLOATS).node("echo", component, run="echo", bulk=bulk)
    return pipeline.data("inputs.x", "echo").output("x", "echo")


@every
def test_an_array_goes_in_and_comes_out(engine: Engine, bulk: Bulk) -> None:
    with through(engine, bulk).link(engine) as linked:
        result = linked.run(x=array("f", VALUES))
        assert result.outputs == {"x": VALUES}
        found = result.arrays["x"]
        assert (found.format, found.readonly, list(found)) == ("f", True, VALUES)
        assert result.to_json() == {"x": VALUES}


def test_what_comes_out_in_bulk_is_a_view_of_its_numbers_that_nobody_can_change(engine: Engine) -> None:
    with through(engine, "auto").link(engine) as linked:
        found = linked.run(x=memoryview(array("f", VALUES))).arrays["x"]
        assert (found.format, found.shape, found.readonly) == ("f", (3,), True)
        assert type(linked.run(x=VALUES).outputs["x"]) is list


def test_an_array_of_another_kind_is_refused_before_anything_runs(engine: Engine) -> None:
    with through(engine, "auto").link(engine) as linked:
        with pytest.raises(ValueMismatch) as caught:
            linked.run(x=array("d", VALUES))
        assert caught.value.path == "inputs.x"
        assert "f64" in str(caught.value)


@every
def test_arrays_go_from_node_to_node_and_into_a_function_that_takes_them(engine: Engine, bulk: Bulk) -> None:
    seen: list[Any] = []

    def doubled(x: memoryview) -> Any:
        seen.append(x)
        return array("f", [2 * number for number in x])

    pipeline = through(engine, bulk).node("doubled", python=doubled, signature="func(x: list<f32>) -> list<f32>")
    again = engine.from_text(ECHO, "echo")
    pipeline.data("echo", "doubled").node("again", again, run="echo", bulk=bulk).data("doubled", "again")
    with pipeline.output("twice", "again").link(engine) as linked:
        assert linked.run(x=array("f", VALUES)).outputs == {"x": VALUES, "twice": [1.0, -2.0, 6.5]}
    assert [type(x) for x in seen] == [memoryview if bulk != "never" else list]


def test_a_function_without_a_word_of_arrays_gets_lists(engine: Engine) -> None:
    seen: list[Any] = []

    def kept(x: Any) -> Any:
        seen.append(x)
        return x

    pipeline = through(engine, "auto").node("kept", python=kept, signature="func(x: list<f32>) -> list<f32>")
    with pipeline.data("echo", "kept").output("kept", "kept").link(engine) as linked:
        assert linked.run(x=array("f", VALUES)).outputs == {"x": VALUES, "kept": VALUES}
    assert seen == [VALUES]


def test_numpy_arrays(engine: Engine) -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed: `make peers` installs it")
    typing = pytest.importorskip("numpy.typing")

    def scaled(x: Any) -> Any:
        assert x.dtype == numpy.float32
        return x * 2

    scaled.__annotations__ = {"x": typing.NDArray[numpy.float32], "return": typing.NDArray[numpy.float32]}
    pipeline = through(engine, "auto").node("scaled", python=scaled).data("echo", "scaled").output("twice", "scaled")
    with pipeline.link(engine) as linked:
        result = linked.run(x=numpy.array(VALUES, dtype="f4"))
        assert numpy.asarray(result.arrays["x"]).dtype == numpy.float32
        assert result.outputs == {"x": VALUES, "twice": [1.0, -2.0, 6.5]}
        with pytest.raises(ValueMismatch):
            linked.run(x=numpy.zeros((2, 2), dtype="f4"))
