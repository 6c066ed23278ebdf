"""Bytes between a guest and the network: in order, so many at a time, and no more memory than they have bytes."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.wasi._pipe import ROOM, Pipe


def nothing() -> None:
    """Nobody looks."""


@given(st.lists(st.binary(max_size=40_000) | st.integers(0, 50_000), max_size=30))
def test_what_comes_out_is_what_went_in(steps: list[bytes | int]) -> None:
    pipe, given_, taken = Pipe(nothing), b"", b""
    for step in steps:
        if isinstance(step, bytes):
            pipe.put(step)
            given_ += step
        else:
            part = pipe.take(step)
            assert len(part) <= step
            taken += part
        assert pipe.room == max(0, ROOM - (len(given_) - len(taken)))
        assert pipe.is_drained == (given_ == taken)
    assert taken + pipe.take(1 << 30) == given_


def test_bytes_that_come_one_by_one_take_no_more_room_than_bytes() -> None:
    pipe = Pipe(nothing)
    tracemalloc.start()
    for _ in range(ROOM):
        pipe.put(b"x")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 2 * ROOM
    assert pipe.room == 0
    assert pipe.take(ROOM) == b"x" * ROOM


def test_a_pipe_that_nobody_reads_keeps_nothing() -> None:
    pipe = Pipe(nothing)
    pipe.put(b"before")
    pipe.abandon()
    pipe.put(b"after")
    assert pipe.take(100) == b""
    assert pipe.room == ROOM


def test_the_first_end_stays() -> None:
    pipe = Pipe(nothing)
    pipe.put(b"x")
    pipe.end(error="first")
    pipe.end(trailers=[("a", b"b")])
    assert (pipe.error, pipe.trailers, pipe.is_ready, pipe.is_drained) == ("first", None, True, False)
