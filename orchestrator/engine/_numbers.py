"""Plain numbers as C values: what the functions of a shim are called with, and what they give.

A number is passed as the unsigned type or the float of its size, and owns nothing, so that nothing is ever freed.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from functools import lru_cache

from orchestrator.engine import _native as c
from orchestrator.engine._flat import CROSSES_AS
from orchestrator.engine._kinds import KIND
from orchestrator.engine._memory import MEMORY
from orchestrator.interface.numbers import CODES

Number = int | float


@lru_cache(maxsize=4096)
def reader(cores: tuple[str, ...]) -> struct.Struct:
    """Unpacks an array of C values of those core types."""
    return struct.Struct("<" + "".join(f"8x{_number(core)}" for core in cores))


@lru_cache(maxsize=4096)
def writer(cores: tuple[str, ...]) -> struct.Struct:
    """Packs an array of C values of those core types, each as its kind and its number."""
    return struct.Struct("<" + "".join(f"B7x{_number(core)}" for core in cores))


def kind(core: str) -> int:
    """The kind of a C value of a core type."""
    return KIND[CROSSES_AS[core]]


def _number(core: str) -> str:
    """A number behind its kind, and what of the C value it leaves empty."""
    code = CODES[CROSSES_AS[core]]
    return f"{code}{c.VALUE - 8 - struct.calcsize(f'<{code}')}x"


class Numbers:
    """Room for the C values of so many numbers.

    Arguments:
        cores: their core types.
    """

    __slots__ = ("_pack", "_room", "_unpack", "_values", "at", "count")

    def __init__(self, cores: tuple[str, ...]) -> None:
        self.count = len(cores)
        self._room = (ctypes.c_uint64 * (c.VALUE // 8 * max(1, self.count)))()
        self.at = ctypes.addressof(self._room)
        self._values: list[Number] = [word for core in cores for word in (kind(core), 0)]
        self._pack, self._unpack = writer(cores).pack_into, reader(cores).unpack_from

    def fill(self, numbers: Sequence[Number]) -> None:
        """Writes the numbers."""
        self._values[1::2] = numbers
        self._pack(MEMORY, self.at, *self._values)

    def read(self) -> tuple[Number, ...]:
        """The numbers that stand there."""
        return self._unpack(MEMORY, self.at)
