"""The arguments of one execution of a node: taken from where they come, across the edges that carry them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.engine import Carried
from orchestrator.errors import Cancelled, ContractViolated, RunError
from orchestrator.interface.allowance import Allowance, once
from orchestrator.interface.types import Option
from orchestrator.runtime.states import SKIPPED, States, source_value

if TYPE_CHECKING:
    from orchestrator.contract import Checks, Violation
    from orchestrator.engine import Frame
    from orchestrator.interface.allowance import See
    from orchestrator.link.model import LinkedData
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.steps import Edge, Step
    from orchestrator.runtime.visit import Visit


def bind(run: Run, step: Step, states: States) -> list[Any] | None:
    """The arguments by place; None when the node is skipped. Nothing crosses an edge until all of them are there.

    A list that is taken apart stands whole where its elements go: each of them crosses by itself.
    """
    bound: list[Any] = [None] * len(step.parameters)
    crossing: list[tuple[int, Edge, Any]] = []
    for place, constant, edges in step.edges:
        if not edges:
            bound[place] = constant
            continue
        chosen = _chosen(run, step, place, edges, states)
        if chosen is None:
            return None
        crossing.append(chosen)
    for place, edge, value in crossing:
        if edge.edge.each is None and not crosses(run, step, edge, value):
            return None
        bound[place] = value if edge.is_plain or edge.edge.each else wrapped(run, step, edge.edge, value)
    return bound


def _chosen(run: Run, step: Step, place: int, edges: tuple[Edge, ...], states: States) -> tuple[int, Edge, Any] | None:
    """The one edge into a parameter whose source is there and whose condition holds, and its value."""
    if len(edges) == 1 and edges[0].is_plain and edges[0].is_whole:
        value = source_value(edges[0].source, run, states)
        return None if value is SKIPPED else (place, edges[0], value)
    found = [(place, edge, value) for edge in edges for value in _offered(run, step, edge.edge, states)]
    if len(found) > 1:
        both = " and ".join(f"`{edge.edge.id}`" for _, edge, _ in found)
        name = step.function.params[place].name
        raise RunError(f"the parameter `{name}` has several values at once: from {both}")
    return found[0] if found else None


def _offered(run: Run, step: Step, edge: LinkedData, states: States) -> list[Any]:
    """The value at the end of an edge's path, as a list of one; empty where there is none."""
    try:
        value = source_value(edge.source, run, states)
        if value is SKIPPED:
            return []
        if edge.when is None:
            return [value]
        seen = run.python(value, step.name, edge.id)
        with Allowance(check=run.frame.check):
            return [value] if edge.when(seen) else []
    except RunError as problem:
        raise run.placed(problem, step.name, edge.id) from None


def crosses(run: Run, step: Step, edge: Edge, value: Any, around: Frame | None = None) -> bool:
    """Whether the edge's contract lets the value through; a violation ends the run, or skips the node.

    Arguments:
        around: until when that may take; None for as long as the run may.
    """
    start, linked, span = time.perf_counter_ns(), edge.edge, 0
    if edge.measure is None:
        bytes_ = -1
    else:
        bytes_ = value.size() if isinstance(value, Carried) else edge.measure(value)
    checks = linked.checks
    if checks is not None:
        see = (lambda _check: run.python(value, step.name, linked.id)) if checks.needs_args else None
        read = None if see is None else once(see)
        with Allowance(check=run.frame.check):
            named = None if read is None else (lambda: {"value": read(run.frame.check)})
            violation = checks.before(run.ledger(linked.id), bytes_, named)
        if violation is None and checks.detects:
            visit = run.visit(step.name, around)
            span = visit.span
            violation = _judged(visit, linked.id, read, start, bytes_)
        if violation is not None:
            return _violated(run, step, linked, checks, violation, start, bytes_, span)
    span = run.crossed(step.name, linked.id, start, bytes_, span=span)
    if linked.declassify is not None:
        run.declassified(linked.declassify, linked.id, step.name, span)
    return True


def _judged(visit: Visit, edge: str, see: See | None, start: int, bytes_: int) -> Violation | None:
    """What the detectors of an edge find; that they did not judge is recorded."""
    run = visit.run
    try:
        return run.program.judges[edge].find(visit, "value", see)
    except RunError as problem:
        decision = "cancelled" if isinstance(problem, Cancelled) or run.ended_by(problem) else "failed"
        detail = {"error": problem.message, "error_type": type(problem).__name__}
        run.crossed(visit.node, edge, start, bytes_, decision, "", detail, visit.span)
        raise


def _violated(
    run: Run, step: Step, edge: LinkedData, checks: Checks, violation: Violation, start: int, bytes_: int, span: int
) -> bool:
    """Records a violation; False where the node is skipped for it."""
    decision, rule, said = "denied" if checks.denies else "failed", violation.rule, violation.message
    span = run.crossed(step.name, edge.id, start, bytes_, decision, rule, {"error": said}, span)
    run.event("violation", parent=span, node=step.name, edge=edge.id, rule=rule, decision=decision,
              detail={"message": said})  # fmt: skip
    if checks.denies:
        _taken_back(run, edge, checks, f"on-violation: revert, {rule}")
        return False
    message = f"the contract's rule `{rule}` is broken: {said}"
    raise ContractViolated(message, rule=rule, node=step.name, edge=edge.id)


def _taken_back(run: Run, edge: LinkedData, checks: Checks, rule: str) -> None:
    """Has the node whose value broke a rule be taken back, where the edge, or the node's own rules, say so."""
    source = edge.source
    if source.kind == "input":
        return
    visit = run.visit(source.name)
    if checks.reverts:
        run.rooms.take_back(source.name, rule, visit)
    else:
        run.blame(source.name, visit, visit)


def wrapped(run: Run, step: Step, edge: LinkedData, value: Any) -> Any:
    """The value as the parameter takes it: for an option a Python one, nested options having a form of their own."""
    if not edge.wrap:
        return value
    plain = run.python(value, step.name, edge.id)
    return {"some": plain} if isinstance(edge.type, Option) else plain
