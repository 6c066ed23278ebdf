"""`orchestrator exec`: runs code that nobody has read, in a sandbox."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import _inputs as inputs
from orchestrator.cli import _session as session
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.cli._tracing import trace_options, traced
from orchestrator.diagnostics import printable
from orchestrator.errors import SnippetFailed

if TYPE_CHECKING:
    from orchestrator.sandbox import Outcome

_CUT = "what the code printed was cut: of each snippet 1 MiB is kept"


@define(
    "exec",
    "CODE is the code itself, or `-` for standard input; --file takes it from a file. It reaches nothing of this "
    "machine, nor its files, its network, its time.\n\n"
    "What it prints goes to standard output, and then the value of its last expression, or of its variable `result`, "
    "as JSON. An input is a variable of the code: VALUE is JSON where it is some, else a text; @FILE is the text of a "
    "file (@@ for an @ itself).",
    epilog="Example: orchestrator exec --lang python 'sum(n * n for n in numbers)' --input 'numbers=[1, 2, 3]'",
)
@click.argument("code", required=False)
@click.option("--file", "file", metavar="FILE", help="Take the code from FILE.")
@click.option(
    "-l",
    "--lang",
    "language",
    metavar="LANGUAGE",
    default="python",
    show_default=True,
    help="python, javascript, or the path of a component that exports agent:code/interpreter.",
)
@click.option("-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="A variable; again for another.")
@click.option("--timeout", metavar="DURATION", default="30s", show_default=True, help="End it after so long.")
@click.option("--memory", metavar="SIZE", default="256MiB", show_default=True, help="Give it so much memory.")
@click.option("--fuel", metavar="UNITS", type=click.IntRange(min=1), help="Let it execute so many instructions.")
@trace_options
def command(
    code: str | None,
    file: str | None,
    language: str,
    given: tuple[str, ...],
    timeout: str,
    memory: str,
    fuel: int | None,
    trace: str | None,
    tree: bool,
    as_json: bool,
) -> None:
    """Runs the code and prints what it came to."""
    source = _source(code, file)
    values = inputs.read_variables(given)
    limits = {"timeout": inputs.seconds(timeout), "memory": _bytes(memory), "fuel": fuel}
    with session.engine(quiet=as_json) as engine:
        sandbox = session.sandbox(engine, language, limits)
        with traced(sandbox, trace, tree):
            try:
                found = sandbox.run(source, values)
            except SnippetFailed as problem:
                if not as_json:
                    _show_printed(problem.printed)
                raise
    if as_json:
        terminal.put_json(_document(found))
    else:
        _show(found)


def _source(code: str | None, file: str | None) -> str:
    if (code is None) == (file is None):
        raise click.UsageError("the code is one of CODE, `-` for standard input, and --file FILE")
    if file is not None:
        return inputs.text_of_file(file, "--file")
    assert code is not None
    return inputs.text_of_file("-", "CODE") if code == "-" else code


def _bytes(text: str) -> int:
    from orchestrator.manifest.scalars import read_size

    size = read_size(text)
    if not size:
        raise click.UsageError(f"`--memory {printable(text)}` is no size; write it like 64MiB or 1GiB")
    return size


def _document(found: Outcome) -> dict[str, Any]:
    return {
        "value": found.value,
        "printed": found.printed,
        "cut": found.cut,
        "calls": found.calls,
        "duration": round(found.duration, 6),
        "trace-id": found.trace_id,
    }


def _show(found: Outcome) -> None:
    _show_printed(found.printed)
    if found.cut:
        terminal.say(f"{terminal.paint_for(sys.stderr)('warning', 'warning')}: {_CUT}")
    if found.value is not None:
        terminal.put_json(found.value)


def _show_printed(printed: str) -> None:
    """At a terminal nothing of it is obeyed: whoever wrote the code may not be trusted."""
    if not printed:
        return
    if terminal.is_terminal(sys.stdout):
        printed = "\n".join(printable(line.replace("\t", "    ")) for line in printed.split("\n"))
    terminal.put(printed)
