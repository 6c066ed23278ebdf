"""Keeps the cache within its size: what was used least lately goes, in whole entries.

An entry is what belongs together: machine code with its notes and images, a build with its lock, a note. This happens
after something was written. Any number of processes may read and write meanwhile: nothing goes that was written or used
within the last minute, a file that is mapped lives on without its name, and who finds a file gone makes it anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.diagnostics import printable
from orchestrator.errors import ComponentError

DEFAULT = 4 << 30
"""Bytes that a cache may take on the disk."""
FRESH = 60.0
"""Seconds for which nothing goes that was written or used."""
LEFT = 3600.0
"""Seconds after which what is written beside its place belongs to no process that still runs."""
_LEFTOVERS = (".new-*", ".compiling-*")
_BLOCK = 512
"""Bytes of a block in `st_blocks`, whatever the file system's are (POSIX, `sys/stat.h`)."""


def limit() -> int:
    """`$ORCHESTRATOR_CACHE_SIZE` in bytes, or the default.

    Raises:
        ComponentError: it is no size.
    """
    text = os.environ.get("ORCHESTRATOR_CACHE_SIZE", "").strip()
    if not text:
        return DEFAULT
    from orchestrator.manifest.scalars import read_size

    size = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else read_size(text)
    if size is None:
        raise ComponentError(
            f"ORCHESTRATOR_CACHE_SIZE is {printable(text)}, which is no size; "
            "give a whole number of bytes, or one with a unit, as in 2GiB"
        )
    return size


def touch(path: Path) -> None:
    """Notes that an entry is used, by the time of one of its files; seldom, since it is asked at every load."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > FRESH / 2:
            os.utime(path)


@dataclass(slots=True)
class _Entry:
    """Files that come and go together, and when one of them was last written or used."""

    files: list[Path] = field(default_factory=list)
    size: int = 0
    used: float = 0.0

    def add(self, path: Path) -> None:
        """Counts a file; one that is gone already is none."""
        with contextlib.suppress(OSError):
            found = path.stat()
            self.files.append(path)
            self.size += _size(found)
            self.used = max(self.used, found.st_mtime)

    def remove(self) -> None:
        """Removes the files, notes first; not if one was written or used since."""
        if any(time.time() - _modified(path) < FRESH for path in self.files):
            return
        for path in sorted(self.files, key=lambda path: path.suffix != ".json"):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def tidy(folder: Path, most: int) -> None:
    """Removes leftovers, then what was used least lately until the rest takes no more than `most` bytes.

    Arguments:
        folder: the cache's; only what is in its own folders is looked at.
    """
    _sweep(folder)
    entries = sorted(_entries(folder), key=lambda entry: entry.used)
    taken = sum(entry.size for entry in entries)
    for entry in entries:
        if taken <= most or time.time() - entry.used < FRESH:
            return
        entry.remove()
        taken -= entry.size


def _entries(folder: Path) -> Iterator[_Entry]:
    for inner in ("code", "builds", "digests"):
        found: dict[str, _Entry] = {}
        for path in (folder / inner).iterdir():
            if not path.name.startswith("."):
                found.setdefault(path.stem, _Entry()).add(path)
        yield from found.values()


def _sweep(folder: Path) -> None:
    """Removes what processes left that were killed outright."""
    for pattern in _LEFTOVERS:
        for path in folder.glob(f"*/{pattern}"):
            if time.time() - _modified(path) < LEFT:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(found: os.stat_result) -> int:
    """Bytes on the disk, where the system says: a file of images has holes."""
    blocks = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * _BLOCK
