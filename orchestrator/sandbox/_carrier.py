"""Which thread a snippet runs on, and who waits for it how.

A guest that can only compute runs on the caller's own thread where that has stack enough: its deadline and ctrl-C end
it at its next look. One that may be blocked in the host, by a tool or by what it prints to a terminal, runs on another
thread, which is left behind when its time is up and it does not return.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from orchestrator.engine.stack import has_frames, needed_stack, stack_left
from orchestrator.errors import Cancelled, RunError
from orchestrator.runtime.interrupts import Interrupts, on_main_thread, only_interrupts
from orchestrator.runtime.threads import Threads
from orchestrator.sandbox._stay import Stay

T = TypeVar("T")

GRACE = 0.5
"""Seconds that a snippet whose time is up is waited for."""
_LOOK = 0.1
"""Seconds between two looks of who waits at whether the snippet should go on."""
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
        self._stays: set[Stay] = set()

    def run(self, stay: Stay, work: Callable[[], T], give_up: Callable[[], None]) -> T:
        """What `work` gives.

        Arguments:
            give_up: called when the work does not return though its time is up.

        Raises:
            RunError: the stay's problem, or the work's.
            KeyboardInterrupt: ctrl-C; the guest was stopped.
        """
        with Interrupts(stay.interrupt):
            self._stays.add(stay)
            try:
                return work() if self._here() else self._waited(stay, self._started(work), give_up)
            finally:
                self._stays.discard(stay)

    async def arun(self, stay: Stay, work: Callable[[], T], give_up: Callable[[], None]) -> T:
        """The same, awaited; cancelling the task ends the snippet."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._stays.add(stay)
        try:
            task = self._started(work, lambda: _told(loop, ended))
            try:
                await ended.wait()
            except asyncio.CancelledError:
                stay.stop.set(Cancelled("the snippet was cancelled"))
                if not await _within(ended, GRACE):
                    give_up()
                raise
            return task.result()
        finally:
            self._stays.discard(stay)

    def _here(self) -> bool:
        """Whether guests may run on the calling thread."""
        if self._blocks or stack_left() < self._stack or not has_frames(_DEPTH):
            return False
        return not on_main_thread() or only_interrupts()

    def _started(self, work: Callable[[], T], told: Callable[[], Any] | None = None) -> _Task[T]:
        task = _Task(work)
        task.told = told or task.told
        self.threads.start(task)
        return task

    @staticmethod
    def _waited(stay: Stay, task: _Task[T], give_up: Callable[[], None]) -> T:
        while not task.ended.wait(max(0.0, min(_LOOK, stay.remaining()))):
            problem = stay.problem()
            if problem is not None:
                if task.ended.wait(GRACE):
                    break
                give_up()
                raise problem
        return task.result()

    def close(self, reason: RunError) -> None:
        """Ends what runs, and waits a little for it; idle threads end."""
        for stay in list(self._stays):
            stay.stop.set(reason)
        until = time.monotonic() + 2 * GRACE
        while self._stays and time.monotonic() < until:
            time.sleep(0.001)
        self.threads.close()


async def _within(ended: asyncio.Event, seconds: float) -> bool:
    """Whether it was set within that time, however often the waiting task is cancelled meanwhile."""
    until = asyncio.get_running_loop().time() + seconds
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), until - asyncio.get_running_loop().time())
        except TimeoutError:
            break
        except asyncio.CancelledError:
            continue
    return ended.is_set()


def _told(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        return  # the loop was closed: nobody waits any more
