"""One call over a call or tool edge: counted, checked by the edge's rules, given a deadline, recorded when it ends.

The same for a component that calls a component (gates.py), a Python node, or a tool: they differ in who carries the
values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.contract import Violation, can_deny, denial, timed_out
from orchestrator.engine import Denial
from orchestrator.errors import Cancelled, ContractViolated, RunError, TimedOut, Trapped, ValueMismatch
from orchestrator.interface.allowance import Allowance, no_room, once
from orchestrator.runtime.reverting import judged
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.contract import Checks, Ledger
    from orchestrator.contract.checks import Rule
    from orchestrator.engine import Instance
    from orchestrator.interface.allowance import See
    from orchestrator.interface.types import Function
    from orchestrator.manifest.model import Declassify
    from orchestrator.runtime.judging import Judges

Begin = Callable[["Visit", int, "See | None"], "Visit | Denial"]
"""(the caller's visit, the size of the request, what reads the arguments that a rule sees) -> the callee's visit."""
End = Callable[["Visit", int, "See | None"], "Denial | None"]
"""(the callee's visit, the size of the response, what reads the result for a rule) -> what the caller gets instead."""
Denied = Callable[[str], Any]
"""The value that tells a caller it was denied; raises ValueError where its type has no room for one."""


class Crossing:
    """One function of one edge.

    Arguments:
        edge: the edge's id.
        caller, callee: the node that calls, and the one that is called.
        function: `interface.function`, for events.
        denied: how the caller is told of a denial.
        checks: the edge's rules for the function, or None.
        timeout: seconds for one call of the callee, from its own limits.
        tool: what the caller knows the function by, where it finds it by name.
        declassify: the labels that do not cross, and why.
        judges: the edge's detectors, where it has some.
        noted: whether its calls are remembered, for when the callee is taken back.
        single: whether the callee has an instance for each call that may be taken back.
    """

    def __init__(
        self,
        edge: str,
        caller: str,
        callee: str,
        function: str,
        denied: Denied,
        checks: Checks | None,
        timeout: float | None,
        tool: str = "",
        declassify: Declassify | None = None,
        judges: Judges | None = None,
        *,
        noted: bool = False,
        single: bool = False,
    ) -> None:
        self.edge, self.caller, self.callee, self.function, self._denied = edge, caller, callee, function, denied
        self._checks, self._timeout, self._judges = checks, timeout, judges
        self.about: dict[str, Any] = {"caller": caller, "tool": tool} if tool else {"caller": caller}
        """What every event says; one mapping for all of them, never changed."""
        self._edge_timeout = checks.timeout if checks is not None else None
        self.wanted_args = checks.args if checks is not None and checks.needs_args else frozenset()
        """The arguments that a rule sees, by name; None for all."""
        self.needs_result = checks is not None and checks.needs_result
        self._timed = timeout is not None or self._edge_timeout is not None
        self._limits = (
            f"node `{callee}` took longer than its timeout, {timeout or 0:g} s",
            f"a call of `{callee}` took longer than the {self._edge_timeout or 0:g} s that its edge allows",
        )
        self.resident: Instance | None = None
        """The callee's instance, where one outlives runs and serves every one of them."""
        self._returned = _returned(self)
        plain = checks is None and not self._timed
        begin: Begin = _plain_begin(self) if plain else self._begin
        begin = begin if declassify is None else _declassifying(self, declassify, begin)
        self.begin = _noting(self, begin) if noted else begin
        """Lets a call through, as a visit of the callee with its deadline; or says what the caller gets instead."""
        self.end: End = self._returned if plain else self._end
        """The call returned: checked, and recorded."""
        if single and checks is not None:
            self.begin, self.end = _holding(self.begin), _judging(self.end)

    def _begin(self, caller: Visit, size: int, args: See | None) -> Visit | Denial:
        visit = self.visit(caller)
        run = visit.run
        visit.begin(caller.span).request = size
        try:
            if run.next_call() > run.most_calls:
                raise run.spend()
            visit.deadline, visit.limit = caller.deadline, caller.limit
            visit.own_limit = visit.within(self._edge_timeout, self._limits[1])
            see = args if args is None or self._judges is None else once(args)
            violation = None
            if self._checks is not None:
                violation = _asked(self._checks.before, visit, run.ledger(self.edge), size, see)
            if violation is None and self._judges is not None:
                visit.outer = visit.deadline, visit.limit, visit.own_limit
                violation = self._judges.find(visit, "arguments", see)
            if visit.within(self._timeout, self._limits[0]):
                visit.own_limit = False
        except RunError as problem:
            return self.failed(visit, problem)
        return visit if violation is None else self._violated(visit, violation, -1, self.caller, caller)

    def visit(self, caller: Visit) -> Visit:
        """The visit that calls out of `caller` over this edge are, one at a time."""
        try:
            run, inner = caller.run, caller.inner
        except AttributeError:  # a destructor that runs when its handle is dropped from outside belongs to no run
            raise Trapped("a component cannot call over an edge while no run is going on") from None
        found = inner.get(self)
        if found is None:
            found = inner[self] = Visit(run, self.callee, caller)
            resident = self.resident  # a node that relinking kept calls over this edge for the runs of two programs
            if resident is not None and resident.linker is run.program.homes[self.callee].linker:
                found.instance = resident
        return found

    def refused(self, caller: Visit, size: int, why: str) -> None:
        """Records a call that is none: its arguments do not fit."""
        visit = Visit(caller.run, self.callee, caller).begin(caller.span)
        visit.request = size
        detail = {**self.about, "error": why, "error_type": ValueMismatch.__name__}
        self._record(visit, -1, "failed", "", detail)

    def _end(self, visit: Visit, size: int, result: See | None) -> Denial | None:
        if self._timed and visit.remaining() <= 0:
            return self.failed(visit, TimedOut(visit.limit, deadline=visit.deadline))
        if self._checks is not None:
            try:
                see = result if result is None or self._judges is None else once(result)
                violation = _asked(self._checks.after, visit, visit.run.ledger(self.edge), size, see)
                if violation is None and self._judges is not None:
                    visit.deadline, visit.limit, visit.own_limit = visit.outer
                    violation = self._judges.find(visit, "result", see)
            except RunError as problem:
                return self.failed(visit, problem)
            if violation is not None:
                return self._violated(visit, violation, size, self.callee, visit)
        return self._returned(visit, size, result)

    def failed(self, visit: Visit, problem: BaseException) -> Denial:
        """The call failed: the edge's timeout is a rule that was broken; all else is raised, told where it happened."""
        try:
            return self._failed(visit, problem)
        finally:
            judged(visit)

    def _failed(self, visit: Visit, problem: BaseException) -> Denial:
        if isinstance(problem, TimedOut) and visit.own_limit and self._edge_timeout and visit.remaining() <= 0:
            return self._violated(visit, timed_out(self._edge_timeout), -1, self.callee, visit)
        run = visit.run
        found = problem if isinstance(problem, RunError) else explained(problem)
        found = run.placed(found, self.callee, self.edge, visit=visit)
        over = isinstance(found, Cancelled) or run.ended_by(found)
        detail = {**self.about, "error": found.message, "error_type": type(found).__name__}
        self._record(visit, -1, "cancelled" if over else "failed", "", detail)
        raise found from found.__cause__

    def _violated(self, visit: Visit, violation: Violation, response: int, whose: str, stay: Visit) -> Denial:
        """A rule was broken, by the one of the two nodes that said what it forbids, in a stay of that node."""
        run = visit.run
        denies = self._checks is not None and self._checks.denies
        decision, detail = "denied" if denies else "failed", {**self.about, "error": violation.message}
        self._record(visit, response, decision, violation.rule, detail)
        run.event("violation", visit, edge=self.edge, function=self.function, rule=violation.rule, decision=decision,
                  detail={"message": violation.message})  # fmt: skip
        problem = ContractViolated(
            f"the contract's rule `{violation.rule}` is broken: {violation.message}",
            rule=violation.rule,
            causes=(f"in a call of {self.function}",),
        )
        run.placed(problem, self.callee, self.edge)
        if not denies:
            raise problem
        reverts = self._checks is not None and self._checks.reverts
        if reverts:
            run.rooms.take_back(self.callee, f"on-violation: revert, {violation.rule}", visit)
        if not reverts or whose != self.callee:  # who was taken back for it is not taken back for it again
            run.blame(whose, visit, stay)
        try:
            return Denial(self._denied(f"{violation.rule}: {violation.told or violation.message}"))
        except ValueError:
            raise self._no_room(visit, violation) from problem

    def _no_room(self, visit: Visit, violation: Violation) -> RunError:
        """The trap of a caller that cannot be told of a denial."""
        trap = Trapped(
            f"the call was denied by the rule `{violation.rule}`: {violation.message}",
            causes=(
                f"in a call of {self.function}",
                "its error type is neither `string` nor has a case `denied(string)`, so the caller trapped",
            ),
        )
        return visit.run.placed(trap, self.caller, self.edge)

    def _record(self, visit: Visit, response: int, decision: str, rule: str, detail: dict[str, Any]) -> None:
        visit.run.event("call", visit, edge=self.edge, function=self.function, request=visit.request,
                        response=response, decision=decision, rule=rule, detail=detail)  # fmt: skip


def _asked(rule: Rule, visit: Visit, ledger: Ledger, size: int, see: See | None) -> Violation | None:
    """What a rule says; the values that it sees are made, and gone through, within the time of the visit."""
    if see is None:
        return rule(ledger, size, None)
    with Allowance(check=visit.check):
        return rule(ledger, size, partial(see, visit.check))


def _plain_begin(crossing: Crossing) -> Begin:
    """`begin` of an edge whose calls are counted and recorded, and no more: the hot path."""
    visit_of, clock = crossing.visit, time.perf_counter_ns

    def begin(caller: Visit, request: int, _args: object) -> Visit | Denial:
        try:
            visit = caller.inner.get(crossing) or visit_of(caller)
        except AttributeError:
            visit = visit_of(caller)
        run = visit.run
        visit.request, visit.span, visit.parent = request, run.span(), caller.span
        visit.deadline, visit.limit = caller.deadline, caller.limit  # each call of the caller may have its own
        if run.next_call() > run.most_calls:
            return crossing.failed(visit, run.spend())
        visit.start = clock()
        return visit

    return begin


def _declassifying(crossing: Crossing, rule: Declassify, begin: Begin) -> Begin:
    """`begin` of an edge that declassifies: a call that is let through is told of."""

    def told(caller: Visit, request: int, args: See | None) -> Visit | Denial:
        visit = begin(caller, request, args)
        if isinstance(visit, Visit):
            visit.run.declassified(rule, crossing.edge, crossing.callee, visit.span)
        return visit

    return told


def _holding(begin: Begin) -> Begin:
    """`begin` of an edge that judges what a call gave: the instance made for the call is there until then."""

    def held(caller: Visit, request: int, args: See | None) -> Visit | Denial:
        visit = begin(caller, request, args)
        if isinstance(visit, Visit):
            visit.holds = True
        return visit

    return held


def _judging(end: End) -> End:
    """`end` of such an edge."""

    def ended(visit: Visit, response: int, result: See | None) -> Denial | None:
        try:
            return end(visit, response, result)
        finally:
            judged(visit)

    return ended


def _noting(crossing: Crossing, begin: Begin) -> Begin:
    """`begin` of an edge whose calls are remembered."""

    def noted(caller: Visit, request: int, args: See | None) -> Visit | Denial:
        visit = begin(caller, request, args)
        if isinstance(visit, Visit):
            visit.run.quarantine.called(crossing.callee, crossing.function)
        return visit

    return noted


def _returned(crossing: Crossing) -> Callable[[Visit, int, object], None]:
    """What records a call that returned, in one event."""
    callee, edge, function, about = crossing.callee, crossing.edge, crossing.function, crossing.about
    clock = time.perf_counter_ns

    def returned(visit: Visit, response: int, _result: object) -> None:
        run, start = visit.run, visit.start
        run.record(
            (
                "call", run.epoch + start, clock() - start, run.id, visit.span, visit.parent, callee, edge,
                function, visit.request, response, "allowed", "", about,
            )
        )  # fmt: skip

    return returned


def explained(problem: BaseException) -> RunError:
    """An error that is none of a run's own, as one; it is the cause."""
    found = no_room() if isinstance(problem, MemoryError) else RunError(f"{type(problem).__name__}: {problem}")
    found.__cause__ = problem
    return found


def denied_by(function: Function) -> Denied:
    """How a caller of the function is told of a denial: the error of its result, where that has room."""
    if can_deny(function):
        return lambda message: denial(function, message)

    def no_room(_message: str) -> NoReturn:
        raise ValueError("no room")

    return no_room
