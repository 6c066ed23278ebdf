"""What a guest prints, as events, cut at a limit: a guest that prints without end fills nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.contract.redact import HIDDEN
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.runtime.run import Run

MOST = 64 << 10
"""Bytes of one stream of one instance and run that are kept, where no limit says otherwise."""


class Printed:
    """Takes what one instance prints and records it, up to a limit for each run.

    Arguments:
        nodes: whose instance it is; of several that share it, the last stands for all of them.
        run: that the instance is made for; later it is the run that is in the instance. None for one that is made
            ahead: what its start function prints is kept for the run that it is `given_to`.
        most: bytes of both streams together that are kept; None for `MOST` of each.
    """

    def __init__(self, nodes: Sequence[str], run: Run | None, most: int | None = None) -> None:
        self.node, self._nodes = nodes[-1], nodes
        self.instance: Instance | None = None
        """The instance that prints, once it is made."""
        self._run, self._most = run, most
        self._taken: dict[str, int] = {}
        self._early: list[tuple[str, bytes]] = []

    def hushed(self, run: Run) -> bool:
        """Whether what the nodes print in a run may hold what a contract redacts."""
        return not run.program.hushed.isdisjoint(self._nodes)

    def given_to(self, run: Run) -> None:
        """The run has the instance from now on: what was printed before there was one is recorded as its own."""
        self._run, self._taken = run, {}
        early, self._early = self._early, []
        for stream, data in early:
            self(stream, data)

    def __call__(self, stream: str, data: bytes) -> None:
        """Takes what was printed, on the thread that is in the instance."""
        frame = self.instance.frame if self.instance is not None else None
        visit = frame if isinstance(frame, Visit) else None
        if visit is not None and visit.run is not self._run:
            self._run, self._taken = visit.run, {}
        before = self._taken.get(stream, 0)
        room = max(0, MOST - before if self._most is None else self._most - sum(self._taken.values()))
        self._taken[stream] = before + len(data)
        if not room:
            return
        if self._run is None:
            self._early.append((stream, data[: room + 1]))  # one byte more tells that it was cut
            return
        text = HIDDEN if self.hushed(self._run) else data[:room].decode("utf-8", "replace")
        detail = {"stream": stream, "text": text, "cut": len(data) > room}
        self._run.event("output", visit, node=self.node, detail=detail)
