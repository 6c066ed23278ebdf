"""The public API: which names there are, and that importing the package imports nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator import errors

PUBLIC = [
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


def test_the_public_names_are_these() -> None:
    assert orchestrator.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(orchestrator, name) is not None
    assert name in dir(orchestrator)


def test_every_exception_of_the_tree_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree <= set(PUBLIC)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        orchestrator.Orchestra  # noqa: B018
    assert str(caught.value) == "module 'orchestrator' has no attribute 'Orchestra'"


def test_importing_the_package_imports_no_room_and_no_library() -> None:
    code = "import sys; before = set(sys.modules); import orchestrator; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__future__", "orchestrator", "orchestrator._lazy"]


def test_the_version_is_written_once() -> None:
    text = Path(orchestrator.__file__).parents[1].joinpath("pyproject.toml").read_text()
    assert re.search(r'^dynamic = \["version"\]$', text, re.MULTILINE)
    assert not re.search(r"^version =", text, re.MULTILINE)
    assert re.fullmatch(r"\d+\.\d+\.\d+", orchestrator.__version__)
