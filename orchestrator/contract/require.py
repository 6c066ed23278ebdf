"""`require: [CEL]`: what must hold before a call is made, over `args`; or of the `value` of a data edge."""

from __future__ import annotations

from typing import Any

from orchestrator.contract._place import shorten
from orchestrator.contract.cel import Condition
from orchestrator.contract.checks import Ledger, Rule, Violation
from orchestrator.errors import ConditionFailed


def require(condition: Condition, rule_name: str = "require") -> Rule:
    """The rule that a condition over the values holds; one that cannot be evaluated is broken too."""
    broken = Violation(rule_name, f"`{shorten(condition.text)}` does not hold")

    def rule(_ledger: Ledger, _size: int, values: Any) -> Violation | None:
        try:
            return None if condition(values) else broken
        except ConditionFailed as error:
            return Violation(rule_name, error.message)

    return rule
