"""Dirty states that are kept, and the events that tell of them: whatever took back or ended a node, and whichever."""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    Cancelled,
    Contract,
    Engine,
    Grants,
    OrchestratorError,
    Pipeline,
    Repeat,
    Retry,
    RevertOn,
    RunError,
    Snapshots,
    Storage,
)
from orchestrator.audit import Event
from orchestrator.engine import Component, Instance
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.engine.saved import read
from orchestrator.errors import SnapshotError
from orchestrator.manifest.model import Each, Limits
from orchestrator.runtime import quarantine
from orchestrator.snapshots import Entry, Store
from tests.behaviour.stories import Went, play, staged
from tests.support.keeping import rewritten
from tests.support.parts import checker, relay
from tests.support.wasi_guests import FILES

if not HOST_MEMORY:
    pytest.skip("no memory can be looked at here", allow_module_level=True)

A, DIRTY = "test:a/a", "test:dirty/dirty"
AT = 4096
"""Where the guest writes what it is given, before anything else."""
GUEST = f"""(component
  (core module $m
    (memory (export "memory") 1)
    (func $keep (param i32) (i32.store (i32.const {AT}) (local.get 0)))
    (func (export "do") (param i32) (result i32)
      (call $keep (local.get 0))
      (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
      (if (i32.eq (local.get 0) (i32.const 667)) (then (loop $on (br $on))))
      (local.get 0))
    (func (export "checked") (param i32) (result i32)
      (call $keep (local.get 0))
      (i32.store (i32.const 64) (i32.const 0))
      (i32.store (i32.const 68) (local.get 0))
      (i32.const 64)))
  (core instance $i (instantiate $m))
  (func $do (param "n" u32) (result u32) (canon lift (core func $i "do")))
  (func $checked (param "n" u32) (result (result u32 (error string)))
    (canon lift (core func $i "checked") (memory (core memory $i "memory"))))
  (instance $out (export "do" (func $do)) (export "checked" (func $checked)))
  (export "{DIRTY}" (instance $out)))"""
