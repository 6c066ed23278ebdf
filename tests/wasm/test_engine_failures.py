"""What a guest does wrong ends the guest, with an error that says so: never the process."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance, Stop
from orchestrator.errors import Cancelled, ClosedError, LimitExceeded, RunError, TimedOut, Trapped, ValueMismatch
from tests.support.gates import Pass
from tests.support.guests import BAD, CALLER, plain
from tests.support.leftovers import left_alive
from tests.wasm.engine_calls import TEXT_BACK, TEXT_FRONT, Denies, call, function, instance


@pytest.mark.parametrize(
    ("name", "values", "kind", "message"),
    [
        ("trap", [], Trapped, "the guest trapped: wasm `unreachable` instruction executed"),
        ("divide", [0], Trapped, "the guest trapped: integer divide by zero"),
        ("recurse", [], LimitExceeded, "the guest's calls nest too deep: its stack is used up"),
        ("far", [], Trapped, "the guest trapped: string pointer/length out of bounds of memory"),
        ("huge", [], Trapped, "the guest trapped: string pointer/length out of bounds of memory"),
        ("huge-list", [], Trapped, "a guest passed 34359738360 bytes at 0, outside of the 65536 bytes of its memory"),
        ("many", [70_000], Trapped, "a guest passed 70000 bytes at 0, outside of the 65536 bytes of its memory"),
        ("not-text", [], Trapped, "the guest trapped: invalid utf-8 sequence of 1 bytes from index 0"),
        ("astray", [], Trapped, "the guest trapped: pointer out of bounds of memory"),
        ("askew", [], Trapped, "the guest trapped: return pointer not aligned"),
        ("no-char", [], Trapped, "the guest trapped: converted integer out of range for `char`"),
        ("no-case", [], Trapped, "the guest trapped: discriminant 9 out of range [0..2)"),
        ("take", ["text"], Trapped, "the guest trapped: realloc return: beyond end of memory"),
    ],
)
def test_a_guest_that_breaks_a_rule_traps_and_answers_no_more(
    engine: Engine, name: str, values: list[Any], kind: type[RunError], message: str
) -> None:
    with instance(engine, BAD) as bad:
        with pytest.raises(kind) as caught:
            call(bad, name, *values)
        assert caught.value.message == message
        with pytest.raises(Trapped) as caught:
            call(bad, "grow", 0)
        assert caught.value.message == f"the instance answers no further call: {message}"


def test_the_backtrace_is_short_and_names_functions(engine: Engine) -> None:
    with instance(engine, BAD) as bad:
        with pytest.raises(LimitExceeded) as caught:
            call(bad, "recurse")
        assert len(str(caught.value).splitlines()) < 20


@pytest.mark.parametrize("count", [3_000_000, 60_000_000])
def test_a_result_too_large_to_cross_one_by_one_crosses_in_bulk(engine: Engine, count: int) -> None:
    with instance(engine, BAD) as bad:
        call(bad, "grow", count // 65536 + 1)
        assert len(call(bad, "many", count)) == count
    linker = engine.linker(engine.variant(engine.from_text(BAD), "never"))
    with closing(linker.instantiate(Frame())) as bad:
        call(bad, "grow", count // 65536 + 1)
        with pytest.raises(LimitExceeded) as caught:
            call(bad, "many", count)
        assert caught.value.message == (
            "the values of one call are too large to cross one by one; "
            "have them cross in bulk (`bulk: auto` on the node), or pass them in parts"
        )


def test_values_are_checked_before_the_guest_sees_them(engine: Engine) -> None:
    with instance(engine, BAD) as bad:
        for wrong in (-1, 1 << 32, "1", None, 1.5):
            with pytest.raises(ValueMismatch):
                call(bad, "divide", wrong)
        with pytest.raises(ValueError, match="shorter"):
            call(bad, "divide")
        with pytest.raises(ValueError, match="longer"):
            call(bad, "divide", 1, 2)
        assert call(bad, "divide", 1) == 1


def test_an_endless_loop_meets_its_deadline(engine: Engine) -> None:
    import time

    with instance(engine, BAD) as bad:
        with pytest.raises(TimedOut) as caught:
            call(bad, "spin", frame=Frame(deadline=time.monotonic() + 0.05, limit="node `x`: timeout 50ms"))
        assert caught.value.message == "node `x`: timeout 50ms"
        assert bad.ended == "node `x`: timeout 50ms"


def test_an_endless_loop_is_stopped_from_another_thread(engine: Engine) -> None:
    import threading

    stop, reason = Stop(), Cancelled("ctrl-C")
    with instance(engine, BAD) as bad:
        timer = threading.Timer(0.03, stop.set, [reason])
        timer.start()
        with pytest.raises(Cancelled) as caught:
            call(bad, "spin", frame=Frame(Stop(stop)))
        assert caught.value is reason
        timer.join()


def test_an_endless_start_function_meets_its_deadline(engine: Engine) -> None:
    import time

    text = plain("(func $spin (loop $on (br $on))) (start $spin)")
    linker = engine.linker(engine.from_text(text))
    with pytest.raises(TimedOut):
        linker.instantiate(Frame(deadline=time.monotonic() + 0.05))
    assert not left_alive()


def test_a_start_function_that_traps(engine: Engine) -> None:
    linker = engine.linker(engine.from_text(plain("(func $bad unreachable) (start $bad)")))
    for _ in range(3):
        with pytest.raises(Trapped) as caught:
            linker.instantiate(Frame())
        assert caught.value.message == "the guest trapped: wasm `unreachable` instruction executed"
    assert not left_alive()


def test_what_a_python_function_raises_comes_back_as_it_is(engine: Engine) -> None:
    for problem in (RuntimeError("no"), Cancelled("stop"), KeyboardInterrupt(), SystemExit(3), MemoryError()):

        def fail(_caller: Instance, _values: Any, problem: BaseException = problem) -> int:
            raise problem

        with instance(engine, CALLER, f=fail) as caller:
            with pytest.raises(type(problem)) as caught:
                call(caller, "call", 1)
            assert caught.value is problem
            assert caller.ended == (str(problem) or type(problem).__name__)


@pytest.mark.parametrize("wrong", [None, "text", -1, 1 << 40, object()])
def test_what_a_python_function_gives_is_checked(engine: Engine, wrong: Any) -> None:
    with instance(engine, CALLER, f=lambda _caller, _values: wrong) as caller, pytest.raises(ValueMismatch):
        call(caller, "call", 1)


def test_a_trap_in_a_nested_call_ends_both_and_is_raised_as_it_was(engine: Engine) -> None:
    with instance(engine, BAD) as bad:
        component = engine.from_text(CALLER)
        linker = engine.linker(component)
        gate = Pass(bad)
        linker.forward(None, function(component.world, "f"), None, function(bad.linker.component.world, "divide"), gate)
        caller = linker.instantiate(Frame())
        assert call(caller, "call", 1) == 1
        with pytest.raises(Trapped) as caught:
            call(caller, "call", 0)
        assert caught.value.message == "the guest trapped: integer divide by zero"
        assert gate.problems == [f"Trapped: {caught.value}"]
        assert caller.ended == bad.ended == "the guest trapped: integer divide by zero"
        caller.close()


def test_an_instance_cannot_be_entered_again_while_it_calls_out(engine: Engine) -> None:
    made: list[Instance] = []

    def again(caller: Instance, _values: Any) -> int:
        result: int = call(made[0], "call", 1)
        return result

    with instance(engine, CALLER, f=again) as caller:
        made.append(caller)
        with pytest.raises(Trapped) as caught:
            call(caller, "call", 1)
        assert caught.value.message == (
            "a component cannot be called while it is calling out: the call would enter it again"
        )


def test_a_python_function_that_calls_the_very_instance_is_refused(engine: Engine) -> None:
    def again(caller: Instance, _values: Any) -> int:
        result: int = caller.call(None, function(caller.linker.component.world, "call"), [1])
        return result

    with instance(engine, CALLER, f=again) as caller:
        with pytest.raises(Trapped) as caught:
            call(caller, "call", 1)
        assert caught.value.message == (
            "a component cannot be called while it is calling out: the call would enter it again"
        )


def test_a_start_function_cannot_have_its_own_instance_called(engine: Engine) -> None:
    text = """(component
      (import "f" (func $f (param "x" u32) (result u32)))
      (core func $f' (canon lower (func $f)))
      (core module $m (import "" "f" (func $f (param i32) (result i32)))
        (func (export "call") (param i32) (result i32) (local.get 0))
        (func $go (drop (call $f (i32.const 1)))) (start $go))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
      (func (export "call") (param "x" u32) (result u32) (canon lift (core func $i "call"))))"""

    def again(caller: Instance, _values: Any) -> int:
        result: int = caller.call(None, function(caller.linker.component.world, "call"), [1])
        return result

    with pytest.raises(Trapped) as caught, instance(engine, text, f=again):
        pass
    assert caught.value.message == "a component cannot be called while it is calling out: the call would enter it again"
    assert not left_alive()


def test_an_instance_that_was_not_entered_cannot_be_called(engine: Engine) -> None:
    with instance(engine, BAD) as bad:
        divide = function(bad.linker.component.world, "divide")
        with pytest.raises(ClosedError) as caught:
            bad.call(None, divide, [1])
        assert str(caught.value) == "the instance is not entered by this thread"
        assert call(bad, "divide", 1) == 1
        bad.close()
        with pytest.raises(ClosedError):
            bad.call(None, divide, [1])
        with pytest.raises(ClosedError) as caught:
            call(bad, "divide", 1)
        assert str(caught.value) == "the instance was closed"


def test_an_instance_closed_inside_its_own_call_is_freed_when_it_is_left(engine: Engine) -> None:
    def close(caller: Instance, _values: Any) -> int:
        caller.close()
        assert not caller.closed
        return 5

    with instance(engine, CALLER, f=close) as caller:
        assert call(caller, "call", 1) == 5
        assert caller.closed
        assert not left_alive()


@pytest.mark.parametrize("where", ["enter", "leave", "raise", "trap"])
def test_a_denial_is_the_caller_s_result(engine: Engine, where: str) -> None:
    with instance(engine, TEXT_BACK) as back:
        component = engine.from_text(TEXT_FRONT)
        linker = engine.linker(component)
        offered = function(back.linker.component.world, "f")
        linker.forward(None, function(component.world, "f"), None, offered, Denies(back, where, "denied"))
        caller = linker.instantiate(Frame())
        for _ in range(3):
            assert call(caller, "call", "" if where == "trap" else "text") == "denied"
        caller.close()


@pytest.mark.parametrize("where", ["enter", "leave", "raise", "trap"])
def test_a_denial_of_a_wrong_type_ends_the_caller(engine: Engine, where: str) -> None:
    with instance(engine, TEXT_BACK) as back:
        component = engine.from_text(TEXT_FRONT)
        linker = engine.linker(component)
        offered = function(back.linker.component.world, "f")
        linker.forward(None, function(component.world, "f"), None, offered, Denies(back, where, 5))
        caller = linker.instantiate(Frame())
        with pytest.raises(ValueMismatch):
            call(caller, "call", "" if where == "trap" else "text" * 1000)
        caller.close()


@pytest.mark.parametrize("where", ["enter", "leave", "raise", "trap"])
def test_a_function_without_a_result_can_be_denied(engine: Engine, where: str) -> None:
    quiet = """(component (import "f" (func $f))
      (core func $f' (canon lower (func $f)))
      (core module $m (import "" "f" (func $f)) (func (export "call") (call $f)))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
      (func (export "call") (canon lift (core func $i "call"))))"""
    body = "unreachable" if where == "trap" else ""
    with instance(engine, plain(f'(func (export "f") {body})', f="")) as back:
        component = engine.from_text(quiet)
        linker = engine.linker(component)
        offered = function(back.linker.component.world, "f")
        linker.forward(None, function(component.world, "f"), None, offered, Denies(back, where, None))
        caller = linker.instantiate(Frame())
        for _ in range(20):
            assert call(caller, "call") is None
        caller.close()


def test_a_frame_whose_time_is_up_ends_a_guest_at_its_next_look(engine: Engine) -> None:
    with instance(engine, BAD) as bad, pytest.raises(TimedOut) as caught:
        call(bad, "spin", frame=Frame(deadline=0))
    assert caught.value.message == "the time is up"


def test_two_answers_to_one_import_are_refused(engine: Engine) -> None:
    from orchestrator.errors import ComponentError

    component = engine.from_text(CALLER)
    linker = engine.linker(component)
    with pytest.raises(ComponentError) as caught:
        linker.instantiate(Frame())
    assert str(caught.value) == "nothing answers the import f of component"
    linker.define(None, function(component.world, "f"), lambda _caller, _values: 1)
    linker.instantiate(Frame()).close()
    with pytest.raises(ComponentError) as caught:
        linker.define(None, function(component.world, "f"), lambda _caller, _values: 2)
    assert str(caught.value) == "the import f has two answers"


def test_nothing_is_left_alive() -> None:
    assert not left_alive()
