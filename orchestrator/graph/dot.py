"""A picture of a graph in Graphviz' language, for `dot -Tsvg` and the tools that read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.graph.measure import shown
from orchestrator.graph.model import Arc, ArcKind, Graph, Vertex, VertexKind
from orchestrator.graph.theme import LIGHT

_SHAPES: dict[VertexKind, str] = {
    "input": 'shape=box, style="rounded,filled"',
    "output": 'shape=box, style="rounded,filled"',
    "node": 'shape=box, style="filled"',
    "python": 'shape=component, style="filled"',
}
_STYLES: dict[ArcKind, str] = {
    "data": "",
    "call": "",
    "tool": ", style=dashed",
    "detect": ", style=dashed",
    "grant": ", style=dashed",
    "implied": ", style=dotted",
}


def as_dot(graph: Graph) -> str:
    """The graph as the text of a `digraph`, ending with a line end."""
    names = {vertex.id: f"v{at}" for at, vertex in enumerate(graph.vertices)}
    lines = [
        f"digraph {_quoted([graph.name])} {{",
        f"  graph [label={_quoted([graph.name])}, labelloc=t, fontname=Helvetica];",
        "  node [fontname=Helvetica, fontsize=11];",
        "  edge [fontname=Helvetica, fontsize=9];",
        *(_vertex(vertex, names[vertex.id]) for vertex in graph.vertices if not vertex.group),
        *(line for at, group in enumerate(graph.groups.values()) for line in _frame(at, group, names)),
        *(_arc(arc, names[arc.source], names[arc.target]) for arc in graph.arcs),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _frame(at: int, group: Iterable[Vertex], names: Mapping[str, str]) -> Iterator[str]:
    """A frame around the vertices that share a store."""
    yield f"  subgraph cluster_{at} {{"
    yield f'    graph [label="fused", style="rounded", color="{LIGHT.arcs["call"]}", fontsize=9];'
    yield from (f"  {_vertex(vertex, names[vertex.id])}" for vertex in group)
    yield "  }"


def _vertex(vertex: Vertex, name: str) -> str:
    ground, edge = LIGHT.boxes[vertex.kind]
    label = _quoted((vertex.label, vertex.type, *vertex.terms))
    line = f'color="{LIGHT.alarm}", penwidth=3' if vertex.alarm else f'color="{edge}"'
    return f'  {name} [label={label}, {_SHAPES[vertex.kind]}, fillcolor="{ground}", {line}];'


def _arc(arc: Arc, source: str, target: str) -> str:
    label = _quoted((arc.label, arc.types, *arc.terms))
    style = ", style=bold" if arc.fused else _STYLES[arc.kind]
    line = f'color="{LIGHT.alarm}", penwidth=3' if arc.alarm else f'color="{LIGHT.arcs[arc.kind]}"'
    return f"  {source} -> {target} [label={label}, {line}{style}];"


def _quoted(parts: Iterable[str]) -> str:
    r"""The parts as lines of one quoted string. A backslash is doubled, as `\N` and the like stand for something else.

    An ampersand is written as an entity, as Graphviz reads entities in labels.
    """
    lines = [shown(part) for part in parts if part]
    safe = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines]
    return '"' + "\\n".join(safe) + '"'