"""Writes down what it is given; traps at 666, and goes on for ever at 667."""
CHANGES_TABLES = GUEST.replace(
    '(memory (export "memory") 1)',
    '(memory (export "memory") 1) (table $t 2 funcref) (func $odd (table.set $t (i32.const 0) (ref.null func)))',
)
"""The same, which can only be followed by a fresh one."""
LIVES: dict[str, dict[str, Any]] = {
    "run": {},
    "call": {"lifetime": "call"},
    "session": {"lifetime": "session"},
    "reverted after a run": {"revert_after": "run"},
    "reverted after a call": {"revert_after": "call"},
}
lives = pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where states are kept."""
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture(params=[GUEST, CHANGES_TABLES], ids=["taken back", "fresh"])
def guest(engine: Engine, request: pytest.FixtureRequest) -> Component:
    return engine.from_text(request.param, "guest")


def alone(component: Component, **node: Any) -> Pipeline:
    """A pipeline that runs `do` of the node `it`."""
    node.setdefault("snapshot", Snapshots(quarantine=3))
    return (
        Pipeline("alone").input("n", "u32").node("it", component, run=f"{DIRTY}.do", **node)
        .data("inputs.n", "it").output("n", "it")
    )  # fmt: skip


def asked(engine: Engine, component: Component, contract: Contract, caller: dict[str, Any], **node: Any) -> Pipeline:
    """A pipeline whose node `a` hands on what `checked` of `it` gives."""
    return (
        Pipeline("asked").input("n", "u32")
        .node("a", engine.from_text(checker(A, DIRTY), "caller"), run=f"{A}.checked", **caller)
        .node("it", component, **node)
        .data("inputs.n", "a").call("a", "it", contract=contract).output("n", "a")
    )  # fmt: skip


def reverts(went: Went, of: str = "it") -> list[tuple[str, bool]]:
    """By what a node was taken back in a run, and whether the state that it was in was kept."""
    return [(event.rule, "kept" in (event.detail or {})) for event in went.of("revert") if event.node == of]


def kept(event: Event) -> Entry:
    """The state that an event names."""
    return Store().open((event.detail or {})["kept"])


def written(entry: Entry) -> int:
    """What the guest had written down in a state."""
    pages = {page: data for memory, page, data in entry.state.pages() if memory == 0}
    return int.from_bytes(pages[AT // 4096][:4], "little")


def only(went: Went, of: str = "it") -> Entry:
    """The one state that was kept of a node in a run, whose trace it names."""
    (event,) = (event for event in went.of("revert") if event.node == of and "kept" in (event.detail or {}))
    entry = kept(event)
    assert (entry.about.trace, entry.about.reason, entry.about.node) == (event.run, event.rule, of)
    return entry


# An instance that ends


@lives
@pytest.mark.parametrize(
    ("n", "limits", "why"),
    [
        (666, Limits(), "Trapped"),
        (667, Limits(fuel=100_000), "LimitExceeded"),
        (667, Limits(timeout=0.2), "TimedOut"),
    ],
    ids=["trap", "fuel", "timeout"],
)
def test_a_guest_that_ends_its_run(
    guest: Component, engine: Engine, life: dict[str, Any], n: int, limits: Limits, why: str, nothing_left: None
) -> None:
    with staged(alone(guest, limits=limits, **life), engine) as stage:
        went = stage.run(n=n)
        assert type(went.error).__name__ == why
        assert reverts(went) == [(f"the instance ended: {why}", True)]
        assert written(only(went)) == n
        assert (only(went).about.calls, only(went).about.snapshot) == ((f"{DIRTY}.do",), "after-init")
        assert stage.run(n=5).outputs == {"n": 5}


def test_a_run_whose_own_time_is_up(engine: Engine) -> None:
    with staged(alone(engine.from_text(GUEST)), engine) as stage:
        with pytest.raises(RunError, match="the run took longer than its timeout"):
            stage.linked.run(n=667, timeout=0.2)
        (event,) = (event for event in stage.events if event.kind == "revert")
        assert (event.rule, written(kept(event))) == ("the instance ended: TimedOut", 667)
        assert stage.events[-1].kind == "run"


@lives
def test_a_guest_that_is_tried_again(guest: Component, engine: Engine, life: dict[str, Any]) -> None:
    went = play(alone(guest, retry=Retry(2), **life), engine, n=666)
    assert reverts(went) == [("the instance ended: Trapped", True)] * 3
    assert [written(kept(event)) for event in went.of("revert")] == [666] * 3
    assert [kept(event).about.calls for event in went.of("revert")] == [(f"{DIRTY}.do",)] * 3


@lives
def test_a_guest_that_is_called(guest: Component, engine: Engine, life: dict[str, Any]) -> None:
    """With it ends the one that called it, of which nothing is kept that was not asked for."""
    pipeline = (
        Pipeline("called").input("n", "u32")
        .node("a", engine.from_text(relay(A, DIRTY, "do"), "caller"), run=f"{A}.go", snapshot=Snapshots())
        .node("it", guest, snapshot=Snapshots(quarantine=1), **life)
        .data("inputs.n", "a").call("a", "it").output("n", "a")
    )  # fmt: skip
    went = play(pipeline, engine, n=666)
    assert reverts(went) == [("the instance ended: Trapped", True)]
    assert reverts(went, "a") == [("the instance ended: Trapped", False)]
    assert written(only(went)) == 666
    (call,) = went.of("call")
    assert next(event for event in went.of("revert") if event.node == "it").parent == call.span


@lives
def test_a_guest_that_is_denied_too_often(engine: Engine, tmp_path: Path, life: dict[str, Any]) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    pipeline = (
        Pipeline("denied").input("path", "string")
        .node("it", engine.from_text(FILES, "files"), run="unlink", revert_on=RevertOn(denials=1),
              grants=Grants(storage=(Storage(str(tmp_path), "/d"),)), snapshot=Snapshots(quarantine=1), **life)
        .data("inputs.path", "it").output("said", "it")
    )  # fmt: skip
    went = play(pipeline, engine, path="kept.txt")
    assert reverts(went) == [("the instance ended: LimitExceeded", True)]
    assert any(b"kept.txt" in data for _, _, data in only(went).state.pages())


def test_one_of_many_elements(guest: Component, engine: Engine) -> None:
    pipeline = (
        Pipeline("each").input("ns", "list<u32>")
        .node("it", guest, run=f"{DIRTY}.do", snapshot=Snapshots(quarantine=1), revert_after="run")
        .data("inputs.ns", "it", each=Each(1)).output("ns", "it")
    )  # fmt: skip
    went = play(pipeline, engine, ns=[1, 2, 666, 4])
    assert written(only(went)) == 666
    found = reverts(went)
    assert found[-1] == ("the instance ended: Trapped", True)
    assert found[:-1] == ([("revert-after: run", False)] * 2 if guest.way.name == "proven" else [])


def test_a_run_that_is_cancelled_did_nothing_that_is_kept(engine: Engine) -> None:
    """A session is followed by a fresh instance, which is told; others end with every run."""
    for life, told in ((LIVES["session"], [("the instance ended: Cancelled", False)]), (LIVES["run"], [])):
        with staged(alone(engine.from_text(GUEST), **life), engine) as stage:
            execution = stage.linked.start(n=667)
            while not any(event.kind == "start" and event.node for event in stage.events):
                pass
            execution.cancel()
            with pytest.raises(Cancelled):
                execution.result(60)
            assert [(e.rule, "kept" in (e.detail or {})) for e in stage.events if e.kind == "revert"] == told
    assert Store().entries() == ([], [])


@pytest.mark.parametrize(("life", "calls"), [("session", 3), ("call", 1)])
def test_the_calls_that_are_named_came_after_the_last_revert(engine: Engine, life: str, calls: int) -> None:
    node: dict[str, Any] = {"lifetime": "session"} if life == "session" else {"revert_after": "call"}
    pipeline = (
        Pipeline("asked").input("ns", "list<u32>")
        .node("a", engine.from_text(checker(A, DIRTY), "caller"), run=f"{A}.checked")
        .node("it", engine.from_text(GUEST), snapshot=Snapshots(quarantine=1), **node)
        .data("inputs.ns", "a", each=Each(1))
        .call("a", "it", contract=Contract(ensure=("result.ok < 9u",), on_violation="revert")).output("n", "a")
    )  # fmt: skip
    went = play(pipeline, engine, ns=[5, 5, 10])
    assert only(went).about.calls == (f"{DIRTY}.checked",) * calls


# A contract that is broken


@lives
@pytest.mark.parametrize("by_count", [False, True], ids=["on-violation", "revert-on"])
def test_a_node_whose_answer_breaks_a_contract(
    guest: Component, engine: Engine, life: dict[str, Any], by_count: bool, nothing_left: None
) -> None:
    contract = Contract(ensure=("result.ok < 9u",), on_violation="deny" if by_count else "revert")
    on = {"revert_on": RevertOn(violations=1)} if by_count else {}
    pipeline = asked(engine, guest, contract, {}, snapshot=Snapshots(quarantine=1), **life, **on)
    rule = "revert-on: violations 1" if by_count else "on-violation: revert, ensure"
    with staged(pipeline, engine) as stage:
        went = stage.run(n=10)
        assert [one for one in reverts(went) if not one[0].startswith("revert-after: run")] == [(rule, True)]
        assert written(only(went)) == 10
        assert only(went).about.calls == (f"{DIRTY}.checked",)
        for _ in range(3):
            well = stage.run(n=5)
            assert well.outputs == {"n": 5}
            after = life.get("revert_after") if guest.way.name == "proven" else None
            assert reverts(well) == ([] if after is None else [(f"revert-after: {after}", False)])


def test_a_node_is_taken_back_once_for_one_violation(guest: Component, engine: Engine) -> None:
    """Though both the edge and the node ask for it."""
    contract = Contract(ensure=("result.ok < 9u",), on_violation="revert")
    more = {"snapshot": Snapshots(quarantine=3), "revert_on": RevertOn(violations=1), "lifetime": "session"}
    with staged(asked(engine, guest, contract, {}, **more), engine) as stage:
        assert [reverts(stage.run(n=10)) for _ in range(2)] == [[("on-violation: revert, ensure", True)]] * 2


@lives
def test_a_node_that_asks_what_it_may_not(engine: Engine, life: dict[str, Any], nothing_left: None) -> None:
    contract = Contract(require=("args.n < 9u",), on_violation="deny")
    caller = {"revert_on": RevertOn(violations=1), "snapshot": Snapshots(quarantine=1), **life}
    with staged(asked(engine, engine.from_text(GUEST), contract, caller), engine) as stage:
        went = stage.run(n=10)
        found = [one for one in reverts(went, "a") if not one[0].startswith("revert-after: run")]
        assert found == [("revert-on: violations 1", True)]
        assert any(b"require: `args.n < 9u` does not hold" in data for _, _, data in only(went, "a").state.pages())
        assert stage.run(n=5).outputs == {"n": 5}


def test_an_instance_that_served_a_judged_call_serves_one_at_a_time(engine: Engine, nothing_left: None) -> None:
    """What is dismissed late is dismissed once: else two runs would get the same."""
    contract = Contract(ensure=("result.ok < 9u",), on_violation="revert", timeout=60)
    pipeline = asked(engine, engine.from_text(GUEST), contract, {}, revert_after="call")
    with staged(pipeline, engine) as stage, ThreadPoolExecutor(4) as pool:

        def gives(n: int) -> int | None:
            try:
                return int(stage.linked.run(n=n).outputs["n"])
            except OrchestratorError:
                return None

        found = list(pool.map(gives, [*range(12)] * 10))
        clean = stage.linked.node("it")._home.clean
        assert clean is not None
        idle = [instance for _, instance in clean._idle]
        assert 0 < len(set(idle)) == len(idle)
    assert found == [n if n < 9 else None for n in range(12)] * 10


def test_a_node_that_is_tainted_twice_is_taken_back_once(engine: Engine) -> None:
    contract = Contract(require=("args.n < 9u",), on_violation="deny")
    pipeline = (
        Pipeline("twice").input("n", "u32")
        .node("a", engine.from_text(checker(A, DIRTY), "caller"), run=f"{A}.checked", lifetime="session",
              revert_on=RevertOn(violations=1), repeat=Repeat("false", max=2, at_max="accept"))
        .node("it", engine.from_text(GUEST))
        .data("inputs.n", "a").call("a", "it", contract=contract).output("n", "a")
    )  # fmt: skip
    with staged(pipeline, engine) as stage:
        stage.run(n=5)
        node = stage.linked.node("a")
        instance = node._home._session
        assert instance is not None
        assert instance.left is None
        went = stage.run(n=10)
        assert reverts(went, "a") == [("revert-on: violations 1", False)]
        assert instance.left is None


def test_what_goes_wrong_while_it_is_taken_back_gives_the_turn_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.runtime.ready import Ready

    contract = Contract(require=("args.n < 9u",), on_violation="deny")
    caller: dict[str, Any] = {"lifetime": "session", "revert_on": RevertOn(violations=1)}
    for problem in (MemoryError, KeyError):
        with staged(asked(engine, engine.from_text(GUEST), contract, caller), engine) as stage:
            stage.run(n=5)
            with monkeypatch.context() as patch:
                patch.setattr(Ready, "back", _raising(problem("no")))
                went = stage.run(n=10)
            assert (went.error is not None, len(reverts(went, "a"))) == (True, problem is MemoryError)
            assert stage.run(n=6).outputs == {"n": 6}, "the instance was left, and another one serves"


def _raising(problem: BaseException) -> Any:
    def fails(*_: Any) -> None:
        raise problem

    return fails


def test_denials_are_counted_by_many_threads_at_once(engine: Engine) -> None:
    from orchestrator.errors import LimitExceeded
    from orchestrator.runtime.run import Run

    with staged(alone(engine.from_text(GUEST), revert_on=RevertOn(denials=10)), engine) as stage:
        run, due = Run(stage.linked._program, {"n": 1}), list[str]()
        run.misdeeds = Slow()

        def denied(_: int) -> None:
            try:
                run.denied("it")
            except LimitExceeded as problem:
                due.append(problem.limit)

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(denied, range(40)))
    assert due == ["denials"] * 4


class Slow(dict[tuple[str, str], int]):
    """Lets another thread come between a look and what is done with it."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        threading.Event().wait(0.01)
        return found


