"""WIT packages with their names looked up: interfaces, worlds and types as the values of `types`.

    packages = Packages.read([Path("wit")])
    packages.interface("agent:data/retrieval")
    packages.world("agent:core/agent@0.1.0")
    packages.resolve(parse_type("list<agent:data/documents.document>"))

A name without a version means the newest one that is there; a name with a version means that one, or the newest that
fits it. A world comes out whole, as a binary has it: with the interfaces that its interfaces need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from orchestrator.errors import WitError
from orchestrator.interface import _transform
from orchestrator.interface import types as t
from orchestrator.interface._lexer import error
from orchestrator.interface._placed import NamedAt, ResourceAt
from orchestrator.interface._type_parser import DEEPEST
from orchestrator.interface.parse import parse_packages, read_source
from orchestrator.interface.syntax import (
    File,
    FunctionDecl,
    InterfaceDecl,
    Package,
    TypeDecl,
    Use,
    WorldDecl,
)
from orchestrator.interface.versions import order, version_fits

__all__ = ["LARGEST_TYPE", "Packages"]

LARGEST_TYPE = 1 << 16
"""Types inside one type, written out; names allow a short text to say an endless one."""


class Packages:
    """Packages by name and version, and what they declare.

    Arguments:
        packages: with the packages nested in them.

    Raises `WitError` when a package is there twice and not the same.
    """

    def __init__(self, packages: Iterable[Package] = ()) -> None:
        self._packages: dict[t.Name, Package] = {}
        self._scopes: dict[t.Name, Scope] = {}
        self._interfaces: dict[t.Name, t.Interface] = {}
        self.sizes = _Sizes()
        for package in packages:
            self._add(package)

    @classmethod
    def read(cls, paths: Iterable[Path], *, features: Collection[str] = frozenset()) -> Packages:
        """The packages in WIT files and folders.

        A folder holds the texts of a package, or of several; folders inside it, `deps` among them, hold others.
        Raises `WitError` with the file's path and the place in it, and OSError where a file cannot be read.
        """
        found: list[Package] = []
        for path in paths:
            for group in _groups(path):
                sources = [read_source(file, file.read_bytes()) for file in group]
                found += parse_packages(sources, features=features)
        return cls(found)

    def _add(self, package: Package) -> None:
        for nested in package.nested:
            self._add(nested)
        if not package.name.namespace:
            return
        known = self._packages.get(package.name)
        if known is None:
            self._packages[package.name] = package
        elif (known.interfaces, known.worlds) != (package.interfaces, package.worlds):
            raise WitError(f"package `{package.name}` is declared twice, in different ways")

    def names(self) -> tuple[t.Name, ...]:
        """The packages, by name and version."""
        return tuple(sorted(self._packages))

    def interfaces(self) -> tuple[t.Name, ...]:
        """Every interface of every package."""
        return tuple(_inside(p.name, decl.name) for _, p in sorted(self._packages.items()) for decl in p.interfaces)

    def worlds(self) -> tuple[t.Name, ...]:
        """Every world of every package."""
        return tuple(_inside(p.name, decl.name) for _, p in sorted(self._packages.items()) for decl in p.worlds)

    def interface(self, name: str | t.Name) -> t.Interface:
        """The interface, its types and functions resolved. Raises `WitError`."""
        with _bounded():
            return self.interface_of(self.scope(_name(name)))

    def world(self, name: str | t.Name) -> t.World:
        """The world with all it imports and exports, what its interfaces need included. Raises `WitError`."""
        from orchestrator.interface._world_builder import WorldBuilder

        with _bounded():
            full, decl = self.world_decl(_name(name), None)
            return WorldBuilder(self).build(full, decl)

    def type(self, interface: str | t.Name, name: str) -> t.Type:
        """The type that an interface declares under a name; of a resource, `own` of it. Raises `WitError`."""
        with _bounded():
            found = self.scope(_name(interface)).lookup(name)
        return t.Own(found) if isinstance(found, t.Resource) else found

    def resolve(self, type_: t.Type) -> t.Type:
        """The type with every `Named` in it looked up, as `parse_type` gives it. Raises `WitError`."""
        with _bounded():
            found = _transform.transform(type_, self._leaf)
            self.sizes.check(found)
        return found

    def _leaf(self, type_: t.Type) -> t.Type:
        match type_:
            case t.Named(name, interface):
                return self.type(interface, name) if interface else self._no_type(name)
            case t.Own(resource):
                return t.Own(self._resource(resource))
            case t.Borrow(resource):
                return t.Borrow(self._resource(resource))
            case _:
                return type_

    def _resource(self, resource: t.Resource) -> t.Resource:
        if not resource.interface:
            self._no_type(resource.name)
        found = self.scope(t.Name.parse(resource.interface)).lookup(resource.name)
        if not isinstance(found, t.Resource):
            raise WitError(f"`{resource.interface}.{resource.name}` is a type, not a resource")
        return found

    def _no_type(self, name: str) -> t.Type:
        homes = [f"`{s.base}.{name}`" for s in self.interfaces() if name in self.scope(s).table]
        near = [f"`{match}`" for match in get_close_matches(name, [*t.PRIMITIVES, "list", "option", "result", "tuple"])]
        hint = f"; did you mean {' or '.join((homes + near)[:3])}?" if homes or near else ""
        raise WitError(f"there is no type `{name}`{hint}", expected="a type of WIT, or `package:name/interface.type`")

    def scope(self, name: t.Name, file: File | None = None, at: int = 0) -> Scope:
        """The names inside an interface; `file` and `at` are where it is asked for, for the error."""
        package = self._find(name, file, at)
        decl = next((d for d in package.interfaces if d.name == name.interface), None)
        if decl is None:
            there = [d.name for d in package.interfaces]
            raise _none(f"package `{package.name}` has no interface", name, there, file, at)
        full = _inside(package.name, name.interface)
        if full not in self._scopes:
            self._scopes[full] = Scope(self, full, full.base, decl.items, decl.file, decl)
        return self._scopes[full]

    def interface_of(self, scope: Scope) -> t.Interface:
        """The interface of a scope."""
        if scope.name not in self._interfaces:
            self._interfaces[scope.name] = scope.interface()
        return self._interfaces[scope.name]

    def world_decl(self, name: t.Name, file: File | None, at: int = 0) -> tuple[t.Name, WorldDecl]:
        """A world as it is written, and its full name."""
        package = self._find(name, file, at)
        decl = next((d for d in package.worlds if d.name == name.interface), None)
        if decl is None:
            raise _none(f"package `{package.name}` has no world", name, [d.name for d in package.worlds], file, at)
        return _inside(package.name, name.interface), decl

    def _find(self, name: t.Name, file: File | None, at: int) -> Package:
        """The package of a name: the version asked for, or the newest that fits it."""
        exact = self._packages.get(t.Name("", name.namespace, name.package, name.version))
        if exact is not None:
            return exact
        same = [n for n in self._packages if (n.namespace, n.package) == (name.namespace, name.package)]
        fitting = [n for n in same if version_fits(name.version, n.version)]
        if fitting:
            return self._packages[max(fitting, key=_age)]
        wanted = t.Name("", name.namespace, name.package, name.version)
        if same:
            have = ", ".join(f"`{n}`" for n in sorted(same))
            raise _failure(f"no version of package `{wanted.base}` fits `{wanted.version}`; there is {have}", file, at)
        everything = sorted({n.base for n in self._packages})
        raise _none("there is no package", wanted, everything, file, at, said=str(wanted))


@dataclass(slots=True, eq=False)
class Scope:
    """The names inside one interface or one world, looked up when asked for.

    Arguments:
        name: the full name of the interface or world.
        home: what its own resources are known by: the name without its version; empty for a world.
        decl: the interface as it is written; None for a world.
    """

    packages: Packages
    name: t.Name
    home: str
    items: Iterable[object]
    file: File
    decl: InterfaceDecl | None = None
    table: dict[str, Use | TypeDecl] = field(init=False)
    _done: dict[str, t.Type | t.Resource] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.table = {}
        for item in self.items:
            if isinstance(item, (Use, TypeDecl)):
                self.table[item.alias if isinstance(item, Use) else item.name] = item

    def path(self, path: t.Name) -> t.Name:
        """An interface or world as it is named here, in full: of this package where no other is written."""
        if path.namespace:
            return path
        path = self.file.aliases.get(path.interface, path)
        return path if path.namespace else _inside(self.name, path.interface)

    def used(self, use: Use) -> Scope:
        """The scope that a `use` takes from."""
        return self.packages.scope(self.path(use.path), self.file, use.at)

    def lookup(self, name: str, at: int | None = None) -> t.Type | t.Resource:
        """What is declared under the name; `at` is where in this file it is asked for."""
        if name in self._done:
            return self._done[name]
        item = self.table.get(name)
        if item is None:
            file = None if at is None else self.file
            what = f"`{self.name}` declares no type" if self.decl else "there is no type"
            raise _none(what, t.Name(name), list(self.table), file, at or 0)
        if name in self._open:
            raise error(self.file.source, item.at, f"the type `{name}` contains itself")
        self._open.add(name)
        try:
            found = self._use(item) if isinstance(item, Use) else self._declared(item)
        finally:
            self._open.discard(name)
        self._done[name] = found
        return found

    def _use(self, use: Use) -> t.Type | t.Resource:
        scope = self.used(use)
        if use.name not in scope.table:
            what = f"`{scope.name}` declares no type"
            raise _none(what, t.Name(use.name), list(scope.table), self.file, use.at)
        return scope.lookup(use.name)

    def _declared(self, decl: TypeDecl) -> t.Type | t.Resource:
        if decl.type is None:
            return t.Resource(decl.name, self.home)
        if isinstance(decl.type, NamedAt):
            return self.lookup(decl.type.name, decl.type.at)
        found = self.resolve(decl.type)
        try:
            self.packages.sizes.check(found)
        except WitError as problem:
            raise error(self.file.source, decl.at, problem.message) from None
        return found

    def resolve(self, type_: t.Type) -> t.Type:
        """A type as it is written here, its names looked up."""
        return _transform.transform(type_, self._leaf)

    def _leaf(self, type_: t.Type) -> t.Type:
        match type_:
            case NamedAt(name, at=at):
                found = self.lookup(name, at)
                return t.Own(found) if isinstance(found, t.Resource) else found
            case t.Own(ResourceAt() as resource):
                return t.Own(self._resource(resource))
            case t.Borrow(ResourceAt() as resource):
                return t.Borrow(self._resource(resource))
            case _:
                return type_

    def _resource(self, named: ResourceAt) -> t.Resource:
        found = self.lookup(named.name, named.at)
        if not isinstance(found, t.Resource):
            raise error(self.file.source, named.at, f"`{named.name}` is a type, not a resource")
        return found

    def function(self, decl: FunctionDecl) -> t.Function:
        """A function with its types looked up."""
        found = _transform.function(decl.function, self._leaf)
        try:
            for type_ in (*(p.type for p in found.params), *([found.result] if found.result else [])):
                self.packages.sizes.check(type_)
        except WitError as problem:
            raise error(self.file.source, decl.at, problem.message) from None
        return found

    def typedefs(self) -> tuple[t.TypeDef, ...]:
        """Every type that is declared or used here, in the order it is written."""
        return tuple(t.TypeDef(name, self.lookup(name)) for name in self.table)

    def interface(self) -> t.Interface:
        """The whole interface."""
        functions = tuple(self.function(item) for item in self.items if isinstance(item, FunctionDecl))
        return t.Interface(self.name, self.typedefs(), functions, self.decl.docs if self.decl else "")


class _Sizes:
    """Depths and sizes of types that share parts, each part counted once and remembered."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[t.Type, int, int]] = {}

    def check(self, type_: t.Type) -> None:
        """Refuse a type that is nested too deeply or too large when it is written out."""
        depth, count = self._measure(type_)
        if depth > DEEPEST:
            raise WitError(f"the type is nested {depth} levels deep; at most {DEEPEST} are supported")
        if count > LARGEST_TYPE:
            raise WitError(f"the type has more than {LARGEST_TYPE} parts when it is written out")

    def _measure(self, type_: t.Type) -> tuple[int, int]:
        known = self._known.get(id(type_))
        if known is not None and known[0] is type_:
            return known[1], known[2]
        inside = [self._measure(child) for child in t.children(type_)]
        depth = 1 + max((d for d, _ in inside), default=0)
        count = 1 + sum(n for _, n in inside)
        self._known[id(type_)] = type_, depth, count
        return depth, count


