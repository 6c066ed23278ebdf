"""What a call from one component to another costs: stock wasmtime-py against call edges, in microseconds.

A guest calls another's `echo` some thousand times in a run, with a string of ten bytes, a record of eight fields, and a
list of a hundred such records. `stock` answers with a host function in Python that calls the other component through
wasmtime-py. `forward` is a call edge of a linked pipeline with everything that belongs to it: events recorded, calls
counted, the deadline looked at. `fused` is the same edge with both components in one.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from benchmarks._guests import Payload, caller, echo, items, text
from benchmarks._ours import linked, loop_over_edge, own_engine
from benchmarks._stock import stock
from benchmarks._ways import FULL, Effort, Maker, Way, expect, joined, measure, medians, ratio, tails

if TYPE_CHECKING:
    from orchestrator import Engine

ROWS = {"": text(10), "record_": items(), "list_": items(100)}


def run(effort: Effort = FULL) -> dict[str, object]:
    """The medians of each row's ways, stock to forward and to fused as ratios, and the 90th percentiles."""
    makers: dict[str, Maker] = {}
    with own_engine() as engine:
        for row, payload in ROWS.items():
            makers |= {
                f"{row}stock": partial(_stock, payload),
                f"{row}forward": partial(_edge, engine, payload, False),
                f"{row}fused": partial(_edge, engine, payload, True),
            }
        found = measure(makers, effort)
    ratios = {
        f"{row}stock_to_{way}_ratio": ratio(found, f"{row}stock", f"{row}{way}")
        for row in ROWS
        for way in ("forward", "fused")
    }
    return joined([medians(found), ratios, tails(found)])


def _stock(payload: Payload, _stack: ExitStack) -> Way:
    """The guest's loop over a host function as wasmtime-py's users write it."""
    back = stock(echo(payload), "bench:guest/echoing", "echo")
    loop = stock(caller(payload), "bench:guest/looping", "loop", back)
    expect(loop(3), 3, "the stock loop")
    return loop


def _edge(engine: Engine, payload: Payload, fused: bool, stack: ExitStack) -> Way:
    """The same loop over a call edge of a pipeline."""
    pipeline = linked(loop_over_edge(engine, payload, fused=fused), engine, stack)
    expect(pipeline.run(times=3)["count"], 3, "the pipeline's loop")
    return lambda times: pipeline.run(times=times)
