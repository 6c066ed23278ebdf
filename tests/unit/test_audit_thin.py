"""Chatty edges: the first and the last are kept, the rest is summed up, and nothing loses its place."""

from __future__ import annotations

from orchestrator.audit import Event, Thinned
from tests.support.audit_events import RUN, Collected, a_run, call, event, stay

OTHER = "1" * 32


def thinned(events: list[Event], first: int = 3, last: int = 2) -> list[Event]:
    sink = Collected()
    thin = Thinned(sink, first, last)
    for item in events:
        thin.export([item])
    assert thin.close(0.0) == []
    return sink.events


def chatter(count: int, run: str = RUN) -> list[Event]:
    calls = [call(span, 2, at=span, request=10, run=run) for span in range(3, 3 + count)]
    return [*calls, event("node", 2, 1, 0, 999, node="answerer", run=run), event("run", 1, 0, 0, 1000, run=run)]


def test_a_quiet_run_loses_only_its_starts() -> None:
    expected = [item for item in a_run() if item.kind != "start"]
    assert sorted(thinned(a_run())) == sorted(expected)
    assert thinned(a_run())[-1].kind == "run"


def test_of_a_chatty_edge_the_first_and_last_are_kept_and_the_rest_is_one_event() -> None:
    seen = thinned(chatter(100))
    assert [item.span for item in seen if item.kind == "call"] == [3, 4, 5, 101, 102]
    (rest,) = (item for item in seen if item.kind == "rest")
    assert rest.detail == {"of": "call", "count": 95, "busy": 95_000_000, "why": "chatty"}
    assert (rest.request, rest.parent, rest.span, rest.edge) == (950, 2, -1, "answerer -> model")
    assert (rest.start, rest.duration) == (call(6, 2, at=6).start, 95_000_000)


def test_an_edge_just_within_the_bounds_is_whole() -> None:
    assert [item.span for item in thinned(chatter(5)) if item.kind == "call"] == [3, 4, 5, 6, 7]
    assert not [item for item in thinned(chatter(5)) if item.kind == "rest"]


def test_failures_among_many_calls_are_kept() -> None:
    events = chatter(100)
    events[50] = events[50]._replace(decision="failed")
    assert 53 in [item.span for item in thinned(events)]


def test_what_happened_in_a_crossing_left_out_moves_to_the_next_one_kept() -> None:
    events: list[Event] = []
    for number in range(100):
        outer = 10 + 2 * number
        if number % 25 == 24:
            events.append(call(outer + 1, outer, at=number, node="tool", edge="model -> tool"))
        events.append(call(outer, 2, at=number))
    events += chatter(0)
    seen = {item.span: item for item in thinned(events)}
    inner = {span: item.parent for span, item in seen.items() if item.node == "tool"}
    assert inner == {59: 2, 109: 2, 159: 2, 209: 208}


def test_parents_of_what_is_kept_are_kept() -> None:
    events: list[Event] = []
    for number in range(50):
        outer = 1000 + 10 * number
        events += [call(outer + 1 + i, outer, at=number, edge="b", node="b") for i in range(3)]
        events.append(call(outer, 2, at=number))
    seen = thinned(events + chatter(0))
    spans = {item.span for item in seen} | {0}
    assert [item for item in seen if item.parent not in spans] == []
    assert sum((item.detail or {}).get("count", 1) for item in seen if item.edge == "b") == 150


def test_sums_of_an_overloaded_recorder_are_passed_on() -> None:
    lost = call(-1, 1)._replace(kind="rest", detail={"of": "call", "count": 7, "busy": 70, "why": "overload"})
    seen = thinned([lost, *chatter(100)])
    rests = [item for item in seen if item.kind == "rest"]
    assert [(item.span, (item.detail or {})["why"], (item.detail or {})["count"]) for item in rests] == [
        (-1, "chatty", 95),
        (-2, "overload", 7),
    ]


def test_counts_of_fused_calls_are_kept_like_calls_and_summed_up_like_them() -> None:
    stays = [stay(span, 2, at=span, count=span) for span in range(3, 103)]
    seen = [item for item in thinned([*stays, *chatter(0)]) if item.kind == "rest"]
    assert [item.span for item in seen] == [3, 4, 5, 101, 102, -1]
    assert seen[:5] == [stays[at] for at in (0, 1, 2, 98, 99)]
    assert seen[5].detail == {"of": "call", "count": sum(range(6, 101)), "busy": 0, "why": "fused"}
    assert (seen[5].node, seen[5].edge, seen[5].function, seen[5].parent) == (*stays[0][6:9], 2)


def test_a_fused_count_that_was_summed_up_before_is_neither_lost_nor_doubled() -> None:
    lost = stay(-1, 1, count=7)
    seen = thinned([*(stay(span, 2, count=10) for span in range(3, 13)), lost, *chatter(0)])
    rests = [item for item in seen if item.kind == "rest"]
    assert [item.span for item in rests] == [3, 4, 5, 11, 12, -1, -2]
    assert [(item.detail or {})["count"] for item in rests] == [10, 10, 10, 10, 10, 50, 7]
    assert {(item.detail or {})["why"] for item in rests} == {"fused"}


def test_what_never_got_its_parent_belongs_to_the_run() -> None:
    seen = thinned([call(9, 777), event("run", 1, 0)])
    assert [(item.span, item.parent) for item in seen] == [(9, 1), (1, 0)]


def test_two_runs_are_counted_apart() -> None:
    mixed = [item for pair in zip(chatter(20), chatter(20, OTHER), strict=True) for item in pair]
    seen = thinned(mixed)
    for run in (RUN, OTHER):
        assert [item.span for item in seen if item.run == run and item.kind == "call"] == [3, 4, 5, 21, 22]


def test_a_run_that_does_not_end_is_handed_on_when_closed() -> None:
    seen = thinned(chatter(10)[:-1])
    assert [item.span for item in seen if item.kind == "call"] == [3, 4, 5, 11, 12]
    assert [item.kind for item in seen][-1] == "rest"
