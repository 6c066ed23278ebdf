"""A picture of a graph for a terminal: its vertices in the order of the flow, each with what leaves it.

No line is longer than asked, and nothing that a terminal would obey is left in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.diagnostics import columns
from orchestrator.graph.layers import ranks, upward
from orchestrator.graph.measure import shown
from orchestrator.graph.model import ARC_KINDS, Arc, Graph, Vertex
from orchestrator.graph.order import topological_order
from orchestrator.graph.parts import tally
from orchestrator.graph.theme import KEY_ARCS, KEY_VERTICES

_LEAST = 24
_WIDEST_NAME = 28


class _Marks(NamedTuple):
    """What is drawn with: of arcs those to the last one and to another, then heads and signs by kind."""

    fork: str
    last: str
    bar: str
    dot: str
    ellipsis: str
    signs: dict[str, str]
    heads: dict[str, str]


_BOX = _Marks(
    "├",
    "└",
    "│",
    "·",
    "…",
    {"input": "▷", "output": "◁", "node": "■", "python": "◆"},
    {"data": "──▶", "call": "══▶", "tool": "╌╌▶", "detect": "┈┈▶", "grant": "╶╶▶", "implied": "┄┄▶"},
)
_ASCII = _Marks(
    "+",
    "+",
    "|",
    "-",
    "...",
    {"input": ">", "output": "<", "node": "#", "python": "*"},
    {"data": "-->", "call": "==>", "tool": "~~>", "detect": "::>", "grant": "++>", "implied": "..>"},
)


@dataclass(frozen=True, slots=True)
class _Page:
    graph: Graph
    marks: _Marks
    most: int

    def lines(self) -> Iterator[str]:
        labels = {vertex.id: self.fit(vertex.label or vertex.id, _WIDEST_NAME) for vertex in self.graph.vertices}
        leaving: dict[str, list[Arc]] = {vertex.id: [] for vertex in self.graph.vertices}
        for arc in self.graph.arcs:
            leaving[arc.source].append(arc)
        yield self.fit(self.graph.name)
        yield self.fit(tally(self.graph))
        for vertex in in_flow(self.graph):
            yield ""
            yield from self.vertex(vertex)
            yield from self.arcs(leaving[vertex.id], labels)
        yield from self.key()

    def vertex(self, vertex: Vertex) -> Iterator[str]:
        yield self.fit("  ".join(filter(None, (f"{self.marks.signs[vertex.kind]} {vertex.label}", vertex.type))))
        bar = self.marks.bar if any(arc.source == vertex.id for arc in self.graph.arcs) else " "
        for line in vertex.terms:
            yield self.fit(f"{bar} {'! ' if line == vertex.alarm else ''}{line}")

    def arcs(self, arcs: Sequence[Arc], labels: dict[str, str]) -> Iterator[str]:
        wide = max((columns(labels[arc.target]) for arc in arcs), default=0)
        for at, arc in enumerate(arcs):
            last = at == len(arcs) - 1
            name = labels[arc.target] + " " * (wide - columns(labels[arc.target]))
            said = ": ".join(filter(None, (arc.label, arc.types)))
            fork = self.marks.last if last else self.marks.fork
            yield self.fit(f"{fork}{self.marks.heads[arc.kind]} {name}  {said}".rstrip())
            bar = " " if last else self.marks.bar
            for term in arc.terms:
                yield self.fit(f"{bar}      {'!' if term == arc.carries else self.marks.dot} {term}")

    def key(self) -> Iterator[str]:
        signs = {vertex.kind for vertex in self.graph.vertices}
        heads = {arc.kind for arc in self.graph.arcs}
        said = [f"{self.marks.signs[kind]} {words}" for kind, words in KEY_VERTICES.items() if kind in signs]
        said += [f"{self.marks.heads[kind]} {KEY_ARCS[kind]}" for kind in ARC_KINDS if kind in heads]
        line = ""
        if said:
            yield ""
        for entry in said:
            if line and columns(line) + 3 + columns(entry) > self.most:
                yield self.fit(line)
                line = ""
            line = f"{line}   {entry}" if line else entry
        if line:
            yield self.fit(line)

    def fit(self, text: str, most: int = 0) -> str:
        """The text safe for a terminal, in the alphabet asked for, and cut to the width."""
        lead = len(text) - len(text.lstrip(" "))
        text = " " * lead + shown(text[lead:])
        if self.marks is _ASCII:
            text = text.replace("→", "->").encode("ascii", "backslashreplace").decode("ascii")
        most = most or self.most
        if columns(text) <= most:
            return text
        room = most - len(self.marks.ellipsis)
        while columns(text) > room:
            text = text[: max(0, min(len(text) - 1, room))]
        return text.rstrip() + self.marks.ellipsis


def as_text(graph: Graph, width: int = 100, *, ascii_only: bool = False) -> str:
    """The graph as lines of text, ending with a line end.

    Arguments:
        graph: what to draw.
        width: how many columns a line may take; fewer than 24 are taken as 24.
        ascii_only: whether to do without box-drawing characters, and write all others as escapes.
    """
    page = _Page(graph, _ASCII if ascii_only else _BOX, max(_LEAST, width))
    return "\n".join(line.rstrip() for line in page.lines()) + "\n"


def in_flow(graph: Graph) -> tuple[Vertex, ...]:
    """The vertices, each after what flows into it and what calls it, as far as cycles allow."""
    pairs = [pair for pair in graph.pairs() if pair[0] != pair[1]]
    strong = [arc.kind in ("data", "grant", "implied") for arc in graph.arcs if arc.source != arc.target]
    flipped = upward(pairs, strong)
    downward = [(b, a) if at in flipped else (a, b) for at, (a, b) in enumerate(pairs)]
    names = [vertex.id for vertex in graph.vertices]
    rank = ranks(names, downward)
    place = {name: at for at, name in enumerate(topological_order(names, downward))}
    return tuple(sorted(graph.vertices, key=lambda vertex: (rank[vertex.id], place[vertex.id])))
