"""`max-bytes: size`: how many bytes a request, a response or the value of a data edge may have in canonical form."""

from __future__ import annotations

from orchestrator.contract._size import at_most
from orchestrator.contract.checks import Rule


def max_bytes(limit: int, what: str) -> Rule:
    """The rule that refuses what crosses when it has more than `limit` bytes; `what` names it in the message."""
    return at_most(limit, "max-bytes", what)
