"""A limit of fuel, by node: what counts towards it in each lifetime, what is told of it, and what it ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from orchestrator import Engine, InvalidPipeline, LimitExceeded, Limits, Pipeline
from orchestrator.audit.spans import attributes
from orchestrator.engine import Component
from orchestrator.manifest.model import Each, Lifetime, Repeat, Retry
from orchestrator.runtime import pool
from orchestrator.runtime.homes import Home
from tests.behaviour.stories import Went, play, staged
from tests.support.parts import AGENT, TOOL_USER, relay

A, B, WORK = "test:a/a", "test:b/b", "test:work/work"
ROUND = 6
"""What a round of `work` takes."""
SPENT = "the guest used up its fuel, {} units: give it more `fuel`, or have it compute less in one run"
WORKER = f"""(component
  (core module $m
    (func (export "work") (param i32) (result i32)
      (loop $on (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $on (local.get 0)))
      (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $work (param "n" u32) (result u32) (canon lift (core func $i "work")))
  (instance $out (export "work" (func $work)))
  (export "{WORK}" (instance $out)))"""
"""Exports `WORK`: `work` goes round a loop `n` times and gives 1."""


@pytest.fixture
def worker(engine: Engine) -> Component:
    return engine.from_text(WORKER, "worker")


def rounds(count: int) -> Limits:
    """Fuel for so many rounds of `work`, and what calls take besides."""
    return Limits(fuel=count * ROUND)


def called(engine: Engine, worker: Component, times: int, limits: Limits, lifetime: Lifetime = "run") -> Pipeline:
    """A caller that has the worker work `n` rounds, so many times."""
    return (
        Pipeline("called")
        .input("n", "u32")
        .node("caller", engine.from_text(relay(A, WORK, "work", times), "caller"), run=f"{A}.go")
        .node("worker", worker, limits=limits, lifetime=lifetime)
        .data("inputs.n", "caller")
        .call("caller", "worker")
        .output("calls", "caller")
    )


def fuels(went: Went, node: str = "it") -> list[Any]:
    """What the events of a node say of fuel."""
    return [(event.detail or {}).get("fuel") for event in went.of("node") if event.node == node]


def test_the_calls_of_a_run_share_it(engine: Engine, worker: Component, nothing_left: None) -> None:
    with staged(called(engine, worker, 4, rounds(4100)), engine) as stage:
        assert [stage.run(n=1000).outputs for _ in range(3)] == [{"calls": 4}] * 3
        for _ in range(2):
            went = stage.run(n=1100)
            assert isinstance(went.error, LimitExceeded)
            assert (went.message, went.error.limit) == (SPENT.format(4100 * ROUND), "fuel")
            assert (went.error.node, went.error.edge) == ("worker", f"caller -> worker ({WORK})")
            edge = f"caller -> worker ({WORK})"
            assert went.story == [
                "run failed",
                "  data inputs.n -> caller",
                "  node caller failed",
                *[f"    call {edge} work"] * 3,
                f"    call {edge} work failed",
                f"      limit {edge} failed",
            ]
            assert went.of("limit")[0].detail == {"limit": "fuel", "message": SPENT.format(4100 * ROUND)}
        assert stage.run(n=1000).outputs == {"calls": 4}


def test_the_calls_of_a_run_share_it_where_each_has_its_instance(
    engine: Engine, worker: Component, nothing_left: None
) -> None:
    with staged(called(engine, worker, 10, rounds(10_200), "call"), engine) as stage:
        assert stage.run(n=1000).outputs == {"calls": 10}
        assert stage.run(n=1100).message == SPENT.format(10_200 * ROUND)
        assert stage.run(n=1000).outputs == {"calls": 10}


def test_each_run_has_its_own_in_an_instance_that_stays(engine: Engine, worker: Component, nothing_left: None) -> None:
    with staged(called(engine, worker, 4, rounds(4100), "session"), engine) as stage:
        assert [stage.run(n=1000).outputs for _ in range(5)] == [{"calls": 4}] * 5
        assert stage.run(n=1100).message == SPENT.format(4100 * ROUND)
        assert [stage.run(n=1000).outputs for _ in range(5)] == [{"calls": 4}] * 5


class _Gate:
    """A function between two calls of a run: the first run that comes waits there until it is let on."""

    def __init__(self) -> None:
        self.waiting, self.open = threading.Event(), threading.Event()

    def __call__(self, after: int, n: int) -> int:
        if not self.waiting.is_set():
            self.waiting.set()
            assert self.open.wait(60)
        return after * n


def between(engine: Engine, worker: Component, gate: _Gate) -> Pipeline:
    """Two callers of one worker, and the gate between them."""
    go = engine.from_text(relay(A, WORK, "work"), "caller")
    return (
        Pipeline("between")
        .input("n", "u32")
        .node("one", go, run=f"{A}.go")
        .node("gate", python=gate, signature="func(after: u32, n: u32) -> u32")
        .node("two", go, run=f"{A}.go")
        .node("worker", worker, limits=rounds(1000), lifetime="session")
        .data("inputs.n", "one")
        .data("one", "gate.after")
        .data("inputs.n", "gate.n")
        .data("gate", "two")
        .call("one", "worker")
        .call("two", "worker")
        .output("out", "two")
    )


@pytest.mark.parametrize(("each", "message"), [(450, ""), (600, SPENT.format(1000 * ROUND))])
def test_a_run_that_comes_between_neither_gives_fuel_nor_takes_it(
    engine: Engine, worker: Component, each: int, message: str
) -> None:
    gate = _Gate()
    with staged(between(engine, worker, gate), engine) as stage:
        found: list[Went] = []
        first = threading.Thread(target=lambda: found.append(stage.run(n=each)))
        first.start()
        assert gate.waiting.wait(60)
        others = [stage.run(n=450).outputs for _ in range(3)]
        gate.open.set()
        first.join(60)
        assert others == [{"out": 1}] * 3
        assert found[0].message == (message or "None")
        assert stage.run(n=450).outputs == {"out": 1}


# What is told


def alone(worker: Component, **more: Any) -> Pipeline:
    pipeline = Pipeline("alone").input("n", "u32").node("it", worker, run=f"{WORK}.work", **more)
    return pipeline.data("inputs.n", "it").output("out", "it")


@pytest.mark.parametrize("lifetime", ["run", "call", "session"])
def test_a_node_tells_how_much_it_used(engine: Engine, worker: Component, lifetime: Lifetime) -> None:
    with staged(alone(worker, limits=rounds(1000), lifetime=lifetime), engine) as stage:
        for _ in range(3):
            (used,) = fuels(went := stage.run(n=500))
            assert 500 * ROUND <= used < 510 * ROUND
        (event,) = went.of("node")
        assert (event.detail or {})["limits"] == {"fuel": 1000 * ROUND}
        shown = attributes(event)
        assert (shown["wasm.fuel"], shown["wasm.limit.fuel"]) == (used, 1000 * ROUND)
        assert fuels(stage.run(n=2000)) == [1000 * ROUND]


def test_a_node_without_a_limit_tells_nothing_and_counts_nothing(engine: Engine, worker: Component) -> None:
    with staged(alone(worker), engine) as stage:
        assert fuels(stage.run(n=500)) == [None]
        assert not stage.linked._program.stores["it"].component.variant.metered
    with staged(alone(worker, limits=Limits(memory=1 << 20)), engine) as stage:
        assert fuels(stage.run(n=500)) == [None]
        assert not stage.linked._program.stores["it"].component.variant.metered


def test_rounds_share_it_and_each_tells_its_own(engine: Engine, worker: Component) -> None:
    repeat = Repeat(until="value > 1u", feed={}, max=4, at_max="accept")
    with staged(alone(worker, limits=rounds(2000), repeat=repeat), engine) as stage:
        used = fuels(stage.run(n=400))
        assert [fuel // (400 * ROUND) for fuel in used] == [1, 1, 1, 1]
        went = stage.run(n=600)
        assert went.message == SPENT.format(2000 * ROUND)
        assert [fuel // (600 * ROUND) for fuel in fuels(went)] == [1, 1, 1, 0]
        assert sum(fuels(went)) == 2000 * ROUND


def elements(worker: Component, parallel: int, **more: Any) -> Pipeline:
    """The worker, for each of some numbers of rounds."""
    return (
        Pipeline("each")
        .input("list", "list<u32>")
        .node("it", worker, run=f"{WORK}.work", limits=rounds(1000), **more)
        .data("inputs.list", "it", each=Each(parallel))
        .output("out", "it")
    )


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("lifetime", ["run", "call", "session"])
def test_elements_share_it(
    engine: Engine, worker: Component, lifetime: Lifetime, parallel: int, nothing_left: None
) -> None:
    """However many of them run at once, all of it can be used, and no more."""
    with staged(elements(worker, parallel, lifetime=lifetime), engine) as stage:
        assert stage.run(list=[95] * 10).outputs == {"out": [1] * 10}
        assert stage.run(list=[10, 10, 950, 10]).outputs == {"out": [1] * 4}
        went = stage.run(list=[150] * 10)
        assert went.message == SPENT.format(1000 * ROUND)
        used = [fuel or 0 for fuel in fuels(went)]
        assert sum(used) == 1000 * ROUND
        assert stage.run(list=[95] * 10).outputs == {"out": [1] * 10}


def test_an_element_waits_for_the_fuel_no_longer_than_its_run_goes_on(
    engine: Engine, worker: Component, nothing_left: None
) -> None:
    """Each has a fifth of a second, which the first uses up: those that wait for it are told, too."""
    pipeline = elements(worker, 4).replace("it", limits=Limits(fuel=1 << 40, timeout=0.2))
    with staged(pipeline, engine) as stage:
        went = stage.run(list=[0xFFFF_FFFF] * 4)
        assert went.message == "node `it` took longer than its timeout, 0.2 s"
        assert stage.run(list=[10] * 4).outputs == {"out": [1] * 4}


def test_tries_share_it(engine: Engine, worker: Component) -> None:
    went = play(alone(worker, limits=rounds(1000), retry=Retry(2)), engine, n=1100)
    assert went.message == SPENT.format(1000 * ROUND)
    assert fuels(went) == [1000 * ROUND, 0, 0]
    assert [(event.detail or {})["limit"] for event in went.of("limit")] == ["fuel"] * 3


def test_a_fallback_makes_it_good(engine: Engine, worker: Component) -> None:
    pipeline = alone(worker, limits=rounds(100), fallback="spare").node(
        "spare", worker, run=f"{WORK}.work", args={"n": 1}
    )
    assert play(pipeline, engine, n=1000).outputs == {"out": 1}


def test_nodes_that_share_a_store_share_its_fuel(engine: Engine, worker: Component, nothing_left: None) -> None:
    """One of them states it; what any of them executes counts."""
    pipeline = called(engine, worker, 4, rounds(4100))
    pipeline = pipeline.disconnect("caller -> worker").call("caller", "worker", fuse=True)
    with staged(pipeline, engine) as stage:
        went = stage.run(n=1000)
        assert went.outputs == {"calls": 4}
        assert [fuel // ROUND // 100 for fuel in fuels(went, "caller")] == [40]
        went = stage.run(n=1100)
        assert (went.message, getattr(went.error, "node", "")) == (SPENT.format(4100 * ROUND), "caller")
        assert stage.run(n=1000).outputs == {"calls": 4}


def test_fused_nodes_that_state_different_fuel_are_refused(engine: Engine, worker: Component) -> None:
    pipeline = called(engine, worker, 4, Limits(fuel=1000)).replace("caller", limits=Limits(fuel=2000))
    pipeline = pipeline.disconnect("caller -> worker").call("caller", "worker", fuse=True)
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    assert str(caught.value).splitlines()[0] == (
        "error[fuse-node]: `caller` and `worker` are fused and have different limits of `fuel`"
    )


def test_a_session_of_fused_nodes_has_it_anew_for_each_run(engine: Engine, worker: Component) -> None:
    pipeline = called(engine, worker, 4, rounds(4100), "session").replace("caller", lifetime="session")
    pipeline = pipeline.disconnect("caller -> worker").call("caller", "worker", fuse=True)
    with staged(pipeline, engine) as stage:
        assert [stage.run(n=1000).outputs for _ in range(4)] == [{"calls": 4}] * 4
        assert stage.run(n=1100).message == SPENT.format(4100 * ROUND)
        assert stage.run(n=1000).outputs == {"calls": 4}


def test_an_instance_made_ahead_has_paid_for_its_start(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PAYS", 0.0)
    monkeypatch.setattr(pool, "TRIES", 1)
    start = """(start $go) (func $go (local i32) (local.set 0 (i32.const 500))
      (loop $on (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $on (local.get 0))))"""
    begins = engine.from_text(WORKER.replace("(core module $m", f"(core module $m {start}"), "begins")
    with staged(alone(begins, limits=rounds(1050)), engine) as stage:
        home = stage.linked._program.homes["it"]
        for _ in range(3):
            assert [fuel // ROUND // 10 for fuel in fuels(stage.run(n=500))] == [100]
            await_ready(home)
        assert stage.run(n=600).message == SPENT.format(1050 * ROUND)


def await_ready(home: Home) -> None:
    """Waits until an instance is made ahead."""
    made = home._pool
    assert made is not None
    end = time.monotonic() + 60
    while not len(made):
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_tool_has_fuel_too(engine: Engine, worker: Component) -> None:
    pipeline = (
        Pipeline("tool")
        .input("arguments", "string")
        .node("agent", engine.from_text(TOOL_USER, "agent"), run=f"{AGENT}.call", args={"name": "work"})
        .node("worker", worker, limits=rounds(1000))
        .data("inputs.arguments", "agent.arguments")
        .tool("agent", f"worker.{WORK}.work")
        .output("json", "agent")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(arguments='{"n": 900}').outputs == {"json": "1"}
        assert stage.run(arguments='{"n": 1100}').message == SPENT.format(1000 * ROUND)
