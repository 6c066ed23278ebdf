"""One stay of a run in a node: what a guest's call brings along, so that its own calls find their way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.engine.frame import Frame

if TYPE_CHECKING:
    from orchestrator.runtime.crossing import Crossing
    from orchestrator.runtime.run import Run


RUN_SPAN = 1
"""The span of the run itself."""


class Visit(Frame):
    """A frame that knows what it is part of: the run, the node that is entered, the span of the entering.

    Arguments:
        around: what it is part of: it ends when that ends, and not later.
    """

    __slots__ = ("inner", "node", "outer", "own_limit", "parent", "request", "run", "span", "start")

    def __init__(self, run: Run, node: str, around: Frame) -> None:
        self.stop, self.deadline, self.limit = around.stop, around.deadline, around.limit
        self.run, self.node = run, node
        self.span = self.parent = self.start = 0
        """Its span, the one in which it happens, and when it began (`time.perf_counter_ns`): set by `begin`."""
        self.request = -1
        self.inner: dict[Crossing, Visit] = {}
        """By what it calls over, the visits that its calls are: each serves one call after the other."""
        self.instance = None
        self.fresh = False
        self.own_limit = False
        """Whether the deadline is the crossed edge's own timeout."""
        self.outer = self.deadline, self.limit, False
        """The deadline of the crossing, what set it, and `own_limit`, without what the node itself may take: of a call
        that detectors judge."""

    def begin(self, parent: int) -> Visit:
        """Begins, now, in a span; itself."""
        self.span, self.parent, self.start = self.run.span(), parent, time.perf_counter_ns()
        return self

    @property
    def began(self) -> int:
        """When the visit began, in nanoseconds since the epoch."""
        return self.run.epoch + self.start

    def within(self, seconds: float | None, limit: str) -> bool:
        """Moves the deadline nearer, if `seconds` from now are nearer; whether they are."""
        if seconds is None:
            return False
        deadline = time.monotonic() + seconds
        if deadline >= self.deadline:
            return False
        self.deadline, self.limit = deadline, limit
        return True
