"""One stay of a run in a node: what a guest's call brings along, so that its own calls find their way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.runtime.trail import Traced

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.engine.frame import Frame
    from orchestrator.runtime.crossing import Crossing
    from orchestrator.runtime.run import Run


class Visit(Traced):
    """A stay of a run of a pipeline in one of its nodes.

    Arguments:
        around: what it is part of: it ends when that ends, and not later.
    """

    __slots__ = ("held", "holds", "inner", "outer", "own", "own_limit", "request")

    run: Run

    def __init__(self, run: Run, node: str, around: Frame) -> None:
        self.stop, self.deadline, self.limit = around.stop, around.deadline, around.limit
        self.run, self.node, self.zero = run, node, run.began
        self.span = self.parent = self.start = 0
        """Set by `begin`."""
        self.request = -1
        self.inner: dict[Crossing, Visit] = {}
        """By what it calls over, the visits that its calls are: each serves one call after the other."""
        self.instance = None
        self.fresh = False
        self.own: Instance | None = None
        """The instance that was made for it, as long as nothing has taken that back."""
        self.holds = False
        """Whether that instance is dismissed only when the crossed edge has judged the call."""
        self.held: Instance | None = None
        """The same, when it has been left."""
        self.own_limit = False
        """Whether the deadline is the crossed edge's own timeout."""
        self.outer = self.deadline, self.limit, False
        """The deadline of the crossing, what set it, and `own_limit`, without what the node itself may take: of a call
        that detectors judge."""

    def begin(self, parent: int) -> Visit:
        """Begins, now, in a span; itself."""
        self.span, self.parent, self.start = self.run.span(), parent, time.perf_counter_ns()
        return self

    def within(self, seconds: float | None, limit: str) -> bool:
        """Moves the deadline nearer, if `seconds` from now are nearer; whether they are."""
        if seconds is None:
            return False
        deadline = time.monotonic() + seconds
        if deadline >= self.deadline:
            return False
        self.deadline, self.limit = deadline, limit
        return True
