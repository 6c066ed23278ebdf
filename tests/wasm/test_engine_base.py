"""Memories that are taken back again and again hold what they held, whoever wrote to which of their pages and how."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from orchestrator.engine import Engine, Frame, Instance, InstanceSettings, Snapshot, _base, _posix, put, take
from orchestrator.interface.types import Function

PAGE = 4096
PAGES = 1024
TEXT = f"""(component
  (core module $m
    (memory (export "memory") {PAGES // 16})
    (data (i32.const 8192) "what it held")
    (func (export "touch") (param $first i32) (param $count i32) (param $apart i32) (local $at i32)
      (local.set $at (i32.mul (local.get $first) (i32.const {PAGE})))
      (loop $l
        (i32.store (local.get $at) (i32.const -1))
        (local.set $at (i32.add (local.get $at) (i32.mul (local.get $apart) (i32.const {PAGE}))))
        (br_if $l (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
  (core instance $i (instantiate $m))
  (func (export "touch") (param "first" u32) (param "count" u32) (param "apart" u32)
    (canon lift (core func $i "touch"))))"""


@dataclass(frozen=True)
class Kept:
    """An instance, with the state that it is taken back to and what its memory held in it."""

    instance: Instance
    state: Snapshot
    held: bytes

    def touch(self, first: int, count: int = 1, apart: int = 1) -> None:
        (function,) = self.instance.linker.component.world.exports
        assert isinstance(function, Function)
        with self.instance.entered(Frame()):
            self.instance.call(None, function, [first, count, apart])

    def back(self) -> None:
        with self.instance.entered(Frame()):
            put(self.instance, self.state)

    @property
    def view(self) -> memoryview:
        assert self.instance.bank is not None
        return self.instance.bank.own[0].view()

    @property
    def is_clean(self) -> bool:
        return self.view == self.held


@pytest.fixture
def kept(engine: Engine) -> Iterator[Kept]:
    component = engine.variant(engine.from_text(TEXT, "touch"), "auto", kept=True)
    instance = engine.linker(component).instantiate(Frame(), InstanceSettings(memory=2 * PAGES * PAGE))
    with instance.entered(Frame()):
        state = take(instance)
    assert instance.bank is not None
    yield Kept(instance, state, bytes(instance.bank.own[0].view()))
    instance.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that the system was asked which pages are a memory's own."""
    times, ask = list[int](), _posix.changed

    def changed(start: int, end: int) -> list[tuple[int, int]]:
        times.append(1)
        return ask(start, end)

    monkeypatch.setattr(_posix, "changed", changed)
    return times


needs_telling = pytest.mark.skipif(not _posix.tells_changes(), reason="the system does not tell changes")


def elsewhere(work: Callable[[], None]) -> None:
    """Does it on another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_any_pages_by_any_thread_any_number_of_times(kept: Kept) -> None:
    chosen = random.Random(5)
    for step in range(400):
        for _ in range(chosen.randrange(4)):
            first, apart = chosen.randrange(PAGES), chosen.randrange(1, 9)
            count = 1 + chosen.randrange(1 + min(30, (PAGES - 1 - first) // apart))
            if chosen.random() < 0.3:
                elsewhere(partial(kept.touch, first, count, apart))
            else:
                kept.touch(first, count, apart)
        if chosen.random() < 0.2:
            elsewhere(kept.back)
        else:
            kept.back()
        assert kept.is_clean, step


@needs_telling
def test_the_system_is_not_asked_about_a_guest_that_does_the_same_again(kept: Kept, asked: list[int]) -> None:
    def often() -> int:
        before = len(asked)
        for _ in range(50):
            kept.touch(3, 20, 5)
            kept.back()
            assert kept.is_clean
        return len(asked) - before

    often()
    assert min(often() for _ in range(5)) == 0  # this process may have faults of its own now and then
    before = len(asked)
    kept.touch(500)
    kept.back()
    assert len(asked) > before
    assert kept.is_clean


def test_what_the_kernel_writes_is_taken_back(kept: Kept) -> None:
    reading, writing = os.pipe()
    try:
        for page in range(0, PAGES, 3):
            os.write(writing, b"by the kernel")
            os.readv(reading, [kept.view[page * PAGE + 8 : page * PAGE + 21]])
            assert not kept.is_clean
            kept.back()
            assert kept.is_clean
    finally:
        os.close(reading)
        os.close(writing)


def test_what_only_some_guests_wrote_to_is_forgotten(kept: Kept) -> None:
    kept.touch(0, 10)
    kept.back()
    kept.touch(0, PAGES)
    kept.back()
    assert kept.instance.bank is not None
    memory, forgotten = kept.instance.bank.own[0], 0
    for _ in range(3 * _base._FAULT):
        kept.touch(0, 10)
        kept.back()
        assert kept.is_clean
        forgotten += memory.written is None
    if _posix.tells_changes():
        assert forgotten == 1
        assert memory.written is not None
        assert memory.written.pages < 100


def test_more_than_is_worth_its_room_is_forgotten_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_base, "MANY", 50)
    for count in (49, 51, PAGES, 49):
        kept.touch(0, count)
        kept.back()
        assert kept.is_clean


def test_a_system_that_does_not_tell_changes_forgets_all(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_posix, "tells_changes", lambda: False)
    for count in (1, 700):
        kept.touch(5, count)
        kept.back()
        assert kept.is_clean


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_seen_none_of_its_parents_faults(kept: Kept) -> None:
    kept.touch(3)
    kept.back()
    child = os.fork()
    if not child:
        fine = False
        try:
            before = _posix.faults()
            kept.touch(700)
            kept.back()
            fine = kept.is_clean and before > 1 << 59
        finally:
            os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    kept.touch(701)
    kept.back()
    assert kept.is_clean


@pytest.mark.parametrize("tells", [True, False], ids=["more than are copied", "nobody knows which"])
def test_a_system_that_takes_nothing_back_ends_the_instance(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    """As Linux does with memory that is locked: what the guest wrote is there still, and nobody may meet it."""
    if not tells:
        monkeypatch.setattr(_posix, "tells_changes", lambda: False)
    monkeypatch.setattr(_base, "MANY", 50)
    monkeypatch.setattr(_posix, "_madvise", lambda *_: -1)
    kept.touch(3, 60)
    with pytest.raises(OSError):
        kept.back()
    assert not kept.is_clean
    assert kept.instance.gone


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_any_number_of_threads_have_one_open_file(kept: Kept) -> None:
    def step(first: int) -> None:
        kept.touch(first)
        kept.back()

    step(1)
    before = _open_files()
    for number in range(60):
        elsewhere(partial(step, 2 + number))
    assert _open_files() == before
    assert kept.is_clean
