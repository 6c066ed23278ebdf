"""Reading C values where they lie: the process's memory as one buffer, an address as the offset in it.

Reading through a view costs a quarter of `ctypes.string_at`. As there, an address that is not readable ends the
process: addresses come only from the C API, and are read only while what it says lies there is alive.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from orchestrator.engine._native import VALUE

MEMORY = memoryview((ctypes.c_ubyte * sys.maxsize).from_address(0)).cast("B")
"""The lower half of the address space, where a process has its own memory. Nothing is read by making it."""

QUADS = MEMORY[: sys.maxsize - 7].cast("Q")
"""The same as words of eight bytes: `QUADS[address >> 3]` is the word at an address that is a multiple of eight."""

WORDS = struct.Struct("<QQ")
_words = WORDS.unpack_from
_word = struct.Struct("<Q").unpack_from


def word(address: int) -> int:
    """The word at an address: a size, or another address."""
    found: int = _word(MEMORY, address)[0]
    return found


def words(address: int) -> tuple[int, int]:
    """The two words at an address: of a vector its size and where its elements are."""
    size, at = _words(MEMORY, address)
    return size, at


def text(address: int) -> str:
    """The text of the name or string whose two words stand at the address."""
    size, at = _words(MEMORY, address)
    return str(MEMORY[at : at + size], "utf-8") if size else ""


def array(address: int) -> memoryview:
    """The values of the list value at the address, where they lie."""
    size, at = _words(MEMORY, address + 8)
    return MEMORY[at : at + size * VALUE] if size else MEMORY[:0]
