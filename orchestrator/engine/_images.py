"""Takes what a component's memories hold at first out of its binary, as images that can be mapped.

A module writes its active data segments into its memory each time it is instantiated: 12 MB for a CPython guest. Where
the place of a segment is a constant and the memory is the module's own, nobody can tell whether it was written or was
there; so such a segment becomes empty and passive, which is what an active one is once it was written, and its bytes go
into the image of that memory. Where no code refers to segments by number, it goes altogether: an instantiation looks at
every segment, and ten thousand take longer than all the rest. Not for files and mappings: see `_image_file` and
`_memories`.

Left as they are: segments for a memory that the module imports, at a place that only a global tells, behind such a one
in the same memory (they may overlap), modules that trap at a segment out of bounds, and modules with little data.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from orchestrator.engine._binary import Place, made
from orchestrator.engine._image_file import PAGE, Image
from orchestrator.engine._sections import IMPORTED_MEMORY, CoreSection, Reader, rewritten, section, unsigned

THRESHOLD = 64 << 10
"""Bytes of data of a module that are worth a mapping: copying less takes no longer than the faults."""
MAX_SPAN = 256 << 20
"""Bytes between the first and the last byte of an image, holes among them."""
_ACTIVE, _PASSIVE, _ACTIVE_IN = range(3)
_EMPTY = bytes([_PASSIVE, 0])
_END, _I32_CONST, _I64_CONST, _GLOBAL_GET = 0x0B, 0x41, 0x42, 0x23
_ARITHMETIC = (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E)
_SHARED, _WIDE = 2, 4


@dataclass(slots=True)
class _Memory:
    """A memory that a module defines; `open` until a segment comes whose place is not known."""

    wide: bool
    size: int
    open: bool
    segments: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class _Memories:
    imported: int = 0
    own: list[_Memory] = field(default_factory=list)

    def find(self, index: int) -> _Memory | None:
        """The module's own memory of that index."""
        return self.own[index - self.imported] if self.imported <= index < self.imported + len(self.own) else None


Valid = Callable[[bytes], bool]
"""Whether a core module is valid."""


def strip(binary: bytes, valid: Valid) -> tuple[bytes, tuple[Image | None, ...]]:
    """The component without the data that its memories can be given, and the images in the order of its memories.

    The images are those of the memories that begin with a page or more, in the order in which an instantiation makes
    them (`_binary.Made.memories`); None for one that is made empty. () if there is no image at all.

    Arguments:
        valid: asked whether code refers to segments: such code needs the section that counts them.

    Raises:
        ComponentError, ValueError: the binary has a form that is not known.
    """
    images: dict[Place, Image] = {}
    numbers = itertools.count()
    stripped = rewritten(binary, lambda module: _stripped(module, next(numbers), images, valid))
    return (stripped, tuple(map(images.get, made(binary).memories))) if images else (binary, ())


def _stripped(module: Reader, number: int, images: dict[Place, Image], valid: Valid) -> bytes:
    """The module without its data, which is put into `images`; the module as it is if that is not worth it."""
    whole = module.rest()
    try:
        rest = _Rest(module)
    except ValueError:  # what is wrong with it, or new, is for wasmtime to say
        return whole
    memories = rest.memories.own
    if sum(len(data) for memory in memories for _, data in memory.segments) <= THRESHOLD:
        return whole
    found = {
        (number, index): Image(memory.size, tuple(memory.segments))
        for index, memory in enumerate(memories)
        if memory.segments
    }
    if any(image.length > MAX_SPAN for image in found.values()):
        return whole
    images.update(found)
    unreferred = rest.count is None or valid(rest.uncounted())
    return rest.without_segments() if unreferred else rest.with_empty_segments()


