"""Threads whose stack holds the longest chain of calls, kept for the next task when one ends.

Each store that a chain of calls enters gets a fresh allowance of wasm stack, so a chain that is long enough would run
off the end of an ordinary thread. Guests run nowhere but here.
"""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable

from orchestrator.engine.stack import thread_stack

Task = Callable[[], None]
"""Must not raise: whoever hands it over catches what it does."""

_IDLE = 5.0
"""Seconds that a thread without a task is kept."""
_creating = threading.Lock()


class Threads:
    """Runs tasks at once, each on a thread of its own, however many there are.

    Arguments:
        stack: bytes of it that a task needs (`needed_stack`).
    """

    def __init__(self, stack: int) -> None:
        self._stack = thread_stack(stack)
        self._closed = False
        self.after_fork()
        _live.add(self)

    def after_fork(self) -> None:
        """Begins anew in a child process, where no thread waits for a task."""
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Task | None]] = []

    def start(self, task: Task) -> None:
        """Begins the task; returns at once."""
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is not None:
            inbox.put(task)
            return
        inbox = queue.SimpleQueue()
        inbox.put(task)
        with _creating:  # the stack size of new threads is one setting for the whole process
            before = threading.stack_size(self._stack)
            try:
                threading.Thread(target=self._work, args=(inbox,), name="orchestrator-guest", daemon=True).start()
            finally:
                threading.stack_size(before)

    def close(self) -> None:
        """Lets the idle threads end, and every other one when its task does."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _work(self, inbox: queue.SimpleQueue[Task | None]) -> None:
        task = inbox.get()
        while task is not None:
            task()
            del task
            task = self._next(inbox)

    def _next(self, inbox: queue.SimpleQueue[Task | None]) -> Task | None:
        """The next task for this thread; None when it should end."""
        with self._lock:
            if self._closed:
                return None
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=_IDLE)
        except queue.Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    return None
            return inbox.get()


_live: weakref.WeakSet[Threads] = weakref.WeakSet()


def _after_fork() -> None:
    for threads in list(_live):
        threads.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
