"""What a guest prints, as events, cut at a limit: a guest that prints without end fills nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.runtime.run import Run

MOST = 64 << 10
"""Bytes of one stream of one instance and run that are kept."""


class Printed:
    """Takes what one instance prints and records it, up to a limit for each stream and run."""

    def __init__(self, run: Run, node: str) -> None:
        self.node = node
        self.instance: Instance | None = None
        """The instance that prints, once it is made."""
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()
        self._run = run

    @property
    def run(self) -> Run:
        """The run that the instance prints for."""
        return self._run

    @run.setter
    def run(self, run: Run) -> None:
        """Another run begins to use the instance: what it prints is counted anew."""
        if run is not self._run:
            with self._lock:
                self._run, self._taken = run, {}

    def __call__(self, stream: str, data: bytes) -> None:
        """Takes what was printed."""
        with self._lock:
            run, before = self._run, self._taken.get(stream, 0)
            self._taken[stream] = before + len(data)
        room = max(0, MOST - before)
        if not room:
            return
        detail = {"stream": stream, "text": data[:room].decode("utf-8", "replace"), "cut": len(data) > room}
        frame = self.instance.frame if self.instance is not None else None
        visit = frame if isinstance(frame, Visit) and frame.run is run else None
        run.event("output", visit, node=self.node, detail=detail)
