"""`clock`: what a guest may know of the time.

`none` and `fixed` tell it nothing that changes while it runs, but `fixed` without a time of its own says when the run
began; `monotonic` says how time goes by, `wall` the time of day too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from orchestrator.capability._place import refuse
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Clock, Where
from orchestrator.manifest.scalars import LATEST
from orchestrator.wording import listed

_MODES: tuple[str, ...] = get_args(Clock)


@dataclass(frozen=True, slots=True)
class Time:
    """What a guest is told of the time.

    Arguments:
        mode: as it is granted.
        at: where a fixed clock stands, seconds since the epoch; None for where its run began.
    """

    mode: Clock = "none"
    at: float | None = None


def validate(mode: str, at: float | None, node: str, where: Where) -> tuple[Diagnostic, ...]:
    """Refuses a mode that does not exist, and a time that no clock can stand at (a pipeline built in Python may)."""
    return tuple(refuse(message, node, where) for message in _wrong(mode, at))


def _wrong(mode: str, at: float | None) -> Iterator[str]:
    if mode not in _MODES:
        yield f"`clock` is `{mode:.40}`, expected one of {listed(_MODES)}"
    if at is None:
        return
    if mode != "fixed":
        yield f"`clock` is `{mode:.40}` and has a time to stand at: only `fixed` stands"
    if not 0 <= at <= LATEST:
        yield f"`clock` stands at {at} seconds from 1970: expected from 0 to {LATEST}"
