"""What the host keeps for a guest beside its memory: headers, and bodies that are not on their way yet.

A handle costs the guest nothing and may stand for much. So everything that stands behind handles is counted together.
"""

from __future__ import annotations

from orchestrator.errors import LimitExceeded

MOST = 16 << 20
"""Bytes that are kept for one instance."""


class Keeper:
    """Counts what is kept for one instance."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def grow(self, size: int) -> None:
        """Counts more.

        Raises:
            LimitExceeded: it would be too much, which ends the guest.
        """
        if self.size + size > MOST:
            raise LimitExceeded(
                f"the host keeps {MOST >> 20} MiB of headers and bodies for a guest at most: it has to drop some"
            )
        self.size += size


class Share:
    """What one thing takes of that, until nobody has it any more."""

    __slots__ = ("_keeper", "size")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper, self.size = keeper, 0

    def set(self, size: int) -> None:
        """It takes so many bytes now.

        Raises:
            LimitExceeded: see `Keeper.grow`.
        """
        self._keeper.grow(size - self.size)
        self.size = size

    def __del__(self) -> None:
        """Runs when the last who had it forgets it."""
        self._keeper.size -= self.size
