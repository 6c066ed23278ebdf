"""`wasi:cli`: environment, exit and the standard streams of a guest.

What it prints goes where `stdio` says; its standard input is empty, or with `inherit` the process's own.
"""

from __future__ import annotations

import os
import re
import select
import threading
from typing import TYPE_CHECKING, Any

from orchestrator.wasi._codes import code_of
from orchestrator.wasi.streams import InputStream, OutputStream, closed, failed
from orchestrator.wasi.waiting import LOOK, Pollable

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
"""What moves a terminal's cursor, hides text or answers for its user; a tab and a new line do not."""

_AT_ONCE = 4096
"""Bytes that whoever reads what is printed takes for certain where they take any."""
_READING, _PRINTING = threading.Lock(), threading.Lock()
"""Held from a look at whether the process's own input or output would block to its use: all instances share them."""


class _Nothing(InputStream):
    """A standard input with nothing in it."""

    __slots__ = ()

    def state(self) -> Any:
        """See `HostResource.state`: there is none."""
        return None

    def read(self, session: Session, size: int) -> bytes:
        raise closed()


class _Inherited(InputStream):
    """The process's own standard input."""

    __slots__ = ()

    def read(self, session: Session, size: int) -> bytes:
        try:
            with _READING:
                if not _has_input():
                    return b""
                data = os.read(0, size)
        except OSError as problem:
            raise failed(problem.strerror or "standard input cannot be read", code_of(problem)) from None
        if not data:
            raise closed()
        return data

    def pollable(self) -> Pollable:
        return Pollable(_has_input)


def _has_input() -> bool:
    try:
        return bool(select.select([0], [], [], 0)[0])
    except (OSError, ValueError):  # it is closed: reading says so
        return True


class _Output(OutputStream):
    """Standard output or error.

    Arguments:
        stream: `stdout` or `stderr`.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: str) -> None:
        super().__init__()
        self._stream = stream

    def state(self) -> Any:
        """See `HostResource.state`."""
        return self.permitted, self.flushing

    def restore(self, state: Any) -> None:
        """See `HostResource.restore`."""
        self.permitted, self.flushing = state


class _Captured(_Output):
    """Goes to whoever listens to the instance."""

    __slots__ = ()

    def write(self, session: Session, data: bytes) -> None:
        session.say(self._stream, data)


class _Silent(_Output):
    """Goes nowhere."""

    __slots__ = ()

    def write(self, session: Session, data: bytes) -> None:
        return None


class _Printed(_Output):
    """Goes to the process's own standard output or error; to a terminal without what would steer it."""

    __slots__ = ()

    def write(self, session: Session, data: bytes) -> None:
        number, shown = 1 if self._stream == "stdout" else 2, session.printable(data)
        try:
            view = memoryview(_CONTROLS.sub(b"?", shown) if os.isatty(number) else shown)
            while view := view[_print(number, view) :]:
                session.waiting.check()
        except OSError as problem:
            raise failed(problem.strerror or f"{self._stream} cannot be written", code_of(problem)) from None


def _print(number: int, data: memoryview) -> int:
    """Prints some of it, and waits a little where nobody takes any; how much."""
    with _PRINTING:
        if _has_room(number, 0):
            return os.write(number, data[:_AT_ONCE])
    _has_room(number, LOOK)
    return 0


def _has_room(number: int, seconds: float) -> bool:
    try:
        return bool(select.select([], [number], [], seconds)[1])
    except (OSError, ValueError):  # it is closed: writing says so
        return True


_OUTPUTS = {"captured": _Captured, "inherit": _Printed, "none": _Silent}


def _output(stream: str) -> Any:
    def get(session: Session) -> OutputStream:
        session.told(f"stdio {stream}", session.stdio, session.stdio_rule, session.stdio != "none")
        return _OUTPUTS[session.stdio](stream)

    return get


def _stdin(session: Session) -> InputStream:
    inherited = session.stdio == "inherit"
    session.told("stdio stdin", session.stdio, session.stdio_rule, inherited)
    return _Inherited() if inherited else _Nothing()


def _environment(session: Session) -> list[tuple[str, str]]:
    given = list(session.authority.environment)
    session.told("environment read", f"{len(given)} variables", "grants.environment")
    return given


def _exit(session: Session, status: dict[str, None]) -> None:
    raise session.exited(0 if "ok" in status else 1)


def _exit_with_code(session: Session, code: int) -> None:
    raise session.exited(code)


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:cli/environment": {
        "get-environment": _environment,
        "get-arguments": lambda _session: [],
        "initial-cwd": lambda _session: None,
    },
    "wasi:cli/exit": {"exit": _exit, "exit-with-code": _exit_with_code},
    "wasi:cli/stdin": {"get-stdin": _stdin},
    "wasi:cli/stdout": {"get-stdout": _output("stdout")},
    "wasi:cli/stderr": {"get-stderr": _output("stderr")},
    "wasi:cli/terminal-input": {},
    "wasi:cli/terminal-output": {},
    "wasi:cli/terminal-stdin": {"get-terminal-stdin": lambda _session: None},
    "wasi:cli/terminal-stdout": {"get-terminal-stdout": lambda _session: None},
    "wasi:cli/terminal-stderr": {"get-terminal-stderr": lambda _session: None},
}