class _Rest:
    """What remains of a module: its other sections, and what its segments become; None for one that is in an image.

    Raises:
        ValueError: the module uses a form that is not known here, or would trap while it is instantiated.
    """

    def __init__(self, module: Reader) -> None:
        self.memories = _Memories()
        self.count: int | None = None
        """The segments that it says it has before its code begins, as it must if the code refers to them."""
        self._segments: list[bytes | None] = []
        self._sections = [(-1, module.preamble())]
        for kind, inner in module.sections():
            self._sections.append((kind, inner.rest()))
            self._read(kind, inner)
        if self.count not in (None, len(self._segments)):
            raise ValueError("it has not as many segments as it says")

    def _read(self, kind: int, inner: Reader) -> None:
        if kind == CoreSection.IMPORTS:
            self.memories.imported = sum(inner.core_import() == IMPORTED_MEMORY for _ in range(inner.number()))
        elif kind == CoreSection.MEMORIES:
            self.memories.own = [_memory(inner) for _ in range(inner.number())]
        elif kind == CoreSection.DATA_COUNT:
            self.count = inner.number()
        elif kind == CoreSection.DATA:
            self._segments += _segments(inner, inner.number(), self.memories)
        else:
            return
        if inner.rest():
            raise ValueError("something follows the last entry of a section")

    def with_empty_segments(self) -> bytes:
        """The module with all of its segments, in which they keep their numbers."""
        return self._with([_EMPTY if segment is None else segment for segment in self._segments])

    def without_segments(self) -> bytes:
        """The module with those segments only that are in no image."""
        return self._with([segment for segment in self._segments if segment is not None])

    def uncounted(self) -> bytes:
        """The module without a segment, and without saying so: it is not valid if its code refers to one."""
        return self._with([], counted=False)

    def _with(self, segments: list[bytes], *, counted: bool = True) -> bytes:
        count = unsigned(len(segments))
        bodies: dict[int, bytes] = {CoreSection.DATA: count + b"".join(segments), CoreSection.DATA_COUNT: count}
        (_, preamble), *sections = self._sections
        kept = (section(k, bodies.get(k, body)) for k, body in sections if counted or k != CoreSection.DATA_COUNT)
        return preamble + b"".join(kept)


def _memory(memories: Reader) -> _Memory:
    flags, minimum, _ = memories.limits()
    return _Memory(bool(flags & _WIDE), minimum * PAGE, open=not flags & _SHARED)


def _segments(data: Reader, count: int, memories: _Memories) -> Iterator[bytes | None]:
    """The segments as they stay; None for those that go into their memories."""
    for _ in range(count):
        start = data.at
        kind = data.number()
        if kind > _ACTIVE_IN:
            raise ValueError("a segment of an unknown kind")
        memory = memories.find(data.number() if kind == _ACTIVE_IN else 0) if kind != _PASSIVE else None
        place = None if kind == _PASSIVE else _place(data, memory)
        content = data.take(data.number())
        if memory is None or place is None or not memory.open:
            if memory is not None:
                memory.open = False
            yield data.since(start)
            continue
        if place + len(content) > memory.size:
            raise ValueError("a segment out of bounds, which traps")
        if content:
            memory.segments.append((place, content))
        yield None


def _place(data: Reader, memory: _Memory | None) -> int | None:
    """Where an active segment goes: None where that is no constant, or not one of the memory's kind."""
    bits = 64 if memory is not None and memory.wide else 32
    operations = list(_operations(data))
    if len(operations) != 1 or operations[0][0] != (_I64_CONST if bits == 64 else _I32_CONST):
        return None
    return operations[0][1] & (1 << bits) - 1


def _operations(expression: Reader) -> Iterator[tuple[int, int]]:
    """What a constant expression consists of, each operation with its operand."""
    while (operation := expression.byte()) != _END:
        if operation in (_I32_CONST, _I64_CONST):
            yield operation, expression.signed(64 if operation == _I64_CONST else 32)
        elif operation == _GLOBAL_GET:
            yield operation, expression.number()
        elif operation in _ARITHMETIC:
            yield operation, 0
        else:
            raise ValueError("an expression with an unknown operation")
