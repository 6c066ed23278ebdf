"""`wasi:filesystem`: the folders that were granted, and what is beneath them.

Only regular files, folders and links are there; opening anything else is refused, since it could block, or do
something. What a guest may do with a file is what it opened it for; what it may do with a folder, what the grant
allows: programs open folders to read them and then change what is in them, and no host refuses it. How paths are
looked up is said in `_beneath`, what of links in `_links`.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import Refused
from orchestrator.interface.values import Variant
from orchestrator.wasi import _contents, _folders
from orchestrator.wasi._beneath import Place
from orchestrator.wasi._codes import CODES
from orchestrator.wasi._files import Descriptor, Function, Opened, place, seen, system
from orchestrator.wasi._folders import TYPES
from orchestrator.wasi.streams import Error

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

_BASE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_SYNC = {
    "file-integrity-sync": getattr(os, "O_SYNC", 0),
    "data-integrity-sync": getattr(os, "O_DSYNC", 0),
    "requested-write-sync": getattr(os, "O_SYNC", 0),
}
_MODIFY = frozenset(("write", "mutate-directory"))
_MAKE = frozenset(("create", "truncate"))
_TRIES = 8
"""Times that a place is looked at anew, when another process makes or removes what is there."""
_KIND = stat.S_IFMT(0o177777)
"""The bits of a file's mode that say what it is."""
_SECOND = 10**9


# Opening


def _open_at(
    _session: Session, folder: Descriptor, how: frozenset[str], path: str, make: frozenset[str], flags: frozenset[str]
) -> Descriptor:
    if "create" in make and "directory" in make:
        raise Refused("invalid")
    changes = bool(flags & _MODIFY or make & _MAKE)
    operation = "write" if changes else "read"
    new = "exclusive" in make and "create" in make
    follow = "symlink-follow" in how and not new
    with place(operation, folder, path, follow=follow, changes=changes, creates="create" in make, names=new) as found:
        folder.root.reserve(operation, folder.below(path))
        try:
            fd, is_folder = _Opening(folder, found, path, make, flags).open()
        except BaseException:
            folder.root.release()
            raise
    # Programs open a folder for nothing, and then list and change it: it is used as its grant says.
    rights = folder.root.rights | flags if is_folder else flags - {"mutate-directory"}
    return Descriptor(Opened(folder.root, fd), folder.below(path), rights, is_folder)


class _Opening:
    """One opening of what is at a place, or is made there."""

    __slots__ = ("_flags", "_folder", "_make", "_path", "_place")

    def __init__(self, folder: Descriptor, at: Place, path: str, make: frozenset[str], flags: frozenset[str]) -> None:
        self._folder, self._place, self._path, self._make, self._flags = folder, at, path, make, flags

    def open(self) -> tuple[int, bool]:
        """What is opened, and whether it is a folder."""
        for left in reversed(range(_TRIES)):
            try:
                return self._once()
            except (FileNotFoundError, FileExistsError):
                if not left:
                    raise
                self._place.again()
        raise AssertionError("unreachable")

    def _once(self) -> tuple[int, bool]:
        found = self._place.found
        if "create" in self._make and self._place.is_folder and self._place.name != ".":
            raise Refused("is-directory")
        if found is None:
            return self._created(), False
        if "create" in self._make and "exclusive" in self._make:
            raise Refused("exist")
        if stat.S_ISDIR(found.st_mode):
            return self._opened_folder(), True
        if self._place.is_folder or "directory" in self._make:
            raise Refused("not-directory")
        if stat.S_ISLNK(found.st_mode):
            raise Refused("loop")
        return self._opened(found), False

    def _created(self) -> int:
        if "create" not in self._make:
            raise Refused("no-entry")
        mode = self._mode() | os.O_CREAT | os.O_EXCL | _BASE
        with self._folder.root.another("write", self._folder.below(self._path)):
            return os.open(self._place.name, mode, 0o666, dir_fd=self._place.fd)

    def _opened_folder(self) -> int:
        if "write" in self._flags or self._make & _MAKE:
            raise Refused("is-directory")
        return os.open(self._place.name, os.O_RDONLY | os.O_DIRECTORY | _BASE, dir_fd=self._place.fd)

    def _opened(self, found: os.stat_result) -> int:
        self._check(found)
        fd = os.open(self._place.name, self._mode() | _BASE, dir_fd=self._place.fd)
        try:
            self._check(os.fstat(fd))  # it may have become something else meanwhile
            if "truncate" in self._make:
                with self._folder.root.growing(self._path):  # what is written meanwhile is measured
                    os.ftruncate(fd, 0)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            shown, why = self._folder.below(self._path), "only regular files can be opened"
            raise self._folder.root.deny("write" if self._writes else "read", shown, "not-permitted", why)

    @property
    def _writes(self) -> bool:
        return "write" in self._flags or "truncate" in self._make

    def _mode(self) -> int:
        mode = os.O_RDONLY
        if self._writes:
            mode = os.O_RDWR if "read" in self._flags else os.O_WRONLY
        for name in self._flags & _SYNC.keys():
            mode |= _SYNC[name]
        return mode


