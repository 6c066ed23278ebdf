"""`timeout: seconds`: of one call, what it calls included. Only carried here: the runtime ends the call."""

from __future__ import annotations

from orchestrator.contract.checks import Violation


def timed_out(seconds: float) -> Violation:
    """The violation to report when a call took longer than its edge allows."""
    return Violation("timeout", f"the call took longer than the {seconds:g} s that its edge allows")
