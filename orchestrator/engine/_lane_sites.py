"""Finds where a component calls the imported functions that may have lanes: in the table that one of its modules fills.

Read from the outermost component's index spaces. Whatever a function comes from that is not known there is left alone.
See `_lanes` for what lanes are.
"""

from __future__ import annotations

from collections import Counter
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


class _Module(NamedTuple):
    """What matters of a core module.

    Arguments:
        functions, tables: what it imports, as pairs of names.
        fills: whether all that it does is to put the functions into the one table, in their order from its start on.
        binary: it itself.
    """

    functions: Sequence[tuple[str, str]]
    tables: Sequence[tuple[str, str]]
    fills: bool
    binary: Reader


class _Filled(NamedTuple):
    """A table of functions that a module has filled.

    Arguments:
        functions: the indices of the core functions in its places, from the first on.
        maker: the core instance that exports the table.
        table: its index; or the instance, and the name of the export.
    """

    functions: Sequence[int]
    maker: int
    table: int | tuple[int, str]


_Listed = Mapping[str, tuple[int, int]]
"""A core instance that is listed in place: by name the sort and the index of what it exports."""


@dataclass(slots=True)
class Found:
    """The index spaces of the outermost component, as far as lanes need them; None for what does not matter."""

    instances: list[str | None] = field(default_factory=list)
    functions: list[tuple[str, str] | None] = field(default_factory=list)
    core_functions: list[_Lowered | None] = field(default_factory=list)
    core_instances: list[_Listed | _Module] = field(default_factory=list)
    modules: list[_Module | None] = field(default_factory=list)
    tables: list[int] = field(default_factory=list)
    """The core instances that tables are taken out of."""
    filled: list[_Filled] = field(default_factory=list)
    takers: Counter[int] = field(default_factory=Counter)
    """By core instance, how many others are given a table of it."""

    def read(self, kind: int, section: Reader) -> None:
        """Takes up a section."""
        if kind == Section.CORE_MODULE:
            self.modules.append(_module(section))
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
        elif sort == s.CORE_MODULE:
            self.modules.append(None)

    def only(self) -> _Filled | None:
        """The one table that a module fills, if nothing else but its maker has it, which only calls what is there."""
        filled = self.filled[0] if len(self.filled) == 1 else None
        if filled is None or self.takers[filled.maker] != 1:
            return None
        maker = self.core_instances[filled.maker]
        return filled if isinstance(maker, _Module) and _only_calls(maker.binary.copy()) else None


def _module(module: Reader) -> _Module:
    binary, kinds = module.copy(), set[int]()
    imports, elements = list[tuple[str, str, int]](), b""
    module.preamble()
    for kind, section in module.sections():
        kinds.add(kind)
        if kind == CoreSection.IMPORTS:
            imports = [_imported(section) for _ in range(section.number())]
        elif kind == CoreSection.ELEMENTS:
            elements = section.rest()
    tables = [(instance, name) for instance, name, kind in imports if kind == A_TABLE]
    functions = [(instance, name) for instance, name, kind in imports if kind == A_FUNCTION]
    fills = kinds <= _FILLING and len(tables) == 1 and len(imports) == len(functions) + 1
    return _Module(functions, tables, fills and elements == _all_in_order(len(functions)), binary)


def _all_in_order(count: int) -> bytes:
    """The elements of a module that puts its first functions into a table, from its first place on."""
    return b"\1\0\x41\0\x0b" + s.vector([s.unsigned(number) for number in range(count)])


def _imported(section: Reader) -> tuple[str, str, int]:
    """A core module's import: the names of its module and its own, and its kind."""
    start = section.at
    names = section.name(), section.name()
    section.at = start
    return *names, section.core_import()


def _only_calls(module: Reader) -> bool:
    """Whether all that a module's functions do is to call, with what they are given, those in its table."""
    module.preamble()
    for kind, section in module.sections():
        if kind not in _CALLING:
            return False
        if kind == CoreSection.CODE and not all(_is_call(section) for _ in range(section.number())):
            return False
    return True


def _is_call(code: Reader) -> bool:
    """Whether a function has no locals, and only instructions that change nothing themselves."""
    _size, some = code.number(), code.number()
    while not some and (instruction := code.byte()) != _END:
        some = instruction not in _OPERANDS
        for _ in range(_OPERANDS.get(instruction, 0)):
            code.number()
    return not some


_FILLING = {CoreSection.CUSTOM, CoreSection.TYPES, CoreSection.IMPORTS, CoreSection.ELEMENTS}
_CALLING = {
    CoreSection.CUSTOM,
    CoreSection.TYPES,
    CoreSection.FUNCTIONS,
    CoreSection.TABLES,
    CoreSection.EXPORTS,
    CoreSection.CODE,
}
_OPERANDS, _END = {0x11: 2, 0x20: 1, 0x41: 1}, 0x0B
"""How many numbers follow `call_indirect`, `local.get` and `i32.const`."""


def _core_instance(section: Reader, found: Found) -> None:
    if section.byte():
        entries = [(section.name(), (section.byte(), section.number())) for _ in range(section.number())]
        found.core_instances.append(dict(entries))
        return
    module, given = found.modules[section.number()], dict[str, int]()
    for _ in range(section.number()):
        name, _sort = section.name(), section.byte()
        given[name] = section.number()
    if module is None:
        raise ValueError("an instance of a module that is not known from its place")
    found.core_instances.append(module)
    tables = [_table(found, given[instance], name) for instance, name in module.tables]
    found.takers.update(maker for maker, _ in tables)
    if module.fills and len(found.filled) < 2:
        functions = [_listed(found, given[instance], name) for instance, name in module.functions]
        found.filled.append(_Filled(functions, *tables[0]))


def _table(found: Found, instance: int, name: str) -> tuple[int, int | tuple[int, str]]:
    """A table that is given: the core instance that exports it, and its index, or that instance and its name there."""
    listed = found.core_instances[instance]
    if isinstance(listed, _Module):
        return instance, (instance, name)
    return found.tables[listed[name][1]], listed[name][1]


def _listed(found: Found, instance: int, name: str) -> int:
    """The index of a core function that is given, out of an instance that is listed in place."""
    listed = found.core_instances[instance]
    if isinstance(listed, _Module):
        raise ValueError("a table is filled with functions of an instance")
    return listed[name][1]


def _alias(section: Reader, found: Found) -> None:
    sort, inside, _ = section.alias()
    if sort == s.FUNCTION and inside is not None and found.instances[inside[0]] is not None:
        found.add(sort, (found.instances[inside[0]] or "", inside[1]))
    elif sort == s.CORE_TABLE and inside is not None:
        found.tables.append(inside[0])
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
    memories, sites, filled = dict[Lane, int](), list[Site](), found.only()
    for slot, index in enumerate(filled.functions if filled is not None else ()):
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
