"""What a fresh instance costs: this engine against stock wasmtime-py, for a small, a Python and a JavaScript guest.

`stock` is a store and an instantiation with wasmtime-py's own configuration, whose memories are copy-on-write images of
its own, with WASI where the guest imports it; `small_us` and so on are the same through this engine, with limits, a
deadline and what else belongs to an instance. The rounds take turns. Without node and npm there is no JavaScript guest,
and its figures are null.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._languages import kinds, linked
from orchestrator.engine import Component, Engine, Frame

if TYPE_CHECKING:
    import wasmtime
    from wasmtime import component as cm

ROUNDS = 20
COUNTS = {"small": 250, "python": 10, "javascript": 50}
"""Instances a round."""

Make = Callable[[], Callable[[], object]]
"""Makes an instance, and gives what ends it."""


def run() -> dict[str, object]:
    """The medians of both, in microseconds, and how many of the one make the other."""
    figures: dict[str, object] = {}
    with Engine() as engine:
        for name, guest in kinds(engine).items():
            ways = ("", "stock_")
            found: dict[str, list[float]] = {way: [] for way in ways}
            if guest is not None:
                makes = {"": _ours(engine, guest[0]), "stock_": _stock(guest)}
                for _ in range(ROUNDS):
                    for way in ways:
                        found[way] += _times(makes[way], COUNTS[name])
            for way in ways:
                figures[f"{way}{name}_us"] = round(statistics.median(found[way]) * 1e6, 2) if guest else None
            figures[f"{name}_to_stock_ratio"] = (
                round(statistics.median(found[""]) / statistics.median(found["stock_"]), 2) if guest else None
            )
    return figures


def _times(make: Make, count: int) -> list[float]:
    """Seconds that each of so many instances takes to be made; each is ended before the next."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        end = make()
        found.append(time.perf_counter() - begun)
        end()
    return found


def _ours(engine: Engine, component: Component) -> Make:
    linker = linked(engine, component)
    return lambda: linker.instantiate(Frame()).close


def _stock(guest: tuple[Component, bytes]) -> Make:
    from wasmtime import Engine, Store, WasiConfig
    from wasmtime import component as cm

    from orchestrator.engine.imports import is_wasi

    engine = Engine()
    component, linker = _precompiled(engine, guest), cm.Linker(engine)
    wasi = any(map(is_wasi, guest[0].world.imports))
    if wasi:
        linker.add_wasip2()
        linker.allow_shadowing = True
    linker.define_unknown_imports_as_traps(component)

    def make() -> Callable[[], object]:
        store = Store(engine)
        if wasi:
            store.set_wasi(WasiConfig())
        linker.instantiate(store, component)
        return store.close

    return make


def _precompiled(engine: wasmtime.Engine, guest: tuple[Component, bytes]) -> cm.Component:
    """The component from a file, as one that was compiled earlier is loaded: its image is then that file's own."""
    from wasmtime import component as cm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stock.cwasm")
        path.write_bytes(cm.Component(engine, guest[1]).serialize())
        return cm.Component.deserialize_file(engine, str(path))
