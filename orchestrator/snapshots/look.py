"""What can be seen of a kept state: which pages changed, where, and what can be read there.

Addresses are those of the guest: of a memory, by its number in the order in which an instance makes them. The last is
that of the keeper, where there is one: the guest's globals as they were saved. Not for printing any of it: see `cli`.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import PAGESIZE
from operator import itemgetter
from pathlib import Path

from orchestrator.engine import saved
from orchestrator.engine.saved import Page
from orchestrator.snapshots.store import Entry

_NOTHING = bytes(PAGESIZE)
_TOGETHER = (4 << 20) // PAGESIZE
"""Pages that are looked at together: a small file may say that there are millions."""
_ONE = rb"[\x20-\x7e\t\n]"
_UTF8 = rb"(?:" + _ONE + rb"|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
_WIDE = rb"(?:[\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x06\x1e-\x20])"
_WIDEST = rb"(?:[\x20-\x7e\xa0-\xff]\x00\x00\x00|[\x00-\xff][\x01-\x06\x1e-\x20\xf3-\xfa][\x00\x01]\x00)"
_FORMS = (("utf-8", _UTF8), ("utf-16", _WIDE), ("utf-32", _WIDEST))

Place = tuple[int, int]
"""A page: the number of its memory, and its own there."""
_Piece = tuple[int, int, bytes, bytes]
"""Pages that follow each other: their memory, where they begin in it, what they hold, and what they held before."""


@dataclass(frozen=True, slots=True)
class Region:
    """Pages that follow each other.

    Arguments:
        memory: the number of the memory.
        start, end: addresses in it.
    """

    memory: int
    start: int
    end: int

    @property
    def pages(self) -> int:
        """How many there are."""
        return (self.end - self.start) // PAGESIZE


@dataclass(frozen=True, slots=True)
class Text:
    """Something that can be read in a memory.

    Arguments:
        memory, address: where it is.
        form: `utf-8`, `utf-16` or `utf-32`.
        text: what it says.
    """

    memory: int
    address: int
    form: str
    text: str


@dataclass(frozen=True)
class Look:
    """A kept state with its pages.

    Arguments:
        folder: where its base is.
    """

    entry: Entry
    folder: Path

    def changed(self) -> Iterator[Page]:
        """The pages that differ from its base; of a state without one, those that are not zero."""
        return self.entry.state.pages()

    def whole(self) -> Iterator[Page]:
        """All its pages that are not zero."""
        return saved.whole(self.entry.state, self.folder)

    def base(self) -> Iterable[Page]:
        """The pages of its base that are not zero; none where it has no base."""
        state = self.entry.state
        return saved.base_of(state, self.folder).pages() if state.base else ()

    def regions(self) -> Sequence[Region]:
        """Where pages changed, as the file lists them: none of them is read."""
        runs = enumerate(self.entry.state.runs)
        return [
            Region(memory, first * PAGESIZE, (first + count) * PAGESIZE)
            for memory, found in runs
            for first, count in _joined(found)
        ]

    def texts(self, least: int, *, everything: bool = False) -> Iterator[Text]:
        """What can be read in the pages that changed.

        Arguments:
            least: characters of a text.
            everything: whether also what stands there in the base, in those very bytes.
        """
        return texts(self.changed(), () if everything else self.base(), least)


def look(entry: Entry, folder: Path) -> Look:
    """A kept state with its pages, which are read when they are asked for."""
    return Look(entry, folder)


def _joined(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs of pages, in their order, without two that follow each other."""
    begin = end = 0
    for first, count in runs:
        if first != end:
            yield from [(begin, end - begin)] if end > begin else []
            begin = first
        end = first + count
    yield from [(begin, end - begin)] if end > begin else []


def regions(pages: Iterable[Place]) -> Sequence[Region]:
    """Pages as regions, in their order."""
    found = []
    for (memory, _), run in itertools.groupby(
        enumerate(sorted(pages)), key=lambda one: (one[1][0], one[1][1] - one[0])
    ):
        places = [place for _, (_, place) in run]
        found.append(Region(memory, places[0] * PAGESIZE, (places[-1] + 1) * PAGESIZE))
    return found


def differences(one: Look, other: Look) -> Sequence[Place]:
    """The pages that are not the same in two states, those that only one has among them."""
    mine, theirs = one.entry.state, other.entry.state
    shared = mine.base == theirs.base != ""
    sides = (one.changed(), other.changed(), one.base()) if shared else (one.whole(), other.whole())
    places = []
    for place, found in _beside(*sides):
        below = found.get(2, _NOTHING)
        if found.get(0, below) != found.get(1, below):
            places.append(place)
    return places


def _beside(*sides: Iterable[Page]) -> Iterator[tuple[Place, Mapping[int, bytes]]]:
    """Each place with what is there on each side, by the side's number; one page of each is in memory at a time."""
    merged = heapq.merge(*map(_numbered, itertools.count(), sides))
    for place, found in itertools.groupby(merged, key=itemgetter(0)):
        yield place, {number: data for _, number, data in found}


def _numbered(number: int, pages: Iterable[Page]) -> Iterator[tuple[Place, int, bytes]]:
    return (((memory, page), number, data) for memory, page, data in pages)


def texts(pages: Iterable[Page], before: Iterable[Page], least: int) -> Iterator[Text]:
    """What can be read in pages and not, in those bytes, in what was there before.

    Arguments:
        pages, before: in their order; they are read as they are needed, four mebibytes at a time. A text that goes on
            in the next four is told as two.
    """
    patterns = [(form, re.compile(b"%b{%d,}+" % (one, least))) for form, one in _FORMS]
    for piece in _pieces(pages, before):
        found = [_in_form(form, pattern, piece) for form, pattern in patterns]
        yield from heapq.merge(*found, key=lambda text: text.address)


def _pieces(pages: Iterable[Page], before: Iterable[Page]) -> Iterator[_Piece]:
    """Pages that follow each other, some at a time."""
    piece: list[tuple[bytes, bytes]] = []
    begin = (0, 0)
    for place, found in _beside(pages, before):
        if 0 not in found:
            continue
        if piece and (place != (begin[0], begin[1] + len(piece)) or len(piece) == _TOGETHER):
            yield _piece(begin, piece)
            piece = []
        begin = begin if piece else place
        piece.append((found[0], found.get(1, _NOTHING)))
    if piece:
        yield _piece(begin, piece)


def _piece(begin: Place, pages: Sequence[tuple[bytes, bytes]]) -> _Piece:
    memory, page = begin
    return memory, page * PAGESIZE, b"".join(now for now, _ in pages), b"".join(old for _, old in pages)


def _in_form(form: str, pattern: re.Pattern[bytes], piece: _Piece) -> Iterator[Text]:
    """What can be read in a piece in one form, in its order."""
    memory, start, data, old = piece
    for match in pattern.finditer(data):
        if match.group() != old[match.start() : match.end()] and (text := _readable(match.group(), form)):
            yield Text(memory, start + match.start(), form, text)


def _readable(data: bytes, form: str) -> str:
    """The text, if it is one: mostly letters, digits and spaces; empty if not."""
    try:
        text = data.decode(form if form == "utf-8" else f"{form}-le")
    except UnicodeDecodeError:
        return ""
    return text if text.isascii() or sum(map(_is_plain, text)) * 4 >= len(text) * 3 else ""


def _is_plain(character: str) -> bool:
    return character.isalnum() or character.isspace() or character.isascii()
