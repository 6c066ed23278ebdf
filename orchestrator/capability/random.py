"""`random`: which random numbers a guest gets. `none` and `seeded` hold nothing of the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from orchestrator.capability._place import refuse
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Random, Where
from orchestrator.wording import listed

_MODES: tuple[str, ...] = get_args(Random)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which random numbers a guest gets.

    Arguments:
        mode: as it is granted.
        seed: of numbers that repeat.
    """

    mode: Random = "none"
    seed: int = 0


def validate(mode: str, seed: int, node: str, where: Where) -> tuple[Diagnostic, ...]:
    """Refuses a mode that does not exist, and a seed of what has none (a pipeline built in Python may)."""
    return tuple(refuse(message, node, where) for message in _wrong(mode, seed))


def _wrong(mode: str, seed: int) -> Iterator[str]:
    if mode not in _MODES:
        yield f"`random` is `{mode:.40}`, expected one of {listed(_MODES)}"
    if seed and mode != "seeded":
        yield f"`random` is `{mode:.40}` and has a seed: only `seeded` has one"
    if seed < 0:
        yield f"the seed of `random` is {seed}: expected at least 0"
