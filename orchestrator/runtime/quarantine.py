"""Keeps what misbehaving nodes left in their memories, to be looked at later: see `orchestrator.snapshots`.

As many states as a node asks for, in each run: a guest that misbehaves again and again fills no disk. What cannot be
kept (a disk is full, an instance is gone) ends no run: it is told of, and the node is taken back all the same.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from orchestrator.audit import trace_id
from orchestrator.engine import capture
from orchestrator.errors import ClosedError, SnapshotError

if TYPE_CHECKING:
    from orchestrator.engine import Contents, Instance
    from orchestrator.runtime.run import Run

MOST_CALLS = 200
"""Calls of a node that are remembered."""


class Quarantine:
    """What is kept of nodes in one run.

    Arguments:
        most: by node, how many states; of others none is kept.
    """

    def __init__(self, most: dict[str, int]) -> None:
        self._left = dict(most)
        self._calls: dict[str, deque[str]] = {node: deque(maxlen=MOST_CALLS) for node in most}
        self._lock = threading.Lock()

    def called(self, node: str, function: str) -> None:
        """A function of a node is called."""
        calls = self._calls.get(node)
        if calls is not None:
            calls.append(function)

    def captured(self, node: str, instance: Instance) -> Contents | None:
        """What an instance's memories hold, which is entered or has ended; None where that is not kept."""
        with self._lock:
            if self._left.get(node, 0) <= 0:
                return None
            self._left[node] -= 1
        try:
            return capture(instance)
        except (ClosedError, OSError):
            return None

    def keep(self, run: Run, node: str, rule: str, contents: Contents | None) -> dict[str, str]:
        """Keeps that; what the event of the revert says of it."""
        if contents is None:
            return {}
        from orchestrator.snapshots import About, Store

        calls = self._calls[node]
        component = run.graph.nodes[node].component
        name = component.name if component else ""
        about = About(node, name, run.graph.name, rule, "after-init", trace_id(run.id), tuple(calls))
        calls.clear()
        try:
            return {"kept": Store().keep(contents, about)}
        except (SnapshotError, OSError) as problem:
            return {"not-kept": str(problem)}
