"""Events summed up: what is left of them where there are too many to keep each one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import add, itemgetter
from typing import TYPE_CHECKING, Literal

from orchestrator.audit.events import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

Reason = Literal["chatty", "overload", "slow-reader", "fused"]
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

    def add_all(self, events: Sequence[Event]) -> None:
        """Adds events none of which is a sum: the same as adding each, without a look at each by itself."""
        starts, durations = list(map(_START, events)), list(map(_DURATION, events))
        parents = set(map(_PARENT, events))
        first = min(starts)
        self.first = min(self.first, first) if self.count else first
        self.last = max(self.last, max(map(add, starts, durations)))
        self.parent = parents.pop() if len(parents | ({self.parent} if self.count else set())) == 1 else 1
        self.fused = False
        self.count += len(events)
        self.busy += sum(durations)
        self.request = _sums(self.request, map(_REQUEST, events))
        self.response = _sums(self.response, map(_RESPONSE, events))

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

    def add_all(self, events: Iterable[Event]) -> None:
        """Adds events, neighbours of one key at once."""
        for (kind, *_), group in groupby(events, _KEY):
            if kind == "rest":
                for event in group:
                    self.add(event)
                continue
            alike = list(group)
            self.sums.setdefault(bounded(key_of(alike[0]), self.sums), Tally()).add_all(alike)

    def events(self, run: str, after: int = 0) -> Iterator[Event]:
        """An event of kind `rest` for each key; their spans are -1, -2 and so on, beginning behind -`after`."""
        for number, (key, tally) in enumerate(self.sums.items(), after + 1):
            yield tally.event(run, -number, key, self.why)


def _sum(left: int, right: int) -> int:
    """The sum of two sizes of which -1 is unknown."""
    return right if left < 0 else left + max(right, 0)


def _sums(known: int, sizes: Iterable[int]) -> int:
    """The same for many."""
    found = list(sizes)
    if min(found) < 0:
        found = [size for size in found if size >= 0]
    return known if not found else sum(found, max(known, 0))


_KEY = itemgetter(0, 6, 7, 8, 11, 12)
"""Kind, node, edge, function, decision and rule of an event."""
_START, _DURATION, _PARENT, _REQUEST, _RESPONSE = (itemgetter(place) for place in (1, 2, 5, 9, 10))
