"""`orchestrator schema`: the JSON Schema that editors check and complete a file with."""

from __future__ import annotations

import click

from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define


@define(
    "schema",
    "An editor with a YAML language server uses it when the file's first line is\n\n"
    "  # yaml-language-server: $schema=./pipeline.schema.json",
    epilog="Example: orchestrator schema > pipeline.schema.json",
)
@click.argument("kind", type=click.Choice(["pipeline", "component", "ceiling"]), default="pipeline")
def command(kind: str, as_json: bool) -> None:
    """Prints the schema; with or without `--json` it is JSON."""
    terminal.put_json(session.schema(kind))
