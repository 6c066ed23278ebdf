"""How wide a text is in a picture whose font is not known, and the text made fit to be shown.

Widths are of Helvetica's metrics (Adobe's AFM, thousandths of the size) with an allowance for the wider fonts that
stand in for it; a monospaced character is taken as 0.602 of the size, as in DejaVu Sans Mono, the widest of the
common ones.
"""

from __future__ import annotations

import re
import unicodedata

from orchestrator.diagnostics import printable

_BLANKS = re.compile(r"[ \t\r\n]+")
_ALLOWANCE = 1.06
_MONO = 0.602
_USUAL = 556
_WIDTHS = {
    char: width
    for width, chars in (
        (222, "ijl'|"),
        (278, " !,./:;I[]\\ft"),
        (333, "()-`r"),
        (389, "*"),
        (500, "cJksvxyz"),
        (584, "+<=>~"),
        (611, "FTZ"),
        (667, "ABEKPSVXY&"),
        (722, "CDHNRUw"),
        (778, "GOQ"),
        (833, "Mm"),
        (889, "%"),
        (944, "W"),
        (1000, "…→—@"),
    )
    for char in chars
}


def shown(text: str) -> str:
    """The text on one line, with control and formatting characters and what XML may not hold as escapes."""
    if text.isprintable():
        return text
    line = printable(_BLANKS.sub(" ", text).strip())
    return line.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def width(text: str, size: float, *, mono: bool = False) -> float:
    """About how wide the text is in a font of that size, rather more than less."""
    return sum(_char(char, mono) for char in text) * size * (1.0 if mono else _ALLOWANCE)


def cut(text: str, most: float, size: float, *, mono: bool = False) -> str:
    """The text, or as much of its beginning as fits in a width of `most`, then an ellipsis."""
    if width(text, size, mono=mono) <= most:
        return text
    room = most - width("…", size, mono=mono)
    end = 0
    for end, char in enumerate(text):  # noqa: B007
        room -= width(char, size, mono=mono)
        if room < 0:
            break
    return text[:end].rstrip() + "…"


def _char(char: str, mono: bool) -> float:
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0 if not mono else 2 * _MONO
    return _MONO if mono else _WIDTHS.get(char, _USUAL) / 1000
