"""Finds what lies behind the functions that a component exports: the core function, its memory, what it allocates with.

The outermost component's index spaces are followed as far as they are known from its binary alone: an export leads to
a function that is lifted there, out of an instance that is listed in place, or made by a nested component that gives
its imports back under other names, as tools write it. Whatever else a function comes from, nothing is said of it.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from orchestrator.engine import _sections as s
from orchestrator.engine._binary import Place
from orchestrator.engine._sections import CoreSection, Reader, Section, Sort
from orchestrator.interface.types import Name

_PLAIN = 1
"""The flags that a memory of 32 bits may have, which is not shared: whether it has a maximum."""
_KNOWN = {s.UTF8, s.WITH_MEMORY, s.WITH_REALLOC, s.WITH_POST_RETURN}


@dataclass(frozen=True, slots=True)
class Lift:
    """A function of the component and what it is made of, all by their indices in the component.

    Arguments:
        function: the core function.
        memory: where its values lie; None where that is not known, or no memory is named.
        realloc, post_return: core functions; None where it has none.
        plain: whether it has no option but these, and its texts are in UTF-8.
        rest: its options and its type, as the binary has them.
    """

    function: int
    memory: Place | None
    realloc: int | None
    post_return: int | None
    plain: bool
    rest: bytes


class _Entry(NamedTuple):
    """What an instance is made with, one of its arguments or exports: its name, as the binary has it too, and what."""

    name: str
    label: bytes
    item: bytes


class _Mirror(NamedTuple):
    """A nested component.

    Arguments:
        names: its exported functions that are its imports, each with the import's name.
        again: whether it may be instantiated once more, since it makes and runs nothing.
    """

    names: Mapping[str, str]
    again: bool


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance in the component.

    Arguments:
        head: what it is made of, as the binary has it, without the entries.
        entries: what it is made with.
        given: its functions by the names of their entries.
        mirror: the nested component that it is one of; None for one that is listed in place.
    """

    head: bytes
    entries: Sequence[_Entry]
    given: Mapping[str, Lift | None]
    mirror: _Mirror | None

    def function(self, name: str) -> Lift | None:
        """The function that it exports under a name, if it is known."""
        return self.given.get(self._entry(name))

    def _entry(self, name: str) -> str:
        return name if self.mirror is None else self.mirror.names.get(name, "")

    def instead(self, functions: Mapping[str, int]) -> bytes | None:
        """The same with other functions under the names of some exports, as the binary has an instance.

        None where there cannot be such a one: what it is made of is more than its parts, or has two names for one.
        """
        placed = {self._entry(name): index for name, index in functions.items()}
        if (self.mirror is not None and not self.mirror.again) or len(placed) < len(functions):
            return None
        items = [
            entry.label + (b"\1" + s.unsigned(placed[entry.name]) if entry.name in placed else entry.item)
            for entry in self.entries
        ]
        return self.head + s.vector(items)


_Memories = Mapping[str, Place | None]
"""The memories of a core module's instance, by the names of its exports."""


