"""Which functions of a component pass their values through the memory of a shim, and under which names they do.

Told from the component's world alone, so that what was compiled and what calls it agree. See `_shim` for the shim.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.engine._flat import MAX_PARAMS, has_handles, has_lists, signature
from orchestrator.engine.imports import is_wasi
from orchestrator.interface.types import Function, Interface, Name, World

if TYPE_CHECKING:
    from orchestrator.manifest.model import Bulk

EXPORTS = Name.parse("orchestrator:shim/exports")
"""The instance that a wrapped component exports: `f0`, `f1`, …, its exported functions in plain numbers."""
IMPORTS = Name.parse("orchestrator:shim/imports")
"""The instance that it imports, where any of its imports is served through memory."""

Chosen = Sequence[tuple[Name | None, Function]]
"""Functions, each with its interface; None where it is the world's own."""


@dataclass(frozen=True, slots=True)
class Shim:
    """The functions of a wrapped component that go through memory: the number of each, by `function_key`."""

    exports: Mapping[str, int]
    imports: Mapping[str, int]


def shim_of(world: World, bulk: Bulk, direct: Container[str] = ()) -> Shim:
    """The numbers of the functions of a component that was wrapped.

    Arguments:
        direct: exported functions that need no shim, by `function_key`.
    """
    exports, imports = chosen(world, bulk)
    exports = without(exports, direct)
    return Shim(*({function_key(name, f.name): n for n, (name, f) in enumerate(side)} for side in (exports, imports)))


def without(functions: Chosen, direct: Container[str]) -> Chosen:
    """Those of the exported functions that go through a shim.

    A shim cannot stand for one whose numbers, and one more for where its result goes, are too many to be passed so:
    that one goes by C values.
    """
    return [one for one in functions if _fits(one[1]) and function_key(one[0], one[1].name) not in direct]


def function_key(interface: Name | None, name: str) -> str:
    """What a function of a component is looked up by: a text, whose hash is known."""
    return f"{interface or ''}#{name}"


def chosen(world: World, bulk: Bulk) -> tuple[Chosen, Chosen]:
    """The exported and the imported functions that go through memory.

    Settings (`wasi:config`) are read once and are a few words: they go the ordinary way, as does what WASI answers.

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


def _fits(function: Function) -> bool:
    flats = signature(function)
    return len(flats.params) + flats.by_pointer <= MAX_PARAMS


def _functions(items: Sequence[Interface | Function]) -> Iterator[tuple[Name | None, Function]]:
    for item in items:
        if isinstance(item, Function):
            yield None, item
        elif not is_wasi(item) and (item.name.namespace, item.name.package) != ("wasi", "config"):
            yield from ((item.name, function) for function in item.functions)
