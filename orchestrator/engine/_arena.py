"""The memory of a shim, as the host uses it: where it lies, and the room in it that is free.

Room is handed out from a pointer that only moves up; it lies in the memory itself, since the shim's own allocator moves
the same one (see `_libc`). A mark beside it is where the shim goes back to when a served import was read: an instance
serves one call at a time, so there is one mark, set behind the arguments of that call. Offsets are relative to the
memory, as a guest has them, and every reader gets `Arena.memory`, a view of this memory alone: nothing that a guest
writes there can make the host read outside of it. The pages behind the view are reserved as long as the instance lives,
which its owner sees to.

Not for what values look like in memory: see `_store` and `_load`.
"""

from __future__ import annotations

import struct
from contextlib import suppress

from orchestrator.engine._libc import MARK, NEXT, ROOM
from orchestrator.engine._memory import MEMORY
from orchestrator.errors import LimitExceeded

WORD = struct.Struct("<I")
"""How the pointer to the free room and the mark lie in memory."""
KEPT = 4 << 20
"""Bytes from the start of a memory that stay with it when it is cleared: values of that size meet no page faults."""

_read, _write = WORD.unpack_from, WORD.pack_into
_write_both = struct.Struct("<II").pack_into
SHIM_LEAST = 64 << 20
"""Bytes that a guest may put there in a call, however little memory it may have itself."""


def bound(limit: int) -> int:
    """Bytes that a guest may put there in a call: two of the largest values that its own memory holds.

    Without one a list that names the same bytes again and again would take far more of the host than of the guest.

    Arguments:
        limit: bytes of the guest's own memories.
    """
    return max(SHIM_LEAST, 2 * limit)


def full(size: int, memory: memoryview) -> LimitExceeded:
    """The error that a value has no room; nothing of it was taken."""
    return LimitExceeded(
        f"the values of a call need {size} bytes more than are left in the {len(memory)} bytes they cross in: "
        "pass them in several calls",
        limit="values",
    )


def following(memory: memoryview) -> int:
    """The offset at which free room begins."""
    found: int = _read(memory, NEXT)[0]
    return found


def advance(memory: memoryview, free: int) -> None:
    """Says where free room begins from now on."""
    _write(memory, NEXT, free)


class Arena:
    """The memory of one shim.

    Arguments:
        base: its address in the process.
        size: how many bytes can be read and written from there, as long as the arena is used.
        bound: how many of them the guest may fill in a call; all where none is given.
    """

    __slots__ = ("_bound", "base", "memory", "size")

    def __init__(self, base: int, size: int, bound: int | None = None) -> None:
        self.base, self.size, self._bound = base, size, size if bound is None else bound
        self.memory = MEMORY[base : base + size]
        for word in (NEXT, MARK):  # in a new memory both are 0; the guest may have called already
            _write(self.memory, word, max(_read(self.memory, word)[0], ROOM))

    @property
    def next(self) -> int:
        """The offset at which free room begins."""
        return following(self.memory)

    def take(self, size: int, align: int) -> int:
        """The offset of so many bytes, at a multiple of `align`, a power of two.

        Raises:
            LimitExceeded: they do not fit; nothing was taken.
        """
        at = (self.next + align - 1) & -align
        if at + size > self.size:
            raise full(at + size - self.size, self.memory)
        advance(self.memory, at + size)
        return at

    def mark(self) -> None:
        """Marks where free room begins; the guest may fill as much as its bound behind the mark."""
        free = self.next
        end = free + self._bound
        _write_both(self.memory, MARK, free, end if end < self.size else self.size)

    @property
    def marked(self) -> int:
        """The offset at which the mark stands."""
        found: int = _read(self.memory, MARK)[0]
        return found

    def clear(self) -> None:
        """Frees everything, the mark too; pages beyond the first `KEPT` bytes go back to the system."""
        used = following(self.memory)
        _write_both(self.memory, NEXT, ROOM, ROOM)
        if used > KEPT:
            self._forget(used)

    def wipe(self) -> None:
        """The same where nobody knows how far the memory was written: a call failed, or is one of several in a stay."""
        _write_both(self.memory, NEXT, ROOM, ROOM)
        if self.size > KEPT:
            self._forget(self.size)

    def swollen(self) -> bool:
        """Whether more is in use than stays when it is cleared."""
        return following(self.memory) > KEPT

    def _forget(self, end: int) -> None:
        from orchestrator.engine._posix import forget

        with suppress(OSError):  # the pages stay then, as the first ones do: nobody reads there before he writes
            forget(self.base + KEPT, end - KEPT)