@dataclass(slots=True)
class Lifts:
    """The index spaces of the outermost component, None for what is not known, and what it exports, by name."""

    functions: list[Lift | None] = field(default_factory=list)
    instances: list[Instance | None] = field(default_factory=list)
    components: list[_Mirror | None] = field(default_factory=list)
    modules: list[_Memories | None] = field(default_factory=list)
    core_instances: list[_Memories] = field(default_factory=list)
    memories: list[Place | None] = field(default_factory=list)
    core_functions: int = 0
    tables: int = 0
    types: int = 0
    exports: dict[str, Lift | Instance | None] = field(default_factory=dict)
    shown: dict[str, bytes] = field(default_factory=dict)
    """The types that exports are shown as, as the binary has them."""
    numbers: Iterator[int] = field(default_factory=itertools.count)
    """Numbers the modules of the whole binary, as `_binary.made` does."""

    def find(self, interface: Name | None, name: str) -> Lift | None:
        """What is behind an exported function.

        Arguments:
            interface: the exported interface the function is in; None for the world's own.
        """
        found = self.exports.get(name if interface is None else str(interface))
        if isinstance(found, Instance):
            return None if interface is None else found.function(name)
        return found if interface is None else None

    def space(self, sort: Sort) -> list[Any]:
        """The index space of a sort; one that nobody looks at for every other sort."""
        spaces: dict[Sort, list[Any]] = {
            s.FUNCTION: self.functions,
            s.INSTANCE: self.instances,
            s.COMPONENT: self.components,
            s.CORE_MODULE: self.modules,
            s.CORE_MEMORY: self.memories,
        }
        return spaces.get(sort, [])

    def add(self, sort: Sort, item: Any) -> None:
        """The next index of a sort."""
        if sort == s.TYPE:
            self.types += 1
        elif sort == s.CORE_FUNCTION:
            self.core_functions += 1
        elif sort == s.CORE_TABLE:
            self.tables += 1
        else:
            self.space(sort).append(item)


def lifts(binary: bytes) -> Lifts:
    """What lies behind the functions of the component in `binary`.

    Raises:
        ValueError, IndexError: the binary uses a form that is not known here.
    """
    found = Lifts()
    reader = Reader(binary, 0, len(binary))
    reader.preamble()
    for kind, section in reader.sections():
        if kind == Section.CORE_MODULE:
            found.modules.append(_module(section, next(found.numbers)))
        elif kind == Section.COMPONENT:
            found.components.append(_mirror(section, found.numbers, 1))
        elif kind == Section.TYPES:
            found.types += section.number()
        elif kind in _SECTIONS:
            for _ in range(section.number()):
                _SECTIONS[kind](section, found)
    return found


# Core modules and their instances


def _module(module: Reader, number: int) -> _Memories | None:
    """The memories that a module defines and exports; None for a module of a form that is not known here."""
    module.preamble()
    imported, places, exports = 0, list[Place | None](), dict[str, Place | None]()
    try:
        for kind, section in module.sections():
            if kind == CoreSection.IMPORTS:
                imported = sum(section.core_import() == s.IMPORTED_MEMORY for _ in range(section.number()))
            elif kind == CoreSection.MEMORIES:
                places = [_place(section, (number, index)) for index in range(section.number())]
            elif kind == CoreSection.EXPORTS:
                for _ in range(section.number()):
                    name, sort, index = section.name(), section.byte(), section.number()
                    if sort == s.IMPORTED_MEMORY and index >= imported:
                        exports[name] = places[index - imported]
    except (ValueError, IndexError):
        return None
    return exports


def _place(memories: Reader, place: Place) -> Place | None:
    return place if memories.limits()[0] <= _PLAIN else None


def _core_instance(section: Reader, found: Lifts) -> None:
    if section.byte() == 0:
        made = found.modules[section.number()]
        for _ in range(section.number()):
            section.name()
            section.byte()
            section.number()
        found.core_instances.append(made or {})
        return
    listed: dict[str, Place | None] = {}
    for _ in range(section.number()):
        name, sort, index = section.name(), section.byte(), section.number()
        if sort == s.CORE_MEMORY[1]:
            listed[name] = found.memories[index]
    found.core_instances.append(listed)


# Components and their instances


def _mirror(component: Reader, numbers: Iterator[int], depth: int) -> _Mirror:
    """Which exports of a nested component are its imports; its modules are numbered on the way."""
    component.preamble(depth)
    functions, exports, again = list[str | None](), dict[str, str](), True
    for kind, section in component.sections():
        again = again and kind not in _MAKING
        if kind == Section.CORE_MODULE:
            next(numbers)
        elif kind == Section.COMPONENT:
            _mirror(section, numbers, depth + 1)
        elif kind in _NESTED:
            for _ in range(section.number()):
                _NESTED[kind](section, functions, exports)
    return _Mirror(exports, again)


def _nested_alias(section: Reader, functions: list[str | None], _exports: dict[str, str]) -> None:
    if section.alias().sort == s.FUNCTION:
        functions.append(None)


