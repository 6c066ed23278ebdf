"""Text in which characters are written by escapes, read without them; and which part of the text each came from.

One reading takes each escape for what it stands for, whoever wrote it: JSON, JavaScript, HTML, a URL, in any mixture.
What is escaped twice is read twice. Letters are lower case. Not for a decoder: what stands for no character of ASCII
is left as it is, and nothing is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.entities import html5

_TIMES = 3
"""Escapes within escapes that are read."""
_ESCAPE = re.compile(
    rb"""\\(?:u00([0-7][0-9a-f]) | u\{0{0,6}([0-7]?[0-9a-f])\} | x([0-7][0-9a-f]) | ([01][0-7]{2})
         | ([nrt!-/:-@\[-`{-~]))
    | %(?:u00)?([0-7][0-9a-f])
    | &(?:\#x0{0,6}([0-7]?[0-9a-f])(?:;|(?![0-9a-f])) | \#0{0,6}([0-9]{1,3})(?:;|(?![0-9])) | ([a-z]{2,20});)""",
    re.VERBOSE,
)
_BASES = (0, 16, 16, 16, 8, 0, 16, 16, 10, 0)
"""By the group of `_ESCAPE`: the base of the number that stands there; 0 where none does."""
_MEANINGS: dict[bytes, bytes] = {}
_MOST_KEPT = 1000
_KNOWN = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_BLANKS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_NAMES = {
    name.rstrip(";").lower().encode(): char.encode()
    for name, char in html5.items()
    if len(char) == 1 and ord(char) in _KNOWN
}


def spellings(data: bytes) -> list[bytes]:
    """The text in lower case as it is, and as it is read once, twice and three times where that is something else."""
    found = [data.lower()]
    while len(found) <= _TIMES and _ESCAPE.search(found[-1]):
        found.append(_ESCAPE.sub(_known, found[-1]))
    return found


def _known(found: re.Match[bytes]) -> bytes:
    """`_meaning`, looked up: most escapes of a text are the same few."""
    escape = found[0]
    meaning = _MEANINGS.get(escape)
    if meaning is None:
        meaning = _meaning(found)
        if len(_MEANINGS) < _MOST_KEPT:
            _MEANINGS[escape] = meaning
    return meaning


def _meaning(found: re.Match[bytes]) -> bytes:
    """What an escape stands for; itself where that is no character of ASCII."""
    group = found.lastindex or 0
    said, base = found[group], _BASES[group]
    if not base:
        return _BLANKS.get(said, said) if group == 5 else _NAMES.get(said, found[0])
    number = int(said, base)
    return bytes((number,)).lower() if number in _KNOWN else found[0]


@dataclass(frozen=True, slots=True)
class Traced:
    """A text made of another one, in which each byte knows its origin.

    Arguments:
        starts, ends: by byte, where in the other text it comes from.
    """

    text: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where a part comes from."""
        return self.starts[start], self.ends[end - 1]

    def kept(self, places: Sequence[int]) -> Traced:
        """Some of its bytes."""
        text = bytes(map(self.text.__getitem__, places))
        return Traced(text, [self.starts[at] for at in places], [self.ends[at] for at in places])

    def translated(self, table: bytes) -> Traced:
        """The same with each byte translated."""
        return Traced(self.text.translate(table), self.starts, self.ends)


def traced(data: bytes) -> list[Traced]:
    """The same as `spellings`, with where everything comes from."""
    places = range(len(data) + 1)
    found = [Traced(data.lower(), places[:-1], places[1:])]
    while len(found) <= _TIMES and _ESCAPE.search(found[-1].text):
        found.append(_read(found[-1]))
    return found


def _read(before: Traced) -> Traced:
    text, starts, ends, at = bytearray(), list[int](), list[int](), 0
    for found in _ESCAPE.finditer(before.text):
        meaning = _known(found)
        if meaning == found[0]:
            continue
        start, end = found.span()
        text += before.text[at:start] + meaning
        starts += [*before.starts[at:start], before.starts[start]]
        ends += [*before.ends[at:start], before.ends[end - 1]]
        at = end
    text += before.text[at:]
    return Traced(bytes(text), [*starts, *before.starts[at:]], [*ends, *before.ends[at:]])
