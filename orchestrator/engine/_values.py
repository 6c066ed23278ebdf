"""Values between the C API's form and Python's, compiled once per type.

A C value is 32 bytes: a kind, then up to three words of which the last may be an address. A lifter reads it where it
lies; a lowerer returns its 32 bytes. What a lowerer allocates belongs to the value it returns: whoever takes the value
frees it with `value_delete`. Lowering expects a value that `interface.check` has passed; what still fails half-way, a
handle that is dead, frees what was made before it.
"""

from __future__ import annotations

import ctypes
import struct
from array import array as numbers_array
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.engine import _native as c
from orchestrator.engine._kinds import KIND, NUMBERS
from orchestrator.engine._memory import MEMORY, WORDS, array, text, word, words
from orchestrator.errors import RunError, UnsupportedType
from orchestrator.interface.allowance import counts, objects
from orchestrator.interface.numbers import number_code
from orchestrator.interface.types import (
    Borrow,
    Enum,
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
    walk,
)
from orchestrator.interface.values import Variant as VariantValue
from orchestrator.interface.values import variant

if TYPE_CHECKING:
    from orchestrator.engine._resources import Handles

T = TypeVar("T")
Lift = Callable[[int, "Handles"], Any]
"""(the address of a C value, the handles of its store, and what may be made) -> the value in its Python form."""
Lower = Callable[[Any, "Handles"], bytes]
"""(a checked value, the handles of the store it goes to) -> the 32 bytes of a C value, owning what it points to."""


def imported(type_: Type) -> tuple[bool, ...]:
    """Of each handle in the type, whether its resource is another's: what equality of types leaves out."""
    return tuple(part.resource.imported for part in walk(type_) if isinstance(part, Own | Borrow))


def optional(make: Callable[[Type], T], type_: Type | None) -> T | None:
    """What `make` gives for a type; None where a case or a side carries nothing."""
    return None if type_ is None else make(type_)


# Lifting


def lifter(type_: Type) -> Lift:
    """The function that reads a value of the type.

    Raises:
        UnsupportedType: for a stream, a future, a map or an unresolved name.
    """
    lift = _lifter(type_, imported(type_))
    return _alone(lift) if counts((type_,)) else lift


def _alone(lift: Lift) -> Lift:
    """Lifts a value that is not inside another: all of the allowance is for it."""

    def lift_alone(address: int, handles: Handles) -> Any:
        handles.allowed.again()
        try:
            return lift(address, handles)
        except RunError as problem:
            raise problem.with_traceback(None) from problem.__cause__  # it keeps nothing that was read

    return lift_alone


def _inner(type_: Type) -> Lift:
    return _lifter(type_, imported(type_))


@lru_cache(maxsize=4096)
def _lifter(type_: Type, _imported: tuple[bool, ...]) -> Lift:
    match type_:
        case Primitive("string"):
            return lambda address, _handles: text(address + 8)
        case Primitive(name):
            return _lift_number(name)
        case List(element):
            return _lift_list(element)
        case Record(fields):
            return _lift_record(tuple((f.name, _inner(f.type)) for f in fields))
        case Tuple(items):
            return _lift_tuple(tuple(map(_inner, items)))
        case Variant():
            return _lift_variant({case.name: optional(_inner, case.type) for case in type_.cases})
        case Enum():
            return lambda address, _handles: text(address + 8)
        case Option(some):
            return _lift_option(_inner(some), isinstance(some, Option))
        case Result(ok, err):
            return _lift_result(optional(_inner, ok), optional(_inner, err))
        case Flags():
            return _lift_flags
        case Own(resource) | Borrow(resource):
            owned = isinstance(type_, Own)
            return lambda address, handles: handles.lift(word(address + 8), resource, owned)
        case _:
            raise UnsupportedType(f"no value of type {type_!r} can cross the engine")


def _lift_number(name: str) -> Lift:
    read = NUMBERS[name].one.unpack_from
    if name == "bool":
        return lambda address, _handles: MEMORY[address + 8] != 0
    if name == "char":
        return lambda address, _handles: chr(read(MEMORY, address)[0])
    return lambda address, _handles: read(MEMORY, address)[0]


def _lift_list(element: Type) -> Lift:
    if element == Primitive("u8"):
        return lambda address, _handles: bytes(array(address))[8 :: c.VALUE]
    if isinstance(element, Primitive) and number_code(element):
        rows = NUMBERS[element.name].rows.iter_unpack
        return lambda address, handles: [
            value for (value,) in handles.allowed.walk(rows(array(address)), word(address + 8))
        ]
    lift, each = _inner(element), objects(element)

    def lift_list(address: int, handles: Handles) -> list[Any]:
        size, at = words(address + 8)
        places = handles.allowed.walk(range(at, at + size * c.VALUE, c.VALUE), size, each)
        return [lift(place, handles) for place in places]

    return lift_list


def _lift_record(fields: tuple[tuple[str, Lift], ...]) -> Lift:
    places = tuple((name, index * c.ENTRY + c.NAME, lift) for index, (name, lift) in enumerate(fields))

    def lift_record(address: int, handles: Handles) -> dict[str, Any]:
        entries = word(address + 16)
        return {name: lift(entries + at, handles) for name, at, lift in places}

    return lift_record


