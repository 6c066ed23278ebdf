"""Compiling is bounded, in processes that are kept for the next component and never outlive what waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.engine import Engine
from orchestrator.engine import _compiler as compiler
from orchestrator.engine import engine as engine_module
from orchestrator.engine._bounds import Bounds, bounds
from orchestrator.engine._children import Worker
from orchestrator.errors import ComponentError
from tests.support import bombs
from tests.support.bombs import numbered
from tests.support.goldens import PROJECT

_SLOW = "slow cannot be compiled: it takes more than 2s of processor time; ORCHESTRATOR_COMPILE_TIMEOUT may allow more"
_LARGE = "large cannot be compiled: it takes more than 256MiB of memory; ORCHESTRATOR_COMPILE_MEMORY may allow more"


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[compiler._Idle]:
    """No process waits before the test, and none of its own after it."""
    mine = compiler._Idle()
    monkeypatch.setattr(compiler, "_idle", mine)
    yield mine
    for _, worker in mine._kept:
        worker.end()


def kept(idle: compiler._Idle) -> list[int]:
    """The processes that wait for a component."""
    return [worker._process.pid for _, worker in idle._kept]


def test_what_takes_too_long_is_ended_and_the_next_component_is_not(tmp_path: Path) -> None:
    with Engine(tmp_path, compile_timeout=2) as engine:
        for _ in range(2):
            with pytest.raises(ComponentError) as caught:
                engine.from_binary(bombs.endless(), "slow")
            assert str(caught.value) == _SLOW
        assert engine.from_binary(numbered(1)).world.exports == ()
    assert len(list((tmp_path / "code").iterdir())) == 2


def test_what_takes_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_COMPILE_MEMORY", "256MiB")
    with Engine(tmp_path) as engine:
        for binary in (bombs.many_functions(200_000), bombs.padded(250 << 20)):
            with pytest.raises(ComponentError) as caught:
                engine.from_binary(binary, "large")
            assert str(caught.value) == _LARGE
        assert engine.from_binary(numbered(1)).world.exports == ()


def test_one_that_sleeps_instead_is_ended_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: compiler._Idle
) -> None:
    """A process that is stopped takes no processor time."""
    with Engine(tmp_path, compile_timeout=2) as engine:
        engine.from_binary(numbered(1))
        os.kill(kept(idle)[0], signal.SIGSTOP)
        monkeypatch.setattr(compiler, "PATIENCE", 0.1)
        with pytest.raises(ComponentError) as caught:
            engine.from_binary(numbered(2), "slow")
        monkeypatch.setattr(compiler, "PATIENCE", 5)
        assert str(caught.value) == _SLOW
        assert kept(idle) == []
        assert engine.from_binary(numbered(2)).world.exports == ()


# The processes


def test_one_process_serves_many_components(tmp_path: Path, idle: compiler._Idle) -> None:
    with Engine(tmp_path / "one") as engine, Engine(tmp_path / "two") as other:
        engine.from_binary(numbered(1))
        first = kept(idle)
        for n in range(2, 6):
            engine.from_binary(numbered(n))
            other.from_binary(numbered(n))
        assert kept(idle) == first
        assert len(first) == 1


def test_one_that_ended_in_vain_is_replaced(tmp_path: Path, idle: compiler._Idle) -> None:
    """By itself, as it does after a while; or because somebody killed it."""
    with Engine(tmp_path) as engine:
        engine.from_binary(numbered(1))
        idle._kept[0][1]._questions.close()
        idle._kept[0][1]._process.wait(60)
        engine.from_binary(numbered(2))
        os.kill(kept(idle)[0], signal.SIGKILL)
        idle._kept[0][1]._process.wait(60)
        engine.from_binary(numbered(3))


def test_one_that_ends_while_it_is_asked_is_replaced(
    tmp_path: Path, idle: compiler._Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may decide to just when the question is on its way."""
    with Engine(tmp_path) as engine:
        engine.from_binary(numbered(1))
        worker = idle._kept[0][1]
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), worker._questions.fileno())
        worker._process.wait(60)
        monkeypatch.setattr(Worker, "alive", True)
        assert engine.from_binary(numbered(2)).world.exports == ()
        assert kept(idle) != [worker._process.pid]


def test_one_that_fails_inside_says_why() -> None:
    """And is not aborted by its thread that still reads."""
    worker = compiler._started()
    assert worker.ask(b"{}\n", 60) == b""
    code, said = worker.end()
    assert code == 1
    assert said.endswith("KeyError: 'seconds'\n")


