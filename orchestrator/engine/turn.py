"""Whose turn it is in a store: one thread at a time, in the order they came, with a way out of waiting.

Two threads in one store corrupt it without an error, so nothing enters but through here.
"""

from __future__ import annotations

import threading
from collections import deque

from orchestrator.engine.frame import Frame
from orchestrator.errors import Trapped

_LOOK = 0.02
"""Seconds between two looks of a waiting thread at its frame."""


class Turn:
    """A fair lock that is not re-entrant: the thread that holds it is told so instead of waiting for itself."""

    __slots__ = ("_holder", "_mutex", "_waiting")

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._holder = 0
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    def acquire(self, frame: Frame) -> None:
        """Waits for the turn.

        Raises:
            Trapped: the thread holds it already: a component is calling back into one that waits for it.
            RunError: the frame's problem, if it comes before the turn.
        """
        me = threading.get_ident()
        with self._mutex:
            if not self._holder:
                self._holder = me
                return
            if self._holder == me:
                raise Trapped("a component cannot be called while it is calling out: the call would enter it again")
            ready = threading.Event()
            self._waiting.append((me, ready))
        try:
            self._wait(ready, frame)
        except BaseException:  # a ctrl-C among them: a turn given to a thread that went away would be lost
            if not self._give_up(ready):
                self.release()
            raise

    @staticmethod
    def _wait(ready: threading.Event, frame: Frame) -> None:
        while not ready.wait(_LOOK):
            problem = frame.problem()
            if problem is not None:
                raise problem

    def _give_up(self, ready: threading.Event) -> bool:
        """Leaves the queue; False when the turn came in that moment."""
        with self._mutex:
            if ready.is_set():
                return False
            self._waiting = deque(entry for entry in self._waiting if entry[1] is not ready)
            return True

    def try_acquire(self) -> bool:
        """Takes the turn if nobody has it."""
        with self._mutex:
            if self._holder:
                return False
            self._holder = threading.get_ident()
            return True

    def mine(self) -> bool:
        """Whether this thread has the turn."""
        return self._holder == threading.get_ident()

    def release(self) -> None:
        """Gives the turn to the thread that waits longest."""
        with self._mutex:
            if self._waiting:
                self._holder, ready = self._waiting.popleft()
                ready.set()
            else:
                self._holder = 0
