"""What no command expected: a line for the user, a file for whoever mends it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import traceback
from typing import TYPE_CHECKING

from orchestrator.cli import EXIT_FAILED
from orchestrator.cli._terminal import OutputLost
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


def report(error: BaseException) -> int:
    """Tells the user of an internal error in one line, and keeps its traceback in a file. The exit code is returned.

    A reader that closed our standard output is no error worth a word: `orchestrator … | head`.
    """
    if isinstance(error, BrokenPipeError):
        _swallow_output()
        return EXIT_FAILED
    if isinstance(error, OutputLost):
        _swallow_output()
        with contextlib.suppress(OSError):
            sys.stderr.write(f"error: cannot write to standard output: {error.strerror}\n")
        return EXIT_FAILED
    kind = type(error).__name__
    # Only the first line, cut: the rest is in the file.
    message = printable(str(error).partition("\n")[0])[:300]
    place = _keep(error)
    where = f"the traceback is in {place}, please report it" if place else "please report it"
    with contextlib.suppress(OSError):
        sys.stderr.write(f"internal error: {kind}: {message}; {where}\n")
    return EXIT_FAILED


def _swallow_output() -> None:
    """Points standard output at nothing, so that the interpreter's last flush does not fail as well."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nothing, sys.stdout.fileno())


def _keep(error: BaseException) -> str:
    """The file that now has the traceback; empty where none can be written."""
    text = _head() + "".join(traceback.format_exception(error))
    for folder in _folders():
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(".txt", f"crash-{time.strftime('%Y%m%d-%H%M%S')}-", folder)
            os.write(handle, text.encode(errors="backslashreplace"))
            os.close(handle)
            return path
    return ""


def _folders() -> Iterator[str]:
    with contextlib.suppress(Exception):
        from orchestrator.cli._session import cache_folder

        folder = cache_folder() / "crashes"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield str(folder)
    yield tempfile.gettempdir()


def _head() -> str:
    from orchestrator import __version__

    return f"orchestrator {__version__}, Python {sys.version}, {sys.platform}\narguments: {sys.argv[1:]!r}\n\n"
