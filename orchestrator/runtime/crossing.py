"""One call over a call or tool edge: counted, checked by the edge's rules, given a deadline, recorded when it ends.

The same for a component that calls a component (gates.py), a Python node, or a tool: they differ in who carries the
values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.audit import Event
from orchestrator.contract import Violation, can_deny, denial, timed_out
from orchestrator.engine import Denial
from orchestrator.errors import Cancelled, ContractViolated, RunError, TimedOut
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.contract import Checks
    from orchestrator.interface.types import Function

Denied = Callable[[str], Any]
"""The value that tells a caller it was denied; raises ValueError where its type has no room for one."""


class Crossing:
    """One function of one edge.

    Arguments:
        edge: the edge's id.
        callee: the node that is called.
        function: `interface.function`, for events.
        denied: how the caller is told of a denial.
        checks: the edge's rules for the function, or None.
        timeout: seconds for one call of the callee, from its own limits.
    """

    def __init__(
        self, edge: str, callee: str, function: str, denied: Denied, checks: Checks | None, timeout: float | None
    ) -> None:
        self.edge, self.callee, self.function, self._denied = edge, callee, function, denied
        self._checks, self._timeout = checks, timeout
        self._edge_timeout = checks.timeout if checks is not None else None
        self.needs_args = checks is not None and checks.needs_args
        self.needs_result = checks is not None and checks.needs_result
        self._timed = timeout is not None or self._edge_timeout is not None

    def begin(self, caller: Visit, size: int, args: Mapping[str, Any] | None) -> Visit | Denial:
        """Lets a call through, as a visit of the callee with its deadline; or says what the caller gets instead."""
        run = caller.run
        visit = Visit(run, self.callee, caller.span, caller)
        visit.request = size
        run.count_call()
        if self._timed:
            visit.within(self._timeout, f"node `{self.callee}` took longer than its timeout, {self._timeout} s")
            visit.own_limit = visit.within(self._edge_timeout, f"the edge's timeout, {self._edge_timeout} s, is over")
        if self._checks is not None:
            violation = self._checks.before(run.ledger(self.edge), size, args)
            if violation is not None:
                return self._violated(visit, violation, -1)
        return visit

    def end(self, visit: Visit, size: int, result: Any) -> Denial | None:
        """The call returned: checked, and recorded."""
        if self._checks is not None:
            violation = self._checks.after(visit.run.ledger(self.edge), size, result)
            if violation is not None:
                return self._violated(visit, violation, size)
        run, start = visit.run, visit.start
        run.record(
            _event(
                Event,
                (
                    "call", run.epoch + start, _clock() - start, run.id, visit.span, visit.parent, self.callee,
                    self.edge, self.function, visit.request, size, "allowed", "", None,
                ),
            )
        )  # fmt: skip
        return None

    def failed(self, visit: Visit, problem: BaseException) -> Denial:
        """The call failed: the edge's timeout is a rule that was broken; all else is raised, told where it happened."""
        if isinstance(problem, ContractViolated) and problem.edge == self.edge:
            raise problem
        if isinstance(problem, TimedOut) and visit.own_limit and self._edge_timeout and visit.remaining() <= 0:
            return self._violated(visit, timed_out(self._edge_timeout), -1)
        decision = "cancelled" if isinstance(problem, Cancelled) else "failed"
        detail = {"error": str(problem).splitlines()[0] if str(problem) else type(problem).__name__}
        self._record(visit, -1, decision, "", detail)
        if isinstance(problem, RunError):
            raise visit.run.placed(problem, self.callee, self.edge)
        raise problem

    def _violated(self, visit: Visit, violation: Violation, response: int) -> Denial:
        run = visit.run
        denies = self._checks is not None and self._checks.denies
        detail = {"message": violation.message}
        self._record(visit, response, "denied" if denies else "failed", violation.rule, detail)
        run.event("violation", visit, edge=self.edge, function=self.function, rule=violation.rule, detail=detail,
                  decision="denied" if denies else "failed")  # fmt: skip
        if not denies:
            raise self._problem(visit, violation, "")
        try:
            return Denial(self._denied(f"{violation.rule}: {violation.message}"))
        except ValueError:
            why = "the caller's error type has no room for a denial, so it traps"
            raise self._problem(visit, violation, why) from None

    def _problem(self, visit: Visit, violation: Violation, why: str) -> RunError:
        problem = ContractViolated(
            f"the contract's rule `{violation.rule}` is broken: {violation.message}",
            rule=violation.rule,
            causes=(f"in a call of {self.function}", *((why,) if why else ())),
        )
        return visit.run.placed(problem, self.callee, self.edge)

    def _record(self, visit: Visit, response: int, decision: str, rule: str, detail: dict[str, Any]) -> None:
        visit.run.event("call", visit, edge=self.edge, function=self.function, request=visit.request,
                        response=response, decision=decision, rule=rule, detail=detail)  # fmt: skip


def denied_by(function: Function) -> Denied:
    """How a caller of the function is told of a denial: the error of its result, where that has room."""
    if can_deny(function):
        return lambda message: denial(function, message)

    def no_room(_message: str) -> NoReturn:
        raise ValueError("no room")

    return no_room


_event = tuple.__new__
_clock = time.perf_counter_ns
