"""What the memories of an instance held, in a file in memory that instances map.

A page that a guest does not write to is there once, however many instances map the file. A page that it writes to is
its own from then on, and the system can tell which those are (`_posix.changed`): taking an instance back copies these
few from the file, so that nothing faults afterwards. Where the system cannot tell, where they are very many, or now and
then, the instance forgets all that it wrote, and each page is mapped anew when it is next touched: a page that was
written to once would be copied for ever.

Nothing here knows of globals, handles or the host: see `snapshot`.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from mmap import PAGESIZE

from orchestrator.engine import _posix
from orchestrator.engine._memories import Memory, Written
from orchestrator.engine._memory import MEMORY

MANY = 16 << 10
"""Changed pages of a memory from which on it forgets them all: those that are copied back stay, and take their room."""
_FAULT = 10
"""Pages that are copied in the time that mapping one anew takes; measured: 12 in a virtual machine, fewer elsewhere."""
_ALIKE = 100
"""Copies of a page that count as one needless copy, where the first guest wrote to that page and later ones may too."""
_BLOCK = 1 << 20
_ZERO = bytes(PAGESIZE)

Changes = Mapping[int, bytes]
"""Pages by their numbers in a memory."""


class Base:
    """A file of what some memories hold, one behind the other.

    Arguments:
        contents: of each memory; whole pages.

    Raises:
        OSError: the system has no room for it.
    """

    def __init__(self, contents: Sequence[memoryview]) -> None:
        self._make([len(content) for content in contents])
        for offset, content in zip(self.offsets, contents, strict=True):
            _write(self._descriptor, offset, content)

    @classmethod
    def of_pages(cls, sizes: Sequence[int], pages: Iterable[tuple[int, int, bytes]]) -> Base:
        """The same of pages: the number of the memory, that of the page in it, and what it holds; others are zero.

        Raises:
            OSError: the system has no room for it.
        """
        made = cls.__new__(cls)
        made._make(sizes)
        for memory, page, data in pages:
            os.pwrite(made._descriptor, data, made.offsets[memory] + page * PAGESIZE)
        return made

    def _make(self, sizes: Sequence[int]) -> None:
        self._at = self._length = 0
        self.sizes = list(sizes)
        self.offsets = [sum(self.sizes[:number]) for number in range(len(self.sizes))]
        self._descriptor = os.memfd_create("orchestrator-snapshot", os.MFD_CLOEXEC)
        length = sum(self.sizes)
        os.ftruncate(self._descriptor, length)
        if length:
            self._at, self._length = _posix.map_to_read(self._descriptor, length), length

    def __del__(self, close: Callable[[int], None] = os.close, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if ends():  # what would unmap it may be gone, and all goes with the process
            return
        if getattr(self, "_at", 0):
            _posix.release(self._at, self._length)
        if hasattr(self, "_descriptor"):
            close(self._descriptor)

    def content(self, number: int) -> memoryview:
        """What a memory held, by its number."""
        start = self._at + self.offsets[number]
        return MEMORY[start : start + self.sizes[number]]

    def filled(self) -> Iterator[tuple[int, int, bytes]]:
        """Its pages that are not zero: see `of_pages`."""
        for number, size in enumerate(self.sizes):
            content = self.content(number)
            for block in range(0, size, _BLOCK):
                data = bytes(content[block : block + _BLOCK])
                for start, end in () if data.count(0) == len(data) else _filled(data):
                    for at in range(start, end, PAGESIZE):
                        yield number, (block + at) // PAGESIZE, data[at : at + PAGESIZE]

    @cached_property
    def name(self) -> str:
        """A name for what it holds, hexadecimal: the same for the same."""
        digest = hashlib.sha256(repr(self.sizes).encode())
        for memory, page, data in self.filled():
            digest.update(struct.pack("<2Q", memory, page) + data)
        return digest.hexdigest()

    def give(self, memories: Sequence[Memory]) -> None:
        """Has memories, which are as large or larger, hold what they held.

        Raises:
            ValueError: one is smaller.
            OSError: the file cannot be mapped.
        """
        for memory, offset, size in zip(memories, self.offsets, self.sizes, strict=True):
            if size:
                memory.map(self._descriptor, offset, size)
            memory.blank(size)

    def changes(self, number: int, memory: Memory) -> Iterator[tuple[int, int]]:
        """The regions of a memory that may hold something else than in the file, from where to where in it."""
        size = min(self.sizes[number], memory.size)
        base = memory.base
        found = _posix.changed(base, base + size) if _posix.tells_changes() else [(base, base + size)]
        yield from ((start - base, end - base) for start, end in found if start < end)
        if memory.size > size:
            yield size, memory.size

    def clean(self, number: int, memory: Memory, faults: int) -> int:
        """Has a memory hold what it held, as far as the file goes, and nothing behind it.

        Arguments:
            faults: how many the process has had since the guest last ran (`_posix.faults`).

        Returns:
            The pages that it had changed; all of it where the system cannot tell.

        Raises:
            OSError: the system takes nothing back: what the guest wrote may be there still.
        """
        base, size = memory.base, min(self.sizes[number], memory.size)
        memory.blank(size)
        if not _posix.tells_changes():
            _posix.forget(base, size)
            return size // PAGESIZE
        written = self._written(number, memory, base + size, faults)
        if written.pages > MANY or written.debt > _FAULT * written.pages:
            memory.written = None
            _posix.forget(base, size)
        else:
            for place, held in written.copies:
                MEMORY[place] = held
            # Pages that the first guest did not write to may be copied needlessly: later ones may not write to them.
            written.debt += written.pages - written.least + written.pages / _ALIKE
        return written.pages

    def _written(self, number: int, memory: Memory, end: int, faults: int) -> Written:
        """Which of a memory's pages are its own; the system is asked where there may be more of them than there were.

        A page that was copied back stays the memory's own. So of a guest that does the same again and again there are
        no more after a while, and asking for them would take longer than copying them.
        """
        known = memory.written
        if known is None:
            known = memory.written = Written()
        elif known.faults == faults:
            return known
        known.faults = faults
        regions = _posix.changed(memory.base, end)
        if regions != known.regions:
            shift = self._at + self.offsets[number] - memory.base
            known.regions, known.copies = regions, [_copy(start, end, shift) for start, end in regions]
            known.pages = sum(end - start for start, end in regions) // PAGESIZE
            known.least = known.least or known.pages
        return known


def _copy(start: int, end: int, shift: int) -> tuple[slice, memoryview]:
    """A region, and what the file holds of it."""
    return slice(start, end), MEMORY[start + shift : end + shift]


def _write(descriptor: int, offset: int, content: memoryview) -> None:
    """Writes what is not zero, so that the file takes no room for the rest."""
    for block in range(0, len(content), _BLOCK):
        data = bytes(content[block : block + _BLOCK])
        if data.count(0) == len(data):
            continue
        for at, end in _filled(data):
            os.pwrite(descriptor, data[at:end], offset + block + at)


def _filled(data: bytes) -> Iterator[tuple[int, int]]:
    """The regions of whole pages that are not zero."""
    start = None
    for at in range(0, len(data), PAGESIZE):
        zero = data[at : at + PAGESIZE] == _ZERO
        if zero and start is not None:
            yield start, at
            start = None
        elif not zero and start is None:
            start = at
    if start is not None:
        yield start, len(data)
