"""Trace ids, span ids and the W3C trace context."""

from __future__ import annotations

import pytest

from orchestrator.audit import new_run, new_trace_id, parse_traceparent, trace_id, traceparent
from orchestrator.audit.ids import span_id
from tests.support.audit_events import RUN

CALLER = f"00-{RUN}-b7ad6b7169203331-01"


def test_a_traceparent_is_read() -> None:
    assert parse_traceparent(CALLER) == (RUN, "b7ad6b7169203331", True)
    assert parse_traceparent(f" {CALLER[:-2]}00\t") == (RUN, "b7ad6b7169203331", False)
    assert parse_traceparent(f"cc{CALLER[2:]}-what-comes-later") == (RUN, "b7ad6b7169203331", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"ff{CALLER[2:]}",
        f"{CALLER}-more",
        CALLER.upper(),
        CALLER.replace(RUN, "0" * 32),
        CALLER.replace("b7ad6b7169203331", "0" * 16),
        CALLER[:-1],
        f"{CALLER}\n\n",
        CALLER.replace("0af7", "\u0660af7"),
        "\x00" * 55,
        "-" * 1_000_000,
    ],
)
def test_a_traceparent_that_is_not_valid_is_ignored(text: str) -> None:
    assert parse_traceparent(text) is None
    assert len(new_run(text)) == 32


def test_runs_in_one_trace_stay_apart() -> None:
    one, two = new_run(CALLER), new_run(CALLER)
    assert one != two
    assert trace_id(one) == trace_id(two) == RUN
    assert traceparent(one) != traceparent(two)


def test_new_trace_ids_differ() -> None:
    assert new_trace_id() != new_trace_id()
    assert parse_traceparent(traceparent(new_trace_id(), 7)) is not None


def test_span_ids_are_the_same_when_asked_again_and_differ_within_a_run() -> None:
    ids = [span_id(RUN, span) for span in range(-1000, 100_000)]
    assert ids == [span_id(RUN, span) for span in range(-1000, 100_000)]
    assert len(set(ids)) == len(ids)
    assert all(0 < number < 2**64 for number in ids)
    assert traceparent(RUN, 5) == f"00-{RUN}-{span_id(RUN, 5):016x}-01"
