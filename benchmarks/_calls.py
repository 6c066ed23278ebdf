"""Single calls of several ways, measured in turn: medians and what the slowest take; not for what they do.

Each round has every way make some calls, one way after the other, and each call is timed by itself.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from benchmarks._ways import Effort, Missing, Taken, say

Call = Callable[[], object]
"""Does it once; gives `Taken` where it took the time itself."""
Maker = Callable[[ExitStack], Call]
"""Makes a way, for as long as the stack is open; looks at one answer; raises Missing where there is no such way."""
Times = Mapping[str, list[float] | None]
"""Microseconds of each call of each way; None for a way that is missing."""

PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}


def measure(makers: Mapping[str, Maker], effort: Effort) -> Times:
    """Makes every way, warms it up, and measures its calls in turn with the others'."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        ways: dict[str, Call] = {}
        for name, make in makers.items():
            try:
                ways[name] = make(stack)
            except Missing as problem:
                say(f"{name}: not measured: {problem}")
        share = effort.seconds / effort.rounds
        for way in ways.values():
            _within(way, share, [])
        for _ in range(effort.rounds):
            for name, way in ways.items():
                gc.collect()  # what one way left behind is not to be paid for by the next
                _within(way, share, found.setdefault(name, []))
    gc.collect()
    return {name: found.get(name) for name in makers}


def _within(way: Call, seconds: float, times: list[float]) -> None:
    """Makes calls for so long, one at least."""
    end = time.perf_counter() + seconds
    while True:
        begun = time.perf_counter()
        answer = way()
        now = time.perf_counter()
        times.append((answer if isinstance(answer, Taken) else now - begun) * 1e6)
        if now > end:
            return


def percentile(times: list[float] | None, percent: int) -> float | None:
    """What so many of a hundred calls take at most; None for a way that is missing."""
    if times is None:
        return None
    if percent == 50 or len(times) < 2:
        return round(statistics.median(times), 3)
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 3)
