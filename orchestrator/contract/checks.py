"""A contract compiled for one function or one data edge: what runs at each crossing.

The interface between this room and `runtime`. A call or tool edge asks `before` with the arguments by name and `after`
with the result. A data edge has one crossing and asks `before` alone, with `{"value": the value}` and its size. Values
are made when the first rule asks for them: what is too large, too often or too fast is refused before.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken: its key in the manifest, and what was found, for a person; it shows no value.

    `told` is what a guest is told of it, where that is less.
    """

    rule: str
    message: str
    told: str = ""


class Ledger:
    """What the rules of one edge count during one run: made once per edge and run, shared by functions and threads.

    Arguments:
        now: the time in nanoseconds of a clock that never goes back.
    """

    __slots__ = ("_admitted", "_lock", "_next", "_now")

    def __init__(self, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._now = now
        self._lock = threading.Lock()
        # One step of a C iterator: threads cannot come between, and it costs less than a lock.
        self._next = itertools.count(1).__next__
        self._admitted: deque[int] = deque()

    def count(self) -> int:
        """Counts one more crossing and gives their number, this one included."""
        return self._next()

    def admit(self, limit: int, period: int) -> bool:
        """Whether fewer than `limit` crossings were admitted in the last `period` nanoseconds; if so this one is too.

        A crossing that is turned away is not counted: who keeps asking is let in as soon as the rate allows it.
        """
        with self._lock:
            now, admitted = self._now(), self._admitted
            while admitted and now - admitted[0] >= period:
                admitted.popleft()
            if len(admitted) >= limit:
                return False
            admitted.append(now)
            return True


See = Callable[[], Any]
"""Makes the values that a rule sees; raises what comes of their being too large, or of the call's end meanwhile."""
Rule = Callable[[Ledger, int, "See | None"], Violation | None]
"""One rule: asked with the edge's ledger, the size of what crosses in bytes, and what makes the values."""
Look = Callable[[Ledger, int, Any], Violation | None]
"""A rule over values: asked with the values themselves. Those of an edge are asked after all others."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The compiled rules of one edge for one function (or for the value of a data edge).

    Arguments:
        needs_args, needs_result: whether a rule may want the values themselves; where none does they are never made.
        timeout: seconds for one call, what it calls included, or None; the runtime enforces it.
        denies: on a violation the caller gets an error instead of the run's end.
        before: asked before the call with (ledger, size of the request, what makes the arguments by name, or None).
        after: asked after it with (ledger, size of the response, what makes the result, or None).
        args: which arguments a rule wants, by name: the others need not be there; None for all.
        reverts: on a violation the node that is called, or whose value it is, is taken back, too.
        detects: the edge's detectors judge what crosses when these rules are kept; the runtime asks them.
    """

    needs_args: bool
    needs_result: bool
    timeout: float | None
    denies: bool
    before: Rule
    after: Rule
    args: frozenset[str] | None = None
    reverts: bool = False
    detects: bool = False
