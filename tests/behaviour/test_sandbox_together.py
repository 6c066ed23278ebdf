"""Sandboxes that many use at once: waiting in the order of asking, cancelling, closing, signals; nothing is left."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Cancelled, ClosedError, Engine, RunError, Sandbox, TimedOut, Trapped
from orchestrator.engine._live import LIVE
from tests.behaviour.conftest import MakeSandbox as Make

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], Any]) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("fresh", [False, True])
def test_threads_get_answers_of_their_own(make: Make, fresh: bool) -> None:
    sandbox = make(size=2, fresh=fresh)

    def work(name: str) -> list[int]:
        return [n for n in range(150) if sandbox.run(f'v "{name} {n}"').value != f"{name} {n}" or _count(sandbox) != 11]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, "abcd")) == [[]] * 4


def _count(sandbox: Sandbox) -> Any:
    return sandbox.run("n").value


def test_there_are_no_more_instances_than_its_size(make: Make) -> None:
    before, most = len(LIVE), list[int]()

    def it() -> int:
        most.append(len(LIVE) - before)
        return 1

    sandbox = make(size=3, tools={"it": it})
    with ThreadPoolExecutor(8) as pool:
        assert [found.value for found in pool.map(lambda _: sandbox.run("x {}"), range(200))] == [1] * 200
    assert max(most) <= 3


def waiting(sandbox: Sandbox, many: int) -> bool:
    return len(sandbox._pool._waiting) == many


class Held:
    """A tool that waits to be let go, so that its sandbox's only instance is taken."""

    def __init__(self) -> None:
        self.inside, self.go, self.came = threading.Event(), threading.Event(), list[int]()

    def __call__(self, number: int = 0) -> int:
        self.came.append(number)
        self.inside.set()
        assert self.go.wait(20)
        return 1


def test_who_asked_first_is_served_first(make: Make) -> None:
    held = Held()
    sandbox = make(size=1, tools={"it": held})
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(sandbox.run, "x {}")
        held.inside.wait(20)
        others = []
        for n in range(5):
            others.append(pool.submit(sandbox.run, f'x {{"number": {n + 1}}}'))
            until(partial(waiting, sandbox, n + 1))
        held.go.set()
        for each in (first, *others):
            each.result(20)
    assert held.came == [0, 1, 2, 3, 4, 5]


def test_who_waits_too_long_is_told_and_takes_nothing(make: Make) -> None:
    held = Held()
    sandbox = make(size=1, tools={"it": held})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sandbox.run, "x {}")
        held.inside.wait(20)
        with pytest.raises(TimedOut) as caught:
            sandbox.run("n", timeout=0.05)
        assert str(caught.value) == "no instance of the sandbox was free for 0.05 s: give it a larger `size`"
        with pytest.raises(TimedOut):
            asyncio.run(sandbox.arun("n", timeout=0.05))
        held.go.set()
        assert first.result(20).value == 1
    assert sandbox.run("n").value == 11


def test_a_tool_that_does_not_return_holds_nobody_up(make: Make) -> None:
    held = Held()
    sandbox = make(size=1, tools={"it": held})
    with pytest.raises(TimedOut):
        sandbox.run("x {}", timeout=0.05)
    before = len(LIVE)
    assert sandbox.run("n").value == 11  # in another instance: the first is still in the tool
    held.go.set()
    until(lambda: len(LIVE) == before)


def test_a_tool_that_needs_its_own_sandbox_is_told_where_it_would_wait_for_itself(make: Make) -> None:
    found = list[Any]()

    def it() -> str:
        try:
            found.append(sandbox.run("n").value)
        except RunError as problem:
            found.append(str(problem))
        return "ok"

    sandbox = make(size=1, tools={"it": it})
    assert sandbox.run("x {}").value == "ok"
    assert found == [
        "a tool of a snippet runs another snippet in the same sandbox, whose `size` is 1: "
        "give it a larger one, or the tool a sandbox of its own"
    ]
    sandbox = make(size=2, tools={"it": it})
    assert sandbox.run("x {}").value == "ok"
    assert found[1:] == [11]


# Awaited


def test_a_loop_awaits_many_with_few_instances_and_threads(make: Make) -> None:
    sandbox = make(size=2)
    before = threading.active_count()

    async def all_of_them() -> list[Any]:
        async def one(n: int) -> Any:
            found = await sandbox.arun("j", {"n": n})
            assert threading.active_count() < before + 20
            return found.value

        return await asyncio.gather(*map(one, range(200)))

    assert asyncio.run(all_of_them()) == list(range(200))


def test_two_loops_share_a_sandbox(make: Make) -> None:
    sandbox = make(size=1)

    async def some() -> list[Any]:
        return [(await sandbox.arun("n")).value for _ in range(50)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: asyncio.run(some()), range(2))) == [[11] * 50] * 2


