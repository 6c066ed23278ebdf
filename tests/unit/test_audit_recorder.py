"""The recorder: nothing is lost that has room, what has none is counted, and no consumer harms a run."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from orchestrator.audit import Event, Recorder
from tests.support.audit_events import RUN, Collected, a_run, call, event, stay

if TYPE_CHECKING:
    from collections.abc import Sequence

OTHER = "1" * 32
LONG = 30.0


class Stuck(Collected):
    """An exporter that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()

    def export(self, events: Sequence[Event]) -> None:
        self.entered.set()
        self.go.wait(LONG)
        super().export(events)


class Broken(Collected):
    def export(self, events: Sequence[Event]) -> None:
        raise ValueError("no \x1b[2Jroom")


def test_events_arrive_in_order_after_a_flush() -> None:
    sink = Collected()
    with Recorder([sink]) as recorder:
        for item in a_run():
            recorder.record(item)
        assert recorder.flush(LONG)
        assert sink.events == a_run()
        open_before = not sink.closed
    assert (open_before, sink.closed) == (True, True)
    assert recorder.problems == ()


def test_closing_hands_over_what_is_left_and_then_takes_nothing() -> None:
    sink = Collected()
    recorder = Recorder([sink])
    recorder.record(call(2, 1))
    assert recorder.close(LONG) == ()
    recorder.record(call(3, 1))
    assert recorder.close() == ()
    assert sink.events == [call(2, 1)]
    assert recorder.flush(0.0)
    assert list(recorder.subscribe()) == []


def test_a_recorder_without_events_starts_no_thread() -> None:
    before = threading.active_count()
    with Recorder([Collected()]) as recorder:
        assert recorder.flush(0.0)
        assert threading.active_count() == before


