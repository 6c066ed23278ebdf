"""Ways of doing the same thing, measured in turn; not for what they do.

Each round measures every way once, one after the other, so that a machine that is busy for a while is busy for all of
them. A way that cannot be measured here is None, and a line on standard error says why: there are no made-up figures.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Way = Callable[[int], object]
"""Does it that many times; gives `Taken` where it took the time itself."""
Maker = Callable[[ExitStack], Way]
"""Makes a way, for as long as the stack is open; looks at one answer; raises Missing where there is no such way."""
Found = Mapping[str, list[float] | None]
"""Microseconds of each way, one number a round; None for a way that is missing."""


class Taken(float):
    """Seconds that a way took for what it is about, without what it did besides."""


class Missing(Exception):
    """A way cannot be measured here: a peer is not installed, the runtime has not got what it takes, or refuses."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much measuring there is.

    Arguments:
        seconds: what a way may take in all its rounds together; one call more than that is made where it has to be.
        rounds: how many, of a way whose single call takes long fewer, two at least.
    """

    seconds: float = 1.5
    rounds: int = 15


FULL = Effort()


@dataclass(frozen=True, slots=True)
class _Plan:
    way: Way
    times: int
    rounds: int


def measure(makers: Mapping[str, Maker], effort: Effort = FULL) -> Found:
    """Makes every way, warms it up, and measures them in turn.

    Arguments:
        makers: by the way's name.
    """
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        plans = {name: plan for name, make in makers.items() if (plan := _planned(name, make, stack, effort))}
        for number in range(effort.rounds):
            for name, plan in plans.items():
                if number < plan.rounds:
                    gc.collect()  # what one way left behind is not to be paid for by the next
                    found.setdefault(name, []).append(_seconds(plan.way, plan.times)[0] / plan.times * 1e6)
    # Stores that are part of a cycle are to be closed now, not when the interpreter has begun to end.
    gc.collect()
    return {name: found.get(name) for name in makers}


def _planned(name: str, make: Maker, stack: ExitStack, effort: Effort) -> _Plan | None:
    try:
        return _plan(make(stack), effort)
    except Missing as problem:
        say(f"{name}: not measured: {problem}")
        return None


def _plan(way: Way, effort: Effort) -> _Plan:
    """Warms the way up, twice as often each time, until it is known how often fills its share of a round."""
    share, times = effort.seconds / effort.rounds, 1
    while (spent := _seconds(way, times)[1]) < share / 2:
        times *= 2
    fitting = max(1, round(times * share / spent))
    once = spent / times
    return _Plan(way, fitting, max(2, min(effort.rounds, int(effort.seconds / (once * fitting)))))


def _seconds(way: Way, times: int) -> tuple[float, float]:
    """What the way is about took, and what all of it did."""
    begun = time.perf_counter()
    answer = way(times)
    spent = time.perf_counter() - begun
    return (answer if isinstance(answer, Taken) else spent), spent


def repeated(call: Callable[[], object]) -> Way:
    """The way that makes a call in a loop."""

    def way(times: int) -> None:
        for _ in range(times):
            call()

    return way


def made(make: Callable[[], Callable[[], object]], before: Callable[[], object] = lambda: None) -> Way:
    """The way that makes something in a loop, each ended before the next one; only the making counts.

    Arguments:
        make: makes one; gives what ends it.
        before: is called before each.
    """

    def way(times: int) -> Taken:
        taken = 0.0
        for _ in range(times):
            before()
            begun = time.perf_counter()
            end = make()
            taken += time.perf_counter() - begun
            end()
        return Taken(taken)

    return way


def medians(found: Found, ending: str = "_us", *, per: int = 1) -> dict[str, float | None]:
    """The median of each way, by its name with the ending, in microseconds.

    Arguments:
        per: how many of what the figure is about one call does.
    """
    return {
        f"{name}{ending}": None if each is None else round(statistics.median(each) / per, 3)
        for name, each in found.items()
    }


def tails(found: Found, ending: str = "_p90_us") -> dict[str, float | None]:
    """The 90th percentile of each way, by its name with the ending, in microseconds."""
    return {
        f"{name}{ending}": None if each is None else round(statistics.quantiles(each, n=10)[-1], 3)
        for name, each in found.items()
    }


def ratio(found: Found, over: str, under: str) -> float | None:
    """How many times the one way takes the other's time; None where one is missing."""
    above, below = found[over], found[under]
    if above is None or below is None:
        return None
    return round(statistics.median(above) / statistics.median(below), 2)


def peer(module: str) -> Any:
    """A module of a package to compare with.

    Raises:
        Missing: it is not installed.
    """
    # Haystack keeps the tracebacks of imports that failed in it, and so every frame that waited for it, with all that
    # the frame names: stores and engines would live until the interpreter ends. No frame waits above a thread's own.
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(import_module, module).result()
    except ImportError as problem:
        raise Missing(f"{problem}; `make peers` installs what the benchmarks compare with") from None


def expect(answer: object, wanted: object, what: str) -> None:
    """What a way answers has to be right: a figure for something else would be made up.

    Raises:
        RuntimeError: it is not.
    """
    if answer != wanted:
        raise RuntimeError(f"{what} answered {str(answer)[:100]}, not {str(wanted)[:100]}")


def say(line: str) -> None:
    """A line on standard error, away from the figures."""
    print(line, file=sys.stderr, flush=True)


def joined(parts: Iterable[Mapping[str, float | None]]) -> dict[str, object]:
    """Figures of several measurements as one mapping."""
    return {name: value for part in parts for name, value in part.items()}
