"""`max-calls: n`: more crossings of the edge in one run than n are violations."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def max_calls(limit: int) -> Rule:
    """The rule that lets the first `limit` crossings of a run through."""

    def rule(ledger: Ledger, _size: int, _values: Any) -> Violation | None:
        count = ledger.count()
        if count <= limit:
            return None
        return Violation("max-calls", f"this is crossing {count} of the edge in this run, at most {limit} are allowed")

    return rule
