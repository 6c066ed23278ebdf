"""A component as what is written around it needs it: all that it imports and exports, by name, in the binary's order.

A world keeps functions and interfaces apart from types, and does not have the types that are imported as such: they
are read from the binary.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.engine._config import new_engine
from orchestrator.engine._direct import PREFIX
from orchestrator.engine._outline import Named, outline
from orchestrator.engine._reflect import imported_types
from orchestrator.errors import ComponentError
from orchestrator.interface.types import Function, Interface, TypeDef, World

Item = Interface | Function | TypeDef


@dataclass(frozen=True, slots=True)
class Guest:
    """A component's binary, its imports and its exports.

    Arguments:
        exposed: names of functions of plain numbers that it exports besides: see `_direct`.
    """

    binary: bytes
    imports: Mapping[str, Item]
    exports: Mapping[str, Item]
    exposed: Sequence[str] = ()


def guest(binary: bytes, world: World, added: Container[str] = ()) -> Guest:
    """The component in `binary`, whose reflected world is `world`.

    Arguments:
        added: names of imports that it was given when its world was known: they are not among its own.

    Raises:
        ComponentError: it has what the world does not say: another's world, or something that is not carried.
    """
    found = outline(binary)
    imported = imported_types(new_engine(), found) if found.probe else []
    exposed = _exposed(found.exports, world)
    exports = [one for one in found.exports if one.name not in exposed]
    return Guest(
        binary,
        _ordered([one for one in found.imports if one.name not in added], world.imports, imported),
        _ordered(exports, world.exports, world.types),
        exposed,
    )


def _exposed(exports: Sequence[Named], world: World) -> list[str]:
    """The exports that were added when its world was known."""
    known = {item_name(item) for item in world.exports}
    return [one.name for one in exports if one.name.startswith(PREFIX) and one.name not in known]


def item_name(item: Item) -> str:
    """The name that an item has in the binary."""
    return str(item.name)


def _ordered(
    names: Sequence[Named], items: Sequence[Interface | Function], types: Sequence[TypeDef]
) -> dict[str, Item]:
    known: dict[tuple[str, bool], Item] = {(item_name(item), False): item for item in items}
    known |= {(definition.name, True): definition for definition in types}
    try:
        return {one.name: known[one.name, one.is_type] for one in names}
    except KeyError as missing:
        name = missing.args[0][0]
        raise ComponentError(f"the component has `{name}`, which its world does not say or nothing carries") from None
