"""What a stay in an instance leaves of its shim's memory: nothing beyond what is kept, whatever became of the stay."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance
from orchestrator.engine._arena import KEPT
from orchestrator.engine._bulk_call import BulkCall
from orchestrator.engine._libc import ROOM
from orchestrator.errors import LimitExceeded
from tests.support.gates import Pass
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
