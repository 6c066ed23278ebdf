"""Names and arrows: cycles, order, chains, reach; a pipeline as data to draw, and its pictures.

Here alone networkx is imported, and only in `to_networkx`. Knows no WebAssembly, no YAML and no files: a picture is a
text.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.graph.model import Arc, ArcKind, Graph, Tag, Tint, Vertex, VertexKind

__all__ = ["PICTURES", "Arc", "ArcKind", "Graph", "Picture", "Tag", "Tint", "Vertex", "VertexKind", "draw"]

Picture = Literal["text", "mermaid", "dot", "svg", "json"]
PICTURES: tuple[Picture, ...] = ("text", "mermaid", "dot", "svg", "json")


def draw(graph: Graph, picture: Picture, *, width: int = 100, ascii_only: bool = False) -> str:
    """The graph as a text of that format, ending with a line end.

    Arguments:
        graph: what to draw.
        picture: the format.
        width, ascii_only: of `text` alone: columns of the terminal, and whether it knows nothing but ASCII.

    Raises:
        TooLargeToDraw: of `svg` alone: the graph has more than such a picture can show.
        ValueError: there is no such format.
    """
    match picture:
        case "text":
            from orchestrator.graph.text import as_text

            return as_text(graph, width, ascii_only=ascii_only)
        case "mermaid":
            from orchestrator.graph.mermaid import as_mermaid

            return as_mermaid(graph)
        case "dot":
            from orchestrator.graph.dot import as_dot

            return as_dot(graph)
        case "svg":
            from orchestrator.graph.svg import as_svg

            return as_svg(graph)
        case "json":
            import json

            from orchestrator.graph.form import as_json

            return json.dumps(as_json(graph), indent=2) + "\n"
    raise ValueError(f"no picture is called {picture!r}; there are {', '.join(PICTURES)}")