def _lift_tuple(items: tuple[Lift, ...]) -> Lift:
    places = tuple((index * c.VALUE, lift) for index, lift in enumerate(items))

    def lift_tuple(address: int, handles: Handles) -> tuple[Any, ...]:
        values = word(address + 16)
        return tuple([lift(values + at, handles) for at, lift in places])

    return lift_tuple


def _lift_variant(cases: dict[str, Lift | None]) -> Lift:
    def lift_variant(address: int, handles: Handles) -> VariantValue:
        case = text(address + 8)
        lift = cases[case]
        return variant(case, lift and lift(word(address + 24), handles))

    return lift_variant


def _lift_option(lift: Lift, nested: bool) -> Lift:
    def lift_option(address: int, handles: Handles) -> Any:
        some = word(address + 8)
        if not some:
            return None
        value = lift(some, handles)
        return {"some": value} if nested else value

    return lift_option


def _lift_result(ok: Lift | None, err: Lift | None) -> Lift:
    def lift_result(address: int, handles: Handles) -> dict[str, Any]:
        side, lift = ("ok", ok) if MEMORY[address + 8] else ("err", err)
        return {side: lift(word(address + 16), handles) if lift else None}

    return lift_result


def _lift_flags(address: int, _handles: Handles) -> frozenset[str]:
    size, at = words(address + 8)
    return frozenset([text(place) for place in range(at, at + size * c.NAME, c.NAME)])


# Lowering

_PART = 4096
"""Numbers of a list that are written at a time."""


def _pack(kind: str, *words: int) -> bytes:
    return struct.pack("<B7x3Q", KIND[kind], *words, *(0,) * (3 - len(words)))


def _bytes_words(data: bytes) -> tuple[int, int]:
    """The two words of a byte vector that holds a copy of the data."""
    words = (ctypes.c_uint64 * 2)()
    c.bytes_new(ctypes.addressof(words), len(data), data)
    return words[0], words[1]


def _room(new: Callable[[int, int], None], count: int) -> tuple[int, int]:
    """The two words of a vector of so many values, to be filled."""
    words = (ctypes.c_uint64 * 2)()
    new(ctypes.addressof(words), count)
    return words[0], words[1]


def _vector_words(new: Callable[[int, int], None], values: list[bytes]) -> tuple[int, int]:
    """The two words of a vector that takes over the values."""
    size, at = _room(new, len(values))
    if values:
        MEMORY[at : at + size * c.VALUE] = b"".join(values)
    return size, at


def _copied_words(copy: Callable[[int, int], None], entries: int, count: int) -> tuple[int, int]:
    """The two words of a vector that is a copy of the entries at an address: one call, whatever their number."""
    words = (ctypes.c_uint64 * 4)(0, 0, count, entries)
    at = ctypes.addressof(words)
    copy(at, at + 16)
    return words[0], words[1]


def boxed(value: bytes) -> int:
    """The address of a value on the C API's heap, which takes over what `value` owns."""
    return int(c.value_new(value))


def free(value: bytes) -> None:
    """Frees what a lowered value owns, where nobody took it over."""
    kept = ctypes.create_string_buffer(value, c.VALUE)
    c.value_delete(ctypes.addressof(kept))


def _all(values: Iterable[bytes]) -> list[bytes]:
    """The values, lowered one after the other; when one fails, those before it are freed."""
    made: list[bytes] = []
    try:
        for value in values:
            made.append(value)  # noqa: PERF402 - what was made before a failure has to be known
    except BaseException:
        for value in made:
            free(value)
        raise
    return made


class _Names:
    """Names as the C API has them, in Python's memory: to be copied from, never to be freed.

    Arguments:
        names: what they say.
        unit: how many bytes each entry has, the name in front.
    """

    def __init__(self, names: tuple[str, ...], unit: int) -> None:
        encoded = [name.encode() for name in names]
        self._texts = ctypes.create_string_buffer(b"".join(encoded) or b"\0")
        at = ctypes.addressof(self._texts)
        self.words: dict[str, bytes] = {}
        """The two words of each."""
        for name, text_ in zip(names, encoded, strict=True):
            self.words[name] = WORDS.pack(len(text_), at)
            at += len(text_)
        self._entries = ctypes.create_string_buffer(b"".join(self.words[name].ljust(unit, b"\0") for name in names))
        self.address = ctypes.addressof(self._entries)


def lowerer(type_: Type) -> Lower:
    """The function that writes a checked value of the type.

    Raises:
        UnsupportedType: for a stream, a future, a map or an unresolved name.
    """
    return _lowerer(type_, imported(type_))


