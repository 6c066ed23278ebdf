"""How instances become ready, and what is ready for whom."""

from __future__ import annotations

import gc
from bisect import bisect_left
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    ComponentFailed,
    Contract,
    Engine,
    Grants,
    LimitExceeded,
    Limits,
    LinkedPipeline,
    Pipeline,
    Retry,
    RunError,
    Snapshots,
    Storage,
    TimedOut,
    Trapped,
    WarmUp,
)
from orchestrator.engine import CannotKeep, Instance, take
from orchestrator.engine._base import Base
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.runtime.ready import Ready, reseed_of
from tests.behaviour.conftest import MakeSandbox
from tests.behaviour.stories import play, staged
from tests.behaviour.test_reverts import HOLDING, KEEPER, RESEEDS, guarded, reverts, running
from tests.support.wasi_guests import FILES

if not HOST_MEMORY:
    pytest.skip("everything is ready only once here", allow_module_level=True)

SECURE = Grants(random="secure")
LOOKS = (
    FILES.replace(
        "(core func $unlink (canon lower", "(core func $dd (canon resource.drop $d)) (core func $unlink (canon lower", 1
    )
    .replace('(import "fs" "open"', '(import "fs" "dd" (func $dd (param i32))) (import "fs" "open"', 1)
    .replace('(export "open" (func $open))', '(export "dd" (func $dd)) (export "open" (func $open))', 1)
    .replace(
        '(func (export "count") (result i32)',
        """(func $look (result i32) (local $root i32) (local $said i32)
      (local.set $root (call $first))
      (i32.store (i32.const 2000) (i32.const 0x67616c66))
      (call $open (local.get $root) (i32.const 0) (i32.const 2000) (i32.const 4) (i32.const 0) (i32.const 1)
        (i32.const 32))
      (local.set $said (i32.load8_u (i32.const 32)))
      (if (i32.eqz (local.get $said)) (then (call $dd (i32.load (i32.const 36)))))
      (call $dd (local.get $root))
      (i32.eqz (local.get $said)))
    (func (export "warm") (i32.store (i32.const 3000) (call $look)))
    (func (export "told") (param i32) (result i32)
      (i32.add (i32.mul (i32.const 10) (i32.load (i32.const 3000))) (call $look)))
    (func (export "count") (result i32)""",
        1,
    )
    .replace(
        '(func (export "count") (result u32)',
        '(func (export "warm") (canon lift (core func $m "warm"))) '
        '(func (export "told") (param "n" u32) (result u32) (canon lift (core func $m "told"))) '
        '(func (export "count") (result u32)',
        1,
    )
)  # fmt: skip
"""`warm` remembers whether its folder has the file `flag`; `told` gives 10 for that, and 1 if it is there now."""


@pytest.mark.parametrize("after", ["call", "run", "never"])
def test_what_a_warm_up_saw_is_there_for_those_who_reach_the_same(engine: Engine, tmp_path: Path, after: Any) -> None:
    has, other = tmp_path / "has", tmp_path / "other"
    for folder in (has, other):
        folder.mkdir()
    (has / "flag").touch()
    pipeline = (
        Pipeline("p").input("folder", "path").input("n", "u32")
        .node("it", engine.from_text(LOOKS, "looks"), run="told", grants=Grants((Storage("${inputs.folder}", "/d"),)),
              snapshot=Snapshots(WarmUp("warm", {})), revert_after=after)
        .data("inputs.n", "it").output("seen", "it")
    )  # fmt: skip
    with pipeline.link(engine) as linked:
        seen = [linked.run(n=1, folder=str(folder)).outputs["seen"] for folder in (has, other, has, other, other)]
    assert seen == [11, 0, 11, 0, 0]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list descriptors")
def test_states_with_handles_go_with_their_instances(engine: Engine, tmp_path: Path, nothing_left: None) -> None:
    pipeline = (
        Pipeline("p")
        .node("it", engine.from_text(FILES.replace("(func $first (result i32)", HOLDING), "holds"), run="count",
              grants=Grants((Storage(str(tmp_path), "/d"),)), revert_after="call",
              snapshot=Snapshots(WarmUp("count", {})))
        .output("count", "it")
    )  # fmt: skip
    with pipeline.link(engine) as linked:
        for _ in range(3):
            linked.run()
        gc.collect()
        before = descriptors()
        for _ in range(20):
            linked.run()
        gc.collect()
        assert descriptors() <= before + 2


# Random numbers


@pytest.mark.parametrize("grants", [SECURE, Grants(random="seeded")])
def test_random_numbers_begin_anew_after_a_revert_in_place(engine: Engine, grants: Grants) -> None:
    """As often as they did where the instance was made ready: once where they are secure, else never."""
    reseeds = engine.from_text(RESEEDS, "reseeds")
    clean = 12012 if grants is SECURE else 5005
    with running(reseeds, lifetime="session", grants=grants, snapshot=Snapshots()).link(engine) as linked:
        assert linked.run(n=5).outputs == {"sum": clean}
        linked.node("it").revert()
        assert linked.run(n=5).outputs == {"sum": clean}
    contract = Contract(ensure=("result.ok < 15000u",), on_violation="revert")
    with staged(guarded(engine, reseeds, contract, grants=SECURE), engine) as stage:
        went = [stage.run(n=5) for _ in range(3)]
    assert went[0].outputs == went[2].outputs == {"sum": 12012}
    assert isinstance(went[1].error, ComponentFailed)


