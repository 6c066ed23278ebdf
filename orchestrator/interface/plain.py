"""Lists of numbers as memoryviews, and as the lists that the Python form of a value has."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from orchestrator.interface.allowance import here
from orchestrator.interface.numbers import number_code
from orchestrator.interface.types import U8, List, Option, Record, Result, Tuple, Type, Variant
from orchestrator.interface.values import Variant as VariantValue

Plain = Callable[[Any], Any]
Leaf = Callable[[str], Plain]
"""(the code of an item) -> what converts a list of such numbers."""


def plain(type_: Type | None, value: Any) -> Any:
    """The value with a list for each memoryview in it; the value itself where its type has none.

    Arguments:
        type_: None for a value that is none.
    """
    return _with(_listed, type_, value)


def arrays(type_: Type | None, value: Any) -> Any:
    """The value with a memoryview for each list of numbers but bytes; the value itself where its type has none.

    Arguments:
        type_: None for a value that is none.
    """
    return _with(_packed, type_, value)


def _with(leaf: Leaf, type_: Type | None, value: Any) -> Any:
    found = None if type_ is None else _conversion(leaf, type_)
    return value if found is None else found(value)


def _listed(_code: str) -> Plain:
    return lambda value: here().listed(value) if isinstance(value, memoryview) else value


def _packed(code: str) -> Plain:
    return lambda value: value if isinstance(value, memoryview) else memoryview(array(code, value)).toreadonly()


@lru_cache(maxsize=4096)
def _conversion(leaf: Leaf, type_: Type) -> Plain | None:
    """The conversion; None where there is nothing to convert."""
    convert = partial(_conversion, leaf)
    match type_:
        case List(element) if element != U8 and (code := number_code(element)):
            return leaf(code)
        case List(element):
            return _of_all(convert(element))
        case Record(fields):
            return _of_fields({field.name: inner for field in fields if (inner := convert(field.type))})
        case Tuple(items):
            return _of_items(tuple(map(convert, items)))
        case Option(some):
            return _of_option(convert(some), isinstance(some, Option))
        case Result(ok, err):
            return _of_sides(
                {side: inner for side, part in (("ok", ok), ("err", err)) if part and (inner := convert(part))}
            )
        case Variant(cases):
            return _of_cases({case.name: inner for case in cases if case.type and (inner := convert(case.type))})
        case _:
            return None


def _of_all(inner: Plain | None) -> Plain | None:
    return None if inner is None else lambda value: list(map(inner, here().passing(value, len(value))))


def _of_fields(inner: dict[str, Plain]) -> Plain | None:
    if not inner:
        return None
    return lambda value: {**value, **{name: convert(value[name]) for name, convert in inner.items()}}


def _of_items(inner: tuple[Plain | None, ...]) -> Plain | None:
    if not any(inner):
        return None
    return lambda value: tuple(
        item if convert is None else convert(item) for convert, item in zip(inner, value, strict=True)
    )


def _of_option(inner: Plain | None, nested: bool) -> Plain | None:
    if inner is None:
        return None
    if nested:
        return lambda value: None if value is None else {"some": inner(value["some"])}
    return lambda value: None if value is None else inner(value)


def _of_sides(inner: dict[str, Plain]) -> Plain | None:
    if not inner:
        return None
    return lambda value: {side: inner[side](part) if side in inner else part for side, part in value.items()}


def _of_cases(inner: dict[str, Plain]) -> Plain | None:
    if not inner:
        return None
    return lambda value: VariantValue(value.case, inner[value.case](value.value)) if value.case in inner else value
