"""What taking an instance back costs: by the pages that its guest wrote to, and by the size of its memory.

Before each revert a guest writes to so many pages of its memory, which lie apart; only the revert counts. A guest that
wrote to the same pages before meets no page fault, and the system need not be asked which pages it has of its own:
`us_by_pages`. Where it may have more of them than before it is asked: `asked_us_by_pages`. `dontneed` has the system
forget the pages, by `MADV_DONTNEED`, which takes no copying; the guest then waits for each page that it touches again,
so `cycle` counts the writing too. By size a hundred pages are written to. Linux only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks._calls import PERCENTILES, Call, Maker, Times, measure, percentile
from benchmarks._ways import Effort, Missing, Taken, expect
from orchestrator import Engine
from orchestrator.engine import Frame, Instance, InstanceSettings, put, take
from orchestrator.interface.types import Function

EFFORT = Effort(seconds=1.0, rounds=8)
PAGES = (10, 30, 100, 300, 1000, 3000, 10_000)
MEGABYTES = (1, 4, 16, 64, 256)
_WRITTEN = 100
"""Pages that are written to where the size of the memory counts."""
_PAGE = 4096
_LARGE = 64
"""Megabytes of memory where the number of pages counts."""

Revert = Callable[[Instance], object]


def run(
    effort: Effort = EFFORT, pages: Sequence[int] = PAGES, megabytes: Sequence[int] = MEGABYTES
) -> dict[str, object]:
    """Microseconds by pages and by megabytes, each with those of several percentiles."""
    with Engine() as engine:
        makers: dict[str, Maker] = {}
        for count in pages:
            for way in ("copied", "asked", "dontneed"):
                makers[f"{way} {count}"] = partial(_revert, engine, _LARGE, count, way, False)
                makers[f"{way} cycle {count}"] = partial(_revert, engine, _LARGE, count, way, True)
        for size in megabytes:
            for way in ("copied", "asked"):
                makers[f"{way} of {size}"] = partial(_revert, engine, size, _WRITTEN, way, False)
        times = measure(makers, effort)
    figures: dict[str, object] = {}
    for way, name in (("copied", ""), ("asked", "asked_"), ("dontneed", "dontneed_")):
        figures[f"{name}us_by_pages"] = _by(times, f"{way} ", pages, 50)
        figures[f"{name}cycle_us_by_pages"] = _by(times, f"{way} cycle ", pages, 50)
    for percent in (95, 99):
        figures[f"p{percent}_us_by_pages"] = _by(times, "copied ", pages, percent)
    for name, way in (("", "copied"), ("asked_", "asked")):
        figures[f"{name}us_by_megabytes"] = _by(times, f"{way} of ", megabytes, 50)
    return figures


def _by(times: Times, prefix: str, numbers: Sequence[int], percent: int) -> Mapping[str, float | None]:
    assert percent in PERCENTILES.values()
    return {str(number): percentile(times[f"{prefix}{number}"], percent) for number in numbers}


def _guest(megabytes: int) -> str:
    """A component whose `touch` writes to so many pages, so far apart, of a memory of that size."""
    return f"""(component
      (core module $m
        (memory (export "memory") {megabytes * 16})
        (func (export "touch") (param $count i32) (param $apart i32) (result i32) (local $at i32) (local $n i32)
          (loop $l
            (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
            (local.set $at (i32.add (local.get $at) (local.get $apart)))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $count))))
          (i32.load (i32.const 0))))
      (core instance $i (instantiate $m))
      (func (export "touch") (param "count" u32) (param "apart" u32) (result u32)
        (canon lift (core func $i "touch"))))"""


def _revert(engine: Engine, megabytes: int, pages: int, way: str, cycle: bool, stack: ExitStack) -> Call:
    component = engine.variant(engine.from_text(_guest(megabytes), "touch"), "auto", kept=True)
    if not component.variant.kept:
        raise Missing(f"no instance can be taken back here: {component.way.reason}")
    linker = engine.linker(component)
    instance = linker.instantiate(Frame(), InstanceSettings(memory=megabytes << 20))
    stack.callback(instance.close)
    (touch,) = component.world.exports
    assert isinstance(touch, Function)
    instance.enter(Frame())
    stack.callback(instance.leave)
    state = take(instance)
    reverts: dict[str, Revert] = {
        "copied": lambda instance: put(instance, state),
        "asked": lambda instance: put(_unsure(instance), state),
        "dontneed": _dontneed,
    }
    revert, apart = reverts[way], (megabytes << 20) // pages // _PAGE * _PAGE

    def call() -> Taken:
        begun = time.perf_counter()
        found = instance.call(None, touch, [pages, apart])
        wrote = time.perf_counter()
        revert(instance)
        end = time.perf_counter()
        if found != 1:
            expect(found, 1, "the guest")
        return Taken(end - (begun if cycle else wrote))

    return call


def _unsure(instance: Instance) -> Instance:
    """The instance, of which the next revert asks the system which pages it has of its own."""
    assert instance.bank is not None
    for memory in instance.bank.own:
        if memory.written is not None:
            memory.written.faults = -1
    return instance


def _dontneed(instance: Instance) -> None:
    from orchestrator.engine import _posix

    assert instance.bank is not None
    for memory in instance.bank.own:
        _posix.forget(memory.base, memory.size)