def test_reseeding_is_at_nobodys_expense(make: MakeSandbox) -> None:
    def enough(fuel: int, **options: Any) -> bool:
        try:
            make(size=1, fuel=fuel, reseed=True, **options).run("v 1")
        except LimitExceeded:
            return False
        return True

    least = bisect_left(range(10_000), True, 1, key=enough)
    assert enough(least, grants=SECURE)
    assert not enough(least - 1, grants=SECURE)


def test_an_instance_whose_reseeding_fails_ends(
    engine: Engine, make: MakeSandbox, nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [False]
    reseed = Ready.reseed

    def reseeded(self: Ready, instance: Instance) -> None:
        reseed(self, instance)
        if failing[0]:
            raise TimedOut("too long")

    monkeypatch.setattr(Ready, "reseed", reseeded)
    sandbox = make(size=1, reseed=True, grants=SECURE)
    assert sandbox.run("n").value == 11
    with running(engine.from_text(RESEEDS, "reseeds"), grants=SECURE, revert_after="call").link(engine) as linked:
        failing[0] = True
        with pytest.raises(TimedOut):
            linked.run(n=1)
        with pytest.raises(TimedOut):
            make(size=1, reseed=True, grants=SECURE).run("n")
        assert sandbox.run("n").value == 11  # and could not be taken back then
        failing[0] = False
        assert sandbox.run("n").value == 11
        assert linked.run(n=1).outputs == {"sum": 8008}
        failing[0] = True
        assert linked.run(n=1).outputs == {"sum": 8008}
        failing[0] = False
        assert linked.run(n=1).outputs == {"sum": 8008}


ODD = {
    "a parameter": RESEEDS.replace('(func $reseed (canon', '(func $reseed (param "n" u32) (canon').replace(
        '(func (export "reseed")', '(func (export "reseed") (param i32)'
    ),
    "a result": RESEEDS.replace('(func $reseed (canon', '(func $reseed (result u32) (canon').replace(
        '(func (export "reseed") (drop (call $add (i32.const 7))))',
        '(func (export "reseed") (result i32) (call $add (i32.const 7)))',
    ),
    "another name": RESEEDS.replace('(export "reseed" (func $reseed))', '(export "seed" (func $reseed))'),
}  # fmt: skip


@pytest.mark.parametrize("how", ODD)
def test_what_is_no_reseeding_is_not_asked(engine: Engine, how: str) -> None:
    """A component with such an export cannot be taken back where its numbers are secure, and runs all the same."""
    component = engine.from_text(ODD[how], "odd")
    assert reseed_of(component) is None
    with staged(running(component, grants=SECURE, revert_after="run"), engine) as stage:
        for _ in range(2):
            went = stage.run(n=1)
            assert (went.outputs, reverts(went)) == ({"sum": 1001}, [])


def test_more_beside_reseeding_is_no_harm(engine: Engine) -> None:
    export = '(export "reseed" (func $reseed))'
    both = RESEEDS.replace(export, f'(export "a" (func $sum)) {export}')
    assert play(running(engine.from_text(both, "both"), grants=SECURE, revert_after="run"), engine, n=1).outputs == {
        "sum": 8008
    }


# What cannot be kept now


@pytest.mark.parametrize("problem", [OSError(24, "Too many open files"), CannotKeep("not now")])
def test_a_state_that_cannot_be_kept_once_is_kept_the_next_time(
    engine: Engine, make: MakeSandbox, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    problems = [problem]

    def taken(*arguments: Any) -> Any:
        if problems:
            raise problems.pop()
        return take(*arguments)

    monkeypatch.setattr("orchestrator.runtime.ready.take", taken)
    with staged(running(engine.from_text(KEEPER, "keeper"), revert_after="run"), engine) as stage:
        went = [stage.run(n=1) for _ in range(3)]
    assert [one.outputs for one in went] == [{"sum": 1001}] * 3
    assert [len(reverts(one)) for one in went] == [0, 1, 1]
    problems.append(problem)
    sandbox = make(size=1)
    assert [sandbox.run("n").value for _ in range(3)] == [11, 11, 11]
    assert sandbox._guests.ready.latest is not None


def test_a_state_that_the_next_instance_cannot_have_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = engine.from_text(KEEPER, "keeper")
    with running(keeper, lifetime="session", snapshot=Snapshots()).link(engine) as linked:
        linked.run(n=1)
        linked.node("it").snapshot("one")
        with pytest.raises(RunError):
            linked.run(n=666)
        linked.node("it").revert("one")

        def never(*_: Any) -> int:
            raise CannotKeep("not now")

        monkeypatch.setattr("orchestrator.runtime.ready.put", never)
        with pytest.raises(RunError, match="cannot be put into the state that it is to begin with: not now"):
            linked.run(n=1)
        monkeypatch.undo()
        assert linked.run(n=1).outputs == {"sum": 2002}


def test_a_component_of_the_way_fresh_is_not_warmed_up_twice(make: MakeSandbox) -> None:
    sandbox = make(fresh=True, size=1)
    assert [sandbox.run("n").value for _ in range(2)] == [11, 11]
    assert sandbox._guests.ready.latest is None


# What is at nobody's expense


_RANDOM = '(import "wasi:random/random@0.2.6" (instance $r (export "get-random-u64" (func (result u64)))))'
TRAPS = f"""(component {_RANDOM}
  (core func $rand (canon lower (func $r "get-random-u64")))
  (core module $m
    (import "in" "rand" (func $rand (result i64)))
    (memory (export "memory") 1)
    (func $maybe (if (i64.eqz (i64.and (call $rand) (i64.const 1))) (then unreachable)))
    (func (export "warm") (call $maybe))
    (func (export "reseed") (call $maybe))
    (func (export "spin") (param i32) (result i32) (local $i i32)
      (loop $on
        (drop (call $rand)) (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $i) (local.get 0))))
      (local.get $i)))
  (core instance $i (instantiate $m (with "in" (instance (export "rand" (func $rand))))))
  (func $reseed (canon lift (core func $i "reseed")))
  (instance $again (export "reseed" (func $reseed))) (export "agent:code/reseed@0.1.0" (instance $again))
  (func (export "warm") (canon lift (core func $i "warm")))
  (func (export "spin") (param "n" u32) (result u32) (canon lift (core func $i "spin"))))"""
"""Its warm-up and its reseeding trap every other time; `spin` asks the host for so many numbers."""


LIVES = {"run": {}, "session": {"lifetime": "session"}, "call": {"revert_after": "call"}}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
@pytest.mark.parametrize("limits", [Limits(host_calls=5), Limits(fuel=2_000)], ids=["calls", "fuel"])
def test_a_guest_that_ends_at_nobodys_expense_has_no_more_for_that(
    engine: Engine, life: dict[str, Any], limits: Limits
) -> None:
    pipeline = (
        Pipeline("p").input("n", "u32")
        .node("it", engine.from_text(TRAPS, "traps"), run="spin", grants=SECURE, limits=limits, retry=Retry(6),
              snapshot=Snapshots(WarmUp("warm", {})), **life)
        .data("inputs.n", "it").output("n", "it")
    )  # fmt: skip
    ended = set[str]()
    with pipeline.link(engine) as linked:
        for _ in range(20):
            with pytest.raises((Trapped, LimitExceeded)) as caught:
                linked.run(n=1000)
            ended.add(caught.type.__name__)
    assert "LimitExceeded" in ended


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[OSError]:
    """What is raised in place of mapping a state, once each."""
    problems = list[OSError]()
    give = Base.give

    def given(self: Base, memories: Any) -> None:
        if problems:
            raise problems.pop()
        give(self, memories)

    monkeypatch.setattr(Base, "give", given)
    return problems


UNMAPPED = "cannot be put into the state in which it is ready: .*Cannot allocate memory"


def test_a_state_that_cannot_be_mapped_now_fails_one_run(
    engine: Engine, failing: list[OSError], nothing_left: None
) -> None:
    with running(engine.from_text(KEEPER, "keeper"), snapshot=Snapshots()).link(engine) as linked:
        linked.run(n=1)
        failing.append(OSError(12, "Cannot allocate memory"))
        with pytest.raises(RunError, match=UNMAPPED):
            linked.run(n=1)
        assert linked.run(n=1).outputs == {"sum": 1001}


def test_a_state_that_cannot_be_mapped_now_fails_one_session(make: MakeSandbox, failing: list[OSError]) -> None:
    sandbox = make(size=1)
    sandbox.run("n")
    failing.append(OSError(12, "Cannot allocate memory"))
    with pytest.raises(RunError, match=UNMAPPED):
        sandbox.session()
    with sandbox.session() as session:
        assert session.run("n").value == 11


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list descriptors")
def test_a_pipeline_that_is_closed_keeps_no_states(engine: Engine) -> None:
    pipeline = running(engine.from_text(KEEPER, "keeper"), lifetime="session", snapshot=Snapshots())
    counts, all_ = list[int](), list[LinkedPipeline]()
    for _ in range(3):
        all_.append(pipeline.link(engine))
        all_[-1].run(n=1)
        all_[-1].node("it").snapshot("one")
        all_[-1].close()
        gc.collect()
        counts.append(descriptors())
    assert counts == [counts[0]] * 3  # what the system is asked by for changed pages is open from the first on
