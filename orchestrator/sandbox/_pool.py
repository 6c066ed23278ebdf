"""Who uses which instance when: places, given out in the order of asking, as many as there may be at a time.

Not for what an instance is: see `_guests`. Not for what is done with a place: see `_work`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from orchestrator.errors import Cancelled, ClosedError, RunError, TimedOut

if TYPE_CHECKING:
    from orchestrator.engine.frame import Stop
    from orchestrator.sandbox._guests import Guest
    from orchestrator.sandbox._stay import Stay

CLOSED = "the sandbox was closed"
_LOOK = 0.001
"""Seconds between two looks at whether all have left."""


class Place:
    """What somebody asks a pool for: an instance, or leave to make one.

    Arguments:
        stop: ends what is done with it.
    """

    __slots__ = ("around", "begun", "guest", "over", "ready", "stop", "tell")

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.guest: Guest | None = None
        """The instance; None where one is to be made."""
        self.ready = False
        """Whether it was given."""
        self.begun = False
        """Whether the instance may be in use, so that only who uses it can say that it is fit for the next one."""
        self.over = False
        """Whether it was given back."""
        self.around = inside.get()
        self.tell: Callable[[], object] | None = None

    def told(self) -> bool:
        """Tells whoever waits for it; False where that is nobody any more, as their event loop was closed."""
        assert self.tell is not None
        return self.tell() is not False


inside: ContextVar[Place | None] = ContextVar("inside", default=None)
"""The place of the snippet that waits for the code which runs here, a tool; its `around` is the place of the one that
waits for that snippet, and so on."""


class Pool:
    """The places that there are, and the instances of those that nobody uses.

    Arguments:
        size: how many there may be.
    """

    closed, late, own = (
        CLOSED,
        "no instance of the sandbox was free for {seconds:g} s: give it a larger `size`",
        "a tool of a snippet runs another snippet in the same sandbox, whose `size` is {size}: "
        "give it a larger one, or the tool a sandbox of its own",
    )
    """What is said where it was closed, where somebody waits too long, and where they would wait for themselves."""
    keeps = False
    """Whether an instance serves whoever is next though it is not fresh."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._idle: list[Guest] = []
        self._busy: set[Place] = set()
        self._made = 0
        """Instances that there are, or that somebody is making."""
        self._waiting: deque[Place] = deque()
        self._closed = False
        self._lock = threading.Lock()

    # Asking

    def ask(self, place: Place) -> bool:
        """Gives the place if one is free; whether that was so. Whoever has it calls `give`, however they end.

        Raises:
            ClosedError: the pool was closed.
        """
        with self._lock:
            return self._granted(place)

    def line_up(self, place: Place, tell: Callable[[], object]) -> None:
        """Gives the place as soon as one is free, in the order of asking.

        Arguments:
            tell: called when it was given, or never will be, by any thread, which must not be held up; False from it
                says that whoever asked is gone.

        Raises:
            ClosedError: the pool was closed.
            RunError: whoever asks has all the places that there may be, and would wait for themselves.
        """
        with self._lock:
            place.tell = tell
            if self._granted(place):
                tell()
                return
            self._refuse_own(place)
            self._waiting.append(place)

    def _granted(self, place: Place) -> bool:
        if self._closed:
            raise ClosedError(self.closed)
        if self._waiting:
            return False
        if self._idle:
            place.guest = self._idle.pop()
        elif self._made < self.size:
            self._made += 1
        else:
            return False
        self._busy.add(place)
        place.ready = True
        return True

    def _refuse_own(self, place: Place) -> None:
        around, mine = place.around, 0
        while around is not None and not around.over:  # for what is behind one that is over, nobody waits
            mine += around in self._busy
            around = around.around
        if mine >= self.size:
            raise RunError(self.own.format(size=self.size))

    def problem(self, stay: Stay) -> RunError | None:
        """Why a snippet should wait no longer for a place; None if it should."""
        problem = stay.problem()
        if isinstance(problem, TimedOut):
            return TimedOut(self.late.format(seconds=stay.seconds), deadline=stay.deadline)
        return problem

    # Having

    def made(self, place: Place, guest: Guest) -> Guest:
        """Has a place have an instance that was made for it, in place of the one that it has.

        Raises:
            ClosedError: whoever asked is gone, or the pool was closed; the instance was ended.
        """
        with self._lock:
            late, before = place.over or self._closed, place.guest
            if not late:
                place.guest = guest
        if late:
            guest.close()
            raise ClosedError(self.closed)
        if before is not None:
            before.close()
        return guest

    def give(self, place: Place, *, ended: bool = True) -> None:
        """Takes a place back, asked for or not, for the next one who asked. Harmless when repeated.

        Arguments:
            ended: whether what was begun in it has ended; else the instance is lost, and ends when it is left.
        """
        heir = self._taken(place, ended)
        while heir is not None and not heir.told():
            heir = self._taken(heir, ended=False)

    def _taken(self, place: Place, ended: bool) -> Place | None:
        """Takes a place back; the one to tell that it is there."""
        with self._lock:
            if place.over:
                return None
            place.over = True
            if not place.ready:
                if place in self._waiting:
                    self._waiting.remove(place)
                return None
            guest, place.guest, place.around = place.guest, None, None
            fit = guest is not None and (guest.fresh or self.keeps) and (ended or not place.begun) and not self._closed
            heir = self._pass_on(guest if fit else None)
        if guest is not None and not fit:
            guest.close()
        self._busy.discard(place)  # not before: see `emptied`
        return heir

    def _pass_on(self, guest: Guest | None) -> Place | None:
        """Gives an instance, or leave to make one, to the next one who asked, if there is one."""
        if not self._waiting:
            if guest is not None:
                self._idle.append(guest)
            else:
                self._made -= 1
            return None
        place = self._waiting.popleft()
        place.guest, place.ready = guest, True
        self._busy.add(place)
        return place

    # Ending

    def close(self, why: str) -> None:
        """Ends what runs, the instances that are idle at once and the others when they are left; nobody waits on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._made -= len(idle)
            waiting, self._waiting = self._waiting, deque()
            busy = list(self._busy)
        for place in busy:
            place.stop.set(Cancelled(why))
        for guest in idle:
            guest.close()
        for place in waiting:
            place.told()

    def emptied(self, until: float) -> None:
        """Waits until every place was given back and its instance ended, at most until that time.

        Arguments:
            until: seconds of `time.monotonic()`.
        """
        while self._busy and time.monotonic() < until:
            time.sleep(_LOOK)
