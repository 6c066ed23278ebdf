"""Call edges: whose instance answers, for how long it lives, and the tree of calls."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Engine, Grants, LinkedPipeline, Pipeline, Storage
from orchestrator.engine import Component
from orchestrator.manifest.model import Lifetime
from tests.behaviour.stories import play, staged, story
from tests.support.parts import NUM, relay
from tests.support.resource_guests import API, HOLDER, OWNER, PASSER

A, B, C = "test:a/a", "test:b/b", "test:c/c"


def go(name: str) -> str:
    return f"{name}.go"


def counted(engine: Engine, numbers: Component, lifetime: Lifetime = "run", **control: Any) -> Pipeline:
    """`caller` has `counter` add `n` twice; the result is the sum of what it answers."""
    caller = engine.from_text(relay(A, NUM, "count", 2), "caller")
    return (
        Pipeline("counted")
        .input("n", "u32")
        .node("caller", caller, run=go(A), **control)
        .node("counter", numbers, lifetime=lifetime)
        .data("inputs.n", "caller")
        .call("caller", "counter")
        .output("sum", "caller")
    )


def test_an_instance_serves_a_run_and_no_longer(engine: Engine, numbers: Component, nothing_left: None) -> None:
    with staged(counted(engine, numbers), engine) as stage:
        first, second = stage.run(n=5), stage.run(n=5)
    assert (first.outputs, second.outputs) == ({"sum": 15}, {"sum": 15})
    call = "    call caller -> counter (test:num/num) count"
    assert first.story == ["run", "  data inputs.n -> caller", "  node caller", call, call]
    (begun, ended) = first.of("start")[0], first.of("run")[0]
    assert (begun.span, begun.parent, ended.span, ended.parent) == (1, 0, 1, 0)
    for event in first.of("call"):
        assert (event.node, event.request, event.response) == ("counter", 4, 4)
        assert event.detail == {"caller": "caller"}
    assert (ended.detail or {})["calls"] == 2


def test_an_instance_for_each_call(engine: Engine, numbers: Component, nothing_left: None) -> None:
    assert play(counted(engine, numbers, "call"), engine, n=5).outputs == {"sum": 10}


def test_an_instance_for_a_session(engine: Engine, numbers: Component, nothing_left: None) -> None:
    with staged(counted(engine, numbers, "session"), engine) as stage:
        assert [stage.run(n=5).outputs for _ in range(3)] == [{"sum": 15}, {"sum": 35}, {"sum": 55}]


def test_a_nodes_own_run_shares_its_instance_with_its_callers(engine: Engine, numbers: Component) -> None:
    """The implied edge: `counter` runs first, its caller after it."""
    pipeline = counted(engine, numbers).replace("counter", run=f"{NUM}.count", args={"n": 100})
    went = play(pipeline.output("first", "counter"), engine, n=5)
    assert went.outputs == {"sum": 105 + 110, "first": 100}
    call = "    call caller -> counter (test:num/num) count"
    assert went.story == ["run", "  node counter", "  data inputs.n -> caller", "  node caller", call, call]


def test_two_callers_share_an_instance(engine: Engine, numbers: Component) -> None:
    other = engine.from_text(relay(B, NUM, "count"), "other")
    pipeline = counted(engine, numbers).node("other", other, run=go(B)).data("caller", "other").call("other", "counter")
    went = play(pipeline.output("other", "other"), engine, n=5)
    assert went.outputs == {"sum": 15, "other": 25}


def test_three_deep(engine: Engine, numbers: Component, nothing_left: None) -> None:
    pipeline = (
        Pipeline("deep")
        .input("n", "u32")
        .node("one", engine.from_text(relay(A, B, "go"), "one"), run=go(A))
        .node("two", engine.from_text(relay(B, C, "go", 2), "two"))
        .node("three", engine.from_text(relay(C), "three"))
        .node("four", numbers)
        .data("inputs.n", "one")
        .call("one", "two")
        .call("two", "three")
        .call("three", "four")
        .output("out", "one")
    )
    went = play(pipeline, engine, n=5)
    assert went.outputs == {"out": 20}
    inner = ["      call two -> three (test:c/c) go", "        call three -> four (test:num/num) double"]
    assert went.story == [
        "run",
        "  data inputs.n -> one",
        "  node one",
        "    call one -> two (test:b/b) go",
        *inner,
        *inner,
    ]


def test_calls_of_a_python_node(engine: Engine) -> None:
    def double(n: int) -> int:
        return n * 3

    caller = engine.from_text(
        """(component
          (import "double" (func $double (param "n" s64) (result s64)))
          (core func $double' (canon lower (func $double)))
          (core module $m (import "in" "double" (func $d (param i64) (result i64)))
            (func (export "go") (param i64) (result i64) (call $d (local.get 0))))
          (core instance $i (instantiate $m (with "in" (instance (export "double" (func $double'))))))
          (func (export "go") (param "n" s64) (result s64) (canon lift (core func $i "go"))))""",
        "caller",
    )
    pipeline = (
        Pipeline("python")
        .input("n", "s64")
        .node("caller", caller, run="go")
        .node("python", python=double)
        .data("inputs.n", "caller")
        .call("caller.double", "python.double")
        .output("out", "caller")
    )
    went = play(pipeline, engine, n=5)
    assert went.outputs == {"out": 15}
    (call,) = went.of("call")
    assert (call.node, call.request, call.response, call.parent) == ("python", 8, 8, went.of("node")[0].span)


def test_branches_overlap_and_join(engine: Engine) -> None:
    meet = threading.Barrier(2)

    def wait(n: int) -> int:
        meet.wait(60)
        return n

    pipeline = (
        Pipeline("branches")
        .input("n", "s64")
        .node("left", python=wait, signature="func(n: s64) -> s64")
        .node("right", python=wait, signature="func(n: s64) -> s64")
        .node("join", python=lambda a, b: a + b, signature="func(a: s64, b: s64) -> s64")
        .data("inputs.n", "left")
        .data("inputs.n", "right")
        .data("left", "join.a")
        .data("right", "join.b")
        .output("out", "join")
    )
    went = play(pipeline, engine, n=4)
    assert went.outputs == {"out": 8}
    assert story(went.events, ordered=False) == sorted(
        [
            "run",
            *["  data inputs.n -> left", "  data inputs.n -> right", "  data left -> join.a", "  data right -> join.b"],
            *["  node join", "  node left", "  node right"],
        ],
        key=lambda text: (text != "run", text),
    )


def test_branches_that_call_the_same_node_take_turns(engine: Engine, numbers: Component) -> None:
    caller = engine.from_text(relay(A, NUM, "count", 200), "caller")
    pipeline = Pipeline("shared").node("counter", numbers)
    for number in range(4):
        name = f"branch{number}"
        pipeline.node(name, caller, run=go(A), args={"n": 1}).call(name, "counter").output(name, name)
    went = play(pipeline, engine)
    # Each of the 800 calls saw another count, so all of them together saw 1 to 800.
    assert went.outputs is not None
    assert sum(went.outputs.values()) == sum(range(1, 801))
    assert len(went.of("call")) == 800


def test_an_instance_that_trapped_is_replaced_within_the_run(engine: Engine, numbers: Component) -> None:
    from orchestrator.manifest.model import Retry

    caller = engine.from_text(relay(A, NUM, "odd-traps", 2), "caller")
    pipeline = counted(engine, numbers).replace("caller", component=caller, retry=Retry(1))
    with staged(pipeline, engine) as stage:
        went = stage.run(n=1)
        assert stage.run(n=2).outputs == {"sum": 4}
    failed = ["  node caller failed", "    call caller -> counter (test:num/num) odd-traps failed"]
    assert went.story == ["run failed", "  data inputs.n -> caller", *failed, "  retry caller", *failed]
    assert (getattr(went.error, "node", ""), getattr(went.error, "edge", "")) == (
        "counter",
        "caller -> counter (test:num/num)",
    )


# Sessions


def test_runs_at_once_take_turns_in_a_session(engine: Engine, numbers: Component, nothing_left: None) -> None:
    pipeline = counted(engine, numbers, "session")
    with pipeline.link(engine) as linked, ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda _: linked.run(n=1)["sum"], range(100)))
        assert linked.run(n=1)["sum"] == 201 + 202
    assert sum(sums) == sum(range(1, 201))


def test_a_session_that_trapped_is_replaced_for_every_run(
    engine: Engine, numbers: Component, nothing_left: None
) -> None:
    """A trap in one run's call is no concern of the runs that wait for their turn."""
    count = engine.from_text(relay(A, NUM, "count", 50), "count")
    trap = engine.from_text(relay(B, NUM, "odd-traps"), "trap")
    pipeline = (
        Pipeline("session")
        .input("n", "u32")
        .node("count", count, run=go(A), args={"n": 0})
        .node("trap", trap, run=go(B))
        .node("counter", numbers, lifetime="session")
        .data("inputs.n", "trap")
        .call("count", "counter")
        .call("trap", "counter")
        .output("out", "count")
        .output("trap", "trap")
    )

    def attempt(linked: LinkedPipeline, n: int) -> str:
        try:
            return str(dict(linked.run(n=n).outputs))
        except Exception as problem:
            return f"{getattr(problem, 'message', problem)}"

    with pipeline.link(engine) as linked, ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda n: attempt(linked, n % 2), range(120)))
    assert set(seen[0::2]) == {str({"out": 0, "trap": 0})}
    assert set(seen[1::2]) == {"the guest trapped: wasm `unreachable` instruction executed"}


def test_relink_keeps_the_sessions_of_unchanged_nodes(engine: Engine, numbers: Component, nothing_left: None) -> None:
    pipeline = counted(engine, numbers, "session")
    old = pipeline.link(engine)
    assert old.run(n=5)["sum"] == 15
    pipeline.replace("caller", description="changed")
    new = old.relink()
    assert new.run(n=5)["sum"] == 35
    assert old.run(n=5)["sum"] == 55
    old.close()
    assert new.run(n=5)["sum"] == 75
    newest = new.relink(pipeline.replace("counter", config={}, lifetime="session"))
    new.close()
    assert newest.run(n=5)["sum"] == 95
    changed = newest.relink(pipeline.replace("counter", grants=Grants(environment={"A": "b"})))
    assert changed.run(n=5)["sum"] == 15
    assert newest.run(n=5)["sum"] == 115
    newest.close()
    changed.close()


def test_a_kept_caller_calls_the_session_of_its_own_run(engine: Engine, numbers: Component, nothing_left: None) -> None:
    """The caller is kept by `relink`, what it calls is another component: each program has its own."""
    pipeline = counted(engine, numbers, "session").replace("caller", lifetime="session")
    with pipeline.link(engine) as old:
        assert old.run(n=5)["sum"] == 15
        tripled = engine.from_text(
            f"""(component
              (core module $m (func (export "count") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))))
              (core instance $i (instantiate $m))
              (func $count (param "n" u32) (result u32) (canon lift (core func $i "count")))
              (instance $num (export "count" (func $count))) (export "{NUM}" (instance $num)))""",
            "tripled",
        )
        with old.relink(pipeline.replace("counter", component=tripled)) as new:
            assert [linked.run(n=5)["sum"] for linked in (new, old, new)] == [30, 35, 30]


def test_relink_keeps_a_session_that_calls_a_python_node(engine: Engine) -> None:
    state = engine.from_text(
        """(component
          (import "tick" (func $tick (result s64)))
          (core func $tick' (canon lower (func $tick)))
          (core module $m (import "in" "tick" (func $tick (result i64)))
            (global $sum (mut i64) (i64.const 0))
            (func (export "go") (result i64)
              (global.set $sum (i64.add (global.get $sum) (call $tick))) (global.get $sum)))
          (core instance $i (instantiate $m (with "in" (instance (export "tick" (func $tick'))))))
          (func (export "go") (result s64) (canon lift (core func $i "go"))))""",
        "state",
    )

    def tick() -> int:
        return 1

    pipeline = (
        Pipeline("ticks")
        .node("state", state, run="go", lifetime="session")
        .node("tick", python=tick)
        .call("state.tick", "tick.tick")
        .output("out", "state")
    )
    with pipeline.link(engine) as old, old.relink() as new:
        assert [linked.run()["out"] for linked in (old, new, old)] == [1, 2, 3]


def test_a_session_follows_the_folder_that_a_run_grants(
    engine: Engine, numbers: Component, tmp_path: Path, nothing_left: None
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    pipeline = counted(engine, numbers, "session").input("folder", "path")
    pipeline.replace("counter", grants=Grants(storage=(Storage("${inputs.folder}", "/data"),)))
    with pipeline.link(engine) as linked:
        one, two = str(tmp_path / "one"), str(tmp_path / "two")
        sums = [linked.run(n=5, folder=folder)["sum"] for folder in (one, one, two, two, one)]
        assert sums == [15, 35, 15, 35, 15]
        missing = str(tmp_path / "three")
        with pytest.raises(Exception, match=f"the folder granted at `/data` does not exist: {missing}") as caught:
            linked.run(n=5, folder=missing)
        assert getattr(caught.value, "node", "") == "counter"
        assert linked.run(n=5, folder=one)["sum"] == 35


# Resources


def test_resources_cross_two_edges(engine: Engine, nothing_left: None) -> None:
    """`passer` makes a counter in `owner` and hands it to `holder`, which adds to it."""
    pipeline = (
        Pipeline("resources")
        .input("n", "u32")
        .node("passer", engine.from_text(PASSER, "passer"), run="show")
        .node("holder", engine.from_text(HOLDER, "holder"))
        .node("owner", engine.from_text(OWNER, "owner"))
        .data("inputs.n", "passer")
        .call("passer", "owner", interface=API)
        .call("holder", "owner", interface=API)
        .call("passer.take", "holder.take")
        .call("passer.peek", "holder.peek")
        .call("passer.give", "holder.give")
        .output("seen", "passer")
    )
    with staged(pipeline, engine) as stage:
        for n in (5, 7):
            went = stage.run(n=n)
            assert went.outputs == {"seen": n}
    assert went.story == [
        "run",
        "  data inputs.n -> passer",
        "  node passer",
        "    call passer -> owner (test:res/api) [constructor]counter",
        "    call passer.peek -> holder.peek peek",
        "      call holder -> owner (test:res/api) add",
    ]
