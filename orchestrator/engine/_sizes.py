"""The size of a value in canonical form, read from the C value: what contracts limit and events record.

The same number as `interface.size` gives for the Python value: the type's flat size, plus the bytes of every string and
list element that lies outside it. Types without strings and lists have one size, known when the edge is linked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

from orchestrator.engine._memory import array_at, pointee, read, text
from orchestrator.engine._native import ENTRY, NAME, VALUE
from orchestrator.engine._values import optional
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import List, Option, Primitive, Record, Result, Tuple, Type, Variant

Extra = Callable[[bytes, int], int]
"""(a copy of an array of values, the value's offset) -> the bytes outside its flat form."""

_size = struct.Struct("<Q").unpack_from


def sizer(types: tuple[Type, ...]) -> Callable[[bytes], int]:
    """The function from a copy of an array of values of those types to their size, in bytes."""
    flat = sum(layout(type_)[0] for type_ in types)
    extras = tuple((index * VALUE, extra) for index, type_ in enumerate(types) if (extra := _extra(type_)))
    if not extras:
        return lambda _buffer: flat
    if len(extras) == 1:
        ((offset, only),) = extras
        return lambda buffer: flat + only(buffer, offset)
    return lambda buffer: flat + sum([extra(buffer, offset) for offset, extra in extras])


@lru_cache(maxsize=4096)
def _extra(type_: Type) -> Extra | None:
    """The function for what lies outside the flat form; None where nothing can."""
    match type_:
        case Primitive("string"):
            return lambda buffer, offset: int(_size(buffer, offset + 8)[0])
        case List(element):
            return _list_extra(layout(element)[0], _extra(element))
        case Record(fields):
            return _placed_extra(tuple(field.type for field in fields), ENTRY, NAME)
        case Tuple(items):
            return _placed_extra(items, VALUE, 0)
        case Variant():
            return _variant_extra({case.name: optional(_extra, case.type) for case in type_.cases})
        case Option(some):
            return _option_extra(_extra(some))
        case Result(ok, err):
            return _result_extra(optional(_extra, ok), optional(_extra, err))
        case _:
            return None


def _list_extra(unit: int, extra: Extra | None) -> Extra:
    if extra is None:
        return lambda buffer, offset: int(_size(buffer, offset + 8)[0]) * unit

    def elements(buffer: bytes, offset: int) -> int:
        array = array_at(buffer, offset)
        count = len(array) // VALUE
        return count * unit + sum([extra(array, at) for at in range(0, len(array), VALUE)])

    return elements


def _placed_extra(types: tuple[Type, ...], unit: int, skip: int) -> Extra | None:
    """For a record (entries of a name and a value) or a tuple (values)."""
    extras = tuple((index * unit + skip, extra) for index, type_ in enumerate(types) if (extra := _extra(type_)))
    if not extras:
        return None
    total = len(types) * unit

    def placed(buffer: bytes, offset: int) -> int:
        array = read(_size(buffer, offset + 16)[0], total)
        return sum([extra(array, at) for at, extra in extras])

    return placed


def _variant_extra(cases: dict[str, Extra | None]) -> Extra | None:
    if not any(cases.values()):
        return None

    def payload(buffer: bytes, offset: int) -> int:
        extra = cases[text(buffer, offset + 8)]
        return extra(pointee(buffer, offset + 24), 0) if extra else 0

    return payload


def _option_extra(extra: Extra | None) -> Extra | None:
    if extra is None:
        return None
    return lambda buffer, offset: extra(pointee(buffer, offset + 8), 0) if _size(buffer, offset + 8)[0] else 0


def _result_extra(ok: Extra | None, err: Extra | None) -> Extra | None:
    if ok is None and err is None:
        return None

    def payload(buffer: bytes, offset: int) -> int:
        extra = ok if buffer[offset + 8] else err
        return extra(pointee(buffer, offset + 16), 0) if extra else 0

    return payload
