"""Waiting on a guest's thread: for a time, or for what another thread does. What `wasi:io/poll` rests on.

A wait ends with the guest's deadline, and with its run: nothing that the host serves blocks in any other way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from orchestrator.engine.host import HostResource

if TYPE_CHECKING:
    from orchestrator.wasi.clocks import Clock

LOOK = 0.02
"""Seconds between two looks of a waiting guest at whether it should go on."""

Ready = Callable[[], bool]


class Pollable(HostResource):
    """Something that is ready, or will be.

    Arguments:
        ready: says whether it is, without blocking; None for what only time makes ready.
        due: the guest's monotonic time, nanoseconds, at which it is ready in any case; None for never.
    """

    __slots__ = ("due", "ready")

    def __init__(self, ready: Ready | None = None, due: int | None = None) -> None:
        self.ready, self.due = ready, due

    def is_ready(self, now: int) -> bool:
        """Whether it is ready at a time of the guest's."""
        return (self.due is not None and self.due <= now) or (self.ready is not None and self.ready())


ALWAYS = Pollable(lambda: True)
"""What never has to be waited for."""


class Waiting:
    """The waits of one instance.

    Arguments:
        clock: the guest's.
        check: raises why the guest should not go on waiting.
        remaining: seconds until its deadline.
    """

    def __init__(self, clock: Clock, check: Callable[[], None], remaining: Callable[[], float]) -> None:
        self._clock, self.check, self._remaining = clock, check, remaining
        self._bell = threading.Event()
        self.ring = self._bell.set
        """Has the guest look again at what it waits for; called from any thread after something became ready."""

    def more(self, pollable: Pollable) -> None:
        """Waits for what had nothing to give; a guest that should end does, even where that says that it is ready."""
        self.check()
        self.first([pollable])

    def until(self, ready: Ready) -> None:
        """Waits until something is ready; whoever makes it so rings."""
        self.first([Pollable(ready)])

    def first(self, pollables: Sequence[Pollable]) -> list[int]:
        """Waits until one of several is ready; the places of all that are.

        Under a virtual clock nothing but waiting moves the time: what only time makes ready is ready at once, unless
        something else is waited for too, which takes as long as it takes.
        """
        while True:
            self._bell.clear()
            now = self._clock.monotonic()
            found = [place for place, one in enumerate(pollables) if one.is_ready(now)]
            if found:
                return found
            self.check()
            self._wait(pollables, now)

    def _wait(self, pollables: Sequence[Pollable], now: int) -> None:
        dues = [one.due for one in pollables if one.due is not None]
        left = min(dues) - now if dues else None
        if left is not None and self._clock.is_virtual and all(one.ready is None for one in pollables):
            self._clock.advance(left)
            return
        seconds = LOOK if left is None else min(LOOK, left / 1e9)
        self._clock.pass_while(lambda: self._bell.wait(max(0.0, min(seconds, self._remaining()))))
