"""`orchestrator plan`: what each node may do and who says so, and what widened since a plan was saved."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import EXIT_FAILED, EXIT_OK
from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.cli._operator import address_option, ceiling_option, read_addresses
from orchestrator.diagnostics import printable, render
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator.plan import Change, Plan


@define(
    "plan",
    "For each node: what it is granted, its limits and edges, who says each of them (the pipeline, the component's "
    "manifest, a ceiling, or nobody), and what its component imports that will be refused. Nothing runs.\n\n"
    "With --diff the plan is held against one that --save kept: what widened, narrowed or changed. The exit code is 1 "
    "if anything widened; a new node counts as that.",
    epilog="Example: orchestrator plan pipelines/docs-answer.yaml --save reviewed.json",
)
@click.argument("pipeline", default=".")
@click.option("--diff", "saved", metavar="SAVED", type=click.Path(dir_okay=False), help="Say what is not as in SAVED.")
@click.option("--save", "target", metavar="FILE", type=click.Path(dir_okay=False), help="Keep the plan as JSON.")
@click.option("--env", "names", multiple=True, metavar="NAME", help="Allow ${NAME} in the pipeline.")
@click.option("--allow-python", is_flag=True, help="Allow Python nodes: they run without a sandbox.")
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but errors: the exit code says whether it widened.")
@ceiling_option
@address_option
def command(
    pipeline: str,
    saved: str | None,
    target: str | None,
    names: tuple[str, ...],
    allow_python: bool,
    quiet: bool,
    ceilings: tuple[str, ...],
    addresses: tuple[str, ...],
    as_json: bool,
) -> int:
    """Prints the plan, or what changed; keeps it where asked."""
    env, operator = session.allowed(names), session.operator(None, read_addresses(addresses), ceilings)
    before = None if saved is None else _read(saved)
    with session.engine(quiet=quiet or as_json) as engine:
        linked = session.check(engine, pipeline, env, operator, allow_python=allow_python)
    plan = session.plan(linked)
    changes = None if before is None else _changes(before, plan, str(saved))
    if target is not None:
        _save(plan, target)
    if not as_json and not quiet:
        paint = terminal.paint_for(sys.stderr)
        for warning in linked.warnings:
            terminal.say(render(warning, paint) + "\n")
    if as_json or not quiet:
        _tell(plan, changes, as_json=as_json)
    return EXIT_FAILED if any(change.kind == "widened" for change in changes or ()) else EXIT_OK


def _read(saved: str) -> dict[str, Any]:
    from orchestrator.plan import read_saved

    return read_saved(saved)


def _changes(before: dict[str, Any], plan: Plan, name: str) -> tuple[Change, ...]:
    from orchestrator.plan import compare

    return compare(before, plan, name)


def _tell(plan: Plan, changes: tuple[Change, ...] | None, *, as_json: bool) -> None:
    from orchestrator.plan import show, show_changes

    if as_json:
        told = [] if changes is None else [("changes", [change.to_json() for change in changes])]
        terminal.put_json(plan.to_json() | dict(told))
        return
    paint = terminal.paint_for(sys.stdout)
    width = shutil.get_terminal_size((100, 24)).columns
    terminal.put(show(plan, paint, width) if changes is None else show_changes(changes, paint))


def _save(plan: Plan, target: str) -> None:
    try:
        Path(target).write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")
    except OSError as problem:
        raise OrchestratorError(f"cannot keep the plan in {printable(target)}: {problem.strerror}") from None
