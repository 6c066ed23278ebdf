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
    """Line `text` up with what stands in double quotes: escapes, and line breaks that fold."""
    found: list[int] = []
    at = start
    while at < end:
        after = _past_blanks(source, at, end)
        if after > at:
            found += _blanks(source, at, after)
            at = after
        elif source[at] != "\\":
            found.append(at)
            at += 1
        elif source[at + 1] in "\r\n":
            at = _past_blanks(source, at + 1, end)
        else:
            found.append(at)
            at += 2 + _ESCAPE_DIGITS.get(source[at + 1], 0)
    return [*found, end] if len(found) == len(text) else None


def _blanks(source: str, start: int, end: int) -> list[int]:
    breaks = source[start:end].replace("\r\n", "\n").count("\n")
    return [start] * max(1, breaks - 1) if breaks else list(range(start, end))


def _past_blanks(source: str, at: int, end: int) -> int:
    while at < end and source[at] in _BLANK:
        at += 1
    return at
