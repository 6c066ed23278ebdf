"""What a memory holds at first is mapped, and no guest can tell: not by reading, dropping, trapping, coming second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engine import Engine, Frame
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.errors import ComponentError, Trapped
from tests.support.memory_guests import AGAIN, PAGE, data, looked
from tests.wasm.engine_calls import call, instance

LARGE = 70_000
"""Bytes of data that are worth an image."""

pytestmark = pytest.mark.skipif(not HOST_MEMORY, reason="wasmtime owns the memories here")


def images(engine: Engine, text: str) -> list[tuple[int, int, int] | None]:
    """Of each image of a component its length, place and the size of its memory, in pages."""
    found = engine.code(engine.from_text(text)).images
    return [None if each is None else (each.length // PAGE, each.at // PAGE, each.minimum // PAGE) for each in found]


def test_data_is_there_and_each_instance_has_its_own(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(PAGE + 5, LARGE)}")
    assert images(engine, text) == [(2, 1, 4)]
    for _ in range(3):
        with instance(engine, text) as first, instance(engine, text) as second:
            for made in (first, second):
                assert call(made, "sum", 0, 4 * PAGE) == LARGE * ord("x")
                assert call(made, "get", PAGE + 4) == call(made, "get", PAGE + 5 + LARGE) == 0
            call(first, "set", PAGE + 5, 1)
            assert call(second, "get", PAGE + 5) == ord("x")


def test_a_segment_that_was_mapped_counts_as_dropped(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(0, LARGE, more='$d')} {AGAIN}", "get again drop")
    assert images(engine, text) == [(2, 0, 4)]
    with instance(engine, text) as made:
        call(made, "again", 0, 0)
        call(made, "drop")
        call(made, "again", 0, 0)
        with pytest.raises(Trapped) as caught:
            call(made, "again", 0, 1)
        assert caught.value.message == "the guest trapped: out of bounds memory access"


def test_a_passive_segment_stays(engine: Engine) -> None:
    text = looked(f'(memory 4) {data(PAGE, LARGE)} (data $d "abc") {AGAIN}', "get again drop")
    with instance(engine, text) as made:
        call(made, "again", 1, 2)
        assert [call(made, "get", at) for at in (0, 1, 2, PAGE)] == [ord("b"), ord("c"), 0, ord("x")]
        call(made, "drop")
        with pytest.raises(Trapped):
            call(made, "again", 0, 1)


def test_segments_that_overlap_keep_their_order(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(0, LARGE)} {data(10, 2, 'y')} {data(11, 2, 'z')}")
    with instance(engine, text) as made:
        assert bytes(call(made, "get", at) for at in range(9, 14)) == b"xyzzx"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # At a place that a global tells: it and what follows it in that memory is written when the instance is made.
        (f'(global $g i32 (i32.const 3)) (memory 4) {data(0, LARGE)} (data (global.get $g) "yy") {data(4, 1, "z")}', 2),
        (f'(global $g i32 (i32.const 3)) (memory 4) (data (global.get $g) "yy") {data(4, LARGE, "z")}', 0),
        (f'(memory 4) {data(0, LARGE)} (data (i32.add (i32.const 1) (i32.const 2)) "yy") {data(4, 1, "z")}', 2),
    ],
)
def test_a_place_that_is_no_constant_ends_the_image(engine: Engine, body: str, expected: int) -> None:
    text = looked(body)
    assert images(engine, text) == ([(expected, 0, 4)] if expected else [])
    with instance(engine, text) as made:
        assert bytes(call(made, "get", at) for at in (3, 4)) == b"yz"


def test_little_data_is_left_where_it_is(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(0, PAGE)}")
    assert images(engine, text) == []
    with instance(engine, text) as made:
        assert call(made, "sum", 0, 4 * PAGE) == PAGE * ord("x")


def test_an_image_that_would_be_mostly_holes_is_left(engine: Engine) -> None:
    text = looked(f"(memory 65535) {data(0, LARGE)} {data(65534 * PAGE, 3)}")
    assert images(engine, text) == []
    with instance(engine, text.replace("65535", "8").replace(str(65534 * PAGE), str(7 * PAGE))) as made:
        assert call(made, "sum", 0, 8 * PAGE) == (LARGE + 3) * ord("x")


@pytest.mark.parametrize("at", [4 * PAGE - 1, 4 * PAGE + 1, -1])
def test_a_segment_out_of_bounds_traps_as_ever(engine: Engine, at: int) -> None:
    text = looked(f"(memory 4) {data(0, LARGE)} {data(at, 2)}")
    for _ in range(3):
        with pytest.raises(Trapped) as caught, instance(engine, text):
            pass
        assert caught.value.message == "the guest trapped: out of bounds memory access"


def test_a_memory_of_another_module_is_written_by_its_importer(engine: Engine) -> None:
    text = f"""(component
      (core module $m (memory (export "m") 4) {data(0, LARGE)})
      (core instance $m (instantiate $m))
      (core module $n (import "m" "m" (memory 4)) (memory 4) {data(2, LARGE, "y")}
        (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))
      (core instance $n (instantiate $n (with "m" (instance $m))))
      (func (export "get") (param "at" u32) (result u32) (canon lift (core func $n "get"))))"""
    assert images(engine, text) == [(2, 0, 4), None]
    with instance(engine, text) as made:
        assert bytes(call(made, "get", at) for at in (0, 1, 2, LARGE + 1)) == b"xxyy"


def _ordered() -> str:
    """A component whose memories all begin with other bytes: modules twice, several memories, nested twice, a heap."""
    inner = f"""(component $inner
        (core module $a {_reads(2)} (memory 0) (memory 2) {data(7, LARGE, "a", "(memory 1)")})
        (core instance $i (instantiate $a)) (core instance $j (instantiate $a))
        (func (export "i") (param "at" u32) (result u32) (canon lift (core func $i "get1")))
        (func (export "j") (param "at" u32) (result u32) (canon lift (core func $j "get1"))))"""
    return f"""(component
        (core module $late {_reads(1)} (memory 3) {data(7, LARGE, "l")})
        {inner}
        (core module $heap {_reads(3)} (memory 1) (memory 4) (memory 5) (table 1 externref)
          {data(7, LARGE, "b", "(memory 1)")} {data(7, LARGE, "c", "(memory 2)")} (data (memory 0) (i32.const 7) "0"))
        (core instance $heap (instantiate $heap))
        (instance $one (instantiate $inner))
        (core instance $late (instantiate $late))
        (instance $two (instantiate $inner))
        (alias export $one "i" (func $1i)) (alias export $one "j" (func $1j))
        (alias export $two "i" (func $2i)) (alias export $two "j" (func $2j))
        (export "f0" (func $1i)) (export "f1" (func $1j)) (export "f2" (func $2i)) (export "f3" (func $2j))
        (func (export "f4") (param "at" u32) (result u32) (canon lift (core func $late "get0")))
        {
        "".join(
            f'(func (export "f{5 + n}") (param "at" u32) (result u32) (canon lift (core func $heap "get{n}")))'
            for n in range(3)
        )
    })"""


def _reads(count: int) -> str:
    """Functions `get0` and so on that read a byte of the module's memories."""
    return "".join(
        f'(func (export "get{n}") (param i32) (result i32) (i32.load8_u {n} (local.get 0)))' for n in range(count)
    )


