"""What is written to standard output and standard error, and in which colours.

Results go to standard output, everything else to standard error. Colours follow NO_COLOR, FORCE_COLOR and whether the
stream is a terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, TextIO

from orchestrator.diagnostics import HIDDEN, plain

if TYPE_CHECKING:
    from orchestrator.diagnostics import Paint

_STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "code": "1",
    "place": "36",
    "gutter": "1;34",
    "mark": "1;31",
    "help": "1;36",
    "good": "32",
    "dim": "2",
    "name": "1",
    "run": "1",
    "node": "1;36",
    "call": "",
    "data": "2",
    "output": "33",
    "size": "2",
    "time": "32",
}


def coloured(stream: TextIO) -> bool:
    """Whether the stream takes colours: NO_COLOR says no, else FORCE_COLOR says yes, else a terminal does."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    if forced:
        return forced != "0"
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees the stream, on a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint_for(stream: TextIO) -> Paint:
    """How to colour what is written to the stream."""
    return _paint if coloured(stream) else plain


def _paint(role: str, text: str) -> str:
    style = _STYLES.get(role)
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


class OutputLost(OSError):
    """Standard output takes no more: its disk is full, say."""


def say(text: str) -> None:
    """Writes a line to standard error; characters that its encoding lacks are escaped."""
    _write(sys.stderr, text + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Writes a text to standard output, with a final line end. Raises `OutputLost`; BrokenPipeError as it comes."""
    try:
        _write(sys.stdout, text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise OutputLost(problem.errno, problem.strerror) from None


def put_json(data: Any) -> None:
    """Writes a JSON document to standard output; characters that its encoding lacks are escaped as JSON has it."""
    text = json_text(data)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(data, indent=2, allow_nan=False).replace("\x7f", "\\u007f")
    put(text)


def json_text(data: Any) -> str:
    """The data as JSON of several lines, readable, with every control and formatting character escaped."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return re.sub(r"[^\x00-\x7e]", _escape, text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return json.dumps(char)[1:-1] if unicodedata.category(char) in HIDDEN else char


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
