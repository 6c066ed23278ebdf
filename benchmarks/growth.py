"""How costs grow: with the nodes of a pipeline, and with the instances that are alive, in microseconds.

`nodes_N` is one run of a chain of N nodes that add one, joined by data edges, their instances kept, and `branches_N`
one run of N such nodes side by side, each a node. `instances_N` is what making and ending one small instance takes
while N others are alive. The rounds take turns.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from benchmarks._guests import STEP
from benchmarks._ours import linked, own_engine
from benchmarks._ways import FULL, Effort, Maker, Way, expect, joined, measure, medians, repeated
from orchestrator import Pipeline

if TYPE_CHECKING:
    from orchestrator import Engine

STEPS = "bench:guest/steps.step"
NODES, ALIVE = (1, 10, 100), (0, 100, 1000)


def run(effort: Effort = FULL) -> dict[str, object]:
    """The medians."""
    with own_engine() as engine:
        makers: dict[str, Maker] = {f"nodes_{count}": partial(_chain, engine, count) for count in NODES}
        makers |= {f"branches_{count}": partial(_branches, engine, count) for count in NODES[1:]}
        makers |= {f"instances_{count}": partial(_instances, engine, count) for count in ALIVE}
        return joined([medians(measure(makers, effort))])


def _chain(engine: Engine, count: int, stack: ExitStack) -> Way:
    """Each node's answer is the next one's argument."""
    step, pipeline, source = engine.from_text(STEP, "step"), Pipeline("chain").input("value", "u32"), "inputs.value"
    for number in range(count):
        pipeline.node(f"n{number}", step, run=STEPS, lifetime="session").data(source, f"n{number}")
        source = f"n{number}"
    made = linked(pipeline.output("value", source), engine, stack)
    expect(made.run(value=1)["value"], 1 + count, "the chain")
    return repeated(lambda: made.run(value=1))


def _branches(engine: Engine, count: int, stack: ExitStack) -> Way:
    """Each node gets the input, and is an output."""
    step, pipeline = engine.from_text(STEP, "step"), Pipeline("branches").input("value", "u32")
    for number in range(count):
        pipeline.node(f"n{number}", step, run=STEPS, lifetime="session").data("inputs.value", f"n{number}")
        pipeline.output(f"out-{number}", f"n{number}")
    made = linked(pipeline, engine, stack)
    expect(dict(made.run(value=1).outputs), {f"out-{number}": 2 for number in range(count)}, "the branches")
    return repeated(lambda: made.run(value=1))


def _instances(engine: Engine, alive: int, stack: ExitStack) -> Way:
    """One more instance, while the others wait."""
    from orchestrator.engine import Frame

    linker = engine.linker(engine.from_text(STEP, "step"))
    for _ in range(alive):
        stack.callback(linker.instantiate(Frame()).close)
    return repeated(lambda: linker.instantiate(Frame()).close())
