"""An orchestration runtime for agents made of WebAssembly components.

    from orchestrator import Engine, Pipeline

    with Engine() as engine:
        with Pipeline.load("pipelines/docs-answer.yaml").link(engine) as linked:
            print(linked.run(question="What is a contract?").outputs["answer"])

This is the public API; a name that is not in `__all__` may change without notice. Each name is imported from its room
when it is first used, so that `import orchestrator` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.engine import Engine
    from orchestrator.errors import (
        BuildError,
        Cancelled,
        ClosedError,
        ComponentError,
        ComponentFailed,
        ConditionFailed,
        ContractViolated,
        InvalidPipeline,
        LimitExceeded,
        OrchestratorError,
        PythonNodeFailed,
        RunError,
        TimedOut,
        Trapped,
        UnsupportedType,
        ValueMismatch,
        WitError,
    )
    from orchestrator.interface.values import Variant
    from orchestrator.manifest.model import Contract, Grants, Limits, Storage
    from orchestrator.pipeline import LinkedPipeline, Pipeline, Result

__version__ = "0.1.0"

__all__ = [
    "BuildError",
    "Cancelled",
    "ClosedError",
    "ComponentError",
    "ComponentFailed",
    "ConditionFailed",
    "Contract",
    "ContractViolated",
    "Diagnostic",
    "Engine",
    "Grants",
    "InvalidPipeline",
    "LimitExceeded",
    "Limits",
    "LinkedPipeline",
    "OrchestratorError",
    "Pipeline",
    "PythonNodeFailed",
    "Result",
    "RunError",
    "Storage",
    "TimedOut",
    "Trapped",
    "UnsupportedType",
    "ValueMismatch",
    "Variant",
    "WitError",
    "__version__",
]

_HOMES = {
    "Contract": "manifest.model",
    "Diagnostic": "diagnostics",
    "Engine": "engine",
    "Grants": "manifest.model",
    "Limits": "manifest.model",
    "LinkedPipeline": "pipeline",
    "Pipeline": "pipeline",
    "Result": "pipeline",
    "Storage": "manifest.model",
    "Variant": "interface.values",
}
"""The module of each public name; of the others, the exceptions, it is `errors`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'orchestrator' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"orchestrator.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
