"""Interfaces, worlds and packages of WIT, read from tokens; types inside them by `_type_parser`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.diagnostics import Source
from orchestrator.interface import types as t
from orchestrator.interface._lexer import Token, error
from orchestrator.interface._placed import ResourceAt
from orchestrator.interface._type_parser import TypeParser
from orchestrator.interface.syntax import (
    File,
    FunctionDecl,
    Include,
    InterfaceDecl,
    Package,
    Port,
    TypeDecl,
    Use,
    WorldDecl,
)

InterfaceItem = Use | TypeDecl | FunctionDecl
WorldItem = Use | TypeDecl | Port | Include
_DECLARING = frozenset(("type", "resource", "record", "variant", "enum", "flags"))


@dataclass(slots=True)
class Text:
    """What one text, or the braces of one nested package, declares."""

    package: t.Name | None = None
    interfaces: list[InterfaceDecl] = field(default_factory=list)
    worlds: list[WorldDecl] = field(default_factory=list)
    nested: list[Text] = field(default_factory=list)


class ItemParser(TypeParser):
    """A cursor over the tokens of one WIT file.

    Arguments:
        features: the features whose `@unstable` items are kept.
    """

    def __init__(self, source: Source, features: frozenset[str]) -> None:
        super().__init__(source)
        self.file = File(source)
        self._features = features

    def text(self) -> Text:
        """The whole file."""
        found = Text()
        if self.at("package") and not self._package_is_nested():
            self.advance()
            found.package = self._package_name()
            self.expect(";")
        while self.token.kind != "end":
            self._top_level(found, nested=False)
        _distinct(self, found)
        return found

    def _package_is_nested(self) -> bool:
        """Whether the `package` here is followed by braces rather than a semicolon."""
        count = 1
        while self.ahead(count).text not in (";", "{") and self.ahead(count).kind != "end":
            count += 1
        return self.ahead(count).text == "{"

    def _package_name(self) -> t.Name:
        namespace = self.label("the namespace of a package")
        self.expect(":")
        package = self.label("the name of a package")
        return t.Name("", namespace, package, self.version())

    def _top_level(self, found: Text, *, nested: bool) -> None:
        docs, kept = self._gates()
        if self.accept("interface"):
            interface = self._interface(docs)
            found.interfaces += [interface] if kept else []
        elif self.accept("world"):
            world = self._world()
            found.worlds += [world] if kept else []
        elif self.at("use"):
            self._file_use()
        elif self.at("package") and not nested:
            inner = self._nested_package()
            found.nested += [inner] if kept else []
        else:
            raise self.unexpected("`interface`, `world`, `use` or `package`")

    def _nested_package(self) -> Text:
        self.expect("package")
        found = Text(self._package_name())
        self.expect("{")
        while not self.accept("}"):
            self._top_level(found, nested=True)
        _distinct(self, found)
        return found

    def _file_use(self) -> None:
        """`use path as name;` gives an interface another name in this file."""
        self.expect("use")
        start = self.token
        path = self._path()
        alias = self.name("another name of the interface").text if self.accept("as") else path.interface
        self.expect(";")
        if alias in self.file.aliases:
            raise self.fail(f"`{alias}` is used twice in this file", start.start)
        self.file.aliases[alias] = path

    def _path(self) -> t.Name:
        """An interface or a world: `name`, or `namespace:package/name@version`."""
        first = self.label("the name of an interface")
        return self.path(first) if self.at(":") else t.Name(first)

    def _gates(self) -> tuple[str, bool]:
        """Doc comments and `@since(…)`, `@unstable(…)`, `@deprecated(…)`; whether what follows is kept."""
        docs, kept = [self.token.docs], True
        while self.accept("@"):
            gate = self.label("`since`, `unstable` or `deprecated`")
            if gate not in ("since", "unstable", "deprecated"):
                raise self.fail(f"`@{gate}` is not known; expected `since`, `unstable` or `deprecated`")
            kept = self._gate(gate) and kept
            docs.append(self.token.docs)
        return "\n".join(filter(None, docs)), kept

    def _gate(self, gate: str) -> bool:
        self.expect("(")
        kept = True
        while not self.accept(")"):
            key = self.label("`version` or `feature`")
            self.expect("=")
            value = self.advance()
            if value.kind not in ("id", "version"):
                raise self.fail(f"expected a version or the name of a feature, found {value}", value.start)
            kept = kept and not (gate == "unstable" and key == "feature" and value.text not in self._features)
            if not self.accept(",") and not self.at(")"):
                raise self.unexpected("`,` or `)`")
        return kept

    def _interface(self, docs: str) -> InterfaceDecl:
        name = self.name("the name of an interface")
        return self._interface_body(name.text, name.start, docs)

    def _interface_body(self, name: str, at: int, docs: str = "") -> InterfaceDecl:
        items: list[InterfaceItem] = []
        taken: set[str] = set()
        self.expect("{")
        while not self.accept("}"):
            start = self.token.start
            item_docs, kept = self._gates()
            found = self._interface_item(item_docs)
            items += found if kept else []
            self._claim(taken, found if kept else [], start)
        return InterfaceDecl(name, tuple(items), self.file, at, docs)

    def _claim(self, taken: set[str], items: Iterable[object], start: int) -> None:
        """No two items of an interface or a world's own types may have the same name."""
        for item in items:
            name = _name_of(item)
            if name in taken:
                raise self.fail(f"`{name}` is declared twice", getattr(item, "at", start))
            taken.update([name] if name else [])

    def _interface_item(self, docs: str) -> list[InterfaceItem]:
        if self.at("use"):
            return list(self._use())
        if self.token.text in _DECLARING and not self.token.escaped:
            return list(self._type_item())
        name = self.name("a type, a function or `}`")
        self.expect(":")
        return [FunctionDecl(self._function(name.text, docs), name.start)]

    def _use(self) -> list[Use]:
        """`use path.{a, b as c};`."""
        self.expect("use")
        path = self._path()
        self.expect(".")
        found = self.several("{", "}", lambda: self._used(path))
        self.expect(";")
        return found

    def _used(self, path: t.Name) -> Use:
        name = self.name("the name of a type")
        alias = self.name("another name of the type").text if self.accept("as") else name.text
        return Use(path, name.text, alias, name.start)

    def _type_item(self) -> list[TypeDecl | FunctionDecl]:
        kind = self.advance().text
        name = self.name(f"the name of a {kind}")
        if kind == "resource":
            return [TypeDecl(name.text, None, name.start), *self._resource_body(name)]
        if kind == "type":
            self.expect("=")
            declared = self.type()
            self.expect(";")
            return [TypeDecl(name.text, declared, name.start)]
        return [TypeDecl(name.text, self.body(kind, name.text), name.start)]

    def _resource_body(self, resource: Token) -> list[FunctionDecl]:
        if self.accept(";"):
            return []
        self.expect("{")
        found: list[FunctionDecl] = []
        while not self.accept("}"):
            docs, kept = self._gates()
            member = self._member(resource, docs)
            found += [member] if kept else []
        return found

    def _member(self, resource: Token, docs: str) -> FunctionDecl:
        """A constructor, a method or a static function of a resource."""
        own = ResourceAt(resource.text, at=resource.start)
        start = self.token.start
        if self.at("constructor") and self.ahead().text == "(":
            self.advance()
            params, result = self._signature()
            self.expect(";")
            made = t.Function(f"[constructor]{resource.text}", params, result or t.Own(own), docs)
            return FunctionDecl(made, start)
        name = self.name("a constructor, a method or `}`").text
        self.expect(":")
        if self.accept("static"):
            return FunctionDecl(self._function(f"[static]{resource.text}.{name}", docs), start)
        function = self._function(f"[method]{resource.text}.{name}", docs)
        params = (t.Field("self", t.Borrow(own)), *function.params)
        return FunctionDecl(t.Function(function.name, params, function.result, docs), start)

    def _function(self, name: str, docs: str) -> t.Function:
        """`func(a: u32) -> string;`."""
        if self.at("async") and self.ahead().text == "func":
            raise self.fail("async functions are not supported by this version", expected="`func`")
        self.expect("func")
        params, result = self._signature()
        self.expect(";")
        return t.Function(name, params, result, docs)

    def _signature(self) -> tuple[tuple[t.Field, ...], t.Type | None]:
        start = self.token.start
        params = self.several("(", ")", self._parameter)
        names = [p.name for p in params]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self.fail(f"the parameter `{twice}` is there twice", start)
        if not self.accept("->"):
            return tuple(params), None
        if self.at("("):
            raise self.fail("a function has one result; several are a tuple or a record", expected="a type")
        return tuple(params), self.type()

    def _parameter(self) -> t.Field:
        name = self.name("the name of a parameter").text
        self.expect(":")
        return t.Field(name, self.type())

    def _world(self) -> WorldDecl:
        name = self.name("the name of a world")
        items: list[WorldItem] = []
        self.expect("{")
        while not self.accept("}"):
            docs, kept = self._gates()
            found = self._world_item(docs)
            items += found if kept else []
        self._claim(set(), [item for item in items if not isinstance(item, (Port, Include))], name.start)
        return WorldDecl(name.text, tuple(items), self.file, name.start)

    def _world_item(self, docs: str) -> list[WorldItem]:
        if self.at("use"):
            return list(self._use())
        if self.at("include"):
            return [self._include()]
        if self.at("import") or self.at("export"):
            return [self._port(docs)]
        if self.token.text in _DECLARING and not self.token.escaped:
            found = self._type_item()
            return [Port(False, item, item.at) if isinstance(item, FunctionDecl) else item for item in found]
        raise self.unexpected("`import`, `export`, `include`, `use`, a type or `}`")

    def _port(self, docs: str) -> Port:
        exported = self.advance().text == "export"
        start = self.token.start
        if self.ahead().text != ":":
            path = self._path()
            self.expect(";")
            return Port(exported, path, start)
        if self.ahead(2).text in ("func", "interface", "async") and self.ahead(3).text != "/":
            return Port(exported, self._inline(docs), start)
        name = self.label("a name")
        if self.ahead(2).text == ":":
            raise self.fail(f"giving an interface the name `{name}` is not supported by this version", start)
        path = self.path(name)
        self.expect(";")
        return Port(exported, path, start)

    def _inline(self, docs: str) -> InterfaceDecl | FunctionDecl:
        """`name: func(…);` or `name: interface { … }` of a world."""
        name = self.name("a name")
        self.expect(":")
        if self.accept("interface"):
            return self._interface_body(name.text, name.start, docs)
        return FunctionDecl(self._function(name.text, docs), name.start)

    def _include(self) -> Include:
        start = self.expect("include").start
        path = self._path()
        renames = self.several("{", "}", self._rename) if self.accept("with") else []
        if not self.accept(";") and not renames:
            raise self.unexpected("`with` or `;`")
        return Include(path, tuple(renames), start)

    def _rename(self) -> tuple[str, str]:
        old = self.name("a name of the included world").text
        self.expect("as")
        return old, self.name("another name").text


