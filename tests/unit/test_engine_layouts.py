"""Values in canonical memory: there and back, as the specification lays them out, measured, and hostile."""

from __future__ import annotations

import ctypes
import random
import struct
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine._arena import Arena, advance
from orchestrator.engine._block_sizes import extra
from orchestrator.engine._flat import flat, signature
from orchestrator.engine._layouts import layout_of
from orchestrator.engine._libc import ROOM
from orchestrator.engine._load import loader
from orchestrator.engine._store import storer
from orchestrator.errors import LimitExceeded, Trapped, UnsupportedType
from orchestrator.interface import layout, parse_type, size
from orchestrator.interface import types as t
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.values import Variant
from tests.support.canonical import Reference, alignment, element_size
from tests.support.strategies import block_types, listed, same, values

MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
_SIZE = 1 << 18
_NUMBERS = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64")
_TYPES = block_types()
ALL = Allowance(sys.maxsize)
"""Of which any value may be made."""
_BLOCK = (ctypes.c_uint8 * _SIZE)()


def arena(size: int = _SIZE, fill: int = 0xAA) -> Arena:
    """An empty arena whose bytes are no zeros."""
    ctypes.memset(_BLOCK, fill, _SIZE)
    ctypes.memset(_BLOCK, 0, ROOM)
    return Arena(ctypes.addressof(_BLOCK), size)


def stored(type_: t.Type, value: Any) -> tuple[Arena, int]:
    made = arena()
    at = made.take(*layout(type_))
    advance(made.memory, storer(type_)(value, made.memory, at, made.next))
    return made, at


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[t.Type, Any]:
    type_ = draw(_TYPES)
    return type_, draw(values(type_))


def _function(params: list[t.Type], result: t.Type | None = None) -> t.Function:
    return t.Function("f", tuple(t.Field(f"p{index}", type_) for index, type_ in enumerate(params)), result)


