"""What every command shares: `--json`, `-h`, and how a failure becomes a message and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from orchestrator.cli import COMMANDS, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from orchestrator.cli import _failures as failures
from orchestrator.cli import _terminal as terminal
from orchestrator.errors import OrchestratorError

Body = Callable[..., int | None]


def group(name: str, help: str, *, epilog: str = "") -> click.Group:
    """A command that is several, each defined with it as its `parent`.

    Arguments:
        name, help, epilog: as for `define`.
    """
    text = f"{COMMANDS[name]}\n\n{help}"
    return click.Group(name, help=text, epilog=epilog, short_help=COMMANDS[name], no_args_is_help=True)


def define(
    name: str, help: str = "", *, epilog: str = "", parent: click.Group | None = None
) -> Callable[[Body], click.Command]:
    """Makes a function a command: it gets `as_json` besides its own options, and returns an exit code or None for 0.

    An `OrchestratorError` that leaves it is told on standard error or, with `--json`, as a document on standard output.

    Arguments:
        name: the command's name, a key of `COMMANDS`; any within a parent.
        help: what its help says after the line of that table.
        epilog: what its help ends with: examples.
        parent: the group that it is one of; its help then begins with `help`.
    """

    def decorate(body: Body) -> click.Command:
        @functools.wraps(body)
        def guarded(*, as_json: bool, **arguments: Any) -> int:
            try:
                return body(as_json=as_json, **arguments) or EXIT_OK
            except click.UsageError as error:
                if not as_json:
                    raise
                terminal.put_json({"error": {"type": "UsageError", "message": error.format_message()}})
                return EXIT_USAGE
            except OrchestratorError as error:
                return failures.tell(error, as_json=as_json)
            except KeyboardInterrupt:
                return _interrupted(as_json=as_json)

        option = click.option("--json", "as_json", is_flag=True, help="Write one JSON document, failures included.")
        if parent is not None:
            return parent.command(name, help=help, epilog=epilog)(option(guarded))
        text = f"{COMMANDS[name]}\n\n{help}"
        return click.command(name, help=text, epilog=epilog, short_help=COMMANDS[name])(option(guarded))

    return decorate


def _interrupted(*, as_json: bool) -> int:
    if as_json:
        terminal.put_json({"error": {"type": "Cancelled", "message": "interrupted"}})
    terminal.say("interrupted")
    return EXIT_INTERRUPTED
