"""`max-response: size`: how many bytes the response of one call may have in canonical form."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def max_response(limit: int) -> Rule:
    """The rule that refuses a response of more than `limit` bytes."""

    def rule(_ledger: Ledger, size: int, _values: Any) -> Violation | None:
        if size <= limit:
            return None
        return Violation("max-response", f"the response has {size} bytes, at most {limit} are allowed")

    return rule
