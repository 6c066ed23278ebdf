"""`require: [CEL]`: what must hold before a call is made, over `args`; or of the `value` of a data edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract._place import shorten
from orchestrator.contract.checks import Ledger, Look, Rule, See, Violation
from orchestrator.errors import ConditionFailed

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition


def within_budget(condition: Condition, name: str) -> Rule:
    """The rule of that name that refuses values by their size alone that are too large for a condition's budget."""
    violation = Violation(name, condition.too_large)

    def rule(_ledger: Ledger, size: int, _see: See | None) -> Violation | None:
        return violation if size > condition.largest else None

    return rule


def require_args(condition: Condition) -> Look:
    """The rule that a condition over `args` holds, the arguments by name."""
    rule = must_hold(condition, "require")
    return lambda ledger, size, args: rule(ledger, size, {"args": args})


def require_value(condition: Condition) -> Look:
    """The rule that a condition over the `value` of a data edge holds."""
    return must_hold(condition, "require")


def must_hold(condition: Condition, name: str) -> Look:
    """The rule of that name that a condition over the values holds; one that cannot be evaluated is broken too."""
    broken = Violation(name, f"`{shorten(condition.text)}` does not hold")

    def rule(_ledger: Ledger, _size: int, values: Any) -> Violation | None:
        try:
            return None if condition(values) else broken
        except ConditionFailed as error:
            return Violation(name, error.message)

    return rule