def test_every_memory_has_the_image_that_is_its_own(engine: Engine) -> None:
    text = _ordered()
    assert images(engine, text) == [(1, 0, 1), (2, 0, 4), (2, 0, 5), *[(2, 0, 2)] * 2, (2, 0, 3), *[(2, 0, 2)] * 2]
    for _ in range(2):
        with instance(engine, text) as made:
            assert bytes(call(made, f"f{n}", 7) for n in range(8)) == b"aaaal0bc"
            assert [call(made, f"f{n}", 6) for n in range(8)] == [0] * 8


def test_a_guest_with_a_heap_of_objects_has_its_image(engine: Engine) -> None:
    body = f"""(type $s (struct (field i32))) (memory 4) {data(0, LARGE)}
      (func (export "drop") (drop (struct.new $s (i32.const 1))))"""
    with instance(engine, looked(body, "sum drop")) as made:
        call(made, "drop")
        assert call(made, "sum", 0, 4 * PAGE) == LARGE * ord("x")


def test_a_memory_of_64_bits_has_its_image(engine: Engine) -> None:
    text = f"""(component (core module $m (memory i64 4) (data (i64.const {PAGE}) "{"x" * LARGE}")
        (func (export "get") (param i64) (result i32) (i32.load8_u (local.get 0))))
      (core instance $i (instantiate $m))
      (func (export "get") (param "at" u64) (result u32) (canon lift (core func $i "get"))))"""
    assert images(engine, text) == [(2, 1, 4)]
    with instance(engine, text) as made:
        assert [call(made, "get", at) for at in (PAGE - 1, PAGE, PAGE + LARGE)] == [0, ord("x"), 0]


