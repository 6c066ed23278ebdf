"""The guide to information flow: its pipelines are refused and linked as it says, and its pictures are of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.diagnostics import render
from orchestrator.engine.component import Component
from orchestrator.graph import draw as picture
from orchestrator.link import draw
from orchestrator.link.linker import Linking, check
from orchestrator.manifest.model import Manifest, Node
from orchestrator.wasi import answers
from tests.support.goldens import PROJECT, cases, matches
from tests.support.link_worlds import component, reading, shipped

FOLDER = PROJECT / "docs" / "guide" / "flow"
PAGE = (PROJECT / "docs" / "guide" / "flow.md").read_text(encoding="utf-8")
PIPELINES = ("refused", "split", "declassified")


def load(node: Node, _folder: Path) -> Component:
    """A part of the desk, as a world without code: the guide leaves what is in them to its reader."""
    return component(f"desk-{Path(node.component).name}")


def manifest(name: str) -> Manifest:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return reading(text, f"{name}.yaml", FOLDER).result()


def linked(name: str) -> Linking:
    return check(manifest(name), load, packages=shipped(), host=answers)


def test_there_are_no_other_pipelines_and_pictures() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {f"{name}{ending}" for name in PIPELINES for ending in (".yaml", ".svg")}


def test_the_first_is_refused_with_the_message_that_stands_there() -> None:
    (problem,) = linked("refused").diagnostics
    assert f"```text\n{render(problem)}\n```\n" in PAGE


def test_the_others_link_and_say_what_they_declassify() -> None:
    split, declassified = linked("split"), linked("declassified")
    assert split.graph is not None
    assert split.diagnostics == ()
    assert declassified.graph is not None
    assert [one.code for one in declassified.diagnostics] == ["declassified"]
    assert f"```text\n{render(declassified.diagnostics[0])}\n```\n" in PAGE


def test_the_page_shows_the_refused_pipeline_and_what_mends_it() -> None:
    text = {name: (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") for name in PIPELINES}
    whole = text["refused"].partition("#\n")[2]
    assert f"```yaml\n{whole}```\n" in PAGE
    for name, first in (
        ("split", "  - data: inputs.ticket -> clerk"),
        ("declassified", "  - data: customers -> writer"),
    ):
        edges = text[name][text[name].index(first) : text[name].index("  - data: writer -> mailer")]
        assert f"```yaml\n{edges}```\n" in PAGE


@pytest.mark.parametrize("name", PIPELINES)
def test_the_pictures_are_those_that_the_command_draws(name: str) -> None:
    graph = linked(name).graph
    matches(FOLDER / f"{name}.svg", picture(draw(graph or manifest(name)), "svg"))
    assert f"](flow/{name}.svg)" in PAGE


def test_every_code_of_labels_is_explained() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in cases("invalid/link", "flow*.txt"))
    for code in ("flow", "flow-label", "unknown-label", "declassify", "declassified", "secret-reach"):
        assert f"[{code}]" in shown
        assert f"`{code}`" in PAGE
