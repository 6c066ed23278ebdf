"""Where everything of a picture stands: boxes, notes and the ways of arcs, in pixels from the top left corner.

Sizes come in, places go out; knows no colour, no font and no format. Rows run across the picture when it is read
downwards, along it when it is read to the right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.graph.columns import columns
from orchestrator.graph.layers import Rows, Size, in_rows
from orchestrator.graph.model import Graph

Point = tuple[float, float]
Direction = Literal["down", "right"]

_GAP = 26.0
_NARROW = 16.0
_STEP = 24.0
"""The least distance between two rows."""
_STEEP = 0.11
"""How much farther apart rows are for each pixel that an arc between them goes sideways."""
_WIDEST_STEP = 84.0
_INSET = 16.0
"""How far from a box's corner an arc may end."""
_PORT = 16.0
"""How far apart arcs end on a box, where it is wide enough."""
_LEAST_PORT = 10.0
"""How far apart they end where a box is made wider for them, for so many of them:"""
_MOST_PORTS = 40


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its middle, its width and its height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The x of its left side."""
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        """The y of its upper side."""
        return self.y - self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture's places.

    Arguments:
        direction: where it is read to.
        width, height: of all of it.
        boxes: of each vertex, by id.
        notes: of each arc that has a note, by id.
        ways: of each arc, by id: points in pairs; between the two of a pair it runs straight along the direction, from
            one pair to the next it may bend. The last point is where it points at. Empty for one to its own vertex.
    """

    direction: Direction
    width: float
    height: float
    boxes: Mapping[str, Box]
    notes: Mapping[str, Box]
    ways: Mapping[str, tuple[Point, ...]]


def lay_out(graph: Graph, boxes: Mapping[str, Size], notes: Mapping[str, Size], direction: Direction) -> Layout:
    """The places of a graph's boxes, notes and arcs.

    Arguments:
        graph: what to draw.
        boxes: width and height of each vertex, by id.
        notes: the same of each arc's note, by id; an arc without a note is absent.
        direction: where the picture is read to.

    Raises:
        TooLargeToDraw: it has too many vertices and arcs.
    """
    turn = direction == "right"
    busy = _busy(graph)
    rows = in_rows(
        [vertex.id for vertex in graph.vertices],
        [_roomy(_turned(boxes[vertex.id], turn), busy[vertex.id]) for vertex in graph.vertices],
        graph.pairs(),
        [_turned(notes.get(arc.id, (0.0, 0.0)), turn) for arc in graph.arcs],
        [arc.kind in ("data", "grant", "implied") for arc in graph.arcs],
    )
    along = columns(rows, _GAP, _NARROW)
    across, bands = _across(rows, along)
    return _placed(graph, rows, [*zip(along, across, strict=True)], bands, direction)


def _busy(graph: Graph) -> dict[str, int]:
    """How many arcs meet the busier side of each vertex."""
    coming = Counter(arc.target for arc in graph.arcs)
    leaving = Counter(arc.source for arc in graph.arcs)
    return {vertex.id: max(coming[vertex.id], leaving[vertex.id]) for vertex in graph.vertices}


def _roomy(size: Size, arcs: int) -> Size:
    """The size, larger along the row where many arcs meet the vertex."""
    return max(size[0], 2 * _INSET + _LEAST_PORT * (min(arcs, _MOST_PORTS) - 1)), size[1]


def _turned(size: Size, turn: bool) -> Size:
    return (size[1], size[0]) if turn else size


def _across(rows: Rows, along: Sequence[float]) -> tuple[list[float], list[tuple[float, float]]]:
    """The middle of each item across the rows, and where each row begins and ends."""
    across = [0.0] * len(rows.sizes)
    bands: list[tuple[float, float]] = []
    begin = 0.0
    for row in rows.rows:
        if bands:
            sideways = max((abs(along[item] - along[o]) for item in row for o in rows.up[item]), default=0.0)
            begin += min(_WIDEST_STEP, max(_STEP, _STEEP * sideways))
        deep = max((rows.sizes[item][1] for item in row), default=0.0)
        bands.append((begin, begin + deep))
        for item in row:
            across[item] = begin + deep / 2
        begin += deep
    return across, bands


