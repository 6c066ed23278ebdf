"""One snippet's stay in an instance: until when it may go on, the loop that awaits it, and what is told of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYet
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.engine.frame import Stop
from orchestrator.errors import Cancelled
from orchestrator.runtime.trail import RUN_SPAN, Traced, Trail, forget

if TYPE_CHECKING:
    from orchestrator.sandbox._pool import Place

NODE = "sandbox"
"""What an instance is called in messages and events: as if it were the only node of a pipeline."""
SILENT = Trail("", forget)
"""What nobody is told of."""
_LOOK = 0.02
"""While a tool is awaited, seconds between two looks at whether the snippet should go on."""


@lru_cache(64)  # writing it for each snippet anew would take longer than all else that a stay is made of
def _limit(seconds: float | None) -> str:
    return "" if seconds is None else f"the snippet took longer than {seconds:g} s"


class Stay(Traced):
    """The stay of a snippet, or of what is done with an instance beside snippets.

    Arguments:
        seconds: until the snippet is ended; None for no end.
        trail: where it is told of.
        loop: where what is awaited runs; None for a loop of its own.
    """

    __slots__ = ("calls", "loop", "place", "seconds")

    def __init__(
        self, seconds: float | None, trail: Trail = SILENT, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.stop, self.instance, self.fresh = Stop(), None, False
        self.run, self.node, self.span, self.parent, self.start = trail, NODE, RUN_SPAN, 0, trail.start
        self.seconds, self.loop, self.zero = seconds, loop, time.time_ns()
        self.place: Place | None = None
        """The place that it has in a pool; None where it needs none."""
        self.calls = 0
        """How often a tool was called."""
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.limit = _limit(seconds)

    def interrupt(self) -> None:
        """Ends it: ctrl-C came."""
        self.stop.set(Cancelled("the snippet was interrupted"))

    def awaited(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine gives, on the loop that awaits this snippet; this thread waits for it.

        Raises:
            RunError: the snippet is to end; so is the coroutine.
        """
        if self.loop is None:
            return asyncio.run(self._watched(work))
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:  # the loop was closed
            work.close()
            raise
        while True:
            try:
                return future.result(_LOOK)
            except NotYet:
                if future.done():
                    raise  # its own
            except CancelledError:
                raise RuntimeError("the tool was cancelled") from None
            problem = self.problem()
            if problem is not None:
                future.cancel()
                raise problem

    async def _watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The same on a loop of this thread's own."""
        task = asyncio.ensure_future(work)
        while not (await asyncio.wait([task], timeout=_LOOK))[0]:
            problem = self.problem()
            if problem is not None:
                task.cancel()
                raise problem
        return task.result()
