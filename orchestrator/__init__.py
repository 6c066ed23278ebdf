"""An orchestration runtime for agents made of WebAssembly components.

    from orchestrator import Engine, Pipeline

    with Engine() as engine:
        with Pipeline.load("pipelines/docs-answer.yaml").link(engine) as linked:
            print(linked.run(question="What is a contract?").outputs["answer"])

This is the public API; a name that is not in `__all__` may change without notice. Each name is imported from its room
when it is first used, so that `import orchestrator` costs next to nothing.
"""

from __future__ import annotations

from orchestrator._lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.audit import Event, Recorder
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.engine import Component, Engine
    from orchestrator.errors import (
        BuildError,
        Cancelled,
        ClosedError,
        ComponentError,
        ComponentFailed,
        ConditionFailed,
        ContractViolated,
        InvalidPipeline,
        InvalidResult,
        InvalidSnippet,
        LimitExceeded,
        OrchestratorError,
        PythonNodeFailed,
        RunError,
        SnapshotError,
        SnippetDenied,
        SnippetFailed,
        TimedOut,
        TooLargeToDraw,
        Trapped,
        UnsupportedType,
        ValueMismatch,
        WitError,
    )
    from orchestrator.interface.values import Variant
    from orchestrator.manifest.model import (
        Allowed,
        Ceiling,
        Contract,
        Declassify,
        Each,
        Grants,
        Http,
        Limits,
        Reject,
        Repeat,
        Retry,
        RevertOn,
        Secret,
        Snapshots,
        Storage,
        WarmUp,
    )
    from orchestrator.pipeline import Execution, LinkedPipeline, Pipeline, Result
    from orchestrator.plan import Plan
    from orchestrator.sandbox import Outcome, Sandbox, SandboxSession

__version__ = "0.1.0"

__all__ = [
    "Allowed",
    "BuildError",
    "Cancelled",
    "Ceiling",
    "ClosedError",
    "Component",
    "ComponentError",
    "ComponentFailed",
    "ConditionFailed",
    "Contract",
    "ContractViolated",
    "Declassify",
    "Diagnostic",
    "Each",
    "Engine",
    "Event",
    "Execution",
    "Grants",
    "Http",
    "InvalidPipeline",
    "InvalidResult",
    "InvalidSnippet",
    "LimitExceeded",
    "Limits",
    "LinkedPipeline",
    "OrchestratorError",
    "Outcome",
    "Pipeline",
    "Plan",
    "PythonNodeFailed",
    "Recorder",
    "Reject",
    "Repeat",
    "Result",
    "Retry",
    "RevertOn",
    "RunError",
    "Sandbox",
    "SandboxSession",
    "Secret",
    "SnapshotError",
    "Snapshots",
    "SnippetDenied",
    "SnippetFailed",
    "Storage",
    "TimedOut",
    "TooLargeToDraw",
    "Trapped",
    "UnsupportedType",
    "ValueMismatch",
    "Variant",
    "WarmUp",
    "WitError",
    "__version__",
]

_HOMES = {
    "audit": ["Event", "Recorder"],
    "diagnostics": ["Diagnostic"],
    "engine": ["Component", "Engine"],
    "interface.values": ["Variant"],
    "manifest.model": [
        "Allowed",
        "Ceiling",
        "Contract",
        "Declassify",
        "Each",
        "Grants",
        "Http",
        "Limits",
        "Reject",
        "Repeat",
        "Retry",
        "RevertOn",
        "Secret",
        "Snapshots",
        "Storage",
        "WarmUp",
    ],
    "plan": ["Plan"],
    "pipeline": ["Execution", "LinkedPipeline", "Pipeline", "Result"],
    "sandbox": ["Outcome", "Sandbox", "SandboxSession"],
}
_ERRORS = {*__all__} - {"__version__"}.union(*_HOMES.values())

_, __getattr__, __dir__ = lazily(__name__, {**_HOMES, "errors": _ERRORS})
