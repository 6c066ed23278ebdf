"""A world as a binary has it: includes taken in, and what its interfaces need imported before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.interface import _transform
from orchestrator.interface import types as t
from orchestrator.interface._lexer import error
from orchestrator.interface.packages import Scope
from orchestrator.interface.syntax import FunctionDecl, Include, InterfaceDecl, Port, Use, WorldDecl

if TYPE_CHECKING:
    from orchestrator.interface.packages import Packages

Item = t.Interface | t.Function
MOST_WORLDS = 1000
"""Includes that make up one world; worlds that include each other twice would otherwise never end."""

Imported = Callable[[t.Resource], bool]


@dataclass(slots=True, eq=False)
class WorldBuilder:
    """Collects the imports and exports of one world."""

    packages: Packages
    imports: dict[str, Item] = field(default_factory=dict)
    exports: dict[str, Item] = field(default_factory=dict)
    types: dict[str, t.TypeDef] = field(default_factory=dict)
    _needed: list[Scope] = field(default_factory=list)
    _open: list[t.Name] = field(default_factory=list)
    _worlds: int = 0

    def build(self, name: t.Name, decl: WorldDecl) -> t.World:
        """The world `decl`, whose full name is `name`."""
        self._collect(name, decl, {})
        exported = {item.name.base for item in self.exports.values() if isinstance(item, t.Interface)}
        for scope in self._needed:
            if str(scope.name) not in self.exports:
                self._import(scope)

        def from_elsewhere(resource: t.Resource) -> bool:
            return resource.interface not in exported

        return t.World(
            name,
            tuple(_marked(item, lambda _: True) for item in self.imports.values()),
            tuple(_marked(item, from_elsewhere) for item in self.exports.values()),
            tuple(_marked_types(tuple(self.types.values()), lambda _: True)),
        )

    def _collect(self, name: t.Name, decl: WorldDecl, renames: dict[str, str]) -> None:
        if name in self._open:
            raise error(decl.file.source, decl.at, f"the world `{decl.name}` includes itself")
        self._worlds += 1
        if self._worlds > MOST_WORLDS:
            raise error(decl.file.source, decl.at, f"worlds are included more than {MOST_WORLDS} times")
        self._open.append(name)
        scope = Scope(self.packages, name, "", decl.items, decl.file)
        for item in decl.items:
            if isinstance(item, Use):
                self._import(scope.used(item))
        for typedef in scope.typedefs():
            self.types.setdefault(typedef.name, typedef)
        for item in decl.items:
            if isinstance(item, Port):
                self._port(scope, item, renames)
            elif isinstance(item, Include):
                self._include(scope, item, renames)
        self._open.pop()

    def _include(self, scope: Scope, include: Include, renames: dict[str, str]) -> None:
        name, decl = self.packages.world_decl(scope.path(include.path), scope.file, include.at)
        inner = {old: renames.get(new, new) for old, new in include.renames}
        self._collect(name, decl, renames | inner)

    def _port(self, scope: Scope, port: Port, renames: dict[str, str]) -> None:
        if isinstance(port.item, t.Name):
            self._interface(scope, port, port.item)
            return
        if isinstance(port.item, FunctionDecl):
            function = scope.function(port.item)
            name = renames.get(function.name, function.name)
            self._put(scope, port, name, replace(function, name=name))
            return
        self._inline(scope, port, port.item, renames.get(port.item.name, port.item.name))

    def _interface(self, scope: Scope, port: Port, path: t.Name) -> None:
        found = self.packages.scope(scope.path(path), scope.file, port.at)
        if port.exported:
            self._export(found)
        else:
            self._import(found)

    def _inline(self, scope: Scope, port: Port, decl: InterfaceDecl, name: str) -> None:
        inner = Scope(self.packages, scope.name, name, decl.items, decl.file, decl)
        for needed in _uses(inner):
            if port.exported:
                self._needed.append(needed)
            else:
                self._import(needed)
        self._put(scope, port, name, replace(inner.interface(), name=t.Name(name)))

    def _put(self, scope: Scope, port: Port, name: str, item: Item) -> None:
        side = self.exports if port.exported else self.imports
        if side.setdefault(name, item) != item:
            word = "exported" if port.exported else "imported"
            raise error(scope.file.source, port.at, f"`{name}` is {word} twice, in different ways")

    def _import(self, scope: Scope) -> None:
        """The interface as an import, behind those it uses types of."""
        key = str(scope.name)
        if key in self.imports:
            return
        if scope.name in self._open:
            assert scope.decl is not None
            raise error(scope.file.source, scope.decl.at, f"the interface `{scope.name}` uses itself")
        self._open.append(scope.name)
        for needed in _uses(scope):
            self._import(needed)
        self._open.pop()
        self.imports[key] = self.packages.interface_of(scope)

    def _export(self, scope: Scope) -> None:
        self._needed.extend(_uses(scope))
        self.exports[str(scope.name)] = self.packages.interface_of(scope)


def _uses(scope: Scope) -> list[Scope]:
    """The interfaces that a scope uses types of, each once."""
    found = {id(used): used for item in scope.items if isinstance(item, Use) for used in (scope.used(item),)}
    return list(found.values())


def _marked(item: Item, imported: Imported) -> Item:
    """The same with each resource told whether it is another's."""

    def leaf(type_: t.Type) -> t.Type:
        match type_:
            case t.Own(resource):
                return t.Own(_mark(resource, imported))
            case t.Borrow(resource):
                return t.Borrow(_mark(resource, imported))
            case _:
                return type_

    if isinstance(item, t.Function):
        return _transform.function(item, leaf)
    functions = tuple(_transform.function(f, leaf) for f in item.functions)
    return t.Interface(item.name, _marked_types(item.types, imported), functions, item.docs)


def _marked_types(types: tuple[t.TypeDef, ...], imported: Imported) -> tuple[t.TypeDef, ...]:
    return tuple(t.TypeDef(d.name, _mark(d.type, imported)) if isinstance(d.type, t.Resource) else d for d in types)


def _mark(resource: t.Resource, imported: Imported) -> t.Resource:
    return t.Resource(resource.name, resource.interface, imported(resource))
