"""How the nodes of a run ended, and what a reference to one of them then stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.interface.types import List, Result, Type
from orchestrator.runtime.paths import walk

if TYPE_CHECKING:
    from orchestrator.errors import RunError
    from orchestrator.manifest.model import Ref
    from orchestrator.runtime.run import Run


@dataclass(frozen=True, slots=True)
class Done:
    """The node gave a result, unwrapped of `result<T, E>`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Erred:
    """The node answered with the error of its result, and something takes it."""

    value: Any


@dataclass(frozen=True, slots=True)
class Skipped:
    """The node did not run: a condition was false, a contract denied it a value, or what it needs did not run."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The node failed, and its fallback stands in for it. `erred` tells an error of its result from a failure."""

    problem: RunError
    erred: Erred | None = None


State = Done | Erred | Skipped | Failed
States = Mapping[str, State]


def source_value(source: Ref, run: Run, states: States) -> Any:
    """The value that a reference stands for; `Skipped` where its node did not run or ended the other way."""
    found = _source(source, run, states)
    if isinstance(found, Skipped) or not source.steps:
        return found.value if isinstance(found, Done) else found
    return walk(found.value, _source_type(source, run), source.steps, str(replace(source, steps=())))


def _source(source: Ref, run: Run, states: States) -> Done | Skipped:
    """The whole value that a reference goes into."""
    if source.kind == "input":
        return Done(run.inputs[source.name])
    state = states[source.name]
    if source.kind == "error":
        erred = state.erred if isinstance(state, Failed) else state
        return Done(erred.value) if isinstance(erred, Erred) else Skipped()
    name = source.name
    while isinstance(state, Failed):
        name = run.graph.nodes[name].fallback
        state = states[name]
    return state if isinstance(state, Done) else Skipped()


def _source_type(source: Ref, run: Run) -> Type:
    """The type of that value."""
    graph = run.graph
    if source.kind == "input":
        return next(item.type for item in graph.inputs if item.name == source.name)
    node = graph.nodes[source.name]
    assert node.run is not None
    found = side_of(node.run.function.result, source.kind == "error")
    spread = source.kind == "result" and any(e.each for binding in node.bindings for e in binding.edges)
    return List(found) if spread else found


def side_of(result: Type | None, err: bool) -> Type:
    """The type of what a node gives: of the ok side of a result, or of the err side."""
    found = (result.err if err else result.ok) if isinstance(result, Result) else result
    assert found is not None, "link let a path into nothing through"
    return found
