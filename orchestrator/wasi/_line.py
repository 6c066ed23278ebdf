"""The exchanges of one instance: so many talk at once, those behind them wait for their turn, and there is an end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi._exchange import Exchange
    from orchestrator.wasi._requests import Running

AT_ONCE = 16
"""Exchanges that talk at the same time."""
MOST = 128
"""Exchanges that there may be: not begun, going on, or kept by the guest."""


class Line:
    """See the module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._talking: set[Exchange] = set()
        self._waiting: deque[Exchange] = deque()
        self._kept: WeakSet[Running] = WeakSet()
        """Those of which the guest has something left: the handle of an answer, a body."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way, and the guest has nothing of an answer left."""
        with self._lock:
            return not (self._talking or self._waiting or self._kept)

    @property
    def is_full(self) -> bool:
        """Whether there may be no more."""
        with self._lock:
            self._waiting = deque(exchange for exchange in self._waiting if not exchange.is_cancelled)
            return len(self._kept) >= MOST or len(self._waiting) >= MOST

    def join(self, running: Running) -> None:
        """One more, which begins now or when it is its turn."""
        with self._lock:
            self._kept.add(running)
            self._waiting.append(running.exchange)
        self._move_up()

    def _move_up(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or len(self._talking) >= AT_ONCE:
                    return
                exchange = self._waiting.popleft()
                self._talking.add(exchange)
            if not exchange.start():
                with self._lock:
                    self._talking.discard(exchange)

    def leave(self, exchange: Exchange) -> None:
        """Nothing of one goes on any more; called on any thread."""
        with self._lock:
            self._talking.discard(exchange)
        self._move_up()

    def end(self, is_of: Callable[[Frame | None], bool]) -> None:
        """Ends those that were begun in certain stays, from any thread; who has something of one is told so."""
        with self._lock:
            ended = [running for running in self._kept if is_of(running.frame)]
            gone = {running.exchange for running in ended}
            self._waiting = deque(exchange for exchange in self._waiting if exchange not in gone)
        for running in ended:
            running.cancel()

    def close(self) -> None:
        """Ends all of them."""
        with self._lock:
            going = [*self._talking, *self._waiting]
            self._waiting.clear()
        for exchange in going:
            exchange.cancel()
