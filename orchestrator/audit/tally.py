"""Events summed up: what is left of them where there are too many to keep each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import add, itemgetter
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.audit.events import KIND_OF, Event, Recorded, event_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Reason = Literal["chatty", "overload", "slow-reader", "fused"]
Columns = Sequence[Sequence[Any]]
"""Events on their side: of each of their places, what all of them have there."""
Key = tuple[str, str, str, str, str, str]
"""kind, node, edge, function, decision, rule: what is summed up together."""

MOST_KEYS = 1024
"""How many different keys are told apart in a run; the rest is summed up by kind and decision alone."""


def key_of(event: Event) -> Key:
    """The key under which the event is summed up."""
    of = event.detail["of"] if event.kind == "rest" and event.detail else event.kind
    return (of, event.node, event.edge, event.function, event.decision, event.rule)


def is_fused(event: Event) -> bool:
    """Whether the event counts calls over a fused edge, which were never events of their own."""
    return event.kind == "rest" and (event.detail or {}).get("why") == "fused"


def bounded(key: Key, known: Collection[Key]) -> Key:
    """The key, or, where too many are told apart already, the one for the rest of its kind and decision."""
    return key if key in known or len(known) < MOST_KEYS else (key[0], "", "", "", key[4], "")


@dataclass(slots=True)
class Tally:
    """The sum of some events of one key.

    Arguments:
        count: how many.
        first, last: when the first began and the last ended, nanoseconds since the epoch.
        busy: the sum of their durations in nanoseconds.
        request, response: the sums of the sizes that are known, in bytes; -1 where none is.
        parent: the span that all of them happened in; 1, the run's, where they differ.
        fused: all of them count calls over a fused edge; their sum does too, whatever it was made for.
    """

    count: int = 0
    first: int = 0
    last: int = 0
    busy: int = 0
    request: int = -1
    response: int = -1
    parent: int = 1
    fused: bool = False

    def add(self, event: Event) -> None:
        """Adds an event, which may itself be a sum."""
        rest = (event.detail or {}) if event.kind == "rest" else {}
        self.first = min(self.first, event.start) if self.count else event.start
        self.last = max(self.last, event.start + event.duration)
        self.parent = event.parent if self.parent == event.parent or not self.count else 1
        self.fused = is_fused(event) and (self.fused or not self.count)
        self.count += rest.get("count", 1)
        self.busy += rest.get("busy", event.duration)
        self.request = _sum(self.request, event.request)
        self.response = _sum(self.response, event.response)

    def add_all(self, events: Columns) -> None:
        """Adds events none of which is a sum: the same as adding each, without a look at each by itself."""
        starts, durations, parents = events[_START], events[_DURATION], events[_PARENT]
        first, parent = min(starts), parents[0]
        alike = _is_one(parents) and (self.parent == parent or not self.count)
        self.first = min(self.first, first) if self.count else first
        self.last = max(self.last, max(map(add, starts, durations)))
        self.parent = parent if alike else 1
        self.fused = False
        self.count += len(starts)
        self.busy += sum(durations)
        self.request = _sums(self.request, events[_REQUEST])
        self.response = _sums(self.response, events[_RESPONSE])

    def event(self, run: str, span: int, key: Key, why: Reason) -> Event:
        """The sum as an event of kind `rest`."""
        kind, node, edge, function, decision, rule = key
        detail = {"of": kind, "count": self.count, "busy": self.busy, "why": "fused" if self.fused else why}
        times = (self.first, self.last - self.first)
        sizes = (self.request, self.response)
        return Event("rest", *times, run, span, self.parent, node, edge, function, *sizes, decision, rule, detail)


@dataclass(slots=True)
class Tallies:
    """The sums of one run, a bounded number of them."""

    why: Reason
    sums: dict[Key, Tally] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Adds an event to the sum of its key."""
        self.sums.setdefault(bounded(key_of(event), self.sums), Tally()).add(event)

    def add_all(self, events: Iterable[Recorded]) -> None:
        """Adds events, neighbours of one key at once: mostly that is all of them."""
        every = list(events)
        if not every:
            return
        columns = list(zip(*every, strict=True))
        if all(_is_one(columns[place]) for place in _KEY):
            self._add_alike(every, columns)
            return
        for _, group in groupby(every, itemgetter(*_KEY)):
            alike = list(group)
            self._add_alike(alike, list(zip(*alike, strict=True)))

    def _add_alike(self, events: Sequence[Recorded], columns: Columns) -> None:
        if KIND_OF(events[0]) == "rest":
            for event in events:
                self.add(event_of(event))
        else:
            self.sums.setdefault(bounded(key_of(event_of(events[0])), self.sums), Tally()).add_all(columns)

    def events(self, run: str, after: int = 0) -> Iterator[Event]:
        """An event of kind `rest` for each key; their spans are -1, -2 and so on, beginning behind -`after`."""
        for number, (key, tally) in enumerate(self.sums.items(), after + 1):
            yield tally.event(run, -number, key, self.why)


def _sum(left: int, right: int) -> int:
    """The sum of two sizes of which -1 is unknown."""
    return right if left < 0 else left + max(right, 0)


def _sums(known: int, sizes: Sequence[int]) -> int:
    """The same for many."""
    found = sizes if min(sizes) >= 0 else [size for size in sizes if size >= 0]
    return known if not found else sum(found, max(known, 0))


def _is_one(column: Sequence[Any]) -> bool:
    """Whether all of a column are the same; there is one at least."""
    return column.count(column[0]) == len(column)


_KEY = (0, 6, 7, 8, 11, 12)
"""The places of an event's kind, node, edge, function, decision and rule."""
_START, _DURATION, _PARENT, _REQUEST, _RESPONSE = 1, 2, 5, 9, 10
