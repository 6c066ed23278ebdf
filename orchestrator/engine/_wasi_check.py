"""Has what a component imports of WASI the signatures that wasmtime serves? Asked of wasmtime, running nothing.

The linker does not look at the types of what Python defines, but it does at its own WASI's. A trial instantiation in
a store that may hold no instance gets exactly as far as that check.
"""

from __future__ import annotations

from wasmtime import Engine, Store, WasmtimeError
from wasmtime import component as cm

from orchestrator.engine.imports import is_wasi, resource_numbers
from orchestrator.interface.types import Interface, Resource, World


def wasi_problems(engine: Engine, component: cm.Component, world: World) -> tuple[str, ...]:
    """Why the component's WASI imports cannot be served, a line each; empty when they can."""
    if not any(map(is_wasi, world.imports)):
        return ()
    linker, store = cm.Linker(engine), Store(engine)
    linker.add_wasip2()
    try:
        _define_others(linker, world)
    except WasmtimeError as problem:
        return (str(problem),)
    store.set_limits(instances=0)
    try:
        linker.instantiate(store, component)
    except WasmtimeError as problem:
        text = str(problem)
        return () if "resource limit exceeded" in text else (_readable(text),)
    return ()


def _define_others(linker: cm.Linker, world: World) -> None:
    """Stand-ins for what edges will answer: only their names count, no type of theirs is looked at."""
    numbers = resource_numbers(world)
    with linker.root() as root:
        for item in world.imports:
            if is_wasi(item):
                continue
            if not isinstance(item, Interface):
                root.add_func(item.name, lambda *_: None)
                continue
            with root.add_instance(str(item.name)) as instance:
                for definition in item.types:
                    if isinstance(definition.type, Resource) and definition.type in numbers:
                        host = cm.ResourceType.host(numbers[definition.type])
                        instance.add_resource(definition.name, host, lambda *_: None)
                for function in item.functions:
                    instance.add_func(function.name, lambda *_: None)


def _readable(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Caused by" not in line]
    return "imports something of WASI that is not served as it asks: " + "; ".join(
        line.partition(": ")[2] if line[:1].isdigit() else line for line in lines
    )
