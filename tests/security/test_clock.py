"""`clock`: what a guest learns of the time, and that its waiting ends when it is told to."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from orchestrator import Engine, Grants, Pipeline, Sandbox, Snapshots
from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.engine import Frame, Stop
from orchestrator.errors import Cancelled, TimedOut
from orchestrator.runtime.desk import DESK
from tests.behaviour.stories import staged
from tests.security.conftest import Attack

WALL = Authority(clock=Time("wall"))
TELLS = """(component
  (import "wasi:clocks/wall-clock@0.2.0" (instance $clock
    (type $d (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $d)))
    (export "now" (func (result $datetime)))))
  (core module $heap (memory (export "m") 1))
  (core instance $h (instantiate $heap))
  (core func $now (canon lower (func $clock "now") (memory (core memory $h "m"))))
  (core module $m
    (import "" "now" (func $now (param i32)))
    (import "" "m" (memory 1))
    (func (export "go") (param i32) (result i64)
      (call $now (i32.const 64))
      (i64.add (i64.mul (i64.load (i32.const 64)) (i64.const 1000000000)) (i64.load32_u (i32.const 72)))))
  (core instance $i (instantiate $m (with "" (instance (export "now" (func $now)) (export "m" (memory $h "m"))))))
  (func (export "go") (param "n" u32) (result u64) (canon lift (core func $i "go"))))"""
"""`go` answers what time it is, nanoseconds since the epoch."""
MONOTONIC = Authority(clock=Time("monotonic"))


def test_without_a_grant_it_is_1970_and_a_sleep_takes_no_time(attack: Attack) -> None:
    guest, before = attack(), time.monotonic()
    told = guest.run("before = time.time(); time.sleep(86400 * 365); result = [before, time.time(), time.monotonic()]")
    assert time.monotonic() - before < 60
    assert 0 <= told[0] < 60
    assert told[1] - told[0] == pytest.approx(86400 * 365, abs=1)
    assert told[2] == pytest.approx(86400 * 365, abs=60)


def test_no_function_of_the_guest_tells_the_real_time_without_a_grant(attack: Attack) -> None:
    code = """
from wit_world.imports import wall_clock, monotonic_clock
result = [time.time_ns(), time.monotonic_ns(), time.perf_counter_ns(), wall_clock.now().seconds, monotonic_clock.now(),
          datetime.datetime.now().year, os.times()[4], uuid.uuid1().time - 0x01b21dd213814000, time.localtime().tm_year]
"""
    found = attack().run(code)
    assert found[5] == found[8] == 1970
    for number in (*found[:5], found[6], found[7]):
        assert 0 <= number < 3600e9


def test_two_instances_without_a_grant_see_the_same_time(attack: Attack) -> None:
    code = "result = [time.time_ns(), time.monotonic_ns()]"
    assert attack().run(code) == attack().run(code)


def test_a_fixed_clock_stands_where_it_was_put(attack: Attack) -> None:
    guest = attack(Authority(clock=Time("fixed", 1_700_000_000.5)))
    found = guest.run("a = time.time(); time.sleep(5); result = [a, time.time(), time.monotonic() >= 5]")
    assert found == [1_700_000_000.5, 1_700_000_000.5, True]


@pytest.mark.parametrize("microseconds", [0, 1, 250_000, 100_001, 999_999])
def test_a_fixed_clock_stands_at_the_microsecond(attack: Attack, microseconds: int) -> None:
    guest = attack(Authority(clock=Time("fixed", 1_700_000_000 + microseconds / 1e6)))
    assert guest.run("result = time.time_ns()") == (1_700_000_000_000_000 + microseconds) * 1000


def test_a_fixed_clock_without_a_time_stands_at_the_begin_of_its_run(attack: Attack) -> None:
    guest = attack(Authority(clock=Time("fixed")))
    guest.desk.start = 1_600_000_000 * 10**9
    assert guest.run("result = time.time()") == 1_600_000_000


def test_a_fixed_clock_stands_in_each_run_at_the_begin_of_that(attack: Attack) -> None:
    """Whatever it showed before, and whenever that was: else an instance that serves on tells of an earlier life."""
    guest = attack(Authority(clock=Time("fixed")))
    for seconds in (1_600_000_000, 1_700_000_000, 1_650_000_000):
        guest.desk.start = seconds * 10**9
        assert guest.run("time.sleep(5); result = time.time()") == seconds


@pytest.mark.parametrize(
    "life", [{"revert_after": "run"}, {"revert_after": "call"}, {"lifetime": "session"}, {"snapshot": Snapshots()}]
)
@pytest.mark.parametrize("grants", [Grants(clock="fixed"), Grants(clock="fixed", random="secure")])
def test_a_node_that_is_taken_back_is_told_when_its_own_run_began(
    hostile_engine: Engine, life: dict[str, Any], grants: Grants
) -> None:
    pipeline = (
        Pipeline("clock").input("n", "u32")
        .node("it", hostile_engine.from_text(TELLS, "tells"), run="go", grants=grants, **life)
        .data("inputs.n", "it").output("now", "it")
    )  # fmt: skip
    with staged(pipeline, hostile_engine) as stage:
        for _ in range(4):
            went = stage.run(n=1)
            assert went.outputs == {"now": next(event.start for event in went.events if event.kind == "run")}


@pytest.mark.slow
def test_a_snippet_is_told_when_it_began_itself() -> None:
    with Sandbox("python", grants=Grants(clock="fixed"), size=1) as sandbox:
        for _ in range(3):
            before = time.time_ns()
            told = sandbox.run("import time; time.time_ns()").value
            assert before <= told <= time.time_ns()


def test_a_fixed_clock_does_not_go_on_where_no_run_does() -> None:
    """A destructor may run then."""
    assert DESK.began(Frame()) == 0


def test_a_monotonic_clock_measures_and_does_not_tell_the_time_of_day(attack: Attack) -> None:
    found = attack(MONOTONIC).run(
        "a = time.monotonic(); time.sleep(0.05); result = [time.monotonic() - a, time.time()]"
    )
    assert 0.04 < found[0] < 20
    assert found[1] < 3600


def test_a_wall_clock_tells_the_time(attack: Attack) -> None:
    assert attack(WALL).run("result = time.time()") == pytest.approx(time.time(), abs=30)


def test_what_was_told_of_the_time_is_an_event(attack: Attack) -> None:
    guest = attack(WALL)
    guest.desk.decisions.clear()
    guest.run("time.time()")
    assert ("clock read", "wall-clock", "grants.clock: wall", True) in guest.desk.decisions


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(3600)",
        """
from wit_world.imports import monotonic_clock, poll
with monotonic_clock.subscribe_duration(3600 * 10**9) as p: p.block()
""",
        """
from wit_world.imports import monotonic_clock, poll
while True: poll.poll([monotonic_clock.subscribe_duration(50_000_000)])
""",
        "while True: time.sleep(0)",
    ],
)
def test_a_guest_that_waits_ends_with_its_deadline(attack: Attack, code: str) -> None:
    before = time.monotonic()
    with pytest.raises(TimedOut):
        attack(WALL).run(code, seconds=0.3)
    assert time.monotonic() - before < 30


def test_a_guest_that_sleeps_ends_with_its_run(attack: Attack) -> None:
    stop = Stop()
    timer = threading.Timer(0.2, lambda: stop.set(Cancelled("enough")))
    timer.start()
    with pytest.raises(Cancelled):
        attack(WALL).run("time.sleep(3600)", stop=stop, seconds=300)
    timer.join()
