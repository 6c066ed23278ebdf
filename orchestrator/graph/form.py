"""A graph in forms that programs read: JSON, and networkx for who wants its algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.graph.model import Arc, Graph, Vertex

if TYPE_CHECKING:
    import networkx

    Networkx: TypeAlias = networkx.MultiDiGraph[str]
    """The type of graph that `to_networkx` gives, for rooms that may not name networkx."""


def as_json(graph: Graph) -> dict[str, Any]:
    """The graph as values that `json.dumps` takes: `name`, `vertices` and `arcs`, with every key of each."""
    return {
        "name": graph.name,
        "vertices": [{"id": vertex.id, **_of_vertex(vertex)} for vertex in graph.vertices],
        "arcs": [{"id": arc.id, "source": arc.source, "target": arc.target, **_of_arc(arc)} for arc in graph.arcs],
    }


def to_networkx(graph: Graph) -> Networkx:
    """The graph as a networkx multigraph: a vertex is known by its id, an arc by its ends and, as key, its id.

    The other fields are attributes, by the names that `as_json` has.
    """
    import networkx

    made: Networkx = networkx.MultiDiGraph(name=graph.name)
    for vertex in graph.vertices:
        made.add_node(vertex.id, **_of_vertex(vertex))
    for arc in graph.arcs:
        made.add_edge(arc.source, arc.target, key=arc.id, **_of_arc(arc))
    return made


def _of_vertex(vertex: Vertex) -> dict[str, Any]:
    return {
        "kind": vertex.kind,
        "label": vertex.label,
        "type": vertex.type,
        "detail": list(vertex.detail),
        "group": vertex.group,
        "labels": [{"label": tag.text, "sort": tag.tint, "own": tag.own} for tag in vertex.tags],
        "alarm": vertex.alarm,
    }


def _of_arc(arc: Arc) -> dict[str, Any]:
    return {
        "kind": arc.kind,
        "label": arc.label,
        "types": arc.types,
        "contract": list(arc.contract),
        "condition": arc.condition,
        "each": arc.each,
        "fused": arc.fused,
        "declassifies": list(arc.stops),
        "of": arc.side,
        "reason": arc.reason,
        "alarm": list(arc.alarm),
    }
