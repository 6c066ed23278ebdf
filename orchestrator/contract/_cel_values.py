"""WIT values in their Python form -> what CEL is given, only the parts that an expression reads.

record, variant, result = map with string keys · tuple, list, flags = list (flags sorted) · u64 = uint, all other
integers int · option = null or the value · list<u8> = bytes · a handle = the string `[handle]`.

The library (0.1.3) takes a Python int for an int and cuts str and bytes at a NUL: those go in as protobuf wrappers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.contract._cel_kinds import WHOLE, Uses, part
from orchestrator.interface.allowance import here
from orchestrator.interface.types import (
    CHAR,
    STRING,
    U8,
    U64,
    Borrow,
    Flags,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)

Convert = Callable[[Any], Any]


def converter(type_: Type, uses: Uses = WHOLE) -> Convert | None:
    """What turns a value of that type into CEL's form; None where it is the same."""
    match type_:
        case List(element):
            return _bytes_maker() if element == U8 else _list(element, uses)
        case Option(some):
            return _option(some, uses)
        case Result(ok, err):
            return _result({"ok": ok, "err": err}, uses)
        case Tuple(items):
            return _tuple(items)
        case Record():
            return _record(type_, uses)
        case Variant():
            return _variant(type_, uses)
        case Flags():
            return sorted
        case Own() | Borrow():
            return lambda _handle: "[handle]"
        case _:
            return _unsigned() if type_ == U64 else _text_maker() if type_ in (STRING, CHAR) else None


def _unsigned() -> Convert:
    from google.protobuf.wrappers_pb2 import UInt64Value

    return lambda value: UInt64Value(value=value)


def _text_maker() -> Convert:
    from google.protobuf.wrappers_pb2 import StringValue

    return lambda value: StringValue(value=value) if "\0" in value else value


def _bytes_maker() -> Convert:
    from google.protobuf.wrappers_pb2 import BytesValue

    return lambda value: BytesValue(value=value) if b"\0" in value else value


def _list(element: Type, uses: Uses) -> Convert | None:
    read = part(uses, "*")
    if read is None:
        return lambda value: [None] * len(value)
    inner = converter(element, read)
    if inner is None:
        # A list of numbers may be a buffer, which the library does not know.
        return _plain if isinstance(element, Primitive) else None
    convert = inner
    return lambda value: [convert(item) for item in here().passing(value, len(value))]


def _plain(value: Any) -> Any:
    return here().listed(value) if type(value) is memoryview else value


def _option(some: Type, uses: Uses) -> Convert | None:
    nested = isinstance(some, Option)
    inner = converter(some, (part(uses, "some") or Uses()) if nested else uses)
    if inner is None:
        return None
    convert = inner
    if nested:
        return lambda value: None if value is None else {"some": convert(value["some"])}
    return lambda value: None if value is None else convert(value)


def _cases(types: dict[str, Type | None], uses: Uses) -> dict[str, Convert | None]:
    """A converter for each case that is read; the others keep their name alone."""
    parts = {name: part(uses, name) for name in types}
    return {
        name: converter(type_, read) if type_ is not None else None
        for name, type_ in types.items()
        if (read := parts[name]) is not None
    }


def _result(types: dict[str, Type | None], uses: Uses) -> Convert:
    cases = _cases(types, uses)

    def convert(value: Any) -> dict[str, Any]:
        ((name, inside),) = value.items()
        return {name: _inside(cases, name, inside)}

    return convert


def _variant(type_: Variant, uses: Uses) -> Convert:
    cases = _cases({case.name: case.type for case in type_.cases}, uses)
    return lambda value: {value.case: _inside(cases, value.case, value.value)}


def _inside(cases: dict[str, Convert | None], name: str, value: Any) -> Any:
    if name not in cases:
        return None
    convert = cases[name]
    return convert(value) if convert is not None else value


def _tuple(items: tuple[Type, ...]) -> Convert:
    inner = [converter(item) or _same for item in items]
    return lambda value: [convert(item) for convert, item in zip(inner, value, strict=True)]


def _record(type_: Record, uses: Uses) -> Convert | None:
    names = [name for name in type_.fields if part(uses, name.name) is not None]
    inner = {name.name: converter(name.type, part(uses, name.name) or WHOLE) for name in names}
    if uses.whole and not any(inner.values()):
        return None
    pairs = [(name, convert or _same) for name, convert in inner.items()]
    return lambda value: {name: convert(value[name]) for name, convert in pairs}


def _same(value: Any) -> Any:
    return value
