"""Types, interfaces and worlds written as WIT text.

`show_type` is for messages and manifests; `show_world` and `show_interface` give whole texts that parse again, here and
with the tools of the component model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.interface import types as t
from orchestrator.interface._lexer import KEYWORDS, LATER_KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["escaped", "show_function", "show_interface", "show_type", "show_world"]


def escaped(name: str) -> str:
    """A name as WIT text: `%` in front where it is a word of the language."""
    return f"%{name}" if name in KEYWORDS or name in LATER_KEYWORDS else name


def show_type(type_: t.Type, *, full: bool = False) -> str:
    """The type as WIT text: by its declared name if it has one.

    Arguments:
        full: write records, variants, enums and flags out, and resources with their interface; `parse_type` reads that
            back to an equal type.
    """
    return write_type(type_, _full if full else _short)


def short_type(type_: t.Type) -> str:
    """The type for a message: by its declared name if it has one, cut to a readable length."""
    text = show_type(type_)
    return text if len(text) <= 120 else f"{text[:119]}…"


def write_type(type_: t.Type, declared: Callable[[t.Type | t.Resource], str]) -> str:
    """The type as WIT text, with `declared` naming or writing out what WIT declares, handles' resources included."""
    match type_:
        case t.Primitive(name):
            return name
        case t.List(element):
            return f"list<{write_type(element, declared)}>"
        case t.Option(some):
            return f"option<{write_type(some, declared)}>"
        case t.Result(ok, err):
            return _write_result(ok, err, declared)
        case t.Tuple(items):
            return f"tuple<{_joined(items, declared)}>"
        case t.Own(resource):
            return f"own<{declared(resource)}>"
        case t.Borrow(resource):
            return f"borrow<{declared(resource)}>"
        case t.Unsupported(kind, items):
            return f"{kind}<{_joined(items, declared)}>" if items else kind
        case _:
            return declared(type_)


def _joined(items: tuple[t.Type, ...], declared: Callable[[t.Type | t.Resource], str]) -> str:
    return ", ".join(write_type(item, declared) for item in items)


def _write_result(ok: t.Type | None, err: t.Type | None, declared: Callable[[t.Type | t.Resource], str]) -> str:
    if err is None:
        return "result" if ok is None else f"result<{write_type(ok, declared)}>"
    left = "_" if ok is None else write_type(ok, declared)
    return f"result<{left}, {write_type(err, declared)}>"


def _short(type_: t.Type | t.Resource) -> str:
    match type_:
        case t.Record(name=str(name)) | t.Variant(name=str(name)) | t.Enum(name=str(name)) | t.Flags(name=str(name)):
            return name
        case t.Resource(name):
            return name
        case _:
            return _written_out(type_, _short)


def _full(type_: t.Type | t.Resource) -> str:
    return _written_out(type_, _full)


def _written_out(type_: t.Type | t.Resource, declared: Callable[[t.Type | t.Resource], str]) -> str:
    match type_:
        case t.Named(name, interface) if not interface:
            return escaped(name)
        case t.Resource(name, interface) if ":" not in interface:
            return escaped(name)
        case t.Named(name, interface) | t.Resource(name, interface):
            return f"{interface}.{escaped(name)}"
        case t.Record() | t.Variant() | t.Enum() | t.Flags():
            return f"{keyword(type_)} {{ {', '.join(members(type_, declared))} }}"
        case _:
            return write_type(type_, declared)


def keyword(type_: t.Record | t.Variant | t.Enum | t.Flags) -> str:
    """The word that declares such a type."""
    return type(type_).__name__.lower()


def members(
    type_: t.Record | t.Variant | t.Enum | t.Flags, declared: Callable[[t.Type | t.Resource], str]
) -> list[str]:
    """The fields, cases or flags of a type, each as WIT text."""
    match type_:
        case t.Record(fields):
            return [f"{escaped(f.name)}: {write_type(f.type, declared)}" for f in fields]
        case t.Variant(cases):
            return [_write_case(case, declared) for case in cases]
        case t.Enum(names) | t.Flags(names):
            return [escaped(name) for name in names]


def _write_case(case: t.Case, declared: Callable[[t.Type | t.Resource], str]) -> str:
    name = escaped(case.name)
    return name if case.type is None else f"{name}({write_type(case.type, declared)})"


def show_function(function: t.Function) -> str:
    """The function in a line for a person: `search: func(query: string, limit: u32) -> list<hit>`."""
    return f"{function.name}: {signature(function.params, function.result, _short)}"


def signature(
    params: tuple[t.Field, ...], result: t.Type | None, declared: Callable[[t.Type | t.Resource], str]
) -> str:
    """Parameters and result as WIT text: `func(a: u32) -> string`."""
    inside = ", ".join(f"{escaped(p.name)}: {write_type(p.type, declared)}" for p in params)
    return f"func({inside})" + ("" if result is None else f" -> {write_type(result, declared)}")


def show_world(world: t.World) -> str:
    """The world as the text of one file: its package, and the packages of all its interfaces nested behind it.

    Anonymous records, variants, enums and flags get a name; types that an earlier interface declares are used from it.
    """
    from orchestrator.interface._world_writer import write_world

    return write_world(world)


def show_interface(interface: t.Interface) -> str:
    """The interface as the text of one file: its package, and the homes of resources it takes from elsewhere."""
    from orchestrator.interface._world_writer import write_interface

    return write_interface(interface)
