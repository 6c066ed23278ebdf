"""Names and arrows: cycles, order, chains, reach; a pipeline as data to draw, and its pictures.

Here alone networkx is imported, and only in `to_networkx`. Knows no WebAssembly, no YAML and no files: a picture is a
text.
"""

from __future__ import annotations

from orchestrator.graph.model import Arc, ArcKind, Graph, Vertex, VertexKind

__all__ = ["Arc", "ArcKind", "Graph", "Vertex", "VertexKind"]