def test_threads_make_instances_at_once(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(0, LARGE)}")
    component = engine.from_text(text)
    linker, wrong = engine.linker(component), list[object]()

    def work() -> None:
        for n in range(100):
            made = linker.instantiate(Frame())
            found = call(made, "sum", 0, 200), call(made, "grow", n % 3)
            call(made, "set", 1, n % 256)
            call(made, "set", 4 * PAGE - 1, 255)
            if found != (200 * ord("x"), 4):
                wrong.append(found)
            made.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# What lies in the cache


def _cut(path: Path, size: int) -> None:
    """Leaves less of a file; what is mapped of it stays as it is."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:size])


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


_LOSSES: dict[str, Callable[[Path], object]] = {
    "no image": lambda code: code.with_suffix(".image").unlink(),
    "image cut": lambda code: _cut(code.with_suffix(".image"), PAGE),
    "image empty": lambda code: _cut(code.with_suffix(".image"), 0),
    "nothing": lambda code: _empty(code.parent),
}


@pytest.mark.parametrize("loss", _LOSSES)
@pytest.mark.parametrize("loaded", [True, False])
def test_what_is_lost_is_made_anew(tmp_path: Path, loss: str, loaded: bool) -> None:
    """Before it is loaded, or after that and before its first instance: another process made room."""
    text = looked(f"(memory 4) {data(0, LARGE)}")
    with Engine(tmp_path) as engine, instance(engine, text) as made:
        assert call(made, "get", 0) == ord("x")
    (code,) = (tmp_path / "code").glob("*.cwasm")
    assert code.with_suffix(".image").stat().st_mode & 0o777 == 0o600
    with Engine(tmp_path) as engine:
        if loaded:
            engine.from_text(text)
        _LOSSES[loss](code)
        with instance(engine, text) as made:
            assert call(made, "get", 0) == ord("x")
    assert sorted(path.suffix for path in code.parent.iterdir()) == [".cwasm", ".image", ".json"]


def test_a_component_whose_code_is_gone_for_good_is_told(tmp_path: Path) -> None:
    text = looked("(memory 1)")
    with Engine(tmp_path) as first, Engine(tmp_path) as second:
        component = first.from_text(text, "guest")
        for path in (tmp_path / "code").iterdir():
            path.unlink()
        with pytest.raises(ComponentError) as caught:
            second.linker(component)
    assert str(caught.value) == "the machine code of guest is gone from the cache; load the component again"


def test_a_component_that_was_replaced_since_is_told(tmp_path: Path) -> None:
    wasm = tmp_path / "guest.wasm"
    from wasmtime import wat2wasm

    wasm.write_bytes(wat2wasm(looked("(memory 1)")))
    with Engine(tmp_path / "cache") as engine:
        component = engine.load(wasm)
        for path in (tmp_path / "cache" / "code").iterdir():
            path.unlink()
        wasm.write_bytes(wat2wasm(looked("(memory 2)")))
        with pytest.raises(ComponentError) as caught:
            engine.linker(component)
    assert str(caught.value) == "guest changed while it was loaded; load it again"
