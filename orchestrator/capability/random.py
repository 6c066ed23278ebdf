"""`random`: which random numbers a guest gets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.manifest.model import Random


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which random numbers a guest gets.

    Arguments:
        mode: as it is granted.
        seed: of numbers that repeat.
    """

    mode: Random = "none"
    seed: int = 0