def test_few_are_kept_and_as_many_as_are_needed_work(tmp_path: Path, idle: compiler._Idle) -> None:
    with Engine(tmp_path) as engine:
        threads = [threading.Thread(target=engine.from_binary, args=(numbered(n),)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(list((tmp_path / "code").glob("*.cwasm"))) == 5
        assert 1 <= len(kept(idle)) <= 2


def test_other_bounds_take_another_process(tmp_path: Path, idle: compiler._Idle) -> None:
    with Engine(tmp_path / "one") as engine, Engine(tmp_path / "two", compile_timeout=7) as other:
        engine.from_binary(numbered(1))
        other.from_binary(numbered(1))
        assert len(set(kept(idle))) == 2


_PROGRAM = """
import os, signal, sys
from pathlib import Path
from orchestrator.engine import Engine, _compiler
from tests.wasm.test_engine_compile import kept
from tests.support.bombs import numbered
engine = Engine(Path(sys.argv[1]))
engine.from_binary(numbered(1))
print(*kept(_compiler._idle), flush=True)
{end}
"""


def _gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody waited for has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)"])
def test_no_process_outlives_its_program(tmp_path: Path, end: str) -> None:
    program = [sys.executable, "-W", "error", "-c", _PROGRAM.format(end=end), str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.stderr == ""
    (pid,) = map(int, done.stdout.split())
    until = time.monotonic() + 60
    while not _gone(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


_FORKS = """
import os, sys
from pathlib import Path
from orchestrator.engine import Engine, _compiler
from tests.wasm.test_engine_compile import kept
from tests.support.bombs import numbered
engine = Engine(Path(sys.argv[1]))
engine.from_binary(numbered(1))
mine = kept(_compiler._idle)
child = os.fork()
if not child:
    engine.from_binary(numbered(2))
    os._exit(set(kept(_compiler._idle)) & set(mine) != set())
_, status = os.waitpid(child, 0)
engine.from_binary(numbered(3))
print(os.waitstatus_to_exitcode(status), kept(_compiler._idle) == mine)
"""


def test_a_forked_program_starts_its_own(tmp_path: Path) -> None:
    program = [sys.executable, "-W", "error", "-c", _FORKS, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 True\n", "")


# Texts


def test_a_large_text_gives_what_a_small_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "(component (core module))"
    with Engine(tmp_path) as engine:
        small = engine.from_text(text)
        monkeypatch.setattr(engine_module, "SMALL", 10)
        assert engine.from_text(text).digest == small.digest
        with pytest.raises(ComponentError) as caught:
            engine.from_text("(component (nonsense))", "x")
        assert str(caught.value).startswith("x is not valid WAT: ")
        monkeypatch.setattr(engine_module, "MAX_TEXT", 20)
        with pytest.raises(ComponentError) as caught:
            engine.from_text(text, "x")
        assert str(caught.value) == "x has 25 characters; a component's text may have 20"
    assert not list((tmp_path / "code").glob(".compiling-*"))


def test_a_text_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    imports = " ".join(f'(import "f{n}" (func))' for n in range(80_000))
    with Engine(tmp_path, compile_timeout=2) as engine:
        with pytest.raises(ComponentError) as caught:
            engine.from_text(f"(component {imports})", "slow")
        assert str(caught.value) == _SLOW


# What is asked for


def test_bounds_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bounds() == Bounds(120.0, 4 << 30)
    for said, seconds in (("5m", 300.0), ("30", 30.0), (" 1.5s ", 1.5), ("", 120.0)):
        monkeypatch.setenv("ORCHESTRATOR_COMPILE_TIMEOUT", said)
        assert bounds().seconds == seconds
    monkeypatch.setenv("ORCHESTRATOR_COMPILE_TIMEOUT", "7s")
    for memory, size in (("8GiB", 8 << 30), ("1000000000", 10**9), ("256MiB", 256 << 20), (" ", 4 << 30)):
        monkeypatch.setenv("ORCHESTRATOR_COMPILE_MEMORY", memory)
        assert bounds() == Bounds(7.0, size)
    assert bounds(3).seconds == 3.0


def test_what_is_no_bound_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("0", "0s", "-5", "soon", "1e9", "5 m"):
        monkeypatch.setenv("ORCHESTRATOR_COMPILE_TIMEOUT", said)
        with pytest.raises(ComponentError) as caught:
            Engine(tmp_path)
        assert str(caught.value) == (
            f"ORCHESTRATOR_COMPILE_TIMEOUT is {said}, which is no time to compile in; "
            "give seconds of processor time, or a number with a unit, as in 5m"
        )
    monkeypatch.delenv("ORCHESTRATOR_COMPILE_TIMEOUT")
    for said in ("0", "255MiB", "much", "-1"):
        monkeypatch.setenv("ORCHESTRATOR_COMPILE_MEMORY", said)
        with pytest.raises(ComponentError) as caught:
            Engine(tmp_path)
        assert str(caught.value) == (
            f"ORCHESTRATOR_COMPILE_MEMORY is {said}, which is not enough to compile in, or no size; "
            "give bytes, or a number with a unit, as in 8GiB, and 256MiB at least"
        )
    monkeypatch.delenv("ORCHESTRATOR_COMPILE_MEMORY")
    for timeout in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ComponentError) as caught:
            Engine(tmp_path, compile_timeout=timeout)
        assert str(caught.value) == f"a compile timeout of {timeout:g} s: give more than 0 seconds, and an end"
