"""Limits of a node: what each may be, and how it is shown. Not for who holds them: the engine and the runtime do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.engine.settings import DEFAULT_MEMORY, HANDLES, TABLE_ELEMENTS
from orchestrator.manifest.model import Limits, RunLimits
from orchestrator.manifest.scalars import show_duration, show_size

PAGE = 65_536
"""Bytes of the smallest memory that a component can have: a page of WebAssembly."""
KEPT = 64 << 10
"""Bytes of each of its two streams of output that are kept of a node where nobody says a limit."""
OWN: Mapping[str, int] = {
    "memory": DEFAULT_MEMORY,
    "tables": TABLE_ELEMENTS,
    "output": 2 * KEPT,
    "handles": HANDLES,
}
"""What a node has where nobody says a limit; the others have no bound then."""
_NOUN = {"memory": "bytes", "timeout": "seconds", "output": "bytes"}


def _count(number: int) -> str:
    return f"{number:_}"


SHOWN: Mapping[str, Callable[[Any], str]] = {
    "memory": show_size,
    "tables": _count,
    "timeout": show_duration,
    "fuel": _count,
    "host_calls": _count,
    "output": show_size,
    "handles": _count,
}
"""Every limit, in the order of the reference, and how its value is written in the language."""
_LEAST = {"memory": PAGE, "fuel": 1}


def key_of(field: str) -> str:
    """A limit's key as the language writes it."""
    return field.replace("_", "-")


def wrong(limits: Limits) -> Iterator[tuple[str, str]]:
    """Each limit that nothing could run under: its key, and what is wrong with it."""
    for field in SHOWN:
        value = getattr(limits, field)
        if value is not None and (message := _wrong(field, value)):
            yield key_of(field), message


def wrong_of_run(limits: RunLimits) -> Iterator[tuple[str, str]]:
    """Each limit of a run that nothing could run under."""
    if limits.timeout is not None and not 0 < limits.timeout < math.inf:
        yield "timeout", f"is {limits.timeout} seconds: expected more than 0"
    if limits.calls is not None and limits.calls < 0:
        yield "calls", f"is {limits.calls}: expected at least 0"


def _wrong(field: str, value: Any) -> str:
    if field == "timeout":
        return "" if 0 < value < math.inf else f"is {value} seconds: expected more than 0"
    least = _LEAST.get(field, 0)
    if value >= least:
        return ""
    if field == "memory":
        return f"is {value} bytes: no component runs in less than a page, {PAGE}"
    return " ".join(filter(None, [f"is {value}", _NOUN.get(field, "")])) + f": expected at least {least}"
