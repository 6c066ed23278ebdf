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


class Done:
    """The node gave a result, unwrapped of `result<T, E>`: a Python value or a carried one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Erred:
    """The node answered with the error of its result, and something takes it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


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
SKIPPED = Skipped()


def source_value(source: Ref, run: Run, states: States) -> Any:
    """The value that a reference stands for, as it came; `Skipped` where its node did not run or ended otherwise."""
    found = run.inputs[source.name] if source.kind == "input" else _given(source, run, states)
    if found is SKIPPED or not source.steps:
        return found
    return walk(run.python(found, source.name), _source_type(source, run), source.steps, str(replace(source, steps=())))


def _given(source: Ref, run: Run, states: States) -> Any:
    """The whole value that a reference to a node goes into."""
    state = states[source.name]
    if source.kind == "error":
        erred = state.erred if isinstance(state, Failed) else state
        return erred.value if isinstance(erred, Erred) else SKIPPED
    name = source.name
    while isinstance(state, Failed):
        name = run.graph.nodes[name].fallback
        state = states[name]
    return state.value if isinstance(state, Done) else SKIPPED


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
