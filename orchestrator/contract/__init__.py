"""Rules on edges, one per file, compiled when a pipeline is linked and asked at every crossing."""

from orchestrator.contract.checks import Checks, Ledger, Violation

__all__ = ["Checks", "Ledger", "Violation"]
