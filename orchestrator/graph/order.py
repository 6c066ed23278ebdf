"""What can be asked of names and the arrows between them: cycles, order, chains, reach.

Names are strings, arrows pairs `(from, to)`; the same arrow may come twice. An arrow with an end that is not among the
names given does not count, so that a graph with an unknown name can be asked all the same. No function recurses, and
each takes time in proportion to the arrows (`cycles`: times a constant), whatever the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

Pairs = Iterable[tuple[str, str]]

MOST_CYCLES = 8
_STARTS = 32
"""From how many vertices of a cycle a shorter one is looked for: the bound on a hostile graph's cost."""


def cycles(pairs: Pairs, most: int = MOST_CYCLES) -> tuple[tuple[str, ...], ...]:
    """Cycles that have no arrow in common, so many that no other cycle is left when each loses one arrow.

    Arguments:
        pairs: the arrows.
        most: at most so many cycles are looked for.

    Returns:
        Each cycle as the names along it, the first one not repeated; it begins with the name that `pairs` has first.
        Short ones are preferred: a cycle is the shortest through one of its names.
    """
    following = _following(pairs)
    rank = {name: index for index, name in enumerate(following)}
    found: list[tuple[str, ...]] = []
    while len(found) < most and (some := _some_cycle(following)):
        cycle = _shortest(following, some)
        for index, name in enumerate(cycle):
            del following[cycle[index - 1]][name]
        first = min(range(len(cycle)), key=lambda index: rank[cycle[index]])
        found.append((*cycle[first:], *cycle[:first]))
    return tuple(found)


def topological_order(names: Sequence[str], pairs: Pairs) -> tuple[str, ...]:
    """The names, each after those with an arrow to it, and otherwise as close to the order given as that allows.

    Raises:
        ValueError: there is a cycle.
    """
    rank = {name: index for index, name in enumerate(names)}
    sorter = TopologicalSorter(dict.fromkeys(rank, ()))
    for source, target in _among(rank, pairs):
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError("names on a cycle have no order: " + " -> ".join(error.args[1])) from None
    ready: list[tuple[int, str]] = []
    order: list[str] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, (rank[name], name))
        order.append(heappop(ready)[1])
        sorter.done(order[-1])
    return tuple(order)


def depths(names: Sequence[str], pairs: Pairs) -> dict[str, int]:
    """For each name the number of names on the longest chain that begins there, itself included; 1 without an arrow.

    Raises:
        ValueError: there is a cycle.
    """
    deep, _ = _chains(names, pairs)
    return {name: deep[name] for name in names}


def longest_chain(names: Sequence[str], pairs: Pairs) -> tuple[str, ...]:
    """The longest chain of names that arrows join; of several, the one whose names come first. Empty without names.

    Raises:
        ValueError: there is a cycle.
    """
    deep, onward = _chains(names, pairs)
    here: str | None = max(names, key=lambda name: deep[name], default=None)
    chain: list[str] = []
    while here is not None:
        chain.append(here)
        here = onward[here]
    return tuple(chain)


def clusters(names: Sequence[str], pairs: Pairs) -> tuple[tuple[str, ...], ...]:
    """The names in sets that no arrow joins to each other, whichever way it points; names and sets in their order."""
    near: dict[str, list[str]] = {name: [] for name in names}
    for source, target in _among(dict.fromkeys(names, 0), pairs):
        near[source].append(target)
        near[target].append(source)
    first: dict[str, str] = {}
    for name in names:
        left = [] if name in first else [name]
        while left:
            here = left.pop()
            if here not in first:
                first[here] = name
                left += near[here]
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(first[name], []).append(name)
    return tuple(map(tuple, found.values()))


def reachable(starts: Iterable[str], pairs: Pairs) -> frozenset[str]:
    """The names that a walk along the arrows from `starts` comes to, `starts` included."""
    following = _following(pairs)
    seen = set(starts)
    queue = list(seen)
    while queue:
        for name in following.get(queue.pop(), {}):
            if name not in seen:
                seen.add(name)
                queue.append(name)
    return frozenset(seen)


def unreachable(names: Sequence[str], starts: Iterable[str], pairs: Pairs) -> tuple[str, ...]:
    """The names, in their order, that no walk along the arrows from `starts` comes to.

    To find what nothing uses: start at what is wanted, with an arrow from each user to what it uses.
    """
    seen = reachable(starts, pairs)
    return tuple(name for name in names if name not in seen)


def _among(known: Mapping[str, int], pairs: Pairs) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] in known and pair[1] in known]


def _following(pairs: Pairs) -> dict[str, dict[str, None]]:
    """Of each name those that its arrows go to, in order and without repetition."""
    following: dict[str, dict[str, None]] = {}
    for source, target in pairs:
        following.setdefault(source, {})[target] = None
        following.setdefault(target, {})
    return following


def _some_cycle(following: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    try:
        TopologicalSorter(following).prepare()
    except CycleError as error:
        return tuple(error.args[1][:-1])
    return ()


def _shortest(following: Mapping[str, Iterable[str]], cycle: Sequence[str]) -> tuple[str, ...]:
    """The shortest cycle through any of the first names of `cycle`; its names in the direction of the arrows."""
    return min((_loop(following, start) for start in cycle[:_STARTS]), key=len)


def _loop(following: Mapping[str, Iterable[str]], start: str) -> tuple[str, ...]:
    """The shortest way along the arrows from `start`, which is on a cycle, back to it."""
    came: dict[str, str] = {}
    queue = deque([start])
    while start not in came:
        here = queue.popleft()
        for name in following[here]:
            if name not in came:
                came[name] = here
                queue.append(name)
    way = [start]
    while came[way[-1]] != start:
        way.append(came[way[-1]])
    return tuple(reversed(way))


def _chains(names: Sequence[str], pairs: Pairs) -> tuple[dict[str, int], dict[str, str | None]]:
    """How long the longest chain from each name is, and the next name on it."""
    rank = {name: index for index, name in enumerate(names)}
    arrows = _among(rank, pairs)
    following: dict[str, list[str]] = {name: [] for name in rank}
    for source, target in arrows:
        following[source].append(target)
    deep: dict[str, int] = {}
    onward: dict[str, str | None] = {}
    for name in reversed(topological_order(names, arrows)):
        best = min(following[name], key=lambda other: (-deep[other], rank[other]), default=None)
        onward[name] = best
        deep[name] = 1 if best is None else deep[best] + 1
    return deep, onward
