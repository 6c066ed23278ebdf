"""What is told of one run, from its start to its end, and of the stays in guests that are part of it.

A run of a pipeline is one (`run`), and so is a snippet in a sandbox. Not for what is made of the events: see `audit`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.audit import Event, Recorded, new_run
from orchestrator.engine.frame import Frame
from orchestrator.errors import Cancelled, LimitExceeded, RunError, SnippetFailed, TimedOut

if TYPE_CHECKING:
    from orchestrator.audit.events import Decision
    from orchestrator.wasi import Account

RUN_SPAN = 1
"""The span of the run itself."""
_SPANS = frozenset({"node", "call"})
"""The kinds of events that are a stay; the others are a moment in one."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_event = tuple.__new__


class Trail:
    """The events of one run.

    Arguments:
        name: of what is run, for people.
        record: takes the events.
        traceparent: the W3C header of the caller, or empty: the run is then part of its trace.
    """

    hushed: frozenset[str] = frozenset()
    """The nodes of which no event says anything that they may have written."""

    def __init__(self, name: str, record: Callable[[Recorded], None], traceparent: str = "") -> None:
        self.name, self.record, self.traceparent = name, record, traceparent
        self.told = record is not forget
        """Whether anybody is told of it, until it ends."""
        self.id = new_run(traceparent)
        self.span = itertools.count(RUN_SPAN + 1).__next__
        """Gives the next span."""
        self.began, self.start = time.time_ns(), time.perf_counter_ns()
        self.epoch = self.began - self.start
        """What added to `time.perf_counter_ns()` gives nanoseconds since the epoch."""

    def account(self, node: str) -> Account | None:
        """What the instances of a node share of what they may use; None where each has that for itself."""
        return None

    def denied(self, node: str) -> None:
        """A node was refused the use of a power.

        Raises:
            LimitExceeded: that ends its guest.
        """

    def begin(self) -> None:
        """Records that it began."""
        detail = {"pipeline": self.name}
        self.record(
            _event(Event, ("start", self.began, 0, self.id, RUN_SPAN, 0, "", "", "", -1, -1, "allowed", "", detail))
        )

    def event(
        self,
        kind: str,
        stay: Traced | None = None,
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
        """Records an event: of a stay that ends now, or a moment in it, in the span `parent`, or in the run."""
        if kind in _SPANS and stay is not None:
            start, duration = stay.began, time.perf_counter_ns() - stay.start
            span, parent = stay.span, stay.parent
        else:
            start, duration, span = time.time_ns(), 0, self.span()
            parent = stay.span if stay is not None else parent
        node = node or (stay.node if stay is not None else "")
        self.record(
            _event(
                Event,
                (kind, start, duration, self.id, span, parent, node, edge, function, request, response, decision, rule,
                 detail),
            )
        )  # fmt: skip

    def limited(self, problem: RunError, stay: Traced | None = None, *, node: str = "", edge: str = "") -> None:
        """Records that a limit was hit, as `LimitExceeded` or `TimedOut` says; arguments as of `event`."""
        name = problem.limit if isinstance(problem, LimitExceeded) else "timeout"
        detail = {"limit": name, "message": problem.message}
        self.event("limit", stay, node=node, edge=edge, decision="failed", detail=detail)

    def reverted(
        self, stay: Traced | None, node: str, rule: str, pages: int, took: int, kept: Mapping[str, Any] = _NOTHING
    ) -> None:
        """Records that a guest was taken back.

        Arguments:
            rule: what had it taken back.
            pages: of its memories that had changed; -1 where a fresh instance takes its place.
            took: nanoseconds.
            kept: what became of the state that it was in.
        """
        self.record(self.reverting(stay, node, rule, pages, took, kept))

    def reverting(
        self, stay: Traced | None, node: str, rule: str, pages: int, took: int, kept: Mapping[str, Any] = _NOTHING
    ) -> Event:
        """The event of a revert that is over now, as `reverted` records it."""
        way: dict[str, Any] = {"by": "a fresh instance"} if pages < 0 else {"pages": pages}
        return Event(
            "revert", time.time_ns(), 0, self.id, self.span(), RUN_SPAN if stay is None else stay.span, node,
            rule=rule, detail={**way, "took": took, **kept},
        )  # fmt: skip

    def end(self, decision: str, detail: dict[str, Any], rule: str = "") -> None:
        """Records that it ended; what a guest that was left behind does later is not recorded any more."""
        took, said = time.perf_counter_ns() - self.start, {"pipeline": self.name}
        if self.traceparent:
            said["traceparent"] = self.traceparent
        self.record(
            Event(
                "run", self.began, took, self.id, RUN_SPAN, 0, decision=decision, rule=rule, detail={**said, **detail}
            )
        )  # fmt: skip
        self.record, self.told = forget, False


class Traced(Frame):
    """A stay that events tell of: the run that it is part of, the node that is entered, its span in the run."""

    __slots__ = ("node", "parent", "run", "span", "start", "zero")

    run: Trail
    node: str
    span: int
    parent: int
    """The span in which it happens."""
    start: int
    """When it began, `time.perf_counter_ns()`."""
    zero: int
    """When the run began, in nanoseconds since the epoch: where a clock of the run begins."""

    @property
    def began(self) -> int:
        """When it began, in nanoseconds since the epoch."""
        return self.run.epoch + self.start


def ending(problem: BaseException | None) -> tuple[Decision, dict[str, Any]]:
    """How a run ended, as its event says it: the decision and the details.

    Arguments:
        problem: what it ended with; None for one that ended well.
    """
    if problem is None:
        return "allowed", {"outcome": "ok"}
    kind = type(problem).__name__
    if not isinstance(problem, RunError):
        return "cancelled", {"outcome": "cancelled", "error": kind, "error_type": kind}
    if isinstance(problem, Cancelled):
        return "cancelled", {"outcome": "cancelled", "error": problem.message, "error_type": kind}
    outcome = "timed-out" if isinstance(problem, TimedOut) else "failed"
    # What a snippet raised, it wrote.
    said = "the snippet came to nothing" if isinstance(problem, SnippetFailed) else problem.message
    return "failed", {"outcome": outcome, "error": said, "error_type": kind}


def forget(_event: Recorded) -> None:
    """Takes an event of which nobody is told."""
