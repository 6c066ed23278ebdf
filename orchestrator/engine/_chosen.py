"""Which functions of a component pass their values through the memory of a shim, and under which names they do.

Told from the component's world alone, so that what was compiled and what calls it agree. See `_shim` for the shim.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.engine._flat import MAX_PARAMS, signature
from orchestrator.engine.imports import is_wasi, is_wasi_resource
from orchestrator.interface.crossing import has_handles, has_lists
from orchestrator.interface.types import (
    U8,
    Borrow,
    Function,
    Interface,
    List,
    Name,
    Own,
    Resource,
    TypeDef,
    World,
    walk,
)

if TYPE_CHECKING:
    from orchestrator.manifest.model import Bulk

EXPORTS = Name.parse("orchestrator:shim/exports")
"""The instance that a wrapped component exports: `f0`, `f1`, …, its exported functions in plain numbers."""
IMPORTS = Name.parse("orchestrator:shim/imports")
"""The instance that it imports, where any of its imports is served through memory."""
DROP, PUT = "drop", "put"
"""Functions of it: which of the host's resources a guest has dropped, by its number; for `put` see `_lanes`."""

Chosen = Sequence[tuple[Name | None, Function]]
"""Functions, each with its interface; None where it is the world's own."""


@dataclass(frozen=True, slots=True)
class Shim:
    """The functions of a wrapped component that go through memory: the number of each, by `function_key`.

    Arguments:
        hosted: those imports whose resources are the shim's own: see `hosted`.
        lanes: those of them that have lanes, in the order of their numbers, each with the memory that its bytes are in.
    """

    exports: Mapping[str, int]
    imports: Mapping[str, int]
    hosted: frozenset[str]
    lanes: Mapping[str, int]


def shim_of(world: World, bulk: Bulk, direct: Container[str], lanes: Mapping[str, int]) -> Shim:
    """The numbers of the functions of a component that was wrapped.

    Arguments:
        direct: exported functions that need no shim, by `function_key`.
        lanes: see `Component.lanes`.
    """
    exports, imports = chosen(world, bulk)
    ours = tuple(_of(hosted(world, bulk)))
    return Shim(_numbers(without(exports, direct)), _numbers([*imports, *ours]), frozenset(_numbers(ours)), lanes)


def _numbers(functions: Chosen) -> dict[str, int]:
    return {function_key(interface, function.name): number for number, (interface, function) in enumerate(functions)}


def without(functions: Chosen, direct: Container[str]) -> Chosen:
    """Those of the exported functions that go through a shim.

    A shim cannot stand for one whose numbers, and one more for where its result goes, are too many to be passed as
    such: that one goes by C values.
    """
    return [one for one in functions if _fits(one[1]) and function_key(one[0], one[1].name) not in direct]


@lru_cache(maxsize=4096)
def function_key(interface: Name | None, name: str) -> str:
    """What a function of a component is looked up by: a text, whose hash is known."""
    return f"{interface or ''}#{name}"


def chosen(world: World, bulk: Bulk) -> tuple[Chosen, Chosen]:
    """The exported and the imported functions that go through memory.

    Settings (`wasi:config`) are read once and are a few words: they go the ordinary way. For WASI see `hosted`.

    Arguments:
        bulk: `auto` takes those with a list, `always` all; neither takes one with a handle, nor `never` any.
    """

    def some(items: Sequence[Interface | Function]) -> Chosen:
        if bulk == "never":
            return ()
        return tuple(
            (name, function)
            for name, function in _functions(items)
            if (bulk == "always" or has_lists(function)) and not has_handles(function)
        )

    return some(world.exports), some(world.imports)


def hosted(world: World, bulk: Bulk) -> Sequence[Interface]:
    """The interfaces of WASI that a component imports, where all their functions go through memory: one passes bytes.

    All or none, since they share resources. These are then the shim's own, and the host knows each by the number that
    it gave it. None where something else than an interface of WASI's shows such a resource too, or one of them another.

    Arguments:
        bulk: `never` takes none.
    """
    ours = tuple(item for item in world.imports if isinstance(item, Interface) and is_wasi(item))
    if bulk == "never" or not any(_passes_bytes(function) for _, function in _of(ours)):
        return ()
    others = (item for item in (*world.imports, *world.exports) if isinstance(item, Interface) and item not in ours)
    elsewhere = _resources([*world.types, *(definition for item in others for definition in item.types)])
    shown = _resources([definition for item in ours for definition in item.types])
    return () if any(map(is_wasi_resource, elsewhere)) or not all(map(is_wasi_resource, shown)) else ours


def _resources(definitions: Iterable[TypeDef]) -> Iterator[Resource]:
    """The resources that are defined, and those whose handles are in what is."""
    for definition in definitions:
        if isinstance(definition.type, Resource):
            yield definition.type
        else:
            yield from (part.resource for part in walk(definition.type) if isinstance(part, Own | Borrow))


def _passes_bytes(function: Function) -> bool:
    return any(part == List(U8) for type_ in function.types for part in walk(type_))


def _fits(function: Function) -> bool:
    flats = signature(function)
    return len(flats.params) + flats.by_pointer <= MAX_PARAMS


def _functions(items: Sequence[Interface | Function]) -> Iterator[tuple[Name | None, Function]]:
    for item in items:
        if isinstance(item, Function):
            yield None, item
        elif not is_wasi(item) and (item.name.namespace, item.name.package) != ("wasi", "config"):
            yield from _of([item])


def _of(interfaces: Iterable[Interface]) -> Iterator[tuple[Name, Function]]:
    return ((interface.name, function) for interface in interfaces for function in interface.functions)
