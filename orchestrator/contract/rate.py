"""`rate: n/period`: more crossings of the edge than n in any stretch of that length are violations."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def rate(limit: int, seconds: float) -> Rule:
    """The rule that lets at most `limit` crossings through in any `seconds` seconds."""
    period = max(1, round(seconds * 1e9))
    violation = Violation("rate", f"more than {limit} crossings of the edge in {seconds:g} s")

    def rule(ledger: Ledger, _size: int, _values: Any) -> Violation | None:
        return None if ledger.admit(limit, period) else violation

    return rule
