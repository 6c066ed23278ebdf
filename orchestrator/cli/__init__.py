"""The command line: one file per command, imported when that command runs.

This file answers `orchestrator --help` and `--version` by itself, out of the table below, so that neither waits for an
import. Not for what a command does, nor for what is wrong with its input: every room says that itself.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "Run a pipeline; its result is JSON on standard output.",
    "exec": "Run code that nobody has read, in a sandbox.",
    "validate": "Check pipelines, and say everything that is wrong with them.",
    "plan": "Say what each node may do and who allows it, before anything runs.",
    "graph": "Draw a pipeline: as text, Mermaid, DOT, SVG or JSON.",
    "inspect": "Show a component: its WIT, imports, exports, digest and size.",
    "build": "Build a component from its source folder.",
    "snapshot": "Look into the states that reverts took away and kept.",
    "new": "Make a pipeline or a component, ready to run.",
    "schema": "Print the JSON Schema of pipelines, components or ceilings.",
    "doctor": "Check this installation: versions, cache, kernel, advisories.",
    "completion": "Print the completion script for bash, zsh or fish.",
}
"""Each command in the order of the help, with its line there. The command `x` is `command` in the module `x`."""

_HELP, _VERSION = (["--help"], ["-h"]), ["--version"]
_AT_ONCE = (*_HELP, _VERSION)
"""Answered before anything is imported."""

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def help_text() -> str:
    """What `orchestrator --help` prints."""
    commands = "\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items())
    return f"""Usage: orchestrator COMMAND [ARGUMENTS]...

  Runs agents made of WebAssembly components: declared in YAML, linked by
  their WIT interfaces, denied everything they were not granted, and traced.

Commands:
{commands}

Options:
  --version     Print the version.
  -h, --help    Print this text; after a command, print that command's help.

Every command takes --json. Exit codes: 0 done, 1 the input is refused or the
run failed, 2 wrong usage, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; no exception leaves it.

    Arguments:
        arguments: those after the program's name; those of the process when None.
    """
    own = arguments is None
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    signals: list[int] = []
    try:
        if own and given not in _AT_ONCE:
            from orchestrator.cli._signals import heed

            signals = heed()
        code = _answer(given)
        if code == EXIT_INTERRUPTED:
            code = _interrupted(signals, own=own)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _interrupted(signals, own=own)
        sys.stderr.write("interrupted\n")
    except Exception as error:
        from orchestrator.cli._crash import report

        return report(error)
    return code


def _open_closed_streams() -> None:
    """A stream that the shell closed (`>&-`) is None in Python; what is written to it goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open("/dev/null", "w"))  # noqa: PTH123, SIM115 - as light as it can be


def _interrupted(signals: Sequence[int], *, own: bool) -> int:
    """The exit code of a command that a signal ended; no further one disturbs the end of the process.

    Arguments:
        signals: those that came and are not ctrl-C.
        own: whether the process is the command's own.
    """
    if own:
        from orchestrator.cli._signals import ignore

        ignore()
    return 128 + signals[0] if signals else EXIT_INTERRUPTED


def _answer(given: list[str]) -> int:
    if given in _HELP:
        sys.stdout.write(help_text())
        return EXIT_OK
    if given == _VERSION:
        from orchestrator import __version__

        sys.stdout.write(f"orchestrator {__version__}\n")
        return EXIT_OK
    from orchestrator.cli._app import run

    return run(given)
