"""Components called as users of wasmtime-py call them: the peer of most benchmarks; not for anything of the runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Called = Callable[..., Any]


def stock(text: str, interface: str, name: str, imported: Called | None = None) -> Called:
    """A function of a component, in a store of its own.

    Arguments:
        text: the component, as WAT.
        imported: what serves the `echo` of `bench:guest/echoing`, which the component then imports.
    """
    from wasmtime import Engine, Store
    from wasmtime.component import Component, Linker

    engine = Engine()
    store, linker = Store(engine), Linker(engine)
    if imported is not None:
        serve = imported
        with linker.root() as root, root.add_instance("bench:guest/echoing") as instance:
            instance.add_func("echo", lambda _store, value: serve(value))
    made = linker.instantiate(store, Component(engine, text))
    index = made.get_export_index(store, name, made.get_export_index(store, interface))
    assert index is not None
    function = made.get_func(store, index)
    assert function is not None

    def call(*values: Any) -> Any:
        answer = function(store, *values)
        function.post_return(store)
        return answer

    return call
