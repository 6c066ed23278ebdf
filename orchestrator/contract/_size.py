"""The rule that the three size keys share: what crosses has at most so many bytes in canonical form."""

from __future__ import annotations

from typing import Any

from orchestrator.contract.checks import Ledger, Rule, Violation


def at_most(limit: int, key: str, what: str) -> Rule:
    """The rule that refuses what crosses when it has more than `limit` bytes.

    Arguments:
        key: the rule's key in the manifest.
        what: what crosses, for the message: `request`, `response`, `value`.
    """

    def rule(_ledger: Ledger, size: int, _values: Any) -> Violation | None:
        if size <= limit:
            return None
        return Violation(key, f"the {what} has {size} bytes, at most {limit} are allowed")

    return rule
