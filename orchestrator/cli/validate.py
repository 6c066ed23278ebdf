"""`orchestrator validate`: everything that is wrong with pipelines, without running them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import EXIT_FAILED, EXIT_OK
from orchestrator.cli import _failures as failures
from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.cli._operator import ceiling_option
from orchestrator.diagnostics import printable, render
from orchestrator.errors import InvalidPipeline, OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.capability import Operator
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.engine import Engine


@define(
    "validate",
    "Loads the components (and builds those that have changed), so that every type on every edge is checked.",
    epilog="Example: orchestrator validate pipelines/*.yaml",
)
@click.argument("pipelines", nargs=-1, required=True, metavar="PIPELINE...")
@click.option("--env", "names", multiple=True, metavar="NAME", help="Allow ${NAME} in the pipelines.")
@click.option("--allow-python", is_flag=True, help="Allow Python nodes: they run without a sandbox.")
@ceiling_option
def command(
    pipelines: tuple[str, ...], names: tuple[str, ...], allow_python: bool, ceilings: tuple[str, ...], as_json: bool
) -> int:
    """Checks each pipeline, and fails if one of them is refused."""
    env, operator = session.allowed(names), session.operator(ceilings=ceilings)
    with session.engine(quiet=as_json) as engine:
        found = [_check(engine, path, env, operator, allow_python, silent=as_json) for path in pipelines]
    if as_json:
        terminal.put_json({"ok": all(each["ok"] for each in found), "pipelines": found})
    return EXIT_OK if all(each["ok"] for each in found) else EXIT_FAILED


def _check(
    engine: Engine, path: str, env: Mapping[str, str], operator: Operator, allow_python: bool, *, silent: bool
) -> dict[str, Any]:
    """What was found in one pipeline, told on standard error unless `silent`."""
    shown = session.pipeline_file(path)
    diagnostics: tuple[Diagnostic, ...] = ()
    failure: OrchestratorError | None = None
    try:
        diagnostics = session.check(engine, path, env, operator, allow_python=allow_python).warnings
    except InvalidPipeline as problem:
        failure, diagnostics = problem, problem.diagnostics
    except OrchestratorError as problem:
        failure = problem
    if not silent:
        _tell(shown, diagnostics, failure)
    found: dict[str, Any] = {"path": shown, "ok": failure is None}
    found["diagnostics"] = [diagnostic.to_json() for diagnostic in diagnostics]
    if failure is not None and not isinstance(failure, InvalidPipeline):
        found["error"] = failures.to_json(failure)
    return found


def _tell(path: str, diagnostics: Iterable[Diagnostic], failure: OrchestratorError | None) -> None:
    paint = terminal.paint_for(sys.stderr)
    for diagnostic in diagnostics:
        terminal.say(render(diagnostic, paint) + "\n")
    if failure is not None and not diagnostics:
        terminal.say(failures.text_of(failure, paint))
    counted = failures.count(diagnostics, paint)
    if failure is None:
        terminal.say(f"{printable(path)}: {paint('good', 'ok')}" + (f" ({counted})" if counted else ""))
    else:
        terminal.say(f"{printable(path)}: {counted or paint('error', 'not checked to its end')}")
