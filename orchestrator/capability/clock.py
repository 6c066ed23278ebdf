"""`clock`: what a guest may know of the time."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.manifest.model import Clock


@dataclass(frozen=True, slots=True)
class Time:
    """What a guest is told of the time.

    Arguments:
        mode: as it is granted.
        at: where a fixed clock stands, seconds since the epoch; None for where its run began.
    """

    mode: Clock = "none"
    at: float | None = None
