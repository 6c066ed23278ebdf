"""Has what a component imports of WASI the signatures of the WIT that ships? Told from its world, running nothing.

wasmtime does not look at the types of what a host defines: a guest that imports a known name with another signature
would have its numbers read as something else.
"""

from __future__ import annotations

from functools import cache

from orchestrator import resources
from orchestrator.engine.imports import is_wasi
from orchestrator.interface import Packages
from orchestrator.interface.compare import explain_interface
from orchestrator.interface.types import Interface, World

NEWEST = "0.2.12"
"""The version of WASI whose WIT ships: all that 0.2.x has, of any x up to this one."""


def wasi_problems(world: World) -> tuple[str, ...]:
    """Why the component's WASI imports cannot be served, a line each; empty when they can."""
    found: list[str] = []
    for item in world.imports:
        if isinstance(item, Interface) and is_wasi(item):
            found += _problems(item)
    return tuple(found)


def _problems(wanted: Interface) -> list[str]:
    offered = _interfaces().get(wanted.name.base)
    if offered is None:
        return [f"imports `{wanted.name}`, which the host does not serve: it is no part of WASI {NEWEST}"]
    causes = explain_interface(wanted, offered, "component", "host")
    return [f"imports `{wanted.name}` with another signature than WASI {NEWEST}: {'; '.join(causes)}"] if causes else []


@cache
def _interfaces() -> dict[str, Interface]:
    """The interfaces of WASI that ship, by their names without a version."""
    folders = sorted(path for path in resources.wit().iterdir() if path.name.startswith("wasi-"))
    packages = Packages.read(folders)
    return {name.base: packages.interface(str(name)) for name in packages.interfaces()}
