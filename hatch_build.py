"""Puts the sandbox for JavaScript, built, into a wheel: who installs it needs no Node.

The build is the one that the sources beside it give, and is found by their digest (`orchestrator.engine.build`). Where
Node is missing the wheel is made all the same, and the build says what it lacks. Not for the sandbox for Python: its
builder comes with the package, and what it makes is larger than all else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = ("sandbox-javascript",)


class CustomBuildHook(BuildHookInterface[Any]):
    """Builds before the wheel is put together; an editable installation is left alone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds each component that could be built."""
        if version == "editable" or self.target_name != "wheel":
            return
        for name in BUILT:
            path = self._built(name)
            if path is not None:
                build_data["force_include"][str(path)] = f"orchestrator/_data/built/{path.name}"

    def _built(self, name: str) -> Path | None:
        sys.path.insert(0, self.root)
        try:
            from orchestrator.engine.build import build
            from orchestrator.engine.cache import Cache
            from orchestrator.errors import OrchestratorError
            from orchestrator.manifest import read_component

            try:
                source = read_component(Path(self.root, "components", name))
                return build(source, Cache().builds, wit=Path(self.root, "wit"), progress=self.app.display_info)
            except OrchestratorError as problem:
                self.app.display_warning(
                    f"\nLEFT OUT of this wheel: `{name}`, built. {problem}\n"
                    "Installed from this wheel, it is built when it is first used, which needs Node there.\n"
                )
                return None
        finally:
            sys.path.remove(self.root)
