"""Data comes out of a binary whole, and any bytes at all give a component that wasmtime judges as it did before."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine import _image_file, _images
from orchestrator.engine._binary import MAX_MEMORIES, made
from orchestrator.engine._image_file import PAGE, Image
from orchestrator.engine._images import strip
from orchestrator.engine._sections import Reader, unsigned
from orchestrator.engine._skeleton import skeleton
from orchestrator.errors import ComponentError
from tests.unit.test_engine_binary import binary

RICH = """(component
  (core module $m (memory 2) (memory i64 3 9) (memory 0)
    (type $t (func (param i32) (result i32)))
    (import "e" "f" (func $f (type $t))) (import "e" "t" (table 1 funcref)) (import "e" "g" (global $g i32))
    (import "e" "m" (memory 1 4)) (import "e" "x" (tag (param i32)))
    (import "e" "h" (global $h (mut (ref null $t))))
    (func (export "f") (param i32) (result i32) (memory.init $d (i32.const 1) (i32.const 0) (i32.const 1))
      (data.drop $d) (local.get 0))
    (data $d "passive")
    (data (memory 1) (i32.const 100) "first") (data (memory 2) (i64.const 70000) "wide")
    (data (memory 0) (i32.const 5) "imported") (data (memory 1) (global.get $g) "somewhere")
    (data (memory 1) (i32.const 101) "late") (data (memory 3) (i32.const 0) ""))
  (component $inner (core module $n (memory 1) (data (i32.const 65535) "n")) (core instance (instantiate $n)))
  (instance (instantiate $inner)) (instance (instantiate $inner)))"""


def _never(_module: bytes) -> bool:
    """Code refers to every segment."""
    return False


@pytest.fixture
def no_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_images, "THRESHOLD", 0)


@cache
def rich() -> bytes:
    text = RICH.replace("(memory 2) (memory i64 3 9) (memory 0)\n", "")
    return binary(text.replace("    (func (export", "    (memory 2) (memory i64 3 9) (memory 0) (func (export"))


def test_what_comes_out_is_what_was_in(no_threshold: None) -> None:
    stripped, images = strip(rich(), _never)
    assert images == (Image(PAGE, ((65535, b"n"),)),) * 2
    assert images[0] is images[1]
    for gone, stays in ((b"first", b"passive"), (b"wide", b"imported"), (b"\x0b\1n", b"somewhere"), (b"?", b"late")):
        assert gone not in stripped
        assert stays in stripped


def test_the_place_of_a_memory_is_that_of_its_module(no_threshold: None) -> None:
    used = rich() + b"\2\4\1\0\0\0"  # one more instance, of the first module
    assert made(used).memories == ((1, 0), (1, 0), (0, 0), (0, 1))
    assert strip(used, _never)[1][2:] == (Image(2 * PAGE, ((100, b"first"),)), Image(3 * PAGE, ((70000, b"wide"),)))


def test_what_is_stripped_is_stripped_once(no_threshold: None) -> None:
    stripped, _ = strip(rich(), _never)
    assert strip(stripped, _never) == (stripped, ())


def test_segments_that_no_code_refers_to_go_altogether(no_threshold: None) -> None:
    body = """(memory 1) (data $a (i32.const 0) "first") (data $b "passive") (func {})"""
    text = f"(component (core module $m {body}) (core instance (instantiate $m)))"
    asked: list[bytes] = []

    def valid(module: bytes) -> bool:
        asked.append(module)
        return _valid_module(module)

    counted = binary(text.format("(data.drop $b)"))
    assert strip(counted, valid)[0].count(b"\x0b\x0c\2\1\0\1\7passive") == 1
    assert len(asked) == 1
    plain = binary(text.format(""))
    assert strip(plain, valid)[0].count(b"\x0b\x0a\1\1\7passive") == 1
    assert len(asked) == 1
    unused = plain.replace(b"\x0a\4\1\2\0\x0b", b"\x0c\1\2\x0a\4\1\2\0\x0b")
    unused = unused.replace(plain[8:10], bytes([1, plain[9] + 3]), 1)
    assert _valid(unused)
    assert strip(unused, valid)[0].count(b"\x0c\1\1\x0a\4\1\2\0\x0b\x0b\x0a\1\1\7passive") == 1
    assert len(asked) == 2


def test_an_image_is_whole_pages() -> None:
    image = Image(9 * PAGE, ((3 * PAGE + 1, b"x" * PAGE), (2 * PAGE - 1, b"y"), (4 * PAGE, b"z")))
    assert (image.at, image.length) == (PAGE, 4 * PAGE)


def test_a_file_holds_each_image_once(tmp_path: Path) -> None:
    first, second = Image(PAGE, ((5, b"first"), (6, b"I"))), Image(4 * PAGE, ((3 * PAGE, b"second"),))
    images = (None, first, second, first)
    _image_file.write(tmp_path / "x.image", images)
    places = _image_file.places(images)
    assert places == [None, [0, PAGE, 0, PAGE], [PAGE, PAGE, 3 * PAGE, 4 * PAGE], [0, PAGE, 0, PAGE]]
    content = (tmp_path / "x.image").read_bytes()
    assert (len(content), content[5:11], content[PAGE : PAGE + 6]) == (2 * PAGE, b"fIrst\0", b"second")
    assert _image_file.check(places) is places
    opened = _image_file.opened(tmp_path / "x.image", places)
    assert opened[0] is None
    assert opened[1] is opened[3] is not opened[2]
    with pytest.raises(ValueError, match="cut"):
        _image_file.opened(tmp_path / "x.image", [[2 * PAGE, PAGE, 0, PAGE]])


@pytest.mark.parametrize(
    "known",
    [
        None,
        {},
        [1],
        [[0, PAGE, 0]],
        [[0, PAGE, 0, PAGE, 0]],
        [[0, 0, 0, PAGE]],
        [[0, 2 * PAGE, 0, PAGE]],
        [[0, PAGE, PAGE, PAGE]],
        [[-PAGE, PAGE, 0, PAGE]],
        [[1, PAGE, 0, PAGE]],
        [["0", PAGE, 0, PAGE]],
        [[0.0, PAGE, 0, PAGE]],
        [[True, PAGE, 0, PAGE]],
    ],
)
def test_what_the_cache_says_of_images_is_checked(known: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        _image_file.check(known)


def test_memories_that_multiply_do_not_run_away(no_threshold: None) -> None:
    levels = "".join(
        f"(component $c{n} (alias outer 1 $c{n - 1} (component $x))"
        " (instance (instantiate $x)) (instance (instantiate $x)))"
        for n in range(1, 30)
    )
    text = f"""(component (component $c0 (core module $m (memory 1) (data (i32.const 0) "x"))
      (core instance (instantiate $m))) {levels} (instance (instantiate $c29)))"""
    assert len(strip(binary(text), _never)[1]) == MAX_MEMORIES + 1


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_is_written(value: int) -> None:
    data = unsigned(value)
    assert Reader(data, 0, len(data)).number(64) == value


@pytest.mark.parametrize(
    ("data", "bits", "value"),
    [
        (b"\x7f", 32, -1),
        (b"\xff\x00", 32, 127),
        (b"\x80\x80\x80\x80\x78", 32, -(1 << 31)),
        (b"\xff\xff\xff\xff\x07", 32, (1 << 31) - 1),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 64, -(1 << 63)),
        (b"\xff\xff\xff\xff\x0f", 32, None),
        (b"\x80\x80\x80\x80\x08", 32, None),
        (b"\xff\xff\xff\xff\xff\x00", 32, None),
        (b"\xff", 32, None),
    ],
)
def test_a_signed_number_is_read_or_refused(data: bytes, bits: int, value: int | None) -> None:
    if value is not None:
        assert Reader(data, 0, len(data)).signed(bits) == value
        return
    with pytest.raises(ValueError):
        Reader(data, 0, len(data)).signed(bits)


def test_a_skeleton_has_everything_but_code_and_data() -> None:
    from wasmtime import Engine
    from wasmtime.component import Component

    text = """(component
      (import "a:b/c" (instance $i (export "f" (func (param "x" string) (result u32)))))
      (core module $m (memory (export "memory") 1) (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 7)
        (func $x (export "g") (result i32) (i32.const 12345)) (elem declare func $x) (data (i32.const 0) "text"))
      (core instance $m (instantiate $m))
      (func (export "g") (result u32) (canon lift (core func $m "g"))))"""
    data, engine = binary(text), Engine()
    bones = skeleton(data)
    assert b"text" not in bones
    assert len(bones) < len(data)
    names = [
        [list(f(engine)) for f in (c.type.imports, c.type.exports)]
        for c in (Component(engine, data), Component(engine, bones))
    ]
    assert names[0] == names[1] == [["a:b/c"], ["g"]]


def test_a_skeleton_of_what_claims_to_be_more_than_it_is_is_refused() -> None:
    module = b"\0asm\1\0\0\0" + b"\x0a\5\xff\xff\xff\xff\x0f"
    with pytest.raises(ComponentError) as caught:
        skeleton(b"\0asm\x0d\0\1\0\1" + bytes([len(module)]) + module)
    assert str(caught.value) == "the component's binary cannot be read: a section ends too early"


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(st.integers(8, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_binary_is_valid_with_its_data_if_it_is_valid_without(changes: list[tuple[int, int]]) -> None:
    """What is wrong with a component is found in what is compiled of it."""
    data = bytearray(rich())
    for at, byte in changes:
        data[at % len(data)] = byte
    threshold, _images.THRESHOLD = _images.THRESHOLD, 0
    try:
        stripped, _ = strip(bytes(data), _valid_module)
    except (ComponentError, ValueError):
        return
    finally:
        _images.THRESHOLD = threshold
    assert _valid(stripped) == _valid(bytes(data))


def _valid_module(module: bytes) -> bool:
    from wasmtime import Engine, Module, WasmtimeError

    try:
        Module.validate(Engine(), module)
    except WasmtimeError:
        return False
    return True


def _valid(data: bytes) -> bool:
    from wasmtime import Engine, WasmtimeError
    from wasmtime.component import Component

    try:
        Component(Engine(), data)
    except WasmtimeError:
        return False
    return True
