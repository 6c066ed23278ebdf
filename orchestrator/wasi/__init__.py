"""WASI 0.2 as components meet it: which imports are served, and what an authority makes of them.

Served by wasmtime's own implementation, told here what an instance may reach. `wasi:config/store` is served from a
node's `config`. Not for deciding what a node may reach: that is `capability`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.engine.imports import is_wasi
from orchestrator.engine.settings import Folder, WasiSettings
from orchestrator.interface.types import Function, Interface

if TYPE_CHECKING:
    from orchestrator.capability import Authority

__all__ = ["answers", "config_store", "is_config_store", "settings"]

_SERVED = "WASI 0.2's cli, clocks, filesystem, io, random and sockets are served, and wasi:config/store"
_UNGRANTED = {
    "http": "no grant for `wasi:http` exists in this version",
    "nn": "no grant for `wasi:nn` exists in this version",
}


def answers(item: Interface | Function) -> tuple[str, ...] | None:
    """Whether the host answers an import without any edge.

    Returns:
        None when it is not the host's to answer, `()` when it does, else why it does not, a line each.
    """
    if is_wasi(item) or is_config_store(item):
        return ()
    if not isinstance(item, Interface) or item.name.namespace != "wasi":
        return None
    return (_UNGRANTED.get(item.name.package, _SERVED),)


def is_config_store(item: Interface | Function) -> bool:
    """Whether an import is `wasi:config/store`."""
    return isinstance(item, Interface) and item.name.base == "wasi:config/store"


def settings(authority: Authority) -> WasiSettings:
    """What wasmtime's WASI is told for an instance with that authority."""
    folders = tuple(Folder(preopen.host, preopen.guest, preopen.writable) for preopen in authority.preopens)
    return WasiSettings(folders, authority.environment, authority.stdio)


def config_store(values: Mapping[str, str]) -> dict[str, Callable[[Sequence[Any]], Any]]:
    """The functions of `wasi:config/store` over a node's configuration, by name: (arguments) -> result."""
    every = sorted(values.items())
    return {
        "get": lambda arguments: {"ok": values.get(arguments[0])},
        "get-all": lambda _arguments: {"ok": every},
    }
