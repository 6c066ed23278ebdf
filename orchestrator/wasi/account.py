"""What the instances of a node share of what each run of it may use: additions to its folders, and what it prints.

Several may use it at a time. Not for what an instance has open or keeps at a time: that is its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.capability.storage import Preopen


class Room:
    """What may still be added to a granted folder.

    What is removed gives nothing back, so that a loop of writing and removing ends too. Whoever adds something holds
    the lock from a look at what is left until it is counted.

    Arguments:
        grant: of the folder.
    """

    __slots__ = ("bytes", "files", "lock")

    def __init__(self, grant: Preopen) -> None:
        self.bytes, self.files = grant.quota, grant.files
        """Bytes and entries; None for no bound."""
        self.lock = threading.RLock()


class Account:
    """See the module."""

    def __init__(self) -> None:
        self._rooms: dict[int, Room] = {}
        self._printed: dict[str, int] = {}
        self._lock = threading.Lock()

    def room(self, number: int, grant: Preopen) -> Room:
        """What is left of a folder.

        Arguments:
            number: of the folder among those that are granted.
        """
        return self._rooms.get(number) or self._rooms.setdefault(number, Room(grant))

    def printed(self, stream: str, size: int) -> int:
        """Counts bytes that are printed; how many were before.

        Arguments:
            stream: what is counted by itself.
        """
        with self._lock:
            before = self._printed.get(stream, 0)
            self._printed[stream] = before + size
            return before
