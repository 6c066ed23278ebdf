"""What happened, as plain tuples: one for each run, node and crossing, appended on the hot path and read elsewhere.

A crossing is recorded when it ends, so an inner one stands before the outer one. `span` is unique within a run and
`parent` is the span it happened in (0: the run itself has no parent; the run's own span is 1).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "run",  # a whole run
    "node",  # one execution of a node's `run`
    "call",  # a call over a call edge or a tool edge, or of a node's export from outside
    "data",  # a value over a data edge
    "violation",  # a contract's rule was broken; parent is the crossing
    "limit",  # a limit was hit: memory, timeout, stack, calls
    "access",  # the host used a power for a guest, or refused to: `function` is the power and what was done with it
    # (`storage open`), `rule` the grant that allows it or what denies it, `detail` has subject; one that takes time
    # (`http GET`) lasts
    "start",  # a run or a node began (for live views; it becomes no span)
    "retry",  # a node is run again after a failure; `detail` has because, left
    "fallback",  # another node stands in for one that failed; `detail` has to, because
    "declassify",  # labels do not cross an edge, told when it is crossed the first time in a run; parent is the
    # crossing, `detail` has labels (a list), reason, and of (`arguments` or `results` of calls, empty for both)
    "revert",  # a node was taken back to its state after init; `rule` is what had it taken back, `detail` has took
    # (nanoseconds) and pages (of its memories that had changed), or by (`a fresh instance` took its place); kept (the
    # name of the state that it was in, in the folder of snapshots), or not-kept (why it could not be)
    "output",  # what a guest printed, cut at a limit; `detail` has stream, text, cut
    "rest",  # several events of a kind summed up; `detail` has of (the kind), count, busy (the sum of durations,
    # nanoseconds) and why. Of those made by this room (chatty, overload, slow-reader) the span is negative. Calls over
    # a fused edge are counted where they happen, and the runtime makes one event for each function that was called
    # during a stay in the store that is shared (fused): its span is one of the run's, its parent what entered the
    # store, `node` the one that was called, and `busy` 0, since nobody looks at a clock in there
]
Decision = Literal["allowed", "denied", "failed", "cancelled"]


class Event(NamedTuple):
    """One event.

    Arguments:
        kind: see `Kind`.
        start: nanoseconds since the epoch.
        duration: nanoseconds; 0 for what is a moment.
        run: the run's trace id, 32 hexadecimal digits.
        span, parent: see the module.
        node: the node that did it; of a crossing, the one that was called or given the value.
        edge: the edge's id, empty off the edges.
        function: `interface.function`, or what there is to name.
        request, response: sizes in bytes of the values in canonical form; -1 where they were not looked at.
        decision: allowed, denied (by a rule, handed to the caller), failed (ended what it happened in), cancelled.
        rule: the rule that decided, empty where none did.
        detail: more, as a mapping of JSON values, or None. Values of a pipeline appear here only where asked for.
    """

    kind: str
    start: int
    duration: int
    run: str
    span: int
    parent: int
    node: str = ""
    edge: str = ""
    function: str = ""
    request: int = -1
    response: int = -1
    decision: str = "allowed"
    rule: str = ""
    detail: dict[str, Any] | None = None


Recorded = tuple[Any, ...]
"""An event as it is recorded: one, or on the hot path a plain tuple of its fields, which costs less to make, and which
Python's garbage collector looks at once and not again. Where its detail is a subject alone, the text stands for it."""
KIND_OF, RUN_OF = itemgetter(0), itemgetter(3)
"""The kind and the run of an event, by their places: many are told apart by them."""


def event_of(recorded: Recorded) -> Event:
    """What was recorded, as an event."""
    if isinstance(recorded, Event):
        return recorded
    detail = recorded[-1]
    return Event._make((*recorded[:-1], {"subject": detail} if isinstance(detail, str) else detail))
