"""A YAML document as frozen data that still knows where each of its parts stands.

Not for what the parts mean: see `shapes`. Offsets count characters of the source from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["plain", "single", "double", "literal", "folded"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scalar:
    """A text as YAML reads it, before it is taken for a number, a boolean or null."""

    text: str
    style: Style
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Items:
    """A sequence."""

    items: tuple[Tree, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Entries:
    """A mapping: its entries in their order, no key twice. `partial`: an entry was refused and left out."""

    entries: tuple[tuple[Scalar, Tree], ...]
    start: int
    end: int
    partial: bool = False

    def get(self, key: str) -> Tree | None:
        """The value under `key`, or None."""
        return next((value for name, value in self.entries if name.text == key), None)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Broken:
    """A part that was refused already, an alias for one: nothing more is said about it."""

    start: int
    end: int


Tree = Scalar | Items | Entries | Broken
