"""How plain numbers lie in memory: the code of each, as `struct`, `array` and `memoryview` write it."""

from __future__ import annotations

from orchestrator.interface.types import BOOL, CHAR, Primitive, Type

CODES = {
    "bool": "?", "s8": "b", "u8": "B", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q",
    "f32": "f", "f64": "d", "char": "I",
}  # fmt: skip
"""By the name of each primitive that is one number; a char as its code point."""


def number_code(type_: Type) -> str:
    """The code of a number whose lists may be buffers; empty for any other type, bool and char among them."""
    return CODES.get(type_.name, "") if isinstance(type_, Primitive) and type_ not in (BOOL, CHAR) else ""
