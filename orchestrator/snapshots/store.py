"""The folder of states that were kept: bounded, the user's own, used by any number of processes at once.

    ID.BASE.state    a state that differs from a base, whose name is its digest; ID.state, one that needs none
    BASE.base        what several states have in common, for as long as there is one of them
    lock             held while something is added or removed

Not for what is in a state: see `look`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import printable
from orchestrator.engine import saved
from orchestrator.errors import SnapshotError

if TYPE_CHECKING:
    from orchestrator.engine import Contents

MOST, SIZE = 64, 1 << 30
"""States that a folder keeps, and the bytes that they and their bases may take."""
PATIENCE = 30.0
"""Seconds that others, who add or remove something, are waited for."""
_LOOK = 0.01
MAX_CALLS = 200
"""Calls of a state that are named: the last ones."""
_STATE, _BASE = ".state", ".base"
_END_OF_TIME = 253_402_300_800
"""The year 10,000, which calendars here do not have."""


@dataclass(frozen=True, slots=True)
class About:
    """What a kept state is of. No value of any edge: those may be redacted.

    Arguments:
        node, component, pipeline: their names.
        reason: why it was kept, in a line without values.
        snapshot: the name of the state that the node was taken back to instead.
        trace: the trace it belongs to, 32 hexadecimal digits.
        calls: the functions that were called since that state, in their order.
        time: when, seconds since the epoch.
    """

    node: str
    component: str
    pipeline: str = ""
    reason: str = ""
    snapshot: str = ""
    trace: str = ""
    calls: tuple[str, ...] = ()
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A state that is kept.

    Arguments:
        id: its name, which begins with the time.
        bytes: of its file, without the base.
        state: what the file says; its pages are read later.
    """

    id: str
    bytes: int
    about: About
    state: saved.Saved


def default_folder() -> Path:
    """`$ORCHESTRATOR_SNAPSHOTS`, else `orchestrator/snapshots` in `$XDG_STATE_HOME` or `~/.local/state`."""
    named = os.environ.get("ORCHESTRATOR_SNAPSHOTS")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME")
    home = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "state"
    return home / "orchestrator" / "snapshots"