def _directories(session: Session) -> list[tuple[Descriptor, str]]:
    return [
        (Descriptor(root.opened.share(), root.grant.guest, root.rights, True), root.grant.guest)
        for root in session.files.roots
    ]


# What a file says of itself


def _describe(session: Session, file: Descriptor, found: os.stat_result) -> dict[str, Any]:
    told = session.tells_time  # what was written just now, by whomever, would tell the time
    # Reading moves it: who can only read would leave a mark by that.
    accessed = found.st_atime_ns if file.root.grant.writable else found.st_mtime_ns
    return {
        "type": TYPES.get(found.st_mode & _KIND, "unknown"),
        "link-count": found.st_nlink,
        "size": found.st_size,
        "data-access-timestamp": _time(accessed) if told else None,
        "data-modification-timestamp": _time(found.st_mtime_ns) if told else None,
        "status-change-timestamp": _time(found.st_ctime_ns) if told else None,
    }


def _time(nanoseconds: int) -> dict[str, int]:
    seconds, left = divmod(max(0, nanoseconds), _SECOND)
    return {"seconds": seconds, "nanoseconds": left}


def _stat(session: Session, file: Descriptor) -> dict[str, Any]:
    return _describe(session, file, os.fstat(file.fd))


def _stat_at(session: Session, folder: Descriptor, how: frozenset[str], path: str) -> dict[str, Any]:
    return _describe(session, folder, _seen(folder, how, path))


def _hash(session: Session, file: Descriptor) -> dict[str, int]:
    return {"lower": session.files.number(os.fstat(file.fd)), "upper": 0}


def _hash_at(session: Session, folder: Descriptor, how: frozenset[str], path: str) -> dict[str, int]:
    return {"lower": session.files.number(_seen(folder, how, path)), "upper": 0}


def _seen(folder: Descriptor, how: frozenset[str], path: str) -> os.stat_result:
    """What was found at a path beneath a folder."""
    return seen(folder, path, follow="symlink-follow" in how)


def _is_same(_session: Session, file: Descriptor, other: Descriptor) -> bool:
    return os.path.samestat(os.fstat(file.fd), os.fstat(other.fd))


def _error_code(_session: Session, error: Error) -> str | None:
    return error.cause if isinstance(error.cause, str) and error.cause in CODES else None


# Times


def _times(found: os.stat_result, access: Variant, modified: Variant) -> tuple[int, int]:
    return _chosen(access, found.st_atime_ns), _chosen(modified, found.st_mtime_ns)


def _chosen(new: Variant, old: int) -> int:
    """A time as the file gets it: the host's where it is now, as with all that is written."""
    if new.case == "no-change":
        return old
    if new.case == "now":
        return time.time_ns()
    seconds: int = new.value["seconds"]
    nanoseconds: int = new.value["nanoseconds"]
    if nanoseconds >= _SECOND:
        raise Refused("invalid")
    return seconds * _SECOND + nanoseconds


def _set_times(_session: Session, file: Descriptor, access: Variant, modified: Variant) -> None:
    # Whoever may write the file may set them, by whatever descriptor of it: so has it the system.
    if not file.root.grant.writable:
        raise file.root.deny("write", file.path, "read-only", "read only")
    os.utime(file.fd, ns=_times(os.fstat(file.fd), access, modified))


def _set_times_at(
    _session: Session, folder: Descriptor, how: frozenset[str], path: str, access: Variant, modified: Variant
) -> None:
    with place("write", folder, path, follow="symlink-follow" in how, changes=True) as found:
        times = _times(found.there(), access, modified)
        os.utime(found.name, ns=times, dir_fd=found.fd, follow_symlinks=False)


_METHODS: dict[str, Function] = {
    **_contents.METHODS,
    **_folders.METHODS,
    "get-flags": lambda _session, file: file.flags,
    "get-type": lambda _session, file: "directory" if file.is_folder else "regular-file",
    "set-times": _set_times,
    "stat": _stat,
    "stat-at": _stat_at,
    "set-times-at": _set_times_at,
    "open-at": _open_at,
    "metadata-hash": _hash,
    "metadata-hash-at": _hash_at,
}
INTERFACES: dict[str, dict[str, Function]] = {
    "wasi:filesystem/types": {
        **{f"[method]descriptor.{name}": system(function) for name, function in _METHODS.items()},
        "[method]descriptor.is-same-object": _is_same,
        "[method]directory-entry-stream.read-directory-entry": system(lambda _session, entries: entries.next()),
        "filesystem-error-code": _error_code,
    },
    "wasi:filesystem/preopens": {"get-directories": _directories},
}
