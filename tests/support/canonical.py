"""The canonical ABI's layout of values, written down slowly and by the text of its specification: what the codec of
the bulk path is compared with, and guests are given values by. Nothing of the engine is used here.

Source: CanonicalABI.md, https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

import math
import struct
from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface.values import Variant

_NUMBERS = {
    "s8": "<b", "u8": "<B", "s16": "<h", "u16": "<H", "s32": "<i", "u32": "<I", "s64": "<q", "u64": "<Q",
    "f32": "<f", "f64": "<d",
}  # fmt: skip


def despecialized(type_: t.Type) -> t.Type:
    """Types that the ABI treats alike, as one of them."""
    match type_:
        case t.Tuple(items):
            return t.Record(tuple(t.Field(str(index), item) for index, item in enumerate(items)))
        case t.Enum(names):
            return t.Variant(tuple(t.Case(name) for name in names))
        case t.Option(some):
            return t.Variant((t.Case("none"), t.Case("some", some)))
        case t.Result(ok, err):
            return t.Variant((t.Case("ok", ok), t.Case("err", err)))
        case _:
            return type_


def spread(type_: t.Type, value: Any) -> Any:
    """A value as one of the type that its own is treated as."""
    match type_:
        case t.Tuple():
            return {str(index): item for index, item in enumerate(value)}
        case t.Enum():
            return Variant(value)
        case t.Option(some):
            if value is None:
                return Variant("none")
            return Variant("some", value["some"] if isinstance(some, t.Option) else value)
        case t.Result():
            ((side, inner),) = value.items()
            return Variant(side, inner)
        case _:
            return value


def gathered(type_: t.Type, value: Any) -> Any:
    """The way back."""
    match type_:
        case t.Tuple():
            return tuple(value.values())
        case t.Enum():
            return value.case
        case t.Option(some):
            if value.case == "none":
                return None
            return {"some": value.value} if isinstance(some, t.Option) else value.value
        case t.Result():
            return {value.case: value.value}
        case _:
            return value


def discriminant(cases: int) -> int:
    return {0: 1, 1: 1, 2: 2, 3: 4}[math.ceil(math.log2(cases) / 8)]


def alignment(type_: t.Type) -> int:
    match despecialized(type_):
        case t.Primitive("bool"):
            return 1
        case t.Primitive("char" | "string") | t.List():
            return 4
        case t.Primitive(name):
            return struct.calcsize(_NUMBERS[name])
        case t.Record(fields):
            return max(alignment(field.type) for field in fields)
        case t.Variant(cases):
            return max(discriminant(len(cases)), payload_alignment(cases))
        case t.Flags(names):
            return 1 if len(names) <= 8 else 2 if len(names) <= 16 else 4
        case _:
            raise AssertionError(type_)


def payload_alignment(cases: tuple[t.Case, ...]) -> int:
    return max([1, *(alignment(case.type) for case in cases if case.type is not None)])


def align(at: int, to: int) -> int:
    return math.ceil(at / to) * to


def element_size(type_: t.Type) -> int:
    match despecialized(type_):
        case t.Primitive("bool"):
            return 1
        case t.Primitive("char"):
            return 4
        case t.Primitive("string") | t.List():
            return 8
        case t.Primitive(name):
            return struct.calcsize(_NUMBERS[name])
        case t.Record(fields):
            end = 0
            for field in fields:
                end = align(end, alignment(field.type)) + element_size(field.type)
            return align(end, alignment(type_))
        case t.Variant(cases):
            payload = align(discriminant(len(cases)), payload_alignment(cases))
            widest = max([0, *(element_size(case.type) for case in cases if case.type is not None)])
            return align(payload + widest, alignment(type_))
        case t.Flags(names):
            return 1 if len(names) <= 8 else 2 if len(names) <= 16 else 4 * math.ceil(len(names) / 32)
        case _:
            raise AssertionError(type_)


class Reference:
    """Stores and loads values in a memory, room taken in the order of the specification."""

    def __init__(self, memory: bytearray | memoryview, free: int) -> None:
        self.memory, self.free = memory, free

    def room(self, size: int, to: int) -> int:
        at = align(self.free, to)
        self.free = at + size
        assert self.free <= len(self.memory)
        return at

    def put(self, form: str, at: int, value: Any) -> None:
        assert at % struct.calcsize(form) == 0
        struct.pack_into(form, self.memory, at, value)

    def get(self, form: str, at: int) -> Any:
        assert at % struct.calcsize(form) == 0
        return struct.unpack_from(form, self.memory, at)[0]

    def store(self, type_: t.Type, value: Any, at: int) -> None:
        value = spread(type_, value)
        match despecialized(type_):
            case t.Primitive("bool"):
                self.put("<B", at, int(value))
            case t.Primitive("char"):
                self.put("<I", at, ord(value))
            case t.Primitive("string"):
                data = value.encode()
                place = self.room(len(data), 1)
                self.memory[place : place + len(data)] = data
                self.put("<I", at, place)
                self.put("<I", at + 4, len(data))
            case t.Primitive(name):
                self.put(_NUMBERS[name], at, value)
            case t.List(element):
                self.put("<I", at, self._placed_list(element, value))
                self.put("<I", at + 4, len(value))
            case t.Record(fields):
                for field in fields:
                    at = align(at, alignment(field.type))
                    self.store(field.type, value[field.name], at)
                    at += element_size(field.type)
            case t.Variant(cases):
                index = [case.name for case in cases].index(value.case)
                width = discriminant(len(cases))
                self.put({1: "<B", 2: "<H", 4: "<I"}[width], at, index)
                carried = cases[index].type
                if carried is not None:
                    self.store(carried, value.value, align(at + width, payload_alignment(cases)))
            case t.Flags(names):
                bits = sum(1 << index for index, name in enumerate(names) if name in value)
                size = element_size(type_)
                self.memory[at : at + size] = bits.to_bytes(size, "little")
            case _:
                raise AssertionError(type_)

    def _placed_list(self, element: t.Type, value: Any) -> int:
        size = element_size(element)
        place = self.room(size * len(value), alignment(element))
        if element == t.U8:
            self.memory[place : place + len(value)] = value
            return place
        for index, item in enumerate(value):
            self.store(element, item, place + index * size)
        return place

    def load(self, type_: t.Type, at: int) -> Any:
        return gathered(type_, self._load(despecialized(type_), at))

    def _load(self, type_: t.Type, at: int) -> Any:
        match type_:
            case t.Primitive("bool"):
                return bool(self.get("<B", at))
            case t.Primitive("char"):
                return chr(self.get("<I", at))
            case t.Primitive("string"):
                place, size = self.get("<I", at), self.get("<I", at + 4)
                return bytes(self.memory[place : place + size]).decode()
            case t.Primitive(name):
                return self.get(_NUMBERS[name], at)
            case t.List(element):
                place, count = self.get("<I", at), self.get("<I", at + 4)
                assert place % alignment(element) == 0
                if element == t.U8:
                    assert place + count <= len(self.memory)
                    return bytes(self.memory[place : place + count])
                return [self.load(element, place + index * element_size(element)) for index in range(count)]
            case t.Record(fields):
                found = {}
                for field in fields:
                    at = align(at, alignment(field.type))
                    found[field.name] = self.load(field.type, at)
                    at += element_size(field.type)
                return found
            case t.Variant(cases):
                width = discriminant(len(cases))
                case = cases[self.get({1: "<B", 2: "<H", 4: "<I"}[width], at)]
                payload = align(at + width, payload_alignment(cases))
                return Variant(case.name, None if case.type is None else self.load(case.type, payload))
            case t.Flags(names):
                bits = int.from_bytes(self.memory[at : at + element_size(type_)], "little")
                return frozenset(name for index, name in enumerate(names) if bits >> index & 1)
            case _:
                raise AssertionError(type_)

    # Flat numbers: unsigned integers, floats

    def lower(self, type_: t.Type, value: Any) -> list[Any]:
        value = spread(type_, value)
        match despecialized(type_):
            case t.Primitive("f32" | "f64"):
                return [value]
            case t.Primitive("char"):
                return [ord(value)]
            case t.Primitive("string") | t.List():
                at = self.room(8, 4)
                self.store(type_, value, at)
                return [self.get("<I", at), self.get("<I", at + 4)]
            case t.Primitive(name):
                return [int(value) % 2 ** (64 if name.endswith("64") else 32)]
            case t.Record(fields):
                return [number for field in fields for number in self.lower(field.type, value[field.name])]
            case t.Variant(cases):
                index = [case.name for case in cases].index(value.case)
                carried = cases[index].type
                numbers = [] if carried is None else self.lower(carried, value.value)
                held = [] if carried is None else flattened(carried)
                joined = flattened(type_)[1:]
                passed = [_coerced(number, one, core) for number, one, core in zip(numbers, held, joined, strict=False)]
                return [index, *passed, *(0 for _ in joined[len(passed) :])]
            case t.Flags(names):
                bits = sum(1 << index for index, name in enumerate(names) if name in value)
                return [bits >> start & 0xFFFFFFFF for start in range(0, len(names), 32)]
            case _:
                raise AssertionError(type_)


def flattened(type_: t.Type) -> list[str]:
    match despecialized(type_):
        case t.Primitive("string") | t.List():
            return ["i32", "i32"]
        case t.Primitive(name):
            return [{"f32": "f32", "f64": "f64", "s64": "i64", "u64": "i64"}.get(name, "i32")]
        case t.Record(fields):
            return [core for field in fields for core in flattened(field.type)]
        case t.Variant(cases):
            joined: list[str] = []
            for case in cases:
                for index, core in enumerate([] if case.type is None else flattened(case.type)):
                    if index < len(joined):
                        joined[index] = _join(joined[index], core)
                    else:
                        joined.append(core)
            return ["i32", *joined]
        case t.Flags(names):
            return ["i32"] * math.ceil(len(names) / 32)
        case _:
            raise AssertionError(type_)


def _join(one: str, other: str) -> str:
    if one == other:
        return one
    return "i32" if {one, other} == {"i32", "f32"} else "i64"


def _coerced(number: Any, held: str, wanted: str) -> Any:
    if held == wanted or held == "i32":
        return number
    form = {"f32": ("<f", "<I"), "f64": ("<d", "<Q")}[held]
    return struct.unpack(form[1], struct.pack(form[0], number))[0]
