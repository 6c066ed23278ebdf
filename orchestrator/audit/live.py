"""The live stream: events as they happen, from a bounded ring, for one reader each."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.audit.events import KIND_OF, RUN_OF, Event, Recorded, event_of
from orchestrator.audit.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Subscription:
    """An iterator over events. A reader that falls behind the ring skips the oldest ones and is told so.

    What was skipped arrives, where it would have stood, as events of kind `rest` whose `why` is `slow-reader`.
    Iteration ends when the subscription or its recorder is closed or, where `run` is given, after that run's own event.

    Arguments:
        run: the trace id of the only run to see; empty for all.
        room: how many events the ring holds.
    """

    def __init__(self, run: str = "", room: int = 8192) -> None:
        self.run = run
        self.skipped = 0
        """How many events the reader has skipped so far."""
        self._room = room
        self._ring: deque[Recorded] = deque()
        self._lost: dict[str, Tallies] = {}
        self._lock = threading.Lock()
        self._reader: threading.Event | None = None
        """Set when something came for the reader that waits."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether no further event will come in; what is in the ring can still be read."""
        return self._closed

    def offer(self, events: Sequence[Recorded]) -> None:
        """Takes events in, where a run is given those of that run; called by the recorder."""
        with self._lock:
            if self._closed:
                return
            self._ring.extend(events)
            if len(self._ring) > self._room:
                self._skip(len(self._ring) - self._room)
            if self.run and "run" in map(KIND_OF, events):
                self._closed = True
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.set()

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event, or None when `timeout` seconds pass without one or the stream has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                if self._lost:
                    self._tell()
                if self._ring:
                    return event_of(self._ring.popleft())
                left = None if deadline is None else deadline - time.monotonic()
                if self._closed or (left is not None and left <= 0):
                    return None
                self._reader = reader = threading.Event()
            reader.wait(left)

    def close(self) -> None:
        """Ends the stream after what is in the ring."""
        with self._lock:
            self._closed = True
            self._wake()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _skip(self, count: int) -> None:
        """Sums up the oldest events."""
        oldest = [self._ring.popleft() for _ in range(count)]
        groups = ((self.run, oldest),) if self.run else groupby(oldest, RUN_OF)
        for run, events in groups:
            self._lost.setdefault(run, Tallies("slow-reader")).add_all(events)
        self.skipped += count

    def _tell(self) -> None:
        """Puts what was skipped at the head of the ring."""
        sums = [rest for run, tallies in self._lost.items() for rest in tallies.events(run)]
        self._ring.extendleft(reversed(sums))
        self._lost.clear()
