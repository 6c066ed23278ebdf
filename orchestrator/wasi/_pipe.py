"""Bytes on their way between a guest and the thread that talks to the network: so many at a time, and no more.

Neither side blocks in here; each is told when something changed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

ROOM = 256 << 10
"""Bytes that wait in a pipe at most."""


class Pipe:
    """One direction of a body.

    Arguments:
        changed: called, from either side's thread, when there is something new for the other.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed, self._lock = changed, threading.Lock()
        self._parts: deque[memoryview] = deque()
        self._size = 0
        self.ended = self.abandoned = False
        """Nothing more comes in; nobody takes any more out."""
        self.trailers: Any = None
        """What came behind the last byte."""
        self.error: Any = None
        """Why it ended before its end."""

    @property
    def room(self) -> int:
        """Bytes that may be put in now."""
        return max(0, ROOM - self._size)

    @property
    def is_ready(self) -> bool:
        """Whether there is something to take, or to learn."""
        return bool(self._parts) or self.ended

    @property
    def is_drained(self) -> bool:
        """Whether all that was put in was taken."""
        return not self._parts

    def put(self, data: bytes) -> None:
        """Puts bytes in."""
        if data:
            with self._lock:
                self._parts.append(memoryview(data))
                self._size += len(data)
            self._changed()

    def take(self, most: int) -> bytes:
        """At most so many bytes that are there; none where none are."""
        with self._lock:
            if not self._parts:
                return b""
            data = self._parts.popleft()
            if len(data) > most:
                self._parts.appendleft(data[most:])
                data = data[:most]
            self._size -= len(data)
        self._changed()
        return bytes(data)

    def end(self, trailers: Any = None, error: Any = None) -> None:
        """Nothing more comes in; what is there can still be taken. Harmless when repeated: the first end stays."""
        if not self.ended:
            self.trailers, self.error, self.ended = trailers, error, True
            self._changed()

    def abandon(self) -> None:
        """Nobody takes any more out."""
        if not self.abandoned:
            self.abandoned = True
            with self._lock:
                self._parts.clear()
                self._size = 0
            self._changed()
