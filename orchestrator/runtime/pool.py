"""Fresh instances made ahead: instantiated while the program does nothing else, entered by nobody before their run.

A home asks its `Pool` first. The program's `Filler` fills the pools, one instance at a time, on a thread of the
program, when no run has gone on for a moment: while a run does, an instantiation beside it takes from it what it would
save (both fault pages into one address space). So it is the run that comes after a pause that finds its instance ready;
one that comes at once makes its own, as without a pool.

It pays where instantiating is slow. A home finds that out from the first instances that it has to make itself; what is
quick never has a pool, and no thread. Whatever goes wrong here ends the pool of that home: the next run makes its own
instance, and says what is wrong. Not for sessions, nor where an instance depends on the run that it is for, nor for one
whose start function uses the host: what it prints, reads or sends has to be in the trace of a run.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from orchestrator.engine.frame import Frame, Stop
from orchestrator.errors import Cancelled

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.runtime.threads import Threads

PAYS = 200e-6
"""Seconds from which on an instantiation is worth a pool: several times what asking a thread costs a run."""
TRIES = 3
"""Instances that a home makes before it is known whether a pool pays: the quickest of them tells."""
MOST = 4
"""Instances that are kept ready for one home, if so many were asked for since the last pause."""
ROOM = 256 << 20
"""Bytes of linear memory that the idle instances of a program may have together."""
PAUSE, LONGEST_PAUSE = 0.002, 0.032
"""Seconds between two looks at whether runs go on: twice as many after each look at which one did."""
CALM = 0.001
"""Seconds without a run after which an instance is made."""
PATIENCE = 1.0
"""Seconds that an instance may take to be made (ten times what it took in a run, if that is more), or be waited for."""

Make = Callable[[Frame], "Instance"]
"""Makes an instance that no run has yet; the frame is of no run."""


class Pool:
    """The instances that are ready for one home.

    Arguments:
        filler: makes them.
    """

    def __init__(self, filler: Filler) -> None:
        self.off = False
        """Whether there will be none any more: it does not pay, one could not be made, or the program was closed."""
        self.wanted = False
        """Whether the filler knows that some are missing."""
        self._filler = filler
        self._ready: deque[Instance] = deque()
        self._seen, self._quickest = 0, math.inf
        self._asked = 0
        self._size = 0
        self._make: Make | None = None

    def __len__(self) -> int:
        return len(self._ready)

    def __del__(self) -> None:
        """Ends what is ready in a program that nobody closed."""
        self._clear()

    def take(self) -> Instance | None:
        """An instance that is ready, for whoever closes it; None where there is none."""
        self._asked += 1
        try:
            found = self._ready.popleft()
        except IndexError:
            return None
        self._filler.hold(-found.held)
        self._filler.want(self)
        return found

    def missed(self, seconds: float, make: Make) -> None:
        """Tells that an instance was made in a run instead.

        Arguments:
            seconds: what that took.
            make: makes another like it.
        """
        if self._seen < TRIES:
            self._seen, self._quickest = self._seen + 1, min(seconds, self._quickest)
            if self._seen == TRIES and self._quickest < PAYS:
                self.off = True
        if self._seen >= TRIES and not self.off:
            self._make = make
            self._filler.want(self)

    def fill(self, stop: Stop) -> bool:
        """Makes one instance; whether more are missing. Called by the filler alone.

        Arguments:
            stop: ends a start function that runs.
        """
        if self._make is None or not self._missing():
            return False
        seconds = max(PATIENCE, 10 * self._quickest)
        try:
            made = self._make(Frame(stop, time.monotonic() + seconds, "an instance took too long to be made"))
        except BaseException:  # of whatever kind: it would stop this thread, and the next run meets it too
            self.off = True
            self._clear()
            return False
        self._size = made.held
        if self.off or stop.reason is not None or not self._fits():
            made.close()
            return False
        self._filler.hold(self._size)
        self._ready.append(made)
        return self._missing()

    def _missing(self) -> bool:
        if not self.off and len(self._ready) < min(MOST, self._asked) and self._fits():
            return True
        self._asked = 0
        return False

    def _fits(self) -> bool:
        return self._filler.held + self._size <= ROOM

    def close(self) -> None:
        """Ends what is ready; an instance that is just being made is ended when it is."""
        self.off = True
        self._clear()

    def _clear(self) -> None:
        while self._ready:
            instance = self._ready.popleft()
            self._filler.hold(-instance.held)
            instance.close()


class Filler:
    """Fills the pools of one program while no run goes on.

    Arguments:
        threads: run the filling; it takes one while something is missing.
        running: the runs that go on.
    """

    def __init__(self, threads: Threads, running: Collection[object]) -> None:
        self.held = 0
        """Bytes of linear memory of all instances that are ready."""
        self._threads, self._running = threads, running
        self._stop = Stop()
        self._closed = threading.Event()
        self._lock = threading.RLock()  # a pool that is collected while it is held needs it too
        self._missing: deque[Pool] = deque()
        self._asked = 0
        self._working = False
        self.making = threading.Lock()
        """Held while an instance is made."""
        _fillers.add(self)

    def hold(self, size: int) -> None:
        """Counts bytes of an instance that is ready from now on, or is no more."""
        with self._lock:
            self.held += size

    def want(self, pool: Pool) -> None:
        """Has the pool filled when there is time."""
        self._asked += 1
        if not pool.wanted and self._noted(pool):
            self._threads.start(self._work)

    def _noted(self, pool: Pool) -> bool:
        """Notes that the pool is to be filled; whether a thread has to be asked."""
        with self._lock:
            if pool.wanted or self._closed.is_set():
                return False
            pool.wanted = True
            self._missing.append(pool)
            idle, self._working = not self._working, True
            return idle

    def _work(self) -> None:
        self._settle()
        while (pool := self._next()) is not None:
            with self.making:
                more = not self._closed.is_set() and pool.fill(self._stop)
            if more:
                self.want(pool)
            del pool
            self._settle()

    def _settle(self) -> None:
        """Waits until no run goes on, as long as there is something to do."""
        pause = PAUSE
        while self._missing and not self._closed.wait(pause):
            asked = self._asked
            if not self._running and not self._closed.wait(CALM) and not self._running and asked == self._asked:
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    def _next(self) -> Pool | None:
        with self._lock:
            if not self._missing or self._closed.is_set():
                self._working = False
                return None
            pool = self._missing.popleft()
            pool.wanted = False  # what is asked for from now on is asked for anew
            return pool

    def close(self) -> None:
        """Makes no instance any more; one that is being made is stopped, and waited for a little."""
        self._stop.set(Cancelled("the linked pipeline was closed"))
        self._closed.set()
        self._missing.clear()
        if self.making.acquire(timeout=PATIENCE):
            self.making.release()

    def after_fork(self) -> None:
        """In a forked child, where its thread is not: makes no instance any more."""
        self._lock, self._closed, self.making = threading.RLock(), threading.Event(), threading.Lock()
        self._closed.set()


_fillers: weakref.WeakSet[Filler] = weakref.WeakSet()
_paused: list[threading.Lock] = []
"""What this process holds while it forks: a child with half an instance would wait for locks that nobody has."""


def _before_fork() -> None:
    _paused.extend(each.making for each in list(_fillers) if each.making.acquire(timeout=PATIENCE))


def _after_fork_in_parent() -> None:
    while _paused:
        _paused.pop().release()


def _after_fork_in_child() -> None:
    _paused.clear()
    for filler in list(_fillers):
        filler.after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


@atexit.register
def _end_fillers() -> None:
    """Python ends a daemon thread where it next needs the interpreter: never inside of an instantiation."""
    for filler in list(_fillers):
        filler.close()
