"""The signals that ask the command to end: SIGTERM and SIGHUP are to it what ctrl-C is.

The guests stop and the trace is written, then the process ends with 128 and the signal's number. Not for what is done
with the exception; every command treats a KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType


def heed() -> list[int]:
    """Has SIGTERM and SIGHUP raise KeyboardInterrupt; one that is ignored, as `nohup` has it, stays so.

    Returns:
        A list that the numbers of those that come are put in.
    """
    came: list[int] = []
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def end(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGHUP:
            _leave(terminals)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            with suppress(ValueError):  # Not on the main thread, where no signal comes.
                signal.signal(number, end)
    return came


def ignore() -> None:
    """Has the process end with its exit code, in the second or two that takes, whatever further signal comes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def _leave(terminals: list[int]) -> None:
    """Writes to a terminal that is gone would fail; they go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in terminals:
        os.dup2(nowhere, stream)
    os.close(nowhere)
