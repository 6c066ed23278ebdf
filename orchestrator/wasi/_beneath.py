"""Paths that a guest names, looked up beneath a folder and never above it.

The kernel is never let to follow a link or to go up: each folder on the way is opened under the last one, links are
read and taken apart here, and `..` goes back to what was come through. So it does not matter what another process does
to the tree meanwhile: whatever is reached was, at that moment, an entry of a folder beneath.
"""

from __future__ import annotations

import errno
import os
import re

from orchestrator.engine.host import Refused

LONGEST = 4096
"""Bytes of a path, and of a path that a link stands for."""
_LINKS = 40
"""Links that one path may lead through."""
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = re.compile(r"[\w-][\w. -]{0,120}", re.ASCII).fullmatch
"""One name without anything to be taken apart."""
_NO_ACCESS = "the path leads out of the folder"
_HIDDEN = "names that begin with a dot are hidden"


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
        is_folder: whether the path says that it is a folder, by a slash at its end.
        depth: folders between the one that was started from and this one.
        held: folders that are open for it.
    """

    __slots__ = ("depth", "fd", "held", "is_folder", "name")

    def __init__(self, fd: int, name: str, is_folder: bool = False, depth: int = 0, held: tuple[int, ...] = ()) -> None:
        self.fd, self.name, self.is_folder, self.depth, self.held = fd, name, is_folder, depth, held

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.held:
            os.close(fd)


def find(fd: int, path: str, *, follow: bool, hidden: bool, creates: bool = False) -> Place:
    """What a path leads to.

    Arguments:
        fd: the folder from which it starts.
        follow: whether a link at its end is followed.
        hidden: whether names that begin with a dot are there.
        creates: whether something is to be made there: then a hidden name is denied, not missing.

    Raises:
        Denied: it leads out of the folder, or makes something hidden.
        Refused: with the standard's error: nothing is there, or on the way stands something that is no folder.
    """
    if not follow and _PLAIN(path):
        return Place(fd, path)
    walk = _Walk(fd, hidden, creates)
    try:
        return walk.find(_parts(path), follow)
    except BaseException:
        walk.close()
        raise


def _parts(path: str) -> list[str]:
    """The parts of a path, the last first; an empty one stands for a slash at the end."""
    if not path:
        raise Refused("no-entry")
    if "\0" in path:
        raise Refused("invalid")
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise Refused("illegal-byte-sequence") from None
    if size >= LONGEST:
        raise Refused("name-too-long")
    if path[0] == "/":
        raise Denied("not-permitted", "a path is relative to a folder that was granted")
    parts = path.split("/")
    kept = [part for part in parts if part not in ("", ".")]
    if parts[-1] in ("", ".") or not kept:
        kept.append("")
    return kept[::-1]


class _Walk:
    """One lookup: the folders that were come through, of which the first is not its own to close."""

    __slots__ = ("_creates", "_hidden", "_links", "_way")

    def __init__(self, fd: int, hidden: bool, creates: bool) -> None:
        self._way, self._hidden, self._creates, self._links = [fd], hidden, creates, 0

    def find(self, parts: list[str], follow: bool) -> Place:
        while parts:
            part = parts.pop()
            if part == "..":
                self._up()
            elif not part:
                continue
            elif any(parts):
                self._down(part, parts)
            else:
                self._seen(part, last=True)
                target = self._link(part) if follow or parts else None
                if target is None:
                    return self._place(part, bool(parts))
                self._through(target, parts)
        return self._place(".", True)

    def _place(self, name: str, is_folder: bool) -> Place:
        held = tuple(self._way[1:])
        return Place(self._way[-1], name, is_folder, len(held), held)

    def _up(self) -> None:
        if len(self._way) == 1:
            raise Denied("not-permitted", _NO_ACCESS)
        os.close(self._way.pop())

    def _down(self, part: str, parts: list[str]) -> None:
        self._seen(part, last=False)
        try:
            self._way.append(os.open(part, _FOLDER, dir_fd=self._way[-1]))
        except OSError as problem:
            if problem.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise Refused(code_of(problem)) from None
            target = self._link(part)
            if target is None:
                raise Refused("not-directory") from None
            self._through(target, parts)

    def _seen(self, part: str, *, last: bool) -> None:
        if part[0] == "." and not self._hidden:
            if last and self._creates:
                raise Denied("not-permitted", _HIDDEN)
            raise Denied("no-entry", _HIDDEN)

    def _link(self, part: str) -> str | None:
        """What a link stands for; None for what is no link, or not there."""
        try:
            return os.readlink(part, dir_fd=self._way[-1])
        except OSError as problem:
            if problem.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise Refused(code_of(problem)) from None

    def _through(self, target: str, parts: list[str]) -> None:
        self._links += 1
        if self._links > _LINKS:
            raise Refused("loop")
        if target.startswith("/"):
            raise Denied("not-permitted", _NO_ACCESS)
        parts += _parts(target)

    def close(self) -> None:
        for fd in self._way[1:]:
            os.close(fd)


def open_folder(path: str) -> int:
    """Opens a folder of the host whose path has no links in it any more: one that was put there since is not followed.

    Raises:
        OSError: it is not there any more.
    """
    fd = os.open("/", _FOLDER)
    for part in path.split("/"):
        if part:
            try:
                inner = os.open(part, _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    finally:
        os.close(fd)


_CODES = {
    "EACCES": "access", "EAGAIN": "would-block", "EALREADY": "already", "EBADF": "bad-descriptor", "EBUSY": "busy",
    "EDEADLK": "deadlock", "EDQUOT": "quota", "EEXIST": "exist", "EFBIG": "file-too-large",
    "EILSEQ": "illegal-byte-sequence", "EINPROGRESS": "in-progress", "EINTR": "interrupted", "EINVAL": "invalid",
    "EIO": "io", "EISDIR": "is-directory", "ELOOP": "loop", "EMLINK": "too-many-links", "EMSGSIZE": "message-size",
    "ENAMETOOLONG": "name-too-long", "ENODEV": "no-device", "ENOENT": "no-entry", "ENOLCK": "no-lock",
    "ENOMEM": "insufficient-memory", "EMFILE": "insufficient-memory", "ENFILE": "insufficient-memory",
    "ENOSPC": "insufficient-space", "ENOTDIR": "not-directory", "ENOTEMPTY": "not-empty",
    "ENOTRECOVERABLE": "not-recoverable", "ENOTSUP": "unsupported", "EOPNOTSUPP": "unsupported", "ENOTTY": "no-tty",
    "ENXIO": "no-such-device", "EOVERFLOW": "overflow", "EPERM": "not-permitted", "EPIPE": "pipe",
    "EROFS": "read-only", "ESPIPE": "invalid-seek", "ETXTBSY": "text-file-busy", "EXDEV": "cross-device",
}  # fmt: skip
_BY_NUMBER = {getattr(errno, name): code for name, code in _CODES.items() if hasattr(errno, name)}


def code_of(problem: OSError) -> str:
    """The standard's error for one of the system."""
    return _BY_NUMBER.get(problem.errno or 0, "io")
