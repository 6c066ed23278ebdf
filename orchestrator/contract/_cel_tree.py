"""The checked syntax tree of a CEL expression, read from the library's serialised form.

The library checks a tree and does not show it. It serialises it as `cel.expr.CheckedExpr` in a protobuf `Any`; the few
fields needed are read here from the wire format, so that field names can be checked against WIT types.

Source: https://github.com/google/cel-spec/blob/master/proto/cel/expr/{checked,syntax}.proto,
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

DEEPEST = 100
"""Levels of an expression's tree; the walks over it are recursive."""


class TooDeep(ValueError):
    """The tree has more levels than `DEEPEST`."""


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    id: int
    value: bool | int | float | str | bytes | None
    unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Ident:
    """A variable."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)` where `test` is set."""

    id: int
    operand: Expr
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator (`_+_`, `_[_]`, `@in`); the receiver, if there is one, is the first argument."""

    id: int
    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal."""

    id: int
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map or message literal: its keys and values, in turn."""

    id: int
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro (`all`, `exists`, `map`, `filter`) as the fold that it stands for."""

    id: int
    variable: str
    range: Expr
    accumulator: str
    start: Expr
    condition: Expr
    step: Expr
    result: Expr


Expr = Const | Ident | Select | Call | ListOf | MapOf | Loop


def read(serialized: bytes) -> tuple[Expr, dict[int, int]]:
    """The tree of a serialised expression, and the offset in the text of each node by its id.

    Raises TooDeep.
    """
    checked = dict(_fields(_bytes(dict(_fields(serialized))[2])))
    info = _fields(_bytes(checked[5]))
    entries = (dict(_fields(_bytes(value))) for number, value in info if number == 4)
    positions = {_int(entry.get(1, 0)): _int(entry.get(2, 0)) for entry in entries}
    return _expr(_bytes(checked[4]), 1), positions


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, data[at : at + 8]
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield tag >> 3, data[at : at + size]
                at += size
            case _:
                yield tag >> 3, data[at : at + 4]
                at += 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _int(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def _expr(data: bytes, depth: int) -> Expr:
    if depth > DEEPEST:
        raise TooDeep
    fields = dict(_fields(data))
    id_ = _int(fields.pop(2, 0))
    kind, body = next(iter(fields.items()))
    return _KINDS[kind](id_, _bytes(body), depth + 1)


def _const(id_: int, data: bytes, _depth: int) -> Expr:
    number, value = next(_fields(data), (1, 0))
    match number:
        case 2:
            return Const(id_, bool(value))
        case 3:
            whole = _int(value)
            return Const(id_, whole - (1 << 64) if whole >> 63 else whole)
        case 4:
            return Const(id_, _int(value), unsigned=True)
        case 5:
            return Const(id_, struct.unpack("<d", _bytes(value))[0])
        case 6:
            return Const(id_, _text(value))
        case 7:
            return Const(id_, _bytes(value))
        case _:
            return Const(id_, None)


def _ident(id_: int, data: bytes, _depth: int) -> Expr:
    return Ident(id_, _text(dict(_fields(data)).get(1, b"")))


def _select(id_: int, data: bytes, depth: int) -> Expr:
    fields = dict(_fields(data))
    return Select(id_, _expr(_bytes(fields[1]), depth), _text(fields[2]), bool(fields.get(3)))


def _call(id_: int, data: bytes, depth: int) -> Expr:
    fields = list(_fields(data))
    function = next(_text(value) for number, value in fields if number == 2)
    receiver = [value for number, value in fields if number == 1]
    args = receiver + [value for number, value in fields if number == 3]
    return Call(id_, function, tuple(_expr(_bytes(arg), depth) for arg in args))


def _list(id_: int, data: bytes, depth: int) -> Expr:
    return ListOf(id_, tuple(_expr(_bytes(value), depth) for number, value in _fields(data) if number == 1))


def _map(id_: int, data: bytes, depth: int) -> Expr:
    entries = [dict(_fields(_bytes(value))) for number, value in _fields(data) if number == 2]
    items = [entry[key] for entry in entries for key in (3, 4) if key in entry]
    return MapOf(id_, tuple(_expr(_bytes(item), depth) for item in items))


def _loop(id_: int, data: bytes, depth: int) -> Expr:
    fields = dict(_fields(data))
    parts = {number: _expr(_bytes(fields[number]), depth) for number in (2, 4, 5, 6, 7)}
    return Loop(id_, _text(fields[1]), parts[2], _text(fields[3]), parts[4], parts[5], parts[6], parts[7])


_KINDS = {3: _const, 4: _ident, 5: _select, 6: _call, 7: _list, 8: _map, 9: _loop}
