"""Instances made ahead: when, for whom, what can be told of it, and what ends it; what counts as slow is the tests'."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator import ClosedError, Engine, Grants, Limits, LinkedPipeline, Pipeline, Storage
from orchestrator.engine import Component, Frame, Instance
from orchestrator.engine.linker import Linker
from orchestrator.engine.settings import InstanceSettings
from orchestrator.engine.stack import needed_stack
from orchestrator.manifest.model import Each, Lifetime
from orchestrator.runtime import pool
from orchestrator.runtime.pool import Filler, Pool
from orchestrator.runtime.threads import Threads
from orchestrator.runtime.visit import Visit
from tests.behaviour.stories import staged
from tests.support.goldens import PROJECT
from tests.support.guests import plain
from tests.support.leftovers import left_alive, remember
from tests.support.parts import NUM, NUMBERS, relay
from tests.support.wasi_guests import CLI

A = "test:a/a"
GREETS = CLI.replace(
    '(func (export "print")',
    """(data (i32.const 256) "made\\n")
    (func $begin (call $write (call $stdout) (i32.const 256) (i32.const 5) (i32.const 16)))
    (start $begin)
    (func (export "print")""",
    1,
)
"""`CLI`, whose start function prints a line."""
CALLS = relay(A).replace(
    '(func (export "go")', '(start $begin) (func $begin (drop (call $f (i32.const 7))))\n(func (export "go")'
)
"""A relay whose start function calls what it imports."""
SPINS = plain("(start $on) (func $on (loop $again (br $again)))")


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every instantiation is slow enough, and the first one tells; nothing is left at the end."""
    monkeypatch.setattr(pool, "PAYS", 0.0)
    monkeypatch.setattr(pool, "TRIES", 1)
    remember()
    yield
    assert left_alive() == []


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What instances are made for, one after the other: a `run`, or `ahead` of one."""
    found: list[str] = []
    instantiate = Linker.instantiate

    def noting(linker: Linker, frame: Frame, settings: InstanceSettings | None = None) -> Instance:
        found.append("run" if isinstance(frame, Visit) else "ahead")
        return instantiate(linker, frame, settings)

    monkeypatch.setattr(Linker, "instantiate", noting)
    return found


class Held:
    """Holds up every instance that is made ahead, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.came, self.go = threading.Event(), threading.Event()
        instantiate = Linker.instantiate

        def waiting(linker: Linker, frame: Frame, settings: InstanceSettings | None = None) -> Instance:
            if not isinstance(frame, Visit):
                self.came.set()
                assert self.go.wait(60)
            return instantiate(linker, frame, settings)

        monkeypatch.setattr(Linker, "instantiate", waiting)


def one(component: Component, run: str = f"{NUM}.count", **more: Any) -> Pipeline:
    """One node with an input `n`; its result is the output."""
    pipeline = Pipeline("one").input("n", "u32").node("it", component, run=run, **more)
    return pipeline.data("inputs.n", "it").output("out", "it")


def pool_of(linked: LinkedPipeline, node: str = "it") -> Pool | None:
    return linked._program.homes[node]._pool


def until(holds: Callable[[], bool]) -> None:
    """Waits for what another thread brings about."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def filled(linked: LinkedPipeline, count: int = 1) -> Pool:
    """The pool of `it`, when it has so many instances ready and wants no more."""
    found = pool_of(linked)
    assert found is not None
    until(lambda: len(found) >= count and not linked._program._filler._working)
    assert len(found) == count
    return found


# What is made when


def test_the_run_after_a_pause_finds_its_instance_ready(engine: Engine, numbers: Component, made: list[str]) -> None:
    with one(numbers).link(engine) as linked:
        assert made == []
        for number in range(3):
            linked.run(n=1)
            assert made == ["run"] + ["ahead"] * number
            filled(linked)
            assert made == ["run"] + ["ahead"] * (number + 1)
    assert made == ["run"] + ["ahead"] * 3


def test_nothing_is_made_ahead_while_a_run_goes_on(
    engine: Engine, numbers: Component, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PAUSE", 0.0001)
    monkeypatch.setattr(pool, "CALM", 0.0)
    seen: list[list[str]] = []

    def look(n: int) -> int:
        time.sleep(0.05)  # dozens of the filler's looks
        seen.append(list(made))
        return n

    pipeline = one(numbers).node("look", python=look, signature="func(n: u32) -> u32").data("it", "look.n")
    with pipeline.output("seen", "look").link(engine) as linked:
        linked.run(n=1)
        filled(linked)
    assert seen == [["run"]]
    assert made == ["run", "ahead"]


def test_what_is_quick_has_no_pool(
    engine: Engine, numbers: Component, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is quick once is quick: what else took its time was the machine."""
    monkeypatch.setattr(pool, "TRIES", 3)
    of_three = Pool(Filler(Threads(needed_stack(1, ())), ()))
    for seconds in (9.0, 1e-6, 9.0):
        assert not of_three.off
        monkeypatch.setattr(pool, "PAYS", 1e-3)
        of_three.missed(seconds, lambda _frame: pytest.fail("it is quick"))
    assert (of_three.off, len(of_three)) == (True, 0)
    monkeypatch.setattr(pool, "PAYS", 3600.0)
    with one(numbers).link(engine) as linked:
        for _ in range(4):
            linked.run(n=1)
        assert pool_of(linked) is None
    assert made == ["run"] * 4


@pytest.mark.parametrize(
    ("lifetime", "grants"),
    [
        ("session", Grants()),
        ("run", Grants(stdio="inherit")),
        ("run", Grants(storage=(Storage(".", at="/here", access="read"),))),
    ],
    ids=["a session", "the terminal", "a folder"],
)
def test_an_instance_that_is_not_like_any_other_is_not_made_ahead(
    engine: Engine, numbers: Component, lifetime: Lifetime, grants: Grants
) -> None:
    with one(numbers, lifetime=lifetime, grants=grants).link(engine) as linked:
        assert pool_of(linked) is None
        assert linked.run(n=4).outputs == {"out": 4}


# What a guest and a trace can tell


@pytest.mark.parametrize("lifetime", ["run", "call"])
def test_nothing_carries_over(engine: Engine, numbers: Component, made: list[str], lifetime: Lifetime) -> None:
    with staged(one(numbers, lifetime=lifetime), engine) as stage:
        first = stage.run(n=5)
        for _ in range(3):
            filled(stage.linked)
            went = stage.run(n=5)
            assert (went.outputs, went.story) == (first.outputs, first.story) == ({"out": 5}, first.story)
    assert made[:2] == ["run", "ahead"]
    assert "run" not in made[1:]


def test_a_callee_is_made_ahead_too(engine: Engine, numbers: Component, made: list[str]) -> None:
    caller = engine.from_text(relay(A, NUM, "count", 3), "caller")
    pipeline = one(caller, f"{A}.go").node("counter", numbers, lifetime="call").call("it", "counter")
    with staged(pipeline, engine) as stage:
        first = stage.run(n=5)
        callee = pool_of(stage.linked, "counter")
        assert callee is not None
        until(lambda: len(callee) == 3)
        filled(stage.linked)
        del made[:]
        again = stage.run(n=5)
        assert made == []
    assert (again.outputs, again.story) == (first.outputs, first.story) == ({"out": 15}, first.story)


def test_each_element_has_one_that_was_made_ahead(engine: Engine, numbers: Component, made: list[str]) -> None:
    pipeline = Pipeline("each").input("list", "list<u32>").node("it", numbers, run=f"{NUM}.count")
    pipeline.data("inputs.list", "it", each=Each(2)).output("out", "it")
    with pipeline.link(engine) as linked:
        for _ in range(2):
            assert linked.run(list=[1, 2, 3, 4, 5, 6])["out"] == [1, 2, 3, 4, 5, 6]
            filled(linked, pool.MOST)
    assert made == ["run"] * 6 + ["ahead"] * pool.MOST + ["run"] * (6 - pool.MOST) + ["ahead"] * pool.MOST


# What ends it


def test_a_start_function_that_calls_over_an_edge_is_left_to_runs(
    engine: Engine, numbers: Component, made: list[str]
) -> None:
    caller = engine.from_text(CALLS, "caller")
    with staged(one(caller, f"{A}.go").node("callee", numbers).call("it", "callee"), engine) as stage:
        first = stage.run(n=5)
        it, callee = pool_of(stage.linked), pool_of(stage.linked, "callee")
        assert it is not None
        until(lambda: it.off)
        assert callee is not None
        for _ in range(2):
            until(lambda: len(callee) == 1)
            again = stage.run(n=5)
            assert (again.outputs, again.story) == (first.outputs, first.story)
        assert pool_of(stage.linked) is None
    assert first.outputs == {"out": 10}
    assert first.story.count("    call it -> callee (test:num/num) double") == 2
    assert made.count("run") == 2 + 1 + 1


def test_a_start_function_that_uses_the_host_is_left_to_runs(engine: Engine, made: list[str]) -> None:
    """Nothing is printed, read or sent before there is a run whose trace would tell it."""
    greeter = engine.from_text(GREETS, "greeter")
    pipeline = Pipeline("greets").input("text", "list<u8>").node("it", greeter, run="print", args={"error": False})
    pipeline.data("inputs.text", "it.text")
    with staged(pipeline, engine) as stage:
        first = stage.run(text=b"hello\n")
        it = pool_of(stage.linked)
        assert it is not None
        until(lambda: it.off)
        second = stage.run(text=b"hello\n")
    said = [{"stream": "stdout", "text": text, "cut": False} for text in ("made\n", "hello\n")]
    for went in (first, second):
        assert [event.detail for event in went.of("output")] == said
        assert [event.function for event in went.of("access")] == ["stdio stdout"] * 2
    assert made == ["run", "ahead", "run"]


def test_one_that_was_made_ahead_may_call_the_host_as_often_as_any(engine: Engine, made: list[str]) -> None:
    prints = engine.from_text(CLI, "prints")
    pipeline = Pipeline("prints").input("text", "list<u8>")
    pipeline.node("it", prints, run="print", args={"error": False}, limits=Limits(host_calls=2))
    pipeline.data("inputs.text", "it.text")
    with pipeline.link(engine) as linked:
        linked.run(text=b"x")
        filled(linked)
        linked.run(text=b"x")
    assert made == ["run", "ahead"]


def test_a_start_function_that_does_not_end_is_ended(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.02)
    linker, threads = engine.linker(engine.from_text(SPINS, "spins")), Threads(needed_stack(1, ()))
    filler = Filler(threads, ())
    late = Pool(filler)
    assert late.take() is None
    late.missed(0.0, lambda frame: linker.instantiate(frame))
    until(lambda: late.off)
    filler.close()
    threads.close()
    assert len(late) == 0


def test_closing_ends_a_start_function_that_runs(engine: Engine) -> None:
    linker, threads = engine.linker(engine.from_text(SPINS, "spins")), Threads(needed_stack(1, ()))
    filler, came = Filler(threads, ()), threading.Event()
    spinning = Pool(filler)

    def make(frame: Frame) -> Instance:
        came.set()
        return linker.instantiate(frame)

    assert spinning.take() is None
    spinning.missed(3600.0, make)
    assert came.wait(60)
    filler.close()
    assert left_alive() == []
    spinning.close()
    threads.close()


def test_what_is_made_while_the_program_closes_is_ended(
    engine: Engine, numbers: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.0)
    held = Held(monkeypatch)
    with one(numbers).link(engine) as linked:
        linked.run(n=1)
        assert held.came.wait(60)
        filler = linked._program._filler
    held.go.set()
    until(lambda: not filler._working)


def test_an_engine_may_be_closed_before_what_was_made_ahead(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine(tmp_path) as engine:
        linked = one(engine.from_text(NUMBERS, "numbers")).link(engine)
        linked.run(n=1)
        filled(linked)
        held = Held(monkeypatch)
        linked.run(n=1)
        assert held.came.wait(60)
    held.go.set()
    found = pool_of(linked)
    assert found is not None
    until(lambda: found.off)
    with pytest.raises(ClosedError, match=r"^the engine was closed$"):
        linked.run(n=1)
    linked.close()
    assert made == ["run", "ahead", "ahead"]


def test_one_that_is_ready_when_the_engine_closes_is_no_use(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        linked = one(engine.from_text(NUMBERS, "numbers")).link(engine)
        linked.run(n=1)
        filled(linked)
    with pytest.raises(ClosedError, match=r"^the engine was closed$"):
        linked.run(n=1)
    linked.close()


def test_a_renewed_pipeline_has_pools_of_its_own(engine: Engine, numbers: Component) -> None:
    with one(numbers).link(engine) as linked:
        linked.run(n=1)
        first = filled(linked)
        with linked.relink() as renewed:
            assert renewed.run(n=1).outputs == {"out": 1}
            assert filled(renewed) is not first
            linked.close()
            assert len(first) == 0
            assert renewed.run(n=1).outputs == {"out": 1}


def test_a_pipeline_that_nobody_closes_ends_what_it_made_ahead(engine: Engine, numbers: Component) -> None:
    linked = one(numbers).link(engine)
    linked.run(n=1)
    filled(linked)
    assert len(left_alive()) == 1
    del linked
    gc.collect()
    until(lambda: left_alive() == [])


def test_idle_instances_have_a_limit_of_memory_together(
    engine: Engine, numbers: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ROOM", 150_000)  # two pages and some
    pipeline = Pipeline("each").input("list", "list<u32>").node("it", numbers, run=f"{NUM}.count")
    pipeline.data("inputs.list", "it", each=Each(1)).output("out", "it")
    with pipeline.link(engine) as linked:
        for _ in range(2):
            linked.run(list=[1, 2, 3])
            filled(linked, 2)
            assert linked._program._filler.held == 2 << 16
        linked.close()
        assert linked._program._filler.held == 0
    large = NUMBERS.replace('(memory (export "memory") 1)', '(memory (export "memory") 9)')
    with one(engine.from_text(large, "large")).link(engine) as linked:
        linked.run(n=1)
        filled(linked, 0)


def test_threads_that_run_it_at_once_each_have_their_own(
    engine: Engine, numbers: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PAUSE", 0.0001)
    monkeypatch.setattr(pool, "CALM", 0.0)
    with one(numbers).link(engine) as linked:

        def run(number: int) -> object:
            if number % 10 == 0:
                time.sleep(0.001)
            return linked.run(n=number)["out"]

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(run, range(400))) == list(range(400))


# Processes

_SCRIPT = f"""
import os, sys, time
from orchestrator import Engine, Pipeline
from orchestrator.runtime import pool
from tests.support.parts import NUMBERS
pool.PAYS, pool.TRIES = 0.0, 1
engine = Engine(sys.argv[1])
pipeline = Pipeline("one").input("n", "u32").node("it", engine.from_text(NUMBERS, "numbers"), run="{NUM}.count")
linked = pipeline.data("inputs.n", "it").output("out", "it").link(engine)
linked.run(n=1)
while not len(linked._program.homes["it"]._pool):
    time.sleep(0.001)
"""


def test_a_forked_child_uses_what_was_ready_and_makes_no_more(tmp_path: Path) -> None:
    _python(
        tmp_path,
        """
child = os.fork()
if not child:
    fine = linked.run(n=3)["out"] == 3 and linked.run(n=4)["out"] == 4
    time.sleep(0.05)
    fine = fine and not len(linked._program.homes["it"]._pool)
    linked.close()
    os._exit(0 if fine else 1)
assert os.waitpid(child, 0)[1] == 0
assert linked.run(n=5)["out"] == 5
linked.close()
engine.close()
""",
    )


def test_a_program_may_end_without_closing_anything(tmp_path: Path) -> None:
    _python(tmp_path, "linked.run(n=1)\n")


def _python(folder: Path, code: str) -> None:
    # A fork beside a thread is what is tested; newer Pythons warn of it.
    flags = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *flags, "-c", _SCRIPT + code, str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": "."},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
