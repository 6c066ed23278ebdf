"""JSON to the Python form of a type's values, and back. Both directions refuse what does not fit.

record = object, variant = `{"case": value}` or `"case"`, enum = string, flags = array of strings, option = null or the
value (directly inside an option: `{"some": value}`), result = `{"ok": value}` or `{"err": value}`, tuple and list =
array, `list<u8>` = base64, char = string of one character, s64 and u64 beyond 2^53 = decimal string, NaN and
infinities = `"nan"`, `"inf"`, `"-inf"`.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface._mismatch import INTEGERS, Cache, Convert, Mismatch, integer_range, mismatch
from orchestrator.interface._python_form import (
    checked,
    elements,
    enum,
    flags,
    nested_option,
    nothing,
    one_key,
    record,
    refused,
    result,
    sized,
    unknown_case,
    within,
)
from orchestrator.interface.allowance import here
from orchestrator.interface.show import short_type
from orchestrator.interface.values import Variant

LARGEST_NUMBER = 1 << 53
"""Integers of s64 and u64 beyond it are strings in JSON, where many readers hold numbers as f64."""

_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,19}", re.ASCII)
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _decoder(type_: t.Type) -> Convert:
    match type_:
        case t.Primitive(name):
            return _decode_primitive(type_, name)
        case t.List(element):
            return _decode_bytes if element == t.U8 else _decode_list(decoded(element), short_type(type_))
        case t.Option(some):
            inner = decoded(some)
            return nested_option(inner, short_type(type_)) if isinstance(some, t.Option) else _or_null(inner)
        case t.Result(ok, err):
            return result(decoded(ok) if ok else nothing, decoded(err) if err else nothing, short_type(type_))
        case t.Tuple(items):
            return _decode_tuple([decoded(item) for item in items], short_type(type_))
        case t.Record():
            return record(type_, [decoded(f.type) for f in type_.fields])
        case t.Variant():
            return _decode_variant(type_)
        case t.Enum():
            return enum(type_)
        case t.Flags():
            return _decode_flags(type_)
        case t.Own() | t.Borrow():
            return no_json(type_)
        case _:
            raise refused(type_)


decoded = Cache(_decoder)
"""The conversion of a type: JSON -> normal Python value."""


def no_json(type_: t.Own | t.Borrow) -> Convert:
    """The conversion that always fails: a handle means something only inside a run."""

    def fail(value: Any) -> Any:
        raise Mismatch("a value that JSON can hold", f"{short_type(type_)}, a handle, which has no JSON form")

    return fail


def _decode_primitive(type_: t.Primitive, name: str) -> Convert:
    if name in ("u64", "s64"):
        return _decode_wide(name)
    if name in ("f32", "f64"):
        return _decode_float(checked(type_))
    convert: Convert = checked(type_)
    return convert


def _decode_wide(name: str) -> Convert:
    low, high = INTEGERS[name]

    def decode(value: Any) -> int:
        if type(value) is str and _DECIMAL.fullmatch(value):
            value = int(value)
        if type(value) is not int:
            raise mismatch(f"{name} (a number, or a decimal string)", value)
        if not low <= value <= high:
            raise mismatch(integer_range(name), value)
        return value

    return decode


def _decode_float(check: Convert) -> Convert:
    def decode(value: Any) -> Any:
        if type(value) is str and value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if type(value) is float and not math.isfinite(value):
            raise mismatch('a finite number, "nan", "inf" or "-inf"', value)
        return check(value)

    return decode


def _decode_bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise mismatch("list<u8> (a base64 string)", value)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise mismatch("list<u8> (a base64 string)", value) from None
    # A last group with bits that stand for nothing would be a second spelling of the same bytes.
    if base64.b64encode(data[-(len(data) % 3 or 3) :]).decode() != value[-4:]:
        raise mismatch("list<u8> (a base64 string)", value)
    return data


def _decode_list(element: Convert, shown: str) -> Convert:
    def decode(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise mismatch(shown, value)
        return elements(element, value)

    return decode


def _or_null(some: Convert) -> Convert:
    return lambda value: None if value is None else some(value)


def _decode_tuple(items: list[Convert], shown: str) -> Convert:
    return lambda value: tuple(sized(items, value, shown))


def _decode_variant(type_: t.Variant) -> Convert:
    shown = short_type(type_) if type_.name else "variant"
    names = tuple(c.name for c in type_.cases)
    bare = {c.name for c in type_.cases if c.type is None}
    carrying = {c.name: decoded(c.type) for c in type_.cases if c.type is not None}

    def decode(value: Any) -> Variant:
        if isinstance(value, str):
            if value in bare:
                return Variant(value)
            if value in carrying:
                raise mismatch(f'{shown} ({{"{value}": value}}, the case carries a value)', value)
            raise unknown_case(shown, names, value)
        case = one_key(value, names, f'{shown} ("case" or {{"case": value}}, of {", ".join(names[:8])})')
        if case in bare:
            raise mismatch(f'{shown} ("{case}", the case carries no value)', value)
        return Variant(case, within(carrying[case], value[case], f".{case}"))

    return decode


def _decode_flags(type_: t.Flags) -> Convert:
    check = flags(type_)
    shown = short_type(type_) if type_.name else "flags"

    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise mismatch(f"{shown} (a list of flags)", value)
        return check(value)

    return decode


def _encoder(type_: t.Type) -> Convert:
    """The way out, for values that were checked."""
    match type_:
        case t.Primitive("f32" | "f64"):
            return _encode_float
        case t.Primitive("u64" | "s64"):
            return lambda value: value if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else str(value)
        case t.Primitive() | t.Enum():
            return _same
        case t.List(element):
            return _encode_bytes if element == t.U8 else _encode_list(encoded(element))
        case t.Option(some):
            return _encode_option(encoded(some), isinstance(some, t.Option))
        case t.Result(ok, err):
            return _encode_result(encoded(ok) if ok else _same, encoded(err) if err else _same)
        case t.Tuple(items):
            return _encode_tuple([encoded(item) for item in items])
        case t.Record(fields):
            return _encode_record([(f.name, encoded(f.type)) for f in fields])
        case t.Variant(cases):
            return _encode_variant({c.name: encoded(c.type) if c.type else None for c in cases})
        case t.Flags(names):
            return lambda value: [name for name in names if name in value]
        case t.Own() | t.Borrow():
            return no_json(type_)
        case _:
            raise refused(type_)


encoded = Cache(_encoder)
"""The conversion of a type: normal Python value -> JSON."""


def _same(value: Any) -> Any:
    return value


def _encode_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _encode_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _encode_list(element: Convert) -> Convert:
    if element is _same:
        return lambda value: here().listed(value) if type(value) is memoryview else value
    return lambda value: elements(element, here().listed(value) if type(value) is memoryview else value)


def _encode_option(some: Convert, nested: bool) -> Convert:
    if nested:
        return lambda value: None if value is None else {"some": within(some, value["some"], ".some")}
    return lambda value: None if value is None else some(value)


def _encode_result(ok: Convert, err: Convert) -> Convert:
    def encode(value: dict[str, Any]) -> dict[str, Any]:
        if "ok" in value:
            return {"ok": within(ok, value["ok"], ".ok")}
        return {"err": within(err, value["err"], ".err")}

    return encode


def _encode_tuple(items: list[Convert]) -> Convert:
    return lambda value: [within(item, one, f"[{i}]") for i, (item, one) in enumerate(zip(items, value, strict=True))]


def _encode_record(fields: list[tuple[str, Convert]]) -> Convert:
    return lambda value: {name: within(encode, value[name], f".{name}") for name, encode in fields}


def _encode_variant(cases: dict[str, Convert | None]) -> Convert:
    def encode(value: Variant) -> Any:
        convert = cases[value.case]
        return value.case if convert is None else {value.case: within(convert, value.value, f".{value.case}")}

    return encode
