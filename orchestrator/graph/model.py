"""A pipeline to look at: vertices, arcs and the texts that go beside them, as frozen data.

Whoever has a pipeline (`link`, `runtime`, the facade) makes a `Graph` of it; the pictures and `to_networkx` read
nothing else. Not for deciding anything: every text here is already written, and only ids and ends are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VertexKind = Literal["input", "output", "node", "python"]
ArcKind = Literal["data", "call", "tool", "grant", "implied"]

VERTEX_KINDS: tuple[VertexKind, ...] = ("input", "output", "node", "python")
ARC_KINDS: tuple[ArcKind, ...] = ("data", "call", "tool", "grant", "implied")


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node, an input or an output.

    Arguments:
        id: unique among the graph's vertices; an input is `inputs.NAME`, an output `outputs.NAME`, a node its name.
        kind: `node` is a component, `python` a function of the host.
        label: the name to show.
        type: the WIT type of an input or output.
        detail: short lines to show under the name: component, what it runs, grants, limits.
        group: the first name of the group of nodes that it shares a store with; empty where it shares none.
    """

    id: str
    kind: VertexKind
    label: str
    type: str = ""
    detail: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Arc:
    """An edge, from where the value or the call comes to where it goes.

    Arguments:
        id: unique among the graph's arcs; the edge as the manifest writes it.
        source, target: ids of vertices. A call or tool goes from the caller to the callee; an implied arc from the node
            that runs first to the one that waits.
        kind: what flows: a value, calls, calls of a tool found by name, an input into a grant, or nothing but order.
        label: path and parameter (`text -> question`), interface or tool's name.
        types: the WIT type that flows, or the functions.
        contract: the rules, a line each.
        condition: the CEL text of `when`.
        each: how a list is taken apart: `each, 4 at a time`.
        fused: calls stay in the store that both ends share.
    """

    id: str
    source: str
    target: str
    kind: ArcKind
    label: str = ""
    types: str = ""
    contract: tuple[str, ...] = ()
    condition: str = ""
    each: str = ""
    fused: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """How, when, how often and under which rules something crosses, a line each."""
        fused = "fused" if self.fused else ""
        when = f"when {self.condition}" if self.condition else ""
        return tuple(filter(None, (fused, when, self.each, *self.contract)))


@dataclass(frozen=True, slots=True)
class Graph:
    """A named graph, its vertices and arcs in the order of declaration.

    Raises:
        ValueError: two vertices or two arcs have the same id, or an arc's end is no vertex.
    """

    name: str
    vertices: tuple[Vertex, ...]
    arcs: tuple[Arc, ...] = ()

    def __post_init__(self) -> None:
        ids = {vertex.id for vertex in self.vertices}
        if len(ids) != len(self.vertices):
            raise ValueError("two vertices of the graph have the same id")
        if len({arc.id for arc in self.arcs}) != len(self.arcs):
            raise ValueError("two arcs of the graph have the same id")
        for arc in self.arcs:
            for end in (arc.source, arc.target):
                if end not in ids:
                    raise ValueError(f"arc {arc.id!r} ends at {end!r}, which is no vertex of the graph")

    @property
    def groups(self) -> dict[str, tuple[Vertex, ...]]:
        """The vertices that share a store, by the name of their group."""
        names = dict.fromkeys(vertex.group for vertex in self.vertices if vertex.group)
        return {name: tuple(vertex for vertex in self.vertices if vertex.group == name) for name in names}

    def pairs(self, *kinds: ArcKind) -> tuple[tuple[str, str], ...]:
        """Source and target of each arc of these kinds (all kinds when none is given), as `graph.order` takes them."""
        return tuple((arc.source, arc.target) for arc in self.arcs if not kinds or arc.kind in kinds)
