"""Finds where a component calls the imported functions that may have lanes: in the table that one of its modules fills.

Read from the outermost component's index spaces. Whatever a function comes from that is not known there is left alone.
See `_lanes` for what lanes are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.engine import _sections as s
from orchestrator.engine._binary import Place
from orchestrator.engine._lanes import Lane, takes
from orchestrator.engine._lifts import Lifts
from orchestrator.engine._sections import CoreSection, Reader, Section, Sort

A_FUNCTION, A_TABLE = 0, 1
"""Kinds of core imports, and sorts of core things."""


class _Lowered(NamedTuple):
    """A core function that lowers an imported one, and the core functions and memories that its options name."""

    interface: str
    function: str
    options: Mapping[int, int]


class _Filled(NamedTuple):
    """A table of functions that a module has filled.

    Arguments:
        functions: the indices of the core functions in its places, from the first on.
        table: its index; or the core instance that exports it, and the name.
    """

    functions: Sequence[int]
    table: int | tuple[int, str]


@dataclass(slots=True)
class Found:
    """The index spaces of the outermost component, as far as lanes need them; None for what does not matter."""

    instances: list[str | None] = field(default_factory=list)
    functions: list[tuple[str, str] | None] = field(default_factory=list)
    core_functions: list[_Lowered | None] = field(default_factory=list)
    listed: list[Mapping[str, tuple[int, int]] | None] = field(default_factory=list)
    """Core instances that are listed in place: by name the sort and the index of what they export."""
    modules: list[Reader] = field(default_factory=list)
    filled: list[_Filled] = field(default_factory=list)

    def read(self, kind: int, section: Reader) -> None:
        """Takes up a section."""
        if kind == Section.CORE_MODULE:
            self.modules.append(section)
        elif kind in _SECTIONS:
            for _ in range(section.number()):
                _SECTIONS[kind](section, self)

    def add(self, sort: Sort, item: tuple[str, str] | None = None, instance: str | None = None) -> None:
        """The next index of a sort."""
        if sort == s.FUNCTION:
            self.functions.append(item)
        elif sort == s.INSTANCE:
            self.instances.append(instance)
        elif sort == s.CORE_FUNCTION:
            self.core_functions.append(None)


def _core_instance(section: Reader, found: Found) -> None:
    if section.byte():
        entries = [(section.name(), (section.byte(), section.number())) for _ in range(section.number())]
        found.listed.append(dict(entries))
        return
    module, given = section.number(), dict[str, int]()
    for _ in range(section.number()):
        name, _sort = section.name(), section.byte()
        given[name] = section.number()
    filled = _filling(found.modules[module].copy(), given, found.listed)
    found.listed.append(None)
    if filled is not None:
        found.filled.append(filled)


def _filling(
    module: Reader, given: Mapping[str, int], listed: Sequence[Mapping[str, tuple[int, int]] | None]
) -> _Filled | None:
    """What an instance of a module does to a table, if it puts all functions that it imports there, and no more."""
    imports, elements = list[tuple[str, str, int]](), b""
    module.preamble()
    for kind, section in module.sections():
        if kind == CoreSection.IMPORTS:
            imports = [_imported(section) for _ in range(section.number())]
        elif kind == CoreSection.ELEMENTS:
            elements = section.rest()
    tables = [(given[instance], name) for instance, name, kind in imports if kind == A_TABLE]
    functions = [(given[instance], name) for instance, name, kind in imports if kind == A_FUNCTION]
    if len(tables) != 1 or len(imports) != len(functions) + 1 or elements != _all_in_order(len(functions)):
        return None
    places = [(listed[instance] or {}).get(name) for instance, name in functions]
    table = (listed[tables[0][0]] or {}).get(tables[0][1])
    known = [place[1] for place in places if place is not None]
    return _Filled(known, tables[0] if table is None else table[1]) if len(known) == len(functions) else None


def _all_in_order(count: int) -> bytes:
    """The elements of a module that puts its first functions into a table, from its first place on."""
    return b"\1\0\x41\0\x0b" + s.vector([s.unsigned(number) for number in range(count)])


def _imported(section: Reader) -> tuple[str, str, int]:
    """A core module's import: the names of its module and its own, and its kind."""
    start = section.at
    names = section.name(), section.name()
    section.at = start
    return *names, section.core_import()


def _alias(section: Reader, found: Found) -> None:
    sort, inside, _ = section.alias()
    if sort == s.FUNCTION and inside is not None and found.instances[inside[0]] is not None:
        found.add(sort, (found.instances[inside[0]] or "", inside[1]))
    else:
        found.add(sort)


def _canon(section: Reader, found: Found) -> None:
    canon = section.canon()
    if canon.kind == s.LIFT:
        found.functions.append(None)
        return
    function = found.functions[canon.function] if canon.kind == s.LOWER else None
    found.core_functions.append(None if function is None else _Lowered(*function, canon.options))


def _import(section: Reader, found: Found) -> None:
    name = section.extern_name()
    found.add(section.extern_type(), instance=name)


def _export(section: Reader, found: Found) -> None:
    section.extern_name()
    found.add(section.exported()[0])


def _instance(section: Reader, found: Found) -> None:
    made_of = section.byte() == 0
    if made_of:
        section.number()
    for _ in range(section.number()):
        if made_of:
            section.name()
        else:
            section.extern_name()
        section.sort()
        section.number()
    found.instances.append(None)


_SECTIONS: dict[int, Callable[[Reader, Found], None]] = {
    Section.CORE_INSTANCES: _core_instance,
    Section.INSTANCES: _instance,
    Section.ALIASES: _alias,
    Section.CANONS: _canon,
    Section.IMPORTS: _import,
    Section.EXPORTS: _export,
}


def found_in(binary: bytes) -> Found:
    """What is known of the component in `binary`.

    Raises:
        ValueError, IndexError, KeyError: it uses a form that is not known here.
    """
    found, reader = Found(), Reader(binary, 0, len(binary))
    reader.preamble()
    for kind, section in reader.sections():
        found.read(kind, section)
    return found


class Site(NamedTuple):
    """Where a lane goes.

    Arguments:
        slot: the place of the table.
        core: the core function that is there.
        realloc: the core function by which the guest takes room, if it has to.
    """

    lane: Lane
    slot: int
    core: int
    realloc: int | None


def sites_of(
    found: Found, spaces: Lifts, known: Mapping[tuple[str, str], Lane], places: Sequence[Place]
) -> tuple[dict[Lane, int], list[Site]]:
    """Which memory the bytes of each lane are in, and where it goes."""
    memories, sites = dict[Lane, int](), list[Site]()
    for slot, index in enumerate(found.filled[0].functions):
        core = found.core_functions[index]
        lane = known.get((core.interface, core.function)) if core is not None else None
        if core is None or lane is None or s.WITH_MEMORY not in core.options:
            continue
        place, realloc = spaces.memories[core.options[s.WITH_MEMORY]], core.options.get(s.WITH_REALLOC)
        if place is None or places.count(place) != 1 or (realloc is None and not takes(lane.function)):
            continue
        if memories.setdefault(lane, places.index(place)) == places.index(place):
            sites.append(Site(lane, slot, index, realloc))
    return memories, sites
