"""A diagnostic about a node's grants."""

from __future__ import annotations

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Where


def refuse(message: str, node: str, where: Where, *help_: str) -> Diagnostic:
    """A diagnostic with the code `grant`, at `where` or on the node where there is no text."""
    return Diagnostic("grant", message, where.span, where.place or f"node `{node}`", help=help_)
