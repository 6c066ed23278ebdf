"""Hypothesis strategies for WIT types and their values, and an equality that knows NaN. For any test."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from orchestrator.interface import types as t
from orchestrator.interface._lexer import KEYWORDS
from orchestrator.interface.values import Variant

_WORD = st.text(string.ascii_lowercase, min_size=1, max_size=5)
LABELS = st.builds("-".join, st.lists(_WORD, min_size=1, max_size=2))
"""Names in kebab-case, words of the language among them now and then."""
PRIMITIVES = st.sampled_from(sorted(t.PRIMITIVES.values(), key=lambda p: p.name))
_DECLARED = st.one_of(st.none(), LABELS.filter(lambda name: name not in KEYWORDS))


def _bare(name: str) -> str:
    return name.replace("-", "").lower()


def _names(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    # Names that differ in nothing but dashes and case are one name to a component.
    return st.lists(LABELS, min_size=1, max_size=most, unique_by=_bare).map(tuple)


def _sides(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type | None]:
    return st.one_of(st.none(), inner)


def _records(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    def build(names: tuple[str, ...]) -> st.SearchStrategy[t.Type]:
        fields = st.tuples(*(st.builds(t.Field, st.just(name), inner) for name in names))
        return st.builds(t.Record, fields, _DECLARED)

    return _names(4).flatmap(build)


def _variants(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    def build(names: tuple[str, ...]) -> st.SearchStrategy[t.Type]:
        cases = st.tuples(*(st.builds(t.Case, st.just(name), _sides(inner)) for name in names))
        return st.builds(t.Variant, cases, _DECLARED)

    return _names(4).flatmap(build)


def types(max_depth: int = 3) -> st.SearchStrategy[t.Type]:
    """Types that have values and a JSON form, nested at most `max_depth` levels below the outermost."""
    leaves: st.SearchStrategy[t.Type] = st.one_of(
        PRIMITIVES, st.builds(t.Enum, _names(4), _DECLARED), st.builds(t.Flags, _names(10), _DECLARED)
    )
    found = leaves
    for _ in range(max_depth):
        found = st.one_of(leaves, _nesting(found))
    return found


def block_types(max_depth: int = 3, most_flags: int = 70) -> st.SearchStrategy[t.Type]:
    """Types whose values lie in memory: those above, and some that take more flags or cases than a byte counts."""
    wide = st.integers(11, most_flags).map(lambda n: t.Flags(tuple(f"f{index}" for index in range(n))))
    many = st.just(t.Enum(tuple(f"e{index}" for index in range(300))))
    numbers = st.builds(t.List, PRIMITIVES)
    return st.one_of(types(max_depth), _nesting(st.one_of(wide, many, numbers, types(2))), wide, numbers)


def _nesting(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    return st.one_of(
        st.builds(t.List, inner),
        st.builds(t.Option, inner),
        st.builds(t.Result, _sides(inner), _sides(inner)),
        st.builds(t.Tuple, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        _records(inner),
        _variants(inner),
    )


RESOURCES = st.builds(t.Resource, LABELS, st.sampled_from(["", "local:pack/home", "other:pack/far-away"]))


def handles() -> st.SearchStrategy[t.Type]:
    """`own` and `borrow`."""
    return st.one_of(st.builds(t.Own, RESOURCES), st.builds(t.Borrow, RESOURCES))


def all_types(max_depth: int = 3) -> st.SearchStrategy[t.Type]:
    """Types with handles among them."""
    return st.one_of(types(max_depth), handles(), _nesting(st.one_of(types(1), handles())))


def values(type_: t.Type, *, longest: int = 4) -> st.SearchStrategy[Any]:
    """Values of a type in their normal Python form; lists and strings of at most `longest` items."""
    match type_:
        case t.Primitive(name):
            return _primitive(name, longest)
        case t.List(element):
            if element == t.U8:
                return st.binary(max_size=longest)
            return st.lists(values(element, longest=longest), max_size=longest)
        case t.Option(some):
            inner = values(some, longest=longest)
            return st.one_of(st.none(), st.fixed_dictionaries({"some": inner}) if isinstance(some, t.Option) else inner)
        case t.Result(ok, err):
            return st.one_of(*(_side(key, side, longest) for key, side in (("ok", ok), ("err", err))))
        case t.Tuple(items):
            return st.tuples(*(values(item, longest=longest) for item in items))
        case t.Record(fields):
            return st.fixed_dictionaries({f.name: values(f.type, longest=longest) for f in fields})
        case t.Variant(cases):
            return st.one_of(*(_case(case, longest) for case in cases))
        case t.Enum(names):
            return st.sampled_from(names)
        case t.Flags(names):
            return st.frozensets(st.sampled_from(names))
        case _:
            raise AssertionError(f"no values for {type_}")


def _side(key: str, side: t.Type | None, longest: int) -> st.SearchStrategy[Any]:
    inner = st.none() if side is None else values(side, longest=longest)
    return st.fixed_dictionaries({key: inner})


def _case(case: t.Case, longest: int) -> st.SearchStrategy[Any]:
    inner = st.none() if case.type is None else values(case.type, longest=longest)
    return st.builds(Variant, st.just(case.name), inner)


def _primitive(name: str, longest: int) -> st.SearchStrategy[Any]:
    if name[0] in "us" and name[1:].isdigit():
        bits = int(name[1:])
        low, high = (0, (1 << bits) - 1) if name[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return st.one_of(st.integers(low, high), st.sampled_from([low, high]))
    whole = st.characters(exclude_categories=["Cs"])
    return {
        "bool": st.booleans(),
        "f32": st.floats(width=32),
        "f64": st.floats(),
        "char": whole,
        "string": st.text(whole, max_size=longest),
    }[name]


def listed(type_: t.Type, value: Any) -> Any:
    """A value with its arrays as lists."""
    match type_:
        case t.List(element) if element != t.U8:
            return [listed(element, item) for item in value]
        case t.Option(some) if value is not None:
            return {"some": listed(some, value["some"])} if isinstance(some, t.Option) else listed(some, value)
        case t.Result(ok, err):
            ((name, inner),) = value.items()
            side = ok if name == "ok" else err
            return {name: inner if side is None else listed(side, inner)}
        case t.Tuple(items):
            return tuple(map(listed, items, value))
        case t.Record(fields):
            return {field.name: listed(field.type, value[field.name]) for field in fields}
        case t.Variant(cases):
            carried = {case.name: case.type for case in cases}[value.case]
            return value if carried is None else Variant(value.case, listed(carried, value.value))
        case _:
            return value


def same(type_: t.Type, left: Any, right: Any) -> bool:
    """Whether two values in their Python form are the same: NaN is NaN, -0.0 is not 0.0, True is not 1."""
    match type_:
        case t.Primitive("f32" | "f64"):
            return _same_float(left, right)
        case t.List(element) if element != t.U8:
            return len(left) == len(right) and all(same(element, a, b) for a, b in zip(left, right, strict=True))
        case t.Option(some):
            return _same_option(some, left, right)
        case t.Result(ok, err):
            sides = {"ok": ok, "err": err}
            return _same_keys(left, right) and all(_same_side(sides[key], left[key], right[key]) for key in left)
        case t.Tuple(items):
            return len(left) == len(right) and all(map(same, items, left, right))
        case t.Record(fields):
            return _same_keys(left, right) and all(same(f.type, left[f.name], right[f.name]) for f in fields)
        case t.Variant(cases):
            carried = {case.name: case.type for case in cases}
            return bool(left.case == right.case) and _same_side(carried[left.case], left.value, right.value)
        case _:
            return type(left) is type(right) and bool(left == right)


def _same_float(left: Any, right: Any) -> bool:
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return bool(left == right) and math.copysign(1, left) == math.copysign(1, right)


def _same_keys(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return set(left) == set(right)


def _same_option(some: t.Type, left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is None and right is None
    return same(some, left["some"], right["some"]) if isinstance(some, t.Option) else same(some, left, right)


def _same_side(side: t.Type | None, left: Any, right: Any) -> bool:
    return (left is None and right is None) if side is None else same(side, left, right)
