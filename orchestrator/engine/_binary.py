"""What a component's binary creates when it is instantiated: how many memories, tables and instances, in which order.

What an instance may have is bounded, and each memory is given the image that belongs to it, so both must be known. So
must the number of instances before anything is compiled: a kilobyte in which each component instantiates the one before
it twice takes a compiler all the time and memory there is.

Instantiation is fixed in the binary: every core instance and every instance of a nested component is listed, and
modules and components are referred to by index. Only what a component imports or takes out of an instance is not known
from its place; no known tool instantiates such a thing, and it is refused.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.engine._sections import COMPONENT, CORE_MODULE, CoreSection, Reader, Section, Sort, unknown_form
from orchestrator.engine.component import Parts, Size
from orchestrator.errors import ComponentError

MAX_INSTANCES = 10_000
"""Instances, of modules and components together, that one component may make of itself."""
MAX_MEMORIES = 100
"""Memories of one component: each takes 4 GiB of the process's addresses."""
MAX_TABLES = 1000
"""Tables of one component."""
MAX_NAMES = 10_000
"""Imports and exports of one component and those nested in it: what a compiler does for them grows with the square."""
_FUNCTION_TYPE, _REFERENCES = 0x60, (0x63, 0x64)
_INTEGERS, _CONSTANTS = {0x7F: 32, 0x7E: 64}, (0x41, 0x42)

Place = tuple[int, int]
"""Where a memory is defined: the number of its module in the binary, and its number among those the module defines."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an instantiation makes.

    Arguments:
        parts: how much of everything.
        memories: where each memory that begins with a page or more is defined, in the order in which they are made;
            not continued beyond what a component may have. A memory without a page holds nothing at first, and the
            heaps of garbage-collected objects, which no binary lists, begin so too.
        tables: how large each table is, in any order; not continued either.
        stack: bytes of the largest stack that a module has in its memory.
    """

    parts: Parts = Parts(0, 0, 0)
    memories: tuple[Place, ...] = ()
    tables: tuple[Size, ...] = ()
    stack: int = 0

    def __add__(self, other: Made) -> Made:
        return Made(
            self.parts + other.parts,
            (self.memories + other.memories)[: MAX_MEMORIES + 1],
            (self.tables + other.tables)[: MAX_TABLES + 1],
            max(self.stack, other.stack),
        )


_ONE = Made(Parts(0, 0, 1))


class TooMany(ComponentError):
    """A component has more of something than one may have."""


class _Whole:
    """What is counted over the whole binary: its modules, which get numbers, and its imports and exports."""

    def __init__(self) -> None:
        self.next_module = itertools.count().__next__
        self._names = 0

    def named(self, section: Reader) -> range:
        """Reads how many imports or exports a section has, and counts them.

        Raises:
            TooMany: there are too many.
        """
        count = section.number()
        self._names += count
        if self._names > MAX_NAMES:
            raise TooMany(f"it has {self._names} imports and exports or more, and {MAX_NAMES} are allowed")
        return range(count)


@dataclass(slots=True)
class _Space:
    """The index spaces of one component that matter here; None stands for what is not known from its place."""

    outer: _Space | None
    whole: _Whole
    modules: list[Made | None] = field(default_factory=list)
    components: list[Made | None] = field(default_factory=list)
    total: Made = field(default_factory=Made)

    def of(self, sort: Sort) -> list[Made | None]:
        """The index space of a sort; one that nobody looks at for every other sort."""
        if sort == CORE_MODULE:
            return self.modules
        return self.components if sort == COMPONENT else []

    def make(self, space: list[Made | None], index: int) -> None:
        """Counts an instantiation."""
        found = space[index]
        if found is None:
            raise ValueError("it instantiates a module or component that it imports or takes out of an instance")
        self.total = self.total + found + _ONE


def made(binary: bytes) -> Made:
    """What an instantiation of the component in `binary` makes, its modules and nested components together.

    Raises:
        ComponentError: the binary uses a form that is not known here, so that running it would break its limit.
        TooMany: it has too many imports and exports.
    """
    try:
        return _component(Reader(binary, 0, len(binary)), None, _Whole(), 0)
    except (ValueError, IndexError) as problem:
        raise unknown_form(problem) from problem


