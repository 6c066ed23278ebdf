"""Nodes that are taken back: after a call, after a run, by an edge's contract, by what they broke, by hand."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    ComponentFailed,
    Contract,
    Engine,
    Grants,
    InvalidPipeline,
    OrchestratorError,
    Pipeline,
    Repeat,
    Retry,
    RevertOn,
    SnapshotError,
    Snapshots,
    Storage,
    WarmUp,
)
from orchestrator.audit.spans import attributes
from orchestrator.engine import Component, Frame
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.errors import LimitExceeded, Trapped
from orchestrator.manifest.model import Each, Limits
from orchestrator.snapshots import Store
from tests.behaviour.stories import Went, play, staged
from tests.support.parts import checker, relay
from tests.support.wasi_guests import FILES

if not HOST_MEMORY:
    pytest.skip("everything is taken back by fresh instances here", allow_module_level=True)

A, KEEP = "test:a/a", "test:keep/keep"
KEEPER = f"""(component
  (core module $m
    (memory (export "memory") 1)
    (global $sum (mut i32) (i32.const 0))
    (func $add (param i32) (result i32)
      (global.set $sum (i32.add (global.get $sum) (local.get 0)))
      (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (local.get 0)))
      (i32.add (i32.mul (i32.const 1000) (global.get $sum)) (i32.load (i32.const 4096))))
    (func (export "sum") (param i32) (result i32)
      (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
      (call $add (local.get 0)))
    (func (export "checked") (param i32) (result i32)
      (i32.store (i32.const 64) (i32.const 0))
      (i32.store (i32.const 68) (call $add (local.get 0)))
      (i32.const 64))
    (func (export "spread") (param i32) (result i32)
      (drop (memory.grow (local.get 0)))
      (memory.size)))
  (core instance $i (instantiate $m))
  (func $sum (param "n" u32) (result u32) (canon lift (core func $i "sum")))
  (func $spread (param "n" u32) (result u32) (canon lift (core func $i "spread")))
  (func $checked (param "n" u32) (result (result u32 (error string)))
    (canon lift (core func $i "checked") (memory (core memory $i "memory"))))
  (instance $out (export "sum" (func $sum)) (export "checked" (func $checked)) (export "spread" (func $spread)))
  (export "{KEEP}" (instance $out)))"""
"""Exports `KEEP`: `sum` keeps a sum in a global and in memory, and gives both, 1000 and 1 times; it traps at 666."""
CHANGES_TABLES = KEEPER.replace(
    '(memory (export "memory") 1)',
    '(memory (export "memory") 1) (table $t 2 funcref) (func $odd (table.set $t (i32.const 0) (ref.null func)))',
)
"""The same, of which nobody can tell what it did to its table."""


RESEEDS = KEEPER.replace(
    '(func (export "spread")', '(func (export "reseed") (drop (call $add (i32.const 7)))) (func (export "spread")'
).replace(
    "  (instance $out",
    '(func $reseed (canon lift (core func $i "reseed"))) (instance $again (export "reseed" (func $reseed)))'
    ' (export "agent:code/reseed@0.1.0" (instance $again)) (instance $out',
)
"""The same, which has random numbers of its own: that they begin anew is seen in its sum."""


HOLDING = """(global $held (mut i32) (i32.const -1))
    (func $first (result i32)
      (if (i32.eq (global.get $held) (i32.const -1)) (then (global.set $held (call $asked))))
      (global.get $held))
    (func $asked (result i32)"""
"""What has `FILES` ask for its folders once."""


@pytest.fixture
def keeper(engine: Engine) -> Component:
    return engine.from_text(KEEPER, "keeper")


def running(component: Component, **node: Any) -> Pipeline:
    """A pipeline that runs `sum` of one node."""
    return (
        Pipeline("running")
        .input("n", "u32")
        .node("it", component, run=f"{KEEP}.sum", **node)
        .data("inputs.n", "it")
        .output("sum", "it")
    )


def called(engine: Engine, component: Component, times: int = 3, **node: Any) -> Pipeline:
    """A pipeline whose node `a` calls `sum` of `it` so often, and gives the sum of what came."""
    return (
        Pipeline("called")
        .input("n", "u32")
        .node("a", engine.from_text(relay(A, KEEP, "sum", times), "caller"), run=f"{A}.go")
        .node("it", component, **node)
        .data("inputs.n", "a")
        .call("a", "it")
        .output("sum", "a")
    )


def reverts(went: Went) -> list[tuple[str, str, str]]:
    """What the events say of nodes that were taken back: the node, by what, and how."""
    found = [(event, event.detail or {}) for event in went.of("revert")]
    assert all(detail["took"] > 0 for _, detail in found)
    return [(event.node, event.rule, str(detail.get("by") or f"{detail['pages']} pages")) for event, detail in found]


# After a call, after a run


def test_after_each_call_nothing_is_left_of_it(engine: Engine, keeper: Component, nothing_left: None) -> None:
    with staged(called(engine, keeper, revert_after="call"), engine) as stage:
        for _ in range(3):
            went = stage.run(n=5)
            assert went.outputs == {"sum": 3 * 5005}
            assert reverts(went) == [("it", "revert-after: call", "1 pages")] * 3


def test_within_a_run_it_keeps_what_it_has(engine: Engine, keeper: Component, nothing_left: None) -> None:
    with staged(called(engine, keeper, revert_after="run"), engine) as stage:
        for _ in range(3):
            went = stage.run(n=5)
            assert went.outputs == {"sum": 5005 + 10010 + 15015}
            assert reverts(went) == [("it", "revert-after: run", "1 pages")]


def test_without_it_a_session_keeps_what_it_has(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        assert [stage.run(n=5).outputs for _ in range(3)] == [{"sum": 5005}, {"sum": 10010}, {"sum": 15015}]


def test_one_instance_serves_on(engine: Engine, keeper: Component, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.engine.linker import Linker

    made, instantiate = list[str](), Linker.instantiate

    def noted(linker: Linker, *given: Any) -> Any:
        made.append(linker.component.name)
        return instantiate(linker, *given)

    monkeypatch.setattr(Linker, "instantiate", noted)
    with staged(running(keeper, revert_after="run"), engine) as stage:
        for _ in range(5):
            assert stage.run(n=1).outputs == {"sum": 1001}
    assert made == ["keeper"]


def test_memory_that_grew_is_as_small_as_it_was(engine: Engine, keeper: Component) -> None:
    pipeline = (
        Pipeline("grows").input("n", "u32")
        .node("it", keeper, run=f"{KEEP}.spread", revert_after="run", limits=Limits(memory=5 << 16))
        .data("inputs.n", "it").output("pages", "it")
    )  # fmt: skip
    with staged(pipeline, engine) as stage:
        assert [stage.run(n=n).outputs for n in (3, 1, 4, 5, 0)] == [{"pages": n} for n in (4, 2, 5, 1, 1)]


def test_many_at_once_are_each_clean(engine: Engine, keeper: Component, nothing_left: None) -> None:
    with staged(running(keeper, revert_after="run"), engine) as stage, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: stage.linked.run(n=n).outputs["sum"], range(1, 60)))
    assert found == [1001 * n for n in range(1, 60)]


def test_each_element_has_a_clean_one(engine: Engine, keeper: Component, nothing_left: None) -> None:
    pipeline = (
        Pipeline("each").input("ns", "list<u32>").node("it", keeper, run=f"{KEEP}.sum", revert_after="run")
        .data("inputs.ns", "it", each=Each(4)).output("sums", "it")
    )  # fmt: skip
    with staged(pipeline, engine) as stage:
        for _ in range(2):
            assert stage.run(ns=list(range(20))).outputs == {"sums": [1001 * n for n in range(20)]}


def test_after_a_trap_the_next_one_is_clean(engine: Engine, keeper: Component, nothing_left: None) -> None:
    with staged(running(keeper, revert_after="run"), engine) as stage:
        assert stage.run(n=2).outputs == {"sum": 2002}
        assert isinstance(stage.run(n=666).error, Trapped)
        assert stage.run(n=3).outputs == {"sum": 3003}


def test_where_it_cannot_be_taken_back_a_fresh_one_is(engine: Engine, nothing_left: None) -> None:
    odd = engine.from_text(CHANGES_TABLES, "odd")
    assert (odd.way.name, odd.way.reason) == ("fresh", "it changes a table")
    with staged(called(engine, odd, revert_after="call"), engine) as stage:
        went = stage.run(n=5)
        assert went.outputs == {"sum": 3 * 5005}
        assert reverts(went) == []


def test_fuel_and_calls_of_the_host_are_each_life_s_own(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, revert_after="run", limits=Limits(fuel=500)), engine) as stage:
        assert [stage.run(n=1).outputs for _ in range(50)] == [{"sum": 1001}] * 50


@pytest.mark.parametrize("lasting", [{"revert_after": "run"}, {"revert_after": "call"}, {"snapshot": Snapshots()}])
def test_random_numbers_of_a_guest_s_own_begin_anew(engine: Engine, lasting: dict[str, Any]) -> None:
    """Where nobody may foretell them: else a guest that is taken back draws the same ones again."""
    reseeds = engine.from_text(RESEEDS, "reseeds")
    for grants, given in ((Grants(random="secure"), 8008), (Grants(random="seeded"), 1001)):
        with staged(running(reseeds, grants=grants, **lasting), engine) as stage:
            assert [stage.run(n=1).outputs for _ in range(3)] == [{"sum": given}] * 3


def test_a_guest_with_secure_numbers_that_cannot_begin_anew_is_not_taken_back(
    engine: Engine, keeper: Component
) -> None:
    with staged(running(keeper, grants=Grants(random="secure"), revert_after="run"), engine) as stage:
        for _ in range(2):
            went = stage.run(n=1)
            assert (went.outputs, reverts(went)) == ({"sum": 1001}, [])


# The warm-up


def test_what_a_warm_up_settles_is_there(engine: Engine, keeper: Component) -> None:
    warm = Snapshots(WarmUp(f"{KEEP}.sum", {"n": 7}))
    for lasting in ({"revert_after": "run"}, {"revert_after": "call"}, {"lifetime": "run"}):
        with staged(running(keeper, snapshot=warm, **lasting), engine) as stage:
            assert [stage.run(n=1).outputs for _ in range(3)] == [{"sum": 8008}] * 3


def test_handles_that_a_warm_up_takes_are_each_instance_s_own(
    engine: Engine, tmp_path: Path, nothing_left: None
) -> None:
    """A guest takes them once and holds them; without the warm-up it would have others after its first call."""
    holds = engine.from_text(FILES.replace("(func $first (result i32)", HOLDING), "holds")
    pipeline = (
        Pipeline("held").input("path", "string")
        .node("it", holds, run="unlink", grants=Grants(storage=(Storage(str(tmp_path), "/d"),)), revert_after="call",
              snapshot=Snapshots(WarmUp("unlink", {"path": "none"})), repeat=Repeat("false", max=4, at_max="accept"))
        .data("inputs.path", "it").output("said", "it")
    )  # fmt: skip
    with staged(pipeline, engine) as stage:
        for _ in range(2):
            went = stage.run(path="a")
            assert went.error is None
            assert [way.endswith(" pages") for _, _, way in reverts(went)] == [True] * 4
        clean = stage.linked.node("it")._home.clean
        assert clean is not None
        assert clean.after_init is not None
        assert not clean.after_init.portable
        assert clean._idle == [], "its folders were opened for the run"


def test_a_warm_up_that_traps_says_so(engine: Engine, keeper: Component) -> None:
    went = play(running(keeper, snapshot=Snapshots(WarmUp(f"{KEEP}.sum", {"n": 666}))), engine, n=1)
    assert isinstance(went.error, Trapped)
    assert went.error.node == "it"
    assert went.error.causes[-1] == "in the warm-up of the node, before it was called"


def test_an_edge_that_could_take_nothing_back_is_refused(engine: Engine, keeper: Component) -> None:
    contract = Contract(max_bytes=10, on_violation="revert")
    pipeline = (
        Pipeline("p").input("n", "u32").node("one", python=lambda n: n).node("it", keeper, run=f"{KEEP}.sum")
        .data("inputs.n", "one", contract=contract).data("one", "it", contract=contract).output("sum", "it")
    )  # fmt: skip
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    said = [problem.message for problem in caught.value.diagnostics if problem.code == "contract-rule"]
    nothing = "`on-violation: revert` on the edge `{}` takes nothing back: {}"
    assert said == [
        nothing.format("inputs.n -> one", "the value is an input of the pipeline"),
        nothing.format("one -> it", "the node `one` is a Python function"),
    ]


def test_a_warm_up_reaches_no_edge(engine: Engine, keeper: Component) -> None:
    pipeline = (
        Pipeline("p").input("n", "u32")
        .node("a", engine.from_text(relay(A, KEEP, "sum"), "caller"), run=f"{A}.go",
              snapshot=Snapshots(WarmUp(f"{A}.go", {"n": 1})))
        .node("it", keeper).data("inputs.n", "a").call("a", "it").output("sum", "a")
    )  # fmt: skip
    went = play(pipeline, engine, n=1)
    assert isinstance(went.error, Trapped)
    assert went.message == "a component cannot call over an edge while no run is going on"


@pytest.mark.parametrize(
    ("warm", "said"),
    [
        (WarmUp("test:keep/keep.nothing", {}), "error[unknown-export]: `it` exports no function"),
        (WarmUp(f"{KEEP}.sum", {}), "error[missing-parameter]: the parameter `n` of the warm-up of `it` has no value"),
        (WarmUp(f"{KEEP}.sum", {"n": 1, "m": 2}), "error[unknown-parameter]: `test:keep/keep.sum` of `it` has no"),
        (WarmUp(f"{KEEP}.sum", {"n": "one"}), "error[argument]: the constant for `n` of the warm-up of `it` does not"),
    ],
)
def test_a_warm_up_is_checked_when_it_is_linked(engine: Engine, keeper: Component, warm: WarmUp, said: str) -> None:
    with pytest.raises(InvalidPipeline) as refused:
        running(keeper, snapshot=Snapshots(warm)).link(engine)
    assert said in str(refused.value)


def test_a_call_s_instance_sees_no_run_s_end(engine: Engine, keeper: Component) -> None:
    with pytest.raises(InvalidPipeline, match="what serves one call sees no run's end"):
        running(keeper, lifetime="call", revert_after="run").link(engine)


# By an edge's contract


def guarded(engine: Engine, keeper: Component, contract: Contract, **node: Any) -> Pipeline:
    """A pipeline whose node `a` hands on what `checked` of a node gives, which outlives runs."""
    return (
        Pipeline("guarded")
        .input("n", "u32")
        .node("a", engine.from_text(checker(A, KEEP), "caller"), run=f"{A}.checked")
        .node("it", keeper, lifetime="session", **node)
        .data("inputs.n", "a")
        .call("a", "it", contract=contract)
        .output("sum", "a")
    )


def test_a_violation_takes_back_the_node_that_was_called(engine: Engine, keeper: Component, nothing_left: None) -> None:
    """The second answer breaks the rule: the caller is told, and the sum begins anew."""
    contract = Contract(ensure=("result.ok < 9000u",), on_violation="revert")
    with staged(guarded(engine, keeper, contract), engine) as stage:
        assert stage.run(n=5).outputs == {"sum": 5005}
        went = stage.run(n=5)
        assert isinstance(went.error, ComponentFailed)
        assert went.error.value == "ensure: `result.ok < 9000u` does not hold"
        assert reverts(went) == [("it", "on-violation: revert, ensure", "2 pages")]
        assert attributes(went.of("revert")[0])["wasm.revert.pages"] == 2
        assert [call.decision for call in went.of("call")] == ["denied"]
        assert stage.run(n=5).outputs == {"sum": 5005}


def test_what_a_caller_may_not_ask_takes_back_the_node_that_it_asked(engine: Engine, keeper: Component) -> None:
    contract = Contract(require=("args.n < 6u",), on_violation="revert")
    with staged(guarded(engine, keeper, contract), engine) as stage:
        assert [stage.run(n=n).outputs for n in (5, 5, 6, 5)] == [{"sum": 5005}, {"sum": 10010}, None, {"sum": 5005}]


def test_a_value_that_breaks_a_rule_takes_back_the_node_that_gave_it(engine: Engine, keeper: Component) -> None:
    pipeline = (
        Pipeline("given").input("n", "u32")
        .node("it", keeper, run=f"{KEEP}.sum", lifetime="session")
        .node("b", engine.from_text(KEEPER, "other"), run=f"{KEEP}.sum")
        .data("inputs.n", "it").data("it", "b.n", contract=Contract(require=("value < 9000u",), on_violation="revert"))
        .output("sum", "it").output("other", "b")
    )  # fmt: skip
    with staged(pipeline, engine) as stage:
        assert stage.run(n=5).outputs == {"sum": 5005, "other": 5005 * 1001}
        went = stage.run(n=5)
        assert went.outputs == {"sum": 10010, "other": None}
        assert reverts(went) == [("it", "on-violation: revert, require", "1 pages")]
        assert stage.run(n=5).outputs == {"sum": 5005, "other": 5005 * 1001}


def test_where_it_cannot_be_taken_back_a_violation_ends_the_instance(engine: Engine) -> None:
    contract = Contract(ensure=("result.ok < 9000u",), on_violation="revert")
    with staged(guarded(engine, engine.from_text(CHANGES_TABLES, "odd"), contract), engine) as stage:
        assert stage.run(n=5).outputs == {"sum": 5005}
        went = stage.run(n=5)
        assert reverts(went) == [("it", "on-violation: revert, ensure", "a fresh instance")]
        assert stage.run(n=5).outputs == {"sum": 5005}


# By what it broke, and was denied


def test_so_many_violations_of_its_own_take_a_node_back(engine: Engine, keeper: Component) -> None:
    contract = Contract(ensure=("result.ok < 9000u",), on_violation="deny")
    with staged(guarded(engine, keeper, contract, revert_on=RevertOn(violations=1)), engine) as stage:
        assert [stage.run(n=n).outputs for n in (5, 5)] == [{"sum": 5005}, None]
        went = stage.run(n=5)
        assert went.outputs == {"sum": 5005}
    with staged(guarded(engine, keeper, contract, revert_on=RevertOn(violations=2)), engine) as stage:
        assert [stage.run(n=n).outputs for n in (5, 5, 5)] == [{"sum": 5005}, None, None]


def test_what_a_node_asks_and_may_not_counts_against_it_alone(engine: Engine, keeper: Component) -> None:
    contract = Contract(require=("args.n < 6u",), on_violation="deny")
    with staged(guarded(engine, keeper, contract, revert_on=RevertOn(violations=1)), engine) as stage:
        assert [stage.run(n=n).outputs for n in (5, 6, 5)] == [{"sum": 5005}, None, {"sum": 10010}]


def test_a_guest_that_is_denied_too_often_ends_and_a_clean_one_takes_its_place(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    grants = Grants(storage=(Storage(str(tmp_path), "/d"),))
    pipeline = (
        Pipeline("denied").input("path", "string")
        .node("it", engine.from_text(FILES, "files"), run="unlink", grants=grants,
              revert_on=RevertOn(denials=3), repeat=Repeat("value == 0u", max=5, at_max="accept"),
              retry=Retry(1))
        .data("inputs.path", "it").output("said", "it")
    )  # fmt: skip
    went = play(pipeline, engine, path="kept.txt")
    assert isinstance(went.error, LimitExceeded)
    assert (went.message, went.error.limit) == (
        "the guest was denied 3 uses of powers, as many as have it taken back", "denials",
    )  # fmt: skip
    assert len([event for event in went.of("access") if event.decision == "denied"]) == 6, "three in each of two tries"
    assert reverts(went) == [("it", "the instance ended: LimitExceeded", "a fresh instance")] * 2
    assert (tmp_path / "kept.txt").exists()


# By hand


def test_a_state_of_a_session_is_kept_and_gone_back_to(engine: Engine, keeper: Component, nothing_left: None) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        node = stage.linked.node("it")
        assert (node.way, node.snapshots) == ("instrumented", ())
        with pytest.raises(OrchestratorError, match="node `it` has no instance: it gets one when it is first used"):
            node.snapshot("none")
        stage.run(n=1)
        node.snapshot("one")
        stage.run(n=2)
        node.snapshot("three")
        assert stage.run(n=4).outputs == {"sum": 7007}
        assert node.snapshots == ("after-init", "one", "three")
        assert node.revert("three")
        assert stage.run(n=1).outputs == {"sum": 4004}
        assert node.revert("one")
        assert stage.run(n=1).outputs == {"sum": 2002}
        assert node.revert()
        assert stage.run(n=1).outputs == {"sum": 1001}
        node.forget("one")
        with pytest.raises(OrchestratorError, match="no state `one` is kept; there are: `after-init`, `three`"):
            node.revert("one")


def test_after_a_trap_a_state_is_put_on_a_fresh_instance(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        stage.run(n=5)
        node = stage.linked.node("it")
        node.snapshot("five")
        assert isinstance(stage.run(n=666).error, Trapped)
        assert node.revert("five") is None
        assert stage.run(n=1).outputs == {"sum": 6006}


def test_a_state_goes_to_a_disk_and_back(engine: Engine, keeper: Component, tmp_path: Path) -> None:
    file = tmp_path / "five.state"
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        stage.run(n=5)
        node = stage.linked.node("it")
        node.snapshot("five")
        node.save("five", file)
        with pytest.raises(OrchestratorError, match="no state `six` is kept"):
            node.save("six", file)
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        node = stage.linked.node("it")
        node.load(file, "brought")
        assert node.revert("brought") is None
        assert stage.run(n=1).outputs == {"sum": 6006}
        stage.run(n=1)
        assert node.revert("brought")
        assert stage.run(n=2).outputs == {"sum": 7007}
    other = engine.from_text(KEEPER.replace('"spread"', '"sprawl"'), "other")
    with staged(running(other, lifetime="session", snapshot=Snapshots()), engine) as stage:
        with pytest.raises(SnapshotError, match="it is of the component sha256:"):
            stage.linked.node("it").load(file, "brought")
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(SnapshotError):
            stage.linked.node("it").load(file, "brought")


def test_states_share_what_did_not_change(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots()), engine) as stage:
        node = stage.linked.node("it")
        stage.run(n=1)
        for name in "abc":
            node.snapshot(name)
        clean = node._home.clean
        assert clean is not None
        pages = [clean.named[name].pages[0] for name in "abc"]
        assert [len(each) for each in pages] == [1, 1, 1]
        assert len({id(each[1]) for each in pages}) == 1


def test_the_states_after_steps_are_kept(engine: Engine, keeper: Component) -> None:
    four = Repeat("false", max=4, at_max="accept")
    pipeline = running(keeper, lifetime="session", snapshot=Snapshots(steps=2), repeat=four)
    with staged(pipeline, engine) as stage:
        assert stage.run(n=1).outputs == {"sum": 4004}
        node = stage.linked.node("it")
        assert node.snapshots == ("after-init", "step-3", "step-4")
        node.revert("step-3")
        assert stage.run(n=1).outputs == {"sum": 7007}


def test_the_steps_of_runs_that_go_on_at_once_are_those_of_one(engine: Engine, keeper: Component) -> None:
    four = Repeat("false", max=4, at_max="accept")
    pipeline = running(keeper, lifetime="session", snapshot=Snapshots(steps=2), repeat=four)
    with staged(pipeline, engine) as stage, ThreadPoolExecutor(8) as pool:
        node = stage.linked.node("it")
        runs = [pool.submit(stage.linked.run, n=1) for _ in range(100)]
        while not all(run.done() for run in runs):
            assert len(node.snapshots) <= 3
            time.sleep(0.001)
        assert all(run.exception() is None for run in runs)
        stage.run(n=1)
        assert node.snapshots == ("after-init", "step-3", "step-4")


def test_a_run_keeps_no_step_once_another_one_has_begun_with_them(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots(steps=9)), engine) as stage:
        stage.run(n=1)
        home = stage.linked.node("it")._home
        clean, kept, one, other = home.clean, home._session, object(), object()
        assert clean is not None
        assert kept is not None
        with kept.entered(Frame()):
            for number, run in ((1, one), (2, one), (1, other), (3, one), (2, other), (4, one)):
                clean.step(kept, number, run)
        assert clean.names() == ("after-init", "step-1", "step-2")


def test_the_steps_of_elements_that_run_at_once(engine: Engine, keeper: Component, nothing_left: None) -> None:
    pipeline = (
        Pipeline("each").input("ns", "list<u32>")
        .node("it", keeper, run=f"{KEEP}.sum", lifetime="session", snapshot=Snapshots(steps=2))
        .data("inputs.ns", "it", each=Each(8)).output("sums", "it")
    )  # fmt: skip
    with staged(pipeline, engine) as stage, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stage.linked.run(ns=list(range(16))).outputs["sums"], range(60)))
        assert found == [[1001 * n for n in range(16)]] * 60
        assert len(stage.linked.node("it").snapshots) <= 3


def test_only_the_states_after_steps_are_given_up_by_them(engine: Engine, keeper: Component) -> None:
    with staged(running(keeper, lifetime="session", snapshot=Snapshots(steps=1)), engine) as stage:
        node = stage.linked.node("it")
        stage.run(n=1)
        for name in ("step-back", "step-01"):
            node.snapshot(name)
        stage.run(n=1)
        assert node.snapshots == ("after-init", "step-back", "step-01", "step-1")
        for name in ("step-1", "step-77", "after-init"):
            with pytest.raises(OrchestratorError) as refused:
                node.snapshot(name)
            assert str(refused.value) == (
                f"`{name}` is a name of the states that the engine keeps itself: choose another"
            )


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({}, "node `it` has no instance between runs: give it `lifetime: session`"),
        ({"lifetime": "session"}, "no state of node `it` is kept: give it `snapshot: {}`"),
    ],
)
def test_a_node_of_which_no_state_is_kept_says_what_to_do(
    engine: Engine, keeper: Component, node: dict[str, Any], said: str
) -> None:
    with staged(running(keeper, **node), engine) as stage:
        stage.run(n=1)
        with pytest.raises(OrchestratorError) as refused:
            stage.linked.node("it").snapshot("x")
        assert str(refused.value) == said
        with pytest.raises(OrchestratorError) as refused:
            stage.linked.node("it").revert()
        assert str(refused.value) == said
        with pytest.raises(OrchestratorError, match="there is no node `no` with instances; those with some: it"):
            stage.linked.node("no")
        with pytest.raises(TypeError, match="the name of a node is a text, not of type int"):
            stage.linked.node(3)  # type: ignore[arg-type]


# What it was taken back from


def test_a_dirty_state_is_kept_with_what_was_called(
    engine: Engine, keeper: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "kept"))
    contract = Contract(ensure=("result.ok < 9000u",), on_violation="revert")
    with staged(guarded(engine, keeper, contract, snapshot=Snapshots(quarantine=1)), engine) as stage:
        stage.run(n=5)
        went = stage.run(n=5)
        again = stage.run(n=8)
    (entry,), problems = Store().entries()
    assert problems == []
    assert (entry.about.node, entry.about.pipeline) == ("it", "guarded")
    assert (entry.about.reason, entry.about.calls) == ("on-violation: revert, ensure", (f"{KEEP}.checked",))
    assert went.result is None
    assert entry.about.trace == went.events[0].run
    assert (went.of("revert")[0].detail or {})["kept"] == entry.id
    held = {(memory, page): data for memory, page, data in entry.state.pages()}
    assert held[0, 1][:4] == (10).to_bytes(4, "little"), "the sum, at 4096"
    assert again.outputs == {"sum": 8008}


def test_no_more_states_are_kept_of_a_run_than_are_asked_for(
    engine: Engine, keeper: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "kept"))
    pipeline = running(keeper, retry=Retry(4), snapshot=Snapshots(quarantine=2))
    went = play(pipeline, engine, n=666)
    assert isinstance(went.error, Trapped)
    assert reverts(went) == [("it", "the instance ended: Trapped", "a fresh instance")] * 5
    assert len(Store().entries()[0]) == 2


def test_a_folder_that_cannot_be_written_ends_no_run(
    engine: Engine, keeper: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "file"))
    contract = Contract(ensure=("result.ok < 4000u",), on_violation="revert")
    went = play(guarded(engine, keeper, contract, snapshot=Snapshots(quarantine=1)), engine, n=5)
    (event,) = went.of("revert")
    assert str((event.detail or {})["not-kept"]).startswith("cannot use the folder of snapshots")
