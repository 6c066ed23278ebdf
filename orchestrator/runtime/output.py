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
"""Bytes of one stream of one instance and run that are kept."""


class Printed:
    """Takes what one instance prints and records it, up to a limit for each stream and run.

    Arguments:
        run: that the instance is made for; later it is the run that is in the instance.
        nodes: whose instance it is; of several that share it, the last stands for all of them.
    """

    def __init__(self, run: Run, nodes: Sequence[str]) -> None:
        self.node, self._nodes = nodes[-1], nodes
        self.instance: Instance | None = None
        """The instance that prints, once it is made."""
        self._run = run
        self._taken: dict[str, int] = {}

    @property
    def hushed(self) -> bool:
        """Whether what the nodes print may hold what a contract redacts."""
        return not self._run.program.hushed.isdisjoint(self._nodes)

    def __call__(self, stream: str, data: bytes) -> None:
        """Takes what was printed, on the thread that is in the instance."""
        frame = self.instance.frame if self.instance is not None else None
        visit = frame if isinstance(frame, Visit) else None
        if visit is not None and visit.run is not self._run:
            self._run, self._taken = visit.run, {}
        before = self._taken.get(stream, 0)
        self._taken[stream] = before + len(data)
        room = max(0, MOST - before)
        if not room:
            return
        text = HIDDEN if self.hushed else data[:room].decode("utf-8", "replace")
        detail = {"stream": stream, "text": text, "cut": len(data) > room}
        self._run.event("output", visit, node=self.node, detail=detail)
