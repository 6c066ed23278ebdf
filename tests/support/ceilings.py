"""Ceilings and claims of tests: read from YAML, and a node held against them."""

from __future__ import annotations

from pathlib import Path

from orchestrator import manifest
from orchestrator.capability import Operator
from orchestrator.capability import ceiling as ceilings
from orchestrator.link.linker import Linking
from orchestrator.link.model import LinkedNode
from orchestrator.manifest.model import Ceiling, Claims
from tests.support.link_worlds import linking


def ceiling(folder: Path, text: str, name: str = "ops") -> Ceiling:
    """The ceiling of a text, in a file of that folder."""
    path = folder / f"{name}.yaml"
    path.write_text(f"ceiling: {name}\n{text}", encoding="utf-8")
    return ceilings.load(path)


def claims(folder: Path, text: str) -> Claims:
    """The claims of a component whose manifest has that text under `claims`."""
    path = folder / "component.yaml"
    head = "name: guest\nversion: 1.0.0\nlanguage: python\nworld: demo:guest/guest\n"
    path.write_text(f"{head}claims: {text}\n", encoding="utf-8")
    found = manifest.read_component(path).claims
    assert found is not None
    return found


def held(folder: Path, node: str, *ceilings: Ceiling, claimed: Claims | None = None, inputs: str = "{}") -> Linking:
    """A pipeline in that folder linked beneath ceilings: one node, `a`, that has those keys of YAML."""
    text = (
        f"pipeline: p\ninputs: {inputs}\nnodes:\n"
        f"  a: {{component: step-all, run: test:worlds/steps.sure, args: {{text: hi}}, {node}}}\n"
    )
    read = manifest.read(text, "p.yaml", folder)
    return linking(read, operator=Operator(ceilings=ceilings), claims={} if claimed is None else {"a": claimed})


def node_of(found: Linking) -> LinkedNode:
    """The node `a` of a pipeline that was not refused."""
    assert found.graph is not None, "\n\n".join(map(str, found.diagnostics))
    return found.graph.nodes["a"]


def refusal(found: Linking) -> str:
    """The one error of a pipeline, as a user sees it."""
    assert found.graph is None
    (one,) = [diagnostic for diagnostic in found.diagnostics if diagnostic.severity == "error"]
    return str(one)