def test_threads_record_together_and_each_keeps_its_order() -> None:
    sink = Collected()
    with Recorder([sink]) as recorder:

        def produce(run: str) -> None:
            for span in range(2, 2002):
                recorder.record(call(span, 1, run=run))

        threads = [threading.Thread(target=produce, args=(run,)) for run in (RUN, OTHER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert recorder.flush(LONG)
    for run in (RUN, OTHER):
        assert [item.span for item in sink.events if item.run == run] == list(range(2, 2002))


def test_what_finds_no_room_is_summed_up_before_the_end_of_its_run() -> None:
    sink = Stuck()
    recorder = Recorder([sink], capacity=10)
    recorder.record(call(2, 1))
    assert sink.entered.wait(LONG)
    for span in range(3, 103):
        recorder.record(call(span, 1, at=span, request=5, response=7))
    recorder.record(event("run", 1, 0))
    recorder.record(call(2, 1, run=OTHER))
    assert recorder.left_out == 91
    assert not recorder.flush(0.0)
    sink.go.set()
    assert recorder.close(LONG) == ()
    kept = [item for item in sink.events if item.kind == "call"]
    assert [item.span for item in kept] == list(range(2, 13))
    rest, end, other = sink.events[len(kept) :]
    assert (rest.kind, rest.run, rest.request, rest.response, rest.parent) == ("rest", RUN, 450, 630, 1)
    assert rest.detail == {"of": "call", "count": 90, "busy": 90_000_000, "why": "overload"}
    assert end.kind == "run"
    assert (other.kind, other.run, other.detail and other.detail["count"]) == ("rest", OTHER, 1)


def test_counts_of_fused_calls_that_find_no_room_are_added_up() -> None:
    sink = Stuck()
    recorder = Recorder([sink], capacity=1)
    recorder.record(call(2, 1))
    assert sink.entered.wait(LONG)
    for span in range(3, 53):
        recorder.record(stay(span, 2, count=span))
    recorder.record(event("run", 1, 0))
    sink.go.set()
    assert recorder.close(LONG) == ()
    first, kept, rest, end = sink.events
    assert (first.kind, kept.span, end.kind) == ("call", 3, "run")
    assert (rest.span, rest.parent, rest.node) == (-1, 2, "retriever")
    assert rest.detail == {"of": "call", "count": sum(range(4, 53)), "busy": 0, "why": "fused"}


def test_the_sums_of_endlessly_many_keys_are_bounded() -> None:
    sink = Stuck()
    recorder = Recorder([sink], capacity=1)
    recorder.record(call(2, 1))
    assert sink.entered.wait(LONG)
    for span in range(3, 5003):
        recorder.record(call(span, 1, function=f"f{span}"))
    sink.go.set()
    recorder.close(LONG)
    rests = [item.detail for item in sink.events if item.kind == "rest"]
    assert sum(detail["count"] for detail in rests if detail) + sum(i.kind == "call" for i in sink.events) == 5001
    assert len(rests) <= 1025


def test_a_consumer_that_raises_is_told_once_and_harms_no_other() -> None:
    sink = Collected()
    recorder = Recorder([Broken(), sink])
    for span in (2, 3, 4):
        recorder.record(call(span, 1))
        assert recorder.flush(LONG)
    assert recorder.close() == ("Broken failed 3 times, first with ValueError: no \\x1b[2Jroom",)
    assert len(sink.events) == 3


def test_a_consumer_that_never_returns_delays_closing_by_no_more_than_asked() -> None:
    sink = Stuck()
    recorder = Recorder([sink])
    recorder.record(call(2, 1))
    assert sink.entered.wait(LONG)
    recorder.record(call(3, 1))
    assert recorder.close(0.01) == ("events: 1 were still waiting after 0.01 s and reached no exporter",)
    sink.go.set()


def test_an_exporter_added_later_gets_what_comes_after() -> None:
    first, second = Collected(), Collected()
    with Recorder([first]) as recorder:
        recorder.record(call(2, 1))
        assert recorder.flush(LONG)
        recorder.add(second)
        recorder.record(call(3, 1))
    assert [item.span for item in first.events] == [2, 3]
    assert [item.span for item in second.events] == [3]


def test_a_collected_recorder_closes_its_exporters() -> None:
    sink = Collected()
    recorder = Recorder([sink])
    recorder.record(call(2, 1))
    del recorder
    gc.collect()
    assert sink.closed
    assert sink.events == [call(2, 1)]


def test_a_live_view_of_one_run_ends_with_it() -> None:
    with Recorder() as recorder:
        view = recorder.subscribe(RUN)
        recorder.record(call(2, 1, run=OTHER))
        for item in a_run():
            recorder.record(item)
        assert list(view) == a_run()
        assert view.skipped == 0


def test_a_live_view_of_everything_ends_with_the_recorder() -> None:
    recorder = Recorder()
    view = recorder.subscribe()
    recorder.record(call(2, 1))
    assert view.next(LONG) == call(2, 1)
    assert view.next(0.0) is None
    recorder.close()
    assert list(view) == []


def test_a_slow_reader_skips_and_is_told_how_many() -> None:
    with Recorder() as recorder, recorder.subscribe(RUN, room=3) as view:
        for span in range(2, 12):
            recorder.record(call(span, 1))
        recorder.record(event("run", 1, 0))
        assert recorder.flush(LONG)
        told, *seen = list(view)
    assert view.skipped == 8
    assert told.detail == {"of": "call", "count": 8, "busy": 8_000_000, "why": "slow-reader"}
    assert [item.span for item in seen] == [10, 11, 1]


def test_a_slow_reader_is_told_how_many_fused_calls_it_skipped() -> None:
    with Recorder() as recorder, recorder.subscribe(RUN, room=3) as view:
        for span in range(2, 12):
            recorder.record(stay(span, 1, count=5))
        recorder.record(event("run", 1, 0))
        assert recorder.flush(LONG)
        told, *seen = list(view)
    assert told.detail == {"of": "call", "count": 40, "busy": 0, "why": "fused"}
    assert [(item.detail or {})["count"] for item in seen[:-1]] == [5, 5]


def test_a_forked_child_leaves_the_parents_exporters_alone() -> None:
    code = """
import os
from orchestrator.audit import Recorder
from tests.support.audit_events import Collected, call
sink = Collected()
recorder = Recorder([sink])
recorder.record(call(2, 1))
recorder.flush(30)
child = os.fork()
if not child:
    recorder.record(call(3, 1))
    fine = recorder.flush(30) and recorder.close(30) == () and not sink.closed and len(sink.events) == 1
    os._exit(0 if fine else 1)
assert os.waitpid(child, 0)[1] == 0
recorder.record(call(4, 1))
recorder.close(30)
assert [event.span for event in sink.events] == [2, 4], sink.events
"""
    _python(code)


def test_what_is_not_closed_is_closed_when_the_interpreter_exits() -> None:
    code = """
from orchestrator.audit import Console, Recorder
from tests.support.audit_events import a_run
recorder = Recorder([Console(print)])
for event in a_run():
    recorder.record(event)
"""
    assert "docs-answer ok" in _python(code)


def _python(code: str) -> str:
    # A fork beside a thread is what is tested; newer Pythons warn of it.
    flags = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": "."},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
