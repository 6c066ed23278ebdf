"""A graph in rows: which row a vertex stands in, and in which order a row is read so that few arcs cross.

The first half of Sugiyama's method (Sugiyama, Tagawa, Toda 1981). Vertices stand in even rows; in each row between,
an arc that passes has an item of its own, and one of these has the size of its note, so that a note has its place as a
box has. `graph.columns` says where in a row each item stands.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from orchestrator.errors import TooLargeToDraw
from orchestrator.graph.order import cycles, depths, topological_order

Size = tuple[float, float]
Pair = tuple[str, str]
T = TypeVar("T")

MOST_ITEMS = 6000
"""How many vertices, and arcs in each row that they pass, a picture has at most: some seconds of work."""
_SWEEPS = 24
_PATIENCE = 4
_PASSES = 4


@dataclass(slots=True)
class Rows:
    """Items in rows. Items `0..n-1` are the vertices in their order, the others are where arcs pass.

    Arguments:
        sizes: of each item, along the row and across it.
        rows: the items of each row, in order.
        up, down: of each item its neighbours in the row before and after.
        chains: of each arc its items, from the upper vertex to the lower; empty for an arc from a vertex to itself.
        notes: of each arc the item that has its note's size, or -1.
        flipped: the arcs that point upwards.
        vertices: how many items are vertices.
    """

    sizes: list[Size]
    vertices: int
    rows: list[list[int]] = field(default_factory=list)
    up: list[list[int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    flipped: set[int] = field(default_factory=set)

    def passes(self, item: int) -> bool:
        """Whether the item is a place where an arc passes, rather than a vertex."""
        return item >= self.vertices


def in_rows(
    names: Sequence[str], sizes: Sequence[Size], pairs: Sequence[Pair], notes: Sequence[Size], strong: Sequence[bool]
) -> Rows:
    """The graph in rows with few crossings.

    Arguments:
        names: the vertices; sizes: of each its extent along the row and across.
        pairs: the arcs; notes: of each the extent of its note, zero without one; strong: whether it should point down
            even where another arc then points up.

    Raises:
        TooLargeToDraw: more than `MOST_ITEMS` would stand in the rows.
    """
    if len(names) + len(pairs) > MOST_ITEMS:
        raise _too_large(names, pairs)
    flipped = upward(pairs, strong)
    downward = [(b, a) if index in flipped else (a, b) for index, (a, b) in enumerate(pairs)]
    rank = ranks(names, [pair for pair in downward if pair[0] != pair[1]])
    if len(names) + sum(2 * (rank[b] - rank[a]) - 1 for a, b in downward if a != b) > MOST_ITEMS:
        raise _too_large(names, pairs)
    rows = Rows(list(sizes), len(names), flipped=flipped)
    rows.up, rows.down = [[] for _ in names], [[] for _ in names]
    rows.rows = [[] for _ in range(2 * max(rank.values(), default=0) + 1)]
    index = {name: at for at, name in enumerate(names)}
    for name in names:
        rows.rows[2 * rank[name]].append(index[name])
    for (source, target), note in zip(downward, notes, strict=True):
        _thread(rows, index[source], index[target], 2 * rank[source], 2 * rank[target], note)
    _reorder(rows)
    return rows


def _too_large(names: Sequence[str], pairs: Sequence[Pair]) -> TooLargeToDraw:
    return TooLargeToDraw(
        f"the graph is too large for a picture: {len(names)} boxes and {len(pairs)} edges; "
        "write it as dot or json and draw it with a tool for large graphs"
    )


def ranks(names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """A row for each vertex, from 0, below all that has an arrow to it and as near to its neighbours as that allows."""
    order = topological_order(names, pairs)
    before: dict[str, list[str]] = {name: [] for name in order}
    after: dict[str, list[str]] = {name: [] for name in order}
    for source, target in pairs:
        before[target].append(source)
        after[source].append(target)
    deep = depths(tuple(reversed(order)), [(target, source) for source, target in pairs])
    rank = {name: deep[name] - 1 for name in names}
    for step in range(_PASSES):
        for name in order if step % 2 else reversed(order):
            low = max((rank[other] + 1 for other in before[name]), default=None)
            high = min((rank[other] - 1 for other in after[name]), default=None)
            if high is not None and (low is None or len(after[name]) > len(before[name])):
                rank[name] = high
            elif low is not None and (high is None or len(after[name]) < len(before[name])):
                rank[name] = low
    top = min(rank.values(), default=0)
    return {name: rank[name] - top for name in names}


def crossings(rows: Rows) -> int:
    """How many times arcs cross between the rows."""
    return sum(_crossings(rows, upper, lower) for upper, lower in pairwise(rows.rows))


def upward(pairs: Sequence[Pair], strong: Sequence[bool]) -> set[int]:
    """The arcs to turn round so that no cycle is left, weak ones where that is enough; few, not the fewest."""
    if not cycles(pairs, most=1):
        return set()
    wish = _places(_depth_first(pairs))
    firm = [pair for pair, is_strong in zip(pairs, strong, strict=True) if is_strong and pair[0] != pair[1]]
    place = _places(_depth_first(firm))
    firm = [(a, b) if place[a] < place[b] else (b, a) for a, b in firm]
    place = _places(topological_order(sorted(wish, key=wish.__getitem__), firm))
    return {at for at, (source, target) in enumerate(pairs) if place[source] > place[target]}


def _depth_first(pairs: Sequence[Pair]) -> list[str]:
    """The names so that an arc points backwards only where it closes a cycle: a depth-first search's end times."""
    following: dict[str, list[str]] = {}
    for source, target in pairs:
        following.setdefault(source, []).append(target)
    entered = {target for _, target in pairs}
    starts = sorted(dict.fromkeys(name for pair in pairs for name in pair), key=entered.__contains__)
    seen: set[str] = set()
    ended: list[str] = []
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(following.get(start, ())))]
        while stack:
            name, rest = stack[-1]
            onward = next((other for other in rest if other not in seen), None)
            if onward is None:
                ended.append(name)
                stack.pop()
            else:
                seen.add(onward)
                stack.append((onward, iter(following.get(onward, ()))))
    return ended[::-1]


