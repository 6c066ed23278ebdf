"""`orchestrator graph`: a picture of a pipeline."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from orchestrator.cli import EXIT_FAILED, EXIT_OK
from orchestrator.cli import _failures as failures
from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.cli._operator import ceiling_option
from orchestrator.diagnostics import printable
from orchestrator.errors import OrchestratorError
from orchestrator.graph import PICTURES, draw

if TYPE_CHECKING:
    from orchestrator.graph import Graph, Picture


@define(
    "graph",
    "The pipeline is checked first, so that the picture has every type. One that is refused because untrusted content, "
    "private data and a way out meet is drawn all the same, with where they do, and the command fails.",
    epilog="Example: orchestrator graph pipelines/docs-answer.yaml --format svg -o docs-answer.svg",
)
@click.argument("pipeline", default=".")
@click.option("--format", "picture", type=click.Choice(PICTURES), help="By default text, or what FILE's ending says.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it there.")
@click.option("--env", "names", multiple=True, metavar="NAME", help="Allow ${NAME} in the pipeline.")
@click.option("--allow-python", is_flag=True, help="Allow Python nodes: they run without a sandbox.")
@ceiling_option
def command(
    pipeline: str,
    picture: str | None,
    output: Path | None,
    names: tuple[str, ...],
    allow_python: bool,
    ceilings: tuple[str, ...],
    as_json: bool,
) -> int:
    """Draws the pipeline."""
    env, operator = session.allowed(names), session.operator(ceilings=ceilings)
    with session.engine(quiet=as_json) as engine:
        graph, refused = session.drawing(engine, pipeline, env, operator, allow_python=allow_python)
    chosen = "json" if as_json else picture or _by_ending(output)
    text = _draw(graph, cast("Picture", chosen), to_file=output is not None)
    if output is not None:
        _write(output, text)
    elif refused is not None and as_json:
        # One document, the picture and why it is refused.
        terminal.put_json({**json.loads(text), "error": failures.to_json(refused)})
        return EXIT_FAILED
    else:
        terminal.put(text)
    if refused is not None:
        raise refused
    return EXIT_OK


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise OrchestratorError(f"cannot write {printable(str(output))}: {problem.strerror}") from None


def _by_ending(output: Path | None) -> str:
    endings = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".json": "json"}
    ending = output.suffix.lower() if output else ""
    if ending in (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"):
        raise click.UsageError(f"no picture is drawn as {ending}; write an .svg, which any of them can be made from")
    return endings.get(ending, "text")


def _draw(graph: Graph, picture: Picture, *, to_file: bool) -> str:
    encoding = "utf-8" if to_file else (sys.stdout.encoding or "ascii")
    ascii_only = not encoding.lower().replace("-", "").startswith("utf")
    width = shutil.get_terminal_size((100, 24)).columns
    try:
        return draw(graph, picture, width=width, ascii_only=ascii_only)
    except ValueError as problem:
        raise OrchestratorError(str(problem)) from None
