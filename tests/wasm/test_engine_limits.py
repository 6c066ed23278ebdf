"""Limits hold for the sum of what a guest has, deep chains of calls fit their threads, and nothing is left behind."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.engine import Engine, Frame, InstanceSettings
from orchestrator.engine.component import Parts
from orchestrator.errors import ComponentError, LimitExceeded, RunError, Trapped
from tests.support.gates import Pass
from tests.support.guests import BAD, CALLER, plain
from tests.support.leftovers import left_alive
from tests.wasm.engine_calls import call, function, instance

_PAGE = 65536


def _memories(count: int, pages: int = 1) -> str:
    """A component of `count` modules with a memory each; `grow` grows every one as far as it goes, in pages."""
    modules = "\n".join(f"(core instance $i{n} (instantiate $m))" for n in range(count))
    imports = "\n".join(f'(import "{n}" "grow" (func $g{n} (result i32)))' for n in range(count))
    sums = "".join(f"(local.set 0 (i32.add (local.get 0) (call $g{n})))" for n in range(count))
    given = " ".join(f'(with "{n}" (instance $i{n}))' for n in range(count))
    return f"""(component
      (core module $m (memory {pages})
        (func (export "grow") (result i32)
          (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))
      {modules}
      (core module $all {imports} (func (export "grow") (result i32) (local i32) {sums} (local.get 0)))
      (core instance $all (instantiate $all {given}))
      (func (export "grow") (result u32) (canon lift (core func $all "grow"))))"""


@pytest.mark.parametrize("count", [1, 3, 20])
def test_all_memories_together_stay_under_the_limit(engine: Engine, count: int) -> None:
    limit = 4 << 20
    assert engine.from_text(_memories(count)).parts == Parts(count, 0, count + 1)
    with instance(engine, _memories(count), InstanceSettings(memory=limit)) as made:
        pages = call(made, "grow")
        assert limit - count * _PAGE < pages * _PAGE <= limit


def test_memories_of_nested_components_count(engine: Engine) -> None:
    inner = "(component $c (core module $m (memory 8)) (core instance (instantiate $m)))"
    text = f"(component {inner} {'(instance (instantiate $c))' * 10})"
    assert engine.from_text(text).parts == Parts(10, 0, 20)
    with instance(engine, text, InstanceSettings(memory=80 * _PAGE)):
        pass
    with pytest.raises(LimitExceeded), instance(engine, text, InstanceSettings(memory=79 * _PAGE)):
        pass
    assert not left_alive()


def test_a_memory_too_large_from_the_start_is_told(engine: Engine) -> None:
    with (
        pytest.raises(LimitExceeded) as caught,
        instance(engine, _memories(1, 100), InstanceSettings(memory=99 * _PAGE)),
    ):
        pass
    assert caught.value.message == "the component's memory is larger than its limit from the start"


def test_no_memory_at_all(engine: Engine) -> None:
    with pytest.raises(LimitExceeded), instance(engine, _memories(1), InstanceSettings(memory=0)):
        pass
    with instance(engine, plain('(func (export "f"))', f=""), InstanceSettings(memory=0)) as made:
        call(made, "f")


def test_a_heap_of_objects_counts_as_a_memory(engine: Engine) -> None:
    body = """(type $a (array (mut i8)))
      (type $l (struct (field (ref null $a)) (field (ref null $l))))
      (global $g (mut (ref null $l)) (ref.null $l))
      (memory 1)
      (func (export "hoard") (loop $on
        (global.set $g (struct.new $l (array.new $a (i32.const 1) (i32.const 100000)) (global.get $g)))
        (br $on)))"""
    text = plain(body, hoard="")
    assert engine.from_text(text).parts == Parts(2, 0, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with instance(engine, text, InstanceSettings(memory=32 << 20)) as made, pytest.raises(RunError):
        call(made, "hoard")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10


def test_a_table_grows_to_its_limit(engine: Engine) -> None:
    body = """(table $t 1 funcref) (func (export "grow") (param i32) (result i32)
      (table.grow $t (ref.null func) (local.get 0)))"""
    with instance(
        engine, plain(body, grow='(param "n" u32) (result s32)'), InstanceSettings(table_elements=100)
    ) as made:
        assert call(made, "grow", 99) == 1
        assert call(made, "grow", 1) == -1
        assert call(made, "grow", 2**32 - 1) == -1


def test_a_table_without_a_bound_that_matters(engine: Engine) -> None:
    body = """(table $t 1 funcref) (func (export "grow") (param i32) (result i32)
      (table.grow $t (ref.null func) (local.get 0)))"""
    for limit in (1 << 63, 1 << 64):
        with instance(
            engine, plain(body, grow='(param "n" u32) (result s32)'), InstanceSettings(table_elements=limit)
        ) as m:
            assert call(m, "grow", 2_000_000) == 1


def test_all_tables_together_stay_under_the_limit(engine: Engine) -> None:
    body = """(table $a 1 funcref) (table $b 1 funcref)
      (func (export "grow") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))"""
    text = plain(body, grow='(param "n" u32) (result s32)')
    with instance(engine, text, InstanceSettings(table_elements=100)) as made:
        assert call(made, "grow", 50) == -1
        assert call(made, "grow", 49) == 1


def test_a_table_too_large_from_the_start_is_told(engine: Engine) -> None:
    with (
        pytest.raises(LimitExceeded) as caught,
        instance(engine, plain("(table 101 funcref)"), InstanceSettings(table_elements=100)),
    ):
        pass
    assert caught.value.message == "the component's tables need 101 elements from the start, and their limit is 100"
    assert caught.value.limit == "tables"


def test_a_component_that_multiplies_itself_is_refused_before_it_is_compiled(engine: Engine) -> None:
    levels = [
        f"(component $c{n} (alias outer 1 $c{n - 1} (component $x))"
        " (instance (instantiate $x)) (instance (instantiate $x)))"
        for n in range(1, 40)
    ]
    text = f"(component (component $c0) {' '.join(levels)} (instance (instantiate $c39)))"
    with pytest.raises(ComponentError) as caught:
        engine.from_text(text, "bomb")
    assert str(caught.value) == (
        "bomb: it consists of 1048576 instances of modules and components, and 10000 are allowed"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("(memory 1)" * 101, "x: it consists of 101 memories, and 100 are allowed"),
        ("(table 1 funcref)" * 100, ""),
    ],
)
def test_parts_of_one_module_are_bounded(engine: Engine, body: str, message: str) -> None:
    if not message:
        assert engine.from_text(plain(body), "x").parts == Parts(0, 100, 1)
        return
    with pytest.raises(ComponentError) as caught:
        engine.from_text(plain(body), "x")
    assert str(caught.value) == message


@pytest.mark.parametrize("stack", ["0", "1048576"])
@pytest.mark.parametrize("depth", [1, 8, 64])
def test_a_chain_of_deep_stores_fits_its_thread(tmp_path: Path, depth: int, stack: str) -> None:
    program = [sys.executable, "-X", "faulthandler", "-m", "tests.wasm.deep_chain", str(tmp_path), str(depth), stack]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")


def _resident() -> int:
    """Kilobytes of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_calls_leave_no_memory_behind(engine: Engine) -> None:
    long = "text" * 250

    def rounds(count: int) -> None:
        for n in range(count):
            with instance(engine, BAD) as bad, instance(engine, CALLER, f=_fails if n % 2 else _answers) as caller:
                call(bad, "divide", 1)
                for made, name, values in ((bad, "not-text", []), (caller, "call", [n])):
                    try:
                        call(made, name, *values)
                    except (RuntimeError, Trapped):
                        continue
        for _ in range(count * 10):
            with echo.entered(Frame()):
                echo.call(None, echoed, [long])

    text = """(component
      (core module $m (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "f") (param i32 i32) (result i32)
          (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "x" string) (result (tuple string))
        (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
    with instance(engine, text) as echo:
        echoed = function(echo.linker.component.world, "f")
        rounds(200)
        before = _resident()
        rounds(1000)
        assert _resident() - before < 4 << 10
    assert not left_alive()


def _fails(_caller: object, _values: object) -> int:
    raise RuntimeError("no")


def _answers(_caller: object, _values: object) -> int:
    return 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_denied_and_failing_edges_leave_no_memory_behind(engine: Engine) -> None:
    from tests.wasm.engine_calls import TEXT_BACK, TEXT_FRONT, Denies

    component = engine.from_text(TEXT_FRONT)
    with instance(engine, TEXT_BACK) as back:
        offered, wanted = function(back.linker.component.world, "f"), function(component.world, "f")
        callers = []
        for gate in (
            Pass(back),
            Pass(back, sees=True),
            *(Denies(back, w, "no" * 500) for w in ("enter", "leave", "raise")),
        ):
            linker = engine.linker(component)
            linker.forward(None, wanted, None, offered, gate)
            callers.append(linker.instantiate(Frame()))

        def rounds(count: int) -> None:
            for _ in range(count):
                for caller in callers:
                    call(caller, "call", "text" * 500)

        rounds(200)
        before = _resident()
        rounds(3000)
        assert _resident() - before < 4 << 10
        for caller in callers:
            caller.close()
