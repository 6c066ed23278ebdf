"""What `graph.order` says of small graphs by hand, and of any graph against networkx."""

from __future__ import annotations

import itertools

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.graph import order

NAMES = [f"n{index}" for index in range(9)]
Pair = tuple[str, str]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=30)
FORWARD = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] != pair[1]),
    max_size=25,
).map(lambda pairs: [(NAMES[min(pair)], NAMES[max(pair)]) for pair in pairs])
SHUFFLED = st.permutations(NAMES)


def digraph(pairs: list[Pair]) -> networkx.DiGraph[str]:
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(NAMES)
    graph.add_edges_from(pairs)
    return graph


def arrows(cycle: tuple[str, ...]) -> list[Pair]:
    return list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], ()),
        ([("a", "b"), ("b", "c"), ("a", "c")], ()),
        ([("a", "a")], (("a",),)),
        ([("a", "b"), ("b", "a")], (("a", "b"),)),
        ([("c", "a"), ("a", "b"), ("b", "c")], (("c", "a", "b"),)),
        ([("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], (("a", "b"), ("b", "c"))),
        ([("a", "b"), ("a", "b"), ("b", "a")], (("a", "b"),)),
    ],
)
def test_cycles_are_named_in_the_direction_of_their_arrows(
    pairs: list[Pair], expected: tuple[tuple[str, ...], ...]
) -> None:
    assert order.cycles(pairs) == expected


def test_a_short_cycle_is_told_rather_than_the_long_one_around_it() -> None:
    ring = [(str(index), str((index + 1) % 20)) for index in range(20)]
    assert order.cycles([*ring, ("7", "6")])[0] == ("6", "7")


def test_a_hostile_graph_gives_a_few_cycles_at_once() -> None:
    pairs = [(str(a), str(b)) for a in range(100) for b in range(100)]
    ring = [(f"r{index}", f"r{(index + 1) % 10_000}") for index in range(10_000)]
    assert len(order.cycles(pairs)) == order.MOST_CYCLES
    assert [len(cycle) for cycle in order.cycles(ring)] == [10_000]
    assert len(order.cycles(pairs, most=3)) == 3


@given(PAIRS)
def test_cycles_are_cycles_without_a_common_arrow_and_leave_none(pairs: list[Pair]) -> None:
    found = order.cycles(pairs, most=1000)
    used = [arrow for cycle in found for arrow in arrows(cycle)]
    assert len(used) == len(set(used))
    assert set(used) <= set(pairs)
    assert all(len(set(cycle)) == len(cycle) for cycle in found)
    assert networkx.is_directed_acyclic_graph(digraph([pair for pair in pairs if pair not in used]))
    assert bool(found) != networkx.is_directed_acyclic_graph(digraph(pairs))


@given(PAIRS)
def test_the_first_cycle_is_the_shortest_through_one_of_its_names(pairs: list[Pair]) -> None:
    for cycle in order.cycles(pairs, most=1):
        graph = digraph(pairs)
        shortest = {
            name: min(
                networkx.shortest_path_length(graph, after, name)
                for after in graph[name]
                if networkx.has_path(graph, after, name)
            )
            + 1
            for name in cycle
        }
        assert len(cycle) in shortest.values()


def test_the_order_given_stays_where_it_may() -> None:
    assert order.topological_order(("a", "b", "c"), [("a", "b")]) == ("a", "b", "c")
    assert order.topological_order(("a", "b", "c"), [("c", "a")]) == ("b", "c", "a")
    assert order.topological_order((), [("x", "y")]) == ()


def test_names_on_a_cycle_have_no_order() -> None:
    with pytest.raises(ValueError, match=r"^names on a cycle have no order: b -> a -> b$|a -> b -> a$"):
        order.topological_order(("a", "b"), [("a", "b"), ("b", "a")])


@given(FORWARD, SHUFFLED)
def test_an_order_puts_each_name_after_what_it_needs(pairs: list[Pair], names: list[str]) -> None:
    rank = {name: index for index, name in enumerate(names)}
    expected = networkx.lexicographical_topological_sort(digraph(pairs), key=rank.__getitem__)
    assert order.topological_order(names, pairs) == tuple(expected)


@given(FORWARD, SHUFFLED)
def test_chains_are_as_long_as_networkx_finds_them(pairs: list[Pair], names: list[str]) -> None:
    graph = digraph(pairs)
    chain = order.longest_chain(names, pairs)
    assert set(itertools.pairwise(chain)) <= set(pairs)
    assert len(chain) == networkx.dag_longest_path_length(graph) + 1
    for name, deep in order.depths(names, pairs).items():
        below = graph.subgraph({name, *networkx.descendants(graph, name)})
        assert deep == networkx.dag_longest_path_length(below) + 1


def test_a_chain_of_ten_thousand_calls_does_not_recurse() -> None:
    names = [str(index) for index in range(10_000)]
    pairs = list(itertools.pairwise(names))
    assert order.longest_chain(names, pairs) == tuple(names)
    assert order.depths(names, pairs)["0"] == 10_000


def test_of_two_longest_chains_the_first_named_is_told() -> None:
    assert order.longest_chain("abcd", [("a", "d"), ("a", "c"), ("b", "d")]) == ("a", "c")
    assert order.longest_chain((), []) == ()


@given(PAIRS)
def test_reach_is_what_networkx_reaches(pairs: list[Pair]) -> None:
    graph = digraph(pairs)
    for name in NAMES:
        assert order.reachable([name], pairs) == networkx.descendants(graph, name) | {name}


def test_what_no_walk_comes_to() -> None:
    uses = [("out", "answer"), ("answer", "model"), ("other", "model")]
    assert order.unreachable(("other", "answer", "model", "idle"), ["out"], uses) == ("other", "idle")
