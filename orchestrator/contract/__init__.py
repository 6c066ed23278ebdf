"""Rules on edges, one per file, compiled when a pipeline is linked and asked at every crossing."""

from orchestrator.contract.cel import Condition, compile_condition, compile_value_condition
from orchestrator.contract.checks import Checks, Ledger, Violation
from orchestrator.contract.compile import compile_contract
from orchestrator.contract.denial import can_deny, denial
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
