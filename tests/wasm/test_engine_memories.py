"""The memories that the engine owns: one limit for all of an instance, nothing left of a guest, nothing leaked."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, InstanceSettings
from orchestrator.engine._config import HOST_MEMORY, STACK
from orchestrator.engine.instance import Instance
from orchestrator.errors import LimitExceeded, RunError, Trapped
from tests.support.guests import BAD, plain
from tests.support.leftovers import left_alive
from tests.support.memory_guests import LOOK, PAGE, data, looked
from tests.wasm.engine_calls import call, instance

if not HOST_MEMORY:
    pytest.skip("wasmtime owns the memories here", allow_module_level=True)

from orchestrator.engine import _memories, _posix
from orchestrator.engine._memories import Bank

LARGE = 70_000


@pytest.fixture
def no_spare() -> Iterator[None]:
    """No mapping is left of other tests, and none of this one after it."""
    _memories.spare.clear()
    yield
    _memories.spare.clear()


def _several(count: int) -> str:
    """A component of modules with a page of memory each; `grow` grows the last, `first` the first."""
    many = " ".join(f"(core instance $i{n} (instantiate $m))" for n in range(count))
    return f"""(component
      (core module $m {LOOK} (memory 1)) {many}
      (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i{count - 1} "grow")))
      (func (export "first") (param "pages" u32) (result s32) (canon lift (core func $i0 "grow"))))"""


# One limit for all of them


def test_one_of_several_memories_may_have_what_the_others_leave(engine: Engine) -> None:
    with instance(engine, _several(20), InstanceSettings(memory=40 * PAGE)) as made:
        assert call(made, "grow", 21) == -1
        assert call(made, "grow", 20) == 1
        assert call(made, "first", 1) == -1
        assert call(made, "first", 0) == 1


def test_twenty_memories_get_no_more_than_one(engine: Engine) -> None:
    with instance(engine, _several(20), InstanceSettings(memory=20 * PAGE)) as made:
        assert call(made, "grow", 1) == call(made, "first", 1) == -1
    with (
        pytest.raises(LimitExceeded) as caught,
        instance(engine, _several(20), InstanceSettings(memory=20 * PAGE - 1)),
    ):
        pass
    assert caught.value.message == "the component's memory is larger than its limit from the start"
    assert caught.value.causes == ("memory minimum size of 65536 bytes exceeds the 65535 that are left of the limit",)
    assert not left_alive()


def test_a_memory_grows_to_its_own_maximum_and_the_end_of_its_addresses(engine: Engine) -> None:
    with instance(engine, looked("(memory 1 3)")) as made:
        assert (call(made, "grow", 3), call(made, "grow", 2), call(made, "grow", 1)) == (-1, 1, -1)
    with instance(engine, looked("(memory 1)"), InstanceSettings(memory=1 << 40)) as made:
        assert call(made, "grow", 65536) == -1
        assert call(made, "grow", 65535) == 1
        call(made, "set", 2**32 - 1, 7)
        assert call(made, "get", 2**32 - 1) == 7


def test_a_guest_that_ends_after_it_was_refused_memory_met_its_limit(engine: Engine) -> None:
    greedy = """(memory 1) (func (export "again") (param i32 i32)
      (drop (memory.grow (local.get 0))) (if (local.get 1) (then unreachable)))"""
    text = looked(greedy, "grow get again")
    with instance(engine, text, InstanceSettings(memory=3 * PAGE)) as made, pytest.raises(LimitExceeded) as caught:
        call(made, "again", 3, 1)
    assert caught.value.message == "the guest asked for more memory than its limit, 196608 bytes, and ended"
    assert caught.value.causes[0].startswith("it ended with: ")
    with instance(engine, text, InstanceSettings(memory=3 * PAGE)) as made:
        assert call(made, "grow", 3) == -1
        with pytest.raises(Trapped, match="out of bounds"):  # a later call, which asked for nothing
            call(made, "get", PAGE)


def test_what_a_heap_of_objects_takes_counts(engine: Engine) -> None:
    body = """(type $a (array (mut i8))) (type $l (struct (field (ref null $a)) (field (ref null $l))))
      (global $g (mut (ref null $l)) (ref.null $l)) (memory 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "hoard") (param i32)
        (global.set $g (struct.new $l (array.new $a (i32.const 1) (local.get 0)) (global.get $g))))"""
    text = plain(body, grow='(param "pages" u32) (result s32)', hoard='(param "bytes" u32)')
    with instance(engine, text, InstanceSettings(memory=16 * PAGE)) as made:
        assert call(made, "grow", 13) == 1
        call(made, "hoard", 1000)
        assert call(made, "grow", 2) == -1
        with pytest.raises(RunError):
            call(made, "hoard", 3 * PAGE)


def test_a_system_without_memory_is_told(engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: int) -> int:
        raise OSError(12, "Cannot allocate memory")

    linker = engine.linker(engine.from_text(BAD))
    with instance(engine, BAD) as made:
        for name in ("reserve", "allow"):
            with monkeypatch.context() as patch:
                patch.setattr(_posix, name, none)
                with pytest.raises(LimitExceeded) as caught:
                    linker.instantiate(Frame())
                assert caught.value.message == "the system has no room for another memory"
                assert call(made, "grow", 1) == (-1 if name == "allow" else 1)
    assert not left_alive()


def test_spare_mappings_give_way_where_addresses_are_short(
    engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve, tried = _posix.reserve, list[int]()

    def short(size: int) -> int:
        tried.append(size)
        if len(tried) == 1:
            raise OSError(12, "Cannot allocate memory")
        return reserve(size)

    with instance(engine, looked("(memory 1)")):
        pass
    monkeypatch.setattr(_posix, "reserve", short)
    with instance(engine, looked("(memory 2)")) as made:
        assert call(made, "grow", 0) == 2
    assert len(tried) == 2


# Nothing is left of a former guest


@pytest.mark.parametrize("segment", ["", data(PAGE, LARGE)])
@pytest.mark.parametrize("grown", [0, 1, 100])
def test_a_guest_finds_nothing_of_the_one_before(engine: Engine, no_spare: None, segment: str, grown: int) -> None:
    text, bases = looked(f"(memory 4) {segment}"), set[int]()
    fresh = LARGE * ord("x") if segment else 0
    for _ in range(5):
        with instance(engine, text) as made:
            bases.add(_base(made))
            assert call(made, "sum", 0, 4 * PAGE) == fresh
            assert call(made, "grow", grown) == 4
            assert call(made, "sum", 4 * PAGE, (4 + grown) * PAGE) == 0
            for at in (0, PAGE, PAGE + LARGE, 4 * PAGE - 1, (4 + grown) * PAGE - 1):
                call(made, "set", at, 255)
    assert len(bases) == 1


def test_what_one_guest_grew_another_cannot_touch(engine: Engine, no_spare: None) -> None:
    text = looked("(memory 1)")
    with instance(engine, text) as made:
        call(made, "grow", 10)
        call(made, "set", 5 * PAGE, 1)
        base = _base(made)
    with instance(engine, text) as made:
        assert _base(made) == base
        with pytest.raises(Trapped) as caught:
            call(made, "get", 5 * PAGE)
        assert caught.value.message == "the guest trapped: out of bounds memory access"


def test_a_mapping_that_cannot_be_cleaned_is_given_up(
    engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(_posix, "forget", no)
    with instance(engine, looked("(memory 1)")):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(_posix, "forbid", no)
    with instance(engine, looked("(memory 1)")) as made:
        call(made, "grow", 1)
    assert not _memories.spare.clear()


def test_memories_of_another_size_or_image_do_not_share_a_mapping(engine: Engine, no_spare: None) -> None:
    with instance(engine, looked(f"(memory 4) {data(0, LARGE)}")):
        pass
    others = {f"(memory 4) {data(0, LARGE, 'y')}": ord("y"), "(memory 4)": 0, "(memory 3)": 0}
    for body, first in others.items():
        with instance(engine, looked(body)) as made:
            assert call(made, "get", 0) == first


def test_no_more_mappings_are_kept_than_there_is_room_for(
    engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    linker = engine.linker(engine.from_text(looked("(memory 1)")))
    made = [linker.instantiate(Frame()) for _ in range(5)]
    each = _memories.addresses(made[0].bank.memories[0].shape) if made[0].bank else 0
    monkeypatch.setattr(_memories, "SPARE", 3 * each)
    before = _mappings()
    for one in made:
        one.close()
    assert before - _mappings() == 2
    with instance(engine, looked("(memory 2)")):
        pass
    assert before - _mappings() == 2


def test_a_memory_that_is_gone_lies_nowhere(engine: Engine) -> None:
    with instance(engine, looked("(memory 1)")) as made:
        assert made.bank is not None
        (memory,) = made.bank.memories
        assert memory.size == PAGE
    assert (memory.base, memory.size) == (0, 0)


def _base(made: Instance) -> int:
    """Where the only memory of an instance lies."""
    assert made.bank is not None
    (memory,) = made.bank.memories
    return memory.base


def _mappings() -> int:
    """How many reservations of 4 GiB and more this process has."""
    lines = (
        re.match(r"([0-9a-f]+)-([0-9a-f]+) ---p", line) for line in Path("/proc/self/maps").read_text().splitlines()
    )
    return sum(int(found[2], 16) - int(found[1], 16) >= 1 << 32 for found in lines if found)


# Whose memory it is


def test_an_instance_made_while_another_starts_has_its_own_memories(engine: Engine) -> None:
    """A start function calls out, and the host makes another instance on the same thread."""
    text = f"""(component
      (import "f" (func $f (param "x" u32) (result u32)))
      (core func $f' (canon lower (func $f)))
      (core module $first (memory 2) {data(0, LARGE, "a")} (import "" "f" (func $f (param i32) (result i32)))
        (func $go (drop (memory.grow (call $f (i32.const 1))))) (start $go))
      (core module $m {LOOK} (memory 3) {data(0, LARGE, "b")})
      (core instance (instantiate $first (with "" (instance (export "f" (func $f'))))))
      (core instance $i (instantiate $m))
      (func (export "get") (param "at" u32) (result u32) (canon lift (core func $i "get"))))"""
    inner = looked(f"(memory 4) {data(0, LARGE)}")
    seen: list[tuple[int, list[int]]] = []

    def answer(_caller: Instance, _values: Any) -> int:
        with instance(engine, inner) as made:
            assert made.bank is not None
            seen.append((call(made, "get", 0), [memory.size // PAGE for memory in made.bank.memories]))
        with pytest.raises(LimitExceeded), instance(engine, inner, InstanceSettings(memory=PAGE)):
            pass
        return 5

    text = text.replace("(memory 2)", "").replace("(func $go", "(memory 2) (func $go")
    with instance(engine, text, f=answer) as made:
        assert made.bank is not None
        assert [memory.size // PAGE for memory in made.bank.memories] == [7, 3]
        assert call(made, "get", 0) == ord("b")
    assert seen == [(ord("x"), [4])]


def test_a_start_function_grows_its_memory(engine: Engine) -> None:
    body = f"(memory 4) {data(0, LARGE)} (func $go (drop (memory.grow (i32.const 2)))) (start $go)"
    for _ in range(3):
        with instance(engine, looked(body)) as made:
            assert call(made, "grow", 0) == 6
            assert call(made, "sum", 0, 6 * PAGE) == LARGE * ord("x")
            call(made, "set", 6 * PAGE - 1, 1)


def test_a_start_that_traps_gives_its_memories_back(engine: Engine, no_spare: None) -> None:
    text = plain(
        f"(memory 4) {data(0, LARGE)} (func $go (i32.store (i32.const 9) (i32.const 1)) unreachable) (start $go)"
    )
    before = _mappings()
    for _ in range(10):
        with pytest.raises(Trapped), instance(engine, text):
            pass
    assert _mappings() - before == 1


def test_no_memory_is_made_for_nobody(engine: Engine) -> None:
    from wasmtime import Store, WasmtimeError
    from wasmtime.component import Linker

    code, native = engine.code(engine.from_text(looked("(memory 1)"))), engine.native(metered=False, stack=STACK)
    with pytest.raises(WasmtimeError) as caught:
        Linker(native).instantiate(Store(native), code._component)
    assert "a memory is made outside of an instantiation" in str(caught.value)


def test_a_memory_that_is_not_the_one_of_its_image_is_refused(engine: Engine) -> None:
    text = looked(f"(memory 4) {data(0, LARGE)}")
    component = engine.from_text(text)
    linker = engine.linker(component)
    right = linker.code.images
    other = engine.code(engine.from_text(looked(f"(memory 3) {data(0, LARGE)}"))).images
    for wrong in (other, (other[0], right[0])):
        linker.code.images = wrong
        with pytest.raises(Trapped) as caught:
            linker.instantiate(Frame())
        assert caught.value.message == (
            "the guest trapped: the component's memories are not made in the order that its binary says"
        )
    linker.code.images = right
    linker.instantiate(Frame()).close()


# The shim's memory

GIB4 = 65535 * PAGE


def _shimmed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An instance whose first memory, of nearly 4 GiB, is the engine's own, and whose second is limited to a page."""
    text = f"""(component
      (core module $shim {LOOK} (memory 65535)) (core instance $shim (instantiate $shim))
      (core module $m {LOOK} (memory 1)) (core instance $i (instantiate $m))
      (func (export "get") (param "at" u32) (result u32) (canon lift (core func $shim "get")))
      (func (export "set") (param "at" u32) (param "byte" u32) (canon lift (core func $shim "set")))
      (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow"))))"""
    made = "orchestrator.engine.instance.Bank"
    monkeypatch.setattr(made, lambda limit, images, _shim: Bank(limit, images, shim=True))
    return instance(engine, text, InstanceSettings(memory=PAGE))


def test_the_shim_s_memory_is_not_the_guest_s(engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with _shimmed(engine, monkeypatch) as made:
            assert [memory.size for memory in made.bank.memories] == [GIB4, PAGE]
            assert call(made, "grow", 1) == -1
            assert call(made, "get", GIB4 - 1) == 0
            call(made, "set", GIB4 - 1, 1)


def test_a_heap_of_objects_that_is_made_first_is_not_the_shim_s_memory(engine: Engine) -> None:
    """The first of all, it has no page: what is written there ends the process."""
    text = """(component (core module $m (type $box (struct (field i32))) (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "size") (param i32 i32) (result i32)
          (struct.get $box 0 (struct.new $box (local.get 1)))))
      (core instance $i (instantiate $m))
      (func (export "size") (param "of" (list string)) (result u32) (canon lift (core func $i "size")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
    for _ in range(2):
        with instance(engine, text) as made:
            assert made.linker.code.shim is not None
            assert made.bank is not None
            assert [memory.size for memory in made.bank.memories] == [0, GIB4, PAGE]
            assert call(made, "size", ["one", "two"]) == 2


def test_a_system_that_promises_only_what_it_has_gives_the_shim_less(
    engine: Engine, no_spare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow = _posix.allow

    def strict(at: int, size: int) -> None:
        if size > 1 << 30:
            raise OSError(12, "Cannot allocate memory")
        allow(at, size)

    monkeypatch.setattr(_posix, "allow", strict)
    for _ in range(2):
        with _shimmed(engine, monkeypatch) as made:
            assert [memory.size for memory in made.bank.memories] == [64 << 20, PAGE]
            call(made, "set", (64 << 20) - 1, 1)
            assert call(made, "get", (64 << 20) - 1) == 1
            with pytest.raises(Trapped) as caught:
                call(made, "get", 64 << 20)
            assert caught.value.message == "the guest trapped: out of bounds memory access"


# Thousands of them

_LOOP = """
import resource, sys
from pathlib import Path
from orchestrator.engine import Engine, Frame, InstanceSettings
from orchestrator.errors import RunError
from tests.support.memory_guests import data, looked

engine = Engine(Path(sys.argv[1]))
grows = "(func $go (drop (memory.grow (i32.const 3))) (i32.store (i32.const 200000) (i32.const 1))) (start $go)"
texts = [
    looked("(memory 1)"), looked("(memory 3)"), looked(f"(memory 4) {data(0, 70_000)}"),
    looked(f"(memory 4) {data(0, 70_000)} {grows}"), looked(f"(memory 1) {grows}"),
    looked("(memory 1) (func $go unreachable) (start $go)"), looked("(memory 99)"),
]
linkers = [engine.linker(engine.from_text(text)) for text in texts]
settings = InstanceSettings(memory=90 * 65536)

def rounds(count):
    kept = []
    for n in range(count):
        for linker in linkers:
            try:
                kept.append(linker.instantiate(Frame(), settings))
            except RunError:
                pass
        if n % 7 == 0:
            while kept:
                kept.pop().close()
    while kept:
        kept.pop().close()

def now():
    size, resident = Path("/proc/self/statm").read_text().split()[:2]
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()

rounds(100)
before = now()
rounds(1500)
after = now()
print(after[0] - before[0] <= 16 << 20, after[1] - before[1] < 4 << 20)
"""


def test_thousands_of_instances_leave_nothing_behind(tmp_path: Path) -> None:
    program = [sys.executable, "-X", "faulthandler", "-c", _LOOP, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")
