"""What can be seen of a kept state: which pages changed, where, and what can be read there.

Addresses are those of the guest: of a memory, by its number in the order in which an instance makes them. The last is
that of the keeper, where there is one: the guest's globals as they were saved. Not for printing any of it: see `cli`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from mmap import PAGESIZE
from pathlib import Path

from orchestrator.engine import saved
from orchestrator.snapshots.store import Entry

_NOTHING = bytes(PAGESIZE)
_ONE = rb"[\x20-\x7e\t\n]"
_UTF8 = rb"(?:" + _ONE + rb"|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
_WIDE = rb"(?:[\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x06\x1e-\x20])"
_WIDEST = rb"(?:[\x20-\x7e\xa0-\xff]\x00\x00\x00|[\x00-\xff][\x01-\x06\x1e-\x20\xf3-\xfa][\x00\x01]\x00)"
_FORMS = (("utf-8", _UTF8), ("utf-16", _WIDE), ("utf-32", _WIDEST))

Place = tuple[int, int]
"""A page: the number of its memory, and its own there."""


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

    @cached_property
    def changed(self) -> Mapping[Place, bytes]:
        """The pages that differ from its base; of a state without one, those that are not zero."""
        return {(memory, page): data for memory, page, data in self.entry.state.pages()}

    @cached_property
    def whole(self) -> Mapping[Place, bytes]:
        """All its pages that are not zero."""
        return saved.whole(self.entry.state, self.folder)

    @cached_property
    def base(self) -> Mapping[Place, bytes]:
        """The pages of its base that are not zero; none where it has no base."""
        base = self.entry.state.base
        if not base:
            return {}
        found = saved.read(self.folder / saved.base_name(base))
        return {(memory, page): data for memory, page, data in found.pages()}

    def regions(self) -> Sequence[Region]:
        """Where pages changed."""
        return regions(self.changed)

    def texts(self, least: int, *, everything: bool = False) -> Iterator[Text]:
        """What can be read in the pages that changed.

        Arguments:
            least: characters of a text.
            everything: whether also what stands there in the base, in those very bytes.
        """
        return texts(self.changed, {} if everything else self.base, least)


def look(entry: Entry, folder: Path) -> Look:
    """A kept state with its pages, which are read when they are asked for."""
    return Look(entry, folder)


def regions(pages: Mapping[Place, bytes] | Sequence[Place]) -> Sequence[Region]:
    """Pages as regions, in their order."""
    found = []
    for (memory, _), run in groupby(enumerate(sorted(pages)), key=lambda one: (one[1][0], one[1][1] - one[0])):
        places = [place for _, (_, place) in run]
        found.append(Region(memory, places[0] * PAGESIZE, (places[-1] + 1) * PAGESIZE))
    return found


def differences(one: Look, other: Look) -> Sequence[Place]:
    """The pages that are not the same in two states, those that only one has among them."""
    mine, theirs = one.entry.state, other.entry.state
    shared = mine.base == theirs.base != ""
    left, right = (one.changed, other.changed) if shared else (one.whole, other.whole)
    below = one.base if shared else {}
    places = sorted(left.keys() | right.keys())
    return [
        place
        for place in places
        if left.get(place, below.get(place, _NOTHING)) != right.get(place, below.get(place, _NOTHING))
    ]


def texts(pages: Mapping[Place, bytes], before: Mapping[Place, bytes], least: int) -> Iterator[Text]:
    """What can be read in pages and not, in those bytes, in what was there before."""
    patterns = [(form, re.compile(b"%b{%d,}" % (one, least))) for form, one in _FORMS]
    for region in regions(pages):
        numbers = range(region.start // PAGESIZE, region.end // PAGESIZE)
        data = b"".join(pages[region.memory, number] for number in numbers)
        old = b"".join(before.get((region.memory, number), _NOTHING) for number in numbers) if before else b""
        found = [
            Text(region.memory, region.start + match.start(), form, text)
            for form, pattern in patterns
            for match in pattern.finditer(data)
            if match.group() != old[match.start() : match.end()] and (text := _readable(match.group(), form))
        ]
        yield from sorted(found, key=lambda one: one.address)


def _readable(data: bytes, form: str) -> str:
    """The text, if it is one: mostly letters, digits and spaces; empty if not."""
    try:
        text = data.decode(form if form == "utf-8" else f"{form}-le")
    except UnicodeDecodeError:
        return ""
    plain = sum(map(_is_plain, text))
    return text if plain * 4 >= len(text) * 3 or text.isascii() else ""


def _is_plain(character: str) -> bool:
    return character.isalnum() or character.isspace() or character.isascii()
