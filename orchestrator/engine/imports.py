"""What the engine itself answers of a component's imports, and what it must number: told from the world alone."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.interface.types import Borrow, Function, Interface, Name, Own, Resource, World, walk

SERVED = frozenset(("cli", "clocks", "filesystem", "http", "io", "random", "sockets"))
"""The packages of `wasi:` at 0.2 that the host serves."""
MODULE = "orchestrator-module-"
"""How the names begin under which a compiled component imports modules that it shares with others: see `_apart`."""


def is_wasi(item: object) -> bool:
    """Whether an import is one of WASI 0.2 that the host answers, its resources being the host's own."""
    return (
        isinstance(item, Interface)
        and item.name.namespace == "wasi"
        and item.name.package in SERVED
        and item.name.version.startswith("0.2.")
    )


def is_wasi_resource(resource: Resource) -> bool:
    """Whether a resource is one that the host makes for WASI: it means something in the guest's own store only."""
    name = Name.parse(resource.interface)
    return resource.imported and name.namespace == "wasi" and name.package in SERVED


def resource_numbers(world: World) -> dict[Resource, int]:
    """A number for each resource that the component imports, as its linker defines it."""
    shown = (definition.type for item in world.imports if isinstance(item, Interface) for definition in item.types)
    resources = [type_ for type_ in shown if isinstance(type_, Resource)]
    return {resource: number for number, resource in enumerate(dict.fromkeys(resources), start=1)}


def unserved(world: World) -> tuple[str, ...]:
    """What a component asks of others, or offers to them, that no edge can carry, a line each: resources of WASI."""
    return tuple(
        f"{side} `{function.name}`{where}, which passes on `{resource.name}`, a resource of {resource.interface}: "
        "what WASI makes stays in the component that asked for it"
        for side, items in (("imports", world.imports), ("exports", world.exports))
        for function, where in _crossing(items)
        for resource in sorted({r for r in _handles(function) if is_wasi_resource(r)}, key=lambda r: r.name)
    )


def _crossing(items: tuple[Interface | Function, ...]) -> Iterator[tuple[Function, str]]:
    """The functions that edges can carry, each with where it stands."""
    for item in items:
        if isinstance(item, Function):
            yield item, ""
        elif not is_wasi(item):
            yield from ((function, f" of {item.name}") for function in item.functions)


def _handles(function: Function) -> Iterator[Resource]:
    for type_ in function.types:
        yield from (part.resource for part in walk(type_) if isinstance(part, Own | Borrow))
