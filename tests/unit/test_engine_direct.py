"""What lies behind an exported function is told from the binary, where it is certain, and any bytes at all are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine._direct import Direct, expose, qualifies
from orchestrator.engine._flat import MAX_PARAMS
from orchestrator.engine._sections import PREAMBLE, Section, section
from orchestrator.interface import types as t
from tests.support import direct_guests as guests

BYTES = t.List(t.U8)
ECHO = t.Function("echo", (t.Field("x", BYTES),), BYTES)
API = t.Name.parse("test:direct/api")
FOUND = Direct(0, "orchestrator-direct-f0", "orchestrator-direct-r1", "orchestrator-direct-p2")


def binary(text: str) -> bytes:
    """The binary of a component's text."""
    from wasmtime import wat2wasm

    return bytes(wat2wasm(text))


def found(text: str, interface: t.Name | None = None, function: t.Function = ECHO) -> Direct | None:
    """How one exported function is called, once it was seen that what is added leaves the rest as it was."""
    from wasmtime import Engine
    from wasmtime import component as cm

    data = binary(text)
    exposed = expose(data, [(interface, function)])
    assert exposed.binary.startswith(data)
    assert (exposed.binary == data) == (not exposed.functions)
    cm.Component(Engine(), exposed.binary)
    return exposed.functions.get(0)


@pytest.mark.parametrize(
    ("text", "interface"),
    [
        (guests.OWN, None),
        (guests.LISTED, API),
        (guests.MIRRORED, API),
        (guests.ALIASED, API),
        (guests.BAGGED, None),
    ],
    ids=["own", "listed", "mirrored", "aliased", "bagged"],
)
def test_a_function_is_followed_to_what_it_is_made_of(text: str, interface: t.Name | None) -> None:
    assert found(text, interface) == FOUND


def test_functions_share_what_they_have_in_common() -> None:
    exported = f'(func (export "echo") {guests.LIFTED})'
    text = guests.OWN.replace(exported, f'{exported} (func (export "again") {guests.LIFTED})')
    again = t.Function("again", ECHO.params, BYTES)
    both = expose(binary(text), [(None, ECHO), (None, again)])
    echo, other = both.functions[0], both.functions[1]
    assert echo == other._replace(function=echo.function, realloc=echo.realloc, post_return=echo.post_return)
    once = expose(binary(guests.OWN), [(None, ECHO), (None, ECHO)])
    assert once.functions == {0: FOUND, 1: FOUND}
    assert once.binary == expose(binary(guests.OWN), [(None, ECHO)]).binary


def test_a_memory_has_its_place_among_those_that_begin_with_a_page() -> None:
    before = """(component $n (core module $x (memory 1)) (core instance (instantiate $x)))
      (core module $more (memory 0) (memory 2)) (core instance (instantiate $more)) (instance (instantiate $n))"""
    direct = found(guests.OWN.replace("(component", f"(component {before}", 1))
    assert direct is not None
    assert direct.memory == 2
    second = guests.OWN.replace('(memory (export "memory") 1)', '(memory 3) (memory (export "memory") 1)')
    direct = found(second.replace("(memory.size)", "(memory.size 1)").replace("(memory.grow", "(memory.grow 1"))
    assert direct is not None
    assert direct.memory == 1


TWICE = guests.OWN.replace("(core instance $i", "(core instance (instantiate $m)) (core instance $i")
EMPTY = guests.OWN.replace('(memory (export "memory") 1)', '(memory (export "memory") 0)')
IMPORTED = (
    guests.OWN.replace("(core module $m", '(core module $h (memory (export "m") 1)) (core module $m')
    .replace('(memory (export "memory") 1)', '(import "h" "m" (memory 1)) (export "memory" (memory 0))')
    .replace("(instantiate $m)", '(instantiate $m (with "h" (instance $h)))')
    .replace("(core instance $i", "(core instance $h (instantiate $h)) (core instance $i")
)
UTF16 = guests.OWN.replace("(memory (core", "string-encoding=utf16 (memory (core", 1)
NESTED = f"(component (component $n {guests.OWN[len('(component') : -1]}) (instance $n (instantiate $n))"
INSIDE = f'{NESTED} (export "test:direct/api" (instance $n)))'
TAKEN_OUT = f'{NESTED} (alias export $n "echo" (func $f)) (export "echo" (func $f)))'
RESERVED = guests.OWN[:-1] + ' (func $x (canon lift (core func $i "x"))) (export "orchestrator-direct-x" (func $x)))'
RESERVED = RESERVED.replace('(func (export "post")', '(func (export "x")) (func (export "post")', 1)


@pytest.mark.parametrize(
    ("text", "interface"),
    [
        (TWICE, None),
        (EMPTY, None),
        (IMPORTED, None),
        (UTF16, None),
        (INSIDE, API),
        (TAKEN_OUT, None),
        (RESERVED, None),
        (guests.OWN, API),
        (guests.LISTED, None),
        (guests.LISTED, t.Name.parse("test:direct/other")),
    ],
    ids=[
        "twice",
        "empty",
        "imported",
        "utf16",
        "inside",
        "taken-out",
        "reserved",
        "no-interface",
        "no-function",
        "other",
    ],
)
def test_what_is_not_certain_is_left_out(text: str, interface: t.Name | None) -> None:
    assert found(text, interface) is None


def test_an_import_that_is_exported_again_is_left_out() -> None:
    text = f'(component (import "f" (func $f {guests.SIGNATURE})) (export "echo" (func $f)))'
    assert expose(binary(text), [(None, ECHO)]).functions == {}
    inner = f"""(component {guests.MIRROR} (import "f" (func $f {guests.SIGNATURE}))
      (instance $api (instantiate $mirror (with "import-func-echo" (func $f))))
      (export "test:direct/api" (instance $api)))"""
    assert expose(binary(inner), [(API, ECHO)]).functions == {}


