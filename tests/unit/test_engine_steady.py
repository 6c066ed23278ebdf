"""What of a module can change, read from its code: every instruction is stepped over as long as it is, or stops it.

The table here is written from the standard, instruction by instruction, without looking at the expression that steps:
https://webassembly.github.io/spec/core/binary/instructions.html
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import wat2wasm

from orchestrator.engine._keep import EXPORTED, keep, way_of
from orchestrator.engine._sections import Reader, section, unsigned
from orchestrator.engine._steady import PREFIX, Traits, Unsteady, exporting, traits
from tests.support.leaks import ATTACKS

TRACES = b"\x26\xfc\x09\xfc\x0f\xfe\xd4"
"""Bytes that are instructions of the refused kinds where one begins: operands are made of them."""


@st.composite
def number(draw: st.DrawFn) -> bytes:
    """A number as LEB128 has it, longer than it need be now and then, of bytes that look like instructions."""
    parts = [draw(st.sampled_from([*TRACES, 0x0B, 0x41, 0x80, 0xFF])) | 0x80 for _ in range(draw(st.integers(0, 4)))]
    return bytes([*parts, draw(st.sampled_from([0x00, 0x26, 0x0B, 0x0E, 0x40, 0x7F, *range(1, 127, 9)]))])


def exactly(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count) | st.just((TRACES * 3)[:count])


def many(count: int) -> st.SearchStrategy[bytes]:
    return st.tuples(*[number()] * count).map(b"".join)


@st.composite
def place(draw: st.DrawFn) -> bytes:
    """Where in a memory: an alignment, with the memory's number where it has that flag, and an offset."""
    align = draw(st.integers(0, 4))
    return bytes([align | 0x40]) + draw(many(2)) if draw(st.booleans()) else bytes([align]) + draw(number())


block = st.sampled_from([b"\x40", b"\x7f", b"\x7b", b"\x70", b"\x63\x70", b"\x64\x6f", b"\x05", b"\x85\x01"])
nothing = st.just(b"")
PLAIN: dict[int, st.SearchStrategy[bytes]] = {
    **dict.fromkeys([0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, 0xD1], nothing),
    **dict.fromkeys(range(0x45, 0xC5), nothing),
    **dict.fromkeys([0x02, 0x03, 0x04], block),
    **dict.fromkeys([0x08, 0x0C, 0x0D, 0x10, 0x12], number()),
    **dict.fromkeys([0x11, 0x13], many(2)),
    **dict.fromkeys([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x3F, 0x40, 0x41, 0x42, 0xD0, 0xD2], number()),
    **dict.fromkeys(range(0x28, 0x3F), place()),
    0x0E: st.lists(number().filter(lambda one: len(one) < 5), min_size=1, max_size=5).map(
        lambda each: unsigned(len(each) - 1) + b"".join(each)
    ),
    0x1C: st.sampled_from([b"\x01\x7f", b"\x01\x7c", b"\x01\x70", b"\x01\x6f"]),
    0x43: exactly(4),
    0x44: exactly(8),
}
"""The instructions of a byte that leave no trace but in memories, globals and the stack; what follows each."""
LONG: dict[int, st.SearchStrategy[bytes]] = {
    **dict.fromkeys(range(8), nothing),
    8: many(2),
    10: many(2),
    11: number(),
    16: number(),
}
"""The same of those behind 0xFC."""
VECTOR: dict[int, st.SearchStrategy[bytes]] = {
    **dict.fromkeys([*range(12), 0x5C, 0x5D], place()),
    **dict.fromkeys([0x0C, 0x0D], exactly(16)),
    **dict.fromkeys([*range(0x0E, 0x15), *range(0x23, 0x54), *range(0x5E, 0x80)], nothing),
    **dict.fromkeys(range(0x15, 0x23), exactly(1)),
    **dict.fromkeys(range(0x54, 0x5C), st.tuples(place(), exactly(1)).map(b"".join)),
    **dict.fromkeys(range(0x80, 0x180), nothing),
}
"""The same of those behind 0xFD."""
TRACING = {
    b"\x26\x00": "it changes a table",
    b"\xfc\x09\x00": "it drops a segment of data",
    b"\xfc\x0c\x00\x00": "it changes a table",
    b"\xfc\x0d\x00": "it drops a segment of a table",
    b"\xfc\x0e\x00\x00": "it changes a table",
    b"\xfc\x0f\x00": "it changes a table",
    b"\xfc\x11\x00": "it changes a table",
}
UNKNOWN = "it has an instruction that is not known here"


def shown(prefix: bytes, code: int) -> bytes:
    """The operation itself, as a number of 32 bits behind its prefix."""
    return prefix + unsigned(code) if prefix else bytes([code])


def behind(prefix: bytes, table: dict[int, st.SearchStrategy[bytes]]) -> list[st.SearchStrategy[bytes]]:
    return [st.tuples(st.just(shown(prefix, code)), rest).map(b"".join) for code, rest in table.items()]


every = st.one_of(*behind(b"", PLAIN), *behind(b"\xfc", LONG), *behind(b"\xfd", VECTOR))
"""Any instruction that is stepped over, with what follows it."""


