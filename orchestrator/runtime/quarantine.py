"""Keeps what misbehaving nodes left in their memories, to be looked at later: see `orchestrator.snapshots`.

As many states as a node asks for, in each run: a guest that misbehaves again and again fills no disk. A state is copied
where its instance is taken back or ends, and written by another thread: nobody waits for a disk, until several states
do. The event of the revert is recorded when it is known what became of the state, and before the run ends, which
waits for that a little. What cannot be kept (a disk is full, the time is up) ends no run: the event says so, and the
node is taken back all the same.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from orchestrator.engine import capture
from orchestrator.errors import ClosedError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.engine import Contents, Frame, Instance
    from orchestrator.snapshots import About
    from orchestrator.snapshots import Store as Folder

    Tell = Callable[[Mapping[str, str]], None]

MOST_CALLS = 200
"""Calls of a node that are remembered."""
MOST_WAITING = 4
"""States of a run that are in memory until they are written; who has one more waits."""
LEAST, MOST = 5.0, 30.0
"""Seconds that the end of a run waits for what is being written: as long as the run may go on, but so long at least
where its time is up or it was cancelled, and at most where nothing bounds it."""
_LOOK = 0.05
"""Seconds between two looks at whether the run may go on."""
_OVER = "the run was over before its state was written"


class Quarantine:
    """What is kept of nodes in one run.

    Arguments:
        most: by node, how many states; of others none is kept.
        start: begins a task on a thread of its own.
    """

    def __init__(self, most: Mapping[str, int], start: Callable[[Callable[[], None]], None]) -> None:
        self._left, self._start = dict(most), start
        self._calls: dict[str, deque[str]] = {node: deque(maxlen=MOST_CALLS) for node in most}
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = self._writing = False

    def called(self, node: str, function: str) -> None:
        """A function of a node is called."""
        calls = self._calls.get(node)
        if calls is not None:
            calls.append(function)

    def calls(self, node: str) -> tuple[str, ...]:
        """What was called of a node since it was taken back the last time."""
        calls = self._calls.get(node, ())
        found = tuple(calls)
        if isinstance(calls, deque):
            calls.clear()
        return found

    def captured(self, node: str, instance: Instance) -> Contents | str | None:
        """What the memories of an instance hold that is entered; why that cannot be had; None where none is kept."""
        with self._changed:
            if self._closed or self._left.get(node, 0) <= 0:
                return None
            self._left[node] -= 1
        try:
            return capture(instance)
        except (ClosedError, OSError, MemoryError) as problem:
            with self._changed:
                self._left[node] += 1
            return str(problem) or "there was no memory for a copy of it"

    def keep(self, contents: Contents, about: About, frame: Frame, tell: Tell) -> None:
        """Has a state be written; where too many are waiting for that already, waits until there is room.

        Arguments:
            frame: until when that may take.
            tell: takes what became of it, `kept` or `not-kept`, before the run ends.
        """
        waiting = _Waiting(contents, about, tell)
        with self._changed:
            while len(self._waiting) >= MOST_WAITING and not self._closed and frame.problem() is None:
                self._changed.wait(_LOOK)
            if self._closed or len(self._waiting) >= MOST_WAITING:
                waiting.told({"not-kept": _OVER})
                return
            self._waiting.append(waiting)
            begins, self._writing = not self._writing, True
        if begins:
            try:
                self._start(self._write)
            except RuntimeError:  # there can be no more threads
                self._write()

    def _write(self) -> None:
        """Writes one state after the other, as long as there is one."""
        while True:
            with self._changed:
                if not self._waiting:
                    self._writing = False
                    return
                waiting = self._waiting[0]
            waiting.write()
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    def close(self, frame: Frame) -> None:
        """The run ends: nothing is kept any more; what waits is written, as far as there is time for that."""
        now = time.monotonic()
        least, most = now + LEAST, now + min(MOST, max(LEAST, frame.remaining()))
        with self._changed:
            self._closed = True
            while self._waiting and time.monotonic() < (most if frame.problem() is None else least):
                self._changed.wait(_LOOK)
            left = list(self._waiting)
        for waiting in left:
            waiting.told({"not-kept": _OVER})


class _Waiting:
    """A state that is to be written.

    Arguments:
        tell: takes what became of it.
    """

    def __init__(self, contents: Contents, about: About, tell: Tell) -> None:
        self._contents, self._about, self._tell = contents, about, tell
        self._lock = threading.Lock()
        self._is_told = False

    def told(self, what: Mapping[str, str]) -> bool:
        """Tells what became of it, if nobody did; whether that is so."""
        with self._lock:
            first, self._is_told = not self._is_told, True
        if first:
            self._tell(what)
        return first

    def write(self) -> None:
        """Writes it, and tells how that went. What was told to be given up is not left on the disk."""
        from orchestrator.snapshots import Store

        try:
            folder = Store()
            name = folder.keep(self._contents, self._about, self._check)
        except Exception as problem:  # of whatever kind: the run waits to be told
            self.told({"not-kept": str(problem) or type(problem).__name__})
            return
        if not self.told({"kept": name}):
            _remove(folder, name)

    def _check(self) -> None:
        if self._is_told:
            raise SnapshotError(_OVER)


def _remove(folder: Folder, name: str) -> None:
    with contextlib.suppress(SnapshotError, OSError):
        folder.remove(name)
