"""What holds for every type and every value: round trips, equality, strictness."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import ValueMismatch, WitError
from orchestrator.interface import (
    Packages,
    check,
    explain_function,
    explain_interface,
    explain_type,
    from_json,
    has_json,
    json_schema,
    layout,
    load_json,
    parse_package,
    parse_type,
    read_json,
    show_interface,
    show_type,
    size,
    to_json,
    world_from_data,
    world_to_data,
    write_json,
)
from orchestrator.interface import types as t
from tests.support.strategies import LABELS, all_types, same, types, values

MANY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[t.Type, Any]:
    type_ = draw(types())
    return type_, draw(values(type_))


@st.composite
def interfaces(draw: st.DrawFn) -> t.Interface:
    names = draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))
    functions = []
    usable = all_types(2).filter(lambda type_: not _clashes(type_, names))
    for name in names:
        params = draw(st.lists(LABELS, max_size=3, unique=True))
        fields = tuple(t.Field(param, draw(usable)) for param in params)
        functions.append(t.Function(name, fields, draw(st.one_of(st.none(), usable))))
    return t.Interface(t.Name("home", "local", "pack", "1.2.3"), (), tuple(functions))


def _clashes(type_: t.Type, functions: list[str]) -> bool:
    """Whether WIT cannot say it: a resource of the world itself, or of the interface and named as a function."""
    resources = [part.resource for part in t.walk(type_) if isinstance(part, (t.Own, t.Borrow))]
    return any(not r.interface or r.name in functions for r in resources)


@MANY
@given(typed_values())
def test_a_value_makes_the_trip_through_json_text(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    text = write_json(type_, value)
    assert same(type_, read_json(type_, text), value)
    assert to_json(type_, value) == json.loads(text)


@MANY
@given(typed_values())
def test_a_normal_value_is_checked_into_itself(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    assert same(type_, check(type_, value), value)


@MANY
@given(typed_values())
def test_the_json_schema_accepts_what_the_conversion_writes(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    schema = json_schema(type_)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(to_json(type_, value), schema, cls=jsonschema.Draft202012Validator)


@MANY
@given(types(2), JSON)
def test_what_is_read_from_json_is_of_the_type_and_fits_the_schema(type_: t.Type, data: Any) -> None:
    try:
        value = from_json(type_, data)
    except ValueMismatch:
        return
    assert same(type_, check(type_, value), value)
    jsonschema.validate(data, json_schema(type_), cls=jsonschema.Draft202012Validator)


@MANY
@given(typed_values(), types(2))
def test_a_value_of_another_type_is_refused_or_becomes_a_value_of_this_one(
    pair: tuple[t.Type, Any], other: t.Type
) -> None:
    try:
        value = check(other, pair[1])
    except ValueMismatch:
        return
    assert same(other, check(other, value), value)


@MANY
@given(all_types())
def test_a_type_written_out_reads_back(type_: t.Type) -> None:
    assert parse_type(show_type(type_, full=True)) == type_


@MANY
@given(all_types(), all_types())
def test_types_are_explained_apart_exactly_when_they_differ(one: t.Type, other: t.Type) -> None:
    assert explain_type(one, one) == ()
    assert bool(explain_type(one, other)) == (one != other)
    left, right = (t.Function("f", (t.Field("x", type_),), type_) for type_ in (one, other))
    assert explain_function(left, left) == ()
    assert bool(explain_function(left, right)) == (one != other)


@MANY
@given(typed_values())
def test_a_value_is_at_least_as_large_as_its_type(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    flat, alignment = layout(type_)
    assert flat % alignment == 0
    assert size(type_, value) >= flat


@MANY
@given(all_types())
def test_only_handles_have_no_json(type_: t.Type) -> None:
    handle = any(isinstance(part, (t.Own, t.Borrow)) for part in t.walk(type_))
    assert has_json(type_) != handle


@MANY
@given(interfaces())
def test_an_interface_written_as_wit_reads_back_the_same(interface: t.Interface) -> None:
    text = show_interface(interface)
    again = Packages([parse_package(text)]).interface(interface.name)
    assert explain_interface(interface, again) == ()
    assert explain_interface(again, interface) == ()


@MANY
@given(interfaces(), interfaces())
def test_a_world_comes_back_from_its_data(one: t.Interface, other: t.Interface) -> None:
    world = t.World(imports=(one, *one.functions), exports=(other,), refused=("a core module",))
    assert world_from_data(json.loads(json.dumps(world_to_data(world)))) == world


def _refused(read: Callable[[Any], object], text: Any, error: type[Exception]) -> Any:
    """The error with which `text` is refused, if it is; any other error fails the test."""
    try:
        read(text)
    except error as problem:
        return problem
    return None


@MANY
@given(st.text(max_size=60) | st.text("list<u8>option{}(),:;@%./-_ \n", max_size=60))
def test_any_text_is_a_type_or_an_error_with_a_place(text: str) -> None:
    problem = _refused(parse_type, text, WitError)
    assert problem is None or 0 <= problem.offset <= len(text)


@MANY
@given(st.lists(st.sampled_from([*"a:b;x{}.():,@", "package", "interface", "world", "use", "func", "->", "u8"])))
def test_any_tokens_are_a_package_or_an_error_with_a_place(words: list[str]) -> None:
    text = " ".join(words)
    problem = _refused(parse_package, text, WitError)
    assert problem is None or 0 <= problem.offset <= len(text)


@MANY
@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_text_is_json_or_a_mismatch(text: str | bytes) -> None:
    problem = _refused(load_json, text, ValueMismatch)
    assert problem is None or problem.expected.startswith("JSON")
