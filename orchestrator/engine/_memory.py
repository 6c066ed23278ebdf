"""Reading C values out of memory, by copying: what is read stays valid whatever happens to where it lay."""

from __future__ import annotations

import ctypes
import struct

from orchestrator.engine._native import VALUE

WORDS = struct.Struct("<QQ")
words_at = WORDS.unpack_from
"""(buffer, offset) -> two words: of a vector its size and address."""


def read(address: int, size: int) -> bytes:
    """A copy of `size` bytes at an address."""
    return ctypes.string_at(address, size) if size else b""


def text(buffer: bytes, offset: int) -> str:
    """The text of the name or string whose two words stand at the offset."""
    size, address = words_at(buffer, offset)
    return ctypes.string_at(address, size).decode() if size else ""


def array_at(buffer: bytes, offset: int) -> bytes:
    """The values of the list value at the offset."""
    size, address = words_at(buffer, offset + 8)
    return ctypes.string_at(address, size * VALUE) if size else b""


def pointee(buffer: bytes, offset: int) -> bytes:
    """The value whose address stands at the offset."""
    return ctypes.string_at(int.from_bytes(buffer[offset : offset + 8], "little"), VALUE)
