"""Advances the engine's epoch while a guest runs, so that a guest that computes is looked at every few milliseconds."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.errors import Cancelled, ClosedError

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance

PERIOD = 0.01
"""Seconds between two looks at a running guest."""
_PATIENCE = 0.5
"""Seconds that the end of the program waits for guests to end; one that computes ends at the next look."""


class Ticker:
    """A thread that ticks while an instance is entered and sleeps otherwise.

    Arguments:
        natives: the native engines; more may come while it ticks.
    """

    def __init__(self, natives: Mapping[tuple[bool, int], Any]) -> None:
        self._natives = natives  # their owner may be gone while the thread still runs
        self._closed = False
        self._start()
        _tickers.add(self)

    def _start(self) -> None:
        self._entered: set[Instance] = set()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="orchestrator-epoch", daemon=True)
        self._thread.start()

    def after_fork(self) -> None:
        """Begins anew in a child process, which has none of its parent's threads: not this one, nor those in guests."""
        if not self._closed:
            self._start()

    def enter(self, instance: Instance) -> None:
        """The instance's guest is about to run.

        Raises:
            ClosedError: the engine was closed, so nothing would end the guest.
        """
        self._entered.add(instance)
        if self._closed:
            self._entered.discard(instance)
            raise ClosedError("the engine was closed")
        if not self._awake.is_set():
            self._awake.set()

    def leave(self, instance: Instance) -> None:
        """The instance's guest has returned."""
        self._entered.discard(instance)

    @property
    def entered(self) -> bool:
        """Whether a guest runs now."""
        return bool(self._entered)

    def close(self, *, wait: bool) -> None:
        """Lets no guest start any more; the thread ends with the last one that runs.

        Arguments:
            wait: for the thread's end, if no guest runs.
        """
        self._closed = True
        self._awake.set()
        if wait and not self._entered:
            self._thread.join()

    def _tick(self) -> None:
        while self._entered or not self._closed:
            if not self._entered and not self._closed:
                self._awake.clear()
                if not self._entered and not self._closed:
                    self._awake.wait()
            time.sleep(PERIOD)
            for native in list(self._natives.values()):
                c.increment_epoch(native.ptr())


_tickers: weakref.WeakSet[Ticker] = weakref.WeakSet()
ending: list[Cancelled] = []
"""Why every guest is to end: empty until the program ends."""


def _after_fork() -> None:
    for ticker in list(_tickers):
        ticker.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _end_guests() -> None:
    """Ends the guests on daemon threads.

    Python ends such a thread where it next needs the interpreter, which aborts the process when wasmtime's frames are
    beneath.
    """
    ending.append(Cancelled("the program ends"))
    until = time.monotonic() + _PATIENCE
    while any(ticker.entered for ticker in list(_tickers)) and time.monotonic() < until:
        time.sleep(PERIOD)
