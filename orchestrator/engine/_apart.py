"""Takes large modules out of a component that others have too, so that each is compiled once for all of them.

Components made of Python are CPython, the same to the byte in each of them, and a little of their own beside it. So a
module that brings no memory and no data, a library that works in those of others, becomes an import of the component,
and whoever instantiates the component gives it the module.

In the outermost component the import stands where the module stood. For a nested one it stands before that in the
outermost, and an alias of it stands where the module stood. No index of anything else changes by that; where one would,
or the binary has a form that is not known here, nothing is taken out.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.engine import _sections as s
from orchestrator.engine._sections import CoreSection, Reader, Section, Sort
from orchestrator.engine._steady import declared
from orchestrator.engine.imports import MODULE

LEAST = 1 << 20
"""Bytes of code from which on a module is taken out: so much takes more than a second to compile."""
MOST = 8
"""Modules that are taken out of one component."""
_CORE_MODULE, _OUTER = b"\0\x11", b"\2"
"""The sort of a core module, and an alias of what stands around a component."""
_MODULE_TYPE, _FUNCTION_TYPE = b"\x50", 0x60
_IMPORTED, _TYPE, _EXPORTED = b"\0", b"\1", b"\3"
"""What is declared in the type of a module."""
_FUNCTION, _TABLE, _, _GLOBAL = _KINDS = range(4)
"""What a module imports and exports."""
_SHORT = 0x65
"""The first byte of a value's type, from which on it is the only one."""
_OF_ITS_OWN = (CoreSection.MEMORIES, CoreSection.DATA, CoreSection.TAGS)
"""What no library has."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A component and what was taken out of it.

    Arguments:
        modules: what it is to be given for its imports `MODULE` 0, 1, and so on.
    """

    binary: bytes
    modules: tuple[bytes, ...] = ()


def apart(binary: bytes, least: int = LEAST) -> Apart:
    """The component without the modules that are better compiled by themselves.

    Arguments:
        least: bytes of code that such a module has.
    """
    try:
        return _Outermost(binary, least).apart() if len(binary) >= least else Apart(binary)
    except (ValueError, IndexError):
        return Apart(binary)


class _Outermost:
    """The outermost component, gone through once."""

    def __init__(self, binary: bytes, least: int) -> None:
        self._binary, self._least = binary, least
        self._wanted = set(_wanted(Reader(binary, 0, len(binary)), 0))
        self._taken: list[bytes] = []
        self._aliased: dict[bytes, int] = {}
        """What was taken out of nested components: its index here."""
        self._modules = 0
        """How many modules it has so far."""

    def apart(self) -> Apart:
        """See `apart`."""
        reader = Reader(self._binary, 0, len(self._binary))
        out = [reader.preamble()]
        for kind, inner in reader.sections():
            out += self._section(kind, inner)
        return Apart(b"".join(out), tuple(self._taken))

    def _section(self, kind: int, inner: Reader) -> list[bytes]:
        """What stands in a section's place."""
        if kind == Section.COMPONENT:
            imports = list[bytes]()
            nested = self._nested(inner, 1, imports)
            return [*imports, s.section(kind, nested)]
        if kind == Section.CORE_MODULE:
            self._add_module()
            type_ = self._library(inner)
            return [s.section(kind, inner.rest()) if type_ is None else self._import(inner.rest(), type_)]
        for sort in _sorts(kind, inner.copy()):
            if sort == s.CORE_TYPE:
                raise ValueError("core types are not counted here")
            if sort == s.CORE_MODULE:
                self._add_module()
        return [s.section(kind, inner.rest())]

    def _add_module(self) -> None:
        """It has one more module of its own."""
        if self._aliased:
            raise ValueError("its index changed, since imports were added before it")
        self._modules += 1

    def _nested(self, component: Reader, depth: int, imports: list[bytes]) -> bytes:
        """A nested component, so many levels in; what it needs imported is added to `imports`."""
        out = [component.preamble(depth)]
        for kind, inner in component.sections():
            if kind == Section.COMPONENT:  # before anything is copied: every level would hold the next ones
                out.append(s.section(kind, self._nested(inner, depth + 1, imports)))
                continue
            body = inner.rest()
            index = self._index(inner, body, imports) if kind == Section.CORE_MODULE else None
            if index is not None:
                place = s.unsigned(depth) + s.unsigned(index)
                kind, body = Section.ALIASES, s.vector([_CORE_MODULE + _OUTER + place])
            out.append(s.section(kind, body))
        return b"".join(out)

    def _index(self, module: Reader, body: bytes, imports: list[bytes]) -> int | None:
        """Which import of the outermost component a nested one's module becomes, added if need be; None for none."""
        if body not in self._aliased:
            type_ = self._library(module)
            if type_ is None:
                return None
            imports.append(self._import(body, type_))
            self._aliased[body] = self._modules + len(self._aliased)
        return self._aliased[body]

    def _import(self, module: bytes, type_: bytes) -> bytes:
        """The sections that import a module."""
        number = len(self._taken)
        self._taken.append(module)
        described = b"\0" + s.text(f"{MODULE}{number}") + _CORE_MODULE + s.unsigned(number)
        return s.section(Section.CORE_TYPES, s.vector([type_])) + s.section(Section.IMPORTS, s.vector([described]))

    def _library(self, module: Reader) -> bytes | None:
        """The type of a module that is to be taken out; None for any other."""
        if module.end - module.at < self._least or len(self._taken) == MOST:
            return None
        return _type(module.copy(), self._wanted, self._least)


