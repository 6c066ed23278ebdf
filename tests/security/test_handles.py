"""Handles and memory: a guest that grabs, forges, confuses and lies is ended, and nobody else is."""

from __future__ import annotations

import resource

import pytest

from orchestrator.engine import Engine
from orchestrator.errors import LimitExceeded, Trapped
from tests.support.hosted import hosted
from tests.support.hostile_guests import GRABBER
from tests.support.leftovers import left_alive
from tests.wasm.engine_calls import call


def _goes_on(engine: Engine) -> None:
    """The next instance is unharmed."""
    with hosted(engine, GRABBER) as made:
        call(made, "churn", 10)
        assert call(made, "poll-same", 1) == 1


def test_ten_million_handles_are_not_had(engine: Engine) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with hosted(engine, GRABBER) as made:
        with pytest.raises(LimitExceeded) as caught:
            call(made, "grab", 10_000_000)
        assert caught.value.message == (
            "a guest may hold 100000 handles at a time, and wants one more of output-stream: it has to drop some"
        )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10, "kilobytes"
    assert not left_alive()
    _goes_on(engine)


def test_handles_that_are_dropped_are_given_back(engine: Engine) -> None:
    with hosted(engine, GRABBER) as made:
        call(made, "churn", 150_000)
        assert len(made.handles) == 0


def test_calls_of_the_host_are_counted(engine: Engine) -> None:
    with hosted(engine, GRABBER, host_calls=1000) as made:
        with pytest.raises(LimitExceeded) as caught:
            call(made, "churn", 2000)
        assert caught.value.message == "the guest called the host more than the 1000 times it may"
    with hosted(engine, GRABBER, host_calls=1000) as made:
        call(made, "churn", 1000)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("forge", [0]),
        ("forge", [1]),
        ("forge", [77]),
        ("forge", [0xFFFFFFFF]),
        ("confuse", []),
        ("twice", []),
        ("after", []),
        ("write", [0, 0xFFFFFFFF]),
        ("write", [0xFFFFFFF0, 0x20]),
        ("write", [0x10000 * 1000, 1]),
        ("unasked", [1]),
        ("poll", [0, 0]),
        ("poll", [0, 1]),
        ("poll", [4096, 0x3FFFFFFF]),
        ("poll", [2, 1]),
    ],
)
def test_a_guest_that_uses_what_it_has_not_is_ended(engine: Engine, name: str, arguments: list[int]) -> None:
    with hosted(engine, GRABBER) as made:
        with pytest.raises(Trapped):
            call(made, name, *arguments)
        assert made.gone
    assert not left_alive()
    _goes_on(engine)


def test_what_came_of_a_stream_outlives_it(engine: Engine) -> None:
    with hosted(engine, GRABBER) as made:
        assert call(made, "orphan") is True


@pytest.mark.parametrize("count", [1, 2, 1000, 10_000])
def test_one_thing_may_be_waited_for_many_times(engine: Engine, count: int) -> None:
    with hosted(engine, GRABBER) as made:
        assert call(made, "poll-same", count) == count


def test_a_hundred_thousand_lines_of_output_fill_nothing(engine: Engine) -> None:
    kept: list[bytes] = []
    with hosted(engine, GRABBER, output=lambda _stream, data: kept.append(data)) as made:
        for _ in range(200):
            call(made, "write", 0, 60_000)
    assert sum(map(len, kept)) == 200 * 60_000
