"""What a call from one component to another costs: stock wasmtime-py against an audited call edge, in microseconds.

A guest calls another's `echo` with a string of ten bytes, a few thousand times in a run. `stock` answers with a host
function in Python that calls the other component through wasmtime-py. `forward` is a call edge of a linked pipeline
with everything that belongs to it: events recorded, calls counted, the deadline looked at. The rounds take turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks._guests import CALLER, ECHO

ROUNDS = 15
STOCK_CALLS, FORWARD_CALLS = 500, 5000


def run() -> dict[str, object]:
    """The medians of both, their ratio, and the 90th percentiles."""
    with tempfile.TemporaryDirectory() as folder:
        stock, (forward, close) = _stock(), _forward(Path(folder))
        ways = {"stock": (stock, STOCK_CALLS), "forward": (forward, FORWARD_CALLS)}
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (call, times) in ways.items():
                begun = time.perf_counter()
                call(times)
                found[name].append((time.perf_counter() - begun) / times * 1e6)
        close()
    medians = {name: statistics.median(each) for name, each in found.items()}
    figures: dict[str, object] = {f"{name}_us": round(median, 3) for name, median in medians.items()}
    figures["stock_to_forward_ratio"] = round(medians["stock"] / medians["forward"], 2)
    return figures | {f"{name}_p90_us": round(statistics.quantiles(each, n=10)[-1], 3) for name, each in found.items()}


def _stock() -> Callable[[int], object]:
    """The guest's loop over a host function as wasmtime-py's users write it."""
    from wasmtime import Engine, Store
    from wasmtime.component import Component, Linker

    engine = Engine()
    back_store, store = Store(engine), Store(engine)
    back = Linker(engine).instantiate(back_store, Component(engine, ECHO))
    inner = back.get_export_index(back_store, "bench:hop/echoing")
    index = back.get_export_index(back_store, "echo", inner)
    assert index is not None
    echo = back.get_func(back_store, index)
    assert echo is not None

    def host(_caller: object, text: str) -> str:
        answer: str = echo(back_store, text)
        echo.post_return(back_store)
        return answer

    linker = Linker(engine)
    with linker.root() as root, root.add_instance("bench:hop/echoing") as instance:
        instance.add_func("echo", host)
    front = linker.instantiate(store, Component(engine, CALLER))
    index = front.get_export_index(store, "loop", front.get_export_index(store, "bench:hop/looping"))
    assert index is not None
    loop = front.get_func(store, index)
    assert loop is not None

    def call(times: int) -> object:
        answer = loop(store, times)
        loop.post_return(store)
        return answer

    return call


def _forward(folder: Path) -> tuple[Callable[[int], object], Callable[[], object]]:
    """The same loop over a call edge of a pipeline, and what closes it."""
    from orchestrator import Engine, Pipeline

    engine = Engine(folder)
    back, front = engine.from_text(ECHO, "echo"), engine.from_text(CALLER, "caller")
    pipeline = (
        Pipeline("hop")
        .input("times", "u32")
        .node("front", front, run="bench:hop/looping.loop", lifetime="session")
        .node("back", back, lifetime="session")
        .data("inputs.times", "front.times")
        .call("front", "back")
        .output("count", "front")
    )
    linked = pipeline.link(engine)

    def close() -> None:
        linked.close()
        engine.close()

    return (lambda times: linked.run(times=times)), close
