"""What a snippet of code costs from a clean state: our sandboxes, a fresh instance, Monty, QuickJS and a new process.

Every way is asked for the same sum, as its language writes it, and leaves nothing of it for the next call. `python`
and `javascript` are a sandbox whose instance is taken back after each snippet; `fresh` is an instance for each, whose
memory is a copy-on-write image; `session` keeps what a snippet defines, and so takes nothing back. Monty gives each
snippet a session of its pool of processes, QuickJS a context; `subprocess` is `python -I -S -c`. `*_p95_us` and
`*_p99_us` are what so many of a hundred calls take at most.

`threads_ratio` is what two threads that share a sandbox with two instances get done, in snippets a second, through what
one thread does; `processes_ratio` the same of two processes with a sandbox each. `resident_bytes` is what one more warm
instance keeps resident that the others do not.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._calls import Call, Maker, measure, percentile
from benchmarks._ways import Effort, Missing, Way, expect, joined, peer, ratio
from benchmarks._ways import Maker as WayMaker
from benchmarks._ways import measure as measure_ways
from orchestrator import BuildError, Engine, Sandbox

EFFORT = Effort(seconds=6, rounds=12)
TOGETHER = Effort(seconds=4, rounds=9)
PYTHON = "sum(n * n for n in range(100))"
PROCESS = f"print({PYTHON})"
MONTY = "sum([n * n for n in range(100)])"
"""Monty has no generators; this costs Python as much."""
JAVASCRIPT = "var sum = 0; for (var n = 0; n < 100; n++) sum += n * n; sum"
ANSWER = 328350
WORKERS = 2
SNIPPETS = 40
"""Snippets that the workers of a way share."""
WARM = 8
"""Instances that are warm for `resident_bytes`."""
SANDBOXES: dict[str, str] = {"python": "python", "javascript": "javascript"}
"""By language what its sandbox is made of."""
_TAILS = ("python", "javascript", "fresh", "monty", "quickjs")


def run(effort: Effort = EFFORT, together: Effort = TOGETHER) -> dict[str, object]:
    """Microseconds of each way; ratios of what is done at a time; bytes."""
    with Engine() as engine:
        makers: dict[str, Maker] = {
            "python": partial(_sandbox, engine, "python", PYTHON),
            "fresh": partial(_fresh, engine),
            "subprocess": lambda _stack: _process,
            "monty": _monty,
            "javascript": partial(_sandbox, engine, "javascript", JAVASCRIPT),
            "quickjs": _quickjs,
            "session": partial(_session, engine),
        }
        times = measure(makers, effort)
        several = _together(engine, together)
        resident = _resident(engine)
    medians = {f"{name}_us": percentile(each, 50) for name, each in times.items()}
    tails = {f"{n}_p{p}_us": percentile(times[n], p) for n in _TAILS for p in (95, 99)}
    return joined([medians, tails, several, {"resident_bytes": resident}])


def sandbox(engine: Engine, language: str, size: int) -> Sandbox:
    """A sandbox of a language.

    Raises:
        Missing: what builds its component is not here.
    """
    try:
        return Sandbox(SANDBOXES[language], engine=engine, size=size)
    except BuildError as problem:
        raise Missing(f"no sandbox: {str(problem).splitlines()[0]}") from None


def _sandbox(engine: Engine, language: str, source: str, stack: ExitStack) -> Call:
    made = stack.enter_context(sandbox(engine, language, 1))
    expect(made.run(source).value, ANSWER, f"the sandbox for {language}")
    return partial(made.run, source)


def _session(engine: Engine, stack: ExitStack) -> Call:
    made = stack.enter_context(stack.enter_context(sandbox(engine, "python", 1)).session())
    expect(made.run(PYTHON).value, ANSWER, "the session")
    return partial(made.run, PYTHON)


def _fresh(engine: Engine, stack: ExitStack) -> Call:
    """An instance of the plain component for each snippet, with what a sandbox's instance is given."""
    from orchestrator.manifest.model import Grants, Limits
    from orchestrator.pipeline.operating import operator
    from orchestrator.sandbox._source import guests_of
    from orchestrator.sandbox._stay import Stay
    from orchestrator.sandbox._tools import Toolbox

    guests, _ = guests_of(
        SANDBOXES["python"], engine, operator(), Grants(), Limits(memory=256 << 20), Toolbox({}), kept=False
    )
    stack.callback(guests.linker.close)

    def call() -> Any:
        stay = Stay(30.0)
        guest = guests.make(stay)
        try:
            return guest.run(stay, PYTHON, [], keep=False)
        finally:
            guest.close()

    expect(call()["ok"]["value"], str(ANSWER), "the fresh instance")
    return call


