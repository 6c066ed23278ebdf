"""What a node costs: ten that add one, against LangGraph, Haystack and a networkx loop, in microseconds a node.

One call runs all ten; the figures are that by ten. `call` is ten components of which each calls the next over a call
edge; `fused` is the same with all edges fused. `data` is ten components joined by data edges, their instances kept;
`data_fresh` makes each instance anew in each run, as is the default. All of ours record their events. The peers are
written as their own pages say, compiled once, without persistence, tracing or telemetry, and isolate nothing:
`langgraph` a StateGraph that is invoked, `haystack` a Pipeline that is run, `networkx` a bare loop over a graph's
topological order, found once, that calls the function which is an attribute of each node.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypedDict

from benchmarks._guests import STEP, STEP_AND_CALL
from benchmarks._ours import linked, own_engine
from benchmarks._ways import FULL, Effort, Maker, Way, expect, joined, measure, medians, peer, ratio, repeated
from orchestrator import Pipeline

if TYPE_CHECKING:
    from orchestrator import Engine
    from orchestrator.manifest.model import Lifetime

NODES = 10
NAMES = [f"n{number}" for number in range(NODES)]
STEPS = "bench:guest/steps.step"


def run(effort: Effort = FULL) -> dict[str, object]:
    """The medians a node, and the peers' as multiples of ours."""
    with own_engine() as engine:
        makers: dict[str, Maker] = {
            "langgraph": _langgraph,
            "haystack": _haystack,
            "networkx": _networkx,
            "call": partial(_call, engine, False),
            "fused": partial(_call, engine, True),
            "data": partial(_data, engine, "session"),
            "data_fresh": partial(_data, engine, "run"),
        }
        found = measure(makers, effort)
    pairs = [(peer, ours) for peer in ("langgraph", "haystack") for ours in ("call", "data")]
    ratios = {f"{peer}_to_{ours}_ratio": ratio(found, peer, ours) for peer, ours in pairs}
    return joined([medians(found, per=NODES), ratios])


def _call(engine: Engine, fused: bool, stack: ExitStack) -> Way:
    """Each component calls the next; the last only adds."""
    middle, last = engine.from_text(STEP_AND_CALL, "middle"), engine.from_text(STEP, "last")
    pipeline = Pipeline("calls").input("value", "u32").node(NAMES[0], middle, run=STEPS, lifetime="session")
    for name in NAMES[1:]:
        pipeline.node(name, last if name == NAMES[-1] else middle, lifetime="session")
    for front, back in pairwise(NAMES):
        pipeline.call(front, back, fuse=fused)
    return _ours(pipeline.data("inputs.value", NAMES[0]).output("value", NAMES[0]), engine, stack)


def _data(engine: Engine, lifetime: Lifetime, stack: ExitStack) -> Way:
    """Each component's answer is the next one's argument."""
    step = engine.from_text(STEP, "step")
    pipeline = Pipeline("data").input("value", "u32")
    for source, name in zip(["inputs.value", *NAMES], NAMES, strict=False):
        pipeline.node(name, step, run=STEPS, lifetime=lifetime).data(source, name)
    return _ours(pipeline.output("value", NAMES[-1]), engine, stack)


def _ours(pipeline: Pipeline, engine: Engine, stack: ExitStack) -> Way:
    made = linked(pipeline, engine, stack)
    expect(made.run(value=1)["value"], 1 + NODES, f"the pipeline `{pipeline.name}`")
    return repeated(lambda: made.run(value=1))


class _State(TypedDict):
    value: int


def _langgraph(_stack: ExitStack) -> Way:
    """A graph of functions over a state, compiled without a checkpointer."""
    os.environ["LANGSMITH_TRACING"] = "false"
    langgraph = peer("langgraph.graph")
    graph = langgraph.StateGraph(_State)
    for name in NAMES:
        graph.add_node(name, _step_of_state)
    for source, target in zip([langgraph.START, *NAMES], [*NAMES, langgraph.END], strict=True):
        graph.add_edge(source, target)
    compiled = graph.compile()
    expect(compiled.invoke({"value": 1}), {"value": 1 + NODES}, "LangGraph")
    return repeated(lambda: compiled.invoke({"value": 1}))


def _step_of_state(state: _State) -> _State:
    return {"value": state["value"] + 1}


def _haystack(_stack: ExitStack) -> Way:
    """A pipeline of components with one socket each way; importing it sends telemetry, unless told not to."""
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
    os.environ["HAYSTACK_AUTO_TRACE_ENABLED"] = "false"
    haystack = peer("haystack")

    class Step:
        def run(self, value: int) -> dict[str, int]:
            return {"value": value + 1}

    # What its documentation writes as decorators, which would have no types here.
    Step.run = haystack.component.output_types(value=int)(Step.run)  # type: ignore[method-assign]
    step = haystack.component(Step)
    pipeline = haystack.Pipeline()
    for name in NAMES:
        pipeline.add_component(name, step())
    for source, target in pairwise(NAMES):
        pipeline.connect(f"{source}.value", f"{target}.value")
    pipeline.warm_up()
    given: dict[str, Any] = {NAMES[0]: {"value": 1}}
    expect(pipeline.run(given), {NAMES[-1]: {"value": 1 + NODES}}, "Haystack")
    return repeated(lambda: pipeline.run(given))


def _networkx(_stack: ExitStack) -> Way:
    """What the order of a graph costs by itself: no state, no checks, no events."""
    networkx = peer("networkx")
    graph = networkx.DiGraph(pairwise(NAMES))
    networkx.set_node_attributes(graph, _step, "function")
    order = list(networkx.topological_sort(graph))

    def loop() -> int:
        value = 1
        for name in order:
            value = graph.nodes[name]["function"](value)
        return value

    expect(loop(), 1 + NODES, "the loop")
    return repeated(loop)


def _step(value: int) -> int:
    return value + 1
