"""`wasi:random`: random numbers as a guest is given them.

Without a grant they are the same in every instance; `seeded` ones are the same for the same seed. Only `secure` ones
are the host's own.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from orchestrator.errors import LimitExceeded

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

MOST = 64 << 20
"""Bytes that a guest may ask for at once."""


class Numbers:
    """The random numbers of one instance.

    Arguments:
        seed: of a stream that repeats; None for the host's own numbers.
    """

    __slots__ = ("_seed", "_stands", "_stream", "octets")

    def __init__(self, seed: int | None) -> None:
        self._stream = None if seed is None else random.Random(seed)
        self.octets = os.urandom if seed is None else self._draw
        """So many random bytes."""
        self._seed: tuple[int, int] | None = None
        self._stands: Any = None
        """The state that a stream which repeats is in; None where nobody asked since something was drawn."""

    def _draw(self, size: int) -> bytes:
        self._stands = None
        assert self._stream is not None
        return self._stream.randbytes(size)

    def state(self) -> Any:
        """Where a stream that repeats is, and the bits that stay."""
        if self._stream is not None and self._stands is None:
            self._stands = self._stream.getstate()
        return self._stands, self._seed

    def restore(self, state: Any) -> None:
        """Sets a stream that repeats back to where `state` gave this.

        Raises:
            TypeError, ValueError, OverflowError: it never gave this.
        """
        stream, seed = state
        self._seed = None if seed is None else _two_words(*seed)
        if self._stream is not None and (stream is None or self._stands is not stream):
            version, words, gauss = stream
            self._stream.setstate((version, tuple(words), gauss))
            self._stands = stream

    def word(self) -> int:
        """64 random bits."""
        return int.from_bytes(self.octets(8), "little")

    def seed(self) -> tuple[int, int]:
        """128 random bits that stay: what the standard means to hand an instance once, as a value."""
        if self._seed is None:
            self._seed = self.word(), self.word()
        return self._seed


def _two_words(low: int, high: int) -> tuple[int, int]:
    if not (0 <= low < 1 << 64 and 0 <= high < 1 << 64):
        raise ValueError("a seed")
    return low, high


def _bytes(session: Session, size: int) -> bytes:
    if size > MOST:
        message = f"the guest asked for {size} random bytes at once; {MOST} are allowed"
        raise LimitExceeded(message, limit="values")
    session.told("random read", f"{size} bytes", session.random_rule)
    return session.random.octets(size)


def _word(session: Session) -> int:
    session.told("random read", "8 bytes", session.random_rule)
    return session.random.word()


def _seed(session: Session) -> tuple[int, int]:
    session.told("random read", "16 bytes", session.random_rule)
    return session.random.seed()


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:random/random": {"get-random-bytes": _bytes, "get-random-u64": _word},
    "wasi:random/insecure": {"get-insecure-random-bytes": _bytes, "get-insecure-random-u64": _word},
    "wasi:random/insecure-seed": {"insecure-seed": _seed},
}
