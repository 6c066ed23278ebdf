"""Pipelines of the benchmarks' guests; not for measuring them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from benchmarks._guests import Payload, caller, echo
from orchestrator import Pipeline

if TYPE_CHECKING:
    from orchestrator import Engine, LinkedPipeline


@contextmanager
def own_engine() -> Iterator[Engine]:
    """An engine whose cache goes when it does."""
    from orchestrator import Engine

    with tempfile.TemporaryDirectory() as folder, Engine(folder) as engine:
        yield engine


def linked(pipeline: Pipeline, engine: Engine, stack: ExitStack) -> LinkedPipeline:
    """The pipeline linked, for as long as the stack is open."""
    return stack.enter_context(pipeline.link(engine))


def loop_over_edge(engine: Engine, payload: Payload, *, fused: bool = False) -> Pipeline:
    """A guest that calls another's `echo` with a payload, `times` times in a run."""
    front, back = engine.from_text(caller(payload), "caller"), engine.from_text(echo(payload), "echo")
    pipeline = (
        Pipeline("loop")
        .input("times", "u32")
        .node("front", front, run="bench:guest/looping.loop", lifetime="session")
        .node("back", back, lifetime="session")
        .data("inputs.times", "front.times")
        .output("count", "front")
    )
    return pipeline.call("front", "back", fuse=fused)
