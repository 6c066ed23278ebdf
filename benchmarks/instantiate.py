"""What a fresh instance costs: this engine against stock wasmtime-py, for a small, a Python and a JavaScript guest.

`small_us` and so on are a store and an instantiation through this engine, with limits, a deadline and what else belongs
to an instance. `stock` is the same with wasmtime-py's own configuration, whose memories are copy-on-write images of its
own, with WASI where the guest imports it. `pooled` is what a run pays for an instance that was made ahead: taking it
out of the node's pool, and asking for the next one; a small guest has no pool, nor has a JavaScript one in a pipeline,
since both are made quicker than a pool is worth. Ending an instance counts nowhere. Without node and npm there is no
JavaScript guest.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._languages import KINDS, guest, linked
from benchmarks._ways import FULL, Effort, Maker, Missing, Way, joined, made, measure, medians, ratio
from orchestrator.engine import Engine, Frame, Instance
from orchestrator.engine.stack import needed_stack
from orchestrator.runtime import pool
from orchestrator.runtime.threads import Threads

if TYPE_CHECKING:
    import wasmtime
    from wasmtime import component as cm


def run(effort: Effort = FULL, kinds: Sequence[str] = KINDS) -> dict[str, object]:
    """The medians of each kind's ways, and how many of stock's times ours takes."""
    makers: dict[str, Maker] = {}
    with Engine() as engine:
        for kind in kinds:
            makers |= {
                kind: partial(_ours, engine, kind),
                f"{kind}_stock": partial(_stock, engine, kind),
                f"{kind}_pooled": partial(_pooled, engine, kind),
            }
        found = measure(makers, effort)
    return joined([medians(found), {f"{kind}_to_stock_ratio": ratio(found, kind, f"{kind}_stock") for kind in kinds}])


def _ours(engine: Engine, kind: str, _stack: ExitStack) -> Way:
    linker = linked(engine, guest(kind, engine)[0])
    return made(lambda: linker.instantiate(Frame()).close)


def _pooled(engine: Engine, kind: str, stack: ExitStack) -> Way:
    if kind == "small":
        raise Missing(f"a pool is for what takes {pool.PAYS * 1e6:g} us to make, which no small guest does")
    linker, threads = linked(engine, guest(kind, engine)[0]), Threads(needed_stack(1, ()))
    stack.callback(threads.close)
    filler = pool.Filler(threads, ())
    ready = pool.Pool(filler)
    stack.callback(ready.close)
    stack.callback(filler.close)

    def ahead(frame: Frame) -> Instance:
        return linker.instantiate(frame)

    def take() -> Callable[[], object]:
        found = ready.take()
        assert found is not None
        return found.close

    def filled() -> None:
        while not ready:
            time.sleep(pool.PAUSE)

    ready.take()
    for _ in range(pool.TRIES):
        ready.missed(1.0, ahead)  # as if making one had taken long enough, whatever it takes
    return made(take, filled)


def _stock(ours: Engine, kind: str, _stack: ExitStack) -> Way:
    from wasmtime import Engine, Store, WasiConfig
    from wasmtime import component as cm

    from orchestrator.engine.imports import is_wasi

    loaded, binary = guest(kind, ours)
    engine = Engine()
    component, linker = _precompiled(engine, binary), cm.Linker(engine)
    wasi = any(map(is_wasi, loaded.world.imports))
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

    return made(make)


def _precompiled(engine: wasmtime.Engine, binary: bytes) -> cm.Component:
    """The component from a file, as one that was compiled earlier is loaded: its image is then that file's own."""
    from wasmtime import component as cm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stock.cwasm")
        path.write_bytes(cm.Component(engine, binary).serialize())
        return cm.Component.deserialize_file(engine, str(path))
