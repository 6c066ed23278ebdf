"""Python values checked against a type and brought into the one form that the engine gets.

Lists, tuples and mappings come out as list, tuple and dict; bytes-likes as bytes; sets and lists of flags as frozenset;
integers for a float as float, f32 rounded to what f32 holds; subclasses of str and int as str and int. A list of
numbers that is given as a buffer stays one: see `_buffers`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from orchestrator.errors import UnsupportedType
from orchestrator.interface import types as t
from orchestrator.interface._buffers import is_buffer, numbers
from orchestrator.interface._mismatch import (
    INTEGERS,
    Cache,
    Convert,
    Mismatch,
    describe,
    integer_range,
    listed,
    mismatch,
)
from orchestrator.interface.allowance import here
from orchestrator.interface.numbers import number_code
from orchestrator.interface.show import short_type
from orchestrator.interface.values import Variant


def _build(type_: t.Type) -> Convert:
    match type_:
        case t.Primitive(name):
            return _PRIMITIVES[name] if name in _PRIMITIVES else _integer(name)
        case t.List(element):
            return as_bytes if element == t.U8 else _list_of(element, short_type(type_))
        case t.Option(some):
            return _option(checked(some), isinstance(some, t.Option), short_type(type_))
        case t.Result(ok, err):
            return result(checked(ok) if ok else nothing, checked(err) if err else nothing, short_type(type_))
        case t.Tuple(items):
            return _tuple([checked(item) for item in items], short_type(type_))
        case t.Record():
            return record(type_, [checked(f.type) for f in type_.fields])
        case t.Variant():
            return _variant(type_)
        case t.Enum():
            return enum(type_)
        case t.Flags():
            return flags(type_)
        case t.Own(resource) | t.Borrow(resource):
            return _handle(resource)
        case _:
            raise refused(type_)


checked = Cache(_build)
"""The check of a type: Python value -> normal Python value."""


def refused(type_: t.Type) -> UnsupportedType:
    """The error that a type has no values here."""
    shown = short_type(type_)
    if isinstance(type_, t.Named):
        return UnsupportedType(f"the type `{shown}` was not looked up; its package is not among those given")
    return UnsupportedType(f"`{shown}` is not supported by this version: no value of it can be passed")


def _integer(name: str) -> Convert:
    low, high = INTEGERS[name]

    def check(value: Any) -> int:
        if type(value) is int and low <= value <= high:
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            raise mismatch(name, value)
        if not low <= value <= high:
            raise mismatch(integer_range(name), value)
        return int(value)

    return check


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise mismatch("bool", value)


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise mismatch("f64", value)
    return _exact(value, "f64")


def _exact(value: float, name: str) -> float:
    """An integer as the float that is the same number."""
    try:
        number = float(value)
    except OverflowError:
        raise mismatch(name, value) from None
    if number != value and not math.isnan(number):
        raise mismatch(f"an integer that {name} holds exactly", value)
    return number


_F32 = struct.Struct("<f")


def _float32(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise mismatch("f32", value)
    try:
        rounded: float = _F32.unpack(_F32.pack(value))[0]
    except (OverflowError, struct.error):
        raise mismatch("f32 (up to 3.4028235e38)", value) from None
    if isinstance(value, int) and rounded != value:
        raise mismatch("an integer that f32 holds exactly", value)
    return rounded


def text(value: Any) -> str:
    """A string without surrogates."""
    if not isinstance(value, str):
        raise mismatch("string", value)
    whole = value if type(value) is str else str.__str__(value)
    if not whole.isascii():
        try:
            whole.encode()
        except UnicodeEncodeError as problem:
            code = ord(whole[problem.start])
            raise Mismatch("string", f"a lone surrogate, U+{code:04X}, at character {problem.start}") from None
    return whole


def _char(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1:
        raise mismatch("char (a string of one character)", value)
    return text(value)


_PRIMITIVES: dict[str, Convert] = {"bool": _bool, "f32": _float32, "f64": _float, "char": _char, "string": text}


def as_bytes(value: Any) -> bytes:
    """A `list<u8>`."""
    if type(value) is bytes:
        return value
    if isinstance(value, (bytes, bytearray)) or (isinstance(value, memoryview) and value.itemsize == value.ndim == 1):
        return bytes(value)
    if isinstance(value, (list, tuple)) or not is_buffer(value):
        raise mismatch("list<u8> (bytes)", value)
    return numbers(t.U8, "list<u8>", value).tobytes()


def _list_of(element: t.Type, shown: str) -> Convert:
    each = _list(checked(element), shown)
    return _numbers(element, each, shown) if isinstance(element, t.Primitive) and number_code(element) else each


def _numbers(type_: t.Primitive, each: Convert, shown: str) -> Convert:
    """A list of numbers: a list or tuple of them, or a buffer."""
    code = number_code(type_)

    def check(value: Any) -> Any:
        if type(value) is memoryview and value.format == code and value.contiguous and value.ndim == 1:
            return value
        if isinstance(value, (list, tuple, bytes, bytearray)) or not is_buffer(value):
            return each(value)
        return numbers(type_, shown, value)

    return check


def _list(element: Convert, shown: str) -> Convert:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise mismatch(shown, value)
        return elements(element, value)

    return check


def elements(element: Convert, values: Any) -> list[Any]:
    """Each of `values` converted; a failure says which."""
    done: list[Any] = []
    try:
        for value in here().passing(values, len(values)):
            done.append(element(value))  # noqa: PERF401 - how many are done says which one failed
    except Mismatch as problem:
        raise problem.within(f"[{len(done)}]") from None
    return done


def within(convert: Convert, value: Any, part: str) -> Any:
    """`value` converted; a failure says that it is in `part`."""
    try:
        return convert(value)
    except Mismatch as problem:
        raise problem.within(part) from None


def _option(some: Convert, nested: bool, shown: str) -> Convert:
    def check(value: Any) -> Any:
        return None if value is None else some(value)

    return nested_option(some, shown) if nested else check


def nested_option(some: Convert, shown: str) -> Convert:
    """An option directly inside an option: None, or a map with the key `some`."""

    def check(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping) or set(value) != {"some"}:
            raise mismatch(f'{shown} (null or {{"some": value}})', value)
        return {"some": within(some, value["some"], ".some")}

    return check


def one_key(value: Any, keys: tuple[str, ...], expected: str) -> str:
    """The only key of a map that has one of `keys`."""
    if isinstance(value, Mapping) and len(value) == 1:
        key = next(iter(value))
        if isinstance(key, str) and key in keys:
            return key
    raise mismatch(expected, value)


def result(ok: Convert, err: Convert, shown: str) -> Convert:
    """A map with the key `ok` or `err`."""
    expected = f'{shown} ({{"ok": value}} or {{"err": value}})'
    sides = {"ok": ok, "err": err}

    def check(value: Any) -> dict[str, Any]:
        side = one_key(value, ("ok", "err"), expected)
        return {side: within(sides[side], value[side], f".{side}")}

    return check


def nothing(value: Any) -> None:
    """The value of what carries nothing."""
    if value is not None:
        raise mismatch("nothing (null)", value)


def _tuple(items: list[Convert], shown: str) -> Convert:
    def check(value: Any) -> tuple[Any, ...]:
        return tuple(sized(items, value, shown))

    return check


def sized(items: list[Convert], value: Any, shown: str) -> list[Any]:
    """A list or tuple with as many values as there are conversions, each converted."""
    if not isinstance(value, (list, tuple)):
        raise mismatch(shown, value)
    if len(value) != len(items):
        raise mismatch(f"{shown} ({len(items)} items)", value)
    return [within(item, one, f"[{i}]") for i, (item, one) in enumerate(zip(items, value, strict=True))]


def record(type_: t.Record, converts: list[Convert]) -> Convert:
    """A map with a key for each field; one whose type is an option may be absent and is null then."""
    shown = short_type(type_) if type_.name else "record"
    pairs = zip(type_.fields, converts, strict=True)
    fields = [(f.name, convert, isinstance(f.type, t.Option)) for f, convert in pairs]
    names = frozenset(f.name for f in type_.fields)

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise mismatch(f"{shown} (a map)", value)
        done: dict[str, Any] = {}
        present = 0
        for name, convert, optional in fields:
            if name in value:
                present += 1
                try:
                    done[name] = convert(value[name])
                except Mismatch as problem:
                    raise problem.within(f".{name}") from None
            elif optional:
                done[name] = None
            else:
                raise Mismatch(f"{shown} with the field `{name}`", describe(value))
        if len(value) != present:
            unknown = next(key for key in value if key not in names)
            raise _unknown(shown, unknown, tuple(f.name for f in type_.fields))
        return done

    return check


def _unknown(shown: str, key: Any, names: tuple[str, ...]) -> Mismatch:
    found = f"the field `{str(key)[:60]}`" if isinstance(key, str) else describe(key)
    return Mismatch(f"{shown} with no other fields than {listed(names)}", found)


def _variant(type_: t.Variant) -> Convert:
    shown = short_type(type_) if type_.name else "variant"
    cases = {c.name: nothing if c.type is None else checked(c.type) for c in type_.cases}

    def check(value: Any) -> Variant:
        if not isinstance(value, Variant):
            raise mismatch(f"{shown} (a Variant)", value)
        case: Any = value.case
        convert = cases.get(case) if isinstance(case, str) else None
        if convert is None:
            raise unknown_case(shown, tuple(cases), case)
        return Variant(str.__str__(case), within(convert, value.value, f".{case}"))

    return check


def unknown_case(shown: str, names: tuple[str, ...], found: Any) -> Mismatch:
    """The failure that a case is none of the type's."""
    return mismatch(f"a case of {shown} ({listed(names)})", found)


def enum(type_: t.Enum) -> Convert:
    """One of the names."""
    shown = short_type(type_) if type_.name else "enum"
    names = {name: name for name in type_.cases}

    def check(value: Any) -> str:
        found = names.get(value) if isinstance(value, str) else None
        if found is None:
            raise unknown_case(shown, type_.cases, value)
        return found

    return check


def flags(type_: t.Flags) -> Convert:
    """Some of the names, each at most once."""
    shown = short_type(type_) if type_.name else "flags"
    names = frozenset(type_.names)

    def check(value: Any) -> frozenset[str]:
        if not isinstance(value, (AbstractSet, list, tuple)):
            raise mismatch(f"{shown} (a list of flags)", value)
        for flag in value:
            if not isinstance(flag, str) or flag not in names:
                raise mismatch(f"a flag of {shown} ({listed(type_.names)})", flag)
        found = frozenset(map(str.__str__, value))
        if len(found) != len(value):
            raise Mismatch(f"{shown}, each flag once", "a flag that is there twice")
        return found

    return check


def _handle(resource: t.Resource) -> Convert:
    def check(value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, bytes, list, tuple, dict)):
            raise mismatch(f"a handle of resource `{resource.name}`", value)
        return value

    return check