def _nested_canon(section: Reader, functions: list[str | None], _exports: dict[str, str]) -> None:
    if section.canon().kind == s.LIFT:
        functions.append(None)


def _nested_import(section: Reader, functions: list[str | None], _exports: dict[str, str]) -> None:
    name = section.extern_name()
    if section.extern_type() == s.FUNCTION:
        functions.append(name)


def _nested_export(section: Reader, functions: list[str | None], exports: dict[str, str]) -> None:
    name = section.extern_name()
    sort, index, _ = section.exported()
    if sort == s.FUNCTION:
        inner = functions[index]
        functions.append(inner)
        if inner is not None:
            exports[name] = inner


_NESTED: dict[int, Callable[[Reader, list[str | None], dict[str, str]], None]] = {
    Section.ALIASES: _nested_alias,
    Section.CANONS: _nested_canon,
    Section.IMPORTS: _nested_import,
    Section.EXPORTS: _nested_export,
}
_MAKING = {Section.CORE_INSTANCES, Section.INSTANCES, Section.START}
"""Sections that make or run something each time that a component is instantiated."""


def _instance(section: Reader, found: Lifts) -> None:
    start = section.at
    mirror = None
    if made := section.byte() == 0:
        mirror = found.components[section.number()] or _UNKNOWN
    head, entries, given = section.since(start), list[_Entry](), dict[str, Lift | None]()
    for _ in range(section.number()):
        at = section.at
        name = section.name() if made else section.extern_name()
        label, at = section.since(at), section.at
        sort, index = section.sort(), section.number()
        entries.append(_Entry(name, label, section.since(at)))
        if sort == s.FUNCTION:
            given[name] = found.functions[index]
    found.instances.append(Instance(head, entries, given, mirror))


_UNKNOWN = _Mirror({}, again=False)


# The rest of the outermost component


def _alias(section: Reader, found: Lifts) -> None:
    sort, inside, outside = section.alias()
    item = None
    if outside is not None:
        if outside[0] == 0 and sort in (s.COMPONENT, s.CORE_MODULE):
            item = found.space(sort)[outside[1]]
    elif inside is not None and sort == s.CORE_MEMORY:
        item = found.core_instances[inside[0]].get(inside[1])
    elif inside is not None and sort == s.FUNCTION:
        instance = found.instances[inside[0]]
        item = None if instance is None else instance.function(inside[1])
    found.add(sort, item)


def _canon(section: Reader, found: Lifts) -> None:
    canon = section.canon()
    if canon.kind == s.LIFT:
        found.functions.append(_lift(canon, found))
    else:
        found.core_functions += 1


def _lift(canon: s.Canon, found: Lifts) -> Lift:
    memory = canon.options.get(s.WITH_MEMORY)
    return Lift(
        canon.function,
        None if memory is None else found.memories[memory],
        canon.options.get(s.WITH_REALLOC),
        canon.options.get(s.WITH_POST_RETURN),
        canon.options.keys() <= _KNOWN,
        canon.rest,
    )


def _import(section: Reader, found: Lifts) -> None:
    section.extern_name()
    found.add(section.extern_type(), None)


def _export(section: Reader, found: Lifts) -> None:
    """An export is a new index for what it exports."""
    name = section.extern_name()
    sort, index, shown = section.exported()
    item = found.space(sort)[index] if sort in (s.FUNCTION, s.INSTANCE, s.COMPONENT, s.CORE_MODULE) else None
    found.add(sort, item)
    found.exports[name] = item if sort in (s.FUNCTION, s.INSTANCE) else None
    found.shown[name] = shown


_SECTIONS: dict[int, Callable[[Reader, Lifts], None]] = {
    Section.CORE_INSTANCES: _core_instance,
    Section.INSTANCES: _instance,
    Section.ALIASES: _alias,
    Section.CANONS: _canon,
    Section.IMPORTS: _import,
    Section.EXPORTS: _export,
}
