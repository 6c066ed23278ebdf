"""A value that lies in memory as the flat numbers by which it is passed, without making a Python value of it.

What it points to stays where it is. Source: CanonicalABI.md, section Flat Lowering,
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from orchestrator.engine._flat import flat
from orchestrator.engine._leaves import discriminant_code, flag_codes, sides
from orchestrator.engine._numbers import Number
from orchestrator.interface.numbers import CODES
from orchestrator.interface.sizes import layout, offsets
from orchestrator.interface.types import (
    Enum,
    Flags,
    List,
    Option,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
    children,
)

Reflat = Callable[[memoryview, int], tuple[Number, ...]]
"""(the memory, the offset of the value) -> its flat numbers."""

_BITS = {"i32": 32, "i64": 64}


@lru_cache(maxsize=4096)
def reflat(type_: Type) -> Reflat:
    """The function for values of a type."""
    match type_:
        case Primitive("string") | List():
            return struct.Struct("<II").unpack_from
        case Primitive(name):
            return _number(name)
        case Enum(cases):
            return struct.Struct(f"<{discriminant_code(len(cases))}").unpack_from
        case Flags(names):
            return struct.Struct("<" + "".join(flag_codes(len(names)))).unpack_from
        case Record() | Tuple():
            return _parts(children(type_))
        case _:
            return _cases(type_)


def _number(name: str) -> Reflat:
    """A number in the unsigned form that a core function takes: signed ones are extended to their core type."""
    read, (core,) = struct.Struct(f"<{CODES[name]}").unpack_from, flat((Primitive(name),))
    if core not in _BITS:
        return read
    mask = (1 << _BITS[core]) - 1
    return lambda memory, at: (read(memory, at)[0] & mask,)


def _parts(types: Sequence[Type]) -> Reflat:
    places = tuple(zip(offsets(types), map(reflat, types), strict=True))
    return lambda memory, at: tuple(number for start, part in places for number in part(memory, at + start))


def _cases(type_: Type) -> Reflat:
    """A discriminant, then the numbers of its case, each in the core type that all cases share in its place."""
    assert isinstance(type_, Option | Result | Variant)
    cases = [case for _, case in sides(type_)]
    code = discriminant_code(len(cases))
    read, cores = struct.Struct(f"<{code}").unpack_from, flat((type_,))[1:]
    align = max((layout(case)[1] for case in cases if case is not None), default=1)
    start = (struct.calcsize(f"<{code}") + align - 1) & -align
    payloads = [None if case is None else (reflat(case), _joined(flat((case,)), cores)) for case in cases]

    def found(memory: memoryview, at: int) -> tuple[Number, ...]:
        (number,) = read(memory, at)
        if number >= len(payloads):
            raise ValueError(f"a value of {len(payloads)} cases is of case {number}")
        payload = payloads[number]
        inner: tuple[Number, ...] = () if payload is None else payload[1](payload[0](memory, at + start))
        return (number, *inner, *(0,) * (len(cores) - len(inner)))

    return found


def _joined(cores: tuple[str, ...], shared: tuple[str, ...]) -> Callable[[tuple[Number, ...]], tuple[Number, ...]]:
    """Brings numbers of a case into the core types that the cases share: a float there may be passed as its bits."""
    bits = [
        struct.Struct("<f" if core == "f32" else "<d") if core != there and core in ("f32", "f64") else None
        for core, there in zip(cores, shared, strict=False)
    ]
    if not any(bits):
        return lambda numbers: numbers
    return lambda numbers: tuple(
        number if form is None else int.from_bytes(form.pack(number), "little")
        for form, number in zip(bits, numbers, strict=True)
    )
