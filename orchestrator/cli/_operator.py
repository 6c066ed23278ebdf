"""What the command line says of a pipeline as the one who runs it: secrets, addresses beside public ones, ceilings.

A value is read from a variable or a file, never from the command line itself, which other users of the machine see; no
message has it in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from orchestrator.capability.addresses import Network

LARGEST_SECRET = 64 << 10
"""Bytes of a file with a secret; no header is as long."""


def secret_options(body: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--secret` and `--secret-file` to a command."""
    by_file = click.option(
        "--secret-file", "secret_files", multiple=True, metavar="NAME=FILE", help="Give a secret its value from a file."
    )
    by_variable = click.option(
        "--secret", "secrets", multiple=True, metavar="NAME[=VARIABLE]",
        help="Give a secret its value from the environment's variable of that name.",
    )  # fmt: skip
    return by_variable(by_file(body))


def address_option(body: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--allow-address` to a command."""
    return click.option(
        "--allow-address", "addresses", multiple=True, metavar="RANGE",
        help="Allow requests to addresses that are no public ones: 127.0.0.0/8.",
    )(body)  # fmt: skip


def ceiling_option(body: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--ceiling` to a command."""
    return click.option(
        "--ceiling", "ceilings", multiple=True, metavar="FILE", type=click.Path(dir_okay=False),
        help="Allow no node more than this ceiling does; ORCHESTRATOR_CEILING names another that holds too.",
    )(body)  # fmt: skip


def read_secrets(given: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """The values of `--secret` and `--secret-file`, by the secrets' names.

    Raises:
        click.UsageError: a variable is not set, a file cannot be read, or a name comes twice.
    """
    found: dict[str, str] = {}
    named = [("--secret", item, _from_variable) for item in given]
    for option, item, read in [*named, *(("--secret-file", item, _from_file) for item in files)]:
        name, equals, source = item.partition("=")
        if not name or (equals and not source) or (option == "--secret-file" and not equals):
            form = "NAME or NAME=VARIABLE" if option == "--secret" else "NAME=FILE"
            raise click.UsageError(f"`{option} {printable(name)}` is not {form}")
        if name in found:
            raise click.UsageError(f"the secret `{printable(name)}` is given twice")
        found[name] = read(f"{option} {name}", source or name)
    return found


def _from_variable(option: str, name: str) -> str:
    if name not in os.environ:
        raise click.UsageError(f"`{printable(option)}`: the environment has no variable `{printable(name)}`")
    return os.environ[name]


def _from_file(option: str, path: str) -> str:
    """The file's text; the line end that an editor leaves is none of it."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_SECRET + 1)
        text = data.decode()
    except OSError as problem:
        raise click.UsageError(f"`{printable(option)}`: cannot read {printable(path)}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"`{printable(option)}`: {printable(path)} is not UTF-8") from None
    if len(data) > LARGEST_SECRET:
        raise click.UsageError(f"`{printable(option)}`: {printable(path)} has over {LARGEST_SECRET >> 10} KiB")
    return text.removesuffix("\n").removesuffix("\r")


def read_addresses(given: Iterable[str]) -> tuple[Network, ...]:
    """The ranges of `--allow-address`. Raises click.UsageError for one that is none."""
    from orchestrator.pipeline.operating import network

    try:
        return tuple(map(network, given))
    except ValueError as problem:
        raise click.UsageError(f"`--allow-address`: {printable(str(problem))}") from None
