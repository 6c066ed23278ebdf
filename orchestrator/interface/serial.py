"""Worlds as plain data (lists, strings, numbers, None), for caches and for other processes.

A table holds each type once, so that what is shared stays shared; everything else names types by their place in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.errors import WitError
from orchestrator.interface import types as t

__all__ = ["world_from_data", "world_to_data"]

FORMAT = 1
"""Raised whenever the form changes; data of another format is refused."""


def world_to_data(world: t.World) -> dict[str, Any]:
    """The world as JSON-able data; docs are kept."""
    table = _Table()
    return {
        "format": FORMAT,
        "name": str(world.name),
        "imports": [table.item(item) for item in world.imports],
        "exports": [table.item(item) for item in world.exports],
        "declared": [table.typedef(d) for d in world.types],
        "refused": list(world.refused),
        "types": table.rows,
    }


def world_from_data(data: Any) -> t.World:
    """The world that `world_to_data` wrote. Raises `WitError` for anything else."""
    try:
        if data["format"] != FORMAT:
            raise WitError(f"the data of a world has format {FORMAT}, this has {data['format']!r:.20}")
        reader = _Reader(data["types"])
        return t.World(
            t.Name.parse(data["name"]),
            tuple(reader.item(item) for item in data["imports"]),
            tuple(reader.item(item) for item in data["exports"]),
            tuple(reader.typedef(d) for d in data["declared"]),
            tuple(str(line) for line in data["refused"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        if isinstance(problem, WitError):
            raise
        raise WitError(f"the data of a world is damaged ({type(problem).__name__})") from None


class _Table:
    """Types turned into rows, each after the types inside it."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._seen: dict[int, tuple[object, int]] = {}
        self._places: dict[tuple[Any, ...], int] = {}

    def item(self, item: t.Interface | t.Function) -> list[Any]:
        """An import or export: its first part tells an interface, `i`, from a function, `f`."""
        if isinstance(item, t.Function):
            return self.function(item)
        types = [self.typedef(d) for d in item.types]
        return ["i", str(item.name), types, [self.function(f) for f in item.functions], item.docs]

    def function(self, function: t.Function) -> list[Any]:
        """A function."""
        params = [[p.name, self.place(p.type)] for p in function.params]
        return ["f", function.name, params, self._side(function.result), function.docs]

    def typedef(self, typedef: t.TypeDef) -> list[Any]:
        """A declared type or resource."""
        return [typedef.name, self.place(typedef.type)]

    def place(self, type_: t.Type | t.Resource) -> int:
        """The row of a type."""
        seen = self._seen.get(id(type_))
        if seen is not None:
            return seen[1]
        row = self._row(type_)
        key = _frozen(row)
        place = self._places.setdefault(key, len(self.rows))
        if place == len(self.rows):
            self.rows.append(row)
        self._seen[id(type_)] = type_, place
        return place

    def _side(self, type_: t.Type | None) -> int | None:
        return None if type_ is None else self.place(type_)

    def _row(self, type_: t.Type | t.Resource) -> list[Any]:
        match type_:
            case t.List(one) | t.Option(one) | t.Own(one) | t.Borrow(one):
                return [_word(type_), self.place(one)]
            case t.Result(ok, err):
                return ["result", self._side(ok), self._side(err)]
            case t.Tuple(items):
                return ["tuple", [self.place(item) for item in items]]
            case t.Record(fields, name):
                return ["record", name, [[f.name, self.place(f.type)] for f in fields]]
            case t.Variant(cases, name):
                return ["variant", name, [[c.name, self._side(c.type)] for c in cases]]
            case t.Enum(names, name) | t.Flags(names, name):
                return [_word(type_), name, list(names)]
            case t.Unsupported(kind, items):
                return ["unsupported", kind, [self.place(item) for item in items]]
            case _:
                return [_word(type_), *(getattr(type_, slot) for slot in type_.__slots__)]


def _word(type_: t.Type | t.Resource) -> str:
    return type(type_).__name__.lower()


def _frozen(part: Any) -> Any:
    return tuple(_frozen(one) for one in part) if isinstance(part, list) else part


class _Reader:
    """Rows turned into types again; a row may only name rows before it."""

    def __init__(self, rows: list[list[Any]]) -> None:
        self._types: list[Any] = []
        for kind, *rest in rows:
            self._types.append(_READERS[kind](self, *rest))

    def type(self, place: int) -> Any:
        """The type of a row."""
        if place < 0:
            raise IndexError(place)
        return self._types[place]

    def side(self, place: int | None) -> Any:
        """The type of a row, or None."""
        return None if place is None else self.type(place)

    def item(self, data: list[Any]) -> t.Interface | t.Function:
        """An import or export."""
        if data[0] == "f":
            return self.function(data)
        _, name, types, functions, docs = data
        declared = tuple(self.typedef(d) for d in types)
        return t.Interface(t.Name.parse(name), declared, tuple(self.function(f) for f in functions), docs)

    def function(self, data: list[Any]) -> t.Function:
        """A function."""
        _, name, params, result, docs = data
        return t.Function(name, tuple(t.Field(n, self.type(place)) for n, place in params), self.side(result), docs)

    def typedef(self, data: list[Any]) -> t.TypeDef:
        """A declared type or resource."""
        name, place = data
        return t.TypeDef(name, self.type(place))

    def types(self, places: list[int]) -> tuple[t.Type, ...]:
        """The types of several rows."""
        return tuple(self.type(place) for place in places)


_READERS: dict[str, Callable[..., Any]] = {
    "primitive": lambda _, name: t.PRIMITIVES[name],
    "list": lambda reader, place: t.List(reader.type(place)),
    "option": lambda reader, place: t.Option(reader.type(place)),
    "result": lambda reader, ok, err: t.Result(reader.side(ok), reader.side(err)),
    "tuple": lambda reader, places: t.Tuple(reader.types(places)),
    "record": lambda reader, name, fields: t.Record(tuple(t.Field(n, reader.type(p)) for n, p in fields), name),
    "variant": lambda reader, name, cases: t.Variant(tuple(t.Case(n, reader.side(p)) for n, p in cases), name),
    "enum": lambda _, name, names: t.Enum(tuple(names), name),
    "flags": lambda _, name, names: t.Flags(tuple(names), name),
    "resource": lambda _, name, interface, imported: t.Resource(name, interface, imported),
    "own": lambda reader, place: t.Own(reader.type(place)),
    "borrow": lambda reader, place: t.Borrow(reader.type(place)),
    "unsupported": lambda reader, kind, places: t.Unsupported(kind, reader.types(places)),
    "named": lambda _, name, interface: t.Named(name, interface),
}
