"""One node of a run: its arguments gathered, then executed once, for each element, again, or until done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.contract.redact import HIDDEN
from orchestrator.engine.frame import Frame, Stop
from orchestrator.errors import (
    Cancelled,
    ComponentFailed,
    ContractViolated,
    LimitExceeded,
    PythonNodeFailed,
    RunError,
    TimedOut,
    Trapped,
)
from orchestrator.interface.convert import has_json, write_json
from orchestrator.interface.sizes import size
from orchestrator.interface.types import Option, Result, Type
from orchestrator.link.paths import follow as type_at
from orchestrator.runtime.crossing import explained
from orchestrator.runtime.gates import call_python
from orchestrator.runtime.paths import walk
from orchestrator.runtime.states import Done, Erred, Failed, Skipped, State, States, side_of, source_value

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.link.model import Binding, LinkedData, LinkedNode
    from orchestrator.manifest.model import Cause, Steps
    from orchestrator.runtime.homes import Rooms
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.visit import Visit


_LOOK = 0.02
"""Seconds between two looks of a waiting node at whether it should go on."""


class _Own:
    """The instance of one element of `each`: fresh, kept through its rounds, replaced when it trapped."""

    def __init__(self) -> None:
        self._instance: Instance | None = None

    def entered(self, rooms: Rooms, visit: Visit) -> Instance:
        """The instance, entered."""
        kept = self._instance
        if kept is None or kept.gone:
            self.close()
            kept = self._instance = rooms.fresh(visit)
            visit.fresh = False
        kept.enter(visit)
        return kept

    def close(self) -> None:
        """Ends it."""
        if self._instance is not None:
            self._instance.close()


@dataclass(frozen=True, slots=True)
class _Stay:
    """What one execution of a node is part of.

    Arguments:
        around: until when it may run.
        element: which element of `each`, from 0.
        own: the element's own instance; None where the node's instance serves.
        attempt: which try, from 1, of a node with `retry`.
        round: which round, from 1, of a node with `repeat`.
    """

    around: Frame
    element: int | None = None
    own: _Own | None = None
    attempt: int | None = None
    round: int | None = None


class Execution:
    """The execution of one node in one run.

    Arguments:
        states: how the nodes that it needs ended.
        takes_error: whether something takes the node's error, so that an `err` does not end the run.
    """

    def __init__(self, run: Run, node: LinkedNode, states: States, takes_error: bool) -> None:
        self._run, self._node, self._states, self._takes_error = run, node, states, takes_error

    def execute(self) -> State:
        """Runs the node; a fallback only when the node that it stands in for failed.

        Raises:
            RunError: it failed, and nothing catches that.
        """
        stands_for = self._node.fallback_for
        failure = self._states[stands_for] if stands_for else None
        if stands_for and not isinstance(failure, Failed):
            return Skipped()
        try:
            state = self._caught()
        except RunError as problem:
            raise self._run.placed(problem, self._node.name) from problem.__cause__
        if isinstance(failure, Failed) and isinstance(state, Skipped):
            raise failure.problem
        return state

    def _caught(self) -> State:
        """The node's state; a failure that its fallback makes good is one."""
        fallback = self._node.fallback
        try:
            state = self._executed()
        except RunError as problem:
            if not fallback or _cause(problem) is None or self._run.over() is not None:
                raise
            return self._replaced(Failed(problem))
        if not isinstance(state, Erred) or (self._takes_error and not fallback):
            return state
        failure = Failed(self._answered_err(state.value), state)
        if not fallback:
            raise failure.problem
        return self._replaced(failure)

    def _replaced(self, failure: Failed) -> Failed:
        detail = {"to": self._node.fallback, "because": failure.problem.message}
        self._run.event("fallback", node=self._node.name, detail=detail)
        return failure

    def _executed(self) -> State:
        bound = self._bind()
        if bound is None:
            return Skipped()
        spread = self._spread(bound)
        return self._retried(bound, _Stay(self._run.frame)) if spread is None else self._each(bound, spread)

    # Arguments

    def _bind(self) -> dict[str, Any] | None:
        """The arguments by name; None when the node is skipped. Nothing crosses an edge until all of them are there."""
        bound = {binding.parameter.name: binding.constant for binding in self._node.bindings}
        crossing: list[tuple[LinkedData, Any]] = []
        for binding in self._node.bindings:
            chosen = self._choose(binding) if binding.edges else None
            if chosen is not None:
                crossing.append(chosen)
            elif binding.edges:
                return None
        for edge, value in crossing:
            if edge.each is None and not self._crosses(edge, edge.source_type, value):
                return None
            bound[edge.parameter] = value if edge.each else _wrapped(edge, value)
        return bound

    def _choose(self, binding: Binding) -> tuple[LinkedData, Any] | None:
        """The one edge into a parameter whose source is there and whose condition holds, and its value."""
        found = [(edge, value) for edge in binding.edges for value in self._offered(edge)]
        if len(found) > 1:
            both = " and ".join(f"`{edge.id}`" for edge, _ in found)
            raise RunError(f"the parameter `{binding.parameter.name}` has several values at once: from {both}")
        return found[0] if found else None

    def _offered(self, edge: LinkedData) -> list[Any]:
        """The value at the end of an edge's path, as a list of one; empty where there is none."""
        try:
            value = source_value(edge.source, self._run, self._states)
            if isinstance(value, Skipped):
                return []
            return [value] if edge.when is None or edge.when(value) else []
        except RunError as problem:
            raise self._run.placed(problem, self._node.name, edge.id) from None

    def _crosses(self, edge: LinkedData, type_: Type, value: Any) -> bool:
        """Whether the edge's contract lets the value through; a violation ends the run, or skips the node."""
        run, visit = self._run, self._run.visit(self._node.name)
        bytes_ = -1 if _has_handles(type_) else size(type_, value)
        checks = edge.checks
        violation = checks.before(run.ledger(edge.id), bytes_, {"value": value}) if checks is not None else None
        if checks is None or violation is None:
            run.event("data", visit, edge=edge.id, request=bytes_)
            return True
        decision, rule, said = "denied" if checks.denies else "failed", violation.rule, violation.message
        run.event("data", visit, edge=edge.id, request=bytes_, decision=decision, rule=rule, detail={"error": said})
        run.event("violation", visit, edge=edge.id, rule=rule, decision=decision, detail={"message": said})
        if checks.denies:
            return False
        message = f"the contract's rule `{violation.rule}` is broken: {violation.message}"
        raise ContractViolated(message, rule=violation.rule, node=self._node.name, edge=edge.id)

    # For each element

    def _spread(self, bound: Mapping[str, Any]) -> tuple[LinkedData, int] | None:
        """The edge whose list is taken apart, and how many elements run at a time."""
        for binding in self._node.bindings:
            for edge in binding.edges:
                if edge.each is not None and binding.parameter.name in bound:
                    return edge, edge.each.parallel
        return None

    def _each(self, bound: Mapping[str, Any], spread: tuple[LinkedData, int]) -> State:
        """Runs the node once an element, a fresh instance each; the results in order. The first failure ends the rest.

        The edge's contract holds for each element; one that it denies is left out, and so is its result.
        """
        edge, parallel = spread
        elements = list(bound[edge.parameter])
        part = Frame(Stop(self._run.stop), self._run.frame.deadline, self._run.frame.limit)
        states: list[State | None] = [None] * len(elements)
        problems: list[RunError] = []

        def work(index: int) -> None:
            try:
                states[index] = self._element(edge, bound, elements[index], _Stay(part, index, _Own()))
                if isinstance(states[index], Erred):
                    part.stop.set(Cancelled("another element answered with an error"))
            except BaseException as problem:
                problems.append(problem if isinstance(problem, RunError) else explained(problem))
                part.stop.set(Cancelled("another element failed"))

        self._run.program.spread(work, len(elements), parallel, part)
        erred = next((state for state in states if isinstance(state, Erred)), None)
        genuine = next((problem for problem in problems if not isinstance(problem, Cancelled)), None)
        ended = genuine or (None if erred else part.problem())
        if ended is not None:
            raise ended
        return erred or Done([state.value for state in states if isinstance(state, Done)])

    def _element(self, edge: LinkedData, bound: Mapping[str, Any], element: Any, stay: _Stay) -> State | None:
        """Runs the node for one element; None when the edge's contract denies it."""
        if not self._crosses(edge, edge.type, element):
            return None
        try:
            return self._retried({**bound, edge.parameter: _wrapped(edge, element)}, stay)
        finally:
            assert stay.own is not None
            stay.own.close()

    # Control

    def _retried(self, arguments: Mapping[str, Any], stay: _Stay) -> State:
        retry = self._node.retry
        if retry is None:
            return self._repeated(arguments, stay)
        for attempt in range(1, retry.times + 1):
            cause: Cause | None
            problem: RunError | None = None
            try:
                state = self._repeated(arguments, replace(stay, attempt=attempt))
                cause = "err" if isinstance(state, Erred) else None
            except RunError as found:
                cause, problem = _cause(found), found
            if cause not in retry.on or stay.around.problem() is not None or self._run.over() is not None:
                if problem is not None:
                    raise problem
                return state
            detail = {"because": cause, "left": retry.times + 1 - attempt}
            self._run.event("retry", node=self._node.name, detail=detail)
            _pause(retry.wait, stay.around)
        return self._repeated(arguments, replace(stay, attempt=retry.times + 1))

    def _repeated(self, arguments: Mapping[str, Any], stay: _Stay) -> State:
        repeat, until = self._node.repeat, self._node.until
        if repeat is None or until is None:
            return self._once(arguments, stay)
        for number in range(1, repeat.max + 1):
            state = self._once(arguments, replace(stay, round=number))
            if not isinstance(state, Done) or until(state.value):
                return state
            fed = {name: self._fed(name, steps, state.value) for name, steps in repeat.feed.items()}
            arguments = {**arguments, **fed}
        if repeat.at_max == "accept":
            return state
        raise RunError(f"`until` still does not hold after {repeat.max} times", node=self._node.name)

    def _fed(self, name: str, steps: Steps, value: Any) -> Any:
        """The part of a result that the next round gets for a parameter, as the parameter takes it."""
        assert self._node.run is not None
        function = self._node.run.function
        result = side_of(function.result, False)
        fed = walk(value, result, steps, self._node.name)
        wanted = next(field.type for field in function.params if field.name == name)
        if not (isinstance(wanted, Option) and isinstance(wanted.some, Option)):
            return fed
        return fed if type_at(result, steps, self._node.name) == wanted else {"some": fed}

    # One execution

    def _once(self, arguments: Mapping[str, Any], stay: _Stay) -> State:
        node, run = self._node, self._run
        visit = run.visit(node.name, stay.around)
        if node.limits.timeout is not None:
            limit = f"node `{node.name}` took longer than its timeout, {node.limits.timeout:g} s"
            visit.within(node.limits.timeout, limit)
        run.event("start", visit)
        run.open[visit.span] = visit
        detail = _described(node, stay)
        assert node.run is not None
        function, values = node.run.function, [arguments[field.name] for field in node.run.function.params]
        try:
            result, response = self._call(visit, values, stay.own)
        except BaseException as problem:
            found = self._failed(visit, problem, detail)
            raise found from found.__cause__
        request = sum(_size(field.type, value) for field, value in zip(function.params, values, strict=True))
        state = _state(function.result, result)
        if isinstance(state, Erred):
            detail |= {"error": self._err_message, "error_type": ComponentFailed.__name__}
        if run.open.pop(visit.span, None) is not None:
            run.event("node", visit, function=str(node.run), request=request, response=response,
                      decision="failed" if isinstance(state, Erred) else "allowed", detail=detail)  # fmt: skip
        return state

    def _call(self, visit: Visit, values: list[Any], own: _Own | None) -> tuple[Any, int]:
        """The result of the node's `run` and its size."""
        node = self._node
        export = node.run
        assert export is not None
        if node.python is not None:
            found = call_python(node.python, export.function, values, visit)
        else:
            with self._entered(visit, own) as instance:
                found = instance.call_sized(export.interface, export.function, values)
        if node.limits.timeout is not None and visit.remaining() <= 0:
            raise TimedOut(visit.limit, deadline=visit.deadline)
        return found

    @contextmanager
    def _entered(self, visit: Visit, own: _Own | None) -> Iterator[Instance]:
        """The instance that the execution takes place in, entered; one of its own is closed by who has it."""
        rooms = self._run.rooms
        instance = rooms.entered(visit) if own is None else own.entered(rooms, visit)
        try:
            yield instance
        finally:
            instance.leave()
            if visit.fresh:
                instance.close()

    def _failed(self, visit: Visit, problem: BaseException, detail: dict[str, Any]) -> RunError:
        """The error for a failed execution, recorded."""
        run = self._run
        found = problem if isinstance(problem, RunError) else explained(problem)
        found = run.placed(found, self._node.name, visit=visit)
        over = isinstance(found, Cancelled) or run.ended_by(found)
        detail |= {"error": found.message, "error_type": type(found).__name__}
        if run.open.pop(visit.span, None) is not None:
            run.event("node", visit, function=str(self._node.run), decision="cancelled" if over else "failed",
                      detail=detail)  # fmt: skip
        return found

    @property
    def _err_message(self) -> str:
        return f"{self._node.run} answered with an error"

    def _answered_err(self, value: Any) -> ComponentFailed:
        """The error that ends the run with the value; the value stands in the exception and in no event."""
        assert self._node.run is not None
        result = self._node.run.function.result
        type_ = result.err if isinstance(result, Result) else None
        if type_ is not None and self._node.name in self._run.program.hushed:
            return ComponentFailed(self._err_message, value=HIDDEN, shown=HIDDEN, node=self._node.name)
        shown = "" if type_ is None else _shown(type_, value)
        return ComponentFailed(self._err_message, value=value, shown=shown, node=self._node.name)