def _process() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", PROCESS], stdout=subprocess.PIPE, check=True)
    expect(done.stdout, b"%d\n" % ANSWER, "the process")


def _monty(stack: ExitStack) -> Call:
    pool = stack.enter_context(peer("pydantic_monty").Monty())

    def call() -> Any:
        with pool.checkout() as session:
            return session.feed_run(MONTY)

    expect(call(), ANSWER, "Monty")
    return call


def _quickjs(_stack: ExitStack) -> Call:
    context = peer("quickjs").Context
    expect(context().eval(JAVASCRIPT), ANSWER, "QuickJS")
    return lambda: context().eval(JAVASCRIPT)


# Several at a time


def _together(engine: Engine, effort: Effort) -> dict[str, float | None]:
    makers: dict[str, WayMaker] = {
        "one": partial(_threads, engine, 1),
        "threads": partial(_threads, engine, WORKERS),
        "processes": partial(_processes, engine),
    }
    found = measure_ways(makers, effort)
    return {
        "threads_ratio": ratio(found, "one", "threads"),
        "processes_ratio": ratio(found, "one", "processes"),
        "threads_to_processes_ratio": ratio(found, "processes", "threads"),
    }


def _threads(engine: Engine, workers: int, stack: ExitStack) -> Way:
    made = stack.enter_context(sandbox(engine, "python", workers))
    pool = stack.enter_context(ThreadPoolExecutor(workers))

    def snippets(times: int) -> None:
        for _ in range(times):
            made.run(PYTHON)

    return lambda times: list(pool.map(snippets, [SNIPPETS // workers * times] * workers))


def _processes(engine: Engine, stack: ExitStack) -> Way:
    workers = [_Worker(engine) for _ in range(WORKERS)]
    for worker in workers:
        stack.callback(worker.close)

    def way(times: int) -> None:
        for worker in workers:
            worker.begin(SNIPPETS // WORKERS * times)
        for worker in workers:
            worker.wait()

    way(1)
    return way


class _Worker:
    """A process with a sandbox, made of what the engine's cache holds already."""

    def __init__(self, engine: Engine) -> None:
        given = str(engine.cache.folder), SANDBOXES["python"], PYTHON
        code = f"from benchmarks.snippet import work; work(*{given!r})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def begin(self, snippets: int) -> None:
        """Has it run so many snippets."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{snippets}\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Waits until it has."""
        assert self._process.stdout is not None
        expect(self._process.stdout.readline(), "done\n", "a worker's process")

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


def work(cache: str, what: str, source: str) -> None:
    """What a worker's process does: a line of its standard input is a number of snippets, `done` the answer."""
    with Engine(cache) as engine, Sandbox(what, engine=engine, size=1) as made:
        for line in sys.stdin:
            for _ in range(int(line)):
                made.run(source)
            print("done", flush=True)


# Memory


def _resident(engine: Engine) -> float:
    """Bytes that a warm instance keeps resident beside those that all share."""
    with sandbox(engine, "python", WARM) as made, ThreadPoolExecutor(WARM) as pool:
        made.run(PYTHON)
        before = _private()
        # All at once, and each for a while, so that each has an instance of its own.
        end = time.monotonic() + 0.5

        def busy(_number: int) -> None:
            while time.monotonic() < end:
                made.run(PYTHON)

        list(pool.map(busy, range(WARM)))
        return float(round((_private() - before) / (WARM - 1)))


def _private() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    sizes: Mapping[str, int] = {
        name: int(size.split()[0]) << 10 for name, _, size in (line.partition(":") for line in lines[1:])
    }
    return sizes["Private_Clean"] + sizes["Private_Dirty"]
