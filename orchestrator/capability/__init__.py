"""What a node may reach beyond its edges: one granted power per file, validated without running, prepared per instance.

Not for how a power is served to the guest: that is `wasi`. Nothing is granted by default.
"""

from orchestrator.capability.authority import Authority, prepare, prepare_once, validate
from orchestrator.capability.operator import NOBODY, Operator
from orchestrator.capability.storage import GrantInput, Preopen

__all__ = ["NOBODY", "Authority", "GrantInput", "Operator", "Preopen", "prepare", "prepare_once", "validate"]
