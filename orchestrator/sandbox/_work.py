"""What somebody wants to do with an instance of a pool: its place is asked for, waited for, used, and given back.

Not for the thread that it is done on: see `_carrier`.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orchestrator.errors import Cancelled, ClosedError
from orchestrator.sandbox._pool import Place, Pool

if TYPE_CHECKING:
    from orchestrator.sandbox._stay import Stay

T = TypeVar("T")
G = TypeVar("G")

_LOOK = 0.02
"""Seconds after which whoever waits looks whether to go on."""


class News:
    """Something that will happen, awaited on the running loop; any thread may tell it."""

    __slots__ = ("_awaited", "_loop", "told")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awaited: asyncio.Future[None] | None = None
        self.told = False

    def tell(self) -> bool:
        """It has happened; False where nobody can hear it any more, as the loop was closed."""
        try:
            self._loop.call_soon_threadsafe(self._tell)
        except RuntimeError:
            return False
        return True

    def _tell(self) -> None:
        self.told = True
        self._wake()

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    async def within(self, seconds: float) -> bool:
        """Whether it happens within that time, which may be infinite. For one task."""
        if self.told:
            return True
        self._awaited = self._loop.create_future()
        # a timer and no `asyncio.timeout`, which takes some 9 us more: a snippet is awaited in 200
        timer = None if seconds == math.inf else self._loop.call_later(seconds, self._wake)
        try:
            await self._awaited
        finally:
            if timer is not None:
                timer.cancel()
        return self.told


class Work(Generic[T]):
    """Something to do with an instance, once.

    `wait` or `awaited`, then a call on whatever thread; `leave` in any case, so that no place is ever lost.

    Arguments:
        pool: that the instance is of.
        stay: how long it may take, and what ends it.
        do: what is done, with `given` and the place.
    """

    __slots__ = ("_do", "_given", "_place", "_pool", "stay")

    def __init__(self, pool: Pool, stay: Stay, do: Callable[[G, Place], T], given: G) -> None:
        self._pool, self.stay = pool, stay
        self._do: Callable[[Any, Place], T] = do
        self._given = given
        self._place = stay.place = Place(stay.stop)

    def wait(self) -> None:
        """Waits for the place.

        Raises:
            ClosedError: the pool was closed.
            RunError: the stay's problem, if that comes before; or the place would never come.
        """
        if self._pool.ask(self._place):
            return
        ready = threading.Event()
        self._pool.line_up(self._place, ready.set)
        while not ready.wait(max(0.0, min(_LOOK, self.stay.remaining()))):
            self._go_on()
        self._check()

    async def awaited(self) -> None:
        """The same, awaited; it takes no thread."""
        if self._pool.ask(self._place):
            return
        ready = News()
        self._pool.line_up(self._place, ready.tell)
        while not await ready.within(self.stay.remaining()):
            self._go_on()
        self._check()

    def _go_on(self) -> None:
        problem = self._pool.problem(self.stay)
        if problem is not None:
            raise problem

    def _check(self) -> None:
        if not self._place.ready:
            raise ClosedError(self._pool.closed)

    def __call__(self) -> T:
        """Does it, and gives the place back."""
        place = self._place
        place.begun = True  # before the look at `over`: see `Pool.give`, which looks the other way round
        try:
            if place.over:
                raise ClosedError("whoever asked for the snippet is gone")
            return self._do(self._given, place)
        finally:
            self._pool.give(place)

    def leave(self) -> None:
        """Whoever asked waits no longer: what was begun and has not ended is left behind, and its instance is lost."""
        if not self._place.over:
            self.stay.stop.set(Cancelled("whoever asked for the snippet is gone"))
            self._pool.give(self._place, ended=False)
