"""Threads: one at a time in an instance, in order; instances, engines and the program may end at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import Engine, Frame, Instance, Stop
from orchestrator.errors import Cancelled, ClosedError, TimedOut
from tests.support.gates import Pass
from tests.support.guests import BAD, CALLER
from tests.support.leftovers import left_alive
from tests.wasm.engine_calls import call, function, instance


class _Thread(threading.Thread):
    """A thread whose result or exception can be had."""

    def __init__(self, task: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._task = task
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._task()
        except BaseException as problem:
            self.result = problem

    def done(self) -> Any:
        """What it gave or raised."""
        self.join(30)
        assert not self.is_alive()
        return self.result


class _Door:
    """A Python function of a guest, in which a call stays until it is let go."""

    def __init__(self) -> None:
        self.inside, self.open = threading.Event(), threading.Event()
        self.order: list[int] = []

    def __call__(self, _caller: Instance, values: Any) -> int:
        self.order.append(values[0])
        self.inside.set()
        assert self.open.wait(30)
        return 0


def _waiting(made: Instance, count: int) -> None:
    """Waits until that many threads wait for the instance's turn."""
    until = time.monotonic() + 30
    while len(made.turn.waiting) < count:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_threads_are_served_in_the_order_they_came(engine: Engine) -> None:
    door = _Door()
    with instance(engine, CALLER, f=door) as made:
        threads = []
        for n in range(8):
            threads.append(_Thread(lambda n=n: call(made, "call", n)))  # type: ignore[misc]
            if n == 0:
                assert door.inside.wait(30)
            else:
                _waiting(made, n)
        door.open.set()
        assert [thread.done() for thread in threads] == [0] * 8
        assert door.order == list(range(8))


def test_a_waiting_thread_gives_up_at_its_deadline_or_stop(engine: Engine) -> None:
    door, stop = _Door(), Stop()
    with instance(engine, CALLER, f=door) as made:
        first = _Thread(lambda: call(made, "call", 0))
        assert door.inside.wait(30)
        late = _Thread(lambda: call(made, "call", 1, frame=Frame(deadline=time.monotonic() + 0.05, limit="late")))
        cancelled = _Thread(lambda: call(made, "call", 2, frame=Frame(stop)))
        last = _Thread(lambda: call(made, "call", 3))
        assert isinstance(late.done(), TimedOut)
        stop.set(Cancelled("enough"))
        assert isinstance(cancelled.done(), Cancelled)
        assert not made.ended
        door.open.set()
        assert (first.done(), last.done()) == (0, 0)
        assert door.order == [0, 3]


def test_an_interrupt_while_waiting_loses_no_turn(engine: Engine) -> None:
    class Interrupted(Frame):
        def problem(self) -> Any:
            raise KeyboardInterrupt

    door = _Door()
    with instance(engine, CALLER, f=door) as made:
        first = _Thread(lambda: call(made, "call", 0))
        assert door.inside.wait(30)
        assert isinstance(_Thread(lambda: call(made, "call", 1, frame=Interrupted())).done(), KeyboardInterrupt)
        door.open.set()
        assert first.done() == 0
        assert call(made, "call", 2) == 0


def test_threads_hammering_one_instance_get_their_own_answers(engine: Engine) -> None:
    with instance(engine, CALLER, f=lambda _caller, values: values[0] ^ 0xFFFF) as made:

        def hammer(start: int) -> bool:
            return all(call(made, "call", n) == n ^ 0xFFFF for n in range(start, start + 500))

        assert [t.done() for t in [_Thread(lambda n=n: hammer(n * 1000)) for n in range(6)]] == [True] * 6  # type: ignore[misc]


def test_threads_make_and_close_instances_of_one_linker(engine: Engine) -> None:
    component = engine.from_text(CALLER)
    linker = engine.linker(component)
    linker.define(None, function(component.world, "f"), lambda _caller, values: values[0] + 1)
    ready = threading.Barrier(6)

    def work() -> bool:
        ready.wait()
        for n in range(100):
            made = linker.instantiate(Frame())
            assert call(made, "call", n) == n + 1
            made.close()
            if n % 10 == 0:
                linker.close()
        return True

    assert [thread.done() for thread in [_Thread(work) for _ in range(6)]] == [True] * 6
    assert not left_alive()


def test_an_instance_closed_by_another_thread_while_it_runs(engine: Engine) -> None:
    door = _Door()
    with instance(engine, CALLER, f=door) as made:
        running = _Thread(lambda: call(made, "call", 0))
        assert door.inside.wait(30)
        waiting = _Thread(lambda: call(made, "call", 1))
        _waiting(made, 1)
        made.close()
        door.open.set()
        assert running.done() == 0
        assert isinstance(waiting.done(), ClosedError)
        made.turn.acquire(Frame())
        made.turn.release()
        assert made.closed
    assert not left_alive()


