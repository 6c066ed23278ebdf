"""What all instances of the process have of it together, so that the host always has enough left for itself.

An instance has bounds of its own; these are for many of them at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

LEFT = 1024
"""Files that the process keeps for itself, where it may open more than twice as many."""


class Everywhere:
    """Something of which all instances together have so much at most.

    Arguments:
        most: how much that is.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self.most, self.taken = most, 0
        self._lock = threading.Lock()

    def take(self, number: int = 1) -> bool:
        """Takes so many, if they are to be had."""
        with self._lock:
            fits = self.taken + number <= self.most()
            self.taken += number if fits else 0
            return fits

    def give_back(self, number: int = 1) -> None:
        """So many are not needed any more."""
        with self._lock:
            self.taken -= number


@cache
def most_files() -> int:
    """Files that all instances may have open together: what the process may, without a good part of it."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
    except ImportError:  # a system that has no such limit
        return 1 << 16
    most = getrlimit(RLIMIT_NOFILE)[0]
    return 1 << 16 if most == RLIM_INFINITY else max(most // 2, most - LEFT)


FILES = Everywhere(most_files)
"""Files, folders, and what exchanges over HTTP have open."""
LOOKUPS = Everywhere(lambda: 64)
"""Questions to the system's resolver, which go on however long whoever asked is gone."""
