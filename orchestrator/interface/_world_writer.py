"""Worlds and interfaces as WIT texts: see `show`.

What a text cannot say by itself is arranged here: anonymous types get a name, types of other interfaces are used from
them, names are escaped and kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from orchestrator.diagnostics import printable
from orchestrator.interface import types as t
from orchestrator.interface.show import escaped, keyword, members, signature, write_type

Declared = t.Record | t.Variant | t.Enum | t.Flags
_ROOT = t.Name("", "root", "component")


def write_world(world: t.World) -> str:
    """See `show.show_world`."""
    package = t.Name("", world.name.namespace, world.name.package, world.name.version)
    return _Texts(package if package.namespace else _ROOT).world(world)


def write_interface(interface: t.Interface) -> str:
    """See `show.show_interface`."""
    name = interface.name
    if not name.namespace:
        name = t.Name(name.interface or "root", _ROOT.namespace, _ROOT.package)
        interface = t.Interface(name, interface.types, interface.functions, interface.docs)
    texts = _Texts(t.Name("", name.namespace, name.package, name.version))
    texts.add(interface)
    return texts.render([])


@dataclass(slots=True)
class _Texts:
    """The interfaces of one text, by package."""

    package: t.Name
    interfaces: dict[t.Name, t.Interface] = field(default_factory=dict)
    written: dict[t.Name, list[str]] = field(default_factory=dict)

    def add(self, interface: t.Interface) -> None:
        """An interface with a package; one that is there already gets what it lacks."""
        known = self.interfaces.get(interface.name)
        self.interfaces[interface.name] = interface if known is None else _merged(known, interface)

    def world(self, world: t.World) -> str:
        """The whole text of a world."""
        for item in (*world.imports, *world.exports):
            if isinstance(item, t.Interface) and item.name.namespace:
                self.add(item)
        body = _Body(self, "", self.package)
        body.take(world.types, _functions((*world.imports, *world.exports)))
        body.taken.update(i.name.interface for i in (*world.imports, *world.exports) if isinstance(i, t.Interface))
        lines = self._ports(body, "import", world.imports) + self._ports(body, "export", world.exports)
        name = world.name.interface or "root"
        while t.Name(name, self.package.namespace, self.package.package, self.package.version) in self.interfaces:
            name += "-world"
        inside = [*body.declarations(_functions(world.imports)), *lines]
        inside = [*body.uses(), *inside]
        return self.render([f"world {escaped(name)} {{", *_indented(inside), "}"])

    def _ports(self, body: _Body, word: str, items: Iterable[t.Interface | t.Function]) -> list[str]:
        lines: list[str] = []
        for item in items:
            if isinstance(item, t.Function):
                if not item.name.startswith("["):
                    lines += _docs(item.docs)
                    lines.append(f"{word} {escaped(item.name)}: {body.signature(item)};")
            elif item.name.namespace:
                lines.append(f"{word} {self.path(item.name, self.package)};")
            else:
                lines += _docs(item.docs)
                lines += [f"{word} {escaped(item.name.interface)}: interface {{"]
                lines += [*_indented(_Body(self, item.name.interface, self.package).write(item)), "}"]
        return lines

    def render(self, world: list[str]) -> str:
        """Every package with its interfaces, the main one first, `world` at its end."""
        while pending := [name for name in self.interfaces if name not in self.written]:
            for name in pending:
                self.written[name] = []
                package = t.Name("", name.namespace, name.package, name.version)
                self.written[name] = _Body(self, name.base, package, name).write(self.interfaces[name])
        packages: dict[t.Name, list[str]] = {self.package: []}
        for name, body in self.written.items():
            head = [*_docs(self.interfaces[name].docs), f"interface {escaped(name.interface)} {{"]
            block = [*head, *_indented(body), "}", ""]
            packages.setdefault(t.Name("", name.namespace, name.package, name.version), []).extend(block)
        main = [*packages.pop(self.package), *world, *([""] if world else [])]
        lines = [f"package {_package(self.package)};", "", *main]
        for package, inside in packages.items():
            lines += [f"package {_package(package)} {{", *_indented(inside[:-1]), "}", ""]
        return "\n".join(lines).rstrip("\n") + "\n"

    def path(self, name: t.Name, package: t.Name) -> str:
        """An interface as it is named inside a package."""
        if (name.namespace, name.package, name.version) == (package.namespace, package.package, package.version):
            return escaped(name.interface)
        version = f"@{name.version}" if name.version else ""
        return f"{escaped(name.namespace)}:{escaped(name.package)}/{escaped(name.interface)}{version}"

    def home(self, resource: t.Resource) -> t.Name | None:
        """The interface to use a resource from; made up where the world does not have it; None for an inline one."""
        for name, interface in self.interfaces.items():
            if name.base == resource.interface:
                if all(d.name != resource.name for d in interface.types):
                    extra = t.TypeDef(resource.name, t.Resource(resource.name, resource.interface))
                    self.interfaces[name] = t.Interface(name, (*interface.types, extra), interface.functions)
                    self.written.pop(name, None)
                return name
        name = t.Name.parse(resource.interface)
        if not name.namespace:
            return None
        if (name.namespace, name.package) == (self.package.namespace, self.package.package):
            name = t.Name(name.interface, name.namespace, name.package, self.package.version)
        self.interfaces[name] = t.Interface(name, (t.TypeDef(resource.name, resource),))
        return name

    def shared(self, typedef: t.TypeDef, asking: t.Name | None) -> tuple[t.Name, str] | None:
        """An interface before `asking` that declares the same type under the name it was declared with."""
        own = getattr(typedef.type, "name", None) or typedef.name
        for name, interface in self.interfaces.items():
            if name == asking:
                return None
            if any(d.name == own and d.type == typedef.type for d in interface.types):
                return name, own
        return None


@dataclass(slots=True)
class _Body:
    """The inside of one interface, or of a world: which names there are in it and which it had to make up.

    Arguments:
        home: what its own resources are known by.
        package: the package it is written in.
        name: its name; None for an inline interface and a world.
    """

    texts: _Texts
    home: str
    package: t.Name
    name: t.Name | None = None
    types: list[t.TypeDef] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    names: dict[t.Type | t.Resource, str] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)
    made: list[tuple[str, Declared]] = field(default_factory=list)
    own: list[str] = field(default_factory=list)

    def write(self, interface: t.Interface) -> list[str]:
        """The lines of an interface."""
        self.take(interface.types, interface.functions)
        functions: list[str] = []
        for function in interface.functions:
            if not function.name.startswith("["):
                functions += [*_docs(function.docs), f"{escaped(function.name)}: {self.signature(function)};"]
        declared = self.declarations(interface.functions)
        return [*self.uses(), *declared, *functions]

    def take(self, types: tuple[t.TypeDef, ...], functions: Iterable[t.Function]) -> None:
        """The names that are there from the start."""
        self.types = list(types)
        self.taken.update(d.name for d in types)
        self.taken.update(f.name for f in functions)
        for typedef in types:
            if _declared_as(typedef):
                self.names.setdefault(typedef.type, typedef.name)
        for typedef in types:
            if isinstance(typedef.type, (t.Resource, t.Record, t.Variant, t.Enum, t.Flags)):
                self.names.setdefault(typedef.type, typedef.name)

        for resource in _resources(functions):
            if resource.interface == self.home and resource not in self.names:
                self.names[resource] = resource.name
                self.taken.add(resource.name)
                self.own.append(resource.name)

    def declarations(self, functions: Iterable[t.Function]) -> list[str]:
        """The types: those that are there, then those that their use made necessary."""
        methods = [f for f in functions if f.name.startswith("[")]
        lines: list[str] = []
        for typedef in self.types:
            lines += self._typedef(typedef, methods)
        while self.made or self.own:
            if self.own:
                lines += self._resource(self.own.pop(0), methods)
            else:
                name, type_ = self.made.pop(0)
                lines += self._declaration(name, type_)
        return lines

    def uses(self) -> list[str]:
        """The `use` lines."""
        return [f"use {path}.{{{', '.join(names)}}};" for path, names in self.used.items()]

    def signature(self, function: t.Function, *, skip: int = 0) -> str:
        """Parameters from `skip` on, and the result."""
        return signature(function.params[skip:], function.result, self._declared)

    def _typedef(self, typedef: t.TypeDef, methods: list[t.Function]) -> list[str]:
        type_ = typedef.type
        if isinstance(type_, t.Resource):
            return self._resource_name(typedef.name, type_, methods)
        if not isinstance(type_, Declared):
            return [f"type {escaped(typedef.name)} = {write_type(type_, self._declared)};"]
        shared = self.texts.shared(typedef, self.name)
        if shared is not None:
            self._use(shared[0], shared[1], typedef.name)
            return []
        if self.names[type_] != typedef.name:
            return [f"type {escaped(typedef.name)} = {escaped(self.names[type_])};"]
        return self._declaration(typedef.name, type_)

    def _resource_name(self, name: str, resource: t.Resource, methods: list[t.Function]) -> list[str]:
        if resource.interface == self.home:
            if name == resource.name:
                return self._resource(name, methods)
            return [f"type {escaped(name)} = {escaped(self._named(resource))};"]
        home = self.texts.home(resource)
        if home is None:
            return self._resource(name, methods)
        self._use(home, resource.name, name)
        return []

    def _resource(self, name: str, methods: list[t.Function]) -> list[str]:
        inside: list[str] = []
        for method in methods:
            kind, _, rest = method.name[1:].partition("]")
            owner, _, member = rest.partition(".")
            if owner == name:
                inside += [*_docs(method.docs), self._member(kind, member, method)]
        return [f"resource {escaped(name)} {{", *_indented(inside), "}"] if inside else [f"resource {escaped(name)};"]

    def _member(self, kind: str, member: str, method: t.Function) -> str:
        if kind == "constructor":
            made = None if isinstance(method.result, t.Own) else method.result
            return f"constructor{signature(method.params, made, self._declared).removeprefix('func')};"
        static = "static " if kind == "static" else ""
        return f"{escaped(member)}: {static}{self.signature(method, skip=0 if static else 1)};"

    def _declaration(self, name: str, type_: Declared) -> list[str]:
        inside = _indented([f"{member}," for member in members(type_, self._declared)])
        return [f"{keyword(type_)} {escaped(name)} {{", *inside, "}"]

    def _declared(self, type_: t.Type | t.Resource) -> str:
        if isinstance(type_, (t.Resource, t.Record, t.Variant, t.Enum, t.Flags)):
            return escaped(self._named(type_))
        return escaped(type_.name) if isinstance(type_, t.Named) else write_type(type_, self._declared)

    def _named(self, type_: Declared | t.Resource) -> str:
        """The name of a type in here; where it has none it gets one, and is declared or used."""
        if type_ not in self.names:
            name = self._free(type_.name or f"{keyword(type_) if isinstance(type_, Declared) else 'resource'}-1")
            self.names[type_] = name
            self._introduce(name, type_)
        return self.names[type_]

    def _introduce(self, name: str, type_: Declared | t.Resource) -> None:
        if not isinstance(type_, t.Resource):
            self.made.append((name, type_))
            return
        home = None if type_.interface == self.home else self.texts.home(type_)
        if home is None:
            self.own.append(name)
        else:
            self._use(home, type_.name, name)

    def _use(self, home: t.Name, name: str, alias: str) -> None:
        text = escaped(name) if name == alias else f"{escaped(name)} as {escaped(alias)}"
        self.used.setdefault(self.texts.path(home, self.package), []).append(text)

    def _free(self, name: str) -> str:
        stem, _, end = name.rpartition("-")
        stem = stem if end.isdigit() and stem else name
        number = 1
        while name in self.taken:
            number += 1
            name = f"{stem}-{number}"
        self.taken.add(name)
        return name


def _declared_as(typedef: t.TypeDef) -> bool:
    """Whether the type was declared under this very name, rather than used or aliased under it."""
    type_ = typedef.type
    if isinstance(type_, t.Resource):
        return type_.name == typedef.name
    return isinstance(type_, Declared) and type_.name in (None, typedef.name)


def _merged(one: t.Interface, other: t.Interface) -> t.Interface:
    """Two halves of one interface, as a world imports and exports it: what either has."""
    types = {d.name: d for d in (*other.types, *one.types)}
    functions = {f.name: f for f in (*one.functions, *other.functions)}
    return t.Interface(one.name, tuple(types.values()), tuple(functions.values()), one.docs or other.docs)


def _resources(functions: Iterable[t.Function]) -> Iterator[t.Resource]:
    """Every resource that the functions take or give."""
    for function in functions:
        for type_ in (*(p.type for p in function.params), *([function.result] if function.result else [])):
            for part in t.walk(type_):
                if isinstance(part, (t.Own, t.Borrow)):
                    yield part.resource


def _functions(items: Iterable[t.Interface | t.Function]) -> list[t.Function]:
    return [item for item in items if isinstance(item, t.Function)]


def _package(name: t.Name) -> str:
    version = f"@{name.version}" if name.version else ""
    return f"{escaped(name.namespace)}:{escaped(name.package)}{version}"


def _docs(docs: str) -> list[str]:
    return [f"/// {printable(line)}".rstrip() for line in docs.splitlines()]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]
