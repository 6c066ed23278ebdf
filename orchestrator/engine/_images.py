"""Takes what a component's memories hold at first out of its binary, as images that can be mapped.

A module writes its active data segments into its memory each time it is instantiated: 19 MB for a CPython guest. Where
the place of a segment is a constant and the memory is the module's own, nobody can tell whether it was written or was
there; so such a segment becomes empty and passive, which is what an active one is once it was written, and its bytes go
into the image of that memory. Not for files and mappings: see `_image_file` and `_memories`.

Left as they are: segments for a memory that the module imports, at a place that only a global tells, behind such a one
in the same memory (they may overlap), modules that trap at a segment out of bounds, and modules with little data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.engine._binary import Place, made
from orchestrator.engine._image_file import PAGE, Image
from orchestrator.engine._sections import PREAMBLE, Reader, rewritten, section, unsigned

THRESHOLD = 64 << 10
"""Bytes of data of a module that are worth a mapping: copying less takes no longer than the faults."""
MAX_SPAN = 256 << 20
"""Bytes between the first and the last byte of an image, holes among them."""
_IMPORTS, _MEMORIES, _DATA = 2, 5, 11
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


def strip(binary: bytes) -> tuple[bytes, tuple[Image | None, ...]]:
    """The component without the data that its memories can be given, and the images in the order of its memories.

    The images are those of the memories that begin with a page or more, in the order in which an instantiation makes
    them (`_binary.Made.memories`); None for one that is made empty. () if there is no image at all.

    Raises:
        ComponentError, ValueError: the binary has a form that is not known.
    """
    images: dict[Place, Image] = {}
    numbers = itertools.count()
    stripped = rewritten(binary, lambda module: _stripped(module, next(numbers), images))
    return (stripped, tuple(map(images.get, made(binary).memories))) if images else (binary, ())


def _stripped(module: Reader, number: int, images: dict[Place, Image]) -> bytes:
    """The module without its data, which is put into `images`; the module as it is if that is not worth it."""
    whole = module.rest()
    try:
        stripped, memories = _without_data(module)
    except ValueError:  # what is wrong with it, or new, is for wasmtime to say
        return whole
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
    return stripped


def _without_data(module: Reader) -> tuple[bytes, list[_Memory]]:
    memories = _Memories()
    out = [module.take(PREAMBLE)]
    for kind, inner in module.sections():
        body = inner.rest()
        if kind == _IMPORTS:
            memories.imported = sum(_is_memory(inner) for _ in range(inner.number()))
        elif kind == _MEMORIES:
            memories.own = [_memory(inner) for _ in range(inner.number())]
        elif kind == _DATA:
            count = inner.number()
            body = unsigned(count) + b"".join(_segments(inner, count, memories))
            if inner.rest():
                raise ValueError("something follows the last segment")
        out.append(section(kind, body))
    return b"".join(out), memories.own


def _memory(memories: Reader) -> _Memory:
    flags, minimum = memories.limits()
    return _Memory(bool(flags & _WIDE), minimum * PAGE, open=not flags & _SHARED)


def _is_memory(imports: Reader) -> bool:
    """Skips an import of a module; whether it is a memory."""
    imports.name()
    imports.name()
    kind = imports.byte()
    if kind == 0:
        imports.number()
    elif kind == 1:
        _reference(imports)
        imports.limits()
    elif kind == 2:
        imports.limits()
    elif kind == 3:
        _reference(imports)
        imports.byte()
    elif kind == 4:
        imports.byte()
        imports.number()
    else:
        raise ValueError("an import of an unknown kind")
    return kind == 2


def _reference(types: Reader) -> None:
    """Skips the type of a value."""
    if types.byte() in (0x63, 0x64):
        types.signed(33)


def _segments(data: Reader, count: int, memories: _Memories) -> Iterator[bytes]:
    """The segments as they stay; the others go into their memories."""
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
        yield _EMPTY


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
