"""A pipeline to look at: vertices, arcs and the texts that go beside them, as frozen data.

Whoever has a pipeline (`link`, `runtime`, the facade) makes a `Graph` of it; the pictures and `to_networkx` read
nothing else. Not for deciding anything: every text here is already written, and only ids and ends are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tint = Literal["untrusted", "private", "outbound"]
VertexKind = Literal["input", "output", "node", "python"]
ArcKind = Literal["data", "call", "tool", "detect", "grant", "implied"]

TINTS: tuple[Tint, ...] = ("untrusted", "private", "outbound")
VERTEX_KINDS: tuple[VertexKind, ...] = ("input", "output", "node", "python")
ARC_KINDS: tuple[ArcKind, ...] = ("data", "call", "tool", "detect", "grant", "implied")


@dataclass(frozen=True, slots=True)
class Tag:
    """A label on a vertex: what it holds, or that it can send.

    `own` is whether the label begins there; another one came there over an arc.
    """

    text: str
    tint: Tint
    own: bool = True


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
        tags: its labels.
        alarm: why the pipeline is refused for it; empty where it is not.
    """

    id: str
    kind: VertexKind
    label: str
    type: str = ""
    detail: tuple[str, ...] = ()
    group: str = ""
    tags: tuple[Tag, ...] = ()
    alarm: str = ""

    @property
    def labels(self) -> str:
        """Its labels in words."""
        own = ", ".join(tag.text for tag in self.tags if tag.own)
        came = ", ".join(tag.text for tag in self.tags if not tag.own)
        return "; ".join(filter(None, (own and f"labels {own}", came and f"gets {came}")))

    @property
    def terms(self) -> tuple[str, ...]:
        """What stands under its name and type, a line each."""
        return tuple(filter(None, (*self.detail, self.labels, self.alarm)))


@dataclass(frozen=True, slots=True)
class Arc:
    """An edge, from where the value or the call comes to where it goes.

    Arguments:
        id: unique among the graph's arcs; the edge as the manifest writes it.
        source, target: ids of vertices. A call or tool goes from the caller to the callee; an implied arc from the node
            that runs first to the one that waits.
        kind: what flows: a value, calls, calls of a tool found by name, what a node judges that crosses another arc, an
            input into a grant, or nothing but order.
        label: path and parameter (`text -> question`), interface or tool's name.
        types: the WIT type that flows, or the functions.
        contract: the rules, a line each.
        condition: the CEL text of `when`.
        each: how a list is taken apart: `each, 4 at a time`.
        fused: calls stay in the store that both ends share.
        stops: the labels that do not cross it.
        side: of calls, what is meant by that: `arguments` or `results`; empty for all that crosses.
        reason: why they do not.
        alarm: the labels that cross it on their way to where they may not meet.
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
    stops: tuple[str, ...] = ()
    side: str = ""
    reason: str = ""
    alarm: tuple[str, ...] = ()

    @property
    def declassifies(self) -> str:
        """Which labels do not cross it, in words."""
        side = f" of its {self.side}" if self.side else ""
        return f"declassifies {', '.join(self.stops)}{side}" if self.stops else ""

    @property
    def carries(self) -> str:
        """Which labels cross it on their way to where they may not meet, in words."""
        return f"carries {', '.join(self.alarm)}" if self.alarm else ""

    @property
    def terms(self) -> tuple[str, ...]:
        """How, when, how often and under which rules something crosses, a line each."""
        fused = "fused" if self.fused else ""
        when = f"when {self.condition}" if self.condition else ""
        stops = f"{self.declassifies}: {self.reason}" if self.stops else ""
        return tuple(filter(None, (fused, when, self.each, stops, self.carries, *self.contract)))


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
