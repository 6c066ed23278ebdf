"""Rules on edges, one per file, compiled when a pipeline is linked and asked at every crossing.

What is named below is imported when first used: a pipeline without conditions never loads what compiles them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.contract.checks import Checks, Ledger, Violation

if TYPE_CHECKING:
    from orchestrator.contract.cel import Condition, compile_condition, compile_value_condition
    from orchestrator.contract.compile import compile_contract
    from orchestrator.contract.deny import can_deny, denial
    from orchestrator.contract.functions import check_functions
    from orchestrator.contract.redact import redactor
    from orchestrator.contract.timeout import timed_out

__all__ = [
    "Checks",
    "Condition",
    "Ledger",
    "Violation",
    "can_deny",
    "check_functions",
    "compile_condition",
    "compile_contract",
    "compile_value_condition",
    "denial",
    "redactor",
    "timed_out",
]

_HOMES = {
    "Condition": "cel",
    "can_deny": "deny",
    "check_functions": "functions",
    "compile_condition": "cel",
    "compile_contract": "compile",
    "compile_value_condition": "cel",
    "denial": "deny",
    "redactor": "redact",
    "timed_out": "timeout",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
