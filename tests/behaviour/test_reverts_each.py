"""Nodes that run for each element of a list: their instances are taken back as that of a run is, and told of alike."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from orchestrator import ComponentFailed, Contract, Engine, Pipeline, Repeat, Retry, RevertOn, RunError, Snapshots
from orchestrator.engine import Component
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.manifest.model import Each
from orchestrator.runtime.once import Own
from orchestrator.runtime.rooms import Taint
from orchestrator.snapshots import Store
from tests.behaviour.stories import Went, play
from tests.behaviour.test_reverts import KEEP, KEEPER, reverts
from tests.support.parts import _HEAP

if not HOST_MEMORY:
    pytest.skip("everything is taken back by fresh instances here", allow_module_level=True)

A, WORN = "test:a/a", "test:worn/worn"
CALLER = f"""(component
  (import "{KEEP}" (instance $keep (export "checked" (func (param "n" u32) (result (result u32 (error string)))))))
  (import "wait" (func $sync (param "n" u32) (result u32)))
  (core module $heap {_HEAP})
  (core instance $heap (instantiate $heap))
  (core func $checked (canon lower (func $keep "checked")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core func $wait (canon lower (func $sync)))
  (core module $m
    (import "in" "checked" (func $checked (param i32 i32)))
    (import "in" "wait" (func $wait (param i32) (result i32)))
    (global $count (mut i32) (i32.const 0))
    (func (export "go") (param i32) (result i32)
      (drop (call $wait (local.get 0)))
      (call $checked (local.get 0) (i32.const 64))
      (drop (call $wait (local.get 0)))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
      (global.get $count)))
  (core instance $i (instantiate $m
    (with "in" (instance (export "checked" (func $checked)) (export "wait" (func $wait))))))
  (func $go (param "n" u32) (result u32) (canon lift (core func $i "go")))
  (instance $out (export "go" (func $go)))
  (export "{A}" (instance $out)))"""
"""`go` asks `checked` of another, between two calls of `wait`, and answers how often it was called in this life."""
WEARS_OFF = f"""(component
  (core module $m
    (memory (export "memory") 1)
    (global $tries (mut i32) (i32.const 0))
    (func (export "go") (param i32) (result i32) (local $bad i32)
      (global.set $tries (i32.add (global.get $tries) (i32.const 1)))
      (local.set $bad (i32.lt_u (global.get $tries) (i32.const 3)))
      (i32.store (i32.const 64) (local.get $bad))
      (i32.store (i32.const 68) (select (i32.const 256) (global.get $tries) (local.get $bad)))
      (i32.store (i32.const 72) (i32.const 5))
      (i32.const 64))
    (data (i32.const 256) "young"))
  (core instance $i (instantiate $m))
  (func $go (param "n" u32) (result (result u32 (error string)))
    (canon lift (core func $i "go") (memory (core memory $i "memory"))))
  (instance $out (export "go" (func $go)))
  (export "{WORN}" (instance $out)))"""
"""`go` answers with an error, except from the third call in a life on."""
THRICE = Repeat("false", max=3, at_max="accept")


@pytest.fixture
def keeper(engine: Engine) -> Component:
    return engine.from_text(KEEPER, "keeper")


def spread(component: Component, run: str, **node: Any) -> Pipeline:
    """A pipeline that runs one node for each element."""
    return (
        Pipeline("spread").input("ns", "list<u32>").node("it", component, run=run, **node)
        .data("inputs.ns", "it", each=Each(2)).output("out", "it")
    )  # fmt: skip


def asking(engine: Engine, keeper: Component, parties: int, **agent: Any) -> Pipeline:
    """A pipeline whose node `agent` runs for each element, three times; it may ask for less than 6. All go in step."""
    step = threading.Barrier(parties)

    def wait(n: int) -> int:
        step.wait(60)
        return n

    return (
        Pipeline("asking")
        .input("ns", "list<u32>")
        .node("agent", engine.from_text(CALLER, "agent"), run=f"{A}.go", **{"repeat": THRICE, **agent})
        .node("it", keeper)
        .node("step", python=wait, signature="func(n: u32) -> u32")
        .data("inputs.ns", "agent", each=Each(2))
        .call("agent", "it", contract=Contract(require=("args.n < 6u",), on_violation="deny"))
        .call("agent.wait", "step.wait")
        .output("out", "agent")
    )


def by_element(went: Went) -> dict[str, int]:
    """How often nodes were taken back, by rule."""
    rules = [rule for _, rule, _ in reverts(went)]
    return {rule: rules.count(rule) for rule in rules}


@pytest.mark.parametrize("life", [{"revert_after": "call"}, {"lifetime": "call"}])
def test_what_lives_for_a_call_is_clean_in_each_round(
    engine: Engine, keeper: Component, life: dict[str, Any], nothing_left: None
) -> None:
    went = play(spread(keeper, f"{KEEP}.sum", repeat=THRICE, **life), engine, ns=[5, 7])
    assert went.outputs == {"out": [5005, 7007]}
    assert by_element(went) == ({"revert-after: call": 6} if "revert_after" in life else {})


@pytest.mark.parametrize("life", [{"revert_after": "call"}, {"lifetime": "call"}])
def test_what_lives_for_a_call_is_clean_in_each_try(engine: Engine, life: dict[str, Any], nothing_left: None) -> None:
    worn = engine.from_text(WEARS_OFF, "worn")
    went = play(spread(worn, f"{WORN}.go", retry=Retry(5), **life), engine, ns=[1])
    assert isinstance(went.error, ComponentFailed)
    assert len(went.of("node")) == 6
    assert play(spread(worn, f"{WORN}.go", retry=Retry(5)), engine, ns=[1]).outputs == {"out": [3]}, (
        "for a run it lives"
    )


def test_what_lives_for_a_run_is_told_of_when_its_element_is_done(
    engine: Engine, keeper: Component, nothing_left: None
) -> None:
    went = play(spread(keeper, f"{KEEP}.sum", repeat=THRICE, revert_after="run"), engine, ns=[5, 7])
    assert went.outputs == {"out": [15015, 21021]}
    assert reverts(went) == [("it", "revert-after: run", "1 pages")] * 2


def test_a_violation_takes_back_the_element_s_own_instance(
    engine: Engine, keeper: Component, nothing_left: None
) -> None:
    pipeline = asking(engine, keeper, 1, revert_on=RevertOn(violations=1))
    went = play(pipeline, engine, ns=[7])
    assert went.outputs == {"out": [1]}
    assert [(node, rule) for node, rule, _ in reverts(went)] == [("agent", "revert-on: violations 1")] * 3
    assert play(pipeline, engine, ns=[5]).outputs == {"out": [3]}


def test_violations_too_many_take_back_the_instances_of_all_elements(
    engine: Engine, keeper: Component, nothing_left: None
) -> None:
    """The third of the node's is in the second round: whichever element's it is, both begin the third round clean."""
    pipeline = asking(engine, keeper, 2, revert_on=RevertOn(violations=3))
    went = play(pipeline, engine, ns=[7, 8])
    assert went.outputs == {"out": [1, 1]}
    ways = [(rule, way == "a fresh instance") for _, rule, way in reverts(went)]
    rule = "revert-on: violations 3"
    assert sorted(ways) == [(rule, False), (rule, False), (rule, True)], "the third and the sixth, and the other's"


def test_an_element_s_instance_that_ended_is_told_of_and_kept(
    engine: Engine, keeper: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "kept"))
    pipeline = spread(keeper, f"{KEEP}.sum", retry=Retry(2), snapshot=Snapshots(quarantine=2))
    went = play(pipeline, engine, ns=[666])
    assert reverts(went) == [("it", "the instance ended: Trapped", "a fresh instance")] * 3
    assert [entry.about.reason for entry in Store().entries()[0]] == ["the instance ended: Trapped"] * 2


def test_an_element_whose_fresh_instance_fails_has_none() -> None:
    """The one before was given away by then, and may be another element's."""

    class Given:
        gone, heir = False, object()
        times = 0

        def dismiss(self, _visit: object) -> None:
            self.times += 1

    class Rooms:
        taints: ClassVar[dict[str, Taint]] = {}
        made: ClassVar[list[Given]] = []
        fails = False

        def fresh(self, _visit: object) -> Given:
            if self.fails:
                raise RunError("the warm-up failed")
            self.made.append(Given())
            return self.made[-1]

        def enter(self, *_: object) -> None:
            return None

        replaced = enter

    rooms, own, visit = cast(Any, Rooms()), Own(), cast(Any, SimpleNamespace(node="it", fresh=True, own=None))
    first = own.entered(rooms, visit)
    rooms.taints["it"], rooms.fails = Taint(1, None, "another's"), True
    with pytest.raises(RunError):
        own.entered(rooms, visit)
    rooms.fails = False
    assert own.entered(rooms, visit) is not first
    own.close()
    assert [one.times for one in rooms.made] == [1, 1]