def test_arguments_need_a_realloc_and_results_a_memory() -> None:
    bare = guests.OWN.replace('(realloc (core func $i "realloc"))', "").replace(
        '(param "x" (list u8))', '(param "x" u64)'
    )
    bare = bare.replace(
        "(param i32 i32) (result i32)\n      (i32.store (i32.const 16) (local.get 0))", "(param i64) (result i32)"
    )
    bare = bare.replace("(i32.store (i32.const 20) (local.get 1))", "")
    assert found(bare, function=t.Function("echo", (t.Field("x", t.U64),), BYTES)) == FOUND._replace(
        realloc="", post_return="orchestrator-direct-p1"
    )
    assert expose(binary(bare), [(None, ECHO)]).functions == {}
    without = """(component
      (core module $m (func (export "f") (result i32) unreachable)) (core instance $i (instantiate $m))
      (func (export "echo") (result u32) (canon lift (core func $i "f"))))"""
    assert expose(binary(without), [(None, t.Function("echo", (), BYTES))]).functions == {}


def test_memories_that_are_shared_or_wide_are_left_out() -> None:
    plain = binary('(component (core module $m (memory (export "memory") 1 1)))')
    for flags in (b"\x03", b"\x05", b"\x07"):
        data = binary(guests.OWN.replace('(memory (export "memory") 1)', '(memory (export "memory") 1 9)'))
        assert data.count(b"\x05\x04\x01\x01\x01\x09") == 1
        changed = data.replace(b"\x05\x04\x01\x01\x01\x09", b"\x05\x04\x01" + flags + b"\x01\x09")
        assert expose(changed, [(None, ECHO)]).functions == {}
    assert expose(plain, [(None, ECHO)]).functions == {}


def test_an_unknown_canonical_function_has_nothing_exposed() -> None:
    data = binary(guests.OWN)
    lift = b"\x08\x0c\x01\x00\x00"
    assert data.count(lift) == 1
    for kind in (5, 8, 0x0C, 0x40, 0xFF):
        assert expose(data.replace(lift, b"\x08\x0c\x01" + bytes([kind]) + b"\x00"), [(None, ECHO)]).functions == {}


def test_async_functions_are_left_out() -> None:
    data = binary(guests.OWN)
    options = b"\x00\x00\x00\x03\x03\x00"
    assert data.count(options) == 1
    for option in (1, 2, 6, 9):
        changed = data.replace(options, b"\x00\x00\x00\x03" + bytes([option]) + b"\x00")
        assert expose(changed, [(None, ECHO)]).functions == {}


@pytest.mark.parametrize(
    "text", [guests.OWN, guests.MIRRORED, guests.BAGGED, INSIDE], ids=["own", "mirrored", "bagged", "in"]
)
def test_a_binary_that_is_cut_anywhere_is_as_it_was(text: str) -> None:
    data = binary(text)
    for end in range(len(data)):
        exposed = expose(data[:end], [(None, ECHO), (API, ECHO)])
        assert exposed.binary.startswith(data[:end])


@settings(max_examples=300)
@given(st.data())
def test_any_change_to_a_binary_is_borne(data: st.DataObject) -> None:
    changed = bytearray(
        binary(data.draw(st.sampled_from([guests.OWN, guests.MIRRORED, guests.ALIASED, guests.BAGGED])))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(8, len(changed) - 1))] = data.draw(st.integers(0, 255))
    expose(bytes(changed), [(None, ECHO), (API, ECHO)])


@given(st.binary(max_size=300))
def test_any_bytes_are_borne(data: bytes) -> None:
    for start in (b"", b"\0asm\x0d\0\1\0"):
        assert expose(start + data, [(None, ECHO)]).functions == {}


def test_deep_nesting_has_nothing_exposed() -> None:
    own = binary(guests.OWN)
    for depth, found in ((100, {0: FOUND}), (101, {})):
        data = own[:PREAMBLE]
        for _ in range(depth):
            data = own[:PREAMBLE] + section(Section.COMPONENT, data)
        assert expose(data + own[PREAMBLE:], [(None, ECHO)]).functions == found


POINT = t.Record((t.Field("x", t.F64), t.Field("tag", t.STRING)), "point")
RESOURCE = t.Resource("r")


@pytest.mark.parametrize(
    ("params", "result", "expected"),
    [
        ((BYTES,), BYTES, True),
        ((t.List(t.F32), t.STRING, t.BOOL, t.CHAR, t.Enum(("a",)), t.Flags(("a",) * 40)), None, True),
        ((), t.Result(t.Tuple((t.List(t.S64), t.STRING)), POINT), True),
        ((t.STRING,), t.STRING, False),
        ((t.List(t.BOOL),), None, False),
        ((t.List(t.CHAR),), None, False),
        ((t.List(t.STRING),), None, False),
        ((t.Option(BYTES),), None, False),
        ((POINT, BYTES), None, False),
        ((BYTES,), t.List(POINT), False),
        ((), t.List(t.List(t.U8)), False),
        ((BYTES, t.Borrow(RESOURCE)), None, False),
        ((BYTES,), t.Own(RESOURCE), False),
        ((BYTES,) * (MAX_PARAMS // 2), None, True),
        ((BYTES,) * (MAX_PARAMS // 2) + (t.U8,), None, False),
    ],
)
def test_functions_qualify_by_their_types(params: tuple[t.Type, ...], result: t.Type | None, expected: bool) -> None:
    function = t.Function("f", tuple(t.Field(f"p{n}", type_) for n, type_ in enumerate(params)), result)
    assert qualifies(function) is expected
