"""What instances have together of fuel and of calls of the host, however many of them there are, and one after another.

Whoever makes instances that count as one gives each the same purse. Not for what a single instance may hold at a time:
its memory, its tables and its handles are its own.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from orchestrator.engine.turn import Turn

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.engine.instance import Instance


class Purse:
    """See the module.

    An instance alone has all that is left, and pays when it ends, or when another purse pays for it. Of several at a
    time each call of the host is paid for when it is made. Fuel cannot be: a guest that has none left has ended. So a
    guest that counts its fuel is lent all of it for a stay, and the others wait for their turn.

    Arguments:
        fuel: what they may execute; None for no bound.
        host_calls: how often they may call what the host serves; None for no bound.
        at_once: whether there may be several at a time.
    """

    __slots__ = ("_lock", "_turn", "at_once", "calls", "fuel")

    def __init__(self, fuel: int | None, host_calls: int | None, *, at_once: bool) -> None:
        self.fuel, self.at_once = fuel, at_once
        self.calls: float = math.inf if host_calls is None else host_calls
        self._lock = threading.Lock()
        self._turn = Turn() if at_once and fuel is not None else None

    def lend(self, instance: Instance, frame: Frame) -> None:
        """Pays from now on for an instance that is entered, or about to be started.

        Raises:
            RunError: another one has the fuel, and the frame's time was up before it gave that back.
        """
        before = instance.purse
        if before is self and not self.at_once:
            return
        if before is not None:
            before.settle(instance)
        if self._turn is not None:
            self._turn.acquire(frame)
        instance.purse = self
        if self.at_once:
            instance.lease = self
        self.settle(instance)
        instance.host_left = 0 if self._counts_each else self.calls
        instance.host_lent = instance.host_left
        if self.fuel is not None:
            instance.refuel(self.fuel)

    @property
    def _counts_each(self) -> bool:
        return self.at_once and self.calls != math.inf

    def settle(self, instance: Instance) -> None:
        """Takes what an instance used since this was done the last time."""
        with self._lock:
            if self.fuel is not None:
                total = instance.consumed()
                self.fuel = max(0, self.fuel - (total - instance.paid))
                instance.paid = total
            if self.calls != math.inf and not self.at_once:
                self.calls = max(0, self.calls - (instance.host_lent - instance.host_left))
                instance.host_lent = instance.host_left

    def end(self, instance: Instance) -> None:
        """The stay is over for which something was lent."""
        instance.lease = None
        self.settle(instance)
        if self._turn is not None:
            self._turn.release()

    def call(self) -> bool:
        """Pays for one call of the host, where each is paid for; False where none is left."""
        with self._lock:
            if not self.at_once or self.calls <= 0:
                return False
            self.calls -= 1
            return True
