"""The user's own folder of compiled components: machine code by content, what is known of it, digests of files.

Machine code that someone else could have written must never be loaded, so the folder belongs to the user alone (mode
0700) and is refused otherwise. Every file is written beside its place and renamed into it: a reader sees all of it or
nothing, and two writers of the same content do no harm.

    code/DIGEST-KEY.cwasm    machine code        code/DIGEST-KEY.json    what is known of the component
    code/DIGEST-KEY.image    what its memories hold at first, where that is much
                             and the same of modules that components share, without an image
    digests/….json           a file's digest, by its path, inode, times and size        builds/    see build.py

It is kept within a size, `$ORCHESTRATOR_CACHE_SIZE`: see `_room`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

from orchestrator.diagnostics import printable
from orchestrator.engine import _room
from orchestrator.errors import ComponentError

_FOLDERS = ("", "code", "digests", "builds", "locks")
_DIGEST, _ENTRY = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{64}-[0-9a-f]{16}")
SETTLED = 2_000_000_000
"""Nanoseconds since a file's last change before its digest is kept: two changes in one tick look like one."""


def default_folder() -> Path:
    """`$ORCHESTRATOR_CACHE`, else `orchestrator` in `$XDG_CACHE_HOME` or `~/.cache`."""
    named = os.environ.get("ORCHESTRATOR_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "orchestrator"


class Cache:
    """The cache in one folder, made when it is missing.

    Raises:
        ComponentError: the folder cannot be made, belongs to another user, or others may write to it; or the size that
            `$ORCHESTRATOR_CACHE_SIZE` gives it is none.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = (Path(folder) if folder else default_folder()).absolute()
        self._most = _room.limit()
        try:
            for name in _FOLDERS:
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_others(self.folder)
        except OSError as problem:
            raise ComponentError(
                f"cannot use the cache folder {self.folder}: {problem.strerror or problem}; "
                "set ORCHESTRATOR_CACHE to another"
            ) from problem

    def code(self, digest: str, key: str) -> Path:
        """Where the machine code of a component is, or would be."""
        return self.folder / "code" / f"{digest}-{key}.cwasm"

    def lock(self, digest: str, *, module: bool = False) -> Path:
        """What whoever compiles a component holds, one file for several, so that they do not become many; or a module.

        Who holds that of a component may ask for that of a module, and for nothing else. A module has one to itself:
        for that of CPython all components in Python wait.
        """
        return self.folder / "locks" / (f"module-{digest}.lock" if module else f"{digest[:2]}.lock")

    def fused(self, key: str) -> Path:
        """Where the note about a fused component is, or would be."""
        return self.folder / "digests" / f"fused-{key}.json"

    @property
    def builds(self) -> Path:
        """The folder of components built from source."""
        return self.folder / "builds"

    def known(self, digest: str, key: str) -> dict[str, Any] | None:
        """What is kept of a component, if its code, images and the modules that it shares are there and whole."""
        known = self._whole(self.code(digest, key))
        return None if known is None or None in map(self._whole, self.modules(known)) else known

    def modules(self, known: dict[str, Any]) -> list[Path]:
        """Where the machine code of the modules is that a component shares with others."""
        named = known.get("modules")
        names = [str(name) for name in named] if isinstance(named, list) else []
        return [self.folder / "code" / f"{name if _ENTRY.fullmatch(name) else 'none'}.cwasm" for name in names]

    def _whole(self, code: Path) -> dict[str, Any] | None:
        """What is kept with machine code, if it is there and whole."""
        note = code.with_suffix(".json")
        known = noted(note)
        sizes = _size(code), _size(images_of(code))
        if not sizes[0] or (known.get("code-size"), known.get("image-size")) != sizes:
            return None
        _room.touch(note)
        return known

    def keep(self, digest: str, key: str, known: dict[str, Any]) -> None:
        """Keeps what is known of a component whose machine code and images are in place."""
        code = self.code(digest, key)
        known = {**known, "code-size": _size(code), "image-size": _size(images_of(code))}
        write(code.with_suffix(".json"), json.dumps(known, separators=(",", ":")).encode())
        self.tidy()

    def tidy(self) -> None:
        """Keeps to the size of the cache, after something was written; what cannot be looked at stays."""
        with contextlib.suppress(OSError):
            _room.tidy(self.folder, self._most)

    def digest(self, path: Path, limit: int) -> tuple[str, int]:
        """The SHA-256 and size of a file, from memory when the file is as it was.

        Raises:
            ComponentError: it cannot be read, is no regular file, or is larger than `limit` bytes.
        """
        try:
            path = path.resolve()
            state = _state(path)
        except OSError as problem:
            raise ComponentError(f"cannot read {printable(str(path))}: {problem.strerror}") from problem
        if state["size"] > limit:
            raise ComponentError(f"{printable(str(path))} has {state['size']} bytes; a component may have {limit}")
        note = self.folder / "digests" / (hashlib.sha256(os.fsencode(path)).hexdigest()[:32] + ".json")
        known = noted(note)
        if known.get("state") == state and _DIGEST.fullmatch(str(known.get("digest"))):
            return str(known["digest"]), state["size"]
        return self._measured(path, note, state)

    def _measured(self, path: Path, note: Path, state: dict[str, int]) -> tuple[str, int]:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            unchanged = _state(path) == state
        except OSError as problem:
            raise ComponentError(f"cannot read {printable(str(path))}: {problem.strerror}") from problem
        if unchanged and time.time_ns() - state["changed"] > SETTLED:
            with contextlib.suppress(ComponentError):  # only a later load is slower without it
                write(note, json.dumps({"state": state, "digest": digest}).encode())
        return digest, state["size"]


def module_beside(code: Path, digest: str) -> Path:
    """Where the binary of a module is while the component that shares it is compiled."""
    return code.with_name(f"{digest}.wasm")


def images_of(code: Path) -> Path:
    """The file of images that belongs to a file of machine code."""
    return code.with_suffix(".image")


def write(path: Path, data: bytes) -> None:
    """Writes a file as a whole: beside its place, then renamed into it. A full disk leaves what was there.

    Raises:
        ComponentError: it cannot be written.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError as problem:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise unwritten(path, problem) from problem


def unwritten(path: Path, problem: OSError) -> ComponentError:
    """The error for a file of the cache that cannot be written."""
    return ComponentError(f"cannot write to the cache, {printable(str(path))}: {problem.strerror}")


def _size(path: Path) -> int:
    """Bytes of a file; 0 for one that is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _refuse_others(folder: Path) -> None:
    """Machine code is loaded from here: nobody else may be able to put any there."""
    if not hasattr(os, "getuid"):
        return
    for inner in _FOLDERS:
        found = (folder / inner).stat()
        if found.st_uid != os.getuid():
            raise ComponentError(f"the cache folder {folder / inner} belongs to another user; set ORCHESTRATOR_CACHE")
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise ComponentError(
                f"others may write to the cache folder {folder / inner}; chmod it to 0700 and empty it"
            )


def _state(path: Path) -> dict[str, int]:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ComponentError(f"{printable(str(path))} is not a regular file")
    return {
        "device": found.st_dev,
        "inode": found.st_ino,
        "modified": found.st_mtime_ns,
        "changed": found.st_ctime_ns,
        "size": found.st_size,
    }


def noted(note: Path) -> dict[str, Any]:
    """What a note of the cache says; nothing if it is not there, or damaged."""
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
