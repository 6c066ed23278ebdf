"""Contracts over values and texts that nobody chose: nothing but the room's own errors, and CEL sees what WIT means."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract import compile_condition
from orchestrator.contract._regex import pattern_problem
from orchestrator.contract.paths import BadPath, parse_path, strings, values_at
from orchestrator.errors import ConditionFailed
from orchestrator.interface.types import (
    F64,
    S64,
    STRING,
    U8,
    U32,
    U64,
    Field,
    List,
    Option,
    Record,
    Type,
    Variant,
    walk,
)
from orchestrator.manifest.model import Where
from tests.support.strategies import types, values

PAIRS: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {
    "string": (STRING, st.text(max_size=3)),
    "bytes": (List(U8), st.binary(max_size=3)),
    "u64": (U64, st.integers(0, (1 << 64) - 1)),
    "s64": (S64, st.integers(-(1 << 63), (1 << 63) - 1)),
    "f64": (F64, st.floats()),
    "strings": (List(STRING), st.lists(st.text(max_size=2), max_size=3)),
    "maybe": (Option(STRING), st.none() | st.text(max_size=2)),
}
CONDITIONS = {
    name: compile_condition("value.a == value.b", {"value": Record((Field("a", type_), Field("b", type_)))}, Where())[0]
    for name, (type_, _) in PAIRS.items()
}


@given(st.data(), st.sampled_from(sorted(PAIRS)))
def test_two_values_are_equal_to_cel_when_they_are_equal(data: st.DataObject, name: str) -> None:
    _, strategy = PAIRS[name]
    left, right = data.draw(strategy), data.draw(strategy)
    condition = CONDITIONS[name]
    assert condition is not None
    assert condition({"value": {"a": left, "b": right}}) is bool(left == right)
    assert condition({"value": {"a": left, "b": left}}) is bool(left == left)


@given(st.data(), types())
def test_every_value_of_every_type_can_be_looked_at(data: st.DataObject, type_: Type) -> None:
    condition, diagnostics = compile_condition("size([value, value]) == 2", {"value": type_}, Where())
    assert diagnostics == ()
    assert condition is not None
    assert condition({"value": data.draw(values(type_))}) is True


TOKENS = "value args . ( ) [ ] { } , : ? && || ! == != < > + - * / % in 1 0u 2.5 'a' b'a' null true x a `a` `a-b`"
NAMES = "all exists map filter has size matches contains int string uint dyn type @ # \\ \x00 é \n \ud800"
WORDS = st.sampled_from([*TOKENS.split(" "), *NAMES.split(" ")])
RECORD = Record((Field("a", List(STRING)), Field("x", U32), Field("a-b", Option(U64))))


@given(st.lists(WORDS, max_size=14), st.booleans())
def test_no_text_is_more_than_refused(words: list[str], spaced: bool) -> None:
    text = (" " if spaced else "").join(words)
    condition, diagnostics = compile_condition(text, {"value": RECORD, "args": STRING}, Where())
    assert (condition is None) == any(found.severity == "error" for found in diagnostics)
    assert all(str(found) for found in diagnostics)
    if condition is not None:
        with suppress(ConditionFailed):
            assert isinstance(condition({"value": {"a": ["a", ""], "x": 1, "a-b": None}, "args": "a"}), bool)


@given(st.text(max_size=20) | st.text("value.x?0123-a*`", max_size=20))
def test_no_path_is_more_than_refused(text: str) -> None:
    with suppress(BadPath):
        root, steps = parse_path(text, {"value": RECORD})
        assert (root, len(steps) > 0) == ("value", text != "value")


@given(st.text(max_size=20) | st.text("()[]{}*+?|\\^$.a1,", max_size=20))
def test_no_pattern_is_more_than_refused(text: str) -> None:
    assert isinstance(pattern_problem(text), str)


def paths(type_: Type) -> st.SearchStrategy[str]:
    """Texts of paths that exist in a type, and a few that do not."""
    names = {field.name for inner in walk(type_) if isinstance(inner, Record) for field in inner.fields}
    names |= {case.name for inner in walk(type_) if isinstance(inner, Variant) for case in inner.cases}
    step = st.sampled_from(["?", ".0", ".1", ".ok", ".err", *sorted(f".{name}" for name in names)])
    return st.lists(step, max_size=3).map(lambda steps: "value" + "".join(steps))


@given(st.data(), types())
def test_what_lies_at_a_path_is_a_part_of_the_value(data: st.DataObject, type_: Type) -> None:
    try:
        _, steps = parse_path(data.draw(paths(type_)), {"value": type_})
    except BadPath:
        return
    value = data.draw(values(type_))
    found = list(values_at(value, type_, steps))
    assert Counter(strings(found)) <= Counter(strings(value))
    if not steps:
        assert len(found) == 1
        assert found[0] is value
