"""What a link that a guest makes or moves may stand for.

Nothing here follows a link out of a folder, but others read the folder too. So whoever follows a guest's link, with
whatever program, stays in the folder: a link goes up no further than it lies deep, and goes up before anything else,
since a name on the way could be a link itself.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK

from orchestrator.wasi._beneath import HIDDEN, OUT, Place, check, is_hidden

_UP = "a link would lead out of the folder"
_MOST, _DEEPEST = 10_000, 32
"""Entries of a folder that are looked at before it is moved, and folders beneath one another."""


class TooLarge(Exception):
    """A folder has more in it than is looked at before it is moved."""

    def __init__(self) -> None:
        super().__init__(f"no more than {_MOST} entries are moved to another folder, {_DEEPEST} folders deep")


def made(target: str, depth: int, hidden: bool) -> str:
    """Why no link may be made that stands for a path; empty where it may.

    Arguments:
        depth: folders above the link that the guest has.

    Raises:
        Refused: it is no path.
    """
    check(target)
    if target[0] == "/":
        return "a link stands for a relative path"
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if ".." in parts[ups(target) :]:
        return "a link goes up only at its start"
    if any(part != ".." and is_hidden(part) for part in parts) and not hidden:
        return HIDDEN
    return _UP if ups(target) > depth else ""


def shown(target: str, depth: int, hidden: bool) -> str:
    """Why a guest is not told what a link stands for; empty where it is."""
    if target[0] == "/":
        return OUT
    for part in target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return OUT
        if part not in ("", ".", "..") and not hidden and is_hidden(part):
            return HIDDEN
    return ""


def ups(target: str) -> int:
    """Folders that a path goes up at its start."""
    number = 0
    for part in target.split("/"):
        if part == "..":
            number += 1
        elif part not in ("", "."):
            break
    return number


def moved(old: Place, found: os.stat_result, depth: int) -> str:
    """Why an entry may not be moved, or linked, to where it has fewer folders above it; empty where it may.

    Arguments:
        found: what it is.
        depth: the folders above it, then.

    Raises:
        TooLarge: it has too much in it to look at.
    """
    if S_ISLNK(found.st_mode):
        return _UP if _climbs(old.fd, old.name, depth) else ""
    if not S_ISDIR(found.st_mode):
        return ""
    return _UP if _Look(depth).into(old.fd, old.name, 1) else ""


def _climbs(fd: int, name: str, depth: int) -> bool:
    """Whether a link leads further up than there are folders above it."""
    target = os.readlink(name, dir_fd=fd)
    return target[0] != "/" and ups(target) > depth


class _Look:
    """One look through a folder for links that lead too far up.

    Arguments:
        depth: the folders that will be above it.
    """

    def __init__(self, depth: int) -> None:
        self._depth, self._left = depth, _MOST

    def into(self, fd: int, name: str, level: int) -> bool:
        """Whether there is one in a folder of another."""
        if level > _DEEPEST:
            raise TooLarge
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        try:
            with os.scandir(inner) as entries:
                return any(self._at(inner, entry, level) for entry in entries)
        finally:
            os.close(inner)

    def _at(self, fd: int, entry: os.DirEntry[str], level: int) -> bool:
        self._left -= 1
        if self._left < 0:
            raise TooLarge
        if entry.is_symlink():
            return _climbs(fd, entry.name, self._depth + level)
        return entry.is_dir(follow_symlinks=False) and self.into(fd, entry.name, level + 1)
