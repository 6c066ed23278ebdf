"""`max-request: size`: how many bytes the request of one call may have in canonical form."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def max_request(limit: int) -> Rule:
    """The rule that refuses a request of more than `limit` bytes."""

    def rule(_ledger: Ledger, size: int, _values: Any) -> Violation | None:
        if size <= limit:
            return None
        return Violation("max-request", f"the request has {size} bytes, at most {limit} are allowed")

    return rule
