"""The kinds of C values and how a number lies in one.

Source: `wasmtime/component/val.h` of wasmtime 50.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from orchestrator.interface.numbers import CODES

_ORDER = (
    "bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char string list record tuple variant enum option result flags resource"
)
KIND = {name: number for number, name in enumerate(_ORDER.split())}
"""The kind byte of a value by the name of its type."""


class Form(NamedTuple):
    """How to read one number at an offset, every number of an array, and how to write one with its kind."""

    one: struct.Struct
    rows: struct.Struct
    with_kind: struct.Struct


def _form(code: str) -> Form:
    rest = 24 - struct.calcsize(f"<{code}")
    return Form(struct.Struct(f"<8x{code}"), struct.Struct(f"<8x{code}{rest}x"), struct.Struct(f"<B7x{code}{rest}x"))


NUMBERS = {name: _form(code) for name, code in CODES.items()}
"""How each number type lies in a C value; a char as its code point."""
