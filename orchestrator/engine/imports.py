"""What the engine itself answers of a component's imports, and what it must number: told from the world alone."""

from __future__ import annotations

from orchestrator.interface.types import Interface, Resource, World

SERVED = frozenset(("cli", "clocks", "filesystem", "io", "random", "sockets"))
"""The packages of `wasi:` that wasmtime's own WASI 0.2 serves."""


def is_wasi(item: object) -> bool:
    """Whether an import is one that wasmtime's WASI answers: cli, clocks, filesystem, io, random, sockets at 0.2."""
    return (
        isinstance(item, Interface)
        and item.name.namespace == "wasi"
        and item.name.package in SERVED
        and item.name.version.startswith("0.2.")
    )


def resource_numbers(world: World) -> dict[Resource, int]:
    """A number for each resource that the component imports from another component, as its linker defines it."""
    shown = (
        definition.type
        for item in world.imports
        if isinstance(item, Interface) and not is_wasi(item)
        for definition in item.types
    )
    resources = [type_ for type_ in shown if isinstance(type_, Resource) and not type_.interface.startswith("wasi:")]
    return {resource: number for number, resource in enumerate(dict.fromkeys(resources), start=1)}
