"""What compiling one component may take: nobody knows beforehand, and the binary is not trusted.

A few kilobytes can keep a compiler busy for hours and fill any memory. Not for how the bounds are kept: the process
that compiles has the system do that (see `_compile_program`).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from orchestrator.diagnostics import printable
from orchestrator.errors import ComponentError

TIMEOUT, MEMORY = "ORCHESTRATOR_COMPILE_TIMEOUT", "ORCHESTRATOR_COMPILE_MEMORY"
_SECONDS, _MOST = 120.0, 4 << 30
_LEAST_MEMORY = 256 << 20
"""Bytes without which the compiler cannot even begin."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What compiling one component may take.

    Arguments:
        seconds: of processor time, on all processors together; a CPython component takes 12.
        memory: bytes; a CPython component takes 400 MB.
    """

    seconds: float = _SECONDS
    memory: int = _MOST


def bounds(timeout: float | None = None) -> Bounds:
    """The bounds that were asked for.

    Arguments:
        timeout: seconds; what the environment says where it is None.

    Raises:
        ComponentError: one of them is none.
    """
    seconds = _seconds() if timeout is None else float(timeout)
    if not 0 < seconds < math.inf:
        raise ComponentError(f"a compile timeout of {seconds:g} s: give more than 0 seconds, and an end")
    return Bounds(seconds, _memory())


def _seconds() -> float:
    text = os.environ.get(TIMEOUT, "").strip()
    if not text:
        return _SECONDS
    from orchestrator.manifest.scalars import read_duration

    found = read_duration(text) or read_duration(f"{text}s")
    if not found:
        raise ComponentError(
            f"{TIMEOUT} is {printable(text)}, which is no time to compile in; "
            "give seconds of processor time, or a number with a unit, as in 5m"
        )
    return found


def _memory() -> int:
    text = os.environ.get(MEMORY, "").strip()
    if not text:
        return _MOST
    from orchestrator.manifest.scalars import read_size

    found = read_size(text) or read_size(f"{text}B")
    if not found or found < _LEAST_MEMORY:
        raise ComponentError(
            f"{MEMORY} is {printable(text)}, which is not enough to compile in, or no size; "
            "give bytes, or a number with a unit, as in 8GiB, and 256MiB at least"
        )
    return found
