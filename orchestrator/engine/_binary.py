"""What a component's binary creates when it is instantiated: how many linear memories, tables and instances.

A store's limiter bounds each memory by itself, and a node's limit is the total, so the number must be known. So must
the number of instances before anything is compiled: a kilobyte in which each component instantiates the one before it
twice takes a compiler all the time and memory there is.

Instantiation is fixed in the binary: every core instance and every instance of a nested component is listed, and
modules and components are referred to by index. Only what a component imports or takes out of an instance is not known
from its place; no known tool instantiates such a thing, and it is refused.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from orchestrator.engine.component import Parts
from orchestrator.errors import ComponentError

MAX_INSTANCES = 10_000
"""Instances, of modules and components together, that one component may make of itself."""
MAX_MEMORIES = 100
"""Memories of one component: each takes 4 GiB of the process's addresses."""
MAX_TABLES = 1000
"""Tables of one component."""
_MAX_NESTING = 100
_CORE_MODULE, _COMPONENT = 1, 4
_MODULE_TYPE, _MODULE_TABLE, _MODULE_MEMORY, _MODULE_TAG = 1, 4, 5, 13
_FUNCTION, _REFERENCES = 0x60, (0x63, 0x64)
_SORT_MODULE, _SORT_TYPE, _SORT_COMPONENT = (1, 0x11), (0, 3), (0, 4)
_ALIASES, _TYPES, _IMPORTS, _EXPORTS = 6, 7, 10, 11
_PREAMBLE = 8
_ONE = Parts(0, 0, 1)


@dataclass(slots=True)
class _Space:
    """The index spaces of one component that matter here; None stands for what is not known from its place."""

    outer: _Space | None
    modules: list[Parts | None] = field(default_factory=list)
    components: list[Parts | None] = field(default_factory=list)
    total: Parts = Parts(0, 0, 0)

    def of(self, sort: tuple[int, int]) -> list[Parts | None]:
        """The index space of a sort; one that nobody looks at for every other sort."""
        if sort == _SORT_MODULE:
            return self.modules
        return self.components if sort == _SORT_COMPONENT else []

    def make(self, made: list[Parts | None], index: int) -> None:
        """Counts an instantiation."""
        found = made[index]
        if found is None:
            raise ValueError("it instantiates a module or component that it imports or takes out of an instance")
        self.total = self.total + found + _ONE


class _Reader:
    """Reads a part of the binary, and nothing after it."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        if not 0 <= at <= end <= len(data):
            raise ValueError("a section is longer than what it stands in")
        self._data, self.at, self.end = data, at, end

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self.end:
            raise ValueError("a section ends too early")
        self.at += 1
        return self._data[self.at - 1]

    def number(self) -> int:
        """The next number, unsigned, of at most 32 bits."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a number has more than 32 bits")

    def name(self) -> str:
        """The next text."""
        size = self.number()
        self.at += size
        return self._data[self.at - size : min(self.at, self.end)].decode("utf-8", "replace")

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

    def sections(self, skip: int) -> Iterator[tuple[int, _Reader]]:
        """The sections of a module or component behind a preamble of `skip` bytes, each with its kind."""
        self.at += skip
        while self.at < self.end:
            kind, size = self.byte(), self.number()
            yield kind, _Reader(self._data, self.at, self.at + size)
            self.at += size


def parts(binary: bytes) -> Parts:
    """The memories, tables and instances that an instance of the component in `binary` consists of.

    Raises:
        ComponentError: the binary uses a form that is not known here; running it without knowing would break its limit.
    """
    try:
        return _component(_Reader(binary, 0, len(binary)), None, 0)
    except (ValueError, IndexError) as problem:
        raise ComponentError(
            f"the component's binary has a form that this engine does not know: {problem}"
        ) from problem


@dataclass(frozen=True, slots=True)
class Named:
    """A component's import or export: its name, and whether it is a type."""

    name: str
    is_type: bool


@dataclass(slots=True)
class Outline:
    """What a component imports and exports, in the binary's order.

    Arguments:
        probe: where types are imported, a component with the same imports up to the last of them, and no code, that
            exports them as `t0`, `t1`, …: wasmtime reflects exported types, and no imported ones.
    """

    imports: list[Named] = field(default_factory=list)
    exports: list[Named] = field(default_factory=list)
    probe: bytes = b""


def outline(binary: bytes) -> Outline:
    """What the component in `binary` imports and exports.

    Raises:
        ComponentError: the binary uses a form that is not known here.
    """
    try:
        return _outline(binary)
    except (ValueError, IndexError) as problem:
        raise ComponentError(
            f"the component's binary has a form that this engine does not know: {problem}"
        ) from problem


