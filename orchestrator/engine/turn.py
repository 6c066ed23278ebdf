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
    """A fair lock that is not re-entrant: the thread that holds it is told so instead of waiting for itself.

    `take(False)` is the quick way when nobody has it; who takes it so sets `holder`. `give_back` is the quick way back,
    after setting `holder` to 0 while nobody is `waiting`; who came to wait meanwhile is let in by `hand_over`.
    """

    __slots__ = ("_lock", "_mutex", "give_back", "holder", "take", "waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mutex = threading.Lock()
        self.waiting: deque[tuple[int, threading.Event]] = deque()
        self.holder = 0
        self.take, self.give_back = self._lock.acquire, self._lock.release

    def acquire(self, frame: Frame) -> None:
        """Waits for the turn.

        Raises:
            Trapped: the thread holds it already: a component is calling back into one that waits for it.
            RunError: the frame's problem, if it comes before the turn.
        """
        me = threading.get_ident()
        if self._lock.acquire(False):
            self.holder = me
            return
        if self.holder == me:
            raise Trapped("a component cannot be called while it is calling out: the call would enter it again")
        ready = threading.Event()
        with self._mutex:
            self.waiting.append((me, ready))
        try:
            self.hand_over()  # it may have been given back before this thread stood in the queue
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
            self.waiting = deque(entry for entry in self.waiting if entry[1] is not ready)
            return True

    def hand_over(self) -> None:
        """Gives a turn that nobody has to the thread that waits longest."""
        with self._mutex:
            if self.waiting and self._lock.acquire(False):
                self._give()

    def _give(self) -> None:
        self.holder, ready = self.waiting.popleft()
        ready.set()

    def try_acquire(self) -> bool:
        """Takes the turn if nobody has it."""
        if not self._lock.acquire(False):
            return False
        self.holder = threading.get_ident()
        return True

    def mine(self) -> bool:
        """Whether this thread has the turn."""
        return self.holder == threading.get_ident()

    def release(self) -> None:
        """Gives the turn to the thread that waits longest, without letting another come between."""
        if self.waiting:
            with self._mutex:
                if self.waiting:
                    self._give()
                    return
        self.holder = 0
        self._lock.release()
        if self.waiting:
            self.hand_over()
