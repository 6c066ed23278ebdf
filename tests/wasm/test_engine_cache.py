"""The cache of compiled components: right after any damage, refused where others could write, clear when it fails."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.diagnostics import printable
from orchestrator.engine import Engine, cache
from orchestrator.engine import _compiler as compiler
from orchestrator.engine import engine as engine_module
from orchestrator.errors import ClosedError, ComponentError
from tests.support.guests import answer_of, plain

_LOCATION = """(component (core module $m (func (export "f") (result i32) (i32.const {n})))
  (core instance $i (instantiate $m)) (func (export "f") (result u32) (canon lift (core func $i "f"))))"""


def _binary(n: int = 7) -> bytes:
    from wasmtime import wat2wasm

    return bytes(wat2wasm(_LOCATION.format(n=n)))


def _answer(engine: Engine, path: Path) -> int:
    return answer_of(engine, engine.load(path))


@pytest.fixture
def wasm(tmp_path: Path) -> Path:
    path = tmp_path / "guest.wasm"
    path.write_bytes(_binary())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _code(folder: Path) -> tuple[Path, Path]:
    (code,) = (folder / "code").glob("*.cwasm")
    return code, code.with_suffix(".json")


def test_the_second_load_compiles_nothing(folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7
    monkeypatch.setattr(compiler, "compiled", None)
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7


def test_what_is_in_the_cache_is_loaded_without_wasmtime(folder: Path, wasm: Path) -> None:
    with Engine(folder) as engine:
        first = engine.load(wasm)
    program = (
        "import sys; from pathlib import Path; from orchestrator.engine import Engine\n"
        f"component = Engine(Path({str(folder)!r})).load({str(wasm)!r})\n"
        "print(component.digest, 'wasmtime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{first.digest} False\n"


def _replace(path: Path, data: bytes) -> None:
    """Another file of that name: the one that was there is mapped into memory as long as its code is loaded."""
    path.unlink()
    path.write_bytes(data)


_DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "no notes": lambda _code, note: note.unlink(),
    "no code": lambda code, _note: code.unlink(),
    "code cut": lambda code, _note: _replace(code, code.read_bytes()[:-1]),
    "code empty": lambda code, _note: _replace(code, b""),
    "notes cut": lambda _code, note: note.write_bytes(note.read_bytes()[:-20]),
    "notes empty": lambda _code, note: note.write_bytes(b""),
    "notes a list": lambda _code, note: note.write_text("[]"),
    "notes nested": lambda _code, note: note.write_text("[" * 100_000),
    "notes not Unicode": lambda _code, note: note.write_bytes(b"\xff\xfe"),
    "no world": lambda _code, note: _edit(note, world=None),
    "another world": lambda _code, note: _edit(note, world={"format": 99}),
    "counts": lambda _code, note: _edit(note, memories="many"),
    "refused": lambda _code, note: _edit(note, refused=None),
}


def _edit(note: Path, **changes: object) -> None:
    note.write_text(json.dumps({**json.loads(note.read_text()), **changes}))


@pytest.mark.parametrize("damage", _DAMAGES)
def test_what_is_damaged_is_made_anew(folder: Path, wasm: Path, damage: str) -> None:
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7
    whole = [path.read_bytes() for path in _code(folder)]
    _DAMAGES[damage](*_code(folder))
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7
    assert [path.read_bytes() for path in _code(folder)] == whole


def test_machine_code_of_another_kind_is_refused(folder: Path, wasm: Path) -> None:
    with Engine(folder) as engine:
        component = engine.load(wasm)
        code, _ = _code(folder)
        _replace(code, b"\x7fELF" + os.urandom(code.stat().st_size - 4))
        with pytest.raises(ComponentError) as caught:
            engine.linker(component)
        assert str(caught.value).startswith(f"the compiled component {code} cannot be loaded: ")
        assert str(caught.value).endswith("; delete it")


def _age(path: Path) -> None:
    """Makes a file look as if nobody had touched it for an hour, as far as that can be set."""
    then = time.time_ns() - 3_600_000_000_000
    os.utime(path, ns=(then, then))


def test_a_change_of_the_same_size_and_time_is_noticed(
    folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SETTLED", 0)
    _age(wasm)
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7
        before = wasm.stat()
        wasm.write_bytes(_binary(8))
        os.utime(wasm, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert wasm.stat().st_size == before.st_size
        assert wasm.stat().st_mtime_ns == before.st_mtime_ns
        assert _answer(engine, wasm) == 8


def test_the_digest_of_a_file_that_just_changed_is_not_kept(folder: Path, wasm: Path) -> None:
    with Engine(folder) as engine:
        assert _answer(engine, wasm) == 7
    assert list((folder / "digests").iterdir()) == []


def test_a_kept_digest_saves_reading_the_file(folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SETTLED", 0)
    with Engine(folder) as engine:
        engine.load(wasm)
        monkeypatch.setattr(hashlib, "file_digest", None)
        assert _answer(engine, wasm) == 7
        (note,) = (folder / "digests").iterdir()
        for text in ("{}", "", json.dumps({**json.loads(note.read_text()), "digest": "../../x"})):
            note.write_text(text)
            with pytest.raises(TypeError):
                engine.load(wasm)


def test_a_file_that_changes_while_it_is_loaded_is_refused(
    folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: _binary(9) if path == wasm else b"")
    with Engine(folder) as engine, pytest.raises(ComponentError) as caught:
        engine.load(wasm)
    assert str(caught.value) == "guest changed while it was loaded; load it again"


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    Engine(folder).close()
    for inner in ("", "code", "digests", "builds"):
        for mode in (0o770, 0o702):
            (folder / inner).chmod(mode)
            with pytest.raises(ComponentError) as caught:
                Engine(folder)
            assert str(caught.value) == (
                f"others may write to the cache folder {folder / inner}; chmod it to 0700 and empty it"
            )
        (folder / inner).chmod(0o700)
    Engine(folder).close()


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(folder).close()
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(ComponentError) as caught:
        Engine(folder)
    assert str(caught.value) == f"the cache folder {folder} belongs to another user; set ORCHESTRATOR_CACHE"


def test_a_cache_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "in"):
        with pytest.raises(ComponentError) as caught:
            Engine(place)
        assert str(caught.value).startswith(f"cannot use the cache folder {place}: ")
        assert str(caught.value).endswith("; set ORCHESTRATOR_CACHE to another")


def _fill(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)


def test_a_full_disk_is_told_and_leaves_nothing(folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(folder) as engine:
        with monkeypatch.context() as patch:
            _fill(patch)
            with pytest.raises(ComponentError) as caught:
                engine.load(wasm)
        assert str(caught.value).startswith(f"cannot write to the cache, {folder}/code/")
        assert str(caught.value).endswith(".cwasm: No space left on device")
        assert list((folder / "code").iterdir()) == []
        assert _answer(engine, wasm) == 7


def test_a_note_that_cannot_be_written_does_no_harm(folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SETTLED", 0)
    with Engine(folder) as engine:
        engine.load(wasm)
        for note in (folder / "digests").iterdir():
            note.unlink()
        _fill(monkeypatch)
        assert _answer(engine, wasm) == 7


def test_four_processes_load_one_component_at_once(folder: Path, tmp_path: Path) -> None:
    guest = tmp_path / "large.wasm"
    from wasmtime import wat2wasm

    padding = " ".join(f"(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {n})))" for n in range(9000))
    guest.write_bytes(
        bytes(wat2wasm(plain(f'(func (export "f") (result i32) (i32.const 5)) {padding}', f="(result u32)")))
    )
    assert guest.stat().st_size > engine_module.SMALL
    program = (
        "from pathlib import Path; from orchestrator.engine import Engine, Frame\n"
        f"engine = Engine(Path({str(folder)!r})); component = engine.load({str(guest)!r})\n"
        "instance = engine.linker(component).instantiate(Frame())\n"
        "with instance.entered(Frame()): print(instance.call(None, component.world.exports[0], []))"
    )
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate() for process in running] == [("5\n", "")] * 4
    assert sorted(path.suffix for path in (folder / "code").iterdir()) == [".cwasm", ".json"]


_HEAD = b"\0asm\x0d\0\1\0"


@pytest.mark.parametrize(
    ("binary", "message"),
    [
        (b"", "guest: it is not a component: it starts with nothing, not with 00 61 73 6d 0d 00 01 00"),
        (
            b"#!/bin/sh\n",
            "guest: it is not a component: it starts with 23 21 2f 62 69 6e 2f 73, not with 00 61 73 6d 0d 00 01 00",
        ),
        (
            b"\0asm\1\0\0\0",
            "guest: it is a core module, not a component; make one of it with `wasm-tools component new`",
        ),
        (
            _HEAD + b"\1\xff\xff",
            "guest: not a valid component: a section ends too early, at byte 11",
        ),
        (_binary()[:-5], "guest: not a valid component: a section is longer than what it stands in, at byte "),
        (_HEAD + b"\x30\0", "guest: not a valid component: it has a section of an unknown kind, 48"),
    ],
)
def test_what_is_no_component_is_told_without_a_compiler(
    folder: Path, wasm: Path, binary: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "compiled", lambda *_: pytest.fail("a compiler is started"))
    wasm.write_bytes(binary)
    with Engine(folder) as engine:
        with pytest.raises(ComponentError) as caught:
            engine.load(wasm)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("binary", [_HEAD + b"\1\4junk", _HEAD + b"\7\1\xff"])
def test_what_is_no_component_is_told(folder: Path, wasm: Path, binary: bytes) -> None:
    message = "guest: not a valid component: "
    wasm.write_bytes(binary)
    with Engine(folder) as engine:
        with pytest.raises(ComponentError) as caught:
            engine.load(wasm)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)
    assert list((folder / "code").iterdir()) == []


def test_a_package_of_wit_is_told(folder: Path) -> None:
    wit = """(component (type $t (component
      (type (component (import "a:b/i" (instance (export "f" (func))))))
      (export "a:b/w" (component (type 0))))) (export "w" (type $t)))"""
    with Engine(folder) as engine:
        component = engine.from_text(wit)
        assert component.world.refused == ("exports a component, `w`",)


def test_missing_and_strange_paths_are_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.wasm").symlink_to(tmp_path / "loop.wasm")
    os.mkfifo(tmp_path / "pipe.wasm")
    os.mkfifo(tmp_path / "pipe.wat")
    (tmp_path / "zero.wat").symlink_to("/dev/zero")
    (tmp_path / "bad.wat").write_bytes(b"\xff")
    (tmp_path / "big.wat").touch()
    os.truncate(tmp_path / "big.wat", 17 << 20)
    (tmp_path / "big.wasm").touch()
    os.truncate(tmp_path / "big.wasm", (256 << 20) + 1)
    wrong = {
        "none.wasm": "there is no component at {}",
        "nul\0.wasm": "there is no component at {}",
        "loop.wasm": "there is no component at {}",
        "x" * 300 + ".wasm": "cannot read {}: File name too long",
        "pipe.wasm": "{} is not a regular file",
        "pipe.wat": "{} is not a regular file",
        "zero.wat": "{} is not a regular file",
        "bad.wat": "cannot read {}: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        "big.wat": "{} has 17825792 bytes; a component's text may have 16777216",
        "big.wasm": "{} has 268435457 bytes; a component may have 268435456",
    }
    with Engine(folder) as engine:
        for name, message in wrong.items():
            with pytest.raises(ComponentError) as caught:
                engine.load(tmp_path / name)
            assert str(caught.value) == message.format(printable(str(tmp_path / name)))


def test_text_that_is_not_wat_is_told(folder: Path) -> None:
    with Engine(folder) as engine, pytest.raises(ComponentError) as caught:
        engine.from_text("(component (nonsense))", "x")
    assert str(caught.value).startswith("x is not valid WAT: ")


def test_text_of_a_core_module_is_told(folder: Path) -> None:
    with Engine(folder) as engine, pytest.raises(ComponentError) as caught:
        engine.from_text("(module)", "x")
    assert str(caught.value).startswith("x: it is a core module, not a component")


def test_a_compiler_that_dies_is_told(folder: Path, wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_idle", compiler._Idle())
    with Engine(folder) as engine:
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(ComponentError) as caught:
            engine.load(wasm)
        assert str(caught.value) == "guest cannot be compiled: the compiler ended with exit code 1"
        monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
        with pytest.raises(ComponentError) as caught:
            engine.load(wasm)
        assert str(caught.value).startswith("guest cannot be compiled: [Errno 2]")
    assert list((folder / "code").iterdir()) == []


def test_a_closed_engine_loads_nothing(folder: Path, wasm: Path) -> None:
    engine = Engine(folder)
    component = engine.load(wasm)
    engine.close()
    engine.close()
    for use in (lambda: engine.load(wasm), lambda: engine.from_binary(b""), lambda: engine.linker(component)):
        with pytest.raises(ClosedError) as caught:
            use()
        assert str(caught.value) == "the engine was closed"


def test_what_another_compiles_is_waited_for(wasm: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs that begin at once compile a component once."""
    monkeypatch.setattr(engine_module, "SMALL", 0)
    compiled, compile_ = list[str](), compiler.compiled
    begun, go = threading.Event(), threading.Event()

    def slowly(binary: bytes, target: Path, name: str, *rest: Any) -> Any:
        compiled.append(name)
        begun.set()
        assert go.wait(30)
        return compile_(binary, target, name, *rest)

    def told(line: str) -> None:
        if line == "waiting for another compilation before that of guest":
            go.set()

    monkeypatch.setattr(compiler, "compiled", slowly)
    with Engine(folder) as one, Engine(folder, told) as other, ThreadPoolExecutor(2) as pool:
        first = pool.submit(_answer, one, wasm)
        assert begun.wait(30)
        second = pool.submit(_answer, other, wasm)
        assert (first.result(60), second.result(60)) == (7, 7)
    assert compiled == ["guest"]
