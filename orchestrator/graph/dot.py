"""A picture of a graph in Graphviz' language, for `dot -Tsvg` and the tools that read it."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.graph.measure import shown
from orchestrator.graph.model import Arc, Graph, Vertex

_VERTICES = {
    "input": 'shape=box, style="rounded,filled", fillcolor="#e9f6ef", color="#5fae86"',
    "output": 'shape=box, style="rounded,filled", fillcolor="#e8f0fc", color="#6d9be0"',
    "node": 'shape=box, style="filled", fillcolor="#ffffff", color="#c9d1db"',
    "python": 'shape=component, style="filled", fillcolor="#fffbea", color="#d8b13c"',
}
_ARCS = {
    "data": 'color="#2f6fd0"',
    "call": 'color="#d9730d"',
    "tool": 'color="#8250c8", style=dashed',
    "grant": 'color="#3f9a70", style=dashed',
    "implied": 'color="#98a2b0", style=dotted',
}


def as_dot(graph: Graph) -> str:
    """The graph as the text of a `digraph`, ending with a line end."""
    names = {vertex.id: f"v{at}" for at, vertex in enumerate(graph.vertices)}
    lines = [
        f"digraph {_quoted([graph.name])} {{",
        f"  graph [label={_quoted([graph.name])}, labelloc=t, fontname=Helvetica];",
        "  node [fontname=Helvetica, fontsize=11];",
        "  edge [fontname=Helvetica, fontsize=9];",
        *(_vertex(vertex, names[vertex.id]) for vertex in graph.vertices),
        *(_arc(arc, names[arc.source], names[arc.target]) for arc in graph.arcs),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _vertex(vertex: Vertex, name: str) -> str:
    return f"  {name} [label={_quoted((vertex.label, vertex.type, *vertex.detail))}, {_VERTICES[vertex.kind]}];"


def _arc(arc: Arc, source: str, target: str) -> str:
    when = f"when {arc.condition}" if arc.condition else ""
    label = _quoted((arc.label, arc.types, when, arc.each, *arc.contract))
    return f"  {source} -> {target} [label={label}, {_ARCS[arc.kind]}];"


def _quoted(parts: Iterable[str]) -> str:
    r"""The parts as lines of one quoted string. A backslash is doubled, as `\N` and the like stand for something else.

    An ampersand is written as an entity, as Graphviz reads entities in labels.
    """
    lines = [shown(part) for part in parts if part]
    safe = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines]
    return '"' + "\\n".join(safe) + '"'
