"""Paths that a guest names, looked up beneath a folder and never above it.

The kernel is never let to follow a link or to go up: each folder on the way is opened under the last one, links are
read and taken apart here, and `..` goes back to what was come through. So it does not matter what another process does
to the tree meanwhile: whatever is reached was, at that moment, an entry of a folder beneath. File systems that are
mounted beneath are entered as any folder is.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from stat import S_ISDIR, S_ISLNK

from orchestrator.engine.host import Refused
from orchestrator.wasi._codes import code_of

LONGEST = 4096
"""Bytes that a path, and what a link stands for, stay under."""
_LINKS = 40
"""Links that one path may lead through."""
_KEPT = 16
"""Folders of the way that are open at a time; to go back further, the way is gone again."""
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_PLAIN = re.compile(r"[\w-][\w. -]{0,120}", re.ASCII).fullmatch
"""One name without anything to be taken apart."""
_UP = re.compile(r"\.\.(?:/[\w. /-]{0,120})?", re.ASCII).fullmatch
"""A path that begins above the folder, and has nothing in it for which it would be refused sooner."""
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+\\."
).match
"""A dot behind characters that file systems which fold names may pass over (Unicode's Default_Ignorable_Code_Point)."""
OUT = "the path leads out of the folder"
HIDDEN = "names that begin with a dot are hidden"


class Denied(Exception):
    """A path that may not be used, though there may be something at it.

    Arguments:
        code: the standard's error for it.
        why: the rule that denies it.
    """

    def __init__(self, code: str, why: str) -> None:
        self.code, self.why = code, why


class Place:
    """An entry of a folder: what a path leads to, whether or not something is there.

    Arguments:
        fd: the folder.
        name: in it; `.` for the folder itself.
        found: what was there when it was looked up, a link where it was not followed; None for nothing.
        is_folder: whether the path says that it is a folder, by a slash at its end.
        depth: folders between the one that was started from and this one.
        held: whether the folder is to be closed with it.
    """

    __slots__ = ("depth", "done", "fd", "found", "held", "is_folder", "name")

    def __init__(
        self,
        fd: int,
        name: str,
        found: os.stat_result | None,
        is_folder: bool = False,
        depth: int = 0,
        held: bool = False,
    ) -> None:
        self.fd, self.name, self.found, self.is_folder = fd, name, found, is_folder
        self.depth, self.held = depth, held
        self.done: Callable[[], None] | None = None
        """Called when it is done with."""

    def there(self) -> os.stat_result:
        """What is there. Raises Refused where nothing is, or no folder though the path says so."""
        if self.found is None:
            raise Refused("no-entry")
        if self.is_folder and not S_ISDIR(self.found.st_mode):
            raise Refused("not-directory")
        return self.found

    def again(self) -> None:
        """Looks again at what is there."""
        self.found = look(self.fd, self.name)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self.held:
            os.close(self.fd)
        if self.done is not None:
            self.done()


def find(fd: int, path: str, *, follow: bool, hidden: bool, creates: bool = False, names: bool = False) -> Place:
    """What a path leads to.

    Arguments:
        fd: the folder from which it starts.
        follow: whether a link at its end is followed.
        hidden: whether names that begin with a dot are there.
        creates: whether something is to be made there: then a hidden name is denied, not missing.
        names: whether the entry itself is meant: then not even a slash after a link has it followed.

    Raises:
        Denied: it leads out of the folder, or makes something hidden.
        Refused: with the standard's error: on the way nothing is there, or what is no folder.
    """
    try:
        if _PLAIN(path):
            found = look(fd, path)
            if not follow or found is None or not S_ISLNK(found.st_mode):
                return Place(fd, path, found)
        elif _UP(path):
            raise Denied("not-permitted", OUT)
        return _Walk(fd, hidden, creates, names).find(path, follow)
    except OSError as problem:
        raise Refused(code_of(problem)) from None


def look(fd: int, name: str) -> os.stat_result | None:
    """What is at a name in a folder, a link itself; None for nothing."""
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_hidden(part: str) -> bool:
    """Whether a part of a path, `.` and `..` aside, is a name that begins with a dot."""
    return part[0] == "." or (part[0] > "\x7f" and _UNSEEN(part) is not None)


def _parts(path: str) -> list[str]:
    """The parts of a path, the last first. Only at the end is one `.`, or empty, which stands for a slash there."""
    check(path)
    if path[0] == "/":
        raise Denied("not-permitted", "a path is relative to a folder that was granted")
    parts = path.split("/")
    kept = [part for part in parts if part not in ("", ".")]
    if next((part for part in reversed(parts) if part), "") == ".":
        kept.append(".")
    elif not parts[-1]:
        kept.append("")
    return kept[::-1]


def check(path: str) -> None:
    """Refuses what cannot be a path, or what a link stands for, on any system."""
    if not path:
        raise Refused("no-entry")
    if "\0" in path:
        raise Refused("invalid")
    if len(path) >= LONGEST or len(path.encode("utf-8", "surrogatepass")) >= LONGEST:
        raise Refused("name-too-long")
    if not is_text(path):
        raise Refused("illegal-byte-sequence")


def is_text(name: str) -> bool:
    """Whether a name of the system is Unicode, which alone a guest can be told."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Way:
    """The folders that were come through beneath a first one, which is not closed here."""

    __slots__ = ("_first", "_names", "_open")

    def __init__(self, first: int) -> None:
        self._first = first
        self._names: list[str] = []
        self._open: list[int] = []
        """The last of them."""

    @property
    def at(self) -> int:
        return self._open[-1] if self._names else self._first

    @property
    def depth(self) -> int:
        return len(self._names)

    def down(self, name: str) -> None:
        """Goes into a folder. Raises OSError for a link, whatever it stands for, and for what is no folder."""
        self._open.append(os.open(name, _FOLDER, dir_fd=self.at))
        self._names.append(name)
        if len(self._open) > _KEPT:
            os.close(self._open.pop(0))

    def up(self) -> None:
        if not self._names:
            raise Denied("not-permitted", OUT)
        self._names.pop()
        os.close(self._open.pop())
        if self._names and not self._open:
            names, self._names = self._names, []
            for name in names:
                self.down(name)

    def take(self) -> int:
        """The folder that it led to, which is the caller's to close unless it is the first; closes the others."""
        last = self._open.pop() if self._open else self._first
        self.close()
        return last

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())


