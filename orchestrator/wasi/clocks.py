"""`wasi:clocks`: the time as a guest is given it.

Without a grant a guest lives in 1970 and its clock is moved by nothing but its own waiting, so that a sleep returns at
once. Only `monotonic` and `wall` show it anything of the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.wasi.waiting import Pollable

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

_SECOND = 1_000_000_000
_MOST = (1 << 64) - 1


class Clock:
    """The clock of one instance.

    Arguments:
        mode: as it is granted.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.is_virtual = mode in ("none", "fixed")
        self._offset = 0 if self.is_virtual else time.monotonic_ns()

    def monotonic(self) -> int:
        """Nanoseconds since the instance was made."""
        return self._offset if self.is_virtual else time.monotonic_ns() - self._offset

    def wall(self, fixed: int) -> int:
        """Nanoseconds since the epoch, as the guest is told.

        Arguments:
            fixed: where a fixed clock stands in the present stay: were it kept here, it would tell of an earlier one.
        """
        if self.mode == "wall":
            return time.time_ns()
        return fixed if self.mode == "fixed" else self.monotonic()

    def advance(self, nanoseconds: int) -> None:
        """Moves a virtual clock on."""
        self._offset = min(_MOST, self._offset + nanoseconds)

    def state(self) -> int:
        """How far a virtual clock has moved, nanoseconds; the host's own goes on whatever happens."""
        return self._offset if self.is_virtual else 0

    def restore(self, state: Any) -> None:
        """Sets a virtual clock back to where `state` gave this.

        Raises:
            ValueError: it is no time.
        """
        if not isinstance(state, int) or not 0 <= state <= _MOST:
            raise ValueError("a time")
        if self.is_virtual:
            self._offset = state

    def pass_while(self, wait: Callable[[], Any]) -> None:
        """Waits; a virtual clock moves on by what that took."""
        before = time.monotonic_ns()
        wait()
        if self.is_virtual:
            self.advance(time.monotonic_ns() - before)


def _datetime(nanoseconds: int) -> dict[str, int]:
    return {"seconds": nanoseconds // _SECOND, "nanoseconds": nanoseconds % _SECOND}


def _now(session: Session) -> dict[str, int]:
    session.told("clock read", "wall-clock", session.clock_rule)
    return _datetime(session.clock.wall(session.stands))


def _monotonic(session: Session) -> int:
    session.told("clock read", "monotonic-clock", session.clock_rule)
    return session.clock.monotonic()


def _instant(session: Session, when: int) -> Pollable:
    return Pollable(due=when)


def _duration(session: Session, duration: int) -> Pollable:
    return Pollable(due=min(_MOST, session.clock.monotonic() + duration))


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:clocks/wall-clock": {"now": _now, "resolution": lambda _session: _datetime(1_000)},
    "wasi:clocks/monotonic-clock": {
        "now": _monotonic,
        "resolution": lambda _session: 1_000,
        "subscribe-instant": _instant,
        "subscribe-duration": _duration,
    },
}
