"""Python annotations as WIT types, and values between the two: what a Python node is given and gives.

str, bool, bytes        string, bool, list<u8>          T | None               option<T>
int, float              s64, f64                        Literal["a", "b"]      enum
list[T], tuple[T, ...]  list<T>                         Enum                   enum, of the members' names
tuple[A, B]             tuple<A, B>                     a dataclass            record, names in kebab-case
NDArray[float32]        list<f32>, as every number type of numpy that WIT has: the array shares the value's memory
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.interface.types import (
    BOOL,
    F32,
    F64,
    S8,
    S16,
    S32,
    S64,
    STRING,
    U8,
    U16,
    U32,
    U64,
    Enum,
    Field,
    List,
    Option,
    Record,
    Tuple,
    Type,
)
from orchestrator.manifest.paths import kebab

Convert = Callable[[Any], Any]
DEEPEST = 32
"""Levels of a type; a dataclass that contains itself has no end."""


class NoType(Exception):
    """An annotation has no WIT type; the message says which, the help what to write instead."""

    def __init__(self, message: str, help: str = "") -> None:
        self.message, self.help = message, help
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Form:
    """A WIT type, and how its Python form becomes a value of the annotation (`load`) and the other way (`dump`)."""

    type: Type
    load: Convert
    dump: Convert


def _same(value: Any) -> Any:
    return value


_PLAIN: Mapping[Any, Type] = {str: STRING, bool: BOOL, int: S64, float: F64, bytes: List(U8)}
_NUMPY: Mapping[str, Type] = {
    "f4": F32, "f8": F64, "i1": S8, "i2": S16, "i4": S32, "i8": S64, "u1": U8, "u2": U16, "u4": U32, "u8": U64,
}  # fmt: skip
"""The number types of numpy that are WIT's, by kind and bytes."""
_INSTEAD = {
    dict: "a dict has no WIT type: use a dataclass, or list[tuple[str, T]]",
    list: "write what is in it: list[str]",
    tuple: "write what is in it: tuple[str, int]",
    set: "a set has no WIT type: use a list",
    frozenset: "a frozenset has no WIT type: use a list",
    object: "write a type that says what the values are",
    Any: "write a type that says what the values are",
}


def form_of(hint: Any, depth: int = 0) -> Form:
    """The form of an annotation whose names are resolved. Raises `NoType`."""
    if depth > DEEPEST:
        raise NoType(f"a type of more than {DEEPEST} levels, or one that contains itself", "use a list of records")
    if _hashable(hint) and hint in _PLAIN:
        return Form(_PLAIN[hint], _same, _same)
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if _is_array(origin) and len(inside) == 2:
        return _array(hint, inside[1])
    if origin is list and len(inside) == 1:
        return _list(inside[0], depth, list)
    if origin is tuple and inside:
        return _list(inside[0], depth, tuple) if inside[1:] == (Ellipsis,) else _tuple(inside, depth)
    if origin in (typing.Union, types.UnionType):
        return _option(hint, inside, depth)
    if origin is Literal:
        return _literal(inside)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enum(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _record(hint, depth)
    raise NoType(f"`{_shown(hint)}` has no WIT type", _INSTEAD.get(origin or hint, "") if _hashable(hint) else "")


def _is_array(origin: Any) -> bool:
    """Whether it is numpy's array, which need not be installed."""
    return getattr(origin, "__module__", "") == "numpy" and getattr(origin, "__name__", "") == "ndarray"


def _array(hint: Any, dtype: Any) -> Form:
    """An array of one dimension."""
    import numpy

    inside = typing.get_args(dtype)
    try:
        form = numpy.dtype(inside[0]).str[1:]
    except (IndexError, TypeError):
        form = ""
    if form not in _NUMPY:
        raise NoType(f"`{_shown(hint)}` has no WIT type", "say which numbers: NDArray[numpy.float32]")
    element = inside[0]
    return Form(List(_NUMPY[form]), lambda value: numpy.asarray(_buffer(value), dtype=element), _same)


def _buffer(value: Any) -> Any:
    """What numpy reads numbers from: bytes are a text to it."""
    return memoryview(value) if isinstance(value, bytes) else value


def _hashable(hint: Any) -> bool:
    try:
        hash(hint)
    except TypeError:
        return False
    return True


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)[:80]


def _list(hint: Any, depth: int, kind: type) -> Form:
    element = form_of(hint, depth + 1)
    if element.type == U8:
        return Form(List(U8), _same, _same)
    return Form(
        List(element.type),
        lambda values: kind(map(element.load, values)),
        lambda values: list(map(element.dump, values)),
    )


def _tuple(hints: tuple[Any, ...], depth: int) -> Form:
    items = [form_of(hint, depth + 1) for hint in hints]

    def dump(values: Any) -> Any:
        return tuple(form.dump(v) for form, v in zip(items, values, strict=True))

    def load(values: Any) -> Any:
        return tuple(form.load(v) for form, v in zip(items, values, strict=True))

    return Form(Tuple(tuple(form.type for form in items)), load, dump)


def _option(hint: Any, hints: tuple[Any, ...], depth: int) -> Form:
    some = [one for one in hints if one is not type(None)]
    if len(some) != 1 or len(hints) != 2:
        raise NoType(f"`{_shown(hint)}` has no WIT type", "only `T | None` has one; for a choice give a `signature`")
    inner = form_of(some[0], depth + 1)
    return Form(
        Option(inner.type),
        lambda value: None if value is None else inner.load(value),
        lambda value: None if value is None else inner.dump(value),
    )


def _literal(values: tuple[Any, ...]) -> Form:
    names = {value: kebab(value) if isinstance(value, str) else "" for value in values}
    return _cases(names, f"Literal[{', '.join(map(repr, values))}]", None)


def _enum(hint: type[enum.Enum]) -> Form:
    return _cases({member: kebab(member.name) for member in hint}, hint.__name__, kebab(hint.__name__) or None)


def _cases(names: dict[Any, str], shown: str, name: str | None) -> Form:
    if not names or "" in names.values() or len(set(names.values())) < len(names):
        raise NoType(f"`{shown}` has no WIT type", "its values need different names in letters, digits and dashes")
    values = {case: value for value, case in names.items()}
    return Form(Enum(tuple(values), name), values.__getitem__, lambda value: names.get(value, value))


def _record(hint: type, depth: int) -> Form:
    hints = _hints(hint)
    forms = {field.name: form_of(hints[field.name], depth + 1) for field in dataclasses.fields(hint) if field.init}
    names = {name: kebab(name) for name in forms}
    if not names or "" in names.values() or len(set(names.values())) < len(names):
        help_ = "a record has at least one field, each with a name of its own"
        raise NoType(f"`{hint.__name__}` has no WIT type", help_)

    def load(value: Any) -> Any:
        return hint(**{name: forms[name].load(value[names[name]]) for name in names})

    def dump(value: Any) -> Any:
        if not isinstance(value, hint):
            return value
        return {names[name]: forms[name].dump(getattr(value, name)) for name in names}

    fields = tuple(Field(names[name], form.type) for name, form in forms.items())
    return Form(Record(fields, kebab(hint.__name__) or None), load, dump)


def _hints(hint: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(hint)
    except Exception as error:
        raise NoType(f"the annotations of `{hint.__name__}` cannot be read: {error}") from None
