"""A picture of a graph as SVG: one file that needs nothing else, light or dark as its reader is.

The look alone: places are from `graph.layout`, texts from `graph.parts`. Every text is escaped; the same graph gives
the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from orchestrator.graph.layout import Box, Direction, Layout, Point, lay_out
from orchestrator.graph.measure import cut, shown, width
from orchestrator.graph.model import ARC_KINDS, TINTS, VERTEX_KINDS, Arc, Graph, Vertex
from orchestrator.graph.parts import (
    NOTE_PAD,
    ON_GROUND,
    TAG_GAP,
    Line,
    Tags,
    box_lines,
    box_size,
    note_lines,
    note_size,
    tally,
)
from orchestrator.graph.theme import ARROW, KEY_ARCS, KEY_TAGS, KEY_VERTICES, STYLE

_MARGIN = 28.0
_HEAD = 62.0
_FOOT = 44.0
_LEAST_WIDTH = 340.0
_VIEW = (1280.0, 960.0)
"""The window that a picture should fit in, to choose its direction by."""
_PREFER_DOWN = 1.15
_KEY_GAP = 22.0
_STRAIGHT = 2.0
"""How far an arc runs straight before its head."""


def as_svg(graph: Graph, direction: Direction | None = None) -> str:
    """The picture as a whole SVG document.

    Arguments:
        graph: what to draw.
        direction: where it is read to; without one, the way in which it is larger in a usual window.

    Raises:
        TooLargeToDraw: it has too many vertices and arcs to be shown.
    """
    layout = _best(graph, direction)
    key = _key(graph)
    key_rows = _wrapped(key, max(_LEAST_WIDTH, layout.width))
    wide = max([layout.width, _LEAST_WIDTH, *(_key_width(row) for row in key_rows)])
    wide = max(wide, min(width(shown(graph.name), 18), 2 * wide))
    full = (wide + 2 * _MARGIN, _HEAD + layout.height + _FOOT + 22 * len(key_rows))
    shift = (_MARGIN + (wide - layout.width) / 2, _HEAD + 8)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="og" role="img" width="{_n(full[0])}" height="{_n(full[1])}" '
        f'viewBox="0 0 {_n(full[0])} {_n(full[1])}" aria-labelledby="og-title og-desc">',
        f'<title id="og-title">{_text(graph.name)}</title>',
        f'<desc id="og-desc">{_text(describe(graph))}</desc>',
        f"<style>{STYLE}</style>",
        "<defs>",
        *(_marker(kind) for kind in ARC_KINDS),
        "</defs>",
        f'<rect class="og-page" width="{_n(full[0])}" height="{_n(full[1])}" rx="10"/>',
        f'<text class="og-name" x="{_n(_MARGIN)}" y="32">{_text(cut(shown(graph.name), wide, 18))}</text>',
        f'<text class="og-sub" x="{_n(_MARGIN)}" y="50">{_text(tally(graph))}</text>',
        f'<g transform="translate({_n(shift[0])} {_n(shift[1])})">',
        *_inside(graph, layout),
        "</g>",
        *_drawn_key(key_rows, full[1] - 20 - 22 * (len(key_rows) - 1)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def describe(graph: Graph) -> str:
    """The graph in sentences, for those who hear the picture."""
    words = {
        "data": "flows to",
        "call": "calls",
        "tool": "may call as a tool",
        "detect": "is judged by",
        "grant": "is used by a grant of",
        "implied": "runs before",
    }
    said = (f"{arc.source} {words[arc.kind]} {arc.target}{_described(arc)}" for arc in graph.arcs)
    refused = (f"{vertex.label}: {vertex.alarm}" for vertex in graph.vertices if vertex.alarm)
    return " ".join(shown(f"{sentence}.") for sentence in (tally(graph), *said, *refused))


def _described(arc: Arc) -> str:
    more = ("fused" if arc.fused else "", arc.declassifies, arc.carries)
    return "".join(f", {words}" for words in more if words)


def _best(graph: Graph, direction: Direction | None) -> Layout:
    boxes = {vertex.id: box_size(vertex) for vertex in graph.vertices}
    notes = {arc.id: size for arc in graph.arcs if (size := note_size(arc))}
    if direction is not None:
        return lay_out(graph, boxes, notes, direction)
    down, right = (lay_out(graph, boxes, notes, way) for way in ("down", "right"))
    return down if _fit(down) * _PREFER_DOWN >= _fit(right) else right


def _fit(layout: Layout) -> float:
    return min(_VIEW[0] / max(1.0, layout.width), _VIEW[1] / max(1.0, layout.height), 1.0)


def _inside(graph: Graph, layout: Layout) -> Iterable[str]:
    """Arcs first, so that boxes and notes lie on them."""
    for arc in graph.arcs:
        if arc.alarm:
            yield f'<path class="og-alarm" d="{_line_of(arc, layout)}"/>'
    for kind in reversed(ARC_KINDS):
        for arc in graph.arcs:
            if arc.kind == kind:
                yield _arc(arc, layout)
    for arc in graph.arcs:
        if arc.id in layout.notes:
            yield _note(arc, layout.notes[arc.id])
    for vertex in graph.vertices:
        yield _vertex(vertex, layout.boxes[vertex.id])


def _arc(arc: Arc, layout: Layout) -> str:
    path, title = _line_of(arc, layout), _text(arc.id)
    return f'<path class="{_look(arc)}" d="{path}" marker-end="url(#og-{arc.kind})"><title>{title}</title></path>'


def _line_of(arc: Arc, layout: Layout) -> str:
    way = layout.ways[arc.id]
    return _path(way, layout.direction) if way else _loop(layout.boxes[arc.source])


def _look(arc: Arc) -> str:
    """The classes of an arc's line."""
    return f"og-arc og-{arc.kind}{' og-fused' if arc.fused else ''}"


