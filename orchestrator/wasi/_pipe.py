"""Bytes on their way between a guest and the thread that talks to the network: so many at a time, and no more.

Neither side blocks in here; each is told when something changed. However small the parts are that come, what is kept
takes no more memory than the bytes in it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

ROOM = 256 << 10
"""Bytes that wait in a pipe at most."""
_JOINED = 16 << 10
"""Parts are joined until they have so many bytes."""


class Pipe:
    """One direction of a body.

    Arguments:
        changed: called, from either side's thread, when there is something new for the other.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed, self._lock = changed, threading.Lock()
        self._parts: deque[bytes | bytearray] = deque()
        self._size = 0
        self._at = 0
        """Where the first part goes on."""
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
        return self._size > 0 or self.ended

    @property
    def is_drained(self) -> bool:
        """Whether all that was put in was taken."""
        return not self._size

    def put(self, data: bytes) -> None:
        """Puts bytes in."""
        if not data:
            return
        with self._lock:
            if self.abandoned:
                return
            last = self._parts[-1] if self._parts else b""
            if isinstance(last, bytearray) and len(last) + len(data) <= _JOINED:
                last += data
            else:
                self._parts.append(bytearray(data) if len(data) < _JOINED else data)
            self._size += len(data)
        self._changed()

    def take(self, most: int) -> bytes:
        """At most so many bytes that are there; none where none are."""
        found: list[bytes] = []
        with self._lock:
            while self._parts and most > 0:
                data = self._next(most)
                most -= len(data)
                found.append(data)
        if not found:
            return b""
        self._changed()
        return found[0] if len(found) == 1 else b"".join(found)

    def _next(self, most: int) -> bytes:
        part = self._parts[0]
        data = bytes(part[self._at : self._at + most])
        self._at += len(data)
        self._size -= len(data)
        if self._at == len(part):
            self._parts.popleft()
            self._at = 0
        return data

    def end(self, trailers: Any = None, error: Any = None) -> None:
        """Nothing more comes in; what is there can still be taken. Harmless when repeated: the first end stays."""
        if not self.ended:
            self.trailers, self.error, self.ended = trailers, error, True
            self._changed()

    def abandon(self) -> None:
        """Nobody takes any more out."""
        if self.abandoned:
            return
        with self._lock:
            self.abandoned = True
            self._parts.clear()
            self._size = self._at = 0
        self._changed()
