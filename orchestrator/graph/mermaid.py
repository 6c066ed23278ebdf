"""A picture of a graph as a Mermaid flowchart, for pages that draw these: GitHub, GitLab, many wikis.

Texts are in quotes with every character that Mermaid or HTML could read as syntax written as an entity by its number.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.graph.measure import shown
from orchestrator.graph.model import VERTEX_KINDS, Arc, Graph, Vertex, VertexKind
from orchestrator.graph.theme import LIGHT

_SHAPES: dict[VertexKind, tuple[str, str]] = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "node": ("[", "]"),
    "python": ("[[", "]]"),
}
_LINES = {"data": "-->", "call": "==>", "tool": "-.->", "detect": "-.->", "grant": "-.->", "implied": "-.->"}


def as_mermaid(graph: Graph) -> str:
    """The graph as the text of a flowchart, ending with a line end."""
    names = {vertex.id: f"v{at}" for at, vertex in enumerate(graph.vertices)}
    lines = ["flowchart TD", f"  accTitle: {_title(graph.name)}"]
    lines += [_vertex(vertex, names[vertex.id]) for vertex in graph.vertices if not vertex.group]
    for at, group in enumerate(graph.groups.values()):
        lines += [
            f'  subgraph g{at}["fused"]',
            *(f"  {_vertex(vertex, names[vertex.id])}" for vertex in group),
            "  end",
        ]
    lines += [_arc(arc, names[arc.source], names[arc.target]) for arc in graph.arcs]
    lines += [_class(kind) for kind in VERTEX_KINDS]
    alarms = [names[vertex.id] for vertex in graph.vertices if vertex.alarm]
    if alarms:
        lines += [f"  classDef alarm stroke:{LIGHT.alarm},stroke-width:3px", f"  class {','.join(alarms)} alarm"]
    lines += [f"  linkStyle {at} {_style(arc)}" for at, arc in enumerate(graph.arcs)]
    return "\n".join(lines) + "\n"


def _vertex(vertex: Vertex, name: str) -> str:
    left, right = _SHAPES[vertex.kind]
    return f'  {name}{left}"{_text((vertex.label, vertex.type, *vertex.terms)) or " "}"{right}:::{vertex.kind}'


def _arc(arc: Arc, source: str, target: str) -> str:
    text = _text((arc.label, arc.types, *arc.terms))
    if arc.kind == "implied" and not text:
        text = "runs before"
    said = f'|"{text}"| ' if text else ""
    return f"  {source} {_LINES[arc.kind]} {said}{target}"


def _style(arc: Arc) -> str:
    if arc.alarm:
        return f"stroke:{LIGHT.alarm},stroke-width:3px"
    return f"stroke:{LIGHT.arcs[arc.kind]}" + (",stroke-width:5px" if arc.fused else "")


def _class(kind: VertexKind) -> str:
    ground, edge = LIGHT.boxes[kind]
    return f"  classDef {kind} fill:{ground},stroke:{edge},color:{LIGHT.ink}"


def _text(parts: Iterable[str]) -> str:
    return "<br/>".join(_quoted(part) for part in parts if part)


def _title(text: str) -> str:
    """The text for the title that is read aloud, which knows neither quotes nor entities: harmless marks alone."""
    return " ".join("".join(char if char.isalnum() or char in " ._-" else " " for char in text).split()) or "pipeline"


def _quoted(text: str) -> str:
    """The text with everything but letters, digits and harmless marks as `#number;`."""
    return "".join(char if char.isalnum() or char in " ._-/:,@+=→" else f"#{ord(char)};" for char in shown(text))
