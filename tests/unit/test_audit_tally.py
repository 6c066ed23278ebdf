"""Events summed up together are what they are when each is added by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.audit import Event
from orchestrator.audit.tally import Tallies

_SOME = st.sampled_from(("", "a", "b"))
_TIMES = st.integers(0, 100)
_SIZES = st.integers(-1, 1000)


@st.composite
def _events(draw: st.DrawFn) -> Event:
    rest = draw(st.booleans())
    detail = {
        "of": "call",
        "count": draw(st.integers(1, 9)),
        "busy": 5,
        "why": draw(st.sampled_from(("fused", "chatty"))),
    }
    return Event(
        "rest" if rest else draw(st.sampled_from(("call", "data"))),
        draw(_TIMES), draw(_TIMES), "run", 7, draw(st.integers(1, 3)), draw(_SOME), draw(_SOME), draw(_SOME),
        draw(_SIZES), draw(_SIZES), "allowed", "", detail if rest else None,
    )  # fmt: skip


@given(st.lists(st.lists(_events(), max_size=4).map(lambda few: few * 2), max_size=4))
def test_many_at_once_are_the_same_as_one_after_the_other(batches: list[list[Event]]) -> None:
    together, alone = Tallies("chatty"), Tallies("chatty")
    for batch in batches:
        together.add_all(batch)
        for event in batch:
            alone.add(event)
    assert list(together.events("run")) == list(alone.events("run"))


def test_a_batch_of_one_kind_is_summed_up_as_a_whole() -> None:
    tallies = Tallies("slow-reader")
    event = Event("call", 5, 3, "run", 2, 1, "node", "edge", "f", 10, -1)
    tallies.add_all([event, event._replace(start=2), event._replace(start=9, response=4)])
    (found,) = tallies.events("run")
    assert (found.start, found.duration, found.request, found.response) == (2, 10, 30, 4)
    assert found.detail == {"of": "call", "count": 3, "busy": 9, "why": "slow-reader"}