# By hand


def test_a_node_that_is_taken_back_by_hand(guest: Component, engine: Engine) -> None:
    with staged(alone(guest, lifetime="session", snapshot=Snapshots(quarantine=2)), engine) as stage:
        stage.run(n=7)
        node, before = stage.linked.node("it"), len(stage.events)
        assert (node.revert() is None) == (guest.way.name == "fresh")
        begun, event, ended = stage.events[before:]
        assert (begun.kind, event.kind, ended.kind, ended.decision) == ("start", "revert", "run", "allowed")
        assert (event.node, event.rule, written(kept(event))) == ("it", "by hand: after-init", 7)
        assert kept(event).about.trace == event.run == begun.run == ended.run
        assert stage.run(n=8).outputs == {"n": 8}
        if guest.way.name == "proven":
            node.snapshot("eight")
            stage.run(n=9)
            node.revert("eight")
            event = stage.events[-2]
            assert (event.rule, kept(event).about.snapshot, written(kept(event))) == ("by hand: eight", "eight", 9)


def test_a_node_that_cannot_be_taken_back_is_followed_by_a_fresh_one(engine: Engine, nothing_left: None) -> None:
    keeps = CHANGES_TABLES.replace(
        "(call $keep (local.get 0))\n      (if",
        f"(call $keep (i32.add (i32.load (i32.const {AT})) (local.get 0)))\n (if",
    ).replace(
        '(local.get 0))\n    (func (export "checked")', f'(i32.load (i32.const {AT})))\n (func (export "checked")'
    )
    with staged(alone(engine.from_text(keeps), lifetime="session"), engine) as stage:
        node = stage.linked.node("it")
        assert (node.way, node.revert()) == ("fresh", None), "it has not run yet"
        assert [stage.run(n=5).outputs for _ in range(2)] == [{"n": 5}, {"n": 10}]
        assert node.revert() is None
        assert [stage.run(n=5).outputs for _ in range(2)] == [{"n": 5}, {"n": 10}]
        with pytest.raises(OrchestratorError, match="no state `other` is kept; there are: none"):
            node.revert("other")
        assert stage.run(n=5).outputs == {"n": 15}


