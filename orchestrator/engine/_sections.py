"""Reads the binary of a component or a core module piece by piece, and writes pieces of it anew.

Not for what the pieces mean: `_binary` counts what they create, `_images` and `_skeleton` put others in their place.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md, and for core modules
https://webassembly.github.io/spec/core/binary/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from orchestrator.errors import ComponentError

MAX_NESTING = 100
"""Components inside one another."""
PREAMBLE = 8
"""Bytes at the start of a module or component: what it is, and the version of its format."""
_OF_A_COMPONENT, _OF_A_MODULE = b"\0asm\x0d\0\1\0", b"\0asm\1\0\0\0"
_LAST_KIND = 12
"""Of a component's sections."""


class Section(IntEnum):
    """The kinds of a component's sections that are looked at."""

    CUSTOM = 0
    CORE_MODULE = 1
    CORE_INSTANCES = 2
    CORE_TYPES = 3
    COMPONENT = 4
    INSTANCES = 5
    ALIASES = 6
    TYPES = 7
    CANONS = 8
    START = 9
    IMPORTS = 10
    EXPORTS = 11


class CoreSection(IntEnum):
    """The kinds of a core module's sections that are looked at."""

    CUSTOM = 0
    TYPES = 1
    IMPORTS = 2
    FUNCTIONS = 3
    TABLES = 4
    MEMORIES = 5
    GLOBALS = 6
    EXPORTS = 7
    ELEMENTS = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12
    TAGS = 13


Sort = tuple[int, int]
"""What an index is of: (1, a sort of core things) or (0, a sort of a component's)."""
FUNCTION, VALUE, TYPE, COMPONENT, INSTANCE = (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)
CORE_FUNCTION, CORE_TABLE, CORE_MEMORY, CORE_TYPE, CORE_MODULE = (1, 0), (1, 1), (1, 2), (1, 0x10), (1, 0x11)


class Alias(NamedTuple):
    """Another index for something.

    Arguments:
        sort: of what it is one.
        inside: the instance it is taken out of, a core one where the sort is, and the name of its export.
        outside: for what stands around the component instead, how many levels out, and its index there.
    """

    sort: Sort
    inside: tuple[int, str] | None
    outside: tuple[int, int] | None


class Canon(NamedTuple):
    """A function that crosses between a component and its core modules.

    Arguments:
        kind: 0 lifts a core function into one of the component, 1 lowers; others are made by the engine, for resources.
        function: what is lifted or lowered.
        options: by their kind, each with its operand (0 for those that have none).
        rest: what stands behind the function: the options and what it is lifted to.
    """

    kind: int
    function: int
    options: dict[int, int]
    rest: bytes


LIFT, LOWER = 0, 1
"""Kinds of `Canon`."""
UTF8, UTF16, LATIN1, WITH_MEMORY, WITH_REALLOC, WITH_POST_RETURN, ASYNC, WITH_CALLBACK = range(8)
"""Options of `Canon`."""
_OPERANDS = (WITH_MEMORY, WITH_REALLOC, WITH_POST_RETURN, WITH_CALLBACK)
_RESOURCE_KINDS = (2, 3, 4)
_FILLED = b"\x40\0"
"""What stands before a table that is filled by an expression."""
IMPORTED_MEMORY, IMPORTED_GLOBAL = 2, 3
"""The kinds of a core module's import that are a memory and a global; exports have the same."""


