"""A value of any type comes back as it went, whichever way it crosses, and each way measures and shows it alike."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import Engine
from orchestrator.interface import types as t
from orchestrator.interface.values import Variant
from tests.support.every_path import EveryPath, Seen
from tests.support.strategies import block_types, values


def _record(**fields: t.Type) -> t.Record:
    return t.Record(tuple(t.Field(name.replace("_", "-"), type_) for name, type_ in fields.items()))


def _variant(**cases: t.Type | None) -> t.Variant:
    return t.Variant(tuple(t.Case(name, type_) for name, type_ in cases.items()))


def _flags(count: int) -> t.Flags:
    return t.Flags(tuple(f"f{n}" for n in range(count)))


JOINED = _variant(a=t.F32, b=t.F64, c=t.U64, d=t.S8, e=None, f=t.Tuple((t.STRING, t.F32)), g=t.List(t.F64))
"""Each place behind the case is shared by numbers of several core types."""
OPTIONS = _record(a=t.Option(t.U8), b=t.Option(t.Option(t.STRING)), c=t.Option(t.F64), d=t.Option(t.List(t.U16)))

NASTY: dict[str, tuple[t.Type, list[Any]]] = {
    "nested options": (t.Option(t.Option(t.Option(t.U8))), [None, {"some": None}, {"some": {"some": 7}}]),
    "an option of nothing much": (t.Option(t.Option(t.Tuple((t.Option(t.BOOL),)))), [{"some": (None,)}]),
    "results without payloads": (
        t.Tuple((t.Result(), t.Result(None, t.U8), t.Result(t.STRING))),
        [({"ok": None}, {"ok": None}, {"ok": "é"}), ({"err": None}, {"err": 255}, {"err": None})],
    ),
    "cases that share numbers": (
        JOINED,
        [
            Variant("a", 0.10000000149011612),
            Variant("a", -0.0),
            Variant("b", 5e-324),
            Variant("c", 2**64 - 1),
            Variant("d", -128),
            Variant("e"),
            Variant("f", ("\U0001f600", math.inf)),
            Variant("g", [math.nan, -1e308]),
        ],
    ),
    "an i32 and an f32": (_variant(a=t.F32, b=t.S32, c=t.CHAR), [Variant("a", -1.5), Variant("b", -1)]),
    "flags of 1": (_flags(1), [frozenset(), frozenset({"f0"})]),
    "flags of 8": (_flags(8), [frozenset({"f0", "f7"})]),
    "flags of 9": (_flags(9), [frozenset({"f8"}), frozenset(f"f{n}" for n in range(9))]),
    "flags of 16": (_flags(16), [frozenset({"f0", "f15"})]),
    "flags of 17": (_flags(17), [frozenset({"f16"})]),
    "flags of 32": (_flags(32), [frozenset(), frozenset({"f0", "f31"}), frozenset(f"f{n}" for n in range(32))]),
    "as many numbers as are passed flat": (t.Tuple((t.U64,) * 16), [tuple(2**64 - 1 - n for n in range(16))]),
    "flat with a list": (t.Tuple((t.U64,) * 14 + (t.List(t.U8),)), [(*range(14), b"abc")]),
    "one number less": (t.Tuple((t.F32,) * 13 + (t.STRING,)), [(0.5,) * 13 + ("é",)]),
    "one number more": (t.Tuple((t.U64,) * 17), [tuple(range(17))]),
    "text behind many numbers": (t.Tuple((t.U8,) * 16 + (t.STRING,)), [(255,) * 16 + ("ß\0",)]),
    "lists of lists": (t.List(t.List(t.List(t.S16))), [[], [[]], [[[]], [[1, -2], []], []]]),
    "texts": (t.List(t.STRING), [[], [""], ["é", "", "\U0001f600\0", "x" * 1000]]),
    "bools": (t.List(t.BOOL), [[], [True], [False, True] * 100]),
    "chars": (t.List(t.CHAR), [["\0", "\U0010ffff", "\ud7ff", "\ue000"]]),
    "tuples": (t.List(t.Tuple((t.U8, t.U64, t.STRING))), [[], [(1, 2**64 - 1, "a"), (255, 0, "")]]),
    "empty lists in a record": (_record(a=t.List(t.F32), b=t.List(t.STRING)), [{"a": [], "b": []}]),
    "a list behind a byte": (t.Tuple((t.U8, t.List(t.U64))), [(1, []), (2, [2**64 - 1, 0])]),
    "extremes": (
        t.Tuple((t.U64, t.S64, t.U32, t.S32, t.U16, t.S16, t.U8, t.S8)),
        [(2**64 - 1, -(2**63), 2**32 - 1, -(2**31), 2**16 - 1, -(2**15), 255, -128)],
    ),
    "lists of extremes": (
        t.Tuple((t.List(t.U64), t.List(t.S64), t.List(t.S8))),
        [([2**64 - 1, 0], [-(2**63), 2**63 - 1], [-128, 127])],
    ),
    "floats": (t.Tuple((t.F32, t.F64)), [(math.nan, math.inf), (-math.inf, math.nan), (-0.0, 5e-324)]),
    "lists of floats": (t.Tuple((t.List(t.F32), t.List(t.F64))), [([math.nan, -0.0, math.inf], [math.nan, -0.0])]),
    "records of options": (
        t.List(OPTIONS),
        [
            [
                {"a": None, "b": None, "c": None, "d": None},
                {"a": 0, "b": {"some": None}, "c": math.nan, "d": []},
                {"a": 1, "b": {"some": "ü"}, "c": 0.5, "d": [65535]},
            ]
        ],
    ),
    "bytes": (t.List(t.U8), [b"", b"\0\xff", bytes(range(256)) * 40]),
    "a large list of numbers": (t.List(t.F64), [[n / 7 for n in range(5000)]]),
    "a text alone": (t.STRING, ["", "\0", "å" * 5000]),
    "a char alone": (t.CHAR, ["\0", "\U0010ffff"]),
    "a bool alone": (t.BOOL, [True, False]),
    "a signed byte alone": (t.S8, [-128, 127]),
    "a float alone": (t.F32, [math.nan, -0.0]),
    "an enum of 300": (t.Enum(tuple(f"e{n}" for n in range(300))), ["e0", "e299"]),
    "a variant of 300": (
        t.Variant(tuple(t.Case(f"c{n}", t.F32 if n % 2 else t.STRING) for n in range(300))),
        [Variant("c299", 0.5), Variant("c298", "é")],
    ),
    "a result in an option in a list": (
        t.List(t.Option(t.Result(t.F64, t.List(t.BOOL)))),
        [[None, {"ok": -0.0}, {"err": [True]}, {"err": []}]],
    ),
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


@pytest.mark.parametrize("name", NASTY)
def test_values_of_a_difficult_type_cross_on_every_path(engine: Engine, seen: Seen, name: str) -> None:
    type_, several = NASTY[name]
    with EveryPath(engine, type_, seen) as every:
        for value in several:
            every.check(value)


@pytest.mark.parametrize("metered", [0, 1])
@pytest.mark.parametrize("name", ["cases that share numbers", "lists of lists", "texts", "bytes", "records of options"])
def test_values_cross_between_stores_with_fuel_and_without(engine: Engine, seen: Seen, name: str, metered: int) -> None:
    type_, several = NASTY[name]
    with EveryPath(engine, type_, seen, metered) as every:
        for value in several:
            every.check(value)


def _crossing(engine: Engine, seen: Seen, data: st.DataObject) -> None:
    drawn = data.draw(block_types(most_flags=32))  # the engine takes no more
    type_ = t.Tuple((drawn,)) if isinstance(drawn, t.Result) else drawn
    with EveryPath(engine, type_, seen) as every:
        for value in data.draw(st.lists(values(type_), min_size=1, max_size=3)):
            every.check(value)


@settings(max_examples=12)
@given(data=st.data())
def test_values_of_any_type_cross_on_every_path(engine: Engine, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _crossing(engine, Seen(patch), data)


@pytest.mark.slow
@settings(max_examples=30)
@given(data=st.data())
def test_values_of_very_many_types_cross_on_every_path(engine: Engine, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _crossing(engine, Seen(patch), data)