def _path(way: Sequence[Point], direction: Direction) -> str:
    """A line through the points, bending smoothly between the pairs; it ends where the arrow's head begins."""
    points = _with_room(way, direction)
    said = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for at, (here, there) in enumerate(pairwise(points)):
        if here == there:
            continue
        if at % 2 == 0 or abs(here[direction == "right"] - there[direction == "right"]) < 0.5:
            said.append(f"L{_n(there[0])} {_n(there[1])}")
        elif direction == "down":
            middle = (here[1] + there[1]) / 2
            said.append(f"C{_n(here[0])} {_n(middle)} {_n(there[0])} {_n(middle)} {_n(there[0])} {_n(there[1])}")
        else:
            middle = (here[0] + there[0]) / 2
            said.append(f"C{_n(middle)} {_n(here[1])} {_n(middle)} {_n(there[1])} {_n(there[0])} {_n(there[1])}")
    return " ".join(said)


def _with_room(way: Sequence[Point], direction: Direction) -> list[Point]:
    """The way without its last stretch, which the arrow's head takes, straight for at least a little before it."""
    axis = direction == "down"
    ahead = 1 if way[-1][axis] > way[0][axis] else -1

    def back(distance: float) -> Point:
        x, y = way[-1]
        return (x, y - ahead * distance) if axis else (x - ahead * distance, y)

    bent = way[-2] if abs(way[-1][axis] - way[-2][axis]) > ARROW + _STRAIGHT else back(ARROW + _STRAIGHT)
    return [*way[:-2], bent, back(ARROW)]


def _loop(box: Box) -> str:
    right, y = box.left + box.width, box.y
    out, back = f"{_n(right + 26)} {_n(y - 16)}", f"{_n(right + 26)} {_n(y + 12)}"
    return f"M{_n(right)} {_n(y - 9)} C{out} {back} {_n(right + ARROW)} {_n(y + 7)}"


def _marker(kind: str) -> str:
    return (
        f'<marker id="og-{kind}" viewBox="0 0 8 8" refX="0.5" refY="4" markerWidth="{_n(ARROW)}" '
        f'markerHeight="{_n(ARROW)}" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="og-tip og-tip-{kind}" d="M0 0.6 L8 4 L0 7.4 Z"/></marker>'
    )


def _vertex(vertex: Vertex, box: Box) -> str:
    round_ = min(box.height / 2, 30) if vertex.kind in ("input", "output") else 9
    lines = box_lines(vertex)
    full = _text(vertex.id, *filter(None, (vertex.type, *vertex.terms)))
    look = f"og-box og-{vertex.kind}{' og-alarm' if vertex.alarm else ''}"
    said = [f'<g class="{look}"><title>{full}</title>', _rect(box, round_, "og-outline" if vertex.alarm else "")]
    y = box.y - sum(line.height for line in lines) / 2
    said += _lines(lines, box.x, y)
    return "\n".join([*said, "</g>"])


def _note(arc: Arc, box: Box) -> str:
    lines = note_lines(arc)
    labels = (arc.declassifies, arc.reason, arc.carries)
    said = (arc.types, "fused" if arc.fused else "", arc.condition, arc.each, *labels, *arc.contract)
    drawn = [
        f'<g class="og-note og-note-{arc.kind}"><title>{_text(arc.id, *filter(None, said))}</title>',
        _rect(box, 6),
        *_lines(lines, box.x, box.top + NOTE_PAD[1]),
    ]
    return "\n".join([*drawn, "</g>"])


def _rect(box: Box, round_: float, look: str = "") -> str:
    place = f'x="{_n(box.left)}" y="{_n(box.top)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    named = f'class="{look}" ' if look else ""
    return f'<rect {named}{place} rx="{_n(round_)}"/>'


