"""Reads the binary of a component or a core module piece by piece, and writes pieces of it anew.

Not for what the pieces mean: `_binary` counts what they create, `_images` and `_skeleton` put others in their place.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md, and for core modules
https://webassembly.github.io/spec/core/binary/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

MAX_NESTING = 100
"""Components inside one another."""
PREAMBLE = 8
"""Bytes at the start of a module or component: what it is, and the version of its format."""
CORE_MODULE, COMPONENT = 1, 4
"""Kinds of sections of a component."""


class Reader:
    """Reads a part of the binary, and nothing after it. Anything that is not there is a ValueError."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self.end = data, at, end

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self.end:
            raise ValueError("a section ends too early")
        self.at += 1
        return self._data[self.at - 1]

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.end - self.at:
            raise ValueError("a section ends too early")
        self.at += size
        return self._data[self.at - size : self.at]

    def since(self, at: int) -> bytes:
        """What was read since it stood at `at`."""
        return self._data[at : self.at]

    def number(self, bits: int = 32) -> int:
        """The next number, unsigned (LEB128)."""
        value = 0
        for shift in range(0, bits + 3, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128 and value < 1 << bits:
                return value
        raise ValueError(f"a number has more than {bits} bits")

    def signed(self, bits: int) -> int:
        """The next number, signed (LEB128)."""
        value = 0
        for shift in range(0, bits + 3, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                value -= (byte & 64) << shift + 1
                break
        if not -(1 << bits - 1) <= value < 1 << bits - 1 or byte > 127:
            raise ValueError(f"a number has more than {bits} bits")
        return value

    def name(self) -> str:
        """The next text."""
        return self.take(self.number()).decode("utf-8", "replace")

    def extern_name(self) -> str:
        """The name of an import or export: a form, the text, and in form 2 a list of options."""
        form = self.byte()
        name = self.name()
        if form == 2:
            for _ in range(self.number()):
                self.byte()
                self.name()
        return name

    def extern_type(self) -> tuple[int, int]:
        """Skips an `externdesc`; the sort it describes."""
        sort = self.sort()
        bound = self.byte() if sort in ((0, 2), (0, 3)) else 0
        if sort == (0, 2) and bound == 1:
            raise ValueError("a value with a type of its own")
        if sort != (0, 3) or bound == 0:
            self.number()
        return sort

    def sort(self) -> tuple[int, int]:
        """A sort: (1, core sort) or (0, component sort)."""
        first = self.byte()
        return (1, self.byte()) if first == 0 else (0, first)

    def exported(self) -> tuple[tuple[int, int], int]:
        """What is exported, behind its name: its sort and index. Skips the type it is shown as."""
        sort, index = self.sort(), self.number()
        if self.byte():
            self.extern_type()
        return sort, index

    def alias(self) -> tuple[tuple[int, int], tuple[int, int] | None]:
        """An alias' sort and, where it is of something outside, how many levels out that is and its index there."""
        sort, target, first = self.sort(), self.byte(), self.number()
        if target == 2:
            return sort, (first, self.number())
        self.name()
        return sort, None

    def limits(self) -> tuple[int, int]:
        """The limits of a memory or table: their flags and the minimum."""
        flags = self.byte()
        if flags > 7:
            raise ValueError("a memory with pages of its own size")
        bits = 64 if flags & 4 else 32
        minimum = self.number(bits)
        if flags & 1:
            self.number(bits)
        return flags, minimum

    def sections(self) -> Iterator[tuple[int, Reader]]:
        """The sections that follow, each with its kind."""
        while self.at < self.end:
            kind, size = self.byte(), self.number()
            if size > self.end - self.at:
                raise ValueError("a section is longer than what it stands in")
            yield kind, Reader(self._data, self.at, self.at + size)
            self.at += size

    def rest(self) -> bytes:
        """What was not read."""
        return self._data[self.at : self.end]


def unsigned(value: int) -> bytes:
    """A number as the binary has it (LEB128)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def section(kind: int, body: bytes) -> bytes:
    """A section with its kind and size."""
    return bytes([kind]) + unsigned(len(body)) + body


def rewritten(binary: bytes, module: Callable[[Reader], bytes]) -> bytes:
    """The component with other core modules in the places of its own, those of nested components too.

    Arguments:
        module: given each module's bytes in their order, gives what stands there instead.

    Raises:
        ValueError: the binary is cut or nested too deep.
    """
    return _component(Reader(binary, 0, len(binary)), module, 0)


def _component(reader: Reader, module: Callable[[Reader], bytes], depth: int) -> bytes:
    if depth > MAX_NESTING:
        raise ValueError(f"components nested more than {MAX_NESTING} deep")
    out = [reader.take(PREAMBLE)]
    for kind, inner in reader.sections():
        if kind == CORE_MODULE:
            body = module(inner)
        elif kind == COMPONENT:
            body = _component(inner, module, depth + 1)
        else:
            body = inner.rest()
        out.append(section(kind, body))
    return b"".join(out)
