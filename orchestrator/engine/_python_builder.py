"""componentize-py: builds components from Python, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import BuildError
from orchestrator.manifest.model import ComponentManifest

NAME = "componentize-py"
VERSION = "0.25.1"


def settings(source: ComponentManifest) -> str:
    """What of a `component.yaml` decides what is built, beside the world and the module."""
    return ""


def prepare(cache: Path, tell: Callable[[str], None]) -> None:
    """Sees to it that the builder can be run.

    Raises:
        BuildError: it is not installed, or in another version than the one needed.
    """
    from importlib import metadata

    remedy = f'install it into the environment of {sys.executable}: pip install "{NAME}=={VERSION}"'
    try:
        found = metadata.version(NAME)
    except metadata.PackageNotFoundError:
        raise BuildError(f"{NAME}, which builds components from Python, is not installed; {remedy}") from None
    if found != VERSION:
        raise BuildError(f"{NAME} {found} is installed, and {VERSION} is needed; {remedy}")


def command(source: ComponentManifest, workspace: Path, cache: Path) -> list[str]:
    """What is run to make `out.wasm` of a workspace."""
    start = "import componentize_py; componentize_py.script()"
    arguments = ["-q", "-d", str(workspace / "wit"), "-w", source.world, "componentize", source.module]
    places = ["-p", str(workspace / "app"), "-o", str(workspace / "out.wasm")]
    return [sys.executable, "-P", "-c", start, *arguments, *places]


def environment(workspace: Path) -> dict[str, str]:
    """What it is run with beside what every builder gets.

    The empty virtual environment keeps the host's installed packages out of the component.
    """
    (workspace / "venv" / "lib" / "python3" / "site-packages").mkdir(parents=True)
    return {"VIRTUAL_ENV": str(workspace / "venv"), "RUST_BACKTRACE": "0"}
