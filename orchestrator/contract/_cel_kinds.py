"""What CEL calls the values of WIT types, and which of their parts an expression reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.interface.types import (
    U8,
    Enum,
    Field,
    Flags,
    List,
    Option,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)

NULL = Primitive("null")
BYTES = List(U8)
Static = Type | None
"""The WIT type of an expression; None where only the evaluation can tell."""

_KINDS = {"bool": "bool", "u64": "uint", "f32": "double", "f64": "double", "char": "string", "string": "string"}


@dataclass(slots=True)
class Uses:
    """The parts of a value that an expression reads: `*` stands for the elements of a list."""

    whole: bool = False
    parts: dict[str, Uses] = field(default_factory=dict)

    def into(self, name: str) -> Uses:
        """What is read of that part, made when it is not there yet."""
        return self.parts.setdefault(name, Uses())


WHOLE = Uses(whole=True)


def part(uses: Uses, name: str) -> Uses | None:
    """What is read of a part; None where it is not read."""
    return WHOLE if uses.whole else uses.parts.get(name)


def kind(type_: Static) -> str:
    """What CEL calls the values of a type: bool, int, uint, double, string, bytes, list, map, null, or dyn."""
    match enter(type_):
        case Primitive(name):
            return "null" if name == "null" else _KINDS.get(name, "int")
        case List(element):
            return "bytes" if element == U8 else "list"
        case Tuple() | Flags():
            return "list"
        case Record() | Variant() | Result():
            return "map"
        case Enum():
            return "string"
        case _:
            return "dyn"


def enter(type_: Static) -> Static:
    """The type of the value in an option that has one; an option in an option is a map with the key `some`."""
    if not isinstance(type_, Option):
        return type_
    if isinstance(type_.some, Option):
        return Record((Field("some", type_.some),))
    return type_.some


def bulky(type_: Type, uses: Uses) -> bool:
    """Whether what is read of a value may be large: a text or a list."""
    match type_:
        case Primitive(name):
            return name == "string"
        case List() | Tuple() | Flags():
            return True
        case Option(some):
            return bulky(some, uses.parts.get("some", uses) if isinstance(some, Option) else uses)
        case Enum():
            return False
    parts = fields(type_) or {}
    read = parts if uses.whole else uses.parts
    return any(bulky(inside, WHOLE if uses.whole else uses.parts[n]) for n in read if (inside := parts.get(n)))


def fields(type_: Static) -> dict[str, Static] | None:
    """The names that `.name` may follow with, and their types; None where there are none to check."""
    match type_:
        case Record(names):
            return {name.name: name.type for name in names}
        case Variant(cases):
            return {case.name: case.type or NULL for case in cases}
        case Result(ok, err):
            return {"ok": ok or NULL, "err": err or NULL}
        case _:
            return None


def operator(function: str) -> str:
    """The operator as it is written: `_+_` is `+`."""
    return {"@in": "in", "_?_:_": "?:", "_[_]": "[]"}.get(function, function.replace("_", " ").strip()) or function


def article(noun: str) -> str:
    """The kind with its article."""
    if noun in ("bytes", "null", "dyn"):
        return noun
    return f"an {noun}" if noun == "int" else f"a {noun}"