def _placed(
    graph: Graph, rows: Rows, middles: list[Point], bands: list[tuple[float, float]], direction: Direction
) -> Layout:
    turn = direction == "right"

    def turned(point: Point) -> Point:
        return (point[1], point[0]) if turn else point

    def box(item: int) -> Box:
        return Box(*turned(middles[item]), *_turned(rows.sizes[item], turn))

    ways = {
        arc.id: tuple(turned(point) for point in way)
        for arc, way in zip(graph.arcs, _ways(rows, middles, bands), strict=True)
    }
    boxes = {vertex.id: box(item) for item, vertex in enumerate(graph.vertices)}
    notes = {arc.id: box(item) for arc, item in zip(graph.arcs, rows.notes, strict=True) if item >= 0}
    everything = [*boxes.values(), *notes.values()]
    points = [point for way in ways.values() for point in way]
    return Layout(
        direction,
        max([b.left + b.width for b in everything] + [x for x, _ in points], default=0.0),
        max([b.top + b.height for b in everything] + [y for _, y in points], default=0.0),
        boxes,
        notes,
        ways,
    )


def _ways(rows: Rows, middles: Sequence[Point], bands: Sequence[tuple[float, float]]) -> list[list[Point]]:
    row_of = {item: at for at, row in enumerate(rows.rows) for item in row}
    leaving = _ports(rows, middles, [(chain[0], chain[1]) if chain else None for chain in rows.chains])
    coming = _ports(rows, middles, [(chain[-1], chain[-2]) if chain else None for chain in rows.chains])
    ways: list[list[Point]] = []
    for at, chain in enumerate(rows.chains):
        if not chain:
            ways.append([])
            continue
        top, bottom = chain[0], chain[-1]
        way = [
            (leaving[at], middles[top][1] + rows.sizes[top][1] / 2),
            (leaving[at], bands[row_of[top]][1]),
        ]
        for item in chain[1:-1]:
            begin, end = bands[row_of[item]]
            way += [(middles[item][0], begin), (middles[item][0], end)]
        way += [
            (coming[at], bands[row_of[bottom]][0]),
            (coming[at], middles[bottom][1] - rows.sizes[bottom][1] / 2),
        ]
        ways.append(way[::-1] if at in rows.flipped else way)
    return ways


def _ports(rows: Rows, middles: Sequence[Point], ends: Sequence[tuple[int, int] | None]) -> list[float]:
    """For each arc where along the row it meets its vertex: straight on towards its next item where there is room."""
    places = [0.0] * len(ends)
    arcs_at: dict[int, list[int]] = {}
    for at, end in enumerate(ends):
        if end is not None:
            arcs_at.setdefault(end[0], []).append(at)
    for vertex, arcs in arcs_at.items():
        arcs.sort(key=lambda at: middles[ends[at][1]][0])  # type: ignore[index]
        middle, half = middles[vertex][0], max(0.0, rows.sizes[vertex][0] / 2 - _INSET)
        wishes = [min(middle + half, max(middle - half, middles[ends[at][1]][0])) for at in arcs]  # type: ignore[index]
        apart = min(_PORT, 2 * half / max(1, len(arcs) - 1))
        for at, place in zip(arcs, _spread(wishes, apart, middle - half, middle + half), strict=True):
            places[at] = place
    return places


def _spread(wishes: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places in order, at least `apart` from each other, between `low` and `high`, near to what each wishes."""
    groups: list[tuple[float, int]] = []
    for at, wish in enumerate(wishes):
        total, count = wish - at * apart, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            total, count = total + groups[-1][0], count + groups[-1][1]
            groups.pop()
        groups.append((total, count))
    flat = [total / count for total, count in groups for _ in range(count)]
    last = high - apart * (len(wishes) - 1)
    return [min(last, max(low, place)) + at * apart for at, place in enumerate(flat)]
