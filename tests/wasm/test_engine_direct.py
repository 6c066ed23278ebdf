"""Lists that the host lays out in the guest's own memory: they come through whole, and a guest that lies traps."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance, InstanceSettings
from orchestrator.engine._bulk_call import BulkCall
from orchestrator.engine._calls import exported
from orchestrator.engine._direct_call import DirectCall
from orchestrator.errors import LimitExceeded, TimedOut, Trapped
from orchestrator.interface import types as t
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.types import Function, Interface
from tests.support import direct_guests as guests
from tests.support.gates import Pass
from tests.support.wat import MEMORY
from tests.wasm.engine_calls import call, function, instance

PAGE = 65536


def direct(made: Instance, name: str) -> bool:
    """Whether a function was called without a shim."""
    return isinstance(made.calls[f"#{name}"], DirectCall)


@pytest.mark.parametrize(
    "text", [guests.LISTED, guests.MIRRORED, guests.ALIASED], ids=["listed", "mirrored", "aliased"]
)
def test_a_function_of_an_interface_is_called_without_a_shim(engine: Engine, text: str) -> None:
    with instance(engine, text) as made:
        assert not made.linker.component.shimmed
        api = made.linker.component.world.exports[0]
        assert isinstance(api, Interface)
        with made.entered(Frame()):
            for value in (b"", b"\0\xff", bytes(range(256)) * 5000):
                assert made.call(api.name, api.functions[0], [value]) == value
        assert [type(one) for one in made.calls.values()] == [DirectCall]


def test_a_function_of_the_world_is_called_without_a_shim_and_its_memory_grows(engine: Engine) -> None:
    with instance(engine, guests.OWN) as made:
        for value in (b"x", bytes(20 * PAGE - 1024), b""):
            assert call(made, "echo", value) == value
        assert direct(made, "echo")
        assert _sizes(made) == [20 * PAGE]


def _sizes(made: Instance) -> list[int]:
    assert made.bank is not None
    return [memory.size for memory in made.bank.memories]


NUMBERS = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64"]


@pytest.mark.parametrize("name", NUMBERS)
def test_lists_of_each_number_come_through(engine: Engine, name: str) -> None:
    text = guests.OWN.replace("(list u8)", f"(list {name})")
    values: list[Any] = [0, 1, 127] if name[0] != "f" else [0.5, -0.0, 1e30]
    with instance(engine, text) as made:
        found = call(made, "echo", bytes(values) if name == "u8" else values)
        assert list(found) == ([*map(_f32, values)] if name == "f32" else values)
        assert list(call(made, "echo", b"" if name == "u8" else [])) == []
        assert direct(made, "echo")


def _f32(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


# The calls a guest sees


def test_post_return_is_called_once_with_the_number_of_the_result(engine: Engine) -> None:
    with instance(engine, guests.counting()) as made:
        for number in range(1, 4):
            assert call(made, "echo", b"ab") == b"ab"
            assert (call(made, "posts"), call(made, "last"), call(made, "reallocs")) == (number, 16, number)
        assert call(made, "length", [0.5] * 7) == 7
        assert (call(made, "posts"), call(made, "last")) == (4, 7)


@pytest.mark.parametrize("bulk", ["auto", "never"])
def test_room_is_asked_for_an_empty_list_too_as_the_engine_itself_does(engine: Engine, bulk: Any) -> None:
    linker = engine.linker(engine.variant(engine.from_text(guests.counting()), bulk))
    with closing(linker.instantiate(Frame())) as made:
        assert call(made, "echo", b"") == b""
        assert call(made, "reallocs") == 1
        assert direct(made, "echo") == (bulk == "auto")


def test_a_string_and_numbers_beside_a_list(engine: Engine) -> None:
    text = f"""(component
      (core module $m {MEMORY}
        (func (export "f") (param i32 i32 i32 i32 i64 f32 i32 i32 i32 i32) (result i32)
          (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
          (i32.store (i32.const 24) (local.get 2)) (i32.store (i32.const 28) (local.get 3))
          (i64.store (i32.const 32) (local.get 4)) (f32.store (i32.const 40) (local.get 5))
          (i32.store8 (i32.const 44) (local.get 6)) (i32.store (i32.const 48) (local.get 7))
          (i32.store8 (i32.const 52) (local.get 8)) (i32.store8 (i32.const 53) (local.get 9)) (i32.const 16))
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m))
      (type $e' (enum "a" "b" "c")) (export $e "e" (type $e'))
      (type $f' (flags "x" "y" "z")) (export $f "f" (type $f'))
      (func (export "g") (param "s" string) (param "l" (list s16)) (param "n" s64) (param "d" f32) (param "b" bool)
        (param "c" char) (param "e" $e) (param "f" $f)
        (result (tuple string (list s16) s64 f32 bool char $e $f))
        (canon lift (core func $i "f") {guests.OPTIONS})))"""
    with instance(engine, text) as made:
        for words in ("", "жук 🦔", "x" * 100_000):
            values = (words, [-1, 2, -32768], -(2**63), 0.5, True, "🦔", "c", frozenset({"x", "z"}))
            assert call(made, "g", *values) == values
        assert direct(made, "g")


def test_sixteen_flat_parameters(engine: Engine) -> None:
    sums = "(i32.const 0)"
    for n in range(8):
        sums = f"(i32.add (i32.mul {sums} (i32.const 2)) (i32.load8_u (i32.add (local.get {2 * n}) (i32.const {n}))))"
    shown = " ".join(f'(param "p{n}" (list u8))' for n in range(8))
    text = f"""(component
      (core module $m {MEMORY}
        (func (export "f") (param {"i32 " * 16}) (result i32) {sums})
        (func (export "post") (param i32) (call $reset)))
      (core instance $i (instantiate $m))
      (func (export "f") {shown} (result u32) (canon lift (core func $i "f") {guests.OPTIONS})))"""
    with instance(engine, text) as made:
        assert call(made, "f", *(bytes(n) + bytes([n]) for n in range(8))) == sum(n << 7 - n for n in range(8))
        assert direct(made, "f")


# Guests that lie


@pytest.mark.parametrize(
    ("realloc", "message"),
    [
        (
            "(i32.const -8)",
            "the guest's realloc gave 4294967288 for 16 bytes at a multiple of 8, in a memory of 65536 bytes",
        ),
        (
            "(i32.const 65528)",
            "the guest's realloc gave 65528 for 16 bytes at a multiple of 8, in a memory of 65536 bytes",
        ),
        (
            "(i32.const 1028)",
            "the guest's realloc gave 1028 for 16 bytes at a multiple of 8, in a memory of 65536 bytes",
        ),
        ("unreachable", "the guest trapped: wasm `unreachable` instruction executed"),
    ],
    ids=["outside", "over-the-end", "askew", "trap"],
)
def test_a_realloc_that_lies_traps(engine: Engine, realloc: str, message: str) -> None:
    with instance(engine, guests.counting(realloc=realloc)) as made:
        with pytest.raises(Trapped) as caught:
            call(made, "wide", [1, 2])
        assert caught.value.message == message
        with pytest.raises(Trapped) as caught:
            call(made, "posts")
        assert caught.value.message == f"the instance answers no further call: {message}"


def test_a_realloc_that_does_not_return_meets_the_deadline(engine: Engine) -> None:
    with instance(engine, guests.counting(realloc="(loop $on (br $on)) unreachable")) as made:
        with pytest.raises(TimedOut):
            call(made, "echo", b"x", frame=Frame(deadline=time.monotonic() + 0.05))
        assert made.gone


def test_what_a_guest_has_no_room_for_is_a_limit(engine: Engine) -> None:
    with instance(engine, guests.OWN, InstanceSettings(memory=4 * PAGE)) as made:
        assert call(made, "echo", bytes(2 * PAGE)) == bytes(2 * PAGE)
        with pytest.raises((Trapped, LimitExceeded)):
            call(made, "echo", bytes(4 * PAGE))
        assert made.gone


def test_the_memory_may_grow_while_room_is_given(engine: Engine) -> None:
    grow = "(drop (memory.grow (i32.const 2))) (i32.const 131072)"
    with instance(engine, guests.counting(realloc=grow)) as made:
        assert call(made, "echo", b"x" * PAGE) == b"x" * PAGE
        assert call(made, "pages") == 3


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("at", [PAGE], "a guest passed a value that lies outside of its memory"),
        ("at", [PAGE - 4], "a guest passed a value that lies outside of its memory"),
        ("at", [2**32 - 4], "a guest passed a value that lies outside of its memory"),
        ("at", [18], "a guest passed 8 bytes at 18, which is no multiple of 4"),
        ("span", [PAGE, 1], "a guest passed 4 bytes at 65536, outside of the 65536 bytes of its memory"),
        ("span", [0, 2**32 - 1], "a guest passed 17179869180 bytes at 0, outside of the 65536 bytes of its memory"),
        ("span", [2, 1], "a guest passed 4 bytes at 2, which is no multiple of 4"),
    ],
)
def test_a_result_that_lies_traps(engine: Engine, name: str, values: list[int], message: str) -> None:
    with instance(engine, guests.counting()) as made:
        with pytest.raises(Trapped) as caught:
            call(made, name, *values)
        assert caught.value.message == message
        assert made.ended == message


def test_a_result_at_the_very_end_is_read(engine: Engine) -> None:
    with instance(engine, guests.counting()) as made:
        assert call(made, "span", PAGE - 8, 2) == [0, 0]
        assert call(made, "at", 16) == bytes(3)


def test_what_does_not_fit_its_type_never_reaches_the_guest(engine: Engine) -> None:
    with instance(engine, guests.counting()) as made:
        with pytest.raises(ValueError, match="expected"):
            call(made, "wide", [1, "two"])
        assert (call(made, "reallocs"), made.gone) == (0, False)


def test_what_no_memory_can_hold_never_reaches_the_guest(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.engine._direct_call.MOST", 3)
    with instance(engine, guests.counting()) as made:
        with pytest.raises(LimitExceeded) as caught:
            call(made, "echo", b"four")
        assert caught.value.message == ("a value of 4 bytes is larger than a guest's memory: pass it in several calls")
        assert (call(made, "reallocs"), made.gone) == (0, False)


def test_two_instances_have_their_own(engine: Engine) -> None:
    with instance(engine, guests.OWN) as one, instance(engine, guests.OWN) as other:
        assert call(one, "echo", b"one" * 50_000) == b"one" * 50_000
        assert call(other, "echo", b"other") == b"other"
        assert call(one, "echo", b"again") == b"again"
        assert [_sizes(made) for made in (one, other)] == [[3 * PAGE], [PAGE]]


# Beside a shim

MIXED = f"""(component
  (core module $n (memory 2)) (core instance (instantiate $n))
  {guests.MODULE}
  (func (export "rows") (param "x" (list string)) (result (list string))
    (canon lift (core func $i "echo") {guests.OPTIONS}))
  (func (export "echo") {guests.LIFTED}))"""


def test_functions_with_a_shim_and_without_one_in_a_component(engine: Engine) -> None:
    with instance(engine, MIXED) as made:
        assert made.linker.component.shimmed
        assert call(made, "rows", ["a", "жук"]) == ["a", "жук"]
        assert call(made, "echo", b"bytes") == b"bytes"
        assert [type(made.calls[key]) for key in ("#rows", "#echo")] == [BulkCall, DirectCall]
        assert _sizes(made)[1:] == [2 * PAGE, PAGE]
        assert made.linker.code.direct["#echo"].memory == 2


def _caller(type_: str, core: str = "i32 i32", loads: str = "(local.get 0) (local.get 1)") -> str:
    """A component that hands what it gets to its import `echo`, and gives back what that gives."""
    return f"""(component
      (import "echo" (func $echo (param "x" {type_}) (result {type_})))
      (core module $libc {MEMORY})
      (core instance $i (instantiate $libc))
      (core func $echo' (canon lower (func $echo)
        (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
      (core module $m
        (import "libc" "reset" (func $reset)) (import "env" "echo" (func $echo (param {core} i32)))
        (func (export "call") (param {core}) (result i32) (call $echo {loads} (i32.const 16)) (i32.const 16))
        (func (export "post") (param i32) (call $reset)))
      (core instance $m (instantiate $m
        (with "libc" (instance $i)) (with "env" (instance (export "echo" (func $echo'))))))
      (func (export "call") (param "x" {type_}) (result {type_}) (canon lift (core func $m "call")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc")) (post-return (core func $m "post")))))"""


@pytest.fixture
def joined(engine: Engine, request: pytest.FixtureRequest) -> Iterator[tuple[Instance, Instance, Pass]]:
    """A caller behind a shim, the callee that it is joined to, and the gate between."""
    type_, text = request.param
    with instance(engine, text) as callee:
        component = engine.from_text(_caller(type_))
        linker, gate = engine.linker(component), Pass(callee)
        wanted, offered = function(component.world, "echo"), function(callee.linker.component.world, "echo")
        linker.forward(None, wanted, None, offered, gate)
        with closing(linker.instantiate(Frame())) as caller:
            yield caller, callee, gate


def _over(type_: str, text: str = guests.OWN) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("joined", [(type_, text.replace("(list u8)", type_))], indirect=True)


@_over("(list u8)")
def test_bytes_go_over_an_edge(joined: tuple[Instance, Instance, Pass]) -> None:
    caller, callee, gate = joined
    for value in (b"x", b"", bytes(range(256)) * 5000):
        assert call(caller, "call", value) == value
    assert direct(callee, "echo")
    assert gate.problems == []


@_over("(list f64)")
def test_numbers_go_over_an_edge(joined: tuple[Instance, Instance, Pass]) -> None:
    caller, callee, _ = joined
    for value in ([], [0.5, -0.0], [float(n) for n in range(50_000)]):
        assert call(caller, "call", value) == value
    assert direct(callee, "echo")


@_over(
    "(list u8)",
    guests.OWN.replace("(i32.store (i32.const 20) (local.get 1))", "(i32.store (i32.const 20) (i32.const -1))"),
)
def test_a_result_that_lies_over_an_edge_ends_the_callee(joined: tuple[Instance, Instance, Pass]) -> None:
    caller, callee, gate = joined
    with pytest.raises(Trapped) as caught:
        call(caller, "call", b"x")
    assert caught.value.message == ("a guest passed 4294967295 bytes at 1024, outside of the 65536 bytes of its memory")
    assert callee.ended == caught.value.message
    assert gate.problems == [f"Trapped: {caught.value}"]


MAKERS = f"""(component
  (core module $m {guests.BODY}
    (data (i32.const 64) "\\d0\\b6\\ff")
    (func (export "text") (param i32 i32 i32) (result i32)
      (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (local.get 2)) (i32.const 16))
    (func (export "some") (param i32 i32) (result i32)
      (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (local.get 0))
      (i32.store (i32.const 24) (local.get 1)) (i32.const 16))
    (func (export "sum") (param i32 i32) (result i32) (i32.load8_u (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "text") (param "x" (list u8)) (param "n" u32) (result string)
    (canon lift (core func $i "text") {guests.OPTIONS}))
  (func (export "some") (param "x" string) (result (option (list u8)))
    (canon lift (core func $i "some") {guests.OPTIONS}))
  (func (export "sum") (param "x" (list u8)) (result u8)
    (canon lift (core func $i "sum") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""


def test_results_of_other_types_go_into_the_callers_memory(engine: Engine) -> None:
    from orchestrator.engine._arena import Arena

    with instance(engine, MAKERS) as made, instance(engine, MIXED) as other:
        arena: Arena = other.arena
        memory = arena.memory
        at = arena.take(8, 8)
        memory[at : at + 4] = b"\7abc"
        with made.entered(Frame()):
            text, some, total = (_ready(made, name) for name in ("text", "some", "sum"))
            assert total.through(arena, (at, 1)) == (7, 1)
            number, size = some.through(arena, (at, 3))
            found = t.Option(t.List(t.U8))
            assert (_loaded(found, number, memory), size) == (b"\7ab", 15)
            number, size = text.through(arena, (at, 1, 2))
            assert (_loaded(t.STRING, number, memory), size) == ("ж", 10)
            with pytest.raises(Trapped) as caught:
                text.through(arena, (at, 1, 3))
            assert caught.value.message == "a guest passed a string that is not UTF-8: invalid start byte at byte 2"
        assert made.ended == caught.value.message


def test_what_does_not_lie_in_the_callers_memory_traps(engine: Engine) -> None:
    with instance(engine, MAKERS) as made, instance(engine, MIXED) as other, made.entered(Frame()):
        total = _ready(made, "sum")
        with pytest.raises(Trapped) as caught:
            total.through(other.arena, (2**32 - 1, 2))
        assert caught.value.message == (
            "a guest passed 2 bytes at 4294967295, outside of the 4294901760 bytes of its memory"
        )
        assert not made.gone


def _ready(made: Instance, name: str) -> DirectCall:
    found = made.ready(exported(None, function(made.linker.component.world, name)))
    assert isinstance(found, DirectCall)
    return found


def _loaded(type_: t.Type, number: Any, memory: memoryview) -> Any:
    from orchestrator.engine._layouts import layout_of

    return layout_of(Function("", (), type_)).load_result(number, memory, Allowance())
