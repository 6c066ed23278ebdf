"""How a conversion fails: with a path that grows from the inside out, and a readable word for what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.errors import ValueMismatch
from orchestrator.interface import types as t

Convert = Callable[[Any], Any]
"""A conversion compiled for one type; raises `Mismatch`."""

_LONGEST = 60


class Mismatch(Exception):
    """A value that does not fit; `parts` is where, innermost first. Never leaves this room."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        self.parts: list[str] = []
        super().__init__(expected, found)

    def within(self, part: str) -> Mismatch:
        """The same, one level further out."""
        self.parts.append(part)
        return self

    def error(self, path: str) -> ValueMismatch:
        """The error for outside this room, `path` in front of where in the value it is."""
        where = path + "".join(reversed(self.parts))
        return ValueMismatch(where.removeprefix("."), self.expected, self.found)


def mismatch(expected: str, value: Any) -> Mismatch:
    """The failure that `value` is not what was expected."""
    return Mismatch(expected, describe(value))


def describe(value: Any) -> str:
    """A value in a few words, whatever it is and however large."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    return _structure(value)


def _integer(value: int) -> str:
    return int.__repr__(value) if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"


def _text(value: str) -> str:
    shown = repr(str.__getitem__(value, slice(_LONGEST)))[1:-1].replace('"', '\\"').replace("\\'", "'")
    return f'the string "{shown}{"…" if len(value) > _LONGEST else ""}"'


def _structure(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return f"a {kind} of {len(value)}" if value else f"an empty {kind}"
    if isinstance(value, Mapping):
        keys = [str(key)[:_LONGEST] for key in list(value)[:5] if isinstance(key, str)]
        names = ", ".join(f"`{key}`" for key in keys) + (", …" if len(value) > 5 else "")
        return f"a map with {names}" if names else "an empty map" if not value else f"a map of {len(value)}"
    return f"a Python {type(value).__name__}"


class Cache:
    """Conversions compiled so far, by the identity of the type: equal types may have other names for messages.

    Arguments:
        build: compiles a type's conversion; gets this cache for the types inside it.
    """

    _MOST = 8192

    def __init__(self, build: Callable[[t.Type], Any]) -> None:
        self._build = build
        self._made: dict[int, tuple[t.Type, Any]] = {}

    def __call__(self, type_: t.Type) -> Any:
        made = self._made.get(id(type_))
        if made is not None and made[0] is type_:
            return made[1]
        if len(self._made) >= self._MOST:
            self._made.clear()
        convert = self._build(type_)
        self._made[id(type_)] = type_, convert
        return convert


INTEGERS: dict[str, tuple[int, int]] = {
    **{f"u{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    **{f"s{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
"""The range of each integer type."""


def integer_range(name: str) -> str:
    """What an integer type holds, for a message."""
    low, high = INTEGERS[name]
    return f"{name} ({low} to {high})"


def listed(names: tuple[str, ...]) -> str:
    """Names for a message, not too many."""
    return ", ".join(f"`{name}`" for name in names[:8]) + (", …" if len(names) > 8 else "")