class Reader:
    """Reads a part of the binary, and nothing after it. Anything that is not there is a ValueError."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self.end = data, at, end

    def copy(self) -> Reader:
        """Another reader that stands where this one does."""
        return Reader(self._data, self.at, self.end)

    def within(self, size: int) -> Reader:
        """A reader of the next `size` bytes alone; this one goes on behind them."""
        if size > self.end - self.at:
            raise ValueError("a section ends too early")
        self.at += size
        return Reader(self._data, self.at - size, self.at)

    def skip(self, pattern: re.Pattern[bytes]) -> int:
        """Skips what a pattern matches from here on; where it stands then."""
        found = pattern.match(self._data, self.at, self.end)
        self.at = self.at if found is None else found.end()
        return self.at

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

    def extern_type(self) -> Sort:
        """Skips an `externdesc`; the sort it describes."""
        sort = self.sort()
        bound = self.byte() if sort in (VALUE, TYPE) else 0
        if sort == VALUE and bound == 1:
            raise ValueError("a value with a type of its own")
        if sort != TYPE or bound == 0:
            self.number()
        return sort

    def sort(self) -> Sort:
        """A sort."""
        first = self.byte()
        return (1, self.byte()) if first == 0 else (0, first)

    def exported(self) -> tuple[Sort, int, bytes]:
        """What is exported, behind its name: its sort and index, and the type it is shown as, if it says one."""
        sort, index, at = self.sort(), self.number(), self.at
        if self.byte():
            self.extern_type()
        return sort, index, self.since(at)

    def alias(self) -> Alias:
        """An alias of a component."""
        sort, target, first = self.sort(), self.byte(), self.number()
        if target == 2:
            return Alias(sort, None, (first, self.number()))
        return Alias(sort, (first, self.name()), None)

    def canon(self) -> Canon:
        """An entry of a section of canonical functions."""
        kind = self.byte()
        if kind in _RESOURCE_KINDS:
            self.number()
            return Canon(kind, 0, {}, b"")
        if kind not in (LIFT, LOWER) or self.byte():
            raise ValueError("a canonical function of an unknown kind")
        function, options, at = self.number(), dict[int, int](), self.at
        for _ in range(self.number()):
            option = self.byte()
            if option > WITH_CALLBACK:
                raise ValueError("an unknown option of a canonical function")
            options[option] = self.number() if option in _OPERANDS else 0
        if kind == LIFT:
            self.number()
        return Canon(kind, function, options, self.since(at))

    def core_import(self) -> int:
        """Skips an import of a core module; its kind."""
        self.name()
        self.name()
        kind = self.byte()
        if kind == 0:
            self.number()
        elif kind == 1:
            self.core_type()
            self.limits()
        elif kind == IMPORTED_MEMORY:
            self.limits()
        elif kind == 3:
            self.core_type()
            self.byte()
        elif kind == 4:
            self.byte()
            self.number()
        else:
            raise ValueError("an import of an unknown kind")
        return kind

    def tables(self) -> Iterator[tuple[int, int | None]]:
        """The tables of a core module: the minimum and the maximum of each, where that can be told.

        What stands behind a table that is filled by an expression is not told: it may have any size.
        """
        count = self.number()
        for number in range(count):
            filled = self._data[self.at : self.at + 2] == _FILLED
            if filled:
                self.take(len(_FILLED))
            self.core_type()
            yield self.limits()[1:]
            if filled:
                yield from [(0, None)] * (count - number - 1)
                return

    def core_type(self) -> None:
        """Skips the type of a core value."""
        if self.byte() in (0x63, 0x64):
            self.signed(33)

    def limits(self) -> tuple[int, int, int | None]:
        """The limits of a memory or table: their flags, the minimum, and the maximum where there is one."""
        flags = self.byte()
        if flags > 7:
            raise ValueError("a memory with pages of its own size")
        bits = 64 if flags & 4 else 32
        minimum = self.number(bits)
        return flags, minimum, self.number(bits) if flags & 1 else None

    def preamble(self, depth: int = 0) -> bytes:
        """The preamble of a module, or of a component that so many others are around."""
        if depth > MAX_NESTING:
            raise ValueError(f"components nested more than {MAX_NESTING} deep")
        return self.take(PREAMBLE)

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


def check_form(binary: bytes) -> None:
    """Refuses what is no component by how it begins, or how its sections follow one another: quick, for any bytes.

    Raises:
        ComponentError: it is none.
    """
    if binary.startswith(_OF_A_MODULE):
        raise ComponentError("it is a core module, not a component; make one of it with `wasm-tools component new`")
    if not binary.startswith(_OF_A_COMPONENT):
        begins = f"it starts with {binary[:PREAMBLE].hex(' ') or 'nothing'}, not with {_OF_A_COMPONENT.hex(' ')}"
        raise ComponentError(f"it is not a component: {begins}")
    reader = Reader(binary, PREAMBLE, len(binary))
    try:
        strange = next((kind for kind, _ in reader.sections() if kind > _LAST_KIND), None)
    except ValueError as problem:
        raise ComponentError(f"not a valid component: {problem}, at byte {reader.at}") from None
    if strange is not None:
        raise ComponentError(f"not a valid component: it has a section of an unknown kind, {strange}")


def unknown_form(problem: Exception) -> ComponentError:
    """The error for a binary that a reader gave up on."""
    return ComponentError(f"the component's binary has a form that this engine does not know: {problem}")


def unsigned(value: int) -> bytes:
    """A number as the binary has it (LEB128)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(name: str) -> bytes:
    """A text with its size."""
    data = name.encode()
    return unsigned(len(data)) + data


def vector(entries: Sequence[bytes]) -> bytes:
    """Entries, and before them how many they are."""
    return unsigned(len(entries)) + b"".join(entries)


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
    out = [reader.preamble(depth)]
    for kind, inner in reader.sections():
        if kind == Section.CORE_MODULE:
            body = module(inner)
        elif kind == Section.COMPONENT:
            body = _component(inner, module, depth + 1)
        else:
            body = inner.rest()
        out.append(section(kind, body))
    return b"".join(out)
