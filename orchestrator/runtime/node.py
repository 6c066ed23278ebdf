"""One node of a run: its arguments gathered, then executed once, for each element, again, or until done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from orchestrator.interface.convert import check, has_json, write_json
from orchestrator.interface.sizes import size
from orchestrator.interface.types import Option, Result, Type
from orchestrator.runtime.gates import call_python
from orchestrator.runtime.paths import follow, walk_steps

if TYPE_CHECKING:
    from orchestrator.link.model import Binding, LinkedData, LinkedNode
    from orchestrator.manifest.model import Cause, Ref
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.visit import Visit


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
            if not fallback or _cause(problem) is None or self._run.frame.problem() is not None:
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
        return self._retried(bound, self._run.frame, False, None) if spread is None else self._each(bound, spread)

    # Arguments

    def _bind(self) -> dict[str, Any] | None:
        """The arguments by name; None when the node is skipped."""
        bound: dict[str, Any] = {}
        for binding in self._node.bindings:
            if not binding.edges:
                bound[binding.parameter.name] = binding.constant
                continue
            chosen = self._choose(binding)
            if chosen is None:
                return None
            edge, value = chosen
            if edge.each is None and not self._crosses(edge, edge.source_type, value):
                return None
            bound[binding.parameter.name] = value if edge.each else _wrapped(edge, value)
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
        decision, detail = "denied" if checks.denies else "failed", {"message": violation.message}
        run.event("data", visit, edge=edge.id, request=bytes_, decision=decision, rule=violation.rule, detail=detail)
        run.event("violation", visit, edge=edge.id, rule=violation.rule, decision=decision, detail=detail)
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
            arguments = {**bound, edge.parameter: _wrapped(edge, elements[index])}
            try:
                if self._crosses(edge, edge.type, elements[index]):
                    states[index] = self._retried(arguments, part, True, index)
            except BaseException as problem:
                found = problem if isinstance(problem, RunError) else RunError(f"internal error: {problem!r}")
                problems.append(found)
                part.stop.set(Cancelled("another element failed"))

        self._run.program.spread(work, len(elements), parallel, part)
        if problems:
            raise next((p for p in problems if not isinstance(p, Cancelled)), problems[0])
        erred = next((state for state in states if isinstance(state, Erred)), None)
        return erred or Done([state.value for state in states if isinstance(state, Done)])

    # Control

    def _retried(self, arguments: Mapping[str, Any], around: Frame, fresh: bool, element: int | None) -> State:
        retry = self._node.retry
        left = retry.times if retry is not None else 0
        while True:
            cause: Cause | None
            try:
                state = self._repeated(arguments, around, fresh, element)
                cause, problem = ("err" if isinstance(state, Erred) else None), None
            except RunError as found:
                cause, problem = _cause(found), found
            again = retry is not None and left > 0 and cause in retry.on and around.problem() is None
            if not again:
                if problem is not None:
                    raise problem
                return state
            left -= 1
            assert retry is not None
            self._run.event("retry", node=self._node.name, detail={"because": cause, "left": left})
            self._pause(retry.wait, around)

    def _pause(self, seconds: float, around: Frame) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            problem = around.problem()
            if problem is not None:
                raise problem
            time.sleep(min(left, 0.02))

    def _repeated(self, arguments: Mapping[str, Any], around: Frame, fresh: bool, element: int | None) -> State:
        repeat, until = self._node.repeat, self._node.until
        if repeat is None or until is None:
            return self._once(arguments, around, fresh, element)
        for _ in range(repeat.max):
            state = self._once(arguments, around, fresh, element)
            if not isinstance(state, Done) or until(state.value):
                return state
            fed = {name: walk_steps(state.value, steps, self._node.name) for name, steps in repeat.feed.items()}
            arguments = {**arguments, **fed}
        if repeat.at_max == "accept":
            return state
        raise RunError(f"`until` still does not hold after {repeat.max} times", node=self._node.name)

    # One execution

    def _once(self, arguments: Mapping[str, Any], around: Frame, fresh: bool, element: int | None) -> State:
        node, run = self._node, self._run
        visit = run.visit(node.name, around)
        if node.limits.timeout is not None:
            limit = f"node `{node.name}` took longer than its timeout, {node.limits.timeout:g} s"
            visit.within(node.limits.timeout, limit)
        run.event("start", visit)
        detail = _described(node, element)
        assert node.run is not None
        function, values = node.run.function, [arguments[field.name] for field in node.run.function.params]
        try:
            result, response = self._call(visit, values, fresh)
        except BaseException as problem:
            raise self._failed(visit, problem, detail) from problem.__cause__
        request = sum(_size(field.type, value) for field, value in zip(function.params, values, strict=True))
        state = _state(function.result, result)
        decision = "failed" if isinstance(state, Erred) else "allowed"
        run.event("node", visit, function=str(node.run), request=request, response=response, decision=decision,
                  detail=detail)  # fmt: skip
        return state

    def _call(self, visit: Visit, values: list[Any], fresh: bool) -> tuple[Any, int]:
        """The result of the node's `run` and its size."""
        node = self._node
        export = node.run
        assert export is not None
        if node.python is not None:
            result = call_python(node.python, values, node.name)
            if export.function.result is None:
                return None, 0
            result = check(export.function.result, result, "result")
            return result, size(export.function.result, result)
        rooms = self._run.rooms
        instance = rooms.fresh(visit) if fresh else rooms.instance(visit)
        try:
            with instance.entered(visit):
                return instance.call_sized(export.interface, export.function, values)
        finally:
            if visit.fresh:
                instance.close()

    def _failed(self, visit: Visit, problem: BaseException, detail: dict[str, Any]) -> RunError:
        """The error for a failed execution, recorded."""
        if not isinstance(problem, RunError):
            problem = _explained(problem, self._node.name)
        run = self._run
        if isinstance(problem, LimitExceeded | TimedOut):
            run.event("limit", visit, detail={"message": problem.message}, decision="failed")
        decision = "cancelled" if isinstance(problem, Cancelled) else "failed"
        run.event("node", visit, function=str(self._node.run), decision=decision,
                  detail={**detail, "error": problem.message, "error_type": type(problem).__name__})  # fmt: skip
        return run.placed(problem, self._node.name)

    def _answered_err(self, value: Any) -> ComponentFailed:
        assert self._node.run is not None
        result = self._node.run.function.result
        type_ = result.err if isinstance(result, Result) else None
        shown = "" if type_ is None else f": {_shown(type_, value)}"
        return ComponentFailed(f"{self._node.run} answered with an error{shown}", value=value, node=self._node.name)


