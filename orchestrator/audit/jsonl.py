"""Events as JSON lines: one object a line, always the same keys in the same order. See docs/reference/trace.md."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from typing import TYPE_CHECKING

from orchestrator.audit.events import Event
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNREADABLE = 1000
"""Characters shown of a detail that is not JSON."""


def line(event: Event) -> str:
    """The event as a line of JSON in ASCII, without its end."""
    fields = event._asdict()
    try:
        return json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        fields["detail"] = {"unreadable": _shown(event.detail)}
        return json.dumps(fields)


def _shown(detail: object) -> str:
    try:
        return repr(detail)[:_UNREADABLE]
    except Exception as error:
        return type(error).__name__


class JsonLines:
    """Appends every event to a file, and brings it to the disk when a run ends.

    A disk that is full or gone is told by `close`, not raised: a batch that does not fit is left out whole, so that the
    file still holds complete lines. One writer a file.

    Arguments:
        path: the file, made where it is not there.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        self._lock = threading.Lock()
        self._lost = 0
        self._reason = ""
        self._open = True

    def export(self, events: Sequence[Event]) -> None:
        """Writes a batch."""
        data = "".join(f"{line(event)}\n" for event in events).encode()
        with self._lock:
            if not self._open or not self._write(data):
                self._lost += len(events)
            elif any(event.kind == "run" for event in events):
                self._sync()

    def flush(self, timeout: float) -> bool:
        """Brings what was written to the disk; whether every event so far is there."""
        with self._lock:
            if self._open:
                self._sync()
            return not self._reason

    def close(self, timeout: float) -> list[str]:
        """Closes the file; what could not be written is told in a line."""
        with self._lock:
            if self._open:
                self._open = False
                self._sync()
                self._attempt(os.close)
        if not self._reason:
            return []
        return [printable(f"{self._path}: {self._reason}; {self._lost} events are not in it")]

    def _write(self, data: bytes) -> bool:
        end = os.fstat(self._file).st_size if self._regular else -1
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._reason = self._reason or error.strerror or str(error)
            if end >= 0:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, end)
            return False
        return True

    def _sync(self) -> None:
        # A pipe or a device has nothing to bring to a disk.
        if self._regular:
            self._attempt(os.fsync)

    def _attempt(self, act: Callable[[int], None]) -> None:
        try:
            act(self._file)
        except OSError as error:
            self._reason = self._reason or error.strerror or str(error)
