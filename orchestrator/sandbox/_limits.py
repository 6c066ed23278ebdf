"""What a snippet may take: what a program asks for, checked; and what holds where it says nothing."""

from __future__ import annotations

import os
from typing import Any

from orchestrator.manifest.model import Limits
from orchestrator.pipeline import arguments

MEMORY, TIMEOUT, OUTPUT = 256 << 20, 30.0, 1 << 20
"""Bytes, seconds, bytes."""
_LARGEST = 1000
"""Instances that one sandbox may have."""


def asked(memory: Any, timeout: Any, fuel: Any, output: Any) -> Limits:
    """The limits that a program asks for. Raises TypeError or ValueError."""
    return Limits(
        memory=arguments.count(memory, "`memory`"),
        timeout=arguments.seconds(timeout, "`timeout`"),
        fuel=arguments.count(fuel, "`fuel`"),
        output=arguments.count(output, "`output`", zero=True),
    )


def within(timeout: float | None, limits: Limits) -> float | None:
    """The seconds that a snippet has: its own, or those of every snippet if they are less."""
    own = arguments.seconds(timeout, "`timeout`")
    if own is None or limits.timeout is None:
        return limits.timeout if own is None else own
    return min(own, limits.timeout)


def kept_output(limits: Limits) -> int:
    """The bytes that are kept of what a snippet prints."""
    return OUTPUT if limits.output is None else limits.output


def size(given: Any) -> int:
    """How many instances there may be at a time; as many as there are processors where nothing is said."""
    found = arguments.count(given, "`size`")
    if found is not None and found > _LARGEST:
        raise ValueError(f"`size` is {found}; a sandbox may have {_LARGEST} instances")
    return found or min(_LARGEST, _processors())


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
