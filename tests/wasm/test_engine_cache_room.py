"""The cache keeps to its size: what was used least lately goes, and whoever loses a file to that makes it anew."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from orchestrator.engine import Engine, Frame, _room
from orchestrator.engine.cache import Cache
from orchestrator.errors import ComponentError
from tests.support.memory_guests import looked

KIB = 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Cache(tmp_path / "cache").folder


def _put(path: Path, size: int, age: float) -> Path:
    path.write_bytes(b"x" * size)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def _left(folder: Path) -> set[str]:
    return {path.name for inner in ("code", "builds", "digests") for path in (folder / inner).iterdir()}


def _three(folder: Path) -> list[set[str]]:
    """Three entries of 80 KiB or so, the oldest first: code with an image, a build, code that was used again."""
    code, builds = folder / "code", folder / "builds"
    oldest = {
        _put(code / f"a-k.{end}", size * KIB, 3000).name for end, size in (("cwasm", 40), ("image", 40), ("json", 1))
    }
    build = {_put(builds / "b-1.wasm", 80 * KIB, 2000).name, _put(builds / "b-1.lock", 0, 2000).name}
    used = {_put(code / "c-k.cwasm", 80 * KIB, 9000).name, _put(code / "c-k.json", KIB, 1000).name}
    return [oldest, build, used]


@pytest.mark.parametrize(("most", "gone"), [(300, 0), (200, 1), (100, 2), (0, 3)])
def test_what_was_used_least_lately_goes_first(folder: Path, most: int, gone: int) -> None:
    entries = _three(folder)
    _room.tidy(folder, most * KIB)
    assert _left(folder) == set().union(*entries[gone:])


def test_what_was_written_or_used_just_now_stays(folder: Path) -> None:
    _three(folder)
    _put(folder / "code" / "d-k.cwasm", 80 * KIB, 0)
    _room.touch(folder / "code" / "a-k.json")
    _room.touch(folder / "builds" / "b-1.lock")
    _room.tidy(folder, 0)
    assert _left(folder) == {"a-k.cwasm", "a-k.image", "a-k.json", "b-1.wasm", "b-1.lock", "d-k.cwasm"}


def test_holes_take_no_room(folder: Path) -> None:
    entries = _three(folder)
    with (folder / "code" / "a-k.image").open("r+b") as file:
        file.truncate(1 << 30)
    os.utime(folder / "code" / "a-k.image", (1, 1))
    _room.tidy(folder, 300 * KIB)
    assert _left(folder) == set().union(*entries)


def test_leftovers_go_after_an_hour(folder: Path) -> None:
    for age, name in ((4000, "old"), (1000, "new")):
        _put(folder / "digests" / f".new-{name}", 1, age)
        (folder / "code" / f".compiling-{name}").mkdir()
        _put(folder / "code" / f".compiling-{name}" / "x", 1, age)
        then = time.time() - age
        os.utime(folder / "code" / f".compiling-{name}", (then, then))
    _room.tidy(folder, 1 << 30)
    assert _left(folder) == {".new-new", ".compiling-new"}


def test_use_is_noted_seldom(folder: Path) -> None:
    path = _put(folder / "code" / "a.json", 1, 20)
    before = path.stat().st_mtime_ns
    _room.touch(path)
    assert path.stat().st_mtime_ns == before
    os.utime(path, (1, 1))
    _room.touch(path)
    assert path.stat().st_mtime > time.time() - 60
    _room.touch(folder / "code" / "none")


def test_a_load_counts_as_use_and_writing_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_SIZE", "1B")
    texts = [looked(f"(memory {n})") for n in (1, 2, 3)]
    with Engine(folder) as engine:
        first, second = (engine.from_text(text).digest for text in texts[:2])
        for path in (folder / "code").iterdir():
            os.utime(path, (1, 1))
        engine.from_text(texts[0])
        third = engine.from_text(texts[2]).digest
    assert second not in {name[:64] for name in _left(folder)}
    assert {name[:64] for name in _left(folder)} == {first, third}


def test_loads_and_removals_at_once_do_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes as soon as it is there: whoever needs it compiles it again."""
    monkeypatch.setattr(_room, "FRESH", -1.0)
    stop, problems = threading.Event(), list[BaseException]()

    def remove() -> None:
        while not stop.is_set():
            _room.tidy(folder, 0)

    def load(number: int) -> None:
        try:
            for n in range(20):
                with Engine(folder) as engine:
                    component = engine.from_text(looked(f"(memory {1 + (number + n) % 3})"))
                    engine.linker(component).instantiate(Frame()).close()
        except BaseException as problem:
            problems.append(problem)

    removing = threading.Thread(target=remove)
    loading = [threading.Thread(target=load, args=[n]) for n in range(3)]
    for thread in (removing, *loading):
        thread.start()
    for thread in loading:
        thread.join()
    stop.set()
    removing.join()
    gone = [problem for problem in problems if "gone from the cache" in str(problem) or "cannot write" in str(problem)]
    assert problems == gone


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 4 << 30), ("  ", 4 << 30), ("123", 123), ("2GiB", 2 << 30), ("500MB", 500_000_000), ("0", 0)],
)
def test_the_size_is_bytes_or_has_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_SIZE", text)
    assert _room.limit() == size


@pytest.mark.parametrize("text", ["2 GiB", "-1", "1e9", "many", "2gib", "٣", "1" * 70, "\x1b[2J"])
def test_another_size_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    from orchestrator.diagnostics import printable

    monkeypatch.setenv("ORCHESTRATOR_CACHE_SIZE", text)
    with pytest.raises(ComponentError) as caught:
        Engine(folder)
    assert str(caught.value) == (
        f"ORCHESTRATOR_CACHE_SIZE is {printable(text)}, which is no size; "
        "give a whole number of bytes, or one with a unit, as in 2GiB"
    )
