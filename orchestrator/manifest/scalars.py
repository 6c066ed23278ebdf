"""Scalars: JSON's rules for what is a number, and the language's durations, sizes, rates, times, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from orchestrator.manifest.tree import Scalar

LONGEST_NUMBER = 60
"""Characters of a number; the longest that a WIT type needs has 24."""
LONGEST_DURATION = 365 * 24 * 3600
"""Seconds."""
LARGEST_SIZE = 1 << 50
"""Bytes: 1 PiB."""
LARGEST_RATE = 1_000_000_000
LATEST = 253_402_300_799
"""Seconds since the epoch of the last second of the year 9999."""

INTEGER: Final = r"-?(?:0|[1-9][0-9]*)"
GROUPED: Final = r"-?(?:0|[1-9][0-9]*(?:_[0-9]+)*)"
DURATION: Final = r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:us|ms|s|m|h)"
SIZE: Final = r"[0-9]+(?:_[0-9]+)*(?:B|KB|MB|GB|KiB|MiB|GiB)"
TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
RATE: Final = r"[0-9]+(?:_[0-9]+)*/(?:s|min|h)"

_NUMBER = re.compile(rf"({INTEGER})((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_GROUPED = re.compile(GROUPED)
_DURATION, _SIZE, _RATE, _TIME = re.compile(DURATION), re.compile(SIZE), re.compile(RATE), re.compile(TIME)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "": None}

_SECONDS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
    "us": Decimal("0.000001"),
}
_BYTES = {
    "GiB": 1 << 30,
    "MiB": 1 << 20,
    "KiB": 1 << 10,
    "GB": 1_000_000_000,
    "MB": 1_000_000,
    "KB": 1_000,
    "B": 1,
}
_PERIODS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def plain_value(text: str) -> str | int | float | bool | None:
    """What a text without quotes is: as JSON has it, and a string where JSON has nothing.

    Raises ValueError for a number that is too long, or too large for a double.
    """
    if text in _WORDS:
        return _WORDS[text]
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters; at most {LONGEST_NUMBER} are read")
    if not found[2]:
        return int(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a 64-bit float")
    return value


def scalar_value(scalar: Scalar) -> str | int | float | bool | None:
    """What a scalar is: in quotes or as a block, its text; else as `plain_value` says, an unreadable number as text."""
    if scalar.style != "plain":
        return scalar.text
    try:
        return plain_value(scalar.text)
    except ValueError:
        return scalar.text


def read_integer(text: str) -> int | None:
    """The integer that a text says, underscores between digits allowed; None for another text."""
    if len(text) > LONGEST_NUMBER or not _GROUPED.fullmatch(text):
        return None
    return int(text)


def read_duration(text: str) -> float | None:
    """Seconds of `5s`, `1.5h`, `200ms`; None for another text."""
    if len(text) > LONGEST_NUMBER or not _DURATION.fullmatch(text):
        return None
    number, unit = _split(text)
    return float(Decimal(number) * _SECONDS[unit])


def read_size(text: str) -> int | None:
    """Bytes of `64KiB`, `10MB`, `12B`; None for another text."""
    if len(text) > LONGEST_NUMBER or not _SIZE.fullmatch(text):
        return None
    number, unit = _split(text)
    return int(number) * _BYTES[unit]


def read_rate(text: str) -> tuple[int, float] | None:
    """So many in so many seconds of `10/s`, `5/min`, `100/h`; None for another text."""
    if len(text) > LONGEST_NUMBER or not _RATE.fullmatch(text):
        return None
    number, _, unit = text.partition("/")
    return int(number), _PERIODS[unit]


def read_time(text: str) -> float | None:
    """Seconds since the epoch of `2026-01-01T00:00:00Z` (RFC 3339, without leap seconds); None for another text."""
    if not _TIME.fullmatch(text):
        return None
    whole = re.sub(r"\.[0-9]+", "", text)
    fraction = re.search(r"\.[0-9]+", text)
    try:
        seconds = int(datetime.fromisoformat(whole).timestamp())
    except (ValueError, OverflowError):
        return None
    return float(seconds + Decimal(fraction[0] if fraction else 0)) if 0 <= seconds <= LATEST else None


def show_time(seconds: float) -> str:
    """A text that `read_time` reads as exactly this time. Raises ValueError where there is none."""
    if not 0 <= seconds < LATEST + 1:
        raise ValueError(f"a time is from 1970 to 9999, not {seconds:g} seconds from 1970")
    whole, fraction = divmod(Decimal(repr(float(seconds))), 1)
    if fraction != round(fraction, 9):
        raise ValueError("a time is exact to a nanosecond")
    digits = f"{fraction.normalize():f}".removeprefix("0") if fraction else ""
    return f"{datetime.fromtimestamp(int(whole), UTC):%Y-%m-%dT%H:%M:%S}{digits}Z"


def show_duration(seconds: float) -> str:
    """A text that `read_duration` reads as exactly these seconds."""
    exact = Decimal(repr(float(seconds)))
    unit = next((unit for unit, length in _SECONDS.items() if exact and exact % length == 0), "s")
    return f"{(exact / _SECONDS[unit]).normalize():f}{unit}"


def show_size(size: int) -> str:
    """A text that `read_size` reads as exactly these bytes."""
    unit = next(unit for unit, length in _BYTES.items() if size % length == 0) if size else "B"
    return f"{size // _BYTES[unit]}{unit}"


def show_rate(rate: tuple[int, float]) -> str:
    """A text that `read_rate` reads as exactly this rate. Raises ValueError where there is none."""
    unit = next((unit for unit, length in _PERIODS.items() if length == rate[1]), None)
    if unit is None:
        raise ValueError(f"a rate is per second, minute or hour, not per {rate[1]:g} seconds")
    return f"{rate[0]}/{unit}"


def _split(text: str) -> tuple[str, str]:
    number = text.rstrip("BKMGihmsu")
    return number.replace("_", ""), text[len(number) :]
