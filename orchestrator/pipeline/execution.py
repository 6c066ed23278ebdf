"""A run in the background; not for what it gave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import Cancelled
from orchestrator.pipeline.result import Result

if TYPE_CHECKING:
    from orchestrator.audit import Event, Subscription
    from orchestrator.pipeline.linked import LinkedPipeline
    from orchestrator.runtime import Program
    from orchestrator.runtime.run import Run


class Execution:
    """A run in the background: wait for its `result`, `cancel` it, iterate over its events while it goes on."""

    def __init__(self, linked: LinkedPipeline, program: Program, run: Run) -> None:
        self._linked, self._program, self._run = linked, program, run
        self._events = linked.recorder.subscribe(run.id)
        self._watched: Subscription | None = None
        self._done: threading.Event | None = None
        """Set when a run in the background has ended."""
        self._after: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._result: Result | None = None
        self._problem: BaseException | None = None

    @property
    def trace_id(self) -> str:
        """The trace of the run, 32 hexadecimal digits."""
        from orchestrator.audit import trace_id

        return trace_id(self._run.id)

    def begin(self) -> None:
        """Begins the run on a thread of its own."""
        self._done = threading.Event()
        self._watched = self._linked.recorder.subscribe(self._run.id)
        threading.Thread(target=self._carry_out_here, name="orchestrator-run", daemon=True).start()

    def carry_out(self) -> Result:
        """Carries the run out on this thread."""
        outcome = self._program.carry_out(self._run)
        return Result(
            self._linked.model, outcome, self._events, self._linked.recorder, self._run.brought, self._run.flow
        )

    def _carry_out_here(self) -> None:
        try:
            self._result = self.carry_out()
        except BaseException as problem:
            self._problem = problem
        with self._lock:
            self._ended.set()
            after, self._after = self._after, []
        for tell in after:
            tell()

    @property
    def _ended(self) -> threading.Event:
        assert self._done is not None, "the run was not begun in the background"
        return self._done

    def when_done(self, tell: Callable[[], None]) -> None:
        """Has `tell` called when the run has ended, on its thread; at once if it has."""
        with self._lock:
            if not self._ended.is_set():
                self._after.append(tell)
                return
        tell()

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Ends the run: its guests stop, its result raises `Cancelled`. Harmless when it has ended."""
        self._run.cancel(Cancelled(reason))

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self._ended.is_set()

    def result(self, timeout: float | None = None) -> Result:
        """Waits for the run.

        Raises:
            TimeoutError: it has not ended after `timeout` seconds; it goes on.
            RunError: it did not end well.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the run has not ended after {timeout} s")
        if self._problem is not None:
            raise self._problem
        assert self._result is not None
        return self._result

    def __iter__(self) -> Iterator[Event]:
        """The run's events as they happen, each once; ends with the run's own."""
        return iter(self._watched or ())