def _lines(lines: Sequence[Line | Tags], x: float, y: float) -> Iterable[str]:
    """Lines one under the other, each in the middle; labels and rules of a contract on grounds of their own."""
    for line in lines:
        if isinstance(line, Tags):
            yield from _tags(line, x, y)
            y += line.height
            continue
        base = y + line.height / 2 + line.size * 0.36
        if line.style in ON_GROUND:
            yield _ground("og-chip" if line.style == "rule" else "og-stop", x, y, line.width + 12, line.height)
        yield _middle(f"og-{line.style}", x, base, line.text)
        y += line.height


def _tags(line: Tags, x: float, y: float) -> Iterable[str]:
    """Labels side by side; one that came there has a broken line around it."""
    left = x - line.width / 2
    base = y + line.height / 2 + line.size * 0.36
    for tag, wide in zip(line.tags, line.widths, strict=True):
        look = f"og-tint og-{tag.tint}{'' if tag.own else ' og-came'}"
        yield _ground(look, left + wide / 2, y + 1, wide, line.height - 2)
        yield _middle(f"og-tagged og-{tag.tint}", left + wide / 2, base, tag.text)
        left += wide + TAG_GAP


def _ground(look: str, x: float, y: float, wide: float, height: float) -> str:
    return (
        f'<rect class="{look}" x="{_n(x - wide / 2)}" y="{_n(y + 1)}" width="{_n(wide)}" '
        f'height="{_n(height - 2)}" rx="{_n(height / 2 - 1)}"/>'
    )


def _middle(look: str, x: float, y: float, text: str) -> str:
    return f'<text class="{look}" x="{_n(x)}" y="{_n(y)}" text-anchor="middle">{_text(text)}</text>'


def _key(graph: Graph) -> list[tuple[str, str, str]]:
    """What the legend has to say: (shape, kind, words), of the kinds that there are."""
    boxes = {vertex.kind for vertex in graph.vertices}
    arcs = {arc.kind for arc in graph.arcs}
    key: list[tuple[str, str, str]] = [("box", kind, KEY_VERTICES[kind]) for kind in VERTEX_KINDS if kind in boxes]
    key += [("arc", kind, KEY_ARCS[kind]) for kind in ARC_KINDS if kind in arcs]
    key += [("arc", "call og-fused", "fused call")] if any(arc.fused for arc in graph.arcs) else []
    key += [("chip", "og-chip", "contract")] if any(arc.contract for arc in graph.arcs) else []
    key += [("chip", "og-stop", "declassifies")] if any(arc.stops for arc in graph.arcs) else []
    tags = [tag for vertex in graph.vertices for tag in vertex.tags]
    tints = {tag.tint for tag in tags}
    key += [("chip", f"og-tint og-{tint}", KEY_TAGS[tint]) for tint in TINTS if tint in tints]
    key += [("chip", "og-tint og-came", "came there")] if any(not tag.own for tag in tags) else []
    return key + ([("alarm", "", "may not meet")] if any(vertex.alarm for vertex in graph.vertices) else [])


def _key_width(row: Sequence[tuple[str, str, str]]) -> float:
    return sum(34 + width(words, 11) + _KEY_GAP for _, _, words in row) - _KEY_GAP


def _wrapped(key: Sequence[tuple[str, str, str]], most: float) -> list[list[tuple[str, str, str]]]:
    rows: list[list[tuple[str, str, str]]] = []
    for entry in key:
        if not rows or _key_width([*rows[-1], entry]) > most:
            rows.append([])
        rows[-1].append(entry)
    return rows


def _drawn_key(rows: Sequence[Sequence[tuple[str, str, str]]], y: float) -> Iterable[str]:
    for row in rows:
        x = _MARGIN
        for shape, kind, words in row:
            yield _symbol(shape, kind, x, y)
            yield f'<text class="og-key" x="{_n(x + 34)}" y="{_n(y + 4)}">{_text(words)}</text>'
            x += 34 + width(words, 11) + _KEY_GAP
        y += 22


def _symbol(shape: str, kind: str, x: float, y: float) -> str:
    if shape == "arc":
        tip = kind.partition(" ")[0]
        return f'<path class="og-arc og-{kind}" d="M{_n(x)} {_n(y)} h19" marker-end="url(#og-{tip})"/>'
    if shape == "alarm":
        return f'<path class="og-alarm" d="M{_n(x + 3)} {_n(y)} h20"/>'
    if shape == "chip":
        return f'<rect class="{kind}" x="{_n(x)}" y="{_n(y - 6)}" width="26" height="12" rx="6"/>'
    round_ = 7 if kind in ("input", "output") else 4
    rect = f'<rect x="{_n(x)}" y="{_n(y - 7)}" width="26" height="14" rx="{round_}"/>'
    return f'<g class="og-box og-{kind}">{rect}</g>'


def _text(*lines: str) -> str:
    """The lines as XML may hold them."""
    return escape("\n".join(map(shown, lines)))


def _n(number: float) -> str:
    """The number as short as a tenth of a pixel allows."""
    return f"{number:.1f}".removesuffix(".0")
