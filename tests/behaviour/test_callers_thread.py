"""Runs on the thread of whoever asks for them: what that thread has, and what must not depend on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import Engine, Pipeline, Trapped
from orchestrator.engine import Component
from orchestrator.engine.stack import has_frames
from orchestrator.runtime import rooms as serving
from orchestrator.runtime.crossing import Crossing, denied_by
from orchestrator.runtime.interrupts import only_interrupts
from orchestrator.runtime.run import Run
from orchestrator.runtime.visit import Visit
from tests.behaviour.stories import play
from tests.support.goldens import PROJECT
from tests.support.parts import NUM

RECURSIVE = """
import sys
from orchestrator import Engine, Pipeline
from tests.support.parts import NUM, NUMBERS, relay

def names(number):
    return f"test:r{number}/x" if number < 8 else NUM

with Engine(sys.argv[1]) as engine:
    pipeline = Pipeline("chain").input("n", "u32").node("r8", engine.from_text(NUMBERS))
    for number in reversed(range(8)):
        function = "go" if number < 7 else "double"
        component = engine.from_text(relay(names(number), names(number + 1), function))
        pipeline.node(f"r{number}", component, **({} if number else {"run": f"{names(0)}.go"}))
        pipeline.call(f"r{number}", f"r{number + 1}")
    pipeline.data("inputs.n", "r0").output("out", "r0")
    with pipeline.link(engine) as linked:
        def deep(left):
            return deep(left - 1) if left else linked.run(n=2)["out"]

        found = set()
        for left in range(900, 1000, 3):
            try:
                found.add(deep(left))
            except Exception as problem:
                found.add(type(problem).__name__)
        well = 4 in found and found <= {4, "RecursionError", "ArgumentError"}
        sys.stdout.write("ended well" if well else repr(found))
"""

FORKED = """
import os, sys
from orchestrator import Engine, Pipeline, TimedOut
from tests.support.parts import NUM, NUMBERS

with Engine(sys.argv[1]) as engine:
    numbers = engine.from_text(NUMBERS)
    two = Pipeline("two").input("n", "u32").output("a", "a").output("b", "b")
    for name in "ab":
        two.node(name, numbers, run=f"{NUM}.double").data("inputs.n", name)
    endless = Pipeline("endless").node("it", numbers, run=f"{NUM}.spin", args={"n": 1}).output("out", "it")
    with two.link(engine) as linked, endless.link(engine) as spinning:
        before = dict(linked.run(n=1).outputs)
        child = os.fork()
        if not child:
            found = [dict(linked.run(n=2).outputs)]
            try:
                spinning.run(timeout=0.1)
            except TimedOut:
                found.append("timed out")
            os._exit(0 if found == [{"a": 4, "b": 4}, "timed out"] else 1)
        _, status = os.waitpid(child, 0)
        print(before, status, dict(linked.run(n=3).outputs))
"""


def test_a_forked_child_runs_what_its_parent_linked(tmp_path: Path) -> None:
    """It has none of the parent's threads: neither those that guests run on nor the one that looks at the clock."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "{'a': 2, 'b': 2} 0 {'a': 6, 'b': 6}\n")


def test_a_run_deep_in_a_programs_own_recursion(tmp_path: Path) -> None:
    """An interpreter that has no room for a callback is no end of the process."""
    command = [sys.executable, "-c", RECURSIVE, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout) == (0, "ended well")


def test_room_for_frames_is_what_the_recursion_limit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 600)
    assert [has_frames(depth) for depth in (1, 64, 10_000)] == [True, False, False]
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 10_000)
    assert [has_frames(depth) for depth in (1, 64, 10_000)] == [True, True, True]


def test_a_failure_ends_the_guest_that_the_callers_thread_is_in(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("two")
        .input("n", "u32")
        .node("endless", numbers, run=f"{NUM}.spin")
        .node("failing", numbers, run=f"{NUM}.trap")
        .data("inputs.n", "endless")
        .data("inputs.n", "failing")
        .output("out", "endless")
    )
    went = play(pipeline, engine, n=1)
    assert (type(went.error), getattr(went.error, "node", "")) == (Trapped, "failing")
    assert [event.node for event in went.of("node") if event.decision == "cancelled"] == ["endless"]


def test_each_call_of_a_stay_has_the_deadline_that_its_caller_has_then(engine: Engine, numbers: Component) -> None:
    pipeline = Pipeline("one").input("n", "u32").node("it", numbers, run=f"{NUM}.double").data("inputs.n", "it")
    with pipeline.output("out", "it").link(engine) as linked:
        run = linked.model.nodes["it"].run
        assert run is not None
        crossing = Crossing("a -> it", "a", "it", "double", denied_by(run.function), None, None)
        caller = linked._program.begin({"n": 1}).visit("a")
        visits = []
        for deadline in (1e9, 2e9):
            caller.deadline, caller.limit = deadline, f"until {deadline:g}"
            visit = crossing.begin(caller, 4, None)
            assert isinstance(visit, Visit)
            visits.append((visit, visit.deadline, visit.limit))
    assert visits == [(visits[0][0], 1e9, "until 1e+09"), (visits[0][0], 2e9, "until 2e+09")]


def test_an_interrupt_while_instances_are_freed_waits_for_that(
    engine: Engine, numbers: Component, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    close = serving.Rooms.close

    def interrupted(rooms: serving.Rooms, run: Run) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        close(rooms, run)

    monkeypatch.setattr(serving.Rooms, "close", interrupted)
    pipeline = Pipeline("one").input("n", "u32").node("it", numbers, run=f"{NUM}.double").data("inputs.n", "it")
    with pipeline.output("out", "it").link(engine) as linked:
        ended = linked.recorder.subscribe()
        with pytest.raises(KeyboardInterrupt):
            linked.run(n=1)
        assert next(event for event in ended if event.kind == "run").decision == "allowed"
        ended.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("name", ["SIGTERM", "SIGXCPU", "SIGTSTP"])
def test_guests_stay_off_a_main_thread_on_which_other_signals_are_handled(name: str) -> None:
    number = getattr(signal, name)
    assert only_interrupts()
    before = signal.signal(number, lambda _number, _frame: None)
    try:
        assert not only_interrupts()
    finally:
        signal.signal(number, before)
