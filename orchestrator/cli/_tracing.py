"""`--trace` and `--tree`: where the events of what a command runs go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from orchestrator.pipeline import LinkedPipeline
    from orchestrator.sandbox import Sandbox

F = TypeVar("F", bound=Callable[..., object])


def trace_options(command: F) -> F:
    """Adds `--trace` and `--tree`, as the arguments `trace` and `tree`."""
    command = click.option("--tree", is_flag=True, help="Print the trace as a tree when the run has ended.")(command)
    help_ = "Append the events to FILE as JSON lines."
    return click.option("--trace", metavar="FILE", type=click.Path(dir_okay=False), help=help_)(command)


@contextmanager
def traced(what: LinkedPipeline | Sandbox, trace: str | None, tree: bool) -> Iterator[None]:
    """Closes what runs when the block ends, upon which its trace is whole; tells of a trace that did not arrive.

    Arguments:
        trace: the file that events are appended to; None for none.
        tree: whether they are shown on standard error.

    Raises:
        click.UsageError: the file cannot be written.
    """
    drawn: list[str] = []
    try:
        if trace is not None:
            session.export_lines(what.recorder, trace)
        if tree:
            session.export_tree(what.recorder, drawn.append, terminal.paint_for(sys.stderr))
        yield
    finally:
        problems = what.close()
        if drawn:
            terminal.say("".join(drawn).rstrip("\n"))
        for problem in problems:
            terminal.say(f"{terminal.paint_for(sys.stderr)('warning', 'warning')}: {printable(problem)}")
