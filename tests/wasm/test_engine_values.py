"""Values in registers, one type at a time; the largest and deepest; what fits no type; bytes that are no guest."""

from __future__ import annotations

import math
from array import array
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine import Engine, Frame
from orchestrator.errors import ComponentError, RunError, ValueMismatch
from orchestrator.interface import types as t
from orchestrator.interface.sizes import layout, size
from orchestrator.interface.values import Variant
from tests.support.gates import Pass
from tests.support.resource_guests import OWNER
from tests.support.strategies import same, values
from tests.support.wat import MEMORY, WIDE, Types, echo, relay, wide
from tests.wasm.engine_calls import call, function, instance

_FLAT = {"s64": "i64", "u64": "i64", "f32": "f32", "f64": "f64"}
_CASES: dict[str, tuple[t.Type, str]] = {
    **{name: (type_, _FLAT.get(name, "i32")) for name, type_ in t.PRIMITIVES.items() if name != "string"},
    "enum": (t.Enum(("a", "b", "c")), "i32"),
    "flags": (t.Flags(tuple(f"f{n}" for n in range(32))), "i32"),
    "record of one": (t.Record((t.Field("only", t.S16),)), "i32"),
    "tuple of one": (t.Tuple((t.F64,)), "f64"),
    "variant without payloads": (t.Variant((t.Case("x"), t.Case("y"))), "i32"),
    "result without payloads": (t.Result(), "i32"),
}


def _same_again(type_: t.Type, flat: str) -> str:
    types = Types(imported=False)
    shown = types.show(type_)
    return f"""(component {" ".join(types.declarations)}
      (core module $m (func (export "f") (param {flat}) (result {flat}) (local.get 0)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "x" {shown}) (result {shown}) (canon lift (core func $i "f"))))"""


def _through(type_: t.Type, flat: str) -> str:
    types = Types(imported=True)
    shown = types.show(type_)
    return f"""(component {" ".join(types.declarations)}
      (import "f" (func $f (param "x" {shown}) (result {shown})))
      (core func $f' (canon lower (func $f)))
      (core module $m (import "" "f" (func $f (param {flat}) (result {flat})))
        (func (export "g") (param {flat}) (result {flat}) (call $f (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
      (func (export "g") (param "x" {shown}) (result {shown}) (canon lift (core func $i "g"))))"""


