"""Components written as text: the types, interfaces, imports and exports of a world, printed from their reflection.

What is printed here surrounds guests that are binaries: it imports what they import, gives it to them, and exports what
they export. Not for reading, and not for WIT, which `interface.show` writes.

A type that has a name in WIT must have one here too wherever it is imported or exported: a function may only mention
records, variants, enums, flags and resources that were imported or exported before it. Who knows what they are called
is a `Scope`.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from orchestrator.errors import ComponentError
from orchestrator.interface import types as t

_UNUSUAL = re.compile(r"[^a-zA-Z0-9:/@.+\[\]-]")
Nominal = t.Record | t.Variant | t.Enum | t.Flags


def quoted(name: str) -> str:
    """A name as a string of the text format; what no ordinary name has is escaped."""
    return '"' + _UNUSUAL.sub(lambda found: "".join(f"\\{byte:02x}" for byte in found[0].encode()), name) + '"'


class Text:
    """The lines of a component, and identifiers that nothing else in it has.

    Arguments:
        outer: the text that this one will be nested in.
    """

    def __init__(self, outer: Text | None = None) -> None:
        self.lines: list[str] = []
        self._numbers: itertools.count[int] = outer._numbers if outer else itertools.count()

    def new(self, kind: str) -> str:
        """A new identifier."""
        return f"${kind}{next(self._numbers)}"

    def add(self, line: str) -> None:
        """The next line."""
        self.lines.append(line)

    def named(self, kind: str, line: str) -> str:
        """Adds a line in which `{}` stands for a new identifier, and gives that."""
        name = self.new(kind)
        self.lines.append(line.replace("{}", name, 1))
        return name

    def component(self, name: str = "") -> str:
        """The whole as one line of text."""
        return f"(component {name}\n{chr(10).join(self.lines)})"


class Scope:
    """What types are called at one place: those noted here, and what the scope around it knows.

    wasmtime's reflection keeps of a resource the interface that declares it, without its version: of several that fit,
    the one of the version of the interface that asks is meant.

    Arguments:
        outer: the scope around it.
        version: of the interface whose scope it is.
    """

    def __init__(self, outer: Scope | None = None, version: str = "") -> None:
        self._outer, self._version = outer, version
        self._types: dict[t.Type, str] = {}
        self._resources: dict[t.Resource, dict[str, str]] = {}

    def note(self, type_: t.Type | t.Resource, name: str, version: str | None = None) -> None:
        """Notes what a type is called; of equal types the first one's name is kept."""
        if isinstance(type_, t.Resource):
            self._resources.setdefault(type_, {}).setdefault(self._version if version is None else version, name)
        elif isinstance(type_, Nominal):
            self._types.setdefault(type_, name)

    def knows(self, type_: t.Type | t.Resource) -> bool:
        """Whether this very scope has a name for a type."""
        return type_ in (self._resources if isinstance(type_, t.Resource) else self._types)

    def resource(self, wanted: t.Resource, version: str | None = None) -> str:
        """What a resource is called."""
        version = self._version if version is None else version
        known = self._resources.get(wanted)
        if known:
            return known.get(version) or next(reversed(known.values()))
        return self._other_resource(wanted, version)

    def nominal(self, wanted: t.Type) -> str:
        """What a record, variant, enum or flags is called."""
        return self._types.get(wanted) or self._other_type(wanted)

    def _other_resource(self, wanted: t.Resource, version: str) -> str:
        if self._outer is None:
            raise ComponentError(f"the resource {wanted.name} of {wanted.interface or 'the world'} is not declared")
        return self._outer.resource(wanted, version)

    def _other_type(self, wanted: t.Type) -> str:
        if self._outer is None:
            raise ComponentError("a type that must have a name has none")
        return self._outer.nominal(wanted)

    def show(self, type_: t.Type) -> str:
        """The type as it stands inside another."""
        match type_:
            case t.Record() | t.Variant() | t.Enum() | t.Flags():
                return self.nominal(type_)
            case t.Primitive(name):
                return name
            case t.Own(resource):
                return f"(own {self.resource(resource)})"
            case t.Borrow(resource):
                return f"(borrow {self.resource(resource)})"
            case _:
                return self._compound(type_)

    def _compound(self, type_: t.Type) -> str:
        match type_:
            case t.List(element):
                return f"(list {self.show(element)})"
            case t.Option(some):
                return f"(option {self.show(some)})"
            case t.Tuple(items):
                return f"(tuple {' '.join(map(self.show, items))})"
            case t.Result(ok, err):
                side = "" if err is None else f" (error {self.show(err)})"
                return f"(result{'' if ok is None else ' ' + self.show(ok)}{side})"
            case _:
                raise ComponentError(f"no value of type {type_!r} can cross the engine")

    def define(self, type_: t.Type) -> str:
        """The type as it is defined, whatever it is called."""
        match type_:
            case t.Record(fields):
                return f"(record {' '.join(f'(field {quoted(f.name)} {self.show(f.type)})' for f in fields)})"
            case t.Variant(cases):
                return f"(variant {' '.join(map(self._case, cases))})"
            case t.Enum(names):
                return f"(enum {' '.join(map(quoted, names))})"
            case t.Flags(names):
                return f"(flags {' '.join(map(quoted, names))})"
            case _:
                return self.show(type_)

    def _case(self, case: t.Case) -> str:
        return f"(case {quoted(case.name)}{'' if case.type is None else ' ' + self.show(case.type)})"

    def signature(self, function: t.Function) -> str:
        """The parameters and result of a function."""
        params = [f"(param {quoted(field.name)} {self.show(field.type)})" for field in function.params]
        return " ".join(params + ([] if function.result is None else [f"(result {self.show(function.result)})"]))


