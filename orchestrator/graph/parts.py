"""What stands in a box and on a note of the picture, line by line, and how large that makes them.

Not for colour or place: a line has a style by name (`graph.theme`), its size and its measured width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.graph.layers import Size
from orchestrator.graph.measure import cut, shown, width
from orchestrator.graph.model import Arc, Graph, Tag, Vertex
from orchestrator.wording import counted

Style = Literal["label", "tag", "type", "detail", "path", "when", "rule", "more", "alarm", "stop"]

BOX_PAD = (18.0, 11.0)
NOTE_PAD = (8.0, 4.0)
_WIDEST_BOX = 230.0
_WIDEST_NOTE = 210.0
_MOST_DETAIL = 5
_MOST_RULES = 6
_MOST_REASON = 3
"""Lines of the reason why labels do not cross an arc."""
TAG_PAD, TAG_GAP = 7.0, 5.0
_BOLD: dict[Style, float] = {"label": 1.08, "tag": 1.08, "alarm": 1.2, "stop": 1.2}
"""How much wider than measured what is bold is: more where the fonts that stand in for a bold one are wide."""
ON_GROUND: tuple[Style, ...] = ("rule", "stop")
"""The styles of lines that stand on a ground of their own."""
_LOOKS: dict[Style, tuple[float, float, bool]] = {
    "label": (14.0, 19.0, False),
    "tag": (9.5, 13.0, False),
    "type": (10.5, 14.0, True),
    "detail": (11.0, 15.0, False),
    "path": (11.0, 15.0, False),
    "when": (10.5, 15.0, False),
    "rule": (10.0, 17.0, True),
    "more": (10.0, 14.0, False),
    "alarm": (11.0, 17.0, False),
    "stop": (10.0, 18.0, False),
}
"""Of each style its font's size, its line's height, whether it is monospaced."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, cut to what fits."""

    text: str
    style: Style

    @property
    def size(self) -> float:
        """The font's size."""
        return _LOOKS[self.style][0]

    @property
    def height(self) -> float:
        """How much of the page it takes downwards."""
        return _LOOKS[self.style][1]

    @property
    def width(self) -> float:
        """About how wide it is."""
        return width(self.text, self.size, mono=_LOOKS[self.style][2]) * _BOLD.get(self.style, 1.0)


@dataclass(frozen=True, slots=True)
class Tags:
    """A line of labels, each on a ground of its own."""

    tags: tuple[Tag, ...]
    size = 10.0
    height = 22.0

    @property
    def widths(self) -> tuple[float, ...]:
        """How wide each of them is."""
        return tuple(width(shown(tag.text), self.size) * _BOLD["stop"] + 2 * TAG_PAD for tag in self.tags)

    @property
    def width(self) -> float:
        """How wide all of them are."""
        return sum(self.widths) + TAG_GAP * (len(self.tags) - 1)


def box_lines(vertex: Vertex) -> tuple[Line | Tags, ...]:
    """What stands in a vertex's box."""
    lines: list[Line | Tags] = [_line(vertex.label, "label", _WIDEST_BOX)]
    if vertex.kind == "python":
        lines.insert(0, Line("PYTHON", "tag"))
    if vertex.type:
        lines.append(_line(vertex.type, "type", _WIDEST_BOX))
    lines += [_line(text, "detail", _WIDEST_BOX) for text in vertex.detail[:_MOST_DETAIL]]
    lines += [*_more(len(vertex.detail) - _MOST_DETAIL), *_tags(vertex.tags)]
    if vertex.alarm:
        lines += _wrapped(vertex.alarm, "alarm", _WIDEST_BOX, _MOST_REASON)
    return tuple(lines)


def note_lines(arc: Arc) -> tuple[Line, ...]:
    """What stands on an arc's note; nothing where the arc says no more than its ends."""
    lines = [_line(arc.label, "path", _WIDEST_NOTE)] if arc.label else []
    if arc.types:
        lines.append(_line(arc.types, "type", _WIDEST_NOTE))
    if arc.fused:
        lines.append(Line("fused", "when"))
    if arc.condition:
        lines.append(_line(f"when {arc.condition}", "when", _WIDEST_NOTE))
    if arc.each:
        lines.append(_line(arc.each, "when", _WIDEST_NOTE))
    if arc.stops:
        lines.append(_line(arc.declassifies, "stop", _WIDEST_NOTE))
        lines += _wrapped(arc.reason, "when", 0.92 * _WIDEST_NOTE, _MOST_REASON)
    if arc.alarm:
        lines.append(_line(arc.carries, "alarm", _WIDEST_NOTE))
    lines += [_line(rule, "rule", _WIDEST_NOTE) for rule in arc.contract[:_MOST_RULES]]
    return (*lines, *_more(len(arc.contract) - _MOST_RULES))


def box_size(vertex: Vertex) -> Size:
    """Width and height of a vertex's box."""
    lines = box_lines(vertex)
    ends = 8.0 if vertex.kind in ("input", "output") else 0.0
    wide = max(line.width for line in lines) + 2 * (BOX_PAD[0] + ends)
    return max(96.0, wide), sum(line.height for line in lines) + 2 * BOX_PAD[1] - (4 if ends else 0)


def note_size(arc: Arc) -> Size | None:
    """Width and height of an arc's note, if it has one."""
    lines = note_lines(arc)
    if not lines:
        return None
    wide = max(line.width + (12 if line.style in ON_GROUND else 0) for line in lines)
    return wide + 2 * NOTE_PAD[0], sum(line.height for line in lines) + 2 * NOTE_PAD[1]


def tally(graph: Graph) -> str:
    """How many nodes, inputs, outputs and edges there are, in words."""
    nodes = sum(vertex.kind in ("node", "python") for vertex in graph.vertices)
    counts = [(nodes, "node")]
    counts += [(sum(vertex.kind == kind for vertex in graph.vertices), kind) for kind in ("input", "output")]
    counts.append((len(graph.arcs), "edge"))
    return ", ".join(counted(count, word) for count, word in counts if count or word == "node")


def _tags(tags: tuple[Tag, ...]) -> list[Tags]:
    """Labels in lines that are not wider than a box; a long one is cut."""
    rows: list[tuple[Tag, ...]] = []
    for tag in tags:
        short = replace(tag, text=cut(shown(tag.text), (_WIDEST_BOX - 2 * TAG_PAD) / _BOLD["stop"], Tags.size))
        if rows and Tags((*rows[-1], short)).width <= _WIDEST_BOX:
            rows[-1] = (*rows[-1], short)
        else:
            rows.append((short,))
    return [Tags(row) for row in rows]


def _wrapped(text: str, style: Style, most: float, lines: int) -> list[Line]:
    """A text in at most so many lines, of which the last one is cut."""
    found, left = [""], shown(text).split(" ")
    while left:
        longer = f"{found[-1]} {left[0]}".strip()
        if found[-1] and len(found) < lines and Line(longer, style).width > most:
            found.append("")
        else:
            found[-1] = longer
            left = left[1:]
    return [_line(line, style, most) for line in found if line]


def _line(text: str, style: Style, most: float) -> Line:
    size, _, mono = _LOOKS[style]
    most = most / _BOLD[style] if style in ("alarm", "stop") else most
    return Line(cut(shown(text), most, size, mono=mono), style)


def _more(count: int) -> tuple[Line, ...]:
    return (Line(f"and {count} more", "more"),) if count > 0 else ()
