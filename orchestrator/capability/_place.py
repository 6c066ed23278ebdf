"""What every grant shares: a diagnostic about it, and what a text may hold."""

from __future__ import annotations

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Where


def refuse(message: str, node: str, where: Where, *help_: str) -> Diagnostic:
    """A diagnostic with the code `grant`, at `where` or on the node where there is no text."""
    return Diagnostic("grant", message, where.span, where.place or f"node `{node}`", help=help_)


def is_text(text: str) -> bool:
    """Whether a system call and UTF-8 can carry the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
