"""The size of a value in canonical form, read from the C value: what contracts limit and events record.

The same number as `interface.size` gives for the Python value: the type's flat size, plus the bytes of every string and
list element that lies outside it. Types without strings and lists have one size, known when the edge is linked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

from orchestrator.engine._memory import MEMORY, text, word, words
from orchestrator.engine._native import ENTRY, NAME, VALUE
from orchestrator.engine._values import optional
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import STRING, List, Option, Primitive, Record, Result, Tuple, Type, Variant

Extra = Callable[[int], int]
"""(the address of a C value) -> the bytes outside its flat form."""

_word = struct.Struct("<Q").unpack_from


def sizer(types: tuple[Type, ...]) -> Callable[[int], int]:
    """The function from the address of an array of values of those types to their size, in bytes."""
    flat = sum(layout(type_)[0] for type_ in types)
    extras = tuple((index * VALUE, extra) for index, type_ in enumerate(types) if (extra := _extra(type_)))
    if not extras:
        return lambda _address: flat
    if types == (STRING,):
        return lambda address: flat + int(_word(MEMORY, address + 8)[0])
    if len(extras) == 1:
        ((offset, only),) = extras
        return lambda address: flat + only(address + offset)
    return lambda address: flat + sum([extra(address + offset) for offset, extra in extras])


@lru_cache(maxsize=4096)
def _extra(type_: Type) -> Extra | None:
    """The function for what lies outside the flat form; None where nothing can."""
    match type_:
        case Primitive("string"):
            return lambda address: word(address + 8)
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
        return lambda address: word(address + 8) * unit

    def elements(address: int) -> int:
        count, at = words(address + 8)
        return count * unit + sum([extra(place) for place in range(at, at + count * VALUE, VALUE)])

    return elements


def _placed_extra(types: tuple[Type, ...], unit: int, skip: int) -> Extra | None:
    """For a record (entries of a name and a value) or a tuple (values)."""
    extras = tuple((index * unit + skip, extra) for index, type_ in enumerate(types) if (extra := _extra(type_)))
    if not extras:
        return None

    def placed(address: int) -> int:
        values = word(address + 16)
        return sum([extra(values + at) for at, extra in extras])

    return placed


def _variant_extra(cases: dict[str, Extra | None]) -> Extra | None:
    if not any(cases.values()):
        return None

    def payload(address: int) -> int:
        extra = cases[text(address + 8)]
        return extra(word(address + 24)) if extra else 0

    return payload


def _option_extra(extra: Extra | None) -> Extra | None:
    if extra is None:
        return None

    def payload(address: int) -> int:
        some = word(address + 8)
        return extra(some) if some else 0

    return payload


def _result_extra(ok: Extra | None, err: Extra | None) -> Extra | None:
    if ok is None and err is None:
        return None

    def payload(address: int) -> int:
        extra = ok if MEMORY[address + 8] else err
        return extra(word(address + 16)) if extra else 0

    return payload
