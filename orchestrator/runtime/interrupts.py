"""Signals while a run is carried out on the program's main thread.

Python runs a signal's handler on that thread wherever it next executes a byte code: inside a callback, from which
nothing may be raised, or in the middle of ending an instance. So what a handler raises meanwhile, as that of ctrl-C
does, ends the run, and is raised when nothing of the run is left. Guests themselves run on another thread where signals
other than ctrl-C have handlers of their own: nobody knows how long those take, or how much stack.
"""

from __future__ import annotations

import signal
import threading

# `signal` wraps these in conversions to enumerations, which cost more than all else that a small run does.
from _signal import getsignal  # type: ignore[import-not-found]
from _signal import signal as set_signal
from collections.abc import Callable
from types import TracebackType
from typing import Any

_INTERRUPT = int(signal.SIGINT)
_OTHERS = tuple(
    int(number)
    for name in (
        "ALRM",
        "CHLD",
        "CONT",
        "HUP",
        "IO",
        "PIPE",
        "PROF",
        "PWR",
        "QUIT",
        "TERM",
        "TSTP",
        "TTIN",
        "TTOU",
        "URG",
        "USR1",
        "USR2",
        "VTALRM",
        "WINCH",
        "XCPU",
        "XFSZ",
    )
    if (number := getattr(signal, f"SIG{name}", None)) is not None
)
_ALL = (_INTERRUPT, *_OTHERS)


def on_main_thread() -> bool:
    """Whether signals are handled on this thread."""
    return threading.get_ident() == threading.main_thread().ident


def only_interrupts() -> bool:
    """Whether no other signal than ctrl-C's has a handler in Python."""
    return not any(map(callable, map(getsignal, _OTHERS)))


class Interrupts:
    """While it is entered on the main thread, what a signal's handler raises is kept; it is raised when it is left.

    Arguments:
        tell: called when something was raised, wherever the thread is: it may neither wait nor raise.
    """

    __slots__ = ("_handlers", "_noting", "_problem", "_tell")

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._handlers: tuple[tuple[int, Any], ...] = ()
        """Those that were there, by signal."""
        self._noting: Any = None
        self._problem: BaseException | None = None

    def __enter__(self) -> None:
        if not on_main_thread():
            return
        self._noting = self._note
        self._handlers = tuple([(number, handler) for number in _ALL if callable(handler := getsignal(number))])
        try:
            for number, _ in self._handlers:
                set_signal(number, self._noting)
        except BaseException:  # what the handler of one raised that was not replaced yet
            self._put_back()
            raise

    def __exit__(self, _kind: object, ended: BaseException | None, _traceback: TracebackType | None) -> None:
        try:
            self._put_back()
        except BaseException as problem:  # of one that was put back already
            self._problem = self._problem or problem
            self._put_back()
        self._noting = None
        if self._problem is not None:
            self._raise(ended)

    def _raise(self, ended: BaseException | None) -> None:
        """Raises what was kept.

        Nothing here may hold it in a circle: all that the run held would then be freed at some later time, and a signal
        that came in that very moment would be lost.
        """
        found, self._problem = self._problem, None
        if ended is not None:
            ended.__traceback__ = None
        assert found is not None
        try:
            raise found
        finally:
            del found, ended

    def _put_back(self) -> None:
        """Puts the handlers back; one that a handler itself replaced stays replaced."""
        for number, handler in self._handlers:
            if getsignal(number) is self._noting:
                set_signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        try:
            dict(self._handlers)[number](number, frame)
        except BaseException as problem:
            if self._problem is None:
                self._problem = problem
            self._tell()
