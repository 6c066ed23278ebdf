"""`orchestrator run`: carries out a pipeline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.cli._inputs import seconds as read_seconds
from orchestrator.cli._operator import address_option, ceiling_option, read_addresses, read_secrets, secret_options
from orchestrator.cli._tracing import trace_options, traced
from orchestrator.diagnostics import render

if TYPE_CHECKING:
    from orchestrator.pipeline import LinkedPipeline, Result


@define(
    "run",
    "PIPELINE is a file, or a folder with a pipeline.yaml; the current folder when it is not given.\n\n"
    "A value of --input is taken as it stands where the input is a text or a path, and as JSON for every other type; "
    "@FILE is the content of a file (@@ for an @ itself), and `--input -` a JSON object of inputs on stdin.\n\n"
    "The outputs are a JSON object on standard output. What goes on is told on standard error: a live tree of the "
    "nodes at a terminal, plain lines elsewhere, nothing with --quiet or --json.",
    epilog='Example: orchestrator run pipelines/docs-answer.yaml --input question="What is a contract?" --tree',
)
@click.argument("pipeline", default=".")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; again for another.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=LABEL", help="Take an input for untrusted, or for private."
)
@click.option("--env", "names", multiple=True, metavar="NAME", help="Allow ${NAME} in the pipeline.")
@click.option("--allow-python", is_flag=True, help="Allow Python nodes: they run without a sandbox.")
@ceiling_option
@secret_options
@address_option
@click.option("--timeout", metavar="DURATION", help="End the run after so long: 30s, 500ms, 2m.")
@trace_options
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but errors.")
def command(
    pipeline: str,
    inputs: tuple[str, ...],
    labels: tuple[str, ...],
    names: tuple[str, ...],
    allow_python: bool,
    ceilings: tuple[str, ...],
    secrets: tuple[str, ...],
    secret_files: tuple[str, ...],
    addresses: tuple[str, ...],
    timeout: str | None,
    trace: str | None,
    tree: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Runs the pipeline and prints its outputs."""
    env, seconds, silent = session.allowed(names), None if timeout is None else read_seconds(timeout), quiet or as_json
    operator = session.operator(read_secrets(secrets, secret_files), read_addresses(addresses), ceilings)
    with session.engine(quiet=silent) as engine:
        linked = session.link(engine, pipeline, env, operator, allow_python=allow_python)
        with traced(linked, trace, tree):
            _warn(linked, silent=silent)
            values, named = session.inputs(linked, inputs), session.labels(linked, labels)
            outputs = _run(linked, values, seconds, named, silent=silent).to_json()
    terminal.put_json(outputs)


def _run(
    linked: LinkedPipeline,
    values: dict[str, Any],
    timeout: float | None,
    labels: dict[str, tuple[str, ...]],
    *,
    silent: bool,
) -> Result:
    if silent:
        return session.run(linked, values, timeout, labels)
    from orchestrator.cli._live import watching

    with watching(*session.view(linked)):
        return session.run(linked, values, timeout, labels)


def _warn(linked: LinkedPipeline, *, silent: bool) -> None:
    paint = terminal.paint_for(sys.stderr)
    for warning in () if silent else linked.warnings:
        terminal.say(render(warning, paint) + "\n")
