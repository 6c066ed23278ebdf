"""Labels that spread along passages: what comes where, by which way, and what is stopped."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.graph.flow import ORIGINS, Held, Passage, Seed, spread


def seed(vertex: str, label: str = "red", origin: str = "") -> Seed:
    return Seed(vertex, label, origin or f"origin {vertex}", f"{vertex} is {label}")


def passages(*pairs: str, stops: str = "") -> list[Passage]:
    return [Passage(pair[0], pair[1], pair, pair, frozenset(stops.split())) for pair in pairs]


def ways(held: tuple[Held, ...]) -> list[str]:
    return [f"{one.label}: {' '.join((one.seed.vertex, *(step.id for step in one.way)))}" for one in held]


def test_a_label_goes_wherever_passages_lead_by_the_shortest_way() -> None:
    found = spread([seed("a")], passages("ab", "bc", "cd", "ad", "de", "xy"))
    assert {vertex: ways(held) for vertex, held in found.items()} == {
        "a": ["red: a"],
        "b": ["red: a ab"],
        "c": ["red: a ab bc"],
        "d": ["red: a ad"],
        "e": ["red: a ad de"],
    }
    assert found["e"][0].story == ("a is red", "ad", "de")


def test_of_ways_that_are_as_short_the_first_is_told() -> None:
    found = spread([seed("a")], passages("ac", "ab", "bd", "cd"))
    assert ways(found["d"]) == ["red: a ac cd"]


def test_a_passage_stops_what_it_stops_and_nothing_else() -> None:
    arrows = [*passages("ab", stops="red"), *passages("bc"), *passages("ax", "xc")]
    found = spread([seed("a"), seed("a", "blue")], arrows)
    assert ways(found["b"]) == ["blue: a ab"]
    assert ways(found["c"]) == ["red: a ax xc", "blue: a ab bc"]


def test_a_cycle_ends() -> None:
    found = spread([seed("a")], passages("ab", "bc", "ca", "aa"))
    assert {vertex: ways(held) for vertex, held in found.items()} == {
        "a": ["red: a"],
        "b": ["red: a ab"],
        "c": ["red: a ab bc"],
    }


def test_two_origins_are_told_apart_and_a_third_is_left_out() -> None:
    assert ORIGINS == 2
    found = spread([seed("a"), seed("b"), seed("c")], passages("ad", "bd", "cd", "de"))
    assert ways(found["d"]) == ["red: a ad", "red: b bd"]
    assert ways(found["e"]) == ["red: a ad de", "red: b bd de"]


def test_seeds_of_one_origin_count_once() -> None:
    found = spread([seed("a", origin="one"), seed("b", origin="one"), seed("c")], passages("ad", "bd", "cx", "xd"))
    assert ways(found["d"]) == ["red: a ad", "red: c cx xd"]


def test_a_step_without_words_is_no_part_of_the_story() -> None:
    found = spread([seed("a")], [Passage("a", "b", ""), Passage("b", "c", "at last")])
    assert found["c"][0].story == ("a is red", "at last")


def test_a_way_of_ten_thousand_steps_is_told() -> None:
    arrows = [Passage(f"n{at}", f"n{at + 1}", "on") for at in range(10_000)]
    (held,) = spread([seed("n0")], arrows)["n10000"]
    assert len(held.way) == 10_000
    assert repr(held).startswith("Held(vertex='n10000', label='red', ")


NAMES = "abcdef"
SEEDS = st.lists(st.builds(seed, st.sampled_from(NAMES), st.sampled_from(["red", "blue"])), max_size=5)
STOPS = st.sampled_from([frozenset[str](), frozenset({"red"}), frozenset({"red", "blue"})])
ARROWS = st.lists(
    st.builds(lambda a, b, stops: Passage(a, b, a + b, a + b, stops), *[st.sampled_from(NAMES)] * 2, STOPS), max_size=14
)


@given(SEEDS, ARROWS)
def test_every_label_that_can_come_somewhere_is_there_and_no_other(seeds: list[Seed], arrows: list[Passage]) -> None:
    known = {(one.vertex, one.label, one.origin) for one in seeds}
    while True:
        more = {
            (arrow.target, label, origin)
            for arrow, (vertex, label, origin) in itertools.product(arrows, known)
            if arrow.source == vertex and label not in arrow.stops
        }
        if more <= known:
            break
        known |= more
    found = spread(seeds, arrows)
    for vertex, label in itertools.product(NAMES, ["red", "blue"]):
        origins = {origin for where, what, origin in known if (where, what) == (vertex, label)}
        here = [held for held in found.get(vertex, ()) if held.label == label]
        assert len(here) == min(len(origins), ORIGINS)
        assert len({held.seed.origin for held in here}) == len(here)
        assert {held.seed.origin for held in here} <= origins


@given(SEEDS, ARROWS)
def test_every_way_leads_from_where_its_label_began(seeds: list[Seed], arrows: list[Passage]) -> None:
    for vertex, its in spread(seeds, arrows).items():
        for held in its:
            here = held.seed.vertex
            for step in held.way:
                assert step.source == here
                assert held.label not in step.stops
                here = step.target
            assert here == vertex
