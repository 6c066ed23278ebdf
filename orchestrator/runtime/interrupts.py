"""Signals while guests run on the program's main thread.

Python runs a signal's handler on that thread wherever it next executes a byte code: inside a callback, from which
nothing may be raised: guests call back while they run, and their memories when they are freed. So during a run that is
carried out there, what the handler of ctrl-C raises ends the run, and is raised when the run's instances are gone.
Where other signals have handlers of their own, guests run on another thread.
"""

from __future__ import annotations

import signal
import threading

# `signal` wraps these in conversions to enumerations, which cost more than all else that a small run does.
from _signal import getsignal  # type: ignore[import-not-found]
from _signal import signal as set_signal
from types import TracebackType
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Cancelled

if TYPE_CHECKING:
    from orchestrator.runtime.run import Run

_INTERRUPT = int(signal.SIGINT)
_OTHERS = tuple(
    int(number)
    for name in (
        "ALRM", "CHLD", "CONT", "HUP", "IO", "PIPE", "PROF", "PWR", "QUIT", "TERM", "TSTP", "TTIN", "TTOU", "URG",
        "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    )
    if (number := getattr(signal, f"SIG{name}", None)) is not None
)  # fmt: skip


def on_main_thread() -> bool:
    """Whether signals are handled on this thread."""
    return threading.get_ident() == threading.main_thread().ident


def only_interrupts() -> bool:
    """Whether no other signal than ctrl-C's has a handler in Python."""
    return not any(map(callable, map(getsignal, _OTHERS)))


class Interrupts:
    """While it is entered, on the main thread, an interrupt ends the run; it is raised when it is left."""

    __slots__ = ("_handler", "_problem", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._handler: Any = None
        self._problem: BaseException | None = None

    def __enter__(self) -> None:
        handler = getsignal(_INTERRUPT)
        if callable(handler):
            self._handler = handler
            set_signal(_INTERRUPT, self._note)

    def __exit__(self, _kind: object, _problem: BaseException | None, _traceback: TracebackType | None) -> None:
        if self._handler is not None:
            set_signal(_INTERRUPT, self._handler)
        if self._problem is not None:
            raise self._problem

    def _note(self, number: int, frame: Any) -> None:
        try:
            self._handler(number, frame)
        except BaseException as problem:
            self._problem = problem
            self._run.cancel(Cancelled("the run was interrupted"))
