"""The click application: finds a command's file by its name, and turns click's own exceptions into exit codes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from orchestrator import __version__
from orchestrator.cli import COMMANDS, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, help_text
from orchestrator.diagnostics import printable
from orchestrator.wording import closest


class Application(click.Group):
    """The group of all commands, none of which is imported before it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"orchestrator.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; a misspelt one is answered with those it may mean."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.UsageError(_no_such_command(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """The text that `orchestrator --help` prints without click."""
        return help_text().rstrip("\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands that begin so; the table knows them, so that no command is imported for it."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=COMMANDS[name]) for name in COMMANDS if name.startswith(incomplete)]


def application() -> Application:
    """The whole command line, as click has it."""
    app = Application(
        "orchestrator", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
    )
    return click.version_option(__version__, message="orchestrator %(version)s")(app)


def run(arguments: list[str]) -> int:
    """Runs the command line and returns its exit code.

    Raises:
        Exception: what no command expected; see `_crash`.
    """
    try:
        answer = application().main(arguments, prog_name="orchestrator", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        return _refuse(error)
    except click.Abort:
        sys.stderr.write("interrupted\n")
        return EXIT_INTERRUPTED
    return answer if isinstance(answer, int) else EXIT_OK


def _refuse(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    # Click lists choices with line ends and tabs, which would be shown as escapes.
    message = error.format_message()
    message = " ".join(message.split()) if isinstance(error, click.MissingParameter) else message
    sys.stderr.write(f"error: {printable(message)}\n")
    if context is not None:
        sys.stderr.write(f"  = help: `{context.command_path} --help` says what it takes\n")
    return error.exit_code


def _no_such_command(name: str) -> str:
    near = closest(name, COMMANDS)
    return f"no command `{name}`; " + (f"did you mean `{near}`" if near else f"there are {', '.join(COMMANDS)}")