def source_value(source: Ref, run: Run, states: States) -> Any:
    """The value that a reference stands for; `Skipped` where its node did not run or ended the other way."""
    if source.kind == "input":
        return follow(run.inputs[source.name], source)
    state = states[source.name]
    if source.kind == "error":
        erred = state.erred if isinstance(state, Failed) else state
        return follow(erred.value, source) if isinstance(erred, Erred) else Skipped()
    name = source.name
    while isinstance(state, Failed):
        name = run.graph.nodes[name].fallback
        state = states[name]
    return follow(state.value, source) if isinstance(state, Done) else Skipped()


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


def _described(node: LinkedNode, element: int | None) -> dict[str, Any]:
    """What an event of the node says of it."""
    limits = {"memory": node.limits.memory, "timeout": node.limits.timeout}
    found: dict[str, Any] = {"lifetime": node.lifetime}
    if any(limits.values()):
        found["limits"] = {name: limit for name, limit in limits.items() if limit is not None}
    if node.component is not None:
        found["digest"] = node.component.digest
    return found if element is None else {**found, "element": element}


def _explained(problem: BaseException, node: str) -> RunError:
    found = RunError(f"{type(problem).__name__}: {problem}", node=node)
    found.__cause__ = problem
    return found


def _shown(type_: Type, value: Any) -> str:
    text = write_json(type_, value) if has_json(type_) else repr(value)
    return text if len(text) <= 500 else text[:500] + "…"


def _has_handles(type_: Type) -> bool:
    return not has_json(type_)


def _size(type_: Type, value: Any) -> int:
    return 0 if _has_handles(type_) else size(type_, value)