def _thread(rows: Rows, source: int, target: int, first: int, last: int, note: Size) -> None:
    """Lay an arc from row `first` to row `last`, with an item in each row between."""
    if source == target:
        rows.chains.append([])
        rows.notes.append(-1)
        return
    middle = ((first + last) // 2) | 1
    chain = [source]
    for row in range(first + 1, last):
        rows.sizes.append(note if row == middle else (0.0, 0.0))
        rows.rows[row].append(len(rows.up))
        chain.append(len(rows.up))
        rows.up.append([])
        rows.down.append([])
    rows.notes.append(chain[middle - first] if any(note) else -1)
    chain.append(target)
    rows.chains.append(chain)
    for upper, lower in pairwise(chain):
        rows.down[upper].append(lower)
        rows.up[lower].append(upper)


def _reorder(rows: Rows) -> None:
    """Sweep down and up, sorting each row by where its neighbours stand, and keep the best order seen."""
    best, fewest, waited = [list(row) for row in rows.rows], crossings(rows), 0
    for sweep in range(_SWEEPS):
        if not fewest or waited >= _PATIENCE:
            break
        _sweep(rows, down=sweep % 2 == 0, late=sweep % 4 >= 2)
        _exchange(rows)
        now = crossings(rows)
        waited += 1
        if now < fewest:
            best, fewest, waited = [list(row) for row in rows.rows], now, 0
    rows.rows = best


def _sweep(rows: Rows, *, down: bool, late: bool) -> None:
    order = range(1, len(rows.rows)) if down else range(len(rows.rows) - 2, -1, -1)
    near = rows.up if down else rows.down
    for at in order:
        fixed = _places(rows.rows[at - 1 if down else at + 1])
        row = rows.rows[at]
        wish = {item: _middle([fixed[other] for other in near[item]]) for item in row}
        moving = [item for item in row if wish[item] >= 0]
        if late:
            moving.reverse()
        moving.sort(key=wish.__getitem__)
        free = iter(moving)
        rows.rows[at] = [next(free) if wish[item] >= 0 else item for item in row]


def _middle(places: list[int]) -> float:
    """The mean of the places, -1 without any: the barycentre."""
    return sum(places) / len(places) if places else -1.0


def _exchange(rows: Rows) -> None:
    """Swap neighbours in a row wherever that saves a crossing."""
    for at, row in enumerate(rows.rows):
        above = _places(rows.rows[at - 1]) if at else {}
        below = _places(rows.rows[at + 1]) if at + 1 < len(rows.rows) else {}
        ends = {
            item: (sorted(above[o] for o in rows.up[item]), sorted(below[o] for o in rows.down[item])) for item in row
        }
        for left in range(len(row) - 1):
            a, b = ends[row[left]], ends[row[left + 1]]
            if sum(map(_between, b, a)) < sum(map(_between, a, b)):
                row[left], row[left + 1] = row[left + 1], row[left]


def _between(left: list[int], right: list[int]) -> int:
    """How many crossings there are when an item with ends `left` stands before one with ends `right`."""
    return sum(bisect_left(right, end) for end in left)


def _crossings(rows: Rows, upper: Sequence[int], lower: Sequence[int]) -> int:
    place = _places(lower)
    seen: list[int] = []
    count = 0
    for item in upper:
        ends = sorted(place[other] for other in rows.down[item])
        count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _places(row: Sequence[T]) -> dict[T, int]:
    return {item: at for at, item in enumerate(row)}
