"""Limits and cancellation: what ends a guest, a run, a process, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Cancelled, ClosedError, Contract, Engine, Grants, Limits, Pipeline, TimedOut
from orchestrator.engine import Component
from orchestrator.manifest.model import Each, Lifetime, Retry
from tests.behaviour.stories import play, staged
from tests.support.goldens import PROJECT
from tests.support.parts import NUM, NUMBERS, SLEEP, SLEEPER, relay

A = "test:a/a"
HOUR = 3_600_000
AWAKE = Grants(clock="monotonic")
"""Without a clock a sleep takes no time."""


def one(component: Component, run: str, **more: Any) -> Pipeline:
    """One node with an input `n`; its result is the output."""
    pipeline = Pipeline("one").input("n", "u32").node("it", component, run=run, **more)
    return pipeline.data("inputs.n", "it").output("out", "it")


def test_a_node_that_computes_without_end_is_ended(engine: Engine, numbers: Component, nothing_left: None) -> None:
    went = play(one(numbers, f"{NUM}.spin", limits=Limits(timeout=0.05)), engine, n=1)
    assert (type(went.error), went.message) == (TimedOut, "node `it` took longer than its timeout, 0.05 s")
    assert went.story == ["run failed", "  data inputs.n -> it", "  node it failed", "    limit it failed"]
    (limit,), (node,), (run,) = went.of("limit"), went.of("node"), went.of("run")
    assert (limit.detail or {})["limit"] == "timeout"
    assert (node.detail or {})["limits"] == {"timeout": 0.05}
    assert (node.detail or {})["error_type"] == (run.detail or {})["error_type"] == "TimedOut"
    assert (run.detail or {})["outcome"] == "timed-out"


def test_memory_is_limited(engine: Engine, numbers: Component, nothing_left: None) -> None:
    """A guest that gets no more memory is told so, and most trap then; one that begins with more never starts."""
    with staged(one(numbers, f"{NUM}.hog", limits=Limits(memory=1 << 20)), engine) as stage:
        assert stage.run(n=10).outputs == {"out": 11}
        went = stage.run(n=20)
        assert type(went.error).__name__ == "LimitExceeded"
        assert went.message == "the guest asked for more memory than its limit, 1048576 bytes, and ended"
        assert (went.of("limit")[0].detail or {})["limit"] == "memory"
    large = engine.from_text(NUMBERS.replace('(memory (export "memory") 1)', '(memory (export "memory") 100)'), "large")
    went = play(one(large, f"{NUM}.hog", limits=Limits(memory=1 << 20)), engine, n=1)
    assert type(went.error).__name__ == "LimitExceeded"
    assert went.message == "the component's memory is larger than its limit from the start"
    assert went.story[-1] == "    limit it failed"
    assert (went.of("limit")[0].detail or {})["limit"] == "memory"


def test_a_stack_is_limited(engine: Engine, numbers: Component) -> None:
    went = play(one(numbers, f"{NUM}.deep"), engine, n=1)
    assert type(went.error).__name__ == "LimitExceeded"
    assert (went.of("limit")[0].detail or {})["limit"] == "stack"


def test_the_calls_of_a_run_are_limited_and_nothing_makes_that_good(engine: Engine, numbers: Component) -> None:
    caller = engine.from_text(relay(A, NUM, "double", 5), "caller")
    pipeline = (
        one(caller, f"{A}.go", retry=Retry(3), fallback="spare")
        .node("callee", numbers)
        .node("spare", numbers, run=f"{NUM}.double", args={"n": 1})
        .call("it", "callee")
        .limit(calls=4)
    )
    with staged(pipeline, engine) as stage:
        went, again = stage.run(n=1), stage.run(n=1)
    assert went.message == again.message == "the run made more than the 4 calls it may make"
    assert (getattr(went.error, "node", ""), getattr(went.error, "edge", "")) == (
        "callee",
        "it -> callee (test:num/num)",
    )
    call = "    call it -> callee (test:num/num) double"
    assert went.story == [
        "run failed",
        "  data inputs.n -> it",
        "  node it failed",
        *[call] * 4,
        f"{call} failed",
        "      limit it -> callee (test:num/num) failed",
    ]
    assert (went.of("limit")[0].detail or {})["limit"] == "calls"
    assert (went.of("run")[0].detail or {})["calls"] == 5


def test_the_timeout_of_a_run_ends_every_branch(engine: Engine, numbers: Component, nothing_left: None) -> None:
    pipeline = one(numbers, f"{NUM}.spin").node("other", numbers, run=f"{NUM}.spin").data("inputs.n", "other")
    with staged(pipeline, engine) as stage:
        went = stage.run({"n": 1}, timeout=0.1)
    assert (type(went.error), went.message) == (TimedOut, "the run took longer than its timeout, 0.1 s")
    assert getattr(went.error, "trace_id", "") == went.events[0].run
    assert sorted(went.story) == sorted(
        [
            "run failed",
            "  data inputs.n -> it",
            "  data inputs.n -> other",
            "  node it cancelled",
            "  node other cancelled",
            "  limit failed",
        ]
    )


# Guests that wait in the host


@pytest.mark.parametrize("lifetime", ["run", "session", "call"])
def test_the_timeout_of_a_run_ends_a_guest_that_sleeps(engine: Engine, sleeper: Component, lifetime: Lifetime) -> None:
    pipeline = one(sleeper, f"{SLEEP}.sleep", lifetime=lifetime, grants=AWAKE)
    with staged(pipeline, engine) as stage:
        went = stage.run({"n": HOUR}, timeout=0.1)
        assert went.message == "the run took longer than its timeout, 0.1 s"
        assert went.story == ["run failed", "  data inputs.n -> it", "  node it cancelled", "  limit failed"]
        assert (went.of("node")[0].detail or {})["error"] == "the run took longer than its timeout, 0.1 s"
        assert stage.run(n=1).outputs == {"out": 1}


def test_a_timeout_of_a_node_ends_a_guest_that_sleeps(engine: Engine, sleeper: Component, nothing_left: None) -> None:
    went = play(one(sleeper, f"{SLEEP}.sleep", grants=AWAKE, limits=Limits(timeout=0.05)), engine, n=HOUR)
    assert (type(went.error), went.message) == (TimedOut, "node `it` took longer than its timeout, 0.05 s")


def test_an_element_that_sleeps_does_not_hold_up_anothers_error(engine: Engine, sleeper: Component) -> None:
    caller = engine.from_text(relay(A, SLEEP, "sleep"), "caller")
    pipeline = (
        Pipeline("each")
        .input("list", "list<u32>")
        .node("it", caller, run=f"{A}.go")
        .node("sleeper", sleeper, lifetime="call", grants=AWAKE)
        .data("inputs.list", "it", each=Each(2))
        .call("it", "sleeper", contract=Contract(require=("args.n != 5",)))
        .output("out", "it")
    )
    went = play(pipeline, engine, list=[HOUR, 5])
    assert getattr(went.error, "rule", "") == "require"


def test_a_process_ends_while_a_guest_sleeps(tmp_path: Path) -> None:
    code = f"""
