"""Carries a run's nodes out: each when what it needs has ended, independent ones at once."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

from orchestrator.errors import Cancelled, RunError
from orchestrator.runtime.crossing import explained
from orchestrator.runtime.node import Execution
from orchestrator.runtime.states import State

if TYPE_CHECKING:
    from orchestrator.runtime.run import Run

GRACE = 0.5
"""Seconds that a run that is ended waits for its guests; one that is blocked in the host is left behind then."""
_LOOK = 0.25
"""Seconds between two looks at whether the run should go on, when nothing else happens."""


class Schedule:
    """The nodes of one run, on the threads of its program."""

    def __init__(self, run: Run) -> None:
        self._run, self._graph = run, run.graph
        self.states: dict[str, State] = {}
        self._waiting = {name: set(run.graph.nodes[name].after) for name in run.graph.order}
        self._running: set[str] = set()

    def carry_out(self) -> dict[str, State]:
        """Runs every node; how each ended.

        Raises:
            RunError: a node failed, the time was up, or the run was cancelled. What still runs was told to stop.
        """
        try:
            self._start_ready()
            while self._running:
                self._await_one()
                self._start_ready()
        except RunError as problem:
            self._run.stop.set(_ended_by(problem))
            self._settle()
            raise
        except BaseException:
            self._run.stop.set(Cancelled("the run was interrupted"))
            self._settle()
            raise
        return self.states

    def _start_ready(self) -> None:
        ready = [name for name, needs in self._waiting.items() if not needs]
        for name in ready:
            del self._waiting[name]
            self._running.add(name)
            self._run.program.threads.start(lambda name=name: self._work(name))  # type: ignore[misc]

    def _work(self, name: str) -> None:
        """On a thread of its own: the node, and how it ended into the inbox."""
        try:
            execution = Execution(
                self._run, self._graph.nodes[name], self.states, name in self._run.program.errors_taken
            )
            self._run.inbox.put((name, execution.execute(), None))
        except BaseException as problem:
            found = problem if isinstance(problem, RunError) else explained(problem)
            self._run.inbox.put((name, None, self._run.placed(found, name)))

    def _await_one(self) -> None:
        """Waits for one node to end, as long as the run may go on."""
        problem = self._run.frame.problem()
        if problem is not None:
            raise problem
        try:
            ended = self._run.inbox.get(timeout=max(0.0, min(_LOOK, self._run.frame.remaining())))
        except queue.Empty:
            return
        if ended is not None:
            self._ended(*ended)

    def _ended(self, name: str, state: State | None, problem: RunError | None) -> None:
        self._running.discard(name)
        if problem is not None and self._run.ended_by(problem):
            problem = self._run.frame.problem()
        if problem is not None:
            raise problem
        assert state is not None
        self.states[name] = state
        for needs in self._waiting.values():
            needs.discard(name)

    def _settle(self) -> None:
        """Waits a little for what still runs; its instances end when it returns, however late."""
        end = time.monotonic() + GRACE
        while self._running and (left := end - time.monotonic()) > 0:
            try:
                ended = self._run.inbox.get(timeout=left)
            except queue.Empty:
                break
            if ended is not None:
                self._running.discard(ended[0])
        if self._running:
            self._run.program.abandon(self._run)


def _ended_by(problem: RunError) -> Cancelled:
    """Why the other nodes end when one failed."""
    return Cancelled(f"the run ended: {problem.message}")
