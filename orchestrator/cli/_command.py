"""What every command shares: `--json`, `-h`, and how a failure becomes a message and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from orchestrator.cli import COMMANDS, EXIT_INTERRUPTED, EXIT_OK
from orchestrator.cli import _failures as failures
from orchestrator.cli import _terminal as terminal
from orchestrator.errors import OrchestratorError

Body = Callable[..., int | None]


def define(name: str, help: str = "", *, epilog: str = "") -> Callable[[Body], click.Command]:
    """Makes a function a command: it gets `as_json` besides its own options, and returns an exit code or None for 0.

    An `OrchestratorError` that leaves it is told on standard error or, with `--json`, as a document on standard output.

    Arguments:
        name: the command's name, a key of `COMMANDS`.
        help: what its help says after the line of that table.
        epilog: what its help ends with: examples.
    """

    def decorate(body: Body) -> click.Command:
        @functools.wraps(body)
        def guarded(*, as_json: bool, **arguments: Any) -> int:
            try:
                return body(as_json=as_json, **arguments) or EXIT_OK
            except OrchestratorError as error:
                return failures.tell(error, as_json=as_json)
            except KeyboardInterrupt:
                return _interrupted(as_json=as_json)

        option = click.option("--json", "as_json", is_flag=True, help="Write one JSON document, failures included.")
        text = f"{COMMANDS[name]}\n\n{help}"
        return click.command(name, help=text, epilog=epilog, short_help=COMMANDS[name])(option(guarded))

    return decorate


def _interrupted(*, as_json: bool) -> int:
    if as_json:
        terminal.put_json({"error": {"type": "Cancelled", "message": "interrupted"}})
    terminal.say("interrupted")
    return EXIT_INTERRUPTED
