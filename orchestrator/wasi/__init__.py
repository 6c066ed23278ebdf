"""WASI 0.2 and what else the host serves: one file per package, each call asking its grant.

    session     the host's side of one instance: its grants, clock, random numbers, waits
    account     what the instances of a node share of what a run may use
    waiting     waiting on a guest's thread, and the end of it
    streams     wasi:io
    clocks, random, cli, filesystem, sockets, http
                the packages of that name
    web         agent:api/web, HTTP for who wants it simple
    config      wasi:config/store, from a node's configuration

A table in each file says what is served; nothing else is, whatever a guest imports. Not for deciding what a node may
reach: that is `capability`. The engine knows nothing of it: it is given functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.engine.imports import is_wasi
from orchestrator.interface.types import Function, Interface
from orchestrator.wasi.account import Account
from orchestrator.wasi.session import Desk, Session

if TYPE_CHECKING:
    from orchestrator.engine import Linker

__all__ = ["Account", "Desk", "Session", "answers", "config_store", "is_config_store", "is_served", "serve", "tables"]

WEB = "agent:api/web"
"""HTTP for who wants it simple; answered by the host where no edge does."""
_SERVED = "WASI 0.2's cli, clocks, filesystem, http, io, random and sockets are served, and wasi:config/store"
_UNGRANTED = {"nn": "no grant for `wasi:nn` exists in this version"}


def answers(item: Interface | Function) -> tuple[str, ...] | None:
    """Whether the host answers an import without any edge.

    Returns:
        None when it is not the host's to answer, `()` when it does, else why it does not, a line each.
    """
    if is_served(item) or is_config_store(item):
        return ()
    if not isinstance(item, Interface) or item.name.namespace != "wasi":
        return None
    return (_UNGRANTED.get(item.name.package, _SERVED),)


def is_served(item: Interface | Function) -> bool:
    """Whether an import is one of WASI 0.2, or of the host's own interfaces."""
    return is_wasi(item) or (isinstance(item, Interface) and item.name.base == WEB)


def is_config_store(item: Interface | Function) -> bool:
    """Whether an import is `wasi:config/store`."""
    return isinstance(item, Interface) and item.name.base == "wasi:config/store"


def serve(linker: Linker, item: Interface) -> None:
    """Has the functions of an import answered that is served."""
    functions = _served_by(item.name.namespace, item.name.package)[item.name.base]
    for function in item.functions:
        linker.serve(item.name, function, functions[function.name])


_MODULES = {
    ("agent", "api"): "web",
    ("wasi", "cli"): "cli",
    ("wasi", "clocks"): "clocks",
    ("wasi", "filesystem"): "filesystem",
    ("wasi", "http"): "http",
    ("wasi", "io"): "streams",
    ("wasi", "random"): "random",
    ("wasi", "sockets"): "sockets",
}
"""The module that serves each package; imported when a component first asks for something of it."""


def _served_by(namespace: str, package: str) -> dict[str, dict[str, Any]]:
    """What is served of a package: by interface, by the name of the function."""
    from importlib import import_module

    found: dict[str, dict[str, Any]] = import_module(f"{__name__}.{_MODULES[namespace, package]}").INTERFACES
    return found


def tables() -> dict[str, dict[str, Any]]:
    """All that is served: by interface, by the name of the function."""
    return {name: table for place in _MODULES for name, table in _served_by(*place).items()}


def config_store(values: Mapping[str, str]) -> dict[str, Callable[[Sequence[Any]], Any]]:
    """The functions of `wasi:config/store` over a node's configuration, by name: (arguments) -> result."""
    every = sorted(values.items())
    return {
        "get": lambda arguments: {"ok": values.get(arguments[0])},
        "get-all": lambda _arguments: {"ok": every},
    }
