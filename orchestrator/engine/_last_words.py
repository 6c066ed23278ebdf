"""What a guest said of its own end: the panic, and the Python traceback before it, on its standard error.

A guest in Rust, or in Python (whose runtime is in Rust), ends itself with `unreachable` after it wrote why. That is
what its author can act on. Not for what a guest prints otherwise: that is its output's.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 16 << 10
"""Bytes of the end of the standard error that are kept."""
LINE = 4 << 10
"""Bytes from which a line is handed on before it ends."""
FRAMES = 12
"""Frames of a traceback that are told, the innermost."""
_LONGEST = 1000
_PANICKED, _NOTE = " panicked at ", "\nnote: run with `RUST_BACKTRACE"
_MISFITTING = "in what the called function returns, or passes to a function that it imports"
_UNCALLED = "in the call of it: has its method the parameters of the WIT function?"
_TRACEBACK = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'  File "(?:/\d+/)?([^"\n]*)", line (\d+), in ([^\n]*)')
_MISFIT = re.compile(r"PyErr \{ type: <class '[^']*'>, value: (.*), traceback: ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a guest ended itself.

    Arguments:
        text: in its own words, one line.
        frames: where, the innermost first; empty where it did not say.
    """

    text: str
    frames: tuple[str, ...] = ()


class LastWords:
    """Hands on what a guest prints, whole lines at a time, and keeps the end of its standard error.

    Python writes a line in pieces, a call for each. What is no whole line is handed on by `flush`.

    Arguments:
        output: takes everything.
    """

    __slots__ = ("_kept", "_output", "unfinished")

    def __init__(self, output: Callable[[str, bytes], None]) -> None:
        self._output, self._kept = output, b""
        self.unfinished: dict[str, bytes] = {}
        """By stream, the beginning of a line."""

    def __call__(self, stream: str, data: bytes) -> None:
        """Takes what was printed."""
        if stream == "stderr":
            self._kept = (self._kept + data[-KEPT:])[-KEPT:]
        text = self.unfinished.pop(stream, b"") + data
        end = len(text) if len(text) > LINE else text.rfind(b"\n") + 1
        if text[end:]:
            self.unfinished[stream] = text[end:]
        if end:
            self._output(stream, text[:end])

    def flush(self) -> None:
        """Hands on the lines that were not ended; whoever takes them cannot make it fail."""
        while self.unfinished:
            with contextlib.suppress(Exception):
                self._output(*self.unfinished.popitem())

    def forget(self) -> None:
        """Hands on what was not, and forgets the rest: what a guest said is not what it says from now on."""
        self.flush()
        self._kept = b""

    def reason(self) -> Reason | None:
        """Why the guest ended itself, if the last that it wrote was that."""
        return reason(self._kept.decode("utf-8", "replace"))


def reason(text: str) -> Reason | None:
    """Why a guest ended itself, from the end of its standard error; None where that does not end with a panic."""
    found = _panic(text)
    if found is None:
        return None
    before, said = found
    misfit = _MISFIT.search(said)
    if misfit is not None:
        return Reason(_line(f"a value that it gave does not fit its WIT type: {misfit.group(1)}"), (_MISFITTING,))
    if said.startswith("Python function threw"):
        return _raised(before)
    return Reason(_line(said))


def _panic(text: str) -> tuple[str, str] | None:
    """What stands before the panic that the text ends with, and what it says."""
    at = text.rfind(_PANICKED)
    line, note = text.find("\n", at), text.rfind(_NOTE)
    if not 0 <= at < line <= note or text.count("\n", note + 1) > 1:
        return None
    return text[: max(0, text.rfind("thread '", 0, at))].rstrip(), text[line:note].strip()


def _raised(before: str) -> Reason:
    """The exception and the frames of the Python traceback that a text ends with.

    An exception that no frame of the guest raised (a method that takes other arguments) stands there without one.
    """
    at = before.rfind(_TRACEBACK)
    if at < 0:
        return Reason(_line(before.rpartition("\n")[2] or "an exception"), (_UNCALLED,))
    traceback = before[at + len(_TRACEBACK) :]
    error = re.search(r"^[^ \n].*", traceback, re.MULTILINE)
    frames = [f"in {name}, {file} line {line}" for file, line, name in _FRAME.findall(traceback)]
    return Reason(_line(error.group() if error else "an exception"), tuple(reversed(frames[-FRAMES:])))


def _line(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= _LONGEST else first[:_LONGEST] + " …"
