"""The manifest and its components, linked; everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.manifest.model import Manifest, Node
from orchestrator.pipeline.reasons import together

if TYPE_CHECKING:
    from orchestrator.capability import Operator
    from orchestrator.engine import Component, Engine
    from orchestrator.link.model import LinkedGraph


def linked(
    manifest: Manifest,
    said: tuple[Diagnostic, ...],
    given: Mapping[str, Component],
    engine: Engine,
    *,
    python_nodes: bool,
    operator: Operator,
) -> LinkedGraph:
    """The linked graph.

    Arguments:
        said: what was wrong with the text of the manifest.
        given: by node, the components that come from no file.
        engine: loads the others.
        python_nodes: whether nodes may be Python functions.
        operator: what whoever runs it says.

    Raises:
        InvalidPipeline: every reason why not, that of the text included.
        ComponentError: the cache cannot be used.
    """
    from orchestrator.engine.stack import MAX_DEPTH
    from orchestrator.link import check
    from orchestrator.wasi import answers

    found = check(
        manifest,
        _loader(manifest, given, engine),
        packages=_packages(),
        host=answers,
        python_nodes=python_nodes,
        stack_budget=MAX_DEPTH,
        operator=operator,
        partial=bool(said),
    )
    if found.graph is None or said:
        raise InvalidPipeline(together(said, found.diagnostics))
    return found.graph


def _loader(manifest: Manifest, given: Mapping[str, Component], engine: Engine) -> Callable[[Node, Path], Component]:
    """What gives `link` the component of a node; all that come from files are loaded here, side by side."""
    files = [manifest.folder / node.component for node in manifest.nodes if node.component and node.name not in given]
    loaded = engine.load_all(files)

    def load(node: Node, folder: Path) -> Component:
        found = given.get(node.name) or loaded[folder / node.component]
        if isinstance(found, Exception):
            raise found
        return found

    return load


def _packages() -> Any:
    """The WIT packages that ship, without those of WASI that the host serves: whoever compiles looks at them."""
    from orchestrator import resources
    from orchestrator.interface import Packages

    every = sorted(path for path in resources.wit().iterdir() if path.is_dir())
    return Packages.read(path for path in every if not path.name.startswith("wasi-") or path.name == "wasi-config")
