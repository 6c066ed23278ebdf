"""From a place in a scalar's value to the place in the source, through quotes, escapes and folded lines."""

from __future__ import annotations

from orchestrator.manifest.tree import Scalar

_ESCAPE_DIGITS = {"x": 2, "u": 4, "U": 8}
_BLANK = " \t\r\n\x85\u2028\u2029"


def offsets(source: str, scalar: Scalar) -> list[int] | None:
    """The offset in `source` of each character of the scalar's text, and of its end; None where they do not line up."""
    start, end = scalar.start, scalar.end
    if scalar.style in ("single", "double"):
        start, end = start + 1, end - 1
    if source[start:end] == scalar.text:
        return list(range(start, end + 1))
    if scalar.style == "double":
        return _escaped(source, start, end, scalar.text)
    if scalar.style in ("literal", "folded"):
        start = source.find("\n", start, end) + 1
    return _folded(source, start, end, scalar.text, 2 if scalar.style == "single" else 1)


def _folded(source: str, start: int, end: int, text: str, quote_width: int) -> list[int] | None:
    """Line `text` up with the source, where only blanks differ (and quotes are doubled)."""
    found = []
    at = start
    for char in text:
        if char not in _BLANK:
            at = _past_blanks(source, at, end)
            if at >= end or source[at] != char:
                return None
        found.append(at)
        if at < end and source[at] == char:
            at += quote_width if char == "'" else 1
    return [*found, at]


def _escaped(source: str, start: int, end: int, text: str) -> list[int] | None:
    found = []
    at = start
    for char in text:
        at = _past_line_escapes(source, at, end)
        if char not in _BLANK and at < end and source[at] != "\\":
            at = _past_line_escapes(source, _past_blanks(source, at, end), end)
        if at >= end:
            return None
        found.append(at)
        if source[at] == "\\":
            at += 2 + _ESCAPE_DIGITS.get(source[at + 1], 0)
        elif source[at] == char:
            at += 1
        elif char not in _BLANK:
            return None
    return [*found, at]


def _past_blanks(source: str, at: int, end: int) -> int:
    while at < end and source[at] in _BLANK:
        at += 1
    return at


def _past_line_escapes(source: str, at: int, end: int) -> int:
    """Past any backslash at the end of a line, with the blanks that begin the next one."""
    while source[at : at + 1] == "\\" and at + 1 < end and source[at + 1] in "\r\n":
        at = _past_blanks(source, at + 1, end)
    return at
