"""What the host gives to instances, whoever they are for: their limits as the engine takes them, and its functions.

Not for what WASI asks (`wasi`), nor for edges (`gates`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.engine import InstanceSettings
from orchestrator.interface.types import Interface
from orchestrator.runtime.desk import starved
from orchestrator.wasi import config_store

if TYPE_CHECKING:
    from orchestrator.engine import Instance, Linker
    from orchestrator.interface.types import Function
    from orchestrator.manifest.model import Limits

HostFunction = Callable[[Any, Any], Any]
"""It is given the instance that calls, and the values."""


def settings_of(limits: Limits) -> Callable[..., InstanceSettings]:
    """Makes settings of instances with these limits; what is not stated is the engine's own."""
    found = {
        "memory": limits.memory,
        "table_elements": limits.tables,
        "fuel": limits.fuel,
        "handles": limits.handles,
        "host_calls": limits.host_calls,
    }
    stated: dict[str, Any] = {name: limit for name, limit in found.items() if limit is not None}
    return partial(InstanceSettings, **stated, starved=starved)


def config_functions(config: Mapping[str, str]) -> dict[str, HostFunction]:
    """`wasi:config/store` as host functions."""
    return {name: _plain(function) for name, function in config_store(config).items()}


def define(linker: Linker, item: Interface | Function, functions: Mapping[str, HostFunction]) -> None:
    """Has host functions answer an interface that is imported; each call of one counts as one of the host."""
    assert isinstance(item, Interface)
    for function in item.functions:
        linker.define(item.name, function, _counted(functions[function.name]))


def _plain(function: Callable[[Any], Any]) -> HostFunction:
    """A host function that does not look at who calls it."""
    return lambda _caller, values: function(values)


def _counted(function: HostFunction) -> HostFunction:
    def host(caller: Instance, values: Any) -> Any:
        caller.count_call()
        return function(caller, values)

    return host
