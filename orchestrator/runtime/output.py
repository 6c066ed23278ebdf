"""What a guest prints, as events, cut at a limit: a guest that prints without end fills nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.capability.limits import KEPT
from orchestrator.contract.redact import HIDDEN
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.runtime.run import Run


class Printed:
    """Takes what one instance prints and records it, up to a limit for its node in each run.

    Arguments:
        nodes: whose instance it is; of several that share it, the last stands for all of them.
        run: that the instance is made for; later it is the run that is in the instance. None for one that is made
            ahead, which cannot print before it has one.
        most: bytes of both streams together that are kept; None for `KEPT` of each.
    """

    def __init__(self, nodes: Sequence[str], run: Run | None, most: int | None = None) -> None:
        self.node, self._nodes = nodes[-1], nodes
        self.instance: Instance | None = None
        """The instance that prints, once it is made."""
        self._run, self._most = run, most

    def hushed(self, run: Run) -> bool:
        """Whether what the nodes print in a run may hold what a contract redacts."""
        return not run.program.hushed.isdisjoint(self._nodes)

    def __call__(self, stream: str, data: bytes) -> None:
        """Takes what was printed, on the thread that is in the instance."""
        frame = self.instance.frame if self.instance is not None else None
        visit = frame if isinstance(frame, Visit) else None
        run = self._run = visit.run if visit is not None else self._run
        if run is None:
            return
        room = self._room(run, stream, len(data))
        if not room:
            return
        text = HIDDEN if self.hushed(run) else data[:room].decode("utf-8", "replace")
        detail = {"stream": stream, "text": text, "cut": len(data) > room}
        run.event("output", visit, node=self.node, detail=detail)

    def _room(self, run: Run, stream: str, size: int) -> int:
        """How much of what is printed may be kept."""
        account = run.rooms.account(self.node)
        if self._most is None:
            return max(0, KEPT - account.printed(stream, size))
        return max(0, self._most - account.printed("", size))