@contextmanager
def _bounded() -> Iterator[None]:
    """Names may lead to names without end: whatever runs out of stack is refused."""
    try:
        yield
    except RecursionError:
        raise WitError("the types lead from name to name too many times") from None


def _name(name: str | t.Name) -> t.Name:
    return name if isinstance(name, t.Name) else t.Name.parse(name)


def _inside(package: t.Name, name: str) -> t.Name:
    return t.Name(name, package.namespace, package.package, package.version)


def _age(name: t.Name) -> tuple[bool, object]:
    """A key that puts the newest version last, releases after prereleases."""
    key = order(name.version)
    return (key is not None, (key[3], key) if key else ())


def _failure(message: str, file: File | None, at: int, expected: str = "") -> WitError:
    return error(file.source, at, message, expected) if file else WitError(message, expected=expected)


def _none(what: str, name: t.Name, there: list[str], file: File | None, at: int, *, said: str = "") -> WitError:
    """The error that a name is not among those there are."""
    wanted = said or name.interface
    near = get_close_matches(wanted, there, n=1)
    known = ", ".join(f"`{one}`" for one in there[:12]) + (", …" if len(there) > 12 else "")
    hint = f"; did you mean `{near[0]}`?" if near else f"; there is {known}" if there else ""
    return _failure(f"{what} `{wanted}`{hint}", file, at, known)


def _groups(path: Path) -> Iterator[list[Path]]:
    """The WIT files at a path that belong together: of each folder its own, folders inside it after."""
    if path.is_file():
        yield [path]
        return
    entries = sorted(path.iterdir())
    files = [entry for entry in entries if entry.suffix == ".wit" and entry.is_file()]
    if files:
        yield files
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from _groups(entry)
