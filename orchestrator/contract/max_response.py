"""`max-response: size`: how many bytes the response of one call may have in canonical form."""

from __future__ import annotations

from orchestrator.contract._size import at_most
from orchestrator.contract.checks import Rule


def max_response(limit: int) -> Rule:
    """The rule that refuses a response of more than `limit` bytes."""
    return at_most(limit, "max-response", "response")
