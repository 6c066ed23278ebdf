"""What a component consists of is told from its binary, exactly, and any bytes at all are told or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine._binary import TooMany, made
from orchestrator.engine.component import Parts
from orchestrator.errors import ComponentError
from tests.support import bombs


def parts(data: bytes) -> Parts:
    """What an instance of the binary consists of."""
    return made(data).parts


def binary(text: str) -> bytes:
    """The binary of a component's text."""
    from wasmtime import wat2wasm

    return bytes(wat2wasm(text))


_ONE = "(component (core module $m (memory 1)) (core instance (instantiate $m)))"
_RICH = """(component
  (import "f" (func $f (param "x" string) (result (list u32))))
  (import "i" (instance $i (type $r' (record (field "a" u8))) (export "r" (type (eq $r'))) (export "g" (func))))
  (import "r" (type $r (sub resource)))
  (core module $libc (memory (export "memory") 1) (table (export "t") 10 funcref) (table 1 externref)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $libc (instantiate $libc))
  (core instance (instantiate $libc))
  (core func $f' (canon lower (func $f) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core instance $bag (export "f" (func $f')) (export "memory" (memory $libc "memory")))
  (core module $user (import "bag" "memory" (memory 1)) (import "bag" "f" (func (param i32 i32 i32))))
  (core instance (instantiate $user (with "bag" (instance $bag))))
  (component $inner
    (alias outer 1 $libc (core module $again))
    (core instance (instantiate $again))
    (core module $own (memory 1))
    (core instance (instantiate $own))
    (export "m" (core module $own)))
  (instance $one (instantiate $inner))
  (instance $two (instantiate $inner))
  (component $deep
    (alias outer 1 $inner (component $inner))
    (component $deeper (alias outer 2 $inner (component $x)) (instance (instantiate $x)))
    (instance (instantiate $deeper))
    (instance (instantiate $inner)))
  (instance (instantiate $deep))
  (export "one" (instance $one)))"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(component)", Parts(0, 0, 0)),
        ("(component (core module (memory 1)))", Parts(0, 0, 0)),
        (_ONE, Parts(1, 0, 1)),
        (_RICH, Parts(10, 12, 17)),
        (
            "(component (core module $m (memory 1) (memory 2) (memory 3)) (core instance (instantiate $m)))",
            Parts(3, 0, 1),
        ),
        (
            "(component (core module $m (type (struct (field i32)))) (core instance (instantiate $m)))",
            Parts(1, 0, 1),
        ),
        ("(component (core module $m (memory 1) (tag)) (core instance (instantiate $m)))", Parts(2, 0, 1)),
        (
            "(component (core module $m (type $f (func (param (ref null func)) (result (ref null extern) i32 f64)))"
            " (type (func (param v128 i64))) (memory 1)) (core instance (instantiate $m)))",
            Parts(1, 0, 1),
        ),
    ],
)
def test_parts_are_counted(text: str, expected: Parts) -> None:
    assert parts(binary(text)) == expected


def test_the_sizes_of_tables_are_told() -> None:
    text = """(component
      (core module $m (import "" "t" (table 5 funcref)) (table 1 funcref) (table 2 3 externref)
        (table 4 4 (ref null func)) (table i64 5 funcref) (table i64 6 7 funcref))
      (core module $filled (table 1 2 (ref func) (ref.func $f)) (table 8 9 funcref) (func $f))
      (core module $other (table (export "t") 5 5 funcref))
      (core instance $other (instantiate $other))
      (core instance (instantiate $m (with "" (instance $other))))
      (core instance (instantiate $filled)))"""
    found = made(binary(text))
    first = ((1, None), (2, 3), (4, 4), (5, None), (6, 7))
    assert found.tables == ((5, 5), *first, (1, 2), (0, None))
    assert found.parts.tables == 8


@pytest.mark.parametrize(
    ("globals_", "stack"),
    [
        ("(global (mut i32) (i32.const 65536)) (global (mut i32) (i32.const 99))", 65536),
        ("(global (mut i64) (i64.const 9))", 9),
        ("(global (mut i32) (i32.const -9))", 0),
        ("(global i32 (i32.const 65536))", 0),
        ("(global (mut f32) (f32.const 9))", 0),
        ("(global (mut externref) (ref.null extern))", 0),
        ('(import "" "" (global i32)) (global (mut i32) (global.get 0))', 0),
        ("", 0),
    ],
)
def test_the_stack_of_a_module_is_told_by_its_first_global(globals_: str, stack: int) -> None:
    given = '(with "" (instance (export "" (global $g))))' if "import" in globals_ else ""
    other = '(core module $o (global (export "") i32 (i32.const 1))) (core instance $o (instantiate $o))'
    alias = '(alias core export $o "" (core global $g))'
    text = f"(component {other} {alias} (core module $m {globals_}) (core instance (instantiate $m {given})))"
    assert made(binary(text)).stack == stack


def test_more_names_than_a_component_may_have_are_not_even_read() -> None:
    assert made(bombs.many_exports(10_000)).parts == Parts(0, 0, 0)
    assert made(bombs.many_imports(10_000)).parts == Parts(0, 0, 0)
    for bomb in (bombs.many_exports, bombs.many_imports):
        with pytest.raises(TooMany) as caught:
            made(bomb(10_001))
        assert str(caught.value) == "it has 10001 imports and exports or more, and 10000 are allowed"
    inner = bombs.section(4, bombs.many_exports(6000))
    with pytest.raises(TooMany) as caught:
        made(bombs.component(inner, inner))
    assert str(caught.value) == "it has 12000 imports and exports or more, and 10000 are allowed"


def test_instances_multiply_and_the_count_does_not_run_away() -> None:
    nested = [
        f"(component $c{n} (alias outer 1 $c{n - 1} (component $x))"
        " (instance (instantiate $x)) (instance (instantiate $x)))"
        for n in range(1, 60)
    ]
    first = _ONE.replace("(component", "(component $c0", 1)
    text = f"(component {first} {' '.join(nested)} (instance (instantiate $c59)))"
    assert parts(binary(text)) == Parts(1 << 20, 0, 1 << 20)


@pytest.mark.parametrize(
    "text",
    [
        '(component (import "m" (core module $m)) (core instance (instantiate $m)))',
        '(component (import "c" (component $c)) (instance (instantiate $c)))',
        '(component (component $n (core module $m) (export "m" (core module $m))) (instance $n (instantiate $n))'
        ' (alias export $n "m" (core module $m)) (core instance (instantiate $m)))',
        '(component (import "i" (instance $i (export "c" (component)))) (alias export $i "c" (component $c))'
        " (instance (instantiate $c)))",
    ],
)
def test_what_is_not_known_from_its_place_is_refused_when_it_is_instantiated(text: str) -> None:
    with pytest.raises(ComponentError) as caught:
        parts(binary(text))
    assert str(caught.value) == (
        "the component's binary has a form that this engine does not know: "
        "it instantiates a module or component that it imports or takes out of an instance"
    )


def test_what_is_imported_and_only_passed_on_is_no_matter() -> None:
    text = """(component (import "m" (core module $m)) (component $n (import "m" (core module)))
      (instance (instantiate $n (with "m" (core module $m)))))"""
    assert parts(binary(text)) == Parts(0, 0, 1)


def test_deep_nesting_is_refused() -> None:
    data = b"\0asm\x0d\0\1\0"
    for _ in range(300):
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        data = b"\0asm\x0d\0\1\0\4" + length + bytes([size]) + data
    with pytest.raises(ComponentError) as caught:
        parts(data)
    assert str(caught.value) == (
        "the component's binary has a form that this engine does not know: components nested more than 100 deep"
    )


_SAMPLE = binary(_RICH)


@given(st.integers(0, len(_SAMPLE)))
def test_a_truncated_binary_is_told_or_refused(end: int) -> None:
    _told_or_refused(_SAMPLE[:end])


@settings(max_examples=1000)
@given(st.lists(st.tuples(st.integers(8, len(_SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_binary_is_told_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(_SAMPLE)
    for at, byte in changes:
        data[at] = byte
    _told_or_refused(bytes(data))


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_any_bytes_are_told_or_refused(data: bytes) -> None:
    _told_or_refused(b"\0asm\x0d\0\1\0" + data)


def _told_or_refused(data: bytes) -> None:
    try:
        found = parts(data)
    except ComponentError as problem:
        words = str(problem)
    else:
        words = f"{found.memories >= 0}"
    assert words.startswith(("the component's binary has a form that this engine does not know: ", "True", "it has "))