def _outline(binary: bytes) -> Outline:
    found, types, imported, end = Outline(), 0, list[int](), 0
    for kind, section in _Reader(binary, 0, len(binary)).sections(_PREAMBLE):
        if kind == _TYPES:
            types += section.number()
        elif kind == _ALIASES:
            types += sum(sort == _SORT_TYPE for sort, _ in _alias_targets(section))
        elif kind == _IMPORTS:
            for _ in range(section.number()):
                found.imports.append(Named(section.extern_name(), section.extern_type() == _SORT_TYPE))
                if found.imports[-1].is_type:
                    imported.append(types)
                    types, end = types + 1, section.end
        elif kind == _EXPORTS:
            for _ in range(section.number()):
                found.exports.append(Named(section.extern_name(), section.exported()[0] == _SORT_TYPE))
                types += found.exports[-1].is_type
    if imported:
        found.probe = binary[:end] + _type_exports(imported)
    return found


def _type_exports(indices: list[int]) -> bytes:
    """A section that exports types as `t0`, `t1` and so on."""
    items = b"".join(
        bytes((0, len(name))) + name + bytes((_SORT_TYPE[1],)) + leb(index) + b"\0"
        for index, name in ((index, f"t{number}".encode()) for number, index in enumerate(indices))
    )
    content = leb(len(indices)) + items
    return bytes((_EXPORTS,)) + leb(len(content)) + content


def leb(value: int) -> bytes:
    """A number as binaries have it."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes((*encoded, value))


def _component(reader: _Reader, outer: _Space | None, depth: int) -> Parts:
    if depth > _MAX_NESTING:
        raise ValueError(f"components nested more than {_MAX_NESTING} deep")
    space = _Space(outer)
    for kind, section in reader.sections(8):
        if kind == _CORE_MODULE:
            space.modules.append(_module(section))
        elif kind == _COMPONENT:
            space.components.append(_component(section, space, depth + 1))
        elif kind in _SECTIONS:
            _SECTIONS[kind](section, space)
    return space.total


def _module(reader: _Reader) -> Parts:
    """What a module creates; its garbage-collected heap, where it has one, counts as a memory."""
    memories = tables = heap = 0
    for kind, section in reader.sections(8):
        if kind == _MODULE_MEMORY:
            memories += section.number()
        elif kind == _MODULE_TABLE:
            tables += section.number()
        elif kind == _MODULE_TAG or (kind == _MODULE_TYPE and _has_objects(section)):
            heap = 1
    return Parts(memories + heap, tables, 0)


def _has_objects(types: _Reader) -> bool:
    """Whether a module's types are more than those of functions."""
    for _ in range(types.number()):
        if types.byte() != _FUNCTION:
            return True
        for _side in ("parameters", "results"):
            for _ in range(types.number()):
                if types.byte() in _REFERENCES:
                    types.number()
    return False


def _core_instances(section: _Reader, space: _Space) -> None:
    for _ in range(section.number()):
        if section.byte() == 0:
            space.make(space.modules, section.number())
        for _ in range(section.number()):
            section.name()
            section.byte()
            section.number()


def _instances(section: _Reader, space: _Space) -> None:
    for _ in range(section.number()):
        made = section.byte() == 0
        if made:
            space.make(space.components, section.number())
        for _ in range(section.number()):
            if made:
                section.name()
            else:
                section.extern_name()
            section.sort()
            section.number()


def _aliases(section: _Reader, space: _Space) -> None:
    for sort, target in _alias_targets(section):
        space.of(sort).append(None if target is None else _outer(space, target[0], sort, target[1]))


def _alias_targets(section: _Reader) -> Iterator[tuple[tuple[int, int], tuple[int, int] | None]]:
    """Each alias' sort and, where it is of something outside, how many levels out that is and its index there."""
    for _ in range(section.number()):
        sort, target, first = section.sort(), section.byte(), section.number()
        if target == 2:
            yield sort, (first, section.number())
        else:
            section.name()
            yield sort, None


def _outer(space: _Space, count: int, sort: tuple[int, int], index: int) -> Parts | None:
    """What is aliased from the component `count` levels out; of sorts that do not matter, None."""
    for _ in range(count):
        if space.outer is None:
            raise ValueError("an alias leads out of the component")
        space = space.outer
    return space.of(sort)[index] if sort in (_SORT_MODULE, _SORT_COMPONENT) else None


def _imports(section: _Reader, space: _Space) -> None:
    for _ in range(section.number()):
        section.extern_name()
        space.of(section.extern_type()).append(None)


def _exports(section: _Reader, space: _Space) -> None:
    """An export is a new index for what it exports."""
    for _ in range(section.number()):
        section.extern_name()
        sort, index = section.exported()
        if sort in (_SORT_MODULE, _SORT_COMPONENT):
            space.of(sort).append(space.of(sort)[index])


_SECTIONS: dict[int, Callable[[_Reader, _Space], None]] = {
    2: _core_instances,
    5: _instances,
    _ALIASES: _aliases,
    _IMPORTS: _imports,
    _EXPORTS: _exports,
}
