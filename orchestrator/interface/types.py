"""WIT types, functions, interfaces and worlds as frozen, hashable values.

Two types are equal (`==`) when they are structurally the same: the name a record, variant, enum or flags was declared
under is kept for printing and takes no part in the comparison. A resource is itself: its name and the interface that
declares it, the version left out.

Source: WIT.md and Explainer.md of the component model, https://github.com/WebAssembly/component-model/tree/main/design/mvp
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Primitive:
    """bool, s8 … s64, u8 … u64, f32, f64, char or string."""

    name: str


BOOL, CHAR, STRING = Primitive("bool"), Primitive("char"), Primitive("string")
S8, S16, S32, S64 = (Primitive(f"s{bits}") for bits in (8, 16, 32, 64))
U8, U16, U32, U64 = (Primitive(f"u{bits}") for bits in (8, 16, 32, 64))
F32, F64 = Primitive("f32"), Primitive("f64")
PRIMITIVES = {p.name: p for p in (BOOL, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, CHAR, STRING)}


@dataclass(frozen=True, slots=True)
class List:
    """`list<element>`."""

    element: Type


@dataclass(frozen=True, slots=True)
class Option:
    """`option<some>`."""

    some: Type


@dataclass(frozen=True, slots=True)
class Result:
    """`result<ok, err>`; None where a side carries nothing."""

    ok: Type | None = None
    err: Type | None = None


@dataclass(frozen=True, slots=True)
class Tuple:
    """`tuple<…>`."""

    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, or a parameter's name and type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Record:
    """`record`: at least one field, names in kebab-case."""

    fields: tuple[Field, ...]
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a variant; `type` is None where it carries nothing."""

    name: str
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """`variant`."""

    cases: tuple[Case, ...]
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Enum:
    """`enum`: the names of its cases."""

    cases: tuple[str, ...]
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Flags:
    """`flags`: the names of its flags."""

    names: tuple[str, ...]
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource type: its name, and the interface that declares it without its version (empty: the world itself).

    `imported` tells, in a component's own world, whether the resource comes from an import (another's) or from an
    export (its own); it takes no part in the comparison.
    """

    name: str
    interface: str = ""
    imported: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Own:
    """`own<resource>`: a handle that is given away when it is passed."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Borrow:
    """`borrow<resource>`: a handle that is lent for one call."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A type that is recognised and not carried: `stream`, `future`, `map`, `error-context`."""

    kind: str
    items: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A name for a type that is declared elsewhere and not looked up yet: `pkg:name/interface.type` in a manifest.

    `interface` is empty for a name of the same interface. Resolved by `interface.resolve`; no engine meets one.
    """

    name: str
    interface: str = ""


Type = Primitive | List | Option | Result | Tuple | Record | Variant | Enum | Flags | Own | Borrow | Unsupported | Named


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of an interface or a package: `namespace:package/interface@version`.

    A plain name (a world's own function or inline interface) has only `interface`.
    """

    interface: str
    namespace: str = ""
    package: str = ""
    version: str = ""

    @property
    def base(self) -> str:
        """The name without its version."""
        prefix = f"{self.namespace}:{self.package}" if self.namespace else ""
        return f"{prefix}/{self.interface}" if prefix and self.interface else prefix or self.interface

    def __str__(self) -> str:
        return f"{self.base}@{self.version}" if self.version else self.base

    @staticmethod
    def parse(text: str) -> Name:
        """The name in `text`; nothing is refused here, a name that has no `:` is a plain one."""
        base, _, version = text.partition("@")
        package, slash, interface = base.partition("/")
        if ":" not in package:
            return Name(base, version=version)
        namespace, _, package = package.partition(":")
        return Name(interface if slash else "", namespace, package, version)


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its name as the binary has it (`[method]r.m`, `[constructor]r`, `[static]r.m` for a resource's).

    `docs` is the doc comment of its WIT text, where there is one; it takes no part in the comparison.
    """

    name: str
    params: tuple[Field, ...] = ()
    result: Type | None = None
    docs: str = field(default="", compare=False)

    @property
    def types(self) -> tuple[Type, ...]:
        """The types of its parameters, and of its result where it has one."""
        return (*(field.type for field in self.params), *(() if self.result is None else (self.result,)))


@dataclass(frozen=True, slots=True)
class TypeDef:
    """A type that an interface declares or re-exports under a name: of a resource, the resource itself."""

    name: str
    type: Type | Resource


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface: the types it declares, in their order, its functions, and its doc comment where it has one."""

    name: Name
    types: tuple[TypeDef, ...] = ()
    functions: tuple[Function, ...] = ()
    docs: str = field(default="", compare=False)

    def function(self, name: str) -> Function | None:
        """The function of that name, or None."""
        return next((f for f in self.functions if f.name == name), None)


@dataclass(frozen=True, slots=True)
class World:
    """What a component asks for and offers: interfaces, and functions and types of its own.

    `refused` names what a component has and this engine does not carry (core modules, nested components, values), each
    as a line for a person.
    """

    name: Name = Name("root")
    imports: tuple[Interface | Function, ...] = ()
    exports: tuple[Interface | Function, ...] = ()
    types: tuple[TypeDef, ...] = ()
    refused: tuple[str, ...] = ()


def children(type_: Type) -> tuple[Type, ...]:
    """The types directly inside `type_`."""
    match type_:
        case List(element):
            return (element,)
        case Option(some):
            return (some,)
        case Result(ok, err):
            return tuple(t for t in (ok, err) if t is not None)
        case Tuple(items) | Unsupported(_, items):
            return items
        case Record(fields):
            return tuple(f.type for f in fields)
        case Variant(cases):
            return tuple(c.type for c in cases if c.type is not None)
        case _:
            return ()


def walk(type_: Type) -> Iterator[Type]:
    """`type_` and every type inside it, outermost first."""
    yield type_
    for child in children(type_):
        yield from walk(child)
