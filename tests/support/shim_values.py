"""Values laid out in a linear memory by the canonical ABI, for tests of what reads and writes there.

Written from CanonicalABI.md alone, apart from the engine's own code for it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface.sizes import layout
from orchestrator.interface.values import Variant

_FORMATS = {
    "bool": "?", "s8": "b", "u8": "B", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q",
    "f32": "f", "f64": "d",
}  # fmt: skip


class Values:
    """Reads and writes values.

    Arguments:
        read: (address, size) -> bytes.
        write: (address, bytes).
        room: (size, alignment) -> the address of as much room.
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        write: Callable[[int, bytes], None],
        room: Callable[[int, int], int],
    ) -> None:
        self._read, self._write, self.room = read, write, room

    def put(self, type_: t.Type, value: Any) -> int:
        """Writes a value somewhere; where."""
        at = self.room(*layout(type_))
        self.store(type_, value, at)
        return at

    def store(self, type_: t.Type, value: Any, at: int) -> None:
        """Writes a value at an address."""
        match type_:
            case t.Primitive("string"):
                data = value.encode()
                self._pair(data, len(data), 1, at)
            case t.List(t.Primitive("u8")):
                self._pair(value, len(value), 1, at)
            case t.List(element):
                size, alignment = layout(element)
                start = self.room(size * len(value), alignment)
                for number, one in enumerate(value):
                    self.store(element, one, start + number * size)
                self._write(at, struct.pack("<II", start, len(value)))
            case t.Primitive("char"):
                self._write(at, struct.pack("<I", ord(value)))
            case t.Primitive(name):
                self._write(at, struct.pack("<" + _FORMATS[name], value))
            case t.Enum(names):
                self._number(names.index(value), layout(type_)[0], at)
            case t.Flags(names):
                bits = sum(1 << number for number, name in enumerate(names) if name in value)
                self._number(bits, layout(type_)[0], at)
            case t.Record() | t.Tuple():
                for (inner, offset), one in zip(_places(type_), _parts(type_, value), strict=True):
                    self.store(inner, one, at + offset)
            case _:
                self._store_case(type_, value, at)

    def _pair(self, data: bytes, count: int, alignment: int, at: int) -> None:
        start = self.room(len(data), alignment)
        self._write(start, data)
        self._write(at, struct.pack("<II", start, count))

    def _number(self, value: int, size: int, at: int) -> None:
        self._write(at, value.to_bytes(size, "little"))

    def _store_case(self, type_: t.Type, value: Any, at: int) -> None:
        cases, offset, size = _cases(type_)
        number, payload = _chosen(type_, value)
        self._number(number, size, at)
        inner = cases[number][1]
        if inner is not None:
            self.store(inner, payload, at + offset)

    def load(self, type_: t.Type, at: int) -> Any:
        """The value at an address."""
        match type_:
            case t.Primitive("string"):
                return self._read(*self._words(at)).decode()
            case t.List(t.Primitive("u8")):
                return self._read(*self._words(at))
            case t.List(element):
                start, count = self._words(at)
                return [self.load(element, start + number * layout(element)[0]) for number in range(count)]
            case t.Primitive("char"):
                return chr(self._natural(at, 4))
            case t.Primitive(name):
                return struct.unpack("<" + _FORMATS[name], self._read(at, layout(type_)[0]))[0]
            case t.Enum(names):
                return names[self._natural(at, layout(type_)[0])]
            case t.Flags(names):
                bits = self._natural(at, layout(type_)[0])
                return frozenset(name for number, name in enumerate(names) if bits >> number & 1)
            case t.Tuple():
                return tuple(self.load(inner, at + offset) for inner, offset in _places(type_))
            case t.Record(fields):
                values = (self.load(inner, at + offset) for inner, offset in _places(type_))
                return {field.name: value for field, value in zip(fields, values, strict=True)}
            case _:
                return self._load_case(type_, at)

    def _words(self, at: int) -> tuple[int, int]:
        return self._natural(at, 4), self._natural(at + 4, 4)

    def _natural(self, at: int, size: int) -> int:
        return int.from_bytes(self._read(at, size), "little")

    def _load_case(self, type_: t.Type, at: int) -> Any:
        cases, offset, size = _cases(type_)
        name, inner = cases[self._natural(at, size)]
        payload = None if inner is None else self.load(inner, at + offset)
        match type_:
            case t.Variant():
                return Variant(name, payload)
            case t.Result():
                return {name: payload}
            case t.Option(t.Option()):
                return {"some": payload} if name == "some" else None
            case _:
                return payload


def _places(type_: t.Record | t.Tuple) -> Iterator[tuple[t.Type, int]]:
    """The types inside, each with its offset."""
    offset = 0
    for inner in t.children(type_):
        size, alignment = layout(inner)
        offset = -(-offset // alignment) * alignment
        yield inner, offset
        offset += size


def _parts(type_: t.Record | t.Tuple, value: Any) -> list[Any]:
    return list(value) if isinstance(type_, t.Tuple) else [value[field.name] for field in type_.fields]


def _cases(type_: t.Type) -> tuple[list[tuple[str, t.Type | None]], int, int]:
    """The cases, the offset of what they carry and the size of the discriminant."""
    match type_:
        case t.Variant(variants):
            cases: list[tuple[str, t.Type | None]] = [(case.name, case.type) for case in variants]
        case t.Option(some):
            cases = [("none", None), ("some", some)]
        case t.Result(ok, err):
            cases = [("ok", ok), ("err", err)]
        case _:
            raise AssertionError(f"no cases in {type_}")
    size = 1 if len(cases) <= 256 else 2
    alignment = max((layout(inner)[1] for _, inner in cases if inner is not None), default=1)
    return cases, -(-size // alignment) * alignment, size


def _chosen(type_: t.Type, value: Any) -> tuple[int, Any]:
    match type_:
        case t.Variant(cases):
            return next(n for n, case in enumerate(cases) if case.name == value.case), value.value
        case t.Result():
            return (0, value["ok"]) if "ok" in value else (1, value["err"])
        case t.Option(t.Option()):
            return (0, None) if value is None else (1, value["some"])
        case _:
            return (0, None) if value is None else (1, value)
