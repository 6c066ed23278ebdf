"""The instances of a sandbox, shared by whoever runs snippets: made on demand, given out in the order of asking.

Not for what an instance is: see `_guests`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING

from orchestrator.errors import ClosedError, RunError, TimedOut

if TYPE_CHECKING:
    from orchestrator.sandbox._guests import Guest
    from orchestrator.sandbox._stay import Stay

_LOOK = 0.02
"""Seconds between two looks of who waits at whether to go on."""
CLOSED = "the sandbox was closed"


class Place:
    """What somebody asked for: an instance, or leave to make one; at once, or later.

    Arguments:
        tell: called when it is there, if it is not at once: by another thread, which must not be held up.
    """

    __slots__ = ("_ready", "guest", "ready", "tell")

    def __init__(self, tell: Callable[[], object] | None) -> None:
        self.guest: Guest | None = None
        """The instance; None where one is to be made."""
        self.ready = False
        self.tell = tell
        self._ready: threading.Event | None = None

    def waits(self) -> None:
        """It is not there at once."""
        if self.tell is None:
            self._ready = threading.Event()
            self.tell = self._ready.set

    def wait(self, stay: Stay) -> None:
        """Waits until it is there.

        Raises:
            RunError: the stay's problem, if that comes before.
        """
        while self._ready is not None and not self._ready.wait(_LOOK):
            problem = late(stay)
            if problem is not None:
                raise problem


def late(stay: Stay) -> RunError | None:
    """Why a snippet should wait no longer for an instance; None if it should."""
    problem = stay.problem()
    if isinstance(problem, TimedOut):
        said = f"no instance of the sandbox was free for {stay.seconds:g} s: give it a larger `size`"
        return TimedOut(said, deadline=stay.deadline)
    return problem


class Pool:
    """The instances that there are.

    Arguments:
        size: how many there may be.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._idle: list[Guest] = []
        self._busy: set[Guest] = set()
        self._made = 0
        """Instances that there are, or that somebody is making."""
        self._waiting: deque[Place] = deque()
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, tell: Callable[[], object] | None = None) -> Place:
        """Asks for an instance; who does not come to need it calls `withdraw`, who used it `give`.

        Raises:
            ClosedError: the sandbox was closed.
            RunError: this thread has all instances that there may be, and would wait for itself.
        """
        place = Place(tell)
        with self._lock:
            if self._closed:
                raise ClosedError(CLOSED)
            if self._waiting or not self._granted(place):
                self._refuse_own()
                place.waits()
                self._waiting.append(place)
        return place

    def _granted(self, place: Place) -> bool:
        if self._idle:
            place.guest = self._idle.pop()
            self._busy.add(place.guest)
        elif self._made < self.size:
            self._made += 1
        else:
            return False
        place.ready = True
        return True

    def _refuse_own(self) -> None:
        me = get_ident()
        if sum(guest.holder == me for guest in self._busy) >= self.size:
            raise RunError(
                f"a tool of a snippet runs another snippet in the same sandbox, whose `size` is {self.size}: "
                "give it a larger one, or the tool a sandbox of its own"
            )

    def made(self, guest: Guest) -> None:
        """Takes an instance that was made by leave of a place."""
        with self._lock:
            self._busy.add(guest)
            closed = self._closed
        if closed:
            guest.close()

    def give(self, guest: Guest | None) -> None:
        """Takes an instance back, for the next one who asked; one that is not fresh ends.

        Arguments:
            guest: None where it could not be made.
        """
        told: Callable[[], object] | None = None
        with self._lock:
            if guest is not None:
                if guest not in self._busy:  # it was given up, with its place
                    return
                self._busy.discard(guest)
            keep = guest if guest is not None and guest.fresh and not self._closed else None
            told = self._pass_on(keep)
        if guest is not None and keep is None:
            guest.close()
        if told is not None:
            told()

    def _pass_on(self, guest: Guest | None) -> Callable[[], object] | None:
        """Gives an instance, or leave to make one, to the next one who asked; what tells that one."""
        if not self._waiting:
            if guest is not None:
                self._idle.append(guest)
            else:
                self._made -= 1
            return None
        place = self._waiting.popleft()
        place.guest, place.ready = guest, True
        if guest is not None:
            self._busy.add(guest)
        return place.tell

    def withdraw(self, place: Place) -> None:
        """Somebody does not wait any longer."""
        with self._lock:
            if not place.ready:
                if place in self._waiting:
                    self._waiting.remove(place)
                return
        self.give(place.guest)

    def close(self) -> None:
        """Ends the instances that are idle, and the others when they are given back; nobody waits any more."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._made -= len(idle)
            waiting, self._waiting = self._waiting, deque()
        for guest in idle:
            guest.close()
        for place in waiting:
            if place.tell is not None:
                place.tell()
