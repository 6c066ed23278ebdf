"""`max-bytes: size`: how many bytes a request, a response or the value of a data edge may have in canonical form."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def max_bytes(limit: int, what: str) -> Rule:
    """The rule that refuses what crosses when it has more than `limit` bytes; `what` names it in the message."""

    def rule(_ledger: Ledger, size: int, _values: Any) -> Violation | None:
        if size <= limit:
            return None
        return Violation("max-bytes", f"the {what} has {size} bytes, at most {limit} are allowed")

    return rule
