"""`--input` on the command line: from texts to values of the inputs' WIT types."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from orchestrator.diagnostics import printable
from orchestrator.errors import ValueMismatch
from orchestrator.interface import types as t
from orchestrator.interface.convert import from_json, load_json
from orchestrator.interface.show import show_type

if TYPE_CHECKING:
    from orchestrator.link.model import LinkedInput

_BYTES = t.List(t.U8)
"""As a text it is base64, as in JSON; a file's content is taken as it is."""

LARGEST_CONTENT = 1 << 30
"""Bytes of a file or of standard input; a value that is larger has no room in a component beside anything else."""
_PIECE = 1 << 20


def read_inputs(given: Iterable[str], known: Iterable[LinkedInput]) -> dict[str, Any]:
    """The values of `--input`, by the inputs' names, in the Python form of their types.

    Arguments:
        given: each `name=text`, `name=@file`, or `-` for a JSON object on standard input.
        known: the pipeline's inputs.

    Raises:
        click.UsageError: a name is unknown or comes twice, a value does not fit, or one that has no default is missing.
    """
    inputs = {each.name: each for each in known}
    values: dict[str, Any] = {}
    for item in given:
        read = _read_object(inputs) if item == "-" else dict([_read_pair(item, inputs)])
        for name in read.keys() & values.keys():
            raise click.UsageError(f"input `{name}` is given twice")
        values |= read
    missing = [each for each in inputs.values() if not (each.has_default or each.name in values)]
    if missing:
        raise click.UsageError("\n".join(_missing(each) for each in missing))
    return values


def read_labels(
    given: Iterable[str], known: Iterable[LinkedInput], labels: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The labels of `--label`, by the inputs' names.

    Arguments:
        given: each `name=label`.
        known: the pipeline's inputs.
        labels: those that there are.

    Raises:
        click.UsageError: a name or a label is unknown.
    """
    inputs = {each.name: each for each in known}
    found: dict[str, dict[str, None]] = {}
    for item in given:
        name, equals, label = item.partition("=")
        if not equals:
            raise click.UsageError(f"`--label {printable(item)}` is not NAME=LABEL")
        target = _find(name.strip(), inputs)
        if label not in labels:
            raise click.UsageError(f"`--label {printable(item)}`: there is no such label; there is {', '.join(labels)}")
        found.setdefault(target.name, {})[label] = None
    return {name: tuple(its) for name, its in found.items()}


def read_variables(given: Iterable[str]) -> dict[str, Any]:
    """The values of `--input` where no type is known: JSON, and a text where it is none.

    Raises:
        click.UsageError: one is no pair or comes twice, or its file cannot be read.
    """
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise click.UsageError(f"`--input {printable(item)}` is not NAME=VALUE")
        if name in values:
            raise click.UsageError(f"input `{printable(name)}` is given twice")
        values[name] = _variable(name, text)
    return values


def _variable(name: str, text: str) -> Any:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@"):
        return text_of_file(text[1:], f"input `{printable(name)}`")
    try:
        return load_json(text)
    except ValueMismatch:
        return text


def seconds(text: str) -> float:
    """The time of `--timeout`. Raises click.UsageError for a text that is none."""
    from orchestrator.manifest.scalars import read_duration

    found = read_duration(text)
    if not found:
        raise click.UsageError(f"`--timeout {printable(text)}` is no duration; write it like 30s, 500ms or 2m")
    return found


def text_of_file(path: str, what: str) -> str:
    """The text of a file, or of standard input for `-`.

    Arguments:
        what: it is read for.

    Raises:
        click.UsageError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return _content(path).decode()
    except OSError as problem:
        place = "standard input" if path == "-" else printable(path)
        raise click.UsageError(f"{what}: cannot read {place}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise click.UsageError(f"{what}: expected text in UTF-8; byte {problem.start} is none") from None


def _read_pair(item: str, inputs: Mapping[str, LinkedInput]) -> tuple[str, Any]:
    name, equals, text = item.partition("=")
    if not equals:
        raise click.UsageError(
            f"`--input {printable(item)}` is not NAME=VALUE, nor `-` for a JSON object on standard input"
        )
    target = _find(name.strip(), inputs)
    try:
        return target.name, _read_value(target, text)
    except ValueMismatch as problem:
        raise click.UsageError(f"input `{target.name}` ({_shown(target)}): {problem}") from None
    except OSError as problem:
        raise click.UsageError(
            f"input `{target.name}`: cannot read {printable(text[1:])}: {problem.strerror}"
        ) from None


def _read_value(target: LinkedInput, text: str) -> Any:
    """A text takes `text` as it stands, every other type as JSON; `@file` is the file's content, `@@` an `@`."""
    if text.startswith("@@"):
        return _from_text(target, text[1:])
    if not text.startswith("@"):
        return _from_text(target, text)
    content = _content(text[1:])
    if target.type == _BYTES:
        return content
    try:
        return _from_text(target, content.decode())
    except UnicodeDecodeError as problem:
        raise ValueMismatch("", "text in UTF-8", f"byte {problem.start} of the file, which is none") from None


def _from_text(target: LinkedInput, text: str) -> Any:
    if target.is_path:
        if not text:
            raise ValueMismatch("", "a path; `.` is the current folder", "an empty text")
        return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - Path.absolute keeps `..`
    if _takes_text(target.type):
        return from_json(target.type, text)
    return from_json(target.type, load_json(text))


def _takes_text(type_: t.Type) -> bool:
    if isinstance(type_, t.Option):
        return _takes_text(type_.some)
    return type_ in (t.STRING, t.CHAR, _BYTES) or isinstance(type_, t.Enum)


def _content(path: str) -> bytes:
    if path == "-":
        return _standard_input()
    with Path(path).open("rb") as file:
        return _read(file)


def _standard_input() -> bytes:
    if sys.stdin is None:  # The shell closed it: `<&-`.
        raise OSError(errno.EBADF, "it is closed")
    return _read(sys.stdin.buffer)


def _read(file: BinaryIO) -> bytes:
    """All of a file, piece by piece: one such as /dev/zero says no size and has no end."""
    pieces: list[bytes] = []
    size = 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_CONTENT:
            raise OSError(errno.EFBIG, f"it has over {LARGEST_CONTENT >> 20} MiB")
    return b"".join(pieces)


def _read_object(inputs: Mapping[str, LinkedInput]) -> dict[str, Any]:
    try:
        data = load_json(_standard_input())
        if not isinstance(data, dict):
            raise ValueMismatch("", "a JSON object of inputs", f"a JSON {type(data).__name__}")
    except ValueMismatch as problem:
        raise click.UsageError(f"standard input: {problem}") from None
    except OSError as problem:
        raise click.UsageError(f"standard input: {problem.strerror}") from None
    values = {}
    for name, value in data.items():
        target = _find(name, inputs)
        try:
            read = from_json(target.type, value)
            values[name] = _from_text(target, read) if target.is_path else read
        except ValueMismatch as problem:
            raise click.UsageError(f"standard input: input `{name}` ({_shown(target)}): {problem}") from None
    return values


def _find(name: str, inputs: Mapping[str, LinkedInput]) -> LinkedInput:
    if name in inputs:
        return inputs[name]
    known = ", ".join(f"{each.name} ({_shown(each)})" for each in inputs.values()) or "none"
    raise click.UsageError(f"the pipeline has no input `{printable(name)}`; its inputs: {known}")


def _missing(target: LinkedInput) -> str:
    return f"input `{target.name}` ({_shown(target)}) is missing; give it as --input {target.name}=…"


def _shown(target: LinkedInput) -> str:
    return "path" if target.is_path else show_type(target.type)
