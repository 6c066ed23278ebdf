"""The memory of a shim, as the host uses it: where it lies, and the room in it that is free.

Room is handed out from a pointer that only moves up and is set back when a call has ended; the pointer lies in the
memory itself, since the shim's own allocator moves the same one. Offsets are relative to the memory, as a guest has
them, and every reader gets `Arena.memory`, a view of this memory alone: nothing that a guest writes there can make the
host read outside of it. The pages behind the view are reserved as long as the instance lives, which its owner sees to.

Not for what values look like in memory: see `_store` and `_load`.
"""

from __future__ import annotations

import struct

from orchestrator.engine._memory import MEMORY
from orchestrator.errors import LimitExceeded

ROOM = 64
"""Where free room begins; in front of it stand the two words and what may come to them."""

WORD = struct.Struct("<I")
"""How the pointer to the free room lies at 0, and the mark at 4."""

_next, _set = WORD.unpack_from, WORD.pack_into
_MARK = 4
_both = struct.Struct("<II").pack_into
KEPT = 4 << 20
"""Bytes from the start of a memory that stay with it when it is cleared: values of that size meet no page faults."""


def full(size: int, memory: memoryview) -> LimitExceeded:
    """The error that a value has no room; nothing of it was taken."""
    return LimitExceeded(
        f"the values of a call need {size} bytes more than are left in the {len(memory)} bytes they cross in: "
        "pass them in several calls"
    )


def following(memory: memoryview) -> int:
    """The offset at which free room begins."""
    found: int = _next(memory, 0)[0]
    return found


def advance(memory: memoryview, free: int) -> None:
    """Says where free room begins from now on."""
    _set(memory, 0, free)


class Arena:
    """The memory of one shim.

    Arguments:
        base: its address in the process.
        size: how many bytes can be read and written from there, as long as the arena is used.
    """

    __slots__ = ("base", "high", "memory", "size")

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self.memory = MEMORY[base : base + size]
        self.high = 0
        """The highest offset that `reset` saw in use; whoever gives pages back to the system sets it to 0."""

    @property
    def next(self) -> int:
        """The offset at which free room begins."""
        return following(self.memory)

    def take(self, size: int, align: int) -> int:
        """The offset of so many bytes, at a multiple of `align`, a power of two.

        Raises:
            LimitExceeded: they do not fit; nothing was taken.
        """
        at = (following(self.memory) + align - 1) & -align
        if at + size > self.size:
            raise full(at + size - self.size, self.memory)
        advance(self.memory, at + size)
        return at

    def mark(self) -> int:
        """Marks where free room begins, for `reset`; returns the mark that stood before, which `reset` brings back.

        The shim goes back to the mark itself when a served import has been read, so marks are nested as calls are.
        """
        before: int = _next(self.memory, _MARK)[0]
        _set(self.memory, _MARK, following(self.memory))
        return before

    def reset(self, before: int) -> None:
        """Frees what was taken since `mark`, which gave `before`."""
        free = following(self.memory)
        if free > self.high:
            self.high = free
        advance(self.memory, _next(self.memory, _MARK)[0])
        _set(self.memory, _MARK, before)

    @property
    def marked(self) -> int:
        """The offset at which the mark stands."""
        found: int = _next(self.memory, _MARK)[0]
        return max(found, ROOM)

    def clear(self) -> None:
        """Frees everything, the mark too; pages beyond the first `KEPT` bytes go back to the system."""
        memory = self.memory
        used = following(memory)
        _both(memory, 0, ROOM, ROOM)
        if used > KEPT:
            from orchestrator.engine._posix import forget

            forget(self.base + KEPT, used - KEPT)
