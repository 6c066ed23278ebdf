"""Fuel: what a guest executes is counted where it has a limit, and only there; it ends where it has none left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance, InstanceSettings
from orchestrator.engine._config import cache_key
from orchestrator.engine.component import Variant
from orchestrator.errors import ComponentError, LimitExceeded, RunError, TimedOut, Trapped
from tests.support.gates import Pass
from tests.support.guests import CALLER, plain
from tests.wasm.engine_calls import TEXT_BACK, TEXT_FRONT, call, function

WORK = plain(
    """(func (export "work") (param i32)
      (loop $on (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $on (local.get 0))))
    (func (export "spin") (loop $on (br $on)))
    (func $deep (export "deep") (call $deep))
    (func (export "trap") unreachable)""",
    work='(param "n" u32)',
    spin="",
    deep="",
    trap="",
)
"""`work` goes round a loop: `ROUND` units each time, and a little more in all."""
ROUND = 6
SPENT = "the guest used up its fuel, {} units: give it more `fuel`, or have it compute less in one run"


@contextmanager
def fuelled(engine: Engine, text: str, fuel: int | None, **answers: Any) -> Iterator[Instance]:
    """An instance with a limit of fuel, whose imports Python functions answer."""
    component = engine.variant(engine.from_text(text), "auto", metered=True)
    linker = engine.linker(component)
    for name, answer in answers.items():
        linker.define(None, function(component.world, name), answer)
    made = linker.instantiate(Frame(), InstanceSettings(fuel=fuel))
    try:
        yield made
    finally:
        made.close()
        linker.close()


def left(made: Instance) -> int:
    with made.entered(Frame()):
        assert made.fuel is not None
        return made.fuel


def test_machine_code_that_counts_is_another_variant(engine: Engine) -> None:
    component = engine.from_text(WORK)
    metered = engine.variant(component, "auto", metered=True)
    assert (component.variant, metered.variant) == (Variant("auto", False), Variant("auto", True))
    assert (metered.digest, metered.world, metered.parts) == (component.digest, component.world, component.parts)
    assert engine.variant(component, "auto") is component
    assert engine.variant(metered, "auto", metered=True) is metered
    assert engine.variant(metered, "never").variant == Variant("never", False)
    assert engine.code(component).engine != engine.code(metered).engine
    keys = [cache_key(bulk, metered) for bulk in ("auto", "always", "never") for metered in (False, True)]
    assert len(set(keys)) == len(keys)
    for variant in (component.variant, metered.variant):
        assert engine.cache.code(component.digest, cache_key(*variant)).exists()


def test_each_instruction_takes_some(engine: Engine) -> None:
    with fuelled(engine, WORK, 1_000_000) as made:
        call(made, "work", 1)
        before = left(made)
        call(made, "work", 1)
        once = before - left(made)
        before = left(made)
        call(made, "work", 1001)
        assert before - left(made) == once + 1000 * ROUND


def test_what_was_used_is_told_once(engine: Engine) -> None:
    with fuelled(engine, WORK, 1_000_000) as made:
        with made.entered(Frame()):
            started = made.used()
            assert started == 1_000_000 - (made.fuel or 0)
            assert made.used() == 0
        call(made, "work", 100)
        with made.entered(Frame()):
            assert 100 * ROUND <= made.used() < 101 * ROUND + 20
            made.refuel(50)
            assert (made.fuel, made.used()) == (50, 0)


def test_all_calls_share_it_and_the_guest_ends_without_it(engine: Engine) -> None:
    with fuelled(engine, WORK, 1000 * ROUND) as made:
        for _ in range(9):
            call(made, "work", 100)
        with pytest.raises(LimitExceeded) as caught:
            call(made, "work", 100)
        assert (caught.value.message, caught.value.limit) == (SPENT.format(1000 * ROUND), "fuel")
        assert [cause.partition("!")[0] for cause in caught.value.causes] == ["in m"]
        assert left_after_the_end(made) == 0
        with pytest.raises(Trapped) as again:
            call(made, "work", 1)
        assert str(again.value) == f"the instance answers no further call: {SPENT.format(1000 * ROUND)}"


def left_after_the_end(made: Instance) -> int | None:
    """The fuel of an instance that has ended; it cannot be entered any more."""
    assert made.gone
    return made.fuel


def test_fuel_may_be_given_anew(engine: Engine) -> None:
    with fuelled(engine, WORK, 1000 * ROUND) as made:
        for _ in range(30):
            with made.entered(Frame()):
                made.refuel(200 * ROUND)
            call(made, "work", 190)


def test_a_start_function_uses_it(engine: Engine) -> None:
    text = plain("(func $go (loop $on (br $on))) (start $go)")
    component = engine.variant(engine.from_text(text), "auto", metered=True)
    with pytest.raises(LimitExceeded) as caught:
        engine.linker(component).instantiate(Frame(), InstanceSettings(fuel=5000))
    assert (caught.value.message, caught.value.limit) == (SPENT.format(5000), "fuel")


def test_no_fuel_at_all(engine: Engine) -> None:
    with fuelled(engine, WORK, 0) as made, pytest.raises(LimitExceeded) as caught:
        call(made, "work", 1)
    assert caught.value.limit == "fuel"


def test_metered_code_without_a_limit_has_no_end(engine: Engine) -> None:
    with fuelled(engine, WORK, None) as made:
        assert made.fuel is None
        call(made, "work", 1_000_000)
        with pytest.raises(TimedOut):
            call(made, "spin", frame=Frame(deadline=time.monotonic() + 0.05))


def test_more_fuel_than_can_be_counted_is_as_much_as_can(engine: Engine) -> None:
    with fuelled(engine, WORK, 1 << 64) as made:
        call(made, "work", 1000)
        assert 1 << 63 < left(made) < 1 << 64


def test_a_limit_takes_code_that_counts(engine: Engine) -> None:
    linker = engine.linker(engine.from_text(WORK, "work"))
    with pytest.raises(ComponentError) as caught:
        linker.instantiate(Frame(), InstanceSettings(fuel=1000))
    assert str(caught.value) == "work cannot have a limit of fuel: take its metered variant"


def test_a_deadline_ends_a_guest_that_has_fuel_left(engine: Engine) -> None:
    """The clock of the second native engine ticks too, whichever was there first."""
    with fuelled(engine, WORK, 1 << 60) as made, pytest.raises(TimedOut):
        call(made, "spin", frame=Frame(deadline=time.monotonic() + 0.05, limit="late"))


def test_both_kinds_are_ended_while_both_run(engine: Engine) -> None:
    ended: list[type] = []

    def spin(made: Instance) -> None:
        try:
            call(made, "spin", frame=Frame(deadline=time.monotonic() + 0.1))
        except RunError as problem:
            ended.append(type(problem))

    ordinary = engine.linker(engine.from_text(WORK)).instantiate(Frame())
    with fuelled(engine, WORK, 1 << 60) as made:
        threads = [threading.Thread(target=spin, args=(each,)) for each in (made, ordinary)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    ordinary.close()
    assert ended == [TimedOut, TimedOut]


def test_other_ends_are_told_as_ever(engine: Engine) -> None:
    for name, message in (
        ("trap", "the guest trapped: wasm `unreachable` instruction executed"),
        ("deep", "the guest's calls nest too deep: its stack is used up"),
    ):
        with fuelled(engine, WORK, 1 << 40) as made:
            with pytest.raises(RunError) as caught:
                call(made, name)
            assert caught.value.message == message


def test_a_function_whose_name_says_so_spends_nothing(engine: Engine) -> None:
    """Names of functions stand in what wasmtime says of an error: they are no part of the reason."""
    for name in ("all fuel consumed", "call stack exhausted", "a\\n\\nCaused by:\\n    0: all fuel consumed"):
        text = plain(f'(func $x (@name "{name}") (export "f") unreachable)', f="")
        with fuelled(engine, text, 1 << 40) as made:
            with pytest.raises(Trapped) as caught:
                call(made, "f")
            assert caught.value.message == "the guest trapped: wasm `unreachable` instruction executed"


# Between the two native engines


def _linked(engine: Engine, front: str, back: Instance, *, metered: bool, gate: Pass) -> Instance:
    component = engine.variant(engine.from_text(front), "auto", metered=metered)
    linker = engine.linker(component)
    wanted, offered = function(component.world, "f"), function(back.linker.component.world, "f")
    linker.forward(None, wanted, None, offered, gate)
    return linker.instantiate(Frame(), InstanceSettings(fuel=1 << 40 if metered else None))


def _back(engine: Engine, text: str, fuel: int | None) -> Instance:
    component = engine.variant(engine.from_text(text), "auto", metered=fuel is not None)
    return engine.linker(component).instantiate(Frame(), InstanceSettings(fuel=fuel))


@pytest.mark.parametrize("sees", [False, True])
@pytest.mark.parametrize(("front", "back"), [(True, False), (False, True), (True, True)])
def test_values_cross_both_ways_and_failures_too(engine: Engine, front: bool, back: bool, sees: bool) -> None:
    """`f` of an empty text traps: the caller ends as it does within one native engine."""
    callee = _back(engine, TEXT_BACK, (1 << 40) if back else None)
    caller = _linked(engine, TEXT_FRONT, callee, metered=front, gate=Pass(callee, sees))
    for text in ("", "é" * 10, "x" * 60_000):
        if text:
            assert call(caller, "call", text) == text
    with pytest.raises(Trapped) as caught:
        call(caller, "call", "")
    assert caught.value.message == "the guest trapped: wasm `unreachable` instruction executed"
    assert (caller.gone, callee.gone) == (True, True)
    caller.close()
    callee.close()


@pytest.mark.parametrize("front", [True, False])
def test_a_callee_that_has_none_left_ends_its_caller(engine: Engine, front: bool) -> None:
    back = """(component
      (core module $m (func (export "f") (param i32) (result i32)
        (loop $on (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 1)))
      (core instance $i (instantiate $m)) (func (export "f") (param "n" u32) (result u32)
        (canon lift (core func $i "f"))))"""
    callee = _back(engine, back, 5000)
    gate = Pass(callee)
    caller = _linked(engine, CALLER, callee, metered=front, gate=gate)
    assert call(caller, "call", 10) == 1
    with pytest.raises(LimitExceeded) as caught:
        call(caller, "call", 100_000)
    assert (caught.value.message, caught.value.limit) == (SPENT.format(5000), "fuel")
    assert [problem.splitlines()[0] for problem in gate.problems] == [f"LimitExceeded: {SPENT.format(5000)}"]
    assert (caller.gone, callee.gone) == (True, True)
    caller.close()
    callee.close()


def test_a_caller_pays_for_what_it_executes_itself(engine: Engine) -> None:
    back = _back(engine, WORK.replace('"work"', '"f"'), 1 << 40)
    front = """(component (import "f" (func $f (param "n" u32)))
      (core func $f' (canon lower (func $f)))
      (core module $m (import "" "f" (func $f (param i32))) (func (export "call") (param i32) (call $f (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
      (func (export "call") (param "n" u32) (canon lift (core func $i "call"))))"""
    caller = _linked(engine, front, back, metered=True, gate=Pass(back))
    call(caller, "call", 1)
    before, callees = left(caller), left(back)
    call(caller, "call", 100_000)
    assert before - left(caller) < 100
    assert callees - left(back) >= 100_000 * ROUND
    caller.close()
    back.close()


def test_a_host_function_may_use_another_instance(engine: Engine) -> None:
    with fuelled(engine, WORK, 1 << 40) as worker:

        def answer(_caller: Instance, values: Any) -> int:
            call(worker, "work", 10)
            return int(values[0]) + 1

        with fuelled(engine, CALLER, 1 << 40, f=answer) as caller:
            assert call(caller, "call", 1) == 2


def test_an_error_of_a_host_function_is_what_is_raised(engine: Engine) -> None:
    def fail(_caller: Instance, _values: Any) -> int:
        raise RuntimeError("no")

    with fuelled(engine, CALLER, 1 << 40, f=fail) as caller, pytest.raises(RuntimeError, match="no"):
        call(caller, "call", 1)