class Store:
    """See the module. Used by any number of threads.

    Arguments:
        folder: made when something is kept; `default_folder()` by default.
        most, size: states, and bytes of all files, that there are at most: the oldest go.
    """

    def __init__(self, folder: Path | str | None = None, *, most: int = MOST, size: int = SIZE) -> None:
        self.folder = (Path(folder) if folder else default_folder()).absolute()
        self._most, self._size = most, size

    def keep(self, state: Contents, about: About, check: Callable[[], None] | None = None) -> str:
        """Keeps a state; its name.

        Arguments:
            check: asked while others are waited for: raises why that is to end.

        Raises:
            SnapshotError: it cannot be written, or is larger than all that may be kept.
        """
        moment = about.time or time.time()
        shown = {**asdict(about), "time": moment, "calls": about.calls[-MAX_CALLS:]}
        thousandth = int(moment * 1000) % 1000
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{thousandth:03}-{secrets.token_hex(3)}"
        apart = any(state.base.sizes)
        path = self.folder / (f"{name}.{state.base.name}{_STATE}" if apart else f"{name}{_STATE}")
        with self._locked(check):
            saved.save(state, path, shown, bases=self.folder if apart else None)
            self._tidy(path)
        if not path.exists():
            raise SnapshotError(
                f"the state of `{printable(about.node)}` is larger than all that may be kept: {self._size} bytes"
            )
        return name

    def entries(self) -> tuple[Sequence[Entry], Sequence[str]]:
        """What is kept, the newest first; and what is wrong with each file of which nothing can be said."""
        found, problems = list[Entry](), list[str]()
        for path in reversed(self._states()):
            try:
                found.append(_entry(path))
            except SnapshotError as problem:
                problems.append(str(problem))
        return found, problems

    def open(self, name: str) -> Entry:
        """The state of that name, or the only one whose name begins so; or that of a file, by its path.

        Raises:
            SnapshotError: there is none, or several, or it cannot be read.
        """
        if not set("/.").isdisjoint(name):  # no name of a state has these
            return _entry(Path(name))
        found = [path for path in self._states() if name and path.name.startswith(name)]
        if len(found) != 1:
            how = f"{len(found)} states have names that begin with" if found else "there is no state"
            raise SnapshotError(f"{how} `{printable(name)}` in {printable(str(self.folder))}")
        return _entry(found[0])

    def remove(self, name: str) -> str:
        """Removes a state of this folder, named as for `open`, and its base if no other has it; its name.

        Raises:
            SnapshotError: see `open`; or it cannot be removed.
        """
        entry = self.open(name)
        if entry.state.path.parent != self.folder:
            raise SnapshotError(f"{printable(name)} is no state of the folder {printable(str(self.folder))}")
        with self._locked():
            entry.state.path.unlink(missing_ok=True)
            self._tidy()
        return entry.id

    def _states(self) -> list[Path]:
        """The files of states, the oldest first: their names begin with the time."""
        return self._files(_STATE)

    def _files(self, suffix: str) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == suffix)
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise self._failed(problem) from problem

    @contextlib.contextmanager
    def _locked(self, check: Callable[[], None] | None = None) -> Iterator[None]:
        """Waits until nobody else adds or removes anything."""
        import fcntl

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_others()
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise self._failed(problem) from problem
        try:
            self._wait(partial(fcntl.flock, handle, fcntl.LOCK_EX | fcntl.LOCK_NB), check)
            yield
        except OSError as problem:
            raise self._failed(problem) from problem
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)  # a process that was forked meanwhile has it open, too
            os.close(handle)

    def _refuse_others(self) -> None:
        """What a guest was given is kept here: nobody else may look, nor put something else in its place."""
        found = self.folder.stat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
            raise SnapshotError(
                f"others may write to the folder of snapshots {printable(str(self.folder))}, or it is another user's; "
                "chmod it to 0700, or set ORCHESTRATOR_SNAPSHOTS to another"
            )

    def _wait(self, lock: Callable[[], None], check: Callable[[], None] | None) -> None:
        """Waits for the lock: who holds it may have been stopped, and would be waited for in vain."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                lock()
            except BlockingIOError:
                if check is not None:
                    check()
                if time.monotonic() > end:
                    raise self._failed(OSError(f"others have used it for more than {PATIENCE:g} s")) from None
                time.sleep(_LOOK)
            else:
                return

    def _failed(self, problem: OSError) -> SnapshotError:
        why = problem.strerror or problem
        return SnapshotError(f"cannot use the folder of snapshots {printable(str(self.folder))}: {why}")

    def _tidy(self, new: Path | None = None) -> None:
        """Removes the oldest states where there are too many, bases that none has, and what was left half-written.

        Arguments:
            new: what was added just now: it is the newest, whatever its name says.
        """
        states = sorted(self._states(), key=lambda path: path == new)
        while len(states) > self._most or (states and self._taken(states) > self._size):
            states.pop(0).unlink(missing_ok=True)
        used = {_base_of(path) for path in states}
        for path in self._files(_BASE):
            if path.stem not in used:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".new-*"):  # nobody else writes now
            path.unlink(missing_ok=True)

    def _taken(self, states: Sequence[Path]) -> int:
        """Bytes of states and of the bases that they have."""
        bases = {self.folder / saved.base_name(base) for path in states if (base := _base_of(path))}
        return sum(path.stat().st_size for path in (*states, *bases) if path.exists())


def _base_of(path: Path) -> str:
    """The base of a state, by the name of its file."""
    return path.name.removesuffix(_STATE).partition(".")[2]


def _entry(path: Path) -> Entry:
    state = saved.read(path)
    size = path.stat().st_size if path.exists() else 0
    return Entry(path.name.partition(".")[0], size, _about(state.about), state)


def _about(data: Any) -> About:
    """What a file says of itself; what has another form is left out, since anybody may have written it."""
    given: dict[str, Any] = {"node": "", "component": ""}
    for one in fields(About):
        value = data.get(one.name)
        if one.name == "calls" and isinstance(value, list):
            given["calls"] = tuple(call for call in value if isinstance(call, str))
        elif one.name == "time":
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _END_OF_TIME:
                given["time"] = float(value)
        elif one.name != "calls" and isinstance(value, str):
            given[one.name] = value
    return About(**given)
