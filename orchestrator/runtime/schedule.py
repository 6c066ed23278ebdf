"""Carries a run's nodes out: each when what it needs has ended, independent ones at once.

A thread that ended a node goes on with one that became ready by it; only what is ready beside that gets another thread.
The thread that carries the run out waits for the end and looks at the clock; a guest that is blocked in the host keeps
the others waiting, not that one.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from orchestrator.errors import Cancelled, RunError
from orchestrator.runtime.crossing import explained
from orchestrator.runtime.node import execute
from orchestrator.runtime.states import State

if TYPE_CHECKING:
    from orchestrator.runtime.run import Run

GRACE = 0.5
"""Seconds that a run that is ended waits for its guests; one that is blocked in the host is left behind then."""
_LOOK = 0.25
"""Seconds between two looks at whether the run should go on, when nothing else happens."""


class Schedule:
    """The nodes of one run."""

    def __init__(self, run: Run) -> None:
        self._run, self._steps = run, run.program.steps
        self.states: dict[str, State] = {}
        self._needs = dict(run.program.needs)
        self._lock = threading.Lock()
        self._running = 0
        self._problem: RunError | None = None
        self._over = False
        """Whether nothing begins any more."""

    def carry_out(self) -> dict[str, State]:
        """Runs every node; how each ended.

        Raises:
            RunError: a node failed, the time was up, or the run was cancelled. What still runs was told to stop.
        """
        try:
            self._begin()
            while self._running and self._problem is None:
                self._await()
            if self._problem is not None:
                raise self._problem
        except RunError as problem:
            self._end(Cancelled(f"the run ended: {problem.message}"))
            raise
        except BaseException:
            self._end(Cancelled("the run was interrupted"))
            raise
        return self.states

    def _begin(self) -> None:
        """Begins what needs nothing: on this thread where guests may run here, else on others."""
        problem = self._run.frame.problem()
        if problem is not None:
            raise problem
        ready = [name for name, needs in self._needs.items() if not needs]
        self._running = len(ready)
        here = self._run.program.can_run_here()
        for name in ready[1:] if here else ready:
            self._start(name)
        if here and ready:
            self._work(ready[0])

    def _start(self, name: str) -> None:
        self._run.program.threads.start(lambda: self._work(name))

    def _work(self, name: str | None) -> None:
        """Executes a node, and then, one after the other, what became ready by it."""
        while name is not None:
            try:
                state = execute(self._run, self._steps[name], self.states)
            except BaseException as problem:
                found = problem if isinstance(problem, RunError) else explained(problem)
                self._failed(self._run.placed(found, name))
                return
            name = self._ended(name, state)

    def _ended(self, name: str, state: State) -> str | None:
        """Notes how a node ended; the one that this thread goes on with."""
        with self._lock:
            self.states[name] = state
            needs, ready = self._needs, []
            for follower in self._steps[name].followers:
                needs[follower] -= 1
                if not needs[follower]:
                    ready.append(follower)
            if self._over:
                ready = []
            self._running += len(ready) - 1
            over = not self._running
        if over:
            self._run.inbox.put(None)
        for other in ready[1:]:
            self._start(other)
        return ready[0] if ready else None

    def _failed(self, problem: RunError) -> None:
        """Notes the first failure, or that one more has ended after it."""
        run = self._run
        if run.ended_by(problem):
            problem = run.frame.problem() or problem
        with self._lock:
            self._running -= 1
            first = self._problem is None and not self._over
            if first:
                self._problem = problem
            self._over = True
        if first:  # now: the thread that waits for the end may itself be in a guest
            run.stop.set(Cancelled(f"the run ended: {problem.message}"))
        run.inbox.put(None)

    def _await(self) -> None:
        """Waits for the end, or for the next look, as long as the run may go on."""
        problem = self._run.frame.problem()
        if problem is not None:
            raise problem
        try:
            self._run.inbox.get(timeout=max(0.0, min(_LOOK, self._run.frame.remaining())))
        except queue.Empty:
            return

    def _end(self, reason: Cancelled) -> None:
        """Lets nothing begin any more and waits a little for what still runs; its instances end when it returns."""
        with self._lock:
            self._over = True
        self._run.stop.set(reason)
        end = time.monotonic() + GRACE
        while self._running and (left := end - time.monotonic()) > 0:
            try:
                self._run.inbox.get(timeout=left)
            except queue.Empty:
                break
        if self._running:
            self._run.program.abandon(self._run)