@pytest.mark.parametrize("case", _CASES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), sees=st.booleans())
def test_a_value_in_a_register_crosses(engine: Engine, case: str, data: st.DataObject, sees: bool) -> None:
    type_, flat = _CASES[case]
    component = engine.from_text(_through(type_, flat))
    linker = engine.linker(component)
    with instance(engine, _same_again(type_, flat)) as back:
        gate = Pass(back, sees)
        offered = function(back.linker.component.world, "f")
        linker.forward(None, function(component.world, "f"), None, offered, gate)
        several = data.draw(st.lists(values(type_), min_size=1, max_size=20))
        with closing(linker.instantiate(Frame())) as front:
            for value in several:
                assert same(type_, call(back, "f", value), value)
                assert same(type_, call(front, "g", value), value)
                assert gate.request == gate.response == size(type_, value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
def test_floats_at_the_edge(engine: Engine, value: float) -> None:
    with instance(engine, _same_again(t.F64, "f64")) as made:
        assert same(t.F64, call(made, "f", value), value)


@pytest.mark.parametrize("wrong", ["", "ab", "\ud800", 65, None, b"a"])
def test_what_is_no_char_is_a_mismatch(engine: Engine, wrong: Any) -> None:
    with instance(engine, _same_again(t.CHAR, "i32")) as made:
        with pytest.raises(ValueMismatch):
            call(made, "f", wrong)
        assert call(made, "f", "\U0010ffff") == "\U0010ffff"


_DEEP: t.Type = t.U8
for _n in range(40):
    _DEEP = t.Option(t.List(_DEEP)) if _n % 2 else t.Tuple((_DEEP, t.STRING))
_deep_value: Any = 7
for _n in range(40):
    _deep_value = [_deep_value] if _n % 2 else (_deep_value, "text")

_LARGE: dict[str, tuple[t.Type, Any]] = {
    "many fields": (
        t.Record(tuple(t.Field(f"f{n}", t.STRING if n % 2 else t.U64) for n in range(800))),
        {f"f{n}": f"{n}" if n % 2 else n for n in range(800)},
    ),
    "many cases": (t.Variant(tuple(t.Case(f"c{n}", t.List(t.U8)) for n in range(300))), Variant("c299", b"\0\1\2")),
    "many names": (t.Enum(tuple(f"e{n}" for n in range(700))), "e699"),
    "a large list": (t.List(t.U32), list(range(20_000))),
    "large bytes": (t.List(t.U8), bytes(range(256)) * 400),
    "a large string": (t.STRING, "ä\0\U0001f600" * 100_000),
    "many options": (t.List(t.Option(t.Result(t.STRING, t.U8))), [None, {"ok": "x"}, {"err": 3}] * 2000),
    "deep": (_DEEP, _deep_value),
    "nothing in a list": (t.List(t.STRING), []),
    "empty strings": (t.List(t.STRING), [""] * 100),
}


@pytest.mark.parametrize("case", _LARGE)
def test_large_and_deep_values_cross_an_edge(engine: Engine, case: str) -> None:
    type_, value = _LARGE[case]
    whole = wide(type_)
    sent = (*range(WIDE), value)
    component = engine.from_text(relay(whole, layout(whole)[0]))
    linker = engine.linker(component)
    with instance(engine, echo(whole)) as back:
        gate = Pass(back, sees=True)
        offered = function(back.linker.component.world, "echo")
        linker.forward(None, function(component.world, "echo"), None, offered, gate)
        with closing(linker.instantiate(Frame())) as front:
            assert same(type_, call(front, "relay", sent)[WIDE], value)
            assert gate.request == gate.response == size(whole, sent)


_TWO = """
  (core module $m (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "f") (param i32 i32 i32) (result i32) (local.get 2)))
  (core instance $i (instantiate $m))"""
_OPTIONS = '(memory (core memory $i "memory")) (realloc (core func $i "realloc"))'


@pytest.mark.parametrize("type_", ["string", "(list u8)"])
def test_a_gate_sees_the_arguments_that_it_wants_and_no_others(engine: Engine, type_: str) -> None:
    signature = f'(param "a" {type_}) (param "b" u32) (result u32)'
    back_text = f'(component {_TWO} (func (export "f") {signature} (canon lift (core func $i "f") {_OPTIONS})))'
    front_text = f"""(component (import "f" (func $f {signature})) {_TWO}
      (core func $f' (canon lower (func $f) {_OPTIONS}))
      (core module $c (import "" "f" (func $f (param i32 i32 i32) (result i32)))
        (func (export "call") (param i32) (result i32) (call $f (i32.const 8) (i32.const 3) (local.get 0))))
      (core instance $c (instantiate $c (with "" (instance (export "f" (func $f'))))))
      (func (export "call") (param "x" u32) (result u32) (canon lift (core func $c "call"))))"""
    linker = engine.linker(engine.from_text(front_text))
    wanted = function(linker.component.world, "f")
    with instance(engine, back_text) as back:
        gate = Pass(back, sees=True)
        gate.wanted_args = frozenset({"b"})
        linker.forward(None, wanted, None, function(back.linker.component.world, "f"), gate)
        with closing(linker.instantiate(Frame())) as front:
            assert call(front, "call", 7) == 7
            assert (gate.args, gate.request) == ({"b": 7}, 8 + 3 + 4)


@pytest.mark.parametrize(("name", "code"), [("s8", "b"), ("u16", "H"), ("s32", "i"), ("u64", "Q"), ("f32", "f")])
def test_a_buffer_crosses_as_its_list(engine: Engine, name: str, code: str) -> None:
    type_ = t.Tuple((t.List(t.PRIMITIVES[name]), t.Option(t.List(t.PRIMITIVES[name]))))
    whole = wide(type_)
    numbers = [index % 100 for index in range(10_000)]
    with instance(engine, echo(whole)) as made:
        sent = (*range(WIDE), (array(code, numbers), memoryview(array(code, numbers))[::3]))
        assert call(made, "echo", sent)[WIDE] == (numbers, numbers[::3])


def test_types_that_unfold_without_end_are_refused(engine: Engine) -> None:
    doubled = " ".join(f"(type $t{n} (tuple $t{n - 1} $t{n - 1}))" for n in range(1, 18))
    with pytest.raises(ComponentError) as caught:
        engine.from_text(f'(component (type $t0 (tuple u8 u8)) {doubled} (import "f" (func (param "x" $t17))))', "x")
    assert str(caught.value) == "x: its functions and types have more than 50000 parts"


def _binary(text: str) -> bytes:
    from wasmtime import wat2wasm

    return bytes(wat2wasm(text))


_SAMPLES = [
    _binary(OWNER),
    _binary(echo(wide(t.List(t.STRING)))),
    _binary(f"(component (core module $m {MEMORY}) (core instance (instantiate $m)))"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sample=st.sampled_from(_SAMPLES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.none() | st.floats(0, 1),
)
def test_a_damaged_component_is_refused_or_runs(
    engine: Engine, sample: bytes, changes: list[tuple[float, int]], end: float | None
) -> None:
    data = bytearray(sample)
    for place, byte in changes:
        data[int(place * len(data))] = byte
    if end is not None:
        del data[int(end * len(data)) :]
    try:
        component = engine.from_binary(bytes(data))
        engine.linker(component).instantiate(Frame()).close()
        words = "it runs"
    except (ComponentError, RunError) as problem:
        words = str(problem)
    assert words