def _wrapped(edge: LinkedData, value: Any) -> Any:
    """The value as the parameter takes it: an option directly in an option has a form of its own."""
    return {"some": value} if edge.wrap and isinstance(edge.type, Option) else value


def _state(type_: Type | None, result: Any) -> State:
    if not isinstance(type_, Result):
        return Done(result)
    return Done(result["ok"]) if "ok" in result else Erred(result["err"])


def _cause(problem: RunError) -> Cause | None:
    """What kind of failure it is, for `retry` and `fallback`; None for one that ends the run whatever they say."""
    if isinstance(problem, TimedOut):
        return "timeout"
    return "trap" if isinstance(problem, Trapped | LimitExceeded | PythonNodeFailed) else None


def _described(node: LinkedNode, stay: _Stay) -> dict[str, Any]:
    """What an event of the node says of it."""
    limits = {"memory": node.limits.memory, "timeout": node.limits.timeout}
    found: dict[str, Any] = {"lifetime": node.lifetime}
    if any(limits.values()):
        found["limits"] = {name: limit for name, limit in limits.items() if limit is not None}
    if node.component is not None:
        found["digest"] = node.component.digest
    numbers = {"element": stay.element, "attempt": stay.attempt, "round": stay.round}
    return found | {name: number for name, number in numbers.items() if number is not None}


def _pause(seconds: float, around: Frame) -> None:
    """Waits, as long as the frame has no problem."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        problem = around.problem()
        if problem is not None:
            raise problem
        time.sleep(min(left, _LOOK))


def _shown(type_: Type, value: Any) -> str:
    text = write_json(type_, value) if has_json(type_) else repr(value)
    return text if len(text) <= 500 else text[:500] + "…"


def _has_handles(type_: Type) -> bool:
    return not has_json(type_)


def _size(type_: Type, value: Any) -> int:
    return 0 if _has_handles(type_) else size(type_, value)
