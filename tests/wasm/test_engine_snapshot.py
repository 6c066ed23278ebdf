"""States of instances: taken, put back, put on others; what they share, what they cost, what they refuse."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine import CannotKeep, Engine, Frame, Linker, _base, _posix, capture, put, take
from orchestrator.engine._base import Base
from orchestrator.errors import ClosedError, LimitExceeded, Trapped
from orchestrator.interface.types import Function
from tests.support.fuzzing import examples
from tests.support.keeping import Keeping, Kept, component, keeping, one_module

PAGES = 3000
"""Pages of the system that the guest's memory has at first: more than are copied, and more than one scan tells of."""
GUEST = one_module(
    f"""(memory {PAGES // 16 + 1}) (data (i32.const 4096) "first")
    (global $g (mut i32) (i32.const 5)) (global $h (mut f64) (f64.const 1.5))
    (global $v (mut v128) (v128.const i64x2 1 2))
    (func (export "set") (param i32 i32) (result i32) (i32.store (local.get 0) (local.get 1)) (i32.const 0))
    (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "every") (param $step i32) (param $count i32) (result i32) (local $at i32)
      (loop $more
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (local.get $step)))
        (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
      (i32.const 0))
    (func (export "spin") (param i32) (result i32)
      (loop $more (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 0))
    (func (export "own") (param i32) (result i32)
      (global.set $g (local.get 0)) (global.set $h (f64.convert_i32_u (local.get 0)))
      (global.set $v (i32x4.splat (local.get 0))) (i32.const 0))
    (func (export "tell") (result i32)
      (i32.xor (global.get $g) (i32.xor (i32.trunc_f64_u (f64.mul (global.get $h) (f64.const 1000)))
        (i32x4.extract_lane 1 (global.get $v)))))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size)) (func (export "end") (result i32) unreachable)""",
    ("set/2", "get/1", "every/2", "spin/1", "own/1", "tell/0", "grow/1", "size/0", "end/0"),
)


@pytest.fixture
def guest(engine: Engine) -> Iterator[Keeping]:
    with keeping(engine, GUEST) as made:
        yield made