class _Walk:
    """One lookup."""

    __slots__ = ("_creates", "_hidden", "_links", "_names", "_parts", "_way")

    def __init__(self, fd: int, hidden: bool, creates: bool, names: bool) -> None:
        self._way, self._hidden, self._creates, self._names = _Way(fd), hidden, creates, names
        self._links = 0
        self._parts: list[str] = []
        """What is left of the way, the next last."""

    def find(self, path: str, follow: bool) -> Place:
        self._parts = _parts(path)
        try:
            return self._find(follow)
        finally:
            self._way.close()

    def _find(self, follow: bool) -> Place:
        while self._parts:
            part = self._parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                self._way.up()
            elif any(self._parts):
                self._down(part)
            elif place := self._end(part, follow):
                return place
        return self._place(".", os.fstat(self._way.at), True)

    def _end(self, part: str, follow: bool) -> Place | None:
        """The place that the last part names; None where the way goes on through a link."""
        self._seen(part, last=True)
        found = look(self._way.at, part)
        is_folder = bool(self._parts)
        if found is not None and S_ISLNK(found.st_mode) and (follow or (is_folder and not self._names)):
            self._through(part)
            return None
        return self._place(part, found, is_folder)

    def _place(self, name: str, found: os.stat_result | None, is_folder: bool) -> Place:
        depth = self._way.depth
        return Place(self._way.take(), name, found, is_folder, depth, depth > 0)

    def _down(self, part: str) -> None:
        self._seen(part, last=False)
        try:
            self._way.down(part)
        except OSError as problem:
            if problem.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            self._through(part)

    def _seen(self, part: str, *, last: bool) -> None:
        if not self._hidden and is_hidden(part):
            raise Denied("not-permitted" if last and self._creates else "no-entry", HIDDEN)

    def _through(self, part: str) -> None:
        """Goes on with what a link stands for."""
        self._links += 1
        if self._links > _LINKS:
            raise Refused("loop")
        try:
            target = os.readlink(part, dir_fd=self._way.at)
        except OSError as problem:
            if problem.errno == errno.EINVAL:
                raise Refused("not-directory") from None
            raise
        if target[0] == "/":
            raise Denied("not-permitted", OUT)
        self._parts += _parts(target)


def open_folder(path: str) -> int:
    """Opens a folder of the host whose path has no links in it any more: one that was put there since is not followed.

    Raises:
        OSError: it is not there any more.
    """
    way = _Way(os.open("/", _FOLDER))
    first = way.at
    try:
        for part in path.split("/"):
            if part:
                way.down(part)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=way.at)
    finally:
        way.close()
        os.close(first)