class Structural(Scope):
    """A scope for functions that are neither imported nor exported: types are defined in the text when they are met.

    Resources cannot be: they are those of the scope around it.
    """

    def __init__(self, text: Text, outer: Scope | None = None) -> None:
        super().__init__(outer)
        self._text = text

    def _other_type(self, wanted: t.Type) -> str:
        name = self._text.named("t", f"(type {{}} {self.define(wanted)})")
        self.note(wanted, name)
        return name


class _Importing(Scope):
    """The scope of a component that imports, one by one, the types it is asked for and has not."""

    def __init__(self, text: Text, around: Scope) -> None:
        super().__init__()
        self._text, self._around = text, around
        self.arguments: list[str] = []

    def _other_resource(self, wanted: t.Resource, version: str) -> str:
        name = self._import("(sub resource)", self._around.resource(wanted, version))
        self.note(wanted, name, version)
        return name

    def _other_type(self, wanted: t.Type) -> str:
        defined = self._text.named("t", f"(type {{}} {self.define(wanted)})")
        name = self._import(f"(eq {defined})", self._around.nominal(wanted))
        self.note(wanted, name)
        return name

    def _import(self, bound: str, given: str) -> str:
        label = f"u{len(self.arguments)}"
        self.arguments.append(f'(with "{label}" (type {given}))')
        return self._text.named("t", f'(import "{label}" (type {{}} {bound}))')


def declares(interface: t.Interface, definition: t.TypeDef) -> bool:
    """Whether a resource that an interface shows under a name is its own, not one that it uses or names again."""
    return definition.type == t.Resource(definition.name, interface.name.base)


def import_item(text: Text, scope: Scope, name: str, item: t.Interface | t.Function | t.TypeDef) -> tuple[str, str]:
    """Imports under a name what a world imports; its sort, and what it is called then."""
    match item:
        case t.Interface():
            return "instance", import_interface(text, scope, name, item)
        case t.Function():
            return "func", import_function(text, scope, name, item)
        case t.TypeDef():
            return "type", import_type(text, scope, name, item)


def import_type(text: Text, scope: Scope, name: str, definition: t.TypeDef) -> str:
    """Imports a type of a world under a name; what it is called then."""
    if isinstance(definition.type, t.Resource):
        bound = scope.resource(definition.type)
    else:
        bound = text.named("t", f"(type {{}} {scope.define(definition.type)})")
    imported = text.named("t", f"(import {quoted(name)} (type {{}} (eq {bound})))")
    scope.note(definition.type, imported)
    return imported


def import_function(text: Text, scope: Scope, name: str, function: t.Function) -> str:
    """Imports a function of a world under a name; what it is called then."""
    return text.named("f", f"(import {quoted(name)} (func {{}} {scope.signature(function)}))")


def import_interface(text: Text, scope: Scope, name: str, interface: t.Interface) -> str:
    """Imports an interface under a name; what the instance is called then. Its types are noted."""
    body = _instance_type(text, scope, interface, interface.functions)
    instance = text.named("i", f"(import {quoted(name)} (instance {{}} {body}))")
    note_types(text, scope, interface, instance)
    return instance


def note_types(text: Text, scope: Scope, interface: t.Interface, instance: str) -> None:
    """Takes the types that must have names out of an instance, and notes what they are called."""
    for definition in interface.types:
        if isinstance(definition.type, t.Resource):
            wanted = declares(interface, definition) or not scope.knows(definition.type)
        else:
            wanted = isinstance(definition.type, Nominal) and not scope.knows(definition.type)
        if wanted:
            scope.note(definition.type, take(text, instance, "type", definition.name), interface.name.version)


