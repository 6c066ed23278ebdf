"""What a second core adds: runs bound by a guest's work on two threads, and in two processes, against one thread.

The work of a round is fixed, eight runs of some 20 ms; the threads run one linked pipeline, each run with instances of
its own; each process has an engine of its own, started before the first round. A ratio is the one thread's time through
the other's: 2 is the most that two cores give. `chatty` is the same with a guest that makes calls over an edge instead
of working by itself: the host takes part in each of them, and holds the interpreter's lock while it does.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._guests import WORK, caller, echo, text
from benchmarks._ours import linked, own_engine
from benchmarks._ways import Effort, Maker, Way, expect, joined, measure, medians, ratio
from orchestrator import Pipeline

if TYPE_CHECKING:
    from orchestrator import Engine, LinkedPipeline

EFFORT = Effort(seconds=3, rounds=9)
RUNS = 8
"""Runs that the workers of a way share."""
WORKERS = 2
AMOUNTS = {"work": 16_000_000, "chatty": 3000}
"""What a run is asked for: multiplications, or calls."""


def run(effort: Effort = EFFORT, amounts: dict[str, int] = AMOUNTS) -> dict[str, object]:
    """The ratios, and the medians of a run in milliseconds: the time of all by their number."""
    makers: dict[str, Maker] = {}
    with own_engine() as engine:
        for kind, amount in amounts.items():
            makers |= {
                f"{kind}_thread": partial(_threads, engine, kind, amount, 1),
                f"{kind}_threads": partial(_threads, engine, kind, amount, WORKERS),
                f"{kind}_processes": partial(_processes, engine, kind, amount),
            }
        found = measure(makers, effort)
    ratios: dict[str, float | None] = {}
    for kind in amounts:
        row = "" if kind == "work" else f"{kind}_"
        ratios |= {
            f"{row}threads_ratio": ratio(found, f"{kind}_thread", f"{kind}_threads"),
            f"{row}processes_ratio": ratio(found, f"{kind}_thread", f"{kind}_processes"),
            f"{row}threads_to_processes_ratio": ratio(found, f"{kind}_processes", f"{kind}_threads"),
        }
    return joined([ratios, medians(found, "_ms", per=RUNS * 1000)])


def bound_by_guest(engine: Engine, kind: str, stack: ExitStack) -> LinkedPipeline:
    """A pipeline whose runs take the time that a guest takes for `amount`."""
    pipeline = Pipeline(kind).input("amount", "u32").output("answer", "front")
    if kind == "work":
        pipeline.node("front", engine.from_text(WORK, "work"), run="bench:guest/working.work")
    else:
        front, back = (engine.from_text(make(text(10)), make.__name__) for make in (caller, echo))
        pipeline.node("front", front, run="bench:guest/looping.loop").node("back", back).call("front", "back")
    return linked(pipeline.data("inputs.amount", "front"), engine, stack)


def _threads(engine: Engine, kind: str, amount: int, workers: int, stack: ExitStack) -> Way:
    """Threads that run one linked pipeline; their number divides the runs."""
    pipeline = bound_by_guest(engine, kind, stack)
    pool = stack.enter_context(ThreadPoolExecutor(workers))

    def runs(times: int) -> None:
        for _ in range(times):
            pipeline.run(amount=amount)

    return lambda times: list(pool.map(runs, [RUNS // workers * times] * workers))


def _processes(engine: Engine, kind: str, amount: int, stack: ExitStack) -> Way:
    """Processes that do the same, told through their standard input how often."""
    workers: list[_Worker] = []
    for _ in range(WORKERS):
        workers.append(_Worker(engine, kind, amount))
        stack.callback(workers[-1].close)

    def way(times: int) -> None:
        for worker in workers:
            worker.begin(RUNS // WORKERS * times)
        for worker in workers:
            worker.wait()

    way(1)
    return way


class _Worker:
    """A process that runs `benchmarks._worker`, with the compiled components that are there already."""

    def __init__(self, engine: Engine, kind: str, amount: int) -> None:
        command = [sys.executable, "-m", "benchmarks._worker", str(engine.cache.folder), kind, str(amount)]
        self._process = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, runs: int) -> None:
        """Has it make so many runs."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Waits until it has made them."""
        assert self._process.stdout is not None
        expect(self._process.stdout.readline(), "done\n", "a worker's process")

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()