few = settings(max_examples=12)
"""There are hundreds of instructions."""


def module(*bodies: bytes) -> Reader:
    """A module of these functions, each without locals."""
    code = unsigned(len(bodies)) + b"".join(unsigned(len(body) + 1) + b"\0" + body for body in bodies)
    binary = b"\0asm\1\0\0\0" + section(10, code)
    return Reader(binary, 0, len(binary))


def refused(*bodies: bytes) -> str:
    with pytest.raises(Unsteady) as caught:
        traits(module(*bodies))
    return str(caught.value)


@pytest.mark.parametrize("code", PLAIN)
@few
@given(data=st.data())
def test_an_instruction_is_as_long_as_it_is(code: int, data: st.DataObject) -> None:
    _is_stepped_over(bytes([code]) + data.draw(PLAIN[code]))


@pytest.mark.parametrize("code", LONG)
@few
@given(data=st.data())
def test_a_long_instruction_is_as_long_as_it_is(code: int, data: st.DataObject) -> None:
    _is_stepped_over(shown(b"\xfc", code) + data.draw(LONG[code]))


@pytest.mark.parametrize("code", VECTOR)
@few
@given(data=st.data())
def test_an_instruction_of_vectors_is_as_long_as_it_is(code: int, data: st.DataObject) -> None:
    _is_stepped_over(shown(b"\xfd", code) + data.draw(VECTOR[code]))


def _is_stepped_over(instruction: bytes) -> None:
    """What follows begins where it ends: a trace there is seen, and nothing is seen that is not there."""
    assert traits(module(instruction + b"\x0b")) == Traits()
    for trace, why in TRACING.items():
        assert refused(instruction + trace + b"\x0b") == why


@given(st.lists(every, max_size=30), st.sampled_from(list(TRACING.items())), st.data())
def test_a_trace_is_found_wherever_it_is(code: list[bytes], trace: tuple[bytes, str], data: st.DataObject) -> None:
    assert traits(module(b"".join(code))) == Traits()
    at = data.draw(st.integers(0, len(code)))
    spoilt = b"".join([*code[:at], trace[0], *code[at:]])
    assert refused(spoilt) == trace[1]
    assert refused(b"\x0b", b"".join(code), spoilt, b"\x0b") == trace[1]


UNKNOWN_PLAIN = sorted({*range(256)} - PLAIN.keys() - {0x26, 0xFC, 0xFD})


@pytest.mark.parametrize("code", UNKNOWN_PLAIN, ids=hex)
def test_what_is_not_known_stops(code: int) -> None:
    for rest in (b"", b"\0", b"\0\0", b"\x0b"):
        assert refused(bytes([code]) + rest) == UNKNOWN


@pytest.mark.parametrize("code", [code for code in range(256) if code not in LONG])
def test_what_is_not_known_of_the_long_ones_stops(code: int) -> None:
    known = {9, 12, 13, 14, 15, 17}
    assert (refused(shown(b"\xfc", code) + b"\0\0") == UNKNOWN) == (code not in known)


@pytest.mark.parametrize("code", [*range(0x180, 0x200), 1 << 14, 1 << 31])
def test_what_is_not_known_of_vectors_stops(code: int) -> None:
    assert refused(shown(b"\xfd", code) + b"\0\0") == UNKNOWN


@pytest.mark.parametrize(
    "code", [b"\xfc\x8f\x00\x00", b"\xfc\x89\x80\x00\x00", b"\x1c\x81\x00\x7f", b"\x28\x80\x00\x00"]
)
def test_an_operation_that_is_written_longer_than_it_need_be_stops(code: bytes) -> None:
    """It may be one that leaves a trace: nobody writes such code."""
    assert refused(code + b"\x0b") == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 38)))",
        "(block (br_table 0 0 0 0 (i32.const 9)))",
        "(block (result f64) (f64.const 38))(drop)",
        "(drop (i64.extend32_s (i64.const -9223372036854775808)))",
        "(drop (i32.trunc_sat_f64_u (f64.const 1e300)))",
        "(drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 38 9)))",
        "(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get $v) (local.get $v)))",
        "(local.set $v (v128.load64_lane offset=38 1 (i32.const 0) (local.get $v)))",
        "(v128.store8_lane offset=9 15 (i32.const 0) (local.get $v))",
        "(local.set $v (v128.load32_zero (i32.const 38)))",
        "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))",
        "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
        "(i64.store32 offset=4294967295 align=1 (i32.const 38) (i64.const 38))",
        "(drop (table.size $t))",
        "(drop (table.get $t (i32.const 38)))",
        "(drop (ref.is_null (ref.func $f)))",
        "(call_indirect $t (i32.const 0))",
        "(return_call $f)",
        "(return_call_indirect $t (i32.const 0))",
        "(global.set $g (i32.add (global.get $g) (memory.grow (memory.size))))",
        "(loop (if (i32.const 1) (then (br 1)) (else nop)))",
        "(drop (f32x4.max (f32x4.splat (f32.const nan)) (f32x4.splat (f32.const 38))))",
    ],
)
def test_what_an_assembler_makes_is_stepped_over(text: str) -> None:
    binary = bytes(
        wat2wasm(f"""(module (memory 1) (table $t 1 funcref) (data $d "x") (elem declare func $f)
        (global $g (mut i32) (i32.const 0)) (func $f (local $v v128) {text}))""")
    )
    assert traits(Reader(binary, 0, len(binary))) == Traits(((0, "i32"),), ((0, False),))


