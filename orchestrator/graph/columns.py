"""Where in its row each item stands, so that long arcs run straight and nothing overlaps.

The second half of Sugiyama's method, by Brandes and Köpf ("Fast and Simple Horizontal Coordinate Assignment", 2001),
with widths as in the erratum of Brandes, Walter and Zink (2020): each item is aligned with the middle one of its
neighbours, from above and from below, leftmost and rightmost; its place is the mean of the two in the middle
of these four.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from orchestrator.graph.layers import Rows
from orchestrator.graph.order import topological_order


def columns(rows: Rows, gap: float, narrow: float) -> list[float]:
    """The middle of each item along its row, the leftmost edge at 0.

    Arguments:
        rows: the items in order.
        gap: the least distance between a vertex or a note and what stands beside it.
        narrow: the same between two arcs that pass.
    """
    if not rows.sizes:
        return []
    clashes = _clashes(rows)
    ways = [(down, right) for down in (True, False) for right in (False, True)]
    found = [_aligned(rows, clashes, (gap, narrow), down=down, right=right) for down, right in ways]
    tightest = min(found, key=lambda xs: max(xs) - min(xs))
    for at, xs in enumerate(found):
        shift = max(tightest) - max(xs) if at % 2 else min(tightest) - min(xs)
        found[at] = [x + shift for x in xs]
    placed = [sum(sorted(four)[1:3]) / 2 for four in zip(*found, strict=True)]
    edge = min(x - size[0] / 2 for x, size in zip(placed, rows.sizes, strict=True))
    return [x - edge for x in placed]


def _clashes(rows: Rows) -> set[tuple[int, int]]:
    """The steps (upper, lower) that cross a straight stretch of a long arc: those must not pull it out of line."""
    clashes: set[tuple[int, int]] = set()
    for upper, lower in pairwise(rows.rows):
        place = {item: at for at, item in enumerate(upper)}
        left = begun = 0
        for at, item in enumerate(lower):
            inner = next((o for o in rows.up[item] if rows.passes(o)), None) if rows.passes(item) else None
            if inner is None and at + 1 < len(lower):
                continue
            right = len(upper) if inner is None else place[inner]
            for other in lower[begun : at + 1]:
                clashes.update(
                    (above, other)
                    for above in rows.up[other]
                    if not left <= place[above] <= right and not (rows.passes(above) and rows.passes(other))
                )
            begun, left = at + 1, right
    return clashes


def _aligned(
    rows: Rows, clashes: set[tuple[int, int]], gaps: tuple[float, float], *, down: bool, right: bool
) -> list[float]:
    """One of the four placements."""
    lines = list(rows.rows) if down else rows.rows[::-1]
    if right:
        lines = [line[::-1] for line in lines]
    root = _blocks(lines, rows.up if down else rows.down, clashes)
    xs = _compact(lines, rows, root, gaps)
    return [-x for x in xs] if right else xs


def _blocks(lines: Sequence[Sequence[int]], near: Sequence[Sequence[int]], clashes: set[tuple[int, int]]) -> list[int]:
    """Of each item the first one of the column that it is aligned with."""
    root = list(range(len(near)))
    taken: set[int] = set()
    for before, line in pairwise(lines):
        place = {item: at for at, item in enumerate(before)}
        last = -1
        for item in line:
            others = sorted(near[item], key=place.__getitem__)
            for other in others[(len(others) - 1) // 2 : len(others) // 2 + 1]:
                clash = (other, item) in clashes or (item, other) in clashes
                if root[item] == item and other not in taken and last < place[other] and not clash:
                    root[item] = root[other]
                    taken.add(other)
                    last = place[other]
    return root


def _compact(lines: Sequence[Sequence[int]], rows: Rows, root: Sequence[int], gaps: tuple[float, float]) -> list[float]:
    """Push the columns together: each as far left as its neighbours let it, then as far right as they let it."""
    apart: dict[tuple[int, int], float] = {}
    for line in lines:
        for left, right in pairwise(line):
            key = (root[left], root[right])
            apart[key] = max(apart.get(key, 0.0), _apart(rows, left, right, gaps))
    names = {str(item): item for item in sorted(set(root))}
    order = [names[n] for n in topological_order(tuple(names), [(str(a), str(b)) for a, b in apart])]
    before: dict[int, list[tuple[int, float]]] = {item: [] for item in order}
    after: dict[int, list[tuple[int, float]]] = {item: [] for item in order}
    for (left, right), least in apart.items():
        before[right].append((left, least))
        after[left].append((right, least))
    x: dict[int, float] = {}
    for item in order:
        x[item] = max((x[left] + least for left, least in before[item]), default=0.0)
    for item in reversed(order):
        x[item] = max(x[item], min((x[right] - least for right, least in after[item]), default=x[item]))
    return [x[root[item]] for item in range(len(root))]


def _apart(rows: Rows, left: int, right: int, gaps: tuple[float, float]) -> float:
    """The least distance between the middles of two items that stand side by side."""
    thin = rows.sizes[left][0] == 0.0 and rows.sizes[right][0] == 0.0
    return (rows.sizes[left][0] + rows.sizes[right][0]) / 2 + gaps[1 if thin else 0]