@MANY
@given(typed_values())
def test_a_value_comes_back_from_memory(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    made, at = stored(type_, value)
    assert same(type_, loader(type_, False)(made.memory, at, ALL), value)


@MANY
@given(typed_values())
def test_lists_of_numbers_come_back_as_arrays_where_asked(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    made, at = stored(type_, value)
    found = loader(type_, True)(made.memory, at, ALL)
    kept = listed(type_, found)
    ctypes.memset(_BLOCK, 0, _SIZE)
    assert same(type_, kept, value)
    assert same(type_, listed(type_, found), value)
    second, at = stored(type_, found)
    assert same(type_, loader(type_, False)(second.memory, at, ALL), value)


@pytest.mark.parametrize(("name", "code"), list(zip(_NUMBERS, "bBhHiIqQfd", strict=True)))
def test_an_array_has_the_format_of_its_type_at_any_depth(name: str, code: str) -> None:
    type_ = t.Record((t.Field("a", t.Option(t.List(t.List(t.PRIMITIVES[name])))),))
    value: Any = {"a": [[1, 2], []] if name != "u8" else [b"\1\2", b""]}
    made, at = stored(type_, value)
    found = loader(type_, True)(made.memory, at, ALL)["a"]
    if name == "u8":
        assert found == [b"\1\2", b""]
    else:
        assert [(item.format, item.readonly, item.tolist()) for item in found] == [
            (code, True, [1, 2]),
            (code, True, []),
        ]


@MANY
@given(typed_values())
def test_values_are_laid_out_as_the_specification_says(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    assert layout(type_) == (element_size(type_), alignment(type_))
    made, at = stored(type_, value)
    assert same(type_, Reference(bytearray(made.memory), made.next).load(type_, at), value)
    theirs = Reference(bytearray(b"\x55" * _SIZE), ROOM)
    at = theirs.room(element_size(type_), alignment(type_))
    theirs.store(type_, value, at)
    assert same(type_, loader(type_, False)(memoryview(theirs.memory), at, ALL), value)


@MANY
@given(typed_values())
def test_the_size_in_memory_is_that_of_the_value(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    made, at = stored(type_, value)
    assert layout(type_)[0] + extra(type_)(made.memory, at, ALL) == size(type_, value)


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[t.Type], list[Any]]:
    params = draw(st.lists(_TYPES, max_size=4))
    return params, [draw(values(type_)) for type_ in params]


@MANY
@given(calls())
def test_arguments_come_back_from_numbers(call: tuple[list[t.Type], list[Any]]) -> None:
    params, given_values = call
    function, made = _function(params), arena()
    numbers = layout_of(function).lower(given_values, made.memory)
    assert len(numbers) == len(signature(function).params)
    assert layout_of(function).request_size(numbers, made.memory, ALL) == sum(map(size, params, given_values))
    for lift in (layout_of(function).lift, layout_of(function).lift_arrays):
        found = lift(numbers, made.memory, ALL)
        assert all(same(type_, listed(type_, a), b) for type_, a, b in zip(params, found, given_values, strict=True))


@MANY
@given(typed_values())
def test_numbers_are_those_of_the_specification(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    cores = flat((type_,))
    if len(cores) > 16:
        return
    theirs = Reference(bytearray(_SIZE), ROOM)
    expected = theirs.lower(type_, value)
    (found,) = layout_of(_function([type_])).lift(expected, memoryview(theirs.memory), ALL)
    assert same(type_, found, value)
    made = arena()
    numbers = layout_of(_function([type_])).lower((value,), made.memory)
    places = t.Tuple(tuple({"i32": t.U32, "i64": t.U64, "f32": t.F32, "f64": t.F64}[core] for core in cores))
    if not any(isinstance(part, t.List) or part == t.STRING for part in t.walk(type_)):
        assert same(places, numbers, tuple(expected))


@MANY
@given(typed_values())
def test_a_result_comes_back(pair: tuple[t.Type, Any]) -> None:
    type_, value = pair
    found, made = layout_of(_function([], type_)), arena()
    number = found.store_result(value, made.memory)
    assert same(type_, found.load_result(number, made.memory, ALL), value)
    assert same(type_, listed(type_, found.load_result_arrays(number, made.memory, ALL)), value)
    assert found.response_size(number, made.memory, ALL) == size(type_, value)


def test_room_for_a_result_in_memory_is_taken_with_the_arguments() -> None:
    made = arena()
    function = _function([t.U8], t.Tuple((t.U64, t.STRING)))
    assert layout_of(function).lower((7,), made.memory) == (7, ROOM)
    assert made.next == ROOM + 16


def test_a_function_without_anything_takes_nothing() -> None:
    found, made = layout_of(_function([])), arena()
    assert found.lower((), made.memory) == ()
    assert found.lift((), made.memory, ALL) == ()
    assert found.store_result(None, made.memory) == 0
    assert found.load_result(0, made.memory, ALL) is None
    assert found.request_size((), made.memory, ALL) == found.response_size(0, made.memory, ALL) == 0
    assert made.next == ROOM


# Hostile memory


def _attempt(read: Any, memory: memoryview, at: int) -> str:
    """How reading ended, if not with an error that it must not end with."""
    try:
        read(memory, at, ALL)
    except Trapped as problem:
        return str(problem)
    return "a value"


@MANY
@given(type_=_TYPES, data=st.data())
def test_memory_that_holds_anything_gives_a_value_or_a_trap(type_: t.Type, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, 300))
    noise = random.Random(data.draw(st.integers()))
    # Small numbers make pointers and lengths that are now and then right.
    words = [noise.choice([0, 1, 2, 3, 8, 64, length - 1, length, noise.getrandbits(32)]) for _ in range(80)]
    memory = memoryview(struct.pack("<80I", *[word & 0xFFFFFFFF for word in words])[:length])
    at = data.draw(st.integers(0, length))
    for read in (loader(type_, False), loader(type_, True), extra(type_)):
        assert _attempt(read, memory, at).startswith(("a value", "a guest passed"))


@MANY
@given(pair=typed_values(), changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_memory_gives_a_value_or_a_trap(pair: tuple[t.Type, Any], changes: list[tuple[int, int]]) -> None:
    type_, value = pair
    made, at = stored(type_, value)
    memory = made.memory[: made.next]
    for place, byte in changes:
        memory[ROOM + place % (len(memory) - ROOM)] = byte
    found = layout_of(_function([], t.Tuple((type_, t.U32, t.U64))))
    for read in (
        loader(type_, False),
        loader(type_, True),
        extra(type_),
        lambda m, a, all_: found.load_result(a, m, all_),
    ):
        assert _attempt(read, memory, at).startswith(("a value", "a guest passed"))


@pytest.mark.parametrize(
    ("type_", "data", "message"),
    [
        ("string", struct.pack("<2I", 8, 1), "a guest passed 1 bytes at 8, outside of the 8 bytes of its memory"),
        ("string", struct.pack("<2I4s", 8, 4, b"ab\xff."),
         "a guest passed a string that is not UTF-8: invalid start byte at byte 2"),
        ("string", struct.pack("<2I3s", 8, 3, b"\xed\xa0\x80"),
         "a guest passed a string that is not UTF-8: invalid continuation byte at byte 0"),
        ("string", b"1234567", "a guest passed a value that lies outside of its memory"),
        ("list<u8>", struct.pack("<2I", 0, 0xFFFFFFFF),
         "a guest passed 4294967295 bytes at 0, outside of the 8 bytes of its memory"),
        ("list<u64>", struct.pack("<2IQ", 4, 1, 0), "a guest passed 8 bytes at 4, which is no multiple of 8"),
        ("list<u64>", struct.pack("<2I", 0, 0xFFFFFFFF),
         "a guest passed 34359738360 bytes at 0, outside of the 8 bytes of its memory"),
        ("list<tuple<u8, u16>>", struct.pack("<2I", 1, 1), "a guest passed 4 bytes at 1, which is no multiple of 2"),
        ("list<char>", struct.pack("<3I", 8, 1, 0xD800),
         "a guest passed 0xd800 for a char, which is no Unicode scalar value"),
        ("list<char>", struct.pack("<2I", 8, 1), "a guest passed 4 bytes at 8, outside of the 8 bytes of its memory"),
        ("char", struct.pack("<I", 0x110000), "a guest passed 0x110000 for a char, which is no Unicode scalar value"),
        ("option<u8>", b"\2\0", "a guest passed the case 2, which its type does not have"),
        ("enum { a, b }", b"\2", "a guest passed a case that its type does not have"),
        ("variant { a, b(u8) }", b"\2\0", "a guest passed a case that its type does not have"),
    ],
)  # fmt: skip
def test_what_a_guest_may_not_write(type_: str, data: bytes, message: str) -> None:
    with pytest.raises(Trapped) as caught:
        loader(parse_type(type_), False)(memoryview(data), 0, ALL)
    assert str(caught.value) == message


def test_any_byte_but_zero_is_true_and_bits_of_no_flag_are_ignored() -> None:
    memory = memoryview(struct.pack("<2I2B2x", 8, 2, 0, 0xFE))
    assert loader(t.List(t.BOOL), False)(memory, 0, ALL) == [False, True]
    assert loader(t.Flags(("a", "b")), False)(memoryview(b"\xfe"), 0, ALL) == {"b"}
    found = layout_of(_function([t.BOOL, t.U8, t.S16, t.Flags(("a",))]))
    assert found.lift((0x100, 0x1FF, 0xFFFF8000, 0xFFFFFFFF), memory, ALL) == (True, 255, -32768, {"a"})


def test_lists_that_claim_the_same_bytes_many_times_are_refused_before_anything_is_made() -> None:
    type_ = t.List(t.List(t.List(t.STRING)))
    many = 1000
    memory = memoryview(bytearray(8 + 3 * 8 * many + 50_000))
    for level in range(3):
        at = 8 + level * 8 * many
        struct.pack_into(f"<{2 * many}I", memory, at, *[at + 8 * many, many if level < 2 else 50_000] * many)
    struct.pack_into("<2I", memory, 0, 8, many)
    found = layout_of(_function([type_], t.Tuple((type_, t.U8))))
    for read in (
        lambda: extra(type_)(memory, 0, ALL),
        lambda: found.lift((8, many), memory, ALL),
        lambda: found.load_result(0, memory, ALL),
        lambda: found.response_size(0, memory, ALL),
        lambda: found.request_size((8, many), memory, ALL),
    ):
        with pytest.raises(Trapped) as caught:
            read()
        words = "a guest passed a value of 50008000 bytes in a memory of 74008 bytes: parts of it overlap"
        assert str(caught.value) == words


def test_fields_that_claim_the_same_bytes_are_refused_too() -> None:
    type_ = t.Tuple((t.STRING,) * 3)
    memory = memoryview(bytearray(struct.pack("<6I", *[24, 100] * 3) + b"x" * 100))
    by_offset, passed = layout_of(_function([], type_)), layout_of(_function([type_]))
    for read in (lambda: by_offset.load_result(0, memory, ALL), lambda: passed.lift((24, 100) * 3, memory, ALL)):
        with pytest.raises(Trapped) as caught:
            read()
        words = "a guest passed a value of 300 bytes in a memory of 124 bytes: parts of it overlap"
        assert str(caught.value) == words


def test_offsets_of_blocks_are_checked() -> None:
    many = _function([t.U64] * 17, t.Tuple((t.U64, t.U64)))
    memory = memoryview(bytes(1 << 10))
    for read in (layout_of(many).lift, lambda numbers, view, all_: layout_of(many).load_result(numbers[0], view, all_)):
        for at in (4, 1023, 1024, 0xFFFFFFF8, 0xFFFFFFFF):
            with pytest.raises(Trapped):
                read((at,), memory, ALL)


# Room


def test_what_does_not_fit_takes_nothing() -> None:
    made = arena(256)
    several: list[tuple[t.Type, Any]] = [
        (t.STRING, "x" * 193),
        (t.List(t.U8), b"x" * 193),
        (t.List(t.U32), [1] * 49),
        (t.List(t.CHAR), ["x"] * 49),
        (t.List(t.STRING), ["x"] * 22),
        (t.List(t.Tuple((t.U8, t.STRING))), [(1, "abcd")] * 13),
        (t.List(t.BOOL), [True] * 193),
        (t.Tuple((t.U64,) * 30), tuple(range(30))),
    ]
    for type_, value in several:
        with pytest.raises(LimitExceeded) as caught:
            layout_of(_function([type_])).lower((value,), made.memory)
        assert str(caught.value).startswith("the values of a call need ")
        assert str(caught.value).endswith(
            " bytes more than are left in the 256 bytes they cross in: pass them in several calls"
        )
        assert made.next == ROOM
    assert layout_of(_function([t.STRING])).lower(("x" * 192,), made.memory) == (64, 192)
    assert made.next == 256


def test_room_is_taken_in_order_from_the_start_of_the_memory() -> None:
    made = arena(256)
    assert (made.next, made.marked) == (64, 64)
    assert made.take(3, 1) == 64
    made.mark()
    assert (made.take(8, 8), made.take(100, 4)) == (72, 80)
    assert (made.next, made.marked) == (180, 67)
    made.clear()
    assert (made.next, made.marked) == (64, 64)
    made.take(3, 1)
    with pytest.raises(LimitExceeded) as caught:
        made.take(200, 16)
    assert str(caught.value) == (
        "the values of a call need 24 bytes more than are left in the 256 bytes they cross in: "
        "pass them in several calls"
    )
    assert made.next == 67


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (t.List(t.Own(t.Resource("r"))), "a handle of `r` does not cross in memory"),
        (t.Tuple(()), "a record or tuple without fields has no place in memory"),
        (t.Unsupported("stream"), "no value of type Unsupported(kind='stream', items=()) can cross the engine"),
    ],
)
def test_types_that_do_not_cross_in_memory_are_refused(type_: t.Type, message: str) -> None:
    with pytest.raises(UnsupportedType) as caught:
        layout_of(_function([t.U8], type_))
    assert str(caught.value) == message


def test_large_types_are_compiled_in_parts() -> None:
    deep: t.Type = t.U8
    value: Any = 3
    for index in range(60):
        deep = t.Option(deep) if index % 3 else t.Tuple((deep, t.STRING))
        value = ({"some": value} if index % 3 == 2 else value) if index % 3 else (value, "text")
    wide = t.Record(tuple(t.Field(f"f{n}", t.STRING if n % 2 else t.Option(t.U64)) for n in range(800)))
    cases = t.Variant(tuple(t.Case(f"c{n}", t.List(t.U8) if n % 2 else None) for n in range(300)))
    several: list[tuple[t.Type, Any]] = [
        (deep, value),
        (wide, {f"f{n}": str(n) if n % 2 else n for n in range(800)}),
        (t.List(cases), [Variant("c299", b"\0\1\2"), Variant("c0")]),
        (t.Result(wide, deep), {"err": value}),
        (t.Option(cases), Variant("c1", b"")),
        (t.Enum(tuple(f"e{n}" for n in range(70_000))), "e69999"),
    ]
    for type_, one in several:
        found, made = layout_of(_function([type_], type_)), arena()
        numbers = found.lower((one,), made.memory)
        assert same(type_, found.lift(numbers, made.memory, ALL)[0], one)
        assert found.request_size(numbers, made.memory, ALL) == size(type_, one)
        number = found.store_result(one, made.memory)
        assert same(type_, found.load_result(number, made.memory, ALL), one)