def test_closing_and_calling_at_once(engine: Engine) -> None:
    for _ in range(100):
        with instance(engine, BAD) as made:
            calls = [_Thread(lambda made=made: call(made, "divide", 1)) for _ in range(2)]  # type: ignore[misc]
            made.close()
            assert all(thread.done() == 1 or isinstance(thread.done(), ClosedError) for thread in calls)
            assert made.closed
    assert not left_alive()


def test_a_resource_dropped_by_one_thread_while_another_closes_its_owner(engine: Engine) -> None:
    from tests.wasm.engine_calls import constructed

    for _ in range(50):
        owner, handles = constructed(engine, 20)
        dropping = [_Thread(lambda handle=handle: handle.drop()) for handle in handles]  # type: ignore[misc]
        owner.close()
        assert [thread.done() for thread in dropping] == [None] * 20
        assert owner.closed
        handles.clear()
    assert not left_alive()


def test_an_engine_closed_while_a_guest_runs(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "cache")
    component = engine.from_text(BAD)
    linker = engine.linker(component)
    first, second = linker.instantiate(Frame()), linker.instantiate(Frame())
    stop = Stop()
    spinning = _Thread(lambda: call(first, "spin", frame=Frame(stop)))
    while not engine.ticker.entered:
        time.sleep(0.001)
    engine.close()
    for refused in (lambda: call(second, "divide", 1), lambda: linker.instantiate(Frame())):
        with pytest.raises(ClosedError) as caught:
            refused()
        assert str(caught.value) == "the engine was closed"
    stop.set(Cancelled("done"))
    assert isinstance(spinning.done(), Cancelled)
    engine.close()
    second.close()
    first.close()
    assert first.closed
    assert second.closed
    linker.close()
    assert not left_alive()


def test_an_engine_that_nobody_closes_ends_its_thread(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "cache")
    component = engine.from_text(BAD)
    made = engine.linker(component).instantiate(Frame())
    call(made, "divide", 1)
    made.close()
    thread = engine.ticker._thread
    del made, engine
    import gc

    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_a_chain_across_threads_keeps_each_store_to_one(engine: Engine) -> None:
    component = engine.from_text(CALLER)
    wanted, offered = function(component.world, "f"), function(component.world, "call")
    with instance(engine, CALLER, f=lambda _caller, values: values[0] + 1) as shared:
        fronts = []
        for _ in range(4):
            linker = engine.linker(component)
            linker.forward(None, wanted, None, offered, Pass(shared))
            fronts.append(linker.instantiate(Frame()))

        def work(front: Instance) -> bool:
            return all(call(front, "call", n) == n + 1 for n in range(500))

        assert [t.done() for t in [_Thread(lambda f=f: work(f)) for f in fronts]] == [True] * 4  # type: ignore[misc]
        for front in fronts:
            front.close()


_ENDS = """
import sys, threading, time
from pathlib import Path
from orchestrator.engine import Engine, Frame
from tests.support.guests import BAD, CALLER
from tests.wasm.engine_calls import call, function
engine = Engine(Path(sys.argv[1]))
inside = threading.Event()
def host(_caller, values):
    inside.set()
    {host}
    return 1
bad = engine.linker(engine.from_text(BAD)).instantiate(Frame())
component = engine.from_text(CALLER)
linker = engine.linker(component)
linker.define(None, function(component.world, "f"), host)
caller = linker.instantiate(Frame())
def work():
    {work}
threading.Thread(target=work, daemon=True).start()
inside.wait(10)
time.sleep(0.05)
{end}
"""


@pytest.mark.parametrize(
    ("host", "work", "end"),
    [
        ("pass", "inside.set(); call(bad, 'spin')", ""),
        ("pass", "inside.set(); call(bad, 'spin')", "sys.exit(0)"),
        ("call(bad, 'spin')", "call(caller, 'call', 1)", ""),
        ("time.sleep(0.3)", "call(caller, 'call', 1)", ""),
        ("pass", "inside.set(); caller.close(); bad.close()", "del engine, linker, caller, bad"),
        ("pass", "inside.set(); caller.close(); bad.close()", ""),
        ("pass", "\n    while True: call(caller, 'call', 1)", ""),
        ("pass", "\n    while True: call(caller, 'call', 1)", "engine.close()"),
        ("pass", "\n    while True: linker.instantiate(Frame())", "time.sleep(0.2)"),
    ],
)
def test_a_program_may_end_while_guests_run(tmp_path: Path, host: str, work: str, end: str) -> None:
    if "instantiate" in work:
        work = work.replace("linker", "inside.set(); linker")
    program = _ENDS.format(host=host, work=work, end=end)
    command = [sys.executable, "-X", "faulthandler", "-c", program, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr
    assert "panicked" not in done.stderr