def _sorts(kind: int, section: Reader) -> Iterator[Sort]:
    """What a section of the outermost component adds to its index spaces."""
    if kind == Section.CORE_TYPES:
        yield s.CORE_TYPE
    elif kind == Section.ALIASES:
        for _ in range(section.number()):
            yield section.alias().sort
    elif kind == Section.IMPORTS:
        for _ in range(section.number()):
            if section.extern_name().lower().startswith(MODULE):  # names that differ by case alone are the same
                raise ValueError("it has an import with a name that is added here")
            yield section.extern_type()
    elif kind == Section.EXPORTS:
        for _ in range(section.number()):
            section.extern_name()
            yield section.exported()[0]


def _wanted(component: Reader, depth: int) -> Iterator[str]:
    """Every name under which a module or a component takes something out of an instance."""
    component.preamble(depth)
    for kind, inner in component.sections():
        if kind == Section.CORE_MODULE:
            yield from _imported(inner.copy())
        elif kind == Section.COMPONENT:
            yield from _wanted(inner, depth + 1)
        elif kind == Section.ALIASES:
            for _ in range(inner.number()):
                inside = inner.alias().inside
                if inside is not None:
                    yield inside[1]


def _imported(module: Reader) -> Iterator[str]:
    module.preamble()
    for kind, section in module.sections():
        if kind == CoreSection.IMPORTS:
            for _ in range(section.number()):
                names = section.copy()
                names.name()
                yield names.name()
                section.core_import()


def _type(module: Reader, wanted: set[str], least: int) -> bytes | None:
    """The type of a module, of its exports those that are wanted; None where it is no library, or a small one."""
    module.preamble()
    spaces, declarations, code = [list[bytes]() for _ in _KINDS], list[bytes](), 0
    for kind, section in module.sections():
        if kind in _OF_ITS_OWN:
            return None
        if kind == CoreSection.TYPES:
            declarations += [_TYPE + type_ for type_ in _function_types(section)]
        elif kind == CoreSection.IMPORTS:
            declarations += [_IMPORTED + described for described in _imports(section, spaces)]
        elif kind == CoreSection.FUNCTIONS:
            spaces[_FUNCTION] += [s.unsigned(section.number()) for _ in range(section.number())]
        elif kind == CoreSection.TABLES:
            spaces[_TABLE] += _tables(section)
        elif kind == CoreSection.GLOBALS:
            spaces[_GLOBAL] += map(_plain, declared(section))
        elif kind == CoreSection.EXPORTS:
            declarations += [_EXPORTED + described for described in _exports(section, spaces, wanted)]
        elif kind == CoreSection.CODE:
            code = section.end - section.at
    return _MODULE_TYPE + s.vector(declarations) if code >= least else None


def _function_types(types: Reader) -> Iterator[bytes]:
    for _ in range(types.number()):
        at = types.at
        if types.byte() != _FUNCTION_TYPE:
            raise ValueError("a type that is none of a function")
        for _sides in range(2):
            for _ in range(types.number()):
                first = types.at
                types.core_type()
                _plain(types.since(first))
        yield types.since(at)


def _plain(type_: bytes) -> bytes:
    """What begins with the type of a value, if that is a number, or a reference whose type is one byte.

    Others may refer to a type of the module's: of those wasmtime 50.0.1 says, where the type of a module has them, that
    they are not supported yet, and aborts.
    """
    if type_[0] < _SHORT:
        raise ValueError("no type, or a reference to something of the module's own")
    return type_


def _imports(section: Reader, spaces: list[list[bytes]]) -> Iterator[bytes]:
    """What is imported, as the binary has it; its types are added to the index spaces."""
    for _ in range(section.number()):
        at, described = section.at, section.copy()
        section.core_import()
        described.name()
        described.name()
        kind = described.byte()
        type_ = described.within(section.at - described.at).rest()
        spaces[kind].append(_plain(type_) if kind in (_TABLE, _GLOBAL) else type_)
        yield section.since(at)


def _tables(section: Reader) -> Iterator[bytes]:
    for _ in range(section.number()):
        at = section.at
        section.core_type()  # none is what a table begins with that is filled by an expression
        section.limits()
        yield _plain(section.since(at))


def _exports(section: Reader, spaces: list[list[bytes]], wanted: set[str]) -> Iterator[bytes]:
    """What of a module is exported and wanted: its name, its kind and its type."""
    for _ in range(section.number()):
        name, kind, index = section.name(), section.byte(), section.number()
        if name in wanted:
            yield s.text(name) + bytes([kind]) + spaces[kind][index]