def take(text: Text, instance: str, sort: str, name: str) -> str:
    """Takes an export out of an instance; what it is called then."""
    return text.named(sort[0], f"(alias export {instance} {quoted(name)} ({sort} {{}}))")


def _instance_type(text: Text, scope: Scope, interface: t.Interface, functions: tuple[t.Function, ...]) -> str:
    inner, lines = Scope(scope, interface.name.version), list[str]()
    for definition in interface.types:
        name = text.new("t")
        bound = _bound(text, inner, interface, definition, lines)
        lines.append(f"(export {quoted(definition.name)} (type {name} {bound}))")
        inner.note(definition.type, name)
    lines += (f"(export {quoted(f.name)} (func {inner.signature(f)}))" for f in functions)
    return "\n  ".join(lines)


def _bound(text: Text, inner: Scope, interface: t.Interface, definition: t.TypeDef, lines: list[str]) -> str:
    """What a type of an interface must be; the lines that define it go before."""
    type_ = definition.type
    if isinstance(type_, t.Resource):
        new = declares(interface, definition) and not inner.knows(type_)
        return "(sub resource)" if new else f"(eq {inner.resource(type_)})"
    if inner.knows(type_):
        return f"(eq {inner.nominal(type_)})"
    name = text.new("t")
    lines.append(f"(type {name} {inner.define(type_)})")
    return f"(eq {name})"


def make_instance(
    text: Text, scope: Scope, interface: t.Interface, types: Mapping[str, str], functions: Mapping[str, str]
) -> str:
    """An instance of an interface made of types and functions by name; what it is called.

    A resource's methods cannot be exported by an instance that is listed in place, so those that have some come out of
    a component that takes them all and exports them.
    """
    shown = [f"(export {quoted(d.name)} (type {types[d.name]}))" for d in interface.types]
    if not any(f.name.startswith("[") for f in interface.functions):
        shown += (f"(export {quoted(f.name)} (func {functions[f.name]}))" for f in interface.functions)
        return text.named("i", f"(instance {{}} {' '.join(shown)})")
    given = text.named("i", f"(instance {{}} {' '.join(shown)})")
    inner = Text(text)
    outside = _Importing(inner, scope)
    _hand_on(inner, outside, interface)
    mirror = text.new("c")
    text.add(inner.component(mirror))
    arguments = [f'(with "types" (instance {given}))', *outside.arguments]
    arguments += (f'(with "f{n}" (func {functions[f.name]}))' for n, f in enumerate(interface.functions))
    return text.named("i", f"(instance {{}} (instantiate {mirror} {' '.join(arguments)}))")


def _hand_on(text: Text, outside: Scope, interface: t.Interface) -> None:
    """The inside of a component that exports an interface's types and functions, which it imports."""
    body = _instance_type(text, outside, interface, ())
    given = text.named("i", f'(import "types" (instance {{}} {body}))')
    taken = [(d, take(text, given, "type", d.name)) for d in interface.types]
    imported, exported = (Scope(outside, interface.name.version) for _ in range(2))
    for definition, name in taken:
        imported.note(definition.type, name)
    functions = [import_function(text, imported, f"f{n}", f) for n, f in enumerate(interface.functions)]
    for definition, name in taken:
        exported.note(definition.type, text.named("t", f"(export {{}} {quoted(definition.name)} (type {name}))"))
    for function, name in zip(interface.functions, functions, strict=True):
        text.add(f"(export {quoted(function.name)} (func {name}) (func {exported.signature(function)}))")


def export_item(text: Text, scope: Scope, name: str, item: t.Interface | t.Function | t.TypeDef, guest: str) -> None:
    """Exports under a name what an instance of a guest exports; the types it shows are noted."""
    match item:
        case t.Interface():
            inner = take(text, guest, "instance", str(item.name))
            note_types(text, scope, item, text.named("i", f"(export {{}} {quoted(name)} (instance {inner}))"))
        case t.Function():
            inner = take(text, guest, "func", item.name)
            text.add(f"(export {quoted(name)} (func {inner}) (func {scope.signature(item)}))")
        case t.TypeDef(inner_name, type_):
            if not isinstance(type_, t.Resource):
                inner = text.named("t", f"(type {{}} {scope.define(type_)})")
            elif scope.knows(type_):
                inner = scope.resource(type_)
            else:
                inner = take(text, guest, "type", inner_name)
            scope.note(type_, text.named("t", f"(export {{}} {quoted(name)} (type {inner}))"))