from orchestrator import Engine, Grants, Pipeline, TimedOut
from tests.support.parts import SLEEP, SLEEPER
from pathlib import Path
engine = Engine(Path({str(tmp_path)!r}))
pipeline = Pipeline("one").node("it", engine.from_text(SLEEPER), run=f"{{SLEEP}}.sleep", args={{"n": {HOUR}}},
    grants=Grants(clock="monotonic"))
linked = pipeline.output("out", "it").link(engine)
try:
    linked.run(timeout=0.1)
except TimedOut as problem:
    print(problem.message)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the run took longer than its timeout, 0.1 s\n", "")


# Cancelling


def test_cancelling_ends_the_guests(engine: Engine, numbers: Component, nothing_left: None) -> None:
    with staged(one(numbers, f"{NUM}.spin"), engine) as stage:
        execution = stage.linked.start(n=1)
        for event in execution:
            if event.kind == "start" and event.node == "it":
                assert not execution.done
                with pytest.raises(TimeoutError):
                    execution.result(0.01)
                execution.cancel("not needed any more")
                execution.cancel("too late")
        with pytest.raises(Cancelled) as caught:
            execution.result(60)
        assert str(caught.value) == f"not needed any more (trace {execution.trace_id})"
        assert execution.done
        events = stage.events
    assert [(e.kind, e.decision) for e in events if e.kind in ("node", "run")] == [
        ("node", "cancelled"),
        ("run", "cancelled"),
    ]
    execution.cancel()


