"""Components without code for the tests of `link`: each is a world of `tests/golden/link/worlds.wit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from orchestrator.capability import NOBODY, Operator
from orchestrator.diagnostics import render
from orchestrator.engine.component import Component
from orchestrator.errors import ComponentError, WitError
from orchestrator.interface import Packages, parse_packages, parse_type
from orchestrator.interface.types import World
from orchestrator.link.linker import Linking, check
from orchestrator.manifest import Reading
from orchestrator.manifest import check as read
from orchestrator.manifest.model import EMPTY, Claims, ComponentManifest, ConfigKey, Manifest, Node
from orchestrator.wasi import answers
from tests.support.goldens import PROJECT, ROOT

CONFIG = (
    ConfigKey("name", parse_type("string"), description="how it calls itself"),
    ConfigKey("sentences", parse_type("u8"), 3),
    ConfigKey("big", parse_type("u64"), 1 << 60),
    ConfigKey("tags", parse_type("list<string>"), []),
    ConfigKey("hint", parse_type("option<string>")),
)


@cache
def shipped() -> Packages:
    """The WIT that ships, and the host's interfaces of the tests."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((PROJECT / "wit").rglob("*.wit"))]
    return Packages(parse_packages([*texts, *_texts("host.wit", "cli.wit", "http.wit")]))


@cache
def worlds() -> Packages:
    """All of that, and the worlds of the components."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((PROJECT / "wit").rglob("*.wit"))]
    names = sorted(path.name for path in (ROOT / "link").glob("*.wit"))
    return Packages(parse_packages([*texts, *_texts(*names)]))


@cache
def wrong() -> Packages:
    """Worlds whose interfaces have the names and versions of others, and other types."""
    return Packages(parse_packages(_texts("wrong.txt")))


def _texts(*names: str) -> list[str]:
    return [(ROOT / "link" / name).read_text(encoding="utf-8") for name in names]


def component(name: str) -> Component:
    """The component whose world has that name."""
    if name.endswith("-refused"):
        return Component(name, "0" * 64, 1, None, World(refused=("it exports a core module, `m`",)))
    try:
        world = (wrong() if name.endswith("-wrong") else worlds()).world(f"test:worlds/{name}")
    except WitError:
        raise ComponentError(f"there is no file `{name}`\nlooked for in the pipeline's folder") from None
    about = ComponentManifest(name, "0.1.0", "python", name, config=CONFIG) if name == "step-config" else None
    return Component(name, "0" * 64, 1, None, world, about)


def load(node: Node, _folder: Path) -> Component:
    """The component of a node, as `link` asks for it."""
    return component(node.component)


def linking(
    manifest: Manifest,
    *,
    python_nodes: bool = False,
    stack_budget: int = 5,
    operator: Operator = NOBODY,
    claims: Mapping[str, Claims] = EMPTY,
    partial: bool = False,
) -> Linking:
    """The pipeline linked with those components; `claims` says for a node what its component claims."""

    def claiming(node: Node, folder: Path) -> Component:
        found = load(node, folder)
        if node.name not in claims:
            return found
        about = ComponentManifest(node.component, "0.1.0", "python", node.component, claims=claims[node.name])
        return replace(found, manifest=about)

    return check(
        manifest,
        claiming,
        packages=shipped(),
        host=answers,
        python_nodes=python_nodes,
        stack_budget=stack_budget,
        operator=operator,
        partial=partial,
    )


def reading(text: str, name: str = "pipeline.yaml", folder: Path = Path("folder")) -> Reading:
    """The manifest of a text."""
    return read(text, name, folder, allow_python=True)


def linked(text: str, *, python_nodes: bool = True) -> Linking:
    """A text read without errors and linked."""
    return linking(reading(text).result(), python_nodes=python_nodes)


def shown(found: Linking) -> str:
    """All its diagnostics as a user sees them."""
    return "".join(f"{render(diagnostic)}\n\n" for diagnostic in found.diagnostics)
