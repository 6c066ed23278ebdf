"""What a stay in an instance leaves of its shim's memory: nothing beyond what is kept, whatever became of the stay."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance, InstanceSettings
from orchestrator.engine._arena import KEPT
from orchestrator.engine._bulk_call import BulkCall
from orchestrator.engine._libc import ROOM
from orchestrator.errors import LimitExceeded, Trapped
from tests.support.gates import Pass
from tests.support.wat import MEMORY
from tests.wasm.engine_calls import call, function, instance

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a shim takes memory that the host owns")

SIZE = 6 << 20
GIVER = f"""(component
  (import "f" (func $f (param "x" (list (list u8))) (result (list (list u8)))))
  (core module $libc (memory (export "memory") 300)
    (global $next (mut i32) (i32.const {SIZE + (1 << 20)}))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at)))
  (core instance $libc (instantiate $libc))
  (core func $f' (canon lower (func $f) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "" "f" (func $f (param i32 i32 i32)))
    (import "libc" "memory" (memory 1))
    (func (export "go") (result i32)
      (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const {SIZE}))
      (memory.fill (i32.const 65536) (i32.const 7) (i32.const {SIZE}))
      (call $f (i32.const 0) (i32.const 1) (i32.const 16)) (i32.load (i32.const 20))))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc)) (with "" (instance (export "f" (func $f'))))))
  (func (export "go") (result u32) (canon lift (core func $i "go"))))"""
"""`go` passes a list with six mebibytes of sevens to `f`, and tells how many lists come back."""
TAKER = """(component
  (core module $m (memory (export "memory") 200)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (result i32) (i32.eq (local.get 3) (i32.const 8)) (then (i32.const 8)) (else (i32.const 65536))))
    (func (export "f") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "x" (list (list u8))) (result (list (list u8)))
    (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
"""Gives its list back."""


def left(made: Instance) -> tuple[int, int, bool]:
    """Where free room begins, where the mark stands, and whether anything is left behind what is kept."""
    arena = made.arena
    rest = arena.memory[KEPT : KEPT + 3 * SIZE]
    return arena.next, arena.marked, rest != bytes(len(rest))


CLEAN = ROOM, ROOM, False


def test_what_was_passed_to_python_is_given_back(engine: Engine) -> None:
    with instance(engine, GIVER, f=lambda _caller, values: values[0]) as made:
        assert (call(made, "go"), left(made)) == (1, CLEAN)


def test_a_system_that_takes_nothing_back_ends_no_call(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.engine._posix._madvise", lambda *_: -1)
    with instance(engine, GIVER, f=lambda _caller, values: values[0]) as made:
        assert (call(made, "go"), left(made)) == (1, (ROOM, ROOM, True))


def test_what_was_passed_when_python_raised_is_given_back(engine: Engine) -> None:
    def refuse(_caller: Instance, _values: Any) -> Any:
        raise LimitExceeded("no")

    with instance(engine, GIVER, f=refuse) as made:
        with pytest.raises(LimitExceeded):
            call(made, "go")
        assert left(made) == CLEAN


@pytest.mark.parametrize("fails", [False, True], ids=["well", "failing"])
def test_what_was_passed_to_another_instance_is_given_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def limited(*_: Any) -> Any:
        raise LimitExceeded("no room")

    giver, taker = engine.from_text(GIVER), engine.from_text(TAKER)
    callee = engine.linker(taker).instantiate(Frame())
    linker = engine.linker(giver)
    linker.forward(None, function(giver.world, "f"), None, function(taker.world, "f"), Pass(callee))
    made = linker.instantiate(Frame())
    if fails:
        monkeypatch.setattr(BulkCall, "run", limited)
        with pytest.raises(LimitExceeded):
            call(made, "go")
    else:
        assert call(made, "go") == 1
    assert (left(made), left(callee)) == (CLEAN, CLEAN)
    with callee.entered(Frame()):  # it was left, and still answers
        assert not callee.gone
    made.close()
    callee.close()


def test_what_a_call_from_python_did_not_take_is_given_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with instance(engine, TAKER) as made:
        run = BulkCall.run

        def limited(*_: Any) -> Any:
            raise LimitExceeded("no room")

        monkeypatch.setattr(BulkCall, "run", limited)
        with pytest.raises(LimitExceeded):
            call(made, "f", [bytes([7]) * SIZE])
        assert left(made) == CLEAN
        monkeypatch.setattr(BulkCall, "run", run)
        assert (call(made, "f", [b"seven"]), left(made)) == ([b"seven"], CLEAN)


# More than its own memory holds

ALIASING = f"""(component
  (import "f" (func $f (param "x" (list (list u8)))))
  (core module $libc {MEMORY.replace('(memory (export "memory") 1)', '(memory (export "memory") 20)')})
  (core instance $libc (instantiate $libc))
  (core func $f' (canon lower (func $f) (memory (core memory $libc "memory"))))
  (core module $m
    (import "" "f" (func $f (param i32 i32)))
    (import "libc" "memory" (memory 1))
    (func $fill (param $count i32) (local $at i32)
      (loop $next
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (local.set $at (i32.shl (local.get $count) (i32.const 3)))
        (i32.store offset=1024 (local.get $at) (i32.const 65536))
        (i32.store offset=1028 (local.get $at) (i32.const {1 << 20}))
        (br_if $next (local.get $count))))
    (func (export "pass") (param $count i32)
      (call $fill (local.get $count)) (call $f (i32.const 1024) (local.get $count)))
    (func (export "give") (param $count i32) (result i32)
      (call $fill (local.get $count))
      (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (local.get $count)) (i32.const 16)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc)) (with "" (instance (export "f" (func $f'))))))
  (func (export "pass") (param "count" u32) (canon lift (core func $i "pass")))
  (func (export "give") (param "count" u32) (result (list (list u8)))
    (canon lift (core func $i "give") (memory (core memory $libc "memory")))))"""
"""A list that names the same mebibyte `count` times is passed on or given; its memory has 20 pages."""
SMALL = InstanceSettings(memory=20 << 16)


def test_a_guest_that_gives_the_same_bytes_again_and_again_fills_no_memory(engine: Engine) -> None:
    with instance(engine, ALIASING, SMALL, f=lambda *_: None) as made:
        assert call(made, "give", 60) == [bytes(1 << 20)] * 60
        memory = made.arena.memory
        with pytest.raises(Trapped, match="unreachable"):
            call(made, "give", 1000)
        assert not any(memory[66 << 20 : 2000 << 20 : 1 << 20])


def test_a_guest_that_passes_the_same_bytes_again_and_again_fills_no_memory(engine: Engine) -> None:
    passed: list[int] = []
    with instance(engine, ALIASING, SMALL, f=lambda _caller, values: passed.append(len(values[0]))) as made:
        call(made, "pass", 60)
        with pytest.raises(Trapped, match="unreachable"):
            call(made, "pass", 1000)
    assert passed == [60]


def test_a_guest_with_more_memory_may_give_more(engine: Engine) -> None:
    with instance(engine, ALIASING, InstanceSettings(memory=64 << 20), f=lambda *_: None) as made:
        assert len(call(made, "give", 100)) == 100
        with pytest.raises(Trapped, match="unreachable"):
            call(made, "give", 130)


def test_what_a_guest_may_fill_is_counted_from_where_its_call_begins(engine: Engine) -> None:
    """Values keep their place when they go to another instance, however little that may fill."""
    giver, taker = engine.from_text(GIVER), engine.from_text(TAKER)
    callee = engine.linker(taker).instantiate(Frame(), InstanceSettings(memory=200 << 16))
    linker = engine.linker(giver)
    linker.forward(None, function(giver.world, "f"), None, function(taker.world, "f"), Pass(callee))
    made = linker.instantiate(Frame())
    made.arena.take(200 << 20, 1)
    made.arena.mark()
    assert call(made, "go") == 1
    made.close()
    callee.close()
