"""WIT as it is written: packages, interfaces and worlds before their names are looked up.

Made by `parse`, read by `packages`, which turns it into the values of `types`. No other room needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.diagnostics import Source
from orchestrator.interface.types import Function, Name, Type


@dataclass(slots=True, eq=False)
class File:
    """A text and the names its `use … as …` lines give to interfaces; filled while the text is parsed."""

    source: Source
    aliases: dict[str, Name] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """`use path.{name as alias}`: one for each name."""

    path: Name
    name: str
    alias: str
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class TypeDecl:
    """A declared type; `type` is None for a resource."""

    name: str
    type: Type | None
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class FunctionDecl:
    """A declared function, its types not looked up."""

    function: Function
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class InterfaceDecl:
    """`interface name { … }`, or the body of an inline one."""

    name: str
    items: tuple[Use | TypeDecl | FunctionDecl, ...]
    file: File = field(repr=False, compare=False)
    at: int = field(default=0, compare=False)
    docs: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Port:
    """`import …` or `export …` of a world: an interface by name, an inline interface or a function."""

    exported: bool
    item: Name | InterfaceDecl | FunctionDecl
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Include:
    """`include path with { old as new }`."""

    path: Name
    renames: tuple[tuple[str, str], ...]
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class WorldDecl:
    """`world name { … }`."""

    name: str
    items: tuple[Use | TypeDecl | Port | Include, ...]
    file: File = field(repr=False, compare=False)
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its name (`interface` is empty), what it declares, and packages written inside its texts."""

    name: Name
    interfaces: tuple[InterfaceDecl, ...] = ()
    worlds: tuple[WorldDecl, ...] = ()
    nested: tuple[Package, ...] = ()
