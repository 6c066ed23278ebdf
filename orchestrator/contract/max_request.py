"""`max-request: size`: how many bytes the request of one call may have in canonical form."""

from __future__ import annotations

from orchestrator.contract._size import at_most
from orchestrator.contract.checks import Rule


def max_request(limit: int) -> Rule:
    """The rule that refuses a request of more than `limit` bytes."""
    return at_most(limit, "max-request", "request")
