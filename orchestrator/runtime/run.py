"""One run of a pipeline: until when it may go on, its counters, its instances, and what is told of them."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestrator.audit import Event, trace_id
from orchestrator.contract import Ledger
from orchestrator.engine import python_of
from orchestrator.engine.frame import Frame, Stop
from orchestrator.errors import Cancelled, LimitExceeded, RunError, TimedOut
from orchestrator.runtime.quarantine import Quarantine
from orchestrator.runtime.rooms import Rooms
from orchestrator.runtime.trail import RUN_SPAN, Trail, ending
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.graph.flow import Seed
    from orchestrator.link.model import LinkedGraph
    from orchestrator.manifest.model import Declassify
    from orchestrator.runtime.program import Program
    from orchestrator.wasi import Account

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


class Run(Trail):
    """One run.

    Arguments:
        program: what is run.
        inputs: in their Python forms, complete.
        traceparent: the W3C header of the caller, or empty: the run is then part of its trace.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Any], traceparent: str = "") -> None:
        super().__init__(program.graph.name, program.recorder.record, traceparent)
        self.program, self.inputs = program, inputs
        self.hushed = program.hushed
        self.stop = Stop()
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
        self.quarantine = Quarantine(program.most_quarantined, program.threads.start)
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

    def account(self, node: str) -> Account:
        """What the instances of a node share of what they may use in the run."""
        return self.rooms.account(node)

    def denied(self, node: str) -> None:
        """Counts that a node was refused the use of a power; see `Trail.denied`."""
        most = self.program.most_denials.get(node)
        if most is None:
            return
        if self._is_due(node, "denials", most):
            raise LimitExceeded(
                f"the guest was denied {most} uses of powers, as many as have it taken back", limit="denials"
            )

    def blame(self, node: str, visit: Visit, stay: Visit) -> None:
        """Counts a violation of a contract that is a node's own; one that is too much has it taken back.

        Arguments:
            visit: the stay in which that happened.
            stay: that of the node.
        """
        most = self.program.most_violations.get(node)
        if most is not None and self._is_due(node, "violations", most):
            self.rooms.taint(node, f"revert-on: violations {most}", visit, stay)

    def _is_due(self, node: str, what: str, most: int) -> bool:
        """Counts a misdeed of a node; whether they are as many as have it taken back, and are counted anew."""
        with self._lock:
            count = self.misdeeds.get((node, what), 0) + 1
            self.misdeeds[node, what] = 0 if count >= most else count
        return count >= most

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

    def started(self, visit: Visit) -> None:
        """Records that a node's execution began."""
        start = self.epoch + visit.start
        self.record(
            _event(
                Event,
                ("start", start, 0, self.id, visit.span, visit.parent, visit.node, "", "", -1, -1, "allowed", "", None),
            )
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
        hit = isinstance(problem, LimitExceeded | TimedOut) and not self.ended_by(problem)
        if hit and visit is not None and not problem.node:
            self.limited(problem, visit, edge=edge)
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
            self.limited(problem, node=node, edge=edge)
            raise self.placed(problem, node, edge) from None

    def refused(self, problem: Diagnostic) -> None:
        """Records that the run was not let in: nothing of it ran."""
        detail = {"outcome": "denied", "error": problem.message}
        self.end("denied", detail, rule=problem.code)

    def end(self, decision: str, detail: dict[str, Any], rule: str = "") -> None:
        """See `Trail.end`; so end the executions that did not, and how many calls there were is told.

        What is kept of nodes that were taken back is waited for, so that their events are the run's.
        """
        self.quarantine.close(self.frame)
        for visit in list(self.open.values()):
            if self.open.pop(visit.span, None) is not None:
                left = {"error": "the run ended while it was blocked", "error_type": Cancelled.__name__}
                self.event("node", visit, decision="cancelled", detail=left)
        super().end(decision, {**detail, "calls": self.next_call() - 1}, rule)


@contextmanager
def by_hand(program: Program) -> Iterator[Run]:
    """A run in which nothing runs: it tells of what is done to a node from outside."""
    run, how = Run(program, {}), ending(None)
    run.begin()
    try:
        yield run
    except BaseException as problem:
        how = ending(problem)
        raise
    finally:
        run.end(*how)
