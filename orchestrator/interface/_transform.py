"""A type rebuilt with some of its parts replaced."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.interface import types as t

Leaf = Callable[[t.Type], t.Type]


def transform(type_: t.Type, leaf: Leaf) -> t.Type:
    """`type_` with `leaf` applied to every primitive, handle and name in it; itself where nothing changes."""
    match type_:
        case t.List(element):
            inner = transform(element, leaf)
            return type_ if inner is element else t.List(inner)
        case t.Option(some):
            inner = transform(some, leaf)
            return type_ if inner is some else t.Option(inner)
        case t.Result(ok, err):
            sides = _side(ok, leaf), _side(err, leaf)
            return type_ if sides[0] is ok and sides[1] is err else t.Result(*sides)
        case t.Tuple(items):
            return _kept(type_, items, tuple(transform(item, leaf) for item in items), t.Tuple)
        case t.Unsupported(kind, items):
            new = tuple(transform(item, leaf) for item in items)
            return _kept(type_, items, new, lambda changed: t.Unsupported(kind, changed))
        case t.Record(fields, name):
            changed = tuple(field(f, leaf) for f in fields)
            return type_ if _same(fields, changed) else t.Record(changed, name)
        case t.Variant(cases, name):
            new_cases = tuple(_case(c, leaf) for c in cases)
            return type_ if _same(cases, new_cases) else t.Variant(new_cases, name)
        case t.Enum() | t.Flags():
            return type_
        case _:
            return leaf(type_)


def field(old: t.Field, leaf: Leaf) -> t.Field:
    """A field or parameter with its type transformed."""
    new = transform(old.type, leaf)
    return old if new is old.type else t.Field(old.name, new)


def function(old: t.Function, leaf: Leaf) -> t.Function:
    """A function with every type in it transformed."""
    params = tuple(field(p, leaf) for p in old.params)
    return t.Function(old.name, params, _side(old.result, leaf), old.docs)


def _side(side: t.Type | None, leaf: Leaf) -> t.Type | None:
    return None if side is None else transform(side, leaf)


def _case(old: t.Case, leaf: Leaf) -> t.Case:
    new = _side(old.type, leaf)
    return old if new is old.type else t.Case(old.name, new)


def _same(old: tuple[object, ...], new: tuple[object, ...]) -> bool:
    return all(a is b for a, b in zip(old, new, strict=True))


def _kept(
    type_: t.Type, old: tuple[t.Type, ...], new: tuple[t.Type, ...], make: Callable[[tuple[t.Type, ...]], t.Type]
) -> t.Type:
    return type_ if _same(old, new) else make(new)