@pytest.fixture(params=[True, False], ids=["by changed pages", "by all pages"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system tells which pages changed."""
    if request.param and not _posix.tells_changes():
        pytest.skip("this kernel does not tell which pages changed")
    monkeypatch.setattr(_posix, "tells_changes", lambda: request.param)
    return bool(request.param)


def held(one: Kept) -> list[Any]:
    return [one.memories(), one.call("tell"), one.call("size")]


@pytest.mark.parametrize("count", [1, 511, 512, 513, 999, 1000, 1001, PAGES // 2])
def test_any_number_of_pages_is_brought_back(
    guest: Keeping, told: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a region of its own: every other page is written to. More than `MANY` are forgotten, not copied."""
    monkeypatch.setattr(_base, "MANY", 1000)
    one = guest.fresh()
    state = one.take()
    before = held(one)
    for _ in range(2):
        one.call("every", 8192, count)
        assert one.put(state) >= count
        assert held(one) == before


def test_pages_are_counted_one_by_one(guest: Keeping, told: bool) -> None:
    one = guest.fresh()
    state = one.take()
    one.put(state)
    quiet = one.put(state)
    one.call("every", 4096, 10)
    assert one.put(state) - quiet == (10 if told else 0)


def test_what_only_reads_changes_nothing(guest: Keeping) -> None:
    one = guest.fresh()
    state = one.take()
    one.put(state)
    before = one.put(state)
    assert one.call("get", 4096) == int.from_bytes(b"firs", "little")
    assert one.put(state) == before


def test_states_share_what_did_not_change(guest: Keeping) -> None:
    one = guest.fresh()
    first = one.take()
    assert first.kept == 0
    one.call("every", 4096, 5)
    second = one.take(first)
    one.call("set", 4096 * 50, 1)
    third = one.take(second)
    same = second.pages[0].keys() & third.pages[0].keys()
    assert len(same) == 5
    assert all(second.pages[0][page] is third.pages[0][page] for page in same)
    assert (second.kept, third.kept) == (5 * 4096, 6 * 4096)
    assert first.base is second.base is third.base


def test_a_page_that_is_again_what_it_was_is_not_kept(guest: Keeping) -> None:
    one = guest.fresh()
    first = one.take()
    one.call("set", 0, 7)
    one.call("set", 0, 0)
    assert one.take(first).kept == 0


def test_a_page_of_a_state(guest: Keeping) -> None:
    one = guest.fresh()
    one.take()
    one.call("set", 0, 0x6162)
    one.call("grow", 1)
    size = len(one.memories()[0])
    one.call("set", size - 4, 9)
    state = one.take()
    assert (state.page(0, 0)[:3], state.page(0, 1)[:5]) == (b"ba\0", b"first")
    assert state.page(0, size // 4096 - 1)[-4:] == b"\x09\0\0\0"
    assert state.page(0, size // 4096 - 2) == bytes(4096)


def test_room_is_given_back_before_more_is_taken(engine: Engine) -> None:
    """Each memory is as large as the limit lets it be in one of two states."""
    text = one_module(
        """(memory $a 1) (memory $b 1)
        (func (export "set") (param i32 i32) (result i32)
          (if (result i32) (local.get 0) (then (memory.grow $b (local.get 1))) (else (memory.grow $a (local.get 1)))))
        (func (export "get") (result i32) (i32.add (i32.mul (i32.const 1000) (memory.size $a)) (memory.size $b)))""",
        ("set/2", "get/0"),
    )
    with keeping(engine, text, memory=10 << 16) as guest:
        one, other = guest.fresh(), guest.fresh()
        one.call("set", 0, 8)
        left = one.take()
        other.call("set", 1, 8)
        right = other.take()
        for _ in range(2):
            one.put(right)
            assert one.call("get") == 1009
            one.put(left)
            assert one.call("get") == 9001
        assert one.call("set", 1, 1) == (1 << 32) - 1


def test_what_another_file_held_is_not_found_by_growing(engine: Engine) -> None:
    text = one_module(
        """(memory 1)
        (func (export "set") (param i32) (result i32) (drop (memory.grow (i32.const 3)))
          (i32.store (i32.const 200000) (local.get 0)) (i32.const 0))
        (func (export "get") (result i32) (drop (memory.grow (i32.const 3))) (i32.load (i32.const 200000)))"""
    )
    with keeping(engine, text) as guest:
        one, other = guest.fresh(), guest.fresh()
        small = one.take()
        other.call("set", 77)
        large = other.take()
        for _ in range(2):
            one.put(large)
            assert one.memories()[0][200000] == 77
            one.put(small)
            assert one.call("get") == 0


def test_many_instances_share_a_file(guest: Keeping) -> None:
    first = guest.fresh()
    first.call("set", 0, 5)
    state = first.take()
    each = [guest.fresh() for _ in range(8)]
    problems: list[BaseException] = []

    def work(one: Kept, number: int) -> None:
        try:
            for turn in range(20):
                one.put(state)
                assert one.call("get", 0) == 5
                one.call("every", 4096, 30 + turn)
                one.call("own", number)
                assert one.call("get", 0) == 6
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(one, number)) for number, one in enumerate(each)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert first.call("get", 0) == 5


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_nobody_has_any_more_leaves_no_file(guest: Keeping) -> None:
    gc.collect()
    before = _open_files()
    for _ in range(20):
        one = guest.fresh()
        one.put(one.take())
        one.instance.close()
    del one
    gc.collect()
    assert _open_files() <= before + 1


def test_fuel_is_the_guests_alone(engine: Engine) -> None:
    with keeping(engine, GUEST, metered=True) as guest:
        one = guest.fresh()
        with one.instance.entered(Frame()):
            one.instance.used()
        one.call("spin", 1000)
        left = _fuel(one)
        state = one.take()
        one.put(state)
        assert _fuel(one) == left
        with one.instance.entered(Frame()):
            used = one.instance.used()
        one.call("spin", 1000)
        with one.instance.entered(Frame()):
            assert one.instance.used() == used > 1000


def _fuel(one: Kept) -> int:
    with one.instance.entered(Frame()):
        assert one.instance.fuel is not None
        return one.instance.fuel


def test_a_guest_without_fuel_is_taken_back(engine: Engine) -> None:
    with keeping(engine, GUEST, metered=True) as guest:
        one = guest.fresh()
        before = held(one)
        state = one.take()
        one.call("own", 9)
        with one.instance.entered(Frame()):
            one.instance.refuel(0)
            put(one.instance, state)
            assert one.instance.fuel == 0
            one.instance.refuel(10**9)
        assert held(one) == before


def test_one_that_is_not_entered_is_refused(guest: Keeping) -> None:
    one = guest.fresh()
    with pytest.raises(ClosedError, match="the instance is not entered by this thread"):
        take(one.instance)
    state = one.take()
    with pytest.raises(ClosedError, match="the instance is not entered by this thread"):
        put(one.instance, state)


def test_one_that_ended_is_refused(guest: Keeping) -> None:
    one = guest.fresh()
    state = one.take()
    with pytest.raises(Trapped):
        one.call("get", (1 << 32) - 4)
    with pytest.raises(Trapped):
        one.put(state)
    one.instance.close()
    with pytest.raises(ClosedError):
        one.put(state)


def test_one_that_is_calling_out_is_refused(engine: Engine) -> None:
    text = component(
        """(core func $out (canon lower (func $f)))
        (core module $m (import "" "f" (func $f)) (func (export "get") (result i32) (call $f) (i32.const 1)))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $out))))))""",
        ("get/0",),
        before='(import "f" (func $f))',
    )
    found: list[str] = []

    def answers(linker: Linker) -> None:
        (wanted,) = linker.component.world.imports
        assert isinstance(wanted, Function)

        def answer(instance: Any, _values: Any) -> None:
            with pytest.raises(Trapped) as caught:
                take(instance)
            found.append(str(caught.value))

        linker.define(None, wanted, answer)

    with keeping(engine, text, answers=answers, host=lambda: None) as guest:
        one = guest.fresh()
        assert one.call("get") == 1
        state = one.take()
        assert found == ["a component cannot be called while it is calling out: the call would enter it again"]
        one.put(state)


def test_one_that_was_linked_to_be_fresh_is_refused(engine: Engine) -> None:
    plain = engine.from_text(GUEST)
    linker = engine.linker(plain)
    instance = linker.instantiate(Frame())
    with (
        instance.entered(Frame()),
        pytest.raises(CannotKeep, match="component: it was linked without `kept`"),
    ):
        take(instance)
    instance.close()
    linker.close()


def test_a_state_that_is_too_large_ends_the_instance(engine: Engine, guest: Keeping) -> None:
    one = guest.fresh()
    one.call("grow", 50)
    state = one.take()
    with keeping(engine, GUEST, memory=(PAGES // 16 + 20) << 16) as small:
        other = small.fresh()
        with pytest.raises(LimitExceeded, match="the state does not fit the instance"):
            other.put(state)
        assert other.instance.gone


def test_a_system_without_room_ends_the_instance(guest: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = guest.fresh(), guest.fresh()
    state = one.take()

    def full(*_: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(_posix, "map_file", full)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        other.put(state)
    assert other.instance.gone
    with pytest.raises(OSError, match="Cannot allocate memory"):
        guest.fresh().take()


PANIC = b"thread 'main' panicked at a.rs:1:1:\nthe secret\nnote: run with `RUST_BACKTRACE=1`\n"


@pytest.mark.parametrize("reverted", [True, False])
def test_what_was_said_before_is_quoted_by_no_later_error(guest: Keeping, reverted: bool) -> None:
    one = guest.fresh()
    state = one.take()
    one.instance.say("stderr", PANIC)
    if reverted:
        one.put(state)
    with pytest.raises(Trapped) as caught:
        one.call("end")
    assert ("the secret" in str(caught.value)) != reverted


def test_a_line_that_was_not_ended_is_not_joined_with_a_later_one(engine: Engine) -> None:
    heard: list[bytes] = []
    with keeping(engine, GUEST, output=lambda _stream, data: heard.append(data)) as guest:
        one = guest.fresh()
        state = one.take()
        with one.instance.entered(Frame()):
            one.instance.say("stdout", b"half")
            put(one.instance, state)
            one.instance.say("stdout", b"another\n")
    assert heard == [b"half", b"another\n"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, (PAGES // 16 + 1) * 65536 - 4), st.integers(0, 1 << 31)),
        st.tuples(st.just("every"), st.sampled_from([4, 64, 4096, 12288]), st.integers(1, 900)),
        st.tuples(st.just("own"), st.integers(0, 1 << 20)),
        st.tuples(st.just("grow"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["take", "put"]), st.integers(0, 3)),
    ),
    max_size=14,
)


@given(steps=STEPS, tells=st.booleans())
@settings(max_examples=examples(40), suppress_health_check=list(HealthCheck), deadline=None)
def test_random_guests_are_what_they_were(engine: Engine, steps: list[tuple[Any, ...]], tells: bool) -> None:
    with pytest.MonkeyPatch.context() as patch, keeping(engine, GUEST) as guest:
        if not tells:
            patch.setattr(_posix, "tells_changes", lambda: False)
        one, other = guest.fresh(), guest.fresh()
        states = [(one.take(), held(one))]
        for name, *values in steps:
            if name == "take":
                states.append((one.take(states[values[0] % len(states)][0]), held(one)))
            elif name == "put":
                state, expected = states[values[0] % len(states)]
                one.put(state)
                assert held(one) == expected
            else:
                one.call(name, *values)
        for state, expected in [*states, *reversed(states)]:
            for each in (one, other):
                each.put(state)
                assert held(each) == expected


def test_what_is_looked_at_is_not_freed_meanwhile(guest: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    one, changed = guest.fresh(), Base.changes
    one.call("set", 0, 7)
    one.take()
    one.call("set", 4096 * 9, 8)

    def closing(base: Base, number: int, memory: Any) -> Iterator[tuple[int, int]]:
        closer = threading.Thread(target=one.instance.close)
        closer.start()
        closer.join()
        return changed(base, number, memory)

    monkeypatch.setattr(Base, "changes", closing)
    assert capture(one.instance).page(0, 9)[:4] == b"\x08\0\0\0"
    assert one.instance.closed
    with pytest.raises(ClosedError, match="the instance has no memory any more that could be looked at"):
        capture(one.instance)


def test_what_is_to_be_closed_by_who_is_in_it_can_be_looked_at(guest: Keeping) -> None:
    one = guest.fresh()
    with one.instance.entered(Frame()):
        one.instance.close()
        assert capture(one.instance).page(0, 1)[:5] == b"first"
    assert one.instance.closed


def test_what_another_thread_is_in_is_not_looked_at(guest: Keeping) -> None:
    one, problems = guest.fresh(), list[str]()

    def look() -> None:
        try:
            capture(one.instance)
        except ClosedError as problem:
            problems.append(str(problem))

    with one.instance.entered(Frame()):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert problems == ["the instance cannot be looked at while another thread is in it"]
    assert capture(one.instance).page(0, 1)[:5] == b"first"
    assert one.call("get", 4096) == int.from_bytes(b"firs", "little")


ENDS = """
import sys
from orchestrator.engine import Engine, _posix
from tests.support.keeping import keeping
from tests.wasm.test_engine_snapshot import GUEST
with Engine(sys.argv[1]) as engine, keeping(engine, GUEST) as guest:
    kept = _posix.kept = guest.fresh().take()  # it goes together with the module that would unmap it
"""


def test_a_program_that_ends_with_states_says_nothing_of_them(engine: Engine) -> None:
    program = [sys.executable, "-c", ENDS, str(engine.cache.folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
