"""Rules on edges, one per file, compiled when a pipeline is linked and asked at every crossing.

What is named below is imported when first used: a pipeline without conditions never loads what compiles them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition as Condition
    from orchestrator.contract.cel import compile_condition as compile_condition
    from orchestrator.contract.cel import compile_value_condition as compile_value_condition
    from orchestrator.contract.checks import Checks as Checks
    from orchestrator.contract.checks import Ledger as Ledger
    from orchestrator.contract.checks import Violation as Violation
    from orchestrator.contract.compile import compile_contract as compile_contract
    from orchestrator.contract.deny import can_deny as can_deny
    from orchestrator.contract.deny import denial as denial
    from orchestrator.contract.detect import DETECTOR as DETECTOR
    from orchestrator.contract.functions import check_functions as check_functions
    from orchestrator.contract.timeout import timed_out as timed_out

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "cel": ["Condition", "compile_condition", "compile_value_condition"],
        "checks": ["Checks", "Ledger", "Violation"],
        "compile": ["compile_contract"],
        "deny": ["can_deny", "denial"],
        "detect": ["DETECTOR"],
        "functions": ["check_functions"],
        "timeout": ["timed_out"],
    },
)