def of(text: str) -> Traits:
    binary = bytes(wat2wasm(text))
    return traits(Reader(binary, 0, len(binary)))


def test_what_can_change_is_counted_from_what_is_imported() -> None:
    assert of("""(module
      (import "a" "g" (global (mut i32))) (import "a" "f" (func)) (import "a" "m" (memory 1))
      (import "a" "t" (table 1 funcref)) (import "a" "c" (global f32))
      (global i64 (i64.const 1)) (global (mut f64) (f64.const 1)) (global (mut v128) (v128.const i64x2 0 0))
      (global funcref (ref.null func)) (global (mut i32) (i32.add (i32.const 1) (i32.const 2)))
      (memory i64 1) (memory 1 2))""") == Traits(((3, "f64"), (4, "v128"), (6, "i32")), ((1, True), (2, False)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(global (mut externref) (ref.null extern))", "it has a global that can change and holds a reference"),
        ("(memory 1 1 shared)", "its memory is shared with other threads"),
        (f'(func (export "{PREFIX}x"))', "a module of it has an export with a name that this engine adds"),
    ],
)
def test_what_nobody_can_take_back(text: str, why: str) -> None:
    with pytest.raises(Unsteady) as caught:
        of(f"(module {text})")
    assert str(caught.value) == why


@pytest.mark.parametrize(
    "text",
    [
        "(module)",
        '(module (func (export "f")))',
        "(module (func))",
        "(module (memory 1) (func $s) (start $s))",
        '(module (memory 1) (data (i32.const 0) "x"))',
        '(module (global (mut i32) (i32.const 1)) (export "g" (global 0)))',
        "(module (table 1 funcref) (func $f) (elem (i32.const 0) func $f))",
    ],
)
def test_exports_are_added_wherever_there_are_none_or_some(text: str) -> None:
    binary = bytes(wat2wasm(text.replace("(module", "(module (global $own (mut i32) (i32.const 3))", 1)))
    found = exporting(Reader(binary, 0, len(binary)), [("one", 3, 0), ("two", 3, 0)])
    from wasmtime import Engine, Module

    names = [export.name for export in Module(Engine(), found).exports]
    assert names[-2:] == ["one", "two"]


def test_a_binary_that_is_cut_within_a_section_is_refused() -> None:
    binary = bytes(wat2wasm('(module (memory 1) (global (mut i32) (i32.const 1)) (func (export "f") nop))'))
    ends = [8]
    while ends[-1] < len(binary):
        ends.append(ends[-1] + 2 + binary[ends[-1] + 1])
    for cut in sorted({*range(8, len(binary))} - {*ends}):
        with pytest.raises((ValueError, Unsteady)):
            traits(Reader(binary, 0, cut))


# The keeper


def test_a_component_with_nothing_to_keep_stays_as_it_is() -> None:
    binary = bytes(
        wat2wasm("""(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
      (func (export "f") (canon lift (core func $i "f"))))""")
    )
    assert way_of(binary) == ("proven", "")
    assert (keep(binary).binary, keep(binary).memory) == (binary, 0)


@pytest.mark.parametrize("name", [name for name, one in ATTACKS.items() if one.way != "fresh"])
def test_a_keeper_is_behind_all_that_a_component_has(name: str) -> None:
    binary = bytes(wat2wasm(ATTACKS[name].text))
    found = keep(binary)
    assert found.memory == 65536
    assert all(one.encode() in found.binary for one in EXPORTED)
    assert way_of(found.binary).name == "fresh"


def test_globals_are_bounded_and_take_as_many_pages_as_they_need() -> None:
    def with_globals(count: int, instances: int = 1) -> bytes:
        globals_ = "(global (mut i32) (i32.const 0))" * count
        made = "(core instance (instantiate $m))" * instances
        return bytes(wat2wasm(f"(component (core module $m {globals_}) {made})"))

    assert keep(with_globals(4096)).memory == 65536
    assert keep(with_globals(4097)).memory == 2 * 65536
    assert keep(with_globals(4096, 2)).memory == 2 * 65536
    assert way_of(with_globals(10_000)).name == "instrumented"
    assert way_of(with_globals(10_001)) == ("fresh", "it has 10001 globals that can change, and 10000 are kept")
    assert way_of(with_globals(5_001, 2)).name == "fresh"


@pytest.mark.parametrize("binary", [b"", b"\0asm\x0d\0\1\0\x01", b"\0asm\x0d\0\1\0\x02\x05\x01\x00\x09\x00\x00"])
def test_what_is_no_component_is_fresh(binary: bytes) -> None:
    assert way_of(binary) == ("fresh", "its binary has a form that is not known here")
