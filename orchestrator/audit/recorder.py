"""The recorder: takes events in less than a microsecond and hands them to exporters and live views from its own thread.

Not for what is made of the events: each exporter has a file of its own.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.audit.events import KIND_OF, RUN_OF, event_of
from orchestrator.audit.live import Subscription
from orchestrator.audit.tally import Tallies
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.audit.events import Event, Recorded
    from orchestrator.audit.exporter import Exporter

_BATCH = 2048
_TICK = 0.05
"""Seconds between two looks at the queue while events come in: how far a live view lags."""
_DOZE = 1.0
"""Seconds without an event after which the thread waits to be woken."""


class Recorder:
    """Takes events of any number of concurrent runs, from any thread.

    The queue is bounded: where events come in faster than the exporters take them, a run neither waits nor fills the
    memory; what finds no room is summed up, by what it is, in events of kind `rest` with `why` `overload`, just before
    the event of its run. Runs' own events are never left out.

    The thread is a daemon, begins with the first event, and ends with `close`, or when the recorder is collected or the
    interpreter exits, both of which close it too. In a forked child a recorder is empty and has no exporters.

    Arguments:
        exporters: what takes the events.
        capacity: how many events the queue holds.
    """

    record: Callable[[Recorded], None]
    """Takes an event: the hot path. Never waits, never raises; after `close` it does nothing."""

    def __init__(self, exporters: Iterable[Exporter] = (), *, capacity: int = 65_536) -> None:
        self._core = _Core(list(exporters), capacity)
        self.record = self._core.record
        self._final = weakref.finalize(self, self._core.close, 2.0)
        _live.add(self._core)

    @property
    def heard(self) -> bool:
        """Whether there is an exporter or a live view that takes what is recorded."""
        return self._core.heard

    @property
    def problems(self) -> tuple[str, ...]:
        """What went wrong in exporters, a line each; complete after `close`."""
        return tuple(self._core.problems)

    @property
    def left_out(self) -> int:
        """How many events found no room in the queue and were only counted."""
        return self._core.left_out

    def add(self, exporter: Exporter) -> None:
        """Adds an exporter; it gets what is recorded from now on, and perhaps a little before."""
        self._core.exporters = [*self._core.exporters, exporter]

    def subscribe(self, run: str = "", room: int = 8192) -> Subscription:
        """A live view of all runs, or of one (its trace id), from a ring of `room` events.

        Events arrive some 50 ms after they happened. A reader that is slower than the run skips: see `Subscription`.
        """
        subscription = Subscription(run, room)
        self._core.watch(subscription)
        return subscription

    def flush(self, timeout: float = 2.0) -> bool:
        """Brings what was recorded so far through every exporter, in at most `timeout` seconds.

        Returns:
            Whether all of it has arrived.
        """
        return self._core.flush(timeout)

    def close(self, timeout: float = 2.0) -> tuple[str, ...]:
        """Flushes, then closes exporters and live views, in about `timeout` seconds. Closing twice is fine.

        Returns:
            `problems`.
        """
        self._final.detach()
        self._core.close(timeout)
        return self.problems

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Core:
    """The part of a recorder that its thread holds, so that the recorder itself can be collected."""

    def __init__(self, exporters: list[Exporter], capacity: int) -> None:
        self.exporters = exporters
        self.problems: list[str] = []
        self.left_out = 0
        self._capacity = capacity
        self._views: list[Subscription] = []
        """Those that see every run."""
        self._watching: dict[str, list[Subscription]] = {}
        """By run, those that see it alone."""
        self._raised: dict[int, _Raised] = {}
        self._reset()

    def _reset(self) -> None:
        # With no room the first event takes the slow path, which starts or wakes the thread.
        self._room = 0
        self._queue: deque[Recorded] = deque()
        self._left: dict[str, Tallies] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._drained = threading.Condition()
        self._asked = self._answered = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def record(self, event: Recorded) -> None:
        if len(self._queue) < self._room:
            self._queue.append(event)
        else:
            self._squeeze(event)

    def _squeeze(self, event: Recorded) -> None:
        """Takes an event while the thread sleeps or the queue is full."""
        with self._lock:
            if self._closed:
                return
            if not self._room:
                self._room = self._capacity
                self._start()
            if len(self._queue) < self._room or KIND_OF(event) == "run":
                self._queue.append(event)
            else:
                self._left.setdefault(RUN_OF(event), Tallies("overload")).add(event_of(event))
                self.left_out += 1

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="orchestrator-audit", daemon=True)
            self._thread.start()
        self._wake.set()

    def watch(self, view: Subscription) -> None:
        with self._lock:
            if self._closed:
                view.close()
            if view.run:
                self._watching[view.run] = [*self._watching.get(view.run, ()), view]
            else:
                self._views = [v for v in self._views if not v.closed] + [view]

    def flush(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        if not self._settle(timeout):
            return False
        done = [self._guard(e, partial(e.flush, max(0.0, deadline - time.monotonic()))) for e in self.exporters]
        return all(done)

    def close(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._room = 0
            self._wake.set()
        settled = self._thread is None or self._join(timeout)
        if not settled:
            left = len(self._queue)
            self.problems.append(f"events: {left} were still waiting after {timeout:g} s and reached no exporter")
        for exporter in self.exporters:
            self._guard(exporter, partial(self._end, exporter, deadline))
        self.problems += [str(raised) for raised in self._raised.values()]
        for view in (*self._views, *(view for views in self._watching.values() for view in views)):
            view.close()

    def _join(self, timeout: float) -> bool:
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _end(self, exporter: Exporter, deadline: float) -> bool:
        self.problems += exporter.close(max(0.05, deadline - time.monotonic()))
        return True

    def _settle(self, timeout: float) -> bool:
        """Waits until everything recorded before the call has been handed to the exporters."""
        if threading.current_thread() is self._thread:
            return False
        with self._lock:
            if self._thread is None or self._closed:
                return not self._queue
            self._asked += 1
            ticket = self._asked
            self._wake.set()
        with self._drained:
            return self._drained.wait_for(lambda: self._answered >= ticket, timeout)

    def _serve(self) -> None:
        busy = time.monotonic()
        while not self._closed:
            if self._turn():
                busy = time.monotonic()
            awake = time.monotonic() - busy < _DOZE
            if not awake:
                self._doze()
            # Even a dozing thread looks again: a producer may have seen the room just before `_doze` took it.
            self._wake.wait(_TICK if awake else _DOZE)
            self._wake.clear()
        self._turn()
        self._say_rest()

    def _doze(self) -> None:
        with self._lock:
            self._room = 0
            if self._queue:
                self._room = self._capacity

    @property
    def heard(self) -> bool:
        return bool(self.exporters or self._views or self._watching)

    def _turn(self) -> bool:
        """Hands over what is in the queue now; whether there was anything."""
        asked, queue = self._asked, self._queue
        waiting = there = len(queue)
        if not self.heard:
            queue.clear()
            waiting = 0
        while waiting > 0:
            self._hand([queue.popleft() for _ in range(min(waiting, _BATCH))])
            waiting -= _BATCH
        if asked != self._answered:
            with self._drained:
                self._answered = asked
                self._drained.notify_all()
        return there > 0

    def _hand(self, batch: Sequence[Recorded]) -> None:
        if self._left:
            batch = [e for event in batch for e in (*self._rest_before(event), event)]
        exported = list(map(event_of, batch)) if self.exporters else []
        for exporter in self.exporters:
            self._guard(exporter, partial(_export, exporter, exported))
        for view in self._views:
            view.offer(batch)
        if self._watching:
            runs = set(map(RUN_OF, batch))
            groups = ((runs.pop(), batch),) if len(runs) == 1 else groupby(batch, RUN_OF)
            for run, events in groups:
                if run in self._watching:
                    self._show(run, list(events))

    def _show(self, run: str, events: Sequence[Recorded]) -> None:
        """Offers events to those that see one run; they see nothing after its end, and are forgotten."""
        for view in self._watching[run]:
            view.offer(events)
        if KIND_OF(events[-1]) == "run":
            with self._lock:
                if all(view.closed for view in self._watching[run]):
                    del self._watching[run]

    def _rest_before(self, event: Recorded) -> Iterable[Event]:
        if KIND_OF(event) != "run":
            return ()
        with self._lock:
            tallies = self._left.pop(RUN_OF(event), None)
        return tallies.events(RUN_OF(event)) if tallies else ()

    def _say_rest(self) -> None:
        """Hands over the sums of runs that have not ended."""
        with self._lock:
            left, self._left = self._left, {}
        for run, tallies in left.items():
            self._hand(list(tallies.events(run)))

    def _guard(self, exporter: Exporter, work: Callable[[], bool]) -> bool:
        """Does some work with an exporter; what it raises is counted and said at the end."""
        try:
            return work()
        except Exception as error:
            raised = self._raised.setdefault(id(exporter), _Raised(type(exporter).__name__, error))
            raised.count += 1
            return False

    def after_fork(self) -> None:
        """Empties the recorder in a forked child, where its thread is not: the parent's files stay the parent's."""
        self.exporters, self._views, self._watching = [], [], {}
        self._reset()


def _export(exporter: Exporter, batch: list[Event]) -> bool:
    exporter.export(batch)
    return True


@dataclass(slots=True)
class _Raised:
    """What an exporter raised: how often, and the first."""

    exporter: str
    first: Exception
    count: int = 0

    def __str__(self) -> str:
        times = "once" if self.count == 1 else f"{self.count} times, first"
        return printable(f"{self.exporter} failed {times} with {type(self.first).__name__}: {self.first}")


_live: weakref.WeakSet[_Core] = weakref.WeakSet()


def _after_fork() -> None:
    for core in list(_live):
        core.after_fork()


os.register_at_fork(after_in_child=_after_fork)
