"""What a call brings into an instance: until when it may run, and whether it still should."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from orchestrator.errors import RunError, TimedOut

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance


class Stop:
    """Whether a run, or a part of one, is to end. Set once; the first reason stays. Ending the whole ends the part.

    Arguments:
        whole: the stop of what this is a part of.
    """

    __slots__ = ("_reason", "_whole")

    def __init__(self, whole: Stop | None = None) -> None:
        self._reason: RunError | None = None
        self._whole = whole

    @property
    def reason(self) -> RunError | None:
        """Why to end, or None."""
        if self._reason is None and self._whole is not None:
            return self._whole.reason
        return self._reason

    def set(self, reason: RunError) -> None:
        """Ends whatever looks here, with that error."""
        if self._reason is None:
            self._reason = reason


class Frame:
    """One stay in an instance. The runtime derives its own, which knows the run, the node and the span.

    Arguments:
        stop: ends the guest when it is set.
        deadline: `time.monotonic()` seconds at which the guest is ended.
        limit: what set the deadline, for the message: "node `x`: timeout 5s".
    """

    __slots__ = ("deadline", "fresh", "instance", "limit", "stop")

    def __init__(self, stop: Stop | None = None, deadline: float = math.inf, limit: str = "") -> None:
        self.stop, self.deadline, self.limit = stop or Stop(), deadline, limit
        self.instance: Instance | None = None
        """The instance that the last call of this frame entered, if the next one may."""
        self.fresh = False
        """Whether the instance that it is in is for this stay alone, and closed after it."""

    def problem(self) -> RunError | None:
        """Why the guest must not go on, or None."""
        if self.stop.reason is not None:
            return self.stop.reason
        if time.monotonic() >= self.deadline:
            return TimedOut(self.limit or "the time is up", deadline=self.deadline)
        return None

    def check(self) -> None:
        """Raises why not to go on, if anything is against it.

        Raises:
            RunError: that.
        """
        problem = self.problem()
        if problem is not None:
            raise problem

    def remaining(self) -> float:
        """Seconds until the deadline; infinite where there is none."""
        return self.deadline - time.monotonic()
