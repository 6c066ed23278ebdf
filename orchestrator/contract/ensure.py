"""`ensure: [CEL]`: what must hold of an answer, over `result`; or of the `value` of a data edge.

An answer that is an `err` breaks no `ensure`, unless the expression itself asks `has(result.err)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract.checks import Ledger, Look, Violation
from orchestrator.contract.require import must_hold

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition


def ensure_result(condition: Condition, may_err: bool) -> Look:
    """The rule that a condition over `result` holds; `may_err`: the function's result is a `result` type."""
    holds = must_hold(condition, "ensure")
    excused = may_err and not condition.asks_err

    def rule(ledger: Ledger, size: int, result: Any) -> Violation | None:
        if excused and "err" in result:
            return None
        return holds(ledger, size, {"result": result})

    return rule


def ensure_value(condition: Condition) -> Look:
    """The rule that a condition over the `value` of a data edge holds."""
    return must_hold(condition, "ensure")