@lru_cache(maxsize=4096)
def _lowerer(type_: Type, _imported: tuple[bool, ...]) -> Lower:
    match type_:
        case Primitive("string"):
            return lambda value, _handles: _pack("string", *_bytes_words(value.encode()))
        case Primitive(name):
            return _lower_number(name)
        case List(element):
            return _lower_list(element)
        case Record(fields):
            return _lower_record(tuple((f.name, lowerer(f.type)) for f in fields))
        case Tuple(items):
            return _lower_tuple(tuple(map(lowerer, items)))
        case Variant():
            return _lower_variant({case.name: optional(lowerer, case.type) for case in type_.cases})
        case Enum():
            return lambda value, _handles: _pack("enum", *_bytes_words(value.encode()))
        case Option(some):
            return _lower_option(lowerer(some), isinstance(some, Option))
        case Result(ok, err):
            return _lower_result(optional(lowerer, ok), optional(lowerer, err))
        case Flags(names):
            return _lower_flags(names)
        case Own() | Borrow():
            resource, owned = type_.resource, isinstance(type_, Own)
            return lambda value, handles: _pack("resource", handles.lower(value, resource, owned))
        case _:
            raise UnsupportedType(f"no value of type {type_!r} can cross the engine")


def _lower_number(name: str) -> Lower:
    pack, kind = NUMBERS[name].with_kind.pack, KIND[name]
    if name == "char":
        return lambda value, _handles: pack(kind, ord(value))
    return lambda value, _handles: pack(kind, value)


def _lower_list(element: Type) -> Lower:
    if isinstance(element, Primitive) and (code := number_code(element)):
        return _lower_numbers(KIND[element.name], code)
    lower = lowerer(element)
    return lambda value, handles: _lowered_values("list", c.list_new, (lower(item, handles) for item in value))


def _lower_numbers(kind: int, code: str) -> Lower:
    """All numbers at once, written through views as every n-th item of zeros; in parts, which stay in a cache."""
    template, width = bytes([kind]) + bytes(c.VALUE - 1), struct.calcsize(code)
    bits: Any = {1: "B", 2: "H", 4: "I", 8: "Q"}[width]
    first, step = 8 // width, c.VALUE // width

    def lower_numbers(value: Any, _handles: Handles) -> bytes:
        data = memoryview(numbers_array(code, value) if isinstance(value, list) else value).cast("B").cast(bits)
        size, at = _room(c.list_new, len(data))
        part = bytearray(template * min(size, _PART))
        for start in range(0, size, _PART):
            numbers = data[start : start + _PART]
            memoryview(part).cast(bits)[first : step * len(numbers) : step] = numbers
            end = at + len(numbers) * c.VALUE
            MEMORY[at:end] = memoryview(part)[: len(numbers) * c.VALUE]
            at = end
        return _pack("list", size, at - size * c.VALUE)

    return lower_numbers


def _lowered_values(kind: str, new: Callable[[int, int], None], values: Iterable[bytes]) -> bytes:
    return _pack(kind, *_vector_words(new, _all(values)))


def _lower_record(fields: tuple[tuple[str, Lower], ...]) -> Lower:
    names = _Names(tuple(name for name, _ in fields), c.ENTRY)
    count = len(fields)

    def lower_record(value: dict[str, Any], handles: Handles) -> bytes:
        values = _all(lower(value[name], handles) for name, lower in fields)
        size, at = _copied_words(c.record_copy, names.address, count)
        place = at + c.NAME
        for each in values:
            MEMORY[place : place + c.VALUE] = each
            place += c.ENTRY
        return _pack("record", size, at)

    return lower_record


def _lower_tuple(items: tuple[Lower, ...]) -> Lower:
    def lower_tuple(value: tuple[Any, ...], handles: Handles) -> bytes:
        values = (lower(item, handles) for lower, item in zip(items, value, strict=True))
        return _lowered_values("tuple", c.tuple_new, values)

    return lower_tuple


def _lower_variant(cases: dict[str, Lower | None]) -> Lower:
    def lower_variant(value: VariantValue, handles: Handles) -> bytes:
        lower = cases[value.case]
        payload = boxed(lower(value.value, handles)) if lower else 0
        return _pack("variant", *_bytes_words(value.case.encode()), payload)

    return lower_variant


def _lower_option(lower: Lower, nested: bool) -> Lower:
    def lower_option(value: Any, handles: Handles) -> bytes:
        if value is None:
            return _pack("option", 0)
        return _pack("option", boxed(lower(value["some"] if nested else value, handles)))

    return lower_option


def _lower_result(ok: Lower | None, err: Lower | None) -> Lower:
    def lower_result(value: dict[str, Any], handles: Handles) -> bytes:
        is_ok = "ok" in value
        lower, payload = (ok, value["ok"]) if is_ok else (err, value["err"])
        return _pack("result", int(is_ok), boxed(lower(payload, handles)) if lower else 0)

    return lower_result


def _lower_flags(order: tuple[str, ...]) -> Lower:
    names = _Names(order, c.NAME)

    def lower_flags(value: frozenset[str], _handles: Handles) -> bytes:
        words = names.words
        entries = ctypes.create_string_buffer(b"".join([words[name] for name in order if name in value]))
        return _pack("flags", *_copied_words(c.flags_copy, ctypes.addressof(entries), len(value)))

    return lower_flags