def test_a_cancelled_task_cancels_its_run(engine: Engine, numbers: Component, nothing_left: None) -> None:
    async def scene() -> list[str]:
        with one(numbers, f"{NUM}.spin").link(engine) as linked, linked.recorder.subscribe() as events:
            task = asyncio.create_task(linked.arun(n=1))
            seen = []
            while (event := await asyncio.to_thread(events.next, 60)) is not None:
                seen.append(f"{event.kind} {event.decision}")
                if (event.kind, event.node) == ("start", "it"):
                    task.cancel()
                if event.kind == "run":
                    break
            with pytest.raises(asyncio.CancelledError):
                await task
            return seen

    assert asyncio.run(scene())[-2:] == ["node cancelled", "run cancelled"]


def test_closing_a_pipeline_ends_its_runs(engine: Engine, numbers: Component, nothing_left: None) -> None:
    linked = one(numbers, f"{NUM}.spin").link(engine)
    execution = linked.start(n=1)
    next(event for event in execution if event.kind == "start" and event.node == "it")
    linked.close()
    with pytest.raises(Cancelled, match="the linked pipeline was closed"):
        execution.result(60)
    with pytest.raises(ClosedError):
        linked.run(n=1)
    linked.close()


def test_closing_does_not_wait_for_a_guest_that_sleeps(engine: Engine, sleeper: Component) -> None:
    linked = one(sleeper, f"{SLEEP}.sleep", lifetime="session", grants=AWAKE).link(engine)
    execution = linked.start(n=HOUR)
    next(event for event in execution if event.kind == "start" and event.node == "it")
    linked.close()
    with pytest.raises(Cancelled):
        execution.result(60)


# ctrl-C

PIPELINE = """
pipeline: interrupted
nodes:
  it: {{component: part.wat, run: "{run}", args: {{n: {n}}}, grants: {{clock: monotonic}}}}
outputs: {{out: it}}
"""


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`orchestrator` in a process of its own, with a cache of its own."""
    line = [sys.executable, "-m", "orchestrator", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def await_line(process: subprocess.Popen[str], wanted: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if wanted in line:
            return
    raise AssertionError(f"it ended without {wanted!r}: {''.join(said)}")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("wat", "run"), [(NUMBERS, f"{NUM}.spin"), (SLEEPER, f"{SLEEP}.sleep")])
def test_an_interrupt_ends_the_command(tmp_path: Path, wat: str, run: str, times: int) -> None:
    (tmp_path / "part.wat").write_text(wat)
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.format(run=run, n=HOUR))
    trace = tmp_path / "trace.jsonl"
    with command(tmp_path, "run", str(file), "--trace", str(trace)) as process:
        await_line(process, "it: started")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [e["decision"] for e in events if e["kind"] in ("node", "run")] == ["cancelled", "cancelled"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_that_asks_for_the_end_is_what_an_interrupt_is(
    tmp_path: Path, number: signal.Signals, code: int, times: int
) -> None:
    (tmp_path / "part.wat").write_text(NUMBERS)
    file, trace = tmp_path / "pipeline.yaml", tmp_path / "trace.jsonl"
    file.write_text(PIPELINE.format(run=f"{NUM}.spin", n=1))
    with command(tmp_path, "run", str(file), "--trace", str(trace)) as process:
        await_line(process, "it: started")
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.2)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [e["decision"] for e in events if e["kind"] in ("node", "run")] == ["cancelled", "cancelled"]


def began(trace: Path, node: str) -> bool:
    """Whether the lines of a trace say so."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return any(event["kind"] == "start" and event["node"] == node for event in map(json.loads, lines))


