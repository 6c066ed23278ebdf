"""Advances the engine's epoch while a guest runs, so that a guest that computes is looked at every few milliseconds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from orchestrator.engine import _native as c

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance

PERIOD = 0.01
"""Seconds between two looks at a running guest."""


class Ticker:
    """A thread that ticks while an instance is entered and sleeps otherwise.

    Arguments:
        engine: the address of the engine, which outlives the ticker.
    """

    def __init__(self, engine: int) -> None:
        self._engine = engine
        self._entered: set[Instance] = set()
        self._awake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._tick, name="orchestrator-epoch", daemon=True)
        self._thread.start()

    def enter(self, instance: Instance) -> None:
        """The instance's guest is about to run."""
        self._entered.add(instance)
        if not self._awake.is_set():
            self._awake.set()

    def leave(self, instance: Instance) -> None:
        """The instance's guest has returned."""
        self._entered.discard(instance)

    @property
    def entered(self) -> bool:
        """Whether a guest runs now."""
        return bool(self._entered)

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self._awake.set()
        self._thread.join()

    def _tick(self) -> None:
        while not self._closed:
            if not self._entered:
                self._awake.clear()
                if not self._entered:
                    self._awake.wait()
            time.sleep(PERIOD)
            c.increment_epoch(self._engine)
