"""`storage`: folders of the host that the guest sees at a path of its own, to read or to write.

A path may use inputs of the pipeline, `${inputs.name}`: one of type `path` stands at its start, one of an enum type
anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, get_args

from orchestrator.capability._place import is_text, refuse
from orchestrator.diagnostics import Diagnostic
from orchestrator.interface.types import Enum, Type
from orchestrator.manifest.model import Access, Storage, Where
from orchestrator.manifest.substitution import Part, fill, parts
from orchestrator.wording import listed

LONGEST = 4096
"""Characters of a path, of the host or of the guest."""
_ACCESS: tuple[str, ...] = get_args(Access)


class GrantInput(Protocol):
    """What this room asks of an input of the pipeline: its resolved type, and whether it is a path."""

    @property
    def type(self) -> Type:
        """The input's type."""

    @property
    def is_path(self) -> bool:
        """Whether it is declared as `path`."""


@dataclass(frozen=True, slots=True)
class Preopen:
    """A folder of the host (absolute, symbolic links resolved) and the guest's path for it.

    Arguments:
        quota: bytes that may be added to it; None for no bound.
        files: entries that may be added to it; None for no bound.
        hidden: whether names that begin with a dot are there.
        place: where it is granted.
    """

    host: str
    guest: str
    writable: bool
    quota: int | None = None
    files: int | None = None
    hidden: bool = False
    place: str = "grants.storage"


class NotGranted(Exception):
    """What was granted cannot be in this run; the message says what and why."""


def validate(
    grants: tuple[Storage, ...], node: str, where: Where, inputs: Mapping[str, GrantInput]
) -> tuple[Diagnostic, ...]:
    """Every reason why the grants are refused; nothing of the host is looked at."""
    found: list[Diagnostic] = []
    for index, grant in enumerate(grants):
        here = where.at(index)
        found += _path(grant.path, node, here.at("path"), inputs)
        found += [refuse(message, node, here.at("at"), *help_) for message, *help_ in _guest(grant.at)]
        found += [refuse(message, node, here.at("at")) for message in _overlaps(grant.at, grants[:index])]
        if grant.access not in _ACCESS:
            message = f"`access` is `{grant.access}`, expected {' or '.join(_ACCESS)}"
            found.append(refuse(message, node, here.at("access")))
        found += [refuse(message, node, here.at(key), *help_) for key, message, *help_ in _bounds(grant)]
    return tuple(found)


def prepare(grant: Storage, inputs: Mapping[str, Any], folder: Path, place: str = "grants.storage") -> Preopen:
    """The folder to open for one run; `place` is where it is granted. Raises NotGranted."""
    text = fill(grant.path, lambda name: _given(name, inputs))
    if "\0" in text or not text:
        raise NotGranted(f"the folder granted at `{grant.at}` has no usable path: {text!r:.80}")
    host = _resolved(folder / text, grant.at)
    writable = grant.access == "write"
    if not os.access(host, os.R_OK | os.X_OK | (os.W_OK if writable else 0)):
        raise NotGranted(f"the folder granted at `{grant.at}` may not be {'written' if writable else 'read'}: {host}")
    return Preopen(str(host), grant.at, writable, grant.quota, grant.files, grant.hidden, place)


def _resolved(path: Path, at: str) -> Path:
    try:
        host = path.resolve(strict=True)
    except FileNotFoundError:
        raise NotGranted(f"the folder granted at `{at}` does not exist: {path}") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be resolved"
        raise NotGranted(f"the folder granted at `{at}` cannot be opened: {path}: {reason}") from None
    if not host.is_dir():
        raise NotGranted(f"the folder granted at `{at}` is not a directory: {host}")
    return host


def _given(name: str, inputs: Mapping[str, Any]) -> str:
    value = inputs.get(name)
    if not isinstance(value, str | os.PathLike):
        raise NotGranted(f"the input `{name}` is used in a granted path and has no value")
    return os.fspath(value)


def _path(text: str, node: str, where: Where, inputs: Mapping[str, GrantInput]) -> list[Diagnostic]:
    found = [refuse(message, node, where) for message in _unusable("path", text)]
    pieces = list(parts(text))
    for piece in pieces:
        found += [refuse(message, node, where, *help_) for message, *help_ in _wrong(text, piece, inputs)]
    if any(piece.kind == "input" for piece in pieces) and ".." in PurePosixPath(text).parts:
        found.append(refuse("a path that starts from an input may not go up by `..`", node, where))
    return found


def _wrong(path: str, piece: Part, inputs: Mapping[str, GrantInput]) -> Iterator[tuple[str, ...]]:
    """What is wrong with a piece of a path, and what to do about it."""
    written, name = path[piece.start : piece.end], piece.value
    if piece.kind in ("fault", "variable"):
        yield f"`{written:.80}` is not known in a granted path", "`${inputs.name}` stands for an input of the pipeline"
    elif piece.kind == "text":
        return
    elif name not in inputs:
        yield f"`{written:.80}` names no input of the pipeline", f"its inputs: {listed(inputs)}"
    elif inputs[name].is_path:
        if piece.start:
            yield (f"`{written}` is a path and must stand at the start of the granted path",)
    elif not isinstance(inputs[name].type, Enum):
        yield f"the input `{name}` cannot be part of a granted path", "only inputs of type `path` or an enum can"


def _guest(at: str) -> Iterator[tuple[str, ...]]:
    """What is wrong with a guest's path."""
    unusable = tuple(_unusable("at", at))
    if unusable:
        yield from ((message,) for message in unusable)
    elif not at.startswith("/"):
        yield f"`at` is `{at}`, a guest's path is absolute", f"write `/{at}`"
    elif at != "/" and (at.endswith("/") or any(part in ("", ".", "..") for part in at[1:].split("/"))):
        plain = "/" + "/".join(part for part in at.split("/") if part not in ("", "."))
        help_ = () if ".." in plain else (f"write `{plain}`",)
        yield f"`at` is `{at}`, it may not have empty parts, `.` or `..`", *help_


def _bounds(grant: Storage) -> Iterator[tuple[str, ...]]:
    """What is wrong with how much may be added."""
    for key, amount in (("quota", grant.quota), ("files", grant.files)):
        if amount is not None and amount < 0:
            yield key, f"`{key}` is {amount}: expected at least 0"
        elif amount is not None and grant.access == "read":
            message = f"`{key}` bounds what is added to a folder, and this one is granted to read"
            yield key, message, f"remove `{key}`, or grant `access: write`"


def _overlaps(at: str, others: tuple[Storage, ...]) -> Iterator[str]:
    for other in others:
        if at == other.at:
            yield f"`{at}` is granted twice"
        elif _inside(at, other.at) or _inside(other.at, at):
            yield f"`{at}` and `{other.at}` lie in one another"


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _unusable(key: str, text: str) -> Iterator[str]:
    if not text.strip():
        yield f"`{key}` is empty"
    if len(text) > LONGEST:
        yield f"`{key}` has {len(text)} characters, at most {LONGEST} are allowed"
    if not is_text(text):
        yield f"`{key}` has a NUL or invalid Unicode in it"