def test_cancelling_a_task_ends_its_snippet_or_its_waiting(make: Make) -> None:
    sandbox = make(size=1)

    async def main() -> None:
        running = asyncio.create_task(sandbox.arun("l"))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(sandbox.arun("n"))
        after = asyncio.create_task(sandbox.arun("n"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        running.cancel()
        assert (await after).value == 11
        for task in (running, waiting):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert sandbox._pool._made == len(sandbox._pool._idle) == 1


def test_an_asynchronous_tool_runs_on_the_loop_that_awaits(make: Make) -> None:
    threads = list[int]()

    async def it(n: int) -> int:
        await asyncio.sleep(0)
        threads.append(threading.get_ident())
        return n + 1

    sandbox = make(tools={"it": it})

    async def main() -> list[Any]:
        found = await asyncio.gather(*(sandbox.arun(f'x {{"n": {n}}}') for n in range(20)))
        return [each.value for each in found]

    assert asyncio.run(main()) == list(range(1, 21))
    assert set(threads) == {threading.get_ident()}
    assert sandbox.run('x {"n": 1}').value == 2
    assert threads[-1] != threading.get_ident()


def test_an_asynchronous_tool_ends_with_its_snippet(make: Make) -> None:
    ended = list[str]()

    async def it() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    sandbox = make(tools={"it": it}, size=1)

    async def main() -> None:
        with pytest.raises(TimedOut):
            await sandbox.arun("x {}", timeout=0.1)
        task = asyncio.create_task(sandbox.arun("x {}"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)

    asyncio.run(main())
    with pytest.raises(TimedOut):
        sandbox.run("x {}", timeout=0.1)
    assert ended == ["cancelled"] * 3
    assert sandbox.run("n").value == 11


# Closing


def test_closing_ends_what_runs_and_what_waits(make: Make) -> None:
    sandbox = make(size=1)
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(sandbox.run, "l")
        until(lambda: sandbox._pool._busy)
        others = [pool.submit(sandbox.run, "n"), pool.submit(asyncio.run, sandbox.arun("n"))]
        until(partial(waiting, sandbox, 2))
        sandbox.close()
        with pytest.raises(Cancelled) as caught:
            running.result(20)
        assert str(caught.value) == "the sandbox was closed"
        for each in others:
            with pytest.raises((ClosedError, Cancelled)) as ended:
                each.result(20)
            assert str(ended.value) == "the sandbox was closed"
    sandbox.close()
    for call in (lambda: sandbox.run("n"), lambda: asyncio.run(sandbox.arun("n")), sandbox.session):
        with pytest.raises(ClosedError) as refused:
            call()
        assert str(refused.value) == "the sandbox was closed"


def test_an_engine_that_was_closed_runs_nothing(tmp_path: Path) -> None:
    from tests.support.interpreters import interpreter

    engine = Engine(tmp_path)
    sandbox = Sandbox(engine.from_text(interpreter(), "letters"), engine=engine)
    sandbox.run("n")
    engine.close()
    with pytest.raises(ClosedError) as caught:
        sandbox.run("n")
    assert str(caught.value) == "the engine was closed"
    sandbox.close()


INTERRUPTED = """
import os, signal, sys, threading, time
from orchestrator import Engine, Sandbox
from tests.support.interpreters import interpreter

with Engine(sys.argv[1]) as engine:
    for tools in ({}, {"it": lambda: time.sleep(60)}):
        text = interpreter(tools=bool(tools))
        with Sandbox(engine.from_text(text, "letters"), engine=engine, tools=tools, size=1) as sandbox:
            for source in ("l", "x {}") if tools else ("l",):
                for _ in range(5):
                    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                    try:
                        sandbox.run(source)
                    except KeyboardInterrupt:
                        print("interrupted", sandbox.run("n").value)
"""


def test_an_interrupt_ends_a_snippet_and_the_next_runs(tmp_path: Path) -> None:
    program = [sys.executable, "-X", "faulthandler", "-c", INTERRUPTED, str(tmp_path)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["interrupted 11"] * 15


LEAK = """
import gc, os, sys
from orchestrator import Engine, RunError, Sandbox
from orchestrator.engine._live import LIVE
from tests.support.interpreters import interpreter

def pages():
    return int(open("/proc/self/statm").read().split()[1])

def now():
    gc.collect()
    with open("/proc/self/maps") as maps:
        mappings = sum(1 for _ in maps)
    return len(os.listdir("/proc/self/fd")), mappings, len(LIVE)

def work(sandbox, times):
    for n in range(times):
        sandbox.run("n", {"n": n})
        if n % 10 == 0:
            for source in ("t", "e boo", "g"):
                try:
                    sandbox.run(source)
                except RunError:
                    pass
        if n % 20 == 0:
            with sandbox.session() as session:
                session.run("n")
                session.snapshot("a")
                session.run("g")
                session.snapshot("b")
                session.revert("a")

with Engine(sys.argv[1]) as engine:
    for fresh in (False, True):
        with Sandbox(engine.from_text(interpreter(fresh=fresh), "letters"), engine=engine, size=1) as sandbox:
            run = work if not fresh else lambda s, times: [s.run("n") for _ in range(times)]
            run(sandbox, 500)
            before, held = now(), pages()
            run(sandbox, 3000)
            files, mappings, live = now()
            assert (files, live) == (before[0], before[2])
            assert mappings - before[1] < 10, (before, mappings)  # Python's own among them
            assert pages() - held < 1000, (held, pages())
print("flat")
"""


@pytest.mark.slow
def test_thousands_of_snippets_leave_nothing_behind(tmp_path: Path) -> None:
    program = [sys.executable, "-X", "faulthandler", "-c", LEAK, str(tmp_path)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "flat\n")


def test_a_sandbox_that_nobody_closed_leaves_no_instance(engine: Engine) -> None:
    import gc

    from tests.support.interpreters import interpreter

    before = set(LIVE)
    sandbox = Sandbox(engine.from_text(interpreter(), "letters"), engine=engine)
    sandbox.run("n")
    assert set(LIVE) != before
    del sandbox
    gc.collect()
    assert set(LIVE) == before


def test_a_trap_in_one_thread_is_no_others(make: Make) -> None:
    sandbox = make(size=2)

    def work(n: int) -> Any:
        try:
            return sandbox.run("t" if n % 3 == 0 else "n").value
        except Trapped:
            return "trapped"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(120)))
    assert found == ["trapped" if n % 3 == 0 else 11 for n in range(120)]
