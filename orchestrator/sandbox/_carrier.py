"""On which thread a snippet runs, and how whoever asked for it waits for its end.

A guest that can only compute runs on the caller's own thread where that has stack enough: its deadline and ctrl-C end
it at its next look. One that may be blocked in the host, by a tool or by what it prints to a terminal, runs on another
thread, which is left behind when its time is up and it does not return.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from orchestrator.engine.stack import has_frames, needed_stack, stack_left
from orchestrator.errors import Cancelled, RunError
from orchestrator.runtime.interrupts import Interrupts, on_main_thread, only_interrupts
from orchestrator.runtime.threads import Threads
from orchestrator.sandbox._stay import Stay
from orchestrator.sandbox._work import News, Work

T = TypeVar("T")

GRACE = 0.5
"""Seconds that a snippet whose time is up is waited for."""
_LOOK = 0.1
"""Seconds after which whoever waits looks whether the snippet should go on."""
_DEPTH = 1


class _Task(Generic[T]):
    """Work on another thread."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.ended = threading.Event()
        self.told: Callable[[], Any] = self.ended.set
        """Called when it has ended."""
        self._value: list[T] = []
        self._problem: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._value.append(self._work())
        except BaseException as problem:
            self._problem = problem
        self.ended.set()
        self.told()

    def result(self) -> T:
        """What it gave, or raised."""
        if self._problem is not None:
            # Its traceback holds this frame, and this frame it: neither may wait for the collector.
            try:
                raise self._problem
            finally:
                self._problem = None
        return self._value.pop()


class Carrier:
    """Carries snippets out.

    Arguments:
        stack: bytes of it that a guest may use.
        blocks: whether a guest may be blocked in the host.
    """

    def __init__(self, stack: int, *, blocks: bool) -> None:
        self._blocks = blocks
        self._stack = needed_stack(_DEPTH, [stack])
        self.threads = Threads(self._stack)

    def run(self, work: Work[T]) -> T:
        """What the work gives.

        Raises:
            RunError: the stay's problem, or the work's.
            KeyboardInterrupt: ctrl-C; the guest was stopped.
        """
        with Interrupts(work.stay.interrupt):
            try:
                work.wait()
                return work() if self._here() else self._waited(work)
            finally:
                work.leave()

    async def arun(self, work: Work[T]) -> T:
        """The same, awaited; cancelling the task ends the snippet."""
        ended = News()
        try:
            await work.awaited()
            task = self._started(work, ended.tell)
            if not await _awaited(ended, work.stay):
                raise _problem(work.stay)
            return task.result()
        finally:
            work.leave()

    def _here(self) -> bool:
        """Whether guests may run on the calling thread."""
        if self._blocks or stack_left() < self._stack or not has_frames(_DEPTH):
            return False
        return not on_main_thread() or only_interrupts()

    def _waited(self, work: Work[T]) -> T:
        """What it gives on another thread, which is left behind with it where it does not end in time."""
        task = self._started(work)
        if not any(map(task.ended.wait, _patience(work.stay))):
            raise _problem(work.stay)
        return task.result()

    def _started(self, work: Work[T], told: Callable[[], Any] | None = None) -> _Task[T]:
        task = _Task(work)
        task.told = told or task.told
        try:
            self.threads.start(task)
        except RuntimeError as problem:
            raise RunError(f"there is no thread that the snippet could run on: {problem}") from None
        return task


def _patience(stay: Stay) -> Iterator[float]:
    """Seconds to wait for the end of what runs, time after time, until nobody waits any longer."""
    while stay.problem() is None:
        yield max(0.0, min(_LOOK, stay.remaining()))
    until = time.monotonic() + GRACE
    while (left := until - time.monotonic()) > 0:
        yield left


async def _awaited(ended: News, stay: Stay) -> bool:
    """Whether what runs ends before the patience does.

    Raises:
        CancelledError: the task was cancelled; that is raised when it ended, or the patience did.
    """
    cancelled: asyncio.CancelledError | None = None
    for seconds in _patience(stay):
        try:
            if await ended.within(seconds):
                break
        except asyncio.CancelledError as problem:
            cancelled = problem
            stay.stop.set(Cancelled("the snippet was cancelled"))
    try:
        if cancelled is not None:
            raise cancelled
    finally:
        del cancelled  # its traceback holds this frame
    return ended.told


def _problem(stay: Stay) -> RunError:
    problem = stay.problem()
    assert problem is not None  # it ended the patience
    return problem
