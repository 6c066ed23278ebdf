"""Runs at once: right results or right errors, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator import (
    Contract,
    Engine,
    LinkedPipeline,
    OrchestratorError,
    Pipeline,
    PythonNodeFailed,
    Retry,
)
from orchestrator.audit import Recorder
from orchestrator.engine import Component
from tests.support.audit_events import Collected
from tests.support.parts import NUM, relay

A, B = "test:a/a", "test:b/b"
KINDS = 6


def pick(n: int) -> int:
    """Fails for every sixth number, in Python."""
    if n % KINDS == 1:
        raise KeyError(n)
    return n


def mixed(engine: Engine, numbers: Component) -> Pipeline:
    """Branches that call one shared node, joined; what each number does wrong is told by its rest."""
    left = engine.from_text(relay(A, NUM, "double", 3), "left")
    right = engine.from_text(relay(B, NUM, "count", 3), "right")
    return (
        Pipeline("mixed")
        .input("n", "u32")
        .node("pick", python=pick, signature="func(n: u32) -> u32")
        .node("check", numbers, run=f"{NUM}.checked")
        .node("left", left, run=f"{A}.go")
        .node("right", right, run=f"{B}.go")
        .node("shared", numbers)
        .node("kept", numbers, lifetime="session")
        .node("slow", numbers, run=f"{NUM}.odd-traps", retry=Retry(1), fallback="spare")
        .node("spare", numbers, run=f"{NUM}.double")
        .node("join", numbers, run=f"{NUM}.add")
        .node("end", python=lambda a, b: [a, b], signature="func(a: u32, b: u32) -> list<u32>")
        .data("inputs.n", "pick")
        .data("pick", "check.n")
        .data("check", "left.n", contract=Contract(require=(f"value % {KINDS} != 2",)))
        .data("check", "right.n")
        .data("inputs.n", "slow.n")
        .data("inputs.n", "spare.n")
        .data("left", "join.a")
        .data("right", "join.b")
        .data("join", "end.a")
        .data("slow", "end.b")
        .call("left", "shared")
        .call("right", "shared", contract=Contract(max_calls=3))
        .output("out", "end")
    )


def expected(n: int) -> str:
    if n == 0:
        return "ComponentFailed"
    if n % KINDS in (1, 2):
        return {1: "PythonNodeFailed", 2: "ContractViolated"}[n % KINDS]
    # Doubled three times over, and counted: n, 2n, 3n.
    return str([3 * 2 * n + 6 * n, n if n % 2 == 0 else 2 * n])


def attempt(linked: LinkedPipeline, n: int) -> str:
    try:
        return str(linked.run(n=n)["out"])
    except OrchestratorError as problem:
        return type(problem).__name__


def guests() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "orchestrator-guest"}


def test_two_threads_of_many_runs_with_mixed_failures(engine: Engine, numbers: Component, nothing_left: None) -> None:
    before, seen = guests(), Collected()
    with Recorder([seen]) as recorder, mixed(engine, numbers).link(engine, recorder=recorder) as linked:
        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(lambda n: attempt(linked, n), range(400)))
        assert got == [expected(n) for n in range(400)]
        assert recorder.flush(60)
        assert len(guests() - before) <= 2 * 10
    runs = [event for event in seen.events if event.kind == "run"]
    assert len({event.run for event in runs}) == len(runs) == 400
    assert recorder.left_out == 0
    spans = Counter((event.run, event.span) for event in seen.events if event.kind != "start")
    assert max(spans.values()) == 1
    begun = {(event.run, event.span) for event in seen.events if event.kind == "start" and event.node}
    ended = {(event.run, event.span) for event in seen.events if event.kind == "node"}
    assert begun == ended
    until = time.monotonic() + 60
    while guests() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert guests() <= before


def test_a_python_node_that_raises_keeps_its_cause(engine: Engine) -> None:
    class Own(Exception):
        pass

    def fail() -> int:
        raise Own("two\nlines")

    def leave() -> int:
        raise SystemExit(3)

    def nest() -> int:
        inner = Pipeline("inner").node("deep", python=fail)
        with inner.link(engine) as linked:
            linked.run()
        return 0

    for python, message, cause in (
        (fail, "the Python node raised Own: two", Own),
        (leave, "the Python node raised SystemExit: 3", SystemExit),
        (nest, "the Python node raised PythonNodeFailed: ", PythonNodeFailed),
    ):
        pipeline = Pipeline("raises").node("it", python=python).output("o", "it")
        with pipeline.link(engine) as linked, pytest.raises(PythonNodeFailed) as caught:
            linked.run()
        found = caught.value
        assert (found.node, type(found.__cause__)) == ("it", cause)
        assert found.message.startswith(message)
        assert str(found).startswith(f"{found.message} (node `it`, trace {found.trace_id})")


def test_a_python_node_that_gives_something_else(engine: Engine) -> None:
    record = "record { a: list<u32> }"
    pipeline = Pipeline("wrong").node("it", python=lambda: {"a": [1, -2]}, signature=f"func() -> {record}")
    with pipeline.output("o", "it").link(engine) as linked, pytest.raises(PythonNodeFailed) as caught:
        linked.run()
    assert (caught.value.node, caught.value.message) == (
        "it",
        "the Python node's result does not fit its type: expected u32 (0 to 4294967295) at `result.a[1]`",
    )
    assert caught.value.causes == ("found -2",)
    assert type(caught.value.__cause__).__name__ == "ValueMismatch"
