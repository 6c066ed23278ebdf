"""What a component's binary can create when it is instantiated: how many linear memories and tables.

A store's limiter bounds each memory by itself, and a node's limit is the total, so the number must be known.
Instantiation of a component is fixed in its binary: every core instance and every instance of a nested component is
listed, and modules and components are referred to by index. A reference that leads out of what is modelled here
counts as the largest there is.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.engine.component import Parts
from orchestrator.errors import ComponentError

_CORE_MODULE, _CORE_INSTANCE, _COMPONENT, _INSTANCE, _ALIAS, _IMPORT, _EXPORT = 1, 2, 4, 5, 6, 10, 11
_MODULE_TABLE, _MODULE_MEMORY = 4, 5
_SORT_MODULE, _SORT_COMPONENT = (1, 0x11), (0, 4)


@dataclass(slots=True)
class _Space:
    """The index spaces of one component that matter here."""

    outer: _Space | None
    modules: list[Parts] = field(default_factory=list)
    components: list[Parts] = field(default_factory=list)
    total: Parts = Parts(0, 0)


class _Reader:
    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    def name(self) -> None:
        size = self.number()
        self.at += size

    def extern_name(self) -> None:
        """The name of an import or export: a form, the text, and in form 2 a list of options."""
        form = self.byte()
        self.name()
        if form == 2:
            for _ in range(self.number()):
                self.byte()
                self.name()

    def extern_type(self) -> tuple[int, int]:
        """An `externdesc`; the sort it describes."""
        sort = _sort(self, core=False)
        bound = self.byte() if sort in ((0, 2), (0, 3)) else 0
        if sort == (0, 2) and bound == 1:
            raise ValueError("a value with a type of its own")
        if sort != (0, 3) or bound == 0:
            self.number()
        return sort

    def sections(self) -> Iterator[tuple[int, _Reader]]:
        while self.at < self.end:
            kind, size = self.byte(), self.number()
            yield kind, _Reader(self.data, self.at, self.at + size)
            self.at += size


def parts(binary: bytes) -> Parts:
    """The memories and tables of one instance of the component in `binary`, which wasmtime has accepted.

    Raises:
        ComponentError: the binary uses a form that is not known here; running it without knowing would break its limit.
    """
    try:
        return _component(_Reader(binary, 8, len(binary)), None)
    except (ValueError, IndexError, RecursionError) as problem:
        raise ComponentError(
            f"the component's binary has a form that this engine does not know: {problem}"
        ) from problem


def _component(reader: _Reader, outer: _Space | None) -> Parts:
    space = _Space(outer)
    for kind, section in reader.sections():
        if kind == _CORE_MODULE:
            space.modules.append(_module(_Reader(section.data, section.at + 8, section.end)))
        elif kind == _COMPONENT:
            space.components.append(_component(_Reader(section.data, section.at + 8, section.end), space))
        elif kind in (_CORE_INSTANCE, _INSTANCE):
            made = space.modules if kind == _CORE_INSTANCE else space.components
            _instances(section, made, space, core=kind == _CORE_INSTANCE)
        elif kind == _ALIAS:
            _aliases(section, space)
        elif kind == _IMPORT:
            _imports(section, space)
        elif kind == _EXPORT:
            _exports(section, space)
    return space.total


def _module(reader: _Reader) -> Parts:
    found = Parts(0, 0)
    for kind, section in reader.sections():
        if kind == _MODULE_MEMORY:
            found += Parts(section.number(), 0)
        elif kind == _MODULE_TABLE:
            found += Parts(0, section.number())
    return found


def _instances(section: _Reader, made: list[Parts], space: _Space, *, core: bool) -> None:
    for _ in range(section.number()):
        if section.byte() == 0:
            index = section.number()
            space.total += made[index] if index < len(made) else _largest(space)
            for _ in range(section.number()):
                section.name()
                _sort(section, core=core)
                section.number()
        else:
            for _ in range(section.number()):
                _export_name(section, core=core)
                _sort(section, core=core)
                section.number()


def _export_name(section: _Reader, *, core: bool) -> None:
    if not core:
        section.extern_name()
    else:
        section.name()


def _sort(section: _Reader, *, core: bool) -> tuple[int, int]:
    """A sort: (1, core sort) or (0, component sort); an instantiation of a core module names core sorts directly."""
    first = section.byte()
    if core:
        return 1, first
    return (1, section.byte()) if first == 0 else (0, first)


def _aliases(section: _Reader, space: _Space) -> None:
    for _ in range(section.number()):
        is_core, sort = _sort(section, core=False)
        target = section.byte()
        first, second = section.number(), 0
        if target == 2:
            second = section.number()
        else:
            section.name()
        found = _outer(space, first if target == 2 else None)
        if (is_core, sort) == _SORT_MODULE:
            space.modules.append(found.modules_at(second))
        elif (is_core, sort) == _SORT_COMPONENT:
            space.components.append(found.components_at(second))


def _imports(section: _Reader, space: _Space) -> None:
    """What is imported comes from around this component, so the largest there bounds it."""
    for _ in range(section.number()):
        section.extern_name()
        sort = section.extern_type()
        if sort == _SORT_MODULE:
            space.modules.append(_largest(space))
        elif sort == _SORT_COMPONENT:
            space.components.append(_largest(space))


def _exports(section: _Reader, space: _Space) -> None:
    """An export is a new index for what it exports."""
    for _ in range(section.number()):
        section.extern_name()
        sort, index = _sort(section, core=False), section.number()
        if section.byte():
            section.extern_type()
        if sort == _SORT_MODULE:
            space.modules.append(space.modules[index])
        elif sort == _SORT_COMPONENT:
            space.components.append(space.components[index])


@dataclass(frozen=True, slots=True)
class _Found:
    """A component's spaces as an alias sees them: what it does not know counts as the largest."""

    space: _Space | None
    largest: Parts

    def modules_at(self, index: int) -> Parts:
        known = self.space.modules if self.space else []
        return known[index] if index < len(known) else self.largest

    def components_at(self, index: int) -> Parts:
        known = self.space.components if self.space else []
        return known[index] if index < len(known) else self.largest


def _outer(space: _Space, count: int | None) -> _Found:
    """The spaces of the component `count` levels out; unknown for an alias of an instance's export (None)."""
    found: _Space | None = space if count is not None else None
    for _ in range(count or 0):
        found = found.outer if found else None
    return _Found(found, _largest(space))


def _largest(space: _Space) -> Parts:
    """The most that any module or component known here, or around here, can make."""
    known = [Parts(1, 1)]
    here: _Space | None = space
    while here is not None:
        known += here.modules + here.components
        here = here.outer
    return Parts(max(p.memories for p in known), max(p.tables for p in known))