def test_a_terminal_that_is_gone_ends_the_command(tmp_path: Path) -> None:
    """With its trace whole, though nothing can be said on the terminal any more."""
    (tmp_path / "part.wat").write_text(NUMBERS)
    file, trace = tmp_path / "pipeline.yaml", tmp_path / "trace.jsonl"
    file.write_text(PIPELINE.format(run=f"{NUM}.spin", n=1))
    line = [sys.executable, "-m", "orchestrator", "run", str(file), "--trace", str(trace)]
    mine, its = os.openpty()
    with subprocess.Popen(
        line, stdin=its, stdout=its, stderr=its, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ) as process:
        os.close(its)
        try:
            seen = b""
            while b"it" not in seen or not began(trace, "it"):
                seen += os.read(mine, 4096) if select.select([mine], [], [], 0.05)[0] else b""
            os.close(mine)
            process.send_signal(signal.SIGHUP)
            assert process.wait(200) == 129
        finally:
            process.kill()
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [e["decision"] for e in events if e["kind"] == "run"] == ["cancelled"]


def test_a_command_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    (tmp_path / "part.wat").write_text(NUMBERS)
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.format(run=f"{NUM}.spin", n=1))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with command(tmp_path, "run", str(file), "--timeout", "2s") as process:
            signal.signal(signal.SIGHUP, before)
            await_line(process, "it: started")
            process.send_signal(signal.SIGHUP)
            _, err = process.communicate(timeout=200)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.returncode == 1
    assert "longer than its timeout, 2 s" in err


@pytest.mark.slow
def test_an_interrupt_while_a_component_is_compiled(tmp_path: Path) -> None:
    functions = " ".join(
        f'(func (export "f{n}") (param i32) (result i32) {"(i32.add (local.get 0) " * 200}(local.get 0){")" * 200})'
        for n in range(2000)
    )
    core = f"(core module $m {functions})"
    (tmp_path / "part.wat").write_text(f"(component {core} (core instance $i (instantiate $m)))")
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.format(run="f", n=1))
    with command(tmp_path, "run", str(file)) as process:
        await_line(process, "compiling part")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")


@pytest.mark.slow
def test_an_interrupt_while_a_component_is_built(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.format(run="f", n=1).replace("part.wat", str(PROJECT / "components" / "retriever")))
    with command(tmp_path, "run", str(file)) as process:
        await_line(process, "building `retriever`")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")


def test_an_interrupt_in_a_program_of_ones_own(engine: Engine, numbers: Component) -> None:
    """`run` on the main thread: KeyboardInterrupt comes out of it, the guests are ended, the events are there."""
    with staged(one(numbers, f"{NUM}.spin"), engine) as stage:
        begun = stage.linked.recorder.subscribe()

        def interrupt() -> None:
            next(event for event in begun if event.kind == "start" and event.node == "it")
            os.kill(os.getpid(), signal.SIGINT)

        helper = threading.Thread(target=interrupt)
        helper.start()
        with pytest.raises(KeyboardInterrupt):
            stage.linked.run(n=1)
        helper.join()
        begun.close()
        assert [(e.kind, e.decision) for e in stage.events if e.kind in ("node", "run")] == [
            ("node", "cancelled"),
            ("run", "cancelled"),
        ]
