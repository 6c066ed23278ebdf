"""The words that messages of several rooms share: names in a row, the name that was meant, numbers of things, times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEARCHED = 200
"""Names, and characters of a name, among which a misspelt one is looked for: the work grows with their product."""
_TIMES = ((1, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s"))
_SIZES = ((1, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"))


def counted(count: int, noun: str) -> str:
    """The number and what there is of it: `1 error`, `2 errors`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(names: Iterable[object], most: int = 12) -> str:
    """The names in backticks with commas, cut to `most` of them; `none` where there are none."""
    known = [f"`{name}`" for name in names]
    return (", ".join(known[:most]) + (f", and {len(known) - most} more" if len(known) > most else "")) or "none"


def closest(name: str, names: Iterable[str]) -> str:
    """The one of the names that was probably meant; empty where none is near."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name[:_SEARCHED], list(names)[:_SEARCHED], 1)), "")


def suggest(name: str, names: Iterable[str], what: str = "known") -> str:
    """A help line for a name that is not known: the one that was meant, else, after `what`, all there are."""
    known = list(names)
    near = closest(name, known)
    return f"did you mean `{near}`?" if near else f"{what}: {listed(known)}"


def duration(nanoseconds: int) -> str:
    """A time in three digits, for a person: `12.3 ms`, `1.24 s`."""
    return _scaled(nanoseconds, _TIMES)


def size(bytes_: int) -> str:
    """A number of bytes in three digits, for a person: `512 B`, `1.5 kB`, of 1000 bytes each."""
    return _scaled(bytes_, _SIZES)


def _scaled(amount: float, units: tuple[tuple[float, str], ...]) -> str:
    """The amount in the smallest unit in which it rounds to less than 1000, or in the largest there is."""
    factor, unit = next(((f, u) for f, u in units if amount / f < 999.5), units[-1])
    number = amount / factor
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:.0f} {unit}"
