"""Runs that are ended from outside at any moment, or run beside each other: the next run works, the process lives."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator import Cancelled, Engine, Pipeline, TimedOut
from orchestrator.manifest.model import Bulk
from tests.behaviour.stories import staged
from tests.support.parts import NUM, NUMBERS, TALKER, TEXT, TEXTS, relay

A = "test:a/a"
WAYS: dict[str, tuple[Bulk, bool]] = {"values": ("never", False), "bulk": ("always", False), "fused": ("auto", True)}
each_way = pytest.mark.parametrize(("bulk", "fuse"), WAYS.values(), ids=WAYS)


def texts(engine: Engine, bulk: Bulk, fuse: bool) -> Pipeline:
    """A text that goes to a node, over a call edge and back, and into another node; instances for a session."""
    return (
        Pipeline("texts")
        .input("text", "string")
        .node("talker", engine.from_text(TALKER, "talker"), run="test:talk/talk.echo", bulk=bulk, lifetime="session")
        .node("texts", engine.from_text(TEXTS, "texts"), bulk=bulk, lifetime="session")
        .data("inputs.text", "talker")
        .call("talker", "texts", interface=TEXT, fuse=fuse)
        .node("again", engine.from_text(TEXTS, "texts"), run=f"{TEXT}.echo", bulk=bulk)
        .data("talker", "again")
        .output("text", "again")
    )


def spinning(engine: Engine, bulk: Bulk, fuse: bool, function: str = "spin") -> Pipeline:
    """A call of `function`, which is endless, over an edge; instances for a session."""
    return (
        Pipeline("spinning")
        .input("n", "u32")
        .node("caller", engine.from_text(relay(A, NUM, function), "caller"), run=f"{A}.go", bulk=bulk)
        .node("numbers", engine.from_text(NUMBERS, "numbers"), bulk=bulk)
        .data("inputs.n", "caller")
        .call("caller", "numbers", fuse=fuse)
        .output("n", "caller")
    )


@pytest.mark.slow
@each_way
def test_two_threads_share_sessions_and_get_their_own_answers(engine: Engine, bulk: Bulk, fuse: bool) -> None:
    with texts(engine, bulk, fuse).link(engine) as linked:

        def work(name: str) -> list[int]:
            sent = (f"{name} é {n}" * (n % 40) for n in range(10_000))
            return [n for n, text in enumerate(sent) if linked.run(text=text)["text"] != text]

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(work, ["one", "other"])) == [[], []]


@each_way
def test_a_run_is_cancelled_in_the_middle_of_a_call(engine: Engine, bulk: Bulk, fuse: bool, nothing_left: None) -> None:
    with staged(spinning(engine, bulk, fuse), engine) as stage:
        for _ in range(3):
            execution = stage.linked.start(n=1)
            next(event for event in execution if event.kind == "start" and event.node == "caller")
            execution.cancel("enough")
            with pytest.raises(Cancelled, match=r"^enough"):
                execution.result(60)


@each_way
def test_a_deadline_ends_a_run_in_the_middle_of_a_call(
    engine: Engine, bulk: Bulk, fuse: bool, nothing_left: None
) -> None:
    with spinning(engine, bulk, fuse).link(engine) as linked:
        for _ in range(3):
            with pytest.raises(TimedOut) as caught:
                linked.run(n=1, timeout=0.02)
            assert caught.value.message == "the run took longer than its timeout, 0.02 s"


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("with-sigterm",)], ids=["here", "on another thread"])
def test_ctrl_c_at_any_moment_is_one_interrupt_and_the_next_run_works(tmp_path: Path, more: tuple[str, ...]) -> None:
    program = [sys.executable, "-X", "faulthandler", "-m", "tests.behaviour.interrupted", str(tmp_path), "200", "1"]
    done = subprocess.run([*program, *more], capture_output=True, text=True, check=False, timeout=280)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


_SMALL = """
import sys, threading
from pathlib import Path
from orchestrator import Engine, LimitExceeded
from tests.behaviour.test_interrupts import spinning, texts

def work(engine, bulk, fuse):
    with texts(engine, bulk, fuse).link(engine) as linked:
        assert linked.run(text="x" * 1000)["text"] == "x" * 1000
    with spinning(engine, bulk, fuse, "deep").link(engine) as linked:
        try:
            linked.run(n=1)
        except LimitExceeded as problem:
            print(problem.message)

threading.stack_size(256 << 10)
with Engine(Path(sys.argv[1])) as engine:
    for way in (("never", False), ("always", False), ("auto", True)):
        thread = threading.Thread(target=work, args=(engine, *way))
        thread.start()
        thread.join()
assert threading.stack_size() == 256 << 10
"""


def test_a_run_begun_on_a_thread_with_a_small_stack_is_handed_over(tmp_path: Path) -> None:
    program = [sys.executable, "-X", "faulthandler", "-c", _SMALL, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    said = "the guest's calls nest too deep: its stack is used up\n" * 3
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


@each_way
def test_a_handler_that_is_replaced_while_a_run_goes_on_stays_replaced(engine: Engine, bulk: Bulk, fuse: bool) -> None:
    """As a program does that wants the second ctrl-C to end it at once."""
    import os
    import signal

    def second(_number: int, _frame: object) -> None:
        raise AssertionError("nobody sends a second one")

    def first(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, first)
    try:
        with spinning(engine, bulk, fuse).link(engine) as linked:
            timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                linked.run(n=1)
            timer.join()
            assert signal.getsignal(signal.SIGINT) is second
    finally:
        signal.signal(signal.SIGINT, before)
