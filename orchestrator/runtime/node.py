"""One node of a run: executed once, for each element, again, or until done; and what stands in when it fails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.engine.frame import Frame, Stop
from orchestrator.errors import Cancelled, LimitExceeded, PythonNodeFailed, RunError, TimedOut, Trapped
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.types import Option
from orchestrator.link.paths import follow as type_at
from orchestrator.runtime.binding import bind, crosses, wrapped
from orchestrator.runtime.crossing import explained
from orchestrator.runtime.once import Own, Stay, answered_err, once
from orchestrator.runtime.paths import walk
from orchestrator.runtime.states import SKIPPED, Done, Erred, Failed, Skipped, State, States, side_of
from orchestrator.runtime.steps import Edge

if TYPE_CHECKING:
    from orchestrator.link.model import LinkedData
    from orchestrator.manifest.model import Cause, Steps
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.steps import Step


_LOOK = 0.02
"""Seconds between two looks of a waiting node at whether it should go on."""


def execute(run: Run, step: Step, states: States) -> State:
    """Runs a node; a fallback only when the node that it stands in for failed.

    Arguments:
        states: how the nodes that it needs ended.

    Raises:
        RunError: it failed, and nothing catches that.
    """
    try:
        if step.is_controlled:
            return _Controlled(run, step, states).execute()
        bound = bind(run, step, states)
        if bound is None:
            return SKIPPED
        state = once(run, step, bound)
        if state.__class__ is Erred and not step.takes_error:
            raise answered_err(run, step, state.value)
        return state
    except RunError as problem:
        raise run.placed(problem, step.name) from problem.__cause__


class _Controlled:
    """The execution of a node that may run other than once."""

    def __init__(self, run: Run, step: Step, states: States) -> None:
        self._run, self._step, self._node, self._states = run, step, step.node, states

    def execute(self) -> State:
        """See `execute`."""
        stands_for = self._node.fallback_for
        failure = self._states[stands_for] if stands_for else None
        if stands_for and not isinstance(failure, Failed):
            return SKIPPED
        state = self._caught()
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
        if not isinstance(state, Erred) or (self._step.takes_error and not fallback):
            return state
        failure = Failed(answered_err(self._run, self._step, state.value), state)
        if not fallback:
            raise failure.problem
        return self._replaced(failure)

    def _replaced(self, failure: Failed) -> Failed:
        detail = {"to": self._node.fallback, "because": failure.problem.message}
        self._run.event("fallback", node=self._node.name, detail=detail)
        return failure

    def _executed(self) -> State:
        bound = bind(self._run, self._step, self._states)
        if bound is None:
            return SKIPPED
        edge = self._step.spread
        if edge is None:
            return self._retried(bound, Stay(self._run.frame))
        return self._each(bound, edge)

    # For each element

    def _each(self, bound: list[Any], edge: LinkedData) -> State:
        """Runs the node once an element, a fresh instance each; the results in order. The first failure ends the rest.

        A node whose instances serve one call has a fresh one in each round and try, as without elements.
        The edge's contract holds for each element; one that it denies is left out, and so is its result.
        """
        assert edge.each is not None
        place, crossing = self._step.parameters[edge.parameter], Edge(edge)
        elements = list(self._run.python(bound[place], self._step.name, edge.id))
        part = Frame(Stop(self._run.stop), self._run.frame.deadline, self._run.frame.limit)
        states: list[State | None] = [None] * len(elements)
        problems: list[RunError] = []

        def work(index: int) -> None:
            try:
                stay = Stay(part, index, None if self._node.lifetime == "call" else Own())
                states[index] = self._element(crossing, [*bound[:place], elements[index], *bound[place + 1 :]], stay)
                if isinstance(states[index], Erred):
                    part.stop.set(Cancelled("another element answered with an error"))
            except BaseException as problem:
                problems.append(problem if isinstance(problem, RunError) else explained(problem))
                part.stop.set(Cancelled("another element failed"))

        self._run.program.spread(work, len(elements), edge.each.parallel, part)
        erred = next((state for state in states if isinstance(state, Erred)), None)
        genuine = next((problem for problem in problems if not isinstance(problem, Cancelled)), None)
        ended = genuine or (None if erred else part.problem())
        if ended is not None:
            raise ended
        return erred or Done([self._python(state.value) for state in states if isinstance(state, Done)])

    def _element(self, edge: Edge, arguments: list[Any], stay: Stay) -> State | None:
        """Runs the node for one element; None when the edge's contract denies it."""
        place = self._step.parameters[edge.edge.parameter]
        if not crosses(self._run, self._step, edge, arguments[place], stay.around):
            return None
        arguments[place] = wrapped(self._run, self._step, edge.edge, arguments[place])
        try:
            return self._retried(arguments, stay)
        finally:
            if stay.own is not None:
                stay.own.close()

    # Again

    def _retried(self, arguments: list[Any], stay: Stay) -> State:
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

    def _repeated(self, arguments: Sequence[Any], stay: Stay) -> State:
        repeat, until = self._node.repeat, self._node.until
        if repeat is None or until is None:
            return once(self._run, self._step, list(arguments), stay)
        for number in range(1, repeat.max + 1):
            state = once(self._run, self._step, list(arguments), replace(stay, round=number))
            if not isinstance(state, Done):
                return state
            value = self._python(state.value)
            with Allowance(check=stay.around.check):
                if until(value):
                    return state
            fed = list(arguments)
            for name, steps in repeat.feed.items():
                fed[self._step.parameters[name]] = self._fed(name, steps, value)
            arguments = fed
        if repeat.at_max == "accept":
            return state
        raise RunError(f"`until` still does not hold after {repeat.max} times", node=self._node.name)

    def _python(self, value: Any) -> Any:
        return self._run.python(value, self._step.name)

    def _fed(self, name: str, steps: Steps, value: Any) -> Any:
        """The part of a result that the next round gets for a parameter, as the parameter takes it."""
        function = self._step.function
        result = side_of(function.result, False)
        fed = walk(value, result, steps, self._node.name)
        wanted = function.params[self._step.parameters[name]].type
        if not (isinstance(wanted, Option) and isinstance(wanted.some, Option)):
            return fed
        return fed if type_at(result, steps, self._node.name) == wanted else {"some": fed}


def _cause(problem: RunError) -> Cause | None:
    """What kind of failure it is, for `retry` and `fallback`; None for one that ends the run whatever they say."""
    if isinstance(problem, TimedOut):
        return "timeout"
    return "trap" if isinstance(problem, Trapped | LimitExceeded | PythonNodeFailed) else None


def _pause(seconds: float, around: Frame) -> None:
    """Waits, as long as the frame has no problem."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        problem = around.problem()
        if problem is not None:
            raise problem
        time.sleep(min(left, _LOOK))