def _name_of(item: object) -> str:
    match item:
        case Use(alias=name) | TypeDecl(name):
            return name
        case FunctionDecl(function):
            return function.name
        case _:
            return ""


def _declared(text: Text) -> list[InterfaceDecl | WorldDecl]:
    return [*text.interfaces, *text.worlds]


def _distinct(parser: TypeParser, text: Text) -> None:
    seen: set[str] = set()
    for declared in _declared(text):
        if declared.name in seen:
            raise parser.fail(f"`{declared.name}` is declared twice in its package", declared.at)
        seen.add(declared.name)


def join(sources: list[Source], features: frozenset[str]) -> Package:
    """The one package of several texts: see `parse.parse_package`."""
    texts = [(source, ItemParser(source, features).text()) for source in sources]
    name: t.Name | None = None
    for source, text in texts:
        if text.package is not None and name is not None and text.package != name:
            raise error(source, 0, f"the text is of package `{text.package}`, the others are of `{name}`")
        name = text.package or name
    return _package(name, texts)


def grouped(sources: list[Source], features: frozenset[str]) -> tuple[Package, ...]:
    """The packages of several texts: see `parse.parse_packages`."""
    groups: dict[t.Name | None, list[tuple[Source, Text]]] = {}
    for source in sources:
        text = ItemParser(source, features).text()
        groups.setdefault(text.package, []).append((source, text))
    unnamed = groups.pop(None, [])
    if len(groups) == 1:
        next(iter(groups.values())).extend(unnamed)
    elif unnamed:
        groups[None] = unnamed
    return tuple(_package(name, texts) for name, texts in groups.items())


def _package(name: t.Name | None, texts: list[tuple[Source, Text]]) -> Package:
    interfaces: dict[str, InterfaceDecl] = {}
    worlds: dict[str, WorldDecl] = {}
    nested: list[Package] = []
    for source, text in texts:
        if name is None and (text.interfaces or text.worlds):
            raise error(source, 0, "the text names no package", "`package namespace:name;` on its first line")
        for declared in _declared(text):
            if declared.name in interfaces or declared.name in worlds:
                raise error(source, declared.at, f"`{declared.name}` is declared twice in package `{name}`")
            if isinstance(declared, InterfaceDecl):
                interfaces[declared.name] = declared
            else:
                worlds[declared.name] = declared
        nested += [_package(inner.package, [(source, inner)]) for inner in text.nested]
    return Package(name or t.Name(""), tuple(interfaces.values()), tuple(worlds.values()), tuple(nested))
