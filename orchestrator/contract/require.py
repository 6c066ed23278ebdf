"""`require: [CEL]`: what must hold before a call is made, over `args`; or of the `value` of a data edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract._place import shorten
from orchestrator.contract.checks import Ledger, Rule, Violation
from orchestrator.errors import ConditionFailed

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition


def require_args(condition: Condition) -> Rule:
    """The rule that a condition over `args` holds, the arguments by name."""
    rule = must_hold(condition, "require")
    return lambda ledger, size, args: rule(ledger, size, {"args": args})


def require_value(condition: Condition) -> Rule:
    """The rule that a condition over the `value` of a data edge holds."""
    return must_hold(condition, "require")


def must_hold(condition: Condition, name: str) -> Rule:
    """The rule of that name that a condition over the values holds; one that cannot be evaluated is broken too."""
    broken = Violation(name, f"`{shorten(condition.text)}` does not hold")

    def rule(_ledger: Ledger, _size: int, values: Any) -> Violation | None:
        try:
            return None if condition(values) else broken
        except ConditionFailed as error:
            return Violation(name, error.message)

    return rule
