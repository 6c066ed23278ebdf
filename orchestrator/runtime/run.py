"""One run of a pipeline: until when it may go on, its spans and counters, its instances, and how it ended."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestrator.audit import Event, Recorded, new_run, trace_id
from orchestrator.contract import Ledger
from orchestrator.engine import python_of
from orchestrator.engine.frame import Frame, Stop
from orchestrator.errors import Cancelled, LimitExceeded, RunError, TimedOut
from orchestrator.runtime.homes import Rooms
from orchestrator.runtime.quarantine import Quarantine
from orchestrator.runtime.visit import RUN_SPAN, Visit

if TYPE_CHECKING:
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.graph.flow import Seed
    from orchestrator.link.model import LinkedGraph
    from orchestrator.manifest.model import Declassify
    from orchestrator.runtime.program import Program

_SPANS = frozenset({"node", "call"})
"""The kinds of events that are a visit; the others are a moment in one."""
_event = tuple.__new__


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended well.

    Arguments:
        outputs: the pipeline's outputs in Python forms, in which lists of numbers may be memoryviews; None for one
            whose node was skipped.
        trace_id: 32 hexadecimal digits.
        duration: seconds.
    """

    outputs: Mapping[str, Any]
    trace_id: str
    duration: float


class Run:
    """One run.

    Arguments:
        program: what is run.
        inputs: in their Python forms, complete.
        traceparent: the W3C header of the caller, or empty: the run is then part of its trace.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Any], traceparent: str = "") -> None:
        self.program, self.inputs, self.traceparent = program, inputs, traceparent
        self.id = new_run(traceparent)
        self.stop = Stop()
        self.record: Callable[[Recorded], None] = program.recorder.record
        self.span = itertools.count(RUN_SPAN + 1).__next__
        self.rooms = Rooms(program, inputs)
        self.spent: RunError | None = None
        """A limit of the run that it has used up."""
        self.open: dict[int, Visit] = {}
        """By span, the executions of nodes that have not ended."""
        self._ledgers: dict[str, Ledger] = {}
        self.given: frozenset[tuple[str, str]] = frozenset()
        """The labels that its inputs were given with, beside those of the pipeline: (input, label)."""
        self.brought: tuple[Seed, ...] = ()
        """The labels that began with the run: those, and what kept instances remember."""
        self.quarantine = Quarantine(program.most_quarantined)
        self.misdeeds: dict[tuple[str, str], int] = {}
        """How often a node broke a contract, and was denied a power, where that is counted: by node and which."""
        self.flow = program.graph.flow
        """The ways that labels have in it."""
        self.folders: Mapping[str, frozenset[str]] = {}
        """By node, the folders that it may have in this run, where that matters to what may flow to whom."""
        self._declassified: set[str] = set()
        """The edges of which it was told that they declassify."""
        self.next_call = itertools.count(1).__next__
        """Counts one call over a call or tool edge; their number so far. More than `most_calls` are not let through."""
        self._lock = threading.Lock()
        self.began, self.start = time.time_ns(), time.perf_counter_ns()
        self.epoch = self.began - self.start
        """What added to `time.perf_counter_ns()` gives nanoseconds since the epoch."""
        self.most_calls = math.inf if program.graph.limits.calls is None else program.graph.limits.calls
        timeout = program.graph.limits.timeout
        limit = "" if timeout is None else f"the run took longer than its timeout, {timeout:g} s"
        self.frame = Frame(self.stop, math.inf if timeout is None else time.monotonic() + timeout, limit)
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        """What the thread that carries the run out waits for: nodes that ended, and None to have it look."""

    @property
    def graph(self) -> LinkedGraph:
        """The linked pipeline."""
        return self.program.graph

    def visit(self, node: str, around: Frame | None = None) -> Visit:
        """A frame for a node's own execution, within the time of the run."""
        return Visit(self, node, around or self.frame).begin(RUN_SPAN)

    def limit(self, timeout: float) -> None:
        """Moves the run's deadline nearer, if `timeout` seconds from now are nearer."""
        deadline = time.monotonic() + timeout
        if deadline < self.frame.deadline:
            self.frame = Frame(self.stop, deadline, f"the run took longer than its timeout, {timeout:g} s")

    def cancel(self, reason: RunError) -> None:
        """Ends the run with that error, from any thread; what runs of it ends as soon as it can."""
        self.stop.set(reason)
        self.inbox.put(None)

    def ledger(self, edge: str) -> Ledger:
        """What the rules of an edge count during this run."""
        found = self._ledgers.get(edge)
        if found is None:
            with self._lock:
                found = self._ledgers.setdefault(edge, Ledger())
        return found

    def blame(self, node: str, visit: Visit) -> None:
        """Counts a violation of a contract that is a node's own; one that is too much has it taken back.

        Arguments:
            visit: the stay in which that happened.
        """
        most = self.program.most_violations.get(node)
        if most is None:
            return
        with self._lock:
            count = self.misdeeds[node, "violations"] = self.misdeeds.get((node, "violations"), 0) + 1
            due = count >= most
            if due:
                self.misdeeds[node, "violations"] = 0
        if due:
            self.rooms.taint(node, f"revert-on: violations {most}", visit)

    def over(self) -> RunError | None:
        """Why the run cannot go on, whatever its nodes do about their failures; None while it can."""
        return self.frame.problem() or self.spent

    def ended_by(self, problem: RunError) -> bool:
        """Whether an error is only the end of the run, as one of its guests met it."""
        if isinstance(problem, TimedOut):
            return problem.deadline == self.frame.deadline
        return problem is self.stop.reason

    def declassified(self, rule: Declassify, edge: str, node: str, parent: int) -> None:
        """Records that labels do not cross an edge, the first time that it is crossed.

        Arguments:
            node: what is called, or given the value.
            parent: the span of the crossing.
        """
        with self._lock:
            if edge in self._declassified:
                return
            self._declassified.add(edge)
        detail = {"labels": list(rule.labels), "reason": rule.reason, "of": rule.of}
        self.event("declassify", node=node, edge=edge, rule="declassify", parent=parent, detail=detail)

    def spend(self) -> LimitExceeded:
        """Notes that the run made more calls than it may, and gives the error for it."""
        message = f"the run made more than the {self.most_calls} calls it may make"
        self.spent = LimitExceeded(message, limit="calls")
        return self.spent

    def event(
        self,
        kind: str,
        visit: Visit | None = None,
        *,
        node: str = "",
        edge: str = "",
        function: str = "",
        request: int = -1,
        response: int = -1,
        decision: str = "allowed",
        rule: str = "",
        parent: int = RUN_SPAN,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Records an event: of a visit that ends now, or a moment in it, in the span `parent`, or in the run."""
        if kind in _SPANS and visit is not None:
            start, duration = visit.began, time.perf_counter_ns() - visit.start
            span, parent = visit.span, visit.parent
        else:
            start, duration, span = time.time_ns(), 0, self.span()
            parent = visit.span if visit is not None else parent
        node = node or (visit.node if visit is not None else "")
        self.record(
            _event(
                Event,
                (kind, start, duration, self.id, span, parent, node, edge, function, request, response, decision, rule,
                 detail),
            )
        )  # fmt: skip

    def started(self, visit: Visit | None = None) -> None:
        """Records that a node's execution began, or without a visit that the run did."""
        if visit is None:
            start, span, parent, node = self.began, RUN_SPAN, 0, ""
            detail: dict[str, Any] | None = {"pipeline": self.graph.name}
        else:
            start, span, parent, node, detail = self.epoch + visit.start, visit.span, visit.parent, visit.node, None
        self.record(
            _event(Event, ("start", start, 0, self.id, span, parent, node, "", "", -1, -1, "allowed", "", detail))
        )

    def ended(
        self, visit: Visit, function: str, request: int, response: int, well: bool, detail: dict[str, Any]
    ) -> None:
        """Records an execution of a node that gave a result; not `well`: the error of its result."""
        start, decision = visit.start, "allowed" if well else "failed"
        self.record(
            _event(
                Event,
                (
                    "node", self.epoch + start, time.perf_counter_ns() - start, self.id, visit.span, visit.parent,
                    visit.node, "", function, request, response, decision, "", detail,
                ),
            )
        )  # fmt: skip

    def crossed(
        self,
        node: str,
        edge: str,
        start: int,
        bytes_: int,
        decision: str = "allowed",
        rule: str = "",
        detail: dict[str, Any] | None = None,
        span: int = 0,
    ) -> int:
        """Records a value that came to a node over a data edge, or was stopped there; its span, new if need be."""
        span, took = span or self.span(), time.perf_counter_ns() - start
        self.record(
            _event(
                Event,
                (
                    "data", self.epoch + start, took, self.id, span, RUN_SPAN, node, edge, "", bytes_, -1, decision,
                    rule, detail,
                ),
            )
        )  # fmt: skip
        return span

    def placed(self, problem: RunError, node: str = "", edge: str = "", *, visit: Visit | None = None) -> RunError:
        """The error, told where it happened if it does not know; a limit that was hit in the visit is recorded then."""
        if visit is not None and not problem.node and isinstance(problem, LimitExceeded | TimedOut):
            detail = {"limit": limit_of(problem), "message": problem.message}
            if not self.ended_by(problem):
                self.event("limit", visit, edge=edge, decision="failed", detail=detail)
        if problem is not self.stop.reason:  # why a run was cancelled has no place in it
            problem.node = problem.node or node
            problem.edge = problem.edge or edge
        problem.trace_id = problem.trace_id or trace_id(self.id)
        return problem

    def python(self, value: Any, node: str, edge: str = "") -> Any:
        """A value of the run as Python has it, as long as the run may go on.

        Arguments:
            node, edge: where it is wanted: a value that is too large is told of there.

        Raises:
            LimitExceeded: it is.
            TimedOut, Cancelled: the run is over.
        """
        try:
            return python_of(value, self.frame.check)
        except LimitExceeded as problem:
            detail = {"limit": limit_of(problem), "message": problem.message}
            self.event("limit", node=node, edge=edge, decision="failed", detail=detail)
            raise self.placed(problem, node, edge) from None

    def refused(self, problem: Diagnostic) -> None:
        """Records that the run was not let in: nothing of it ran."""
        detail = {"pipeline": self.graph.name, "outcome": "denied", "error": problem.message}
        self.end("denied", detail, rule=problem.code)

    def end(self, decision: str, detail: dict[str, Any], rule: str = "") -> None:
        """Records the end of the run; what a guest that was left behind does later is not recorded any more."""
        for visit in list(self.open.values()):
            if self.open.pop(visit.span, None) is not None:
                left = {"error": "the run ended while it was blocked", "error_type": Cancelled.__name__}
                self.event("node", visit, decision="cancelled", detail=left)
        took = time.perf_counter_ns() - self.start
        detail = {**detail, "calls": self.next_call() - 1}
        self.record(Event("run", self.began, took, self.id, RUN_SPAN, 0, decision=decision, rule=rule, detail=detail))
        self.record = _forget


def limit_of(problem: LimitExceeded | TimedOut) -> str:
    """Which limit was met, as events name it."""
    return problem.limit if isinstance(problem, LimitExceeded) else "timeout"


def _forget(_event: Recorded) -> None:
    return None
