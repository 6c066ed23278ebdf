"""Thinning for views: of a chatty edge the first and last crossings of a run, and one event that sums up the rest.

What is left out takes nothing with it: what happened inside is kept where its own edge is not chatty, and is given the
next span outwards that is kept for its parent. Counts stay right. A record that keeps every call does without.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.audit.tally import Key, Tallies, bounded, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.audit.events import Event
    from orchestrator.audit.exporter import Exporter

FIRST, LAST = 100, 20
"""How many of a kind are kept at the beginning and at the end of a run."""


class Thinned:
    """An exporter that hands a thinned stream to another one.

    Events of a run are counted by kind, node, edge, function, decision and rule. An event is handed on as soon as it is
    certain that its parent is kept, so children may come before or after their parents; `start` events are not handed
    on. The run's own event is the last of its run.

    Arguments:
        exporter: what gets the rest.
        first, last: how many of each key to keep.
    """

    def __init__(self, exporter: Exporter, first: int = FIRST, last: int = LAST) -> None:
        self._exporter = exporter
        self._first, self._last = first, last
        self._runs: dict[str, _Run] = {}

    def export(self, events: Sequence[Event]) -> None:
        """Takes a batch and hands on what of it and of earlier ones is certain."""
        out: list[Event] = []
        for event in events:
            run = self._runs.get(event.run)
            if run is None:
                run = self._runs[event.run] = _Run(self._first, self._last, out)
            run.out = out
            run.take(event)
            if event.kind == "run":
                del self._runs[event.run]
        if out:
            self._exporter.export(out)

    def flush(self, timeout: float) -> bool:
        """Flushes the other exporter; what is not certain yet stays here."""
        return self._exporter.flush(timeout)

    def close(self, timeout: float) -> list[str]:
        """Hands on what runs that have not ended have left, then closes the other exporter."""
        out: list[Event] = []
        for name, run in self._runs.items():
            run.out = out
            run.finish(name)
        self._runs.clear()
        if out:
            self._exporter.export(out)
        return self._exporter.close(timeout)


@dataclass(slots=True, eq=False)
class _Held:
    """An event whose fate, or whose parent's, is not known yet."""

    event: Event
    parent: int
    kept: bool


@dataclass(slots=True)
class _Seen:
    """What was seen of one key: how many, and the last ones, whose fate is open."""

    count: int = 0
    tail: deque[_Held] = field(default_factory=deque)


class _Run:
    def __init__(self, first: int, last: int, out: list[Event]) -> None:
        self.out = out
        self._first, self._last = first, last
        self._seen: dict[Key, _Seen] = {}
        self._within: dict[int, dict[int, _Held]] = {}
        # The run's own span, and what has none, are always there.
        self._settled = {0, 1}
        self._chatty, self._overload = Tallies("chatty"), Tallies("overload")

    def take(self, event: Event) -> None:
        if event.kind == "run":
            self.finish(event.run)
            self.out.append(event)
        elif event.kind == "rest" and event.span < 0:
            self._overload.add(event)
        elif event.kind != "start":
            self._count(event)

    def finish(self, run: str) -> None:
        """Hands on what is left of the run."""
        tails = [held for seen in self._seen.values() for held in seen.tail]
        for held in sorted(tails, key=_end):
            self._keep(held)
        for orphans in list(self._within.values()):
            for held in orphans.values():
                self.out.append(held.event._replace(parent=1))
        self.out += self._chatty.events(run)
        self.out += self._overload.events(run, after=len(self._chatty.sums))

    def _count(self, event: Event) -> None:
        seen = self._seen.setdefault(bounded(key_of(event), self._seen), _Seen())
        seen.count += 1
        early = seen.count <= self._first
        held = _Held(event, event.parent, early)
        self._place(held)
        if early:
            self._keep(held)
            return
        seen.tail.append(held)
        if len(seen.tail) > self._last:
            self._drop(seen.tail.popleft())

    def _place(self, held: _Held) -> None:
        """Hands the event on when it and its parent are kept; else it stays with what its parent holds."""
        if held.parent not in self._settled:
            self._within.setdefault(held.parent, {})[id(held)] = held
        elif held.kept:
            self._emit(held)

    def _keep(self, held: _Held) -> None:
        """Keeps an event, so that what happened in it has its parent."""
        if not held.kept:
            held.kept = True
            self._place(held)
        self._settled.add(held.event.span)
        for inner in self._within.pop(held.event.span, {}).values():
            if inner.kept:
                self._emit(inner)

    def _drop(self, held: _Held) -> None:
        """Leaves an event out; what happened in it moves outwards."""
        self._chatty.add(held.event._replace(parent=held.parent))
        siblings = self._within.get(held.parent)
        if siblings is not None:
            siblings.pop(id(held), None)
            if not siblings:
                del self._within[held.parent]
        for inner in self._within.pop(held.event.span, {}).values():
            inner.parent = held.parent
            self._place(inner)

    def _emit(self, held: _Held) -> None:
        event = held.event
        self.out.append(event if event.parent == held.parent else event._replace(parent=held.parent))


def _end(held: _Held) -> int:
    return held.event.start + held.event.duration