# Writing


def test_all_states_are_kept_however_quickly_they_come(engine: Engine) -> None:
    count = quarantine.MOST_WAITING * 3
    went = play(
        alone(engine.from_text(GUEST), retry=Retry(count - 1), snapshot=Snapshots(quarantine=count)), engine, n=666
    )
    assert reverts(went) == [("the instance ended: Trapped", True)] * count
    assert len(Store().entries()[0]) == count


def test_nobody_waits_for_the_disk_in_an_instance(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others hold the folder a run goes on, calls the node again, and ends when its state is written."""
    folder.mkdir()
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with staged(alone(engine.from_text(GUEST), lifetime="session", snapshot=Snapshots(quarantine=1)), engine) as stage:
        first = stage.linked.start(n=666)
        while not any(event.kind == "node" for event in stage.events):
            pass
        assert stage.run(n=5).outputs == {"n": 5}
        assert not first.done
        os.close(lock)
        with pytest.raises(RunError):
            first.result(60)
        (event,) = (event for event in stage.events if event.kind == "revert")
        assert written(kept(event)) == 666


def test_a_folder_that_others_hold_for_too_long_ends_no_run(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "LEAST", 0.2)
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pipeline = alone(engine.from_text(GUEST), retry=Retry(1), snapshot=Snapshots(quarantine=2))
        with staged(pipeline, engine) as stage:
            went = stage.run(n=666)
            said = [(event.detail or {}).get("not-kept") for event in went.of("revert")]
            assert said == ["the run was over before its state was written"] * 2
            assert went.events[-1].kind == "run"
    assert Store().entries() == ([], [])


def test_what_was_not_kept_is_told_when_the_pipeline_closes(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_text("no folder")
    linked = alone(engine.from_text(GUEST)).link(engine)
    for _ in range(30):
        with pytest.raises(RunError):
            linked.run(n=666)
    problems = linked.close()
    said = (
        f"what `it` held when it was taken back was not kept: cannot use the folder of snapshots {folder}: File exists"
    )
    assert problems == (said,) * 20


def test_where_no_thread_can_begin_it_is_written_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(alone(engine.from_text(GUEST), retry=Retry(1)), engine) as stage:
        monkeypatch.setattr(stage.linked._program.threads, "start", _raising(RuntimeError("can't start new thread")))
        assert reverts(stage.run(n=666)) == [("the instance ended: Trapped", True)] * 2


def test_a_state_of_which_there_is_no_copy_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "capture", _raising(MemoryError()))
    went = play(alone(engine.from_text(GUEST)), engine, n=666)
    (event,) = went.of("revert")
    assert (event.detail or {})["not-kept"] == "there was no memory for a copy of it"


def test_who_holds_the_folder_for_ever_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.snapshots import store

    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SnapshotError) as refused, Store(tmp_path)._locked():
            pass
    assert (
        str(refused.value) == f"cannot use the folder of snapshots {tmp_path}: others have used it for more than 0.1 s"
    )


def test_a_hook_is_called_where_an_instance_ends(engine: Engine) -> None:
    from orchestrator.runtime.homes import Home

    seen = list[tuple[bool, bool]]()

    def noted(self: Home, instance: Instance, problem: BaseException) -> None:
        seen.append((instance.turn.mine(), instance.closed))

    patch = pytest.MonkeyPatch()
    with patch.context() as changed:
        changed.setattr(Home, "_ended", noted)
        play(alone(engine.from_text(GUEST)), engine, n=666)
    assert seen == [(True, False)]


def test_a_state_from_a_file_that_is_larger_than_the_node_may_be_is_refused(engine: Engine, tmp_path: Path) -> None:
    large = alone(engine.from_text(GUEST), lifetime="session")
    with large.link(engine) as linked:
        linked.run(n=5)
        linked.node("it").save("after-init", tmp_path / "state")
    small = alone(engine.from_text(GUEST), lifetime="session", limits=Limits(memory=1 << 16))
    with small.link(engine) as linked:
        linked.run(n=5)
        linked.node("it").load(tmp_path / "state", "same")
    state = read(tmp_path / "state")
    rewritten(tmp_path / "state", lambda header: header.update(sizes=[2 << 16, *state.sizes[1:]]))
    with small.link(engine) as linked, pytest.raises(SnapshotError, match="its memories have 131072 bytes, and 65536"):
        linked.node("it").load(tmp_path / "state", "larger")