def _component(reader: Reader, outer: _Space | None, whole: _Whole, depth: int) -> Made:
    space = _Space(outer, whole)
    reader.preamble(depth)
    for kind, section in reader.sections():
        if kind == Section.CORE_MODULE:
            space.modules.append(_module(section, whole.next_module()))
        elif kind == Section.COMPONENT:
            space.components.append(_component(section, space, whole, depth + 1))
        elif kind in _SECTIONS:
            _SECTIONS[kind](section, space)
    return space.total


def _module(reader: Reader, number: int) -> Made:
    """What a module creates; its garbage-collected heap, where it has one, counts as a memory."""
    heap, stack, minimums, tables = 0, 0, list[int](), list[Size]()
    reader.preamble()
    for kind, section in reader.sections():
        if kind == CoreSection.MEMORIES:
            minimums += [section.limits()[1] for _ in range(section.number())]
        elif kind == CoreSection.TABLES:
            tables += section.tables()
        elif kind == CoreSection.GLOBALS:
            stack = _stack(section)
        elif kind == CoreSection.TAGS or (kind == CoreSection.TYPES and _has_objects(section)):
            heap = 1
    places = tuple((number, memory) for memory, minimum in enumerate(minimums) if minimum)
    return Made(Parts(len(minimums) + heap, len(tables), 0), places, tuple(tables[: MAX_TABLES + 1]), stack)


def _stack(globals_: Reader) -> int:
    """How much stack a module has: linkers of C make its pointer the first global, and put the stack at address 0."""
    if not globals_.number():
        return 0
    start = globals_.at
    globals_.core_type()
    bits = _INTEGERS.get(globals_.since(start)[0])
    changes, operation = globals_.byte(), globals_.byte()
    return globals_.signed(bits) if bits and changes and operation in _CONSTANTS else 0


def _has_objects(types: Reader) -> bool:
    """Whether a module's types are more than those of functions."""
    for _ in range(types.number()):
        if types.byte() != _FUNCTION_TYPE:
            return True
        for _side in ("parameters", "results"):
            for _ in range(types.number()):
                if types.byte() in _REFERENCES:
                    types.number()
    return False


def _core_instances(section: Reader, space: _Space) -> None:
    for _ in range(section.number()):
        if section.byte() == 0:
            space.make(space.modules, section.number())
        for _ in range(section.number()):
            section.name()
            section.byte()
            section.number()


def _instances(section: Reader, space: _Space) -> None:
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


def _aliases(section: Reader, space: _Space) -> None:
    for _ in range(section.number()):
        sort, _, outside = section.alias()
        space.of(sort).append(None if outside is None else _outer(space, outside[0], sort, outside[1]))


def _outer(space: _Space, count: int, sort: Sort, index: int) -> Made | None:
    """What is aliased from the component `count` levels out; of sorts that do not matter, None."""
    for _ in range(count):
        if space.outer is None:
            raise ValueError("an alias leads out of the component")
        space = space.outer
    return space.of(sort)[index] if sort in (CORE_MODULE, COMPONENT) else None


def _imports(section: Reader, space: _Space) -> None:
    for _ in space.whole.named(section):
        section.extern_name()
        space.of(section.extern_type()).append(None)


def _exports(section: Reader, space: _Space) -> None:
    """An export is a new index for what it exports."""
    for _ in space.whole.named(section):
        section.extern_name()
        sort, index, _ = section.exported()
        if sort in (CORE_MODULE, COMPONENT):
            space.of(sort).append(space.of(sort)[index])


_SECTIONS: dict[int, Callable[[Reader, _Space], None]] = {
    Section.CORE_INSTANCES: _core_instances,
    Section.INSTANCES: _instances,
    Section.ALIASES: _aliases,
    Section.IMPORTS: _imports,
    Section.EXPORTS: _exports,
}
