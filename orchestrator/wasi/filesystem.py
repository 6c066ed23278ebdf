"""`wasi:filesystem`: the folders that were granted, and what is beneath them.

What a guest may do with a file is told by its descriptor: rights only shrink on the way from a granted folder. Only
regular files, folders and links are there; opening anything else is refused, since it could block, or do something.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import HostResource, Refused
from orchestrator.errors import RunError
from orchestrator.interface.values import Variant
from orchestrator.wasi._beneath import Denied, Place, code_of, find, open_folder
from orchestrator.wasi.streams import CHUNK, Error, InputStream, OutputStream, closed, failed

if TYPE_CHECKING:
    from orchestrator.capability.storage import Preopen
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi.session import Session

MOST_OPEN = 512
"""Files and folders that an instance may have open at a time."""
_LAST = (1 << 63) - 1
_BASE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOCTTY", 0)
_SYNC = {"file-integrity-sync": os.O_SYNC, "data-integrity-sync": os.O_DSYNC, "requested-write-sync": os.O_SYNC}
_MODIFY = frozenset(("write", "mutate-directory"))
_MAKE = frozenset(("create", "truncate"))
_TYPES = {
    stat.S_IFREG: "regular-file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic-link",
    stat.S_IFCHR: "character-device",
    stat.S_IFBLK: "block-device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_ADVICE = {
    "normal": "POSIX_FADV_NORMAL", "sequential": "POSIX_FADV_SEQUENTIAL", "random": "POSIX_FADV_RANDOM",
    "will-need": "POSIX_FADV_WILLNEED", "dont-need": "POSIX_FADV_DONTNEED", "no-reuse": "POSIX_FADV_NOREUSE",
}  # fmt: skip


class Files:
    """What an instance has of the host's files: what is open, and what it added."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.open = 0
        self._seen: dict[tuple[int, int], int] = {}
        self.roots: list[Root] = []
        """The folders that were granted."""

    def open_roots(self) -> None:
        """Opens what was granted; what becomes of its paths later changes nothing."""
        for preopen in self.session.authority.preopens:
            self.roots.append(Root(self, preopen))

    def close(self) -> None:
        """Closes them."""
        for root in self.roots:
            os.close(root.fd)
        self.roots = []

    def number(self, found: os.stat_result) -> int:
        """A number for a file that says nothing of the host: in the order in which the guest saw them."""
        return self._seen.setdefault((found.st_dev, found.st_ino), len(self._seen) + 1)


class Root:
    """A granted folder, and what is left of what may be added to it.

    Raises RunError when it cannot be opened any more.
    """

    def __init__(self, files: Files, grant: Preopen) -> None:
        self.files, self.grant, self.session = files, grant, files.session
        self.bytes_left, self.files_left = grant.quota, grant.files
        try:
            self.fd = open_folder(grant.host)
        except OSError as problem:
            why = problem.strerror or "it cannot be opened"
            raise RunError(f"the folder granted at `{grant.guest}` cannot be opened: {grant.host}: {why}") from None

    def deny(self, operation: str, path: str, code: str, why: str) -> Refused:
        """Tells of a denial; the error for it."""
        self.session.told(f"storage {operation}", path, f"{self.grant.place}: {why}", False)
        return Refused(code)

    def grow(self, path: str, size: int) -> None:
        """Counts bytes that a file is to grow by."""
        if self.bytes_left is None or size <= 0:
            return
        if size > self.bytes_left:
            raise self.deny("write", path, "quota", f"no more than {self.grant.quota} bytes may be added")
        self.bytes_left -= size

    def add(self, operation: str, path: str) -> None:
        """Counts an entry that is to be made."""
        if self.files_left is None:
            return
        if self.files_left <= 0:
            raise self.deny(operation, path, "quota", f"no more than {self.grant.files} entries may be added")
        self.files_left -= 1


class _Open:
    """An open file, shared by a descriptor and the streams of it; closed with the last of them."""

    __slots__ = ("fd", "root", "users")

    def __init__(self, root: Root, fd: int) -> None:
        self.root, self.fd, self.users = root, fd, 1
        root.files.open += 1

    def share(self) -> _Open:
        self.users += 1
        return self

    def release(self) -> None:
        self.users -= 1
        if not self.users:
            self.root.files.open -= 1
            os.close(self.fd)


class Descriptor(HostResource):
    """A file or folder that is open.

    Arguments:
        path: as the guest knows it, for events.
        flags: its rights, as the standard names them.
    """

    __slots__ = ("fd", "flags", "is_folder", "open", "path", "root")

    def __init__(self, root: Root, fd: int, path: str, flags: frozenset[str], is_folder: bool) -> None:
        self.root, self.fd, self.path, self.flags, self.is_folder = root, fd, path, flags, is_folder
        self.open = _Open(root, fd)

    def drop(self, frame: Frame | None = None) -> None:
        """Closes it, unless a stream of it is still there."""
        self.open.release()

    def below(self, path: str) -> str:
        """A path beneath it, for events."""
        return f"{self.path.rstrip('/')}/{path}"

    def needs(self, right: str, operation: str, path: str = "") -> None:
        """Refuses what the descriptor has no right to."""
        if right in self.flags:
            return
        shown = self.below(path) if path else self.path
        if right == "read":
            raise self.root.deny(operation, shown, "not-permitted", "it was not opened for reading")
        if not self.root.grant.writable:
            raise self.root.deny(operation, shown, "read-only", "read only")
        what = "for writing" if right == "write" else "for changes to it"
        raise self.root.deny(operation, shown, "read-only", f"it was not opened {what}")


Function = Callable[..., Any]


def _system(function: Function) -> Function:
    """The function, with errors of the system as the standard's."""

    def guarded(session: Session, *values: Any) -> Any:
        try:
            return function(session, *values)
        except OSError as problem:
            raise Refused(code_of(problem)) from None
        except OverflowError:
            raise Refused("overflow") from None

    return guarded


def _place(
    operation: str, folder: Descriptor, path: str, *, follow: bool = False, creates: bool = False, changes: bool = False
) -> Place:
    """What a path beneath a folder leads to, once its use is allowed; told either way."""
    root = folder.root
    if not folder.is_folder:
        raise Refused("not-directory")
    if changes:
        folder.needs("mutate-directory", operation, path)
    try:
        place = find(folder.fd, path, follow=follow, hidden=root.grant.hidden, creates=creates)
    except Denied as denied:
        raise root.deny(operation, folder.below(path), denied.code, denied.why) from None
    root.session.told(f"storage {operation}", folder.below(path), root.grant.place)
    return place


def _stat(place: Place) -> os.stat_result:
    """What is at a place, where a slash at the end says that it is a folder."""
    found = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
    if place.is_folder and not stat.S_ISDIR(found.st_mode):
        raise Refused("not-directory")
    return found


# Opening


def _open_at(
    _session: Session, folder: Descriptor, how: frozenset[str], path: str, make: frozenset[str], flags: frozenset[str]
) -> Descriptor:
    changes = bool(flags & _MODIFY or make & _MAKE)
    follow = "symlink-follow" in how
    if folder.root.files.open >= MOST_OPEN:
        raise folder.root.deny("open", folder.below(path), "insufficient-memory", f"{MOST_OPEN} files are open")
    with _place(
        "write" if changes else "read", folder, path, follow=follow, creates="create" in make, changes=changes
    ) as place:
        fd, is_folder = _opened(folder, place, path, make, flags)
    rights = flags - {"mutate-directory"} if not is_folder else flags
    return Descriptor(folder.root, fd, folder.below(path), rights, is_folder)


def _opened(
    folder: Descriptor, place: Place, path: str, make: frozenset[str], flags: frozenset[str]
) -> tuple[int, bool]:
    """Opens what is at a place, or makes it; whether it is a folder."""
    try:
        found = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
    except FileNotFoundError:
        if "create" not in make:
            raise
        return _created(folder, place, path, flags), False
    if "create" in make and "exclusive" in make:
        raise Refused("exist")
    if stat.S_ISDIR(found.st_mode):
        return _opened_folder(place, make, flags), True
    if place.is_folder or "directory" in make:
        raise Refused("not-directory")
    if stat.S_ISLNK(found.st_mode):
        raise Refused("loop")
    if not stat.S_ISREG(found.st_mode):
        raise folder.root.deny("open", folder.below(path), "not-permitted", "only regular files can be opened")
    fd = os.open(place.name, _mode(flags, make) | _BASE, dir_fd=place.fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # it became something else meanwhile
        os.close(fd)
        raise folder.root.deny("open", folder.below(path), "not-permitted", "only regular files can be opened")
    if "truncate" in make:
        os.ftruncate(fd, 0)
    return fd, False


def _created(folder: Descriptor, place: Place, path: str, flags: frozenset[str]) -> int:
    if place.is_folder:
        raise Refused("is-directory")
    folder.root.add("create", folder.below(path))
    mode = _mode(flags, frozenset()) | os.O_CREAT | os.O_EXCL | _BASE
    return os.open(place.name, mode, 0o666, dir_fd=place.fd)


def _opened_folder(place: Place, make: frozenset[str], flags: frozenset[str]) -> int:
    if "write" in flags or make & {"truncate", "create"}:
        raise Refused("is-directory")
    return os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | _BASE, dir_fd=place.fd)


def _mode(flags: frozenset[str], make: frozenset[str]) -> int:
    writes = "write" in flags or "truncate" in make
    mode = os.O_RDWR if writes and "read" in flags else os.O_WRONLY if writes else os.O_RDONLY
    for name in flags & _SYNC.keys():
        mode |= _SYNC[name]
    return mode


def _directories(session: Session) -> list[tuple[Descriptor, str]]:
    found = []
    for root in session.files.roots:
        rights = frozenset(("read", "mutate-directory") if root.grant.writable else ("read",))
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root.fd)
        found.append((Descriptor(root, fd, root.grant.guest, rights, True), root.grant.guest))
    return found


# What a file says of itself


def _describe(session: Session, root: Root, found: os.stat_result) -> dict[str, Any]:
    told = session.clock.mode == "wall"
    return {
        "type": _TYPES.get(stat.S_IFMT(found.st_mode), "unknown"),
        "link-count": found.st_nlink,
        "size": found.st_size,
        "data-access-timestamp": _time(found.st_atime_ns) if told else None,
        # What a guest wrote would tell it the time.
        "data-modification-timestamp": _time(found.st_mtime_ns) if told or not root.grant.writable else None,
        "status-change-timestamp": _time(found.st_ctime_ns) if told else None,
    }


def _time(nanoseconds: int) -> dict[str, int]:
    shown = max(0, nanoseconds)
    return {"seconds": shown // 10**9, "nanoseconds": shown % 10**9}


def _stat_of(session: Session, file: Descriptor) -> dict[str, Any]:
    return _describe(session, file.root, os.fstat(file.fd))


def _stat_at(session: Session, folder: Descriptor, how: frozenset[str], path: str) -> dict[str, Any]:
    with _place("read", folder, path, follow="symlink-follow" in how) as place:
        return _describe(session, folder.root, _stat(place))


def _type(_session: Session, file: Descriptor) -> str:
    return "directory" if file.is_folder else "regular-file"


def _hash(session: Session, file: Descriptor) -> dict[str, int]:
    return {"lower": session.files.number(os.fstat(file.fd)), "upper": 0}


def _hash_at(session: Session, folder: Descriptor, how: frozenset[str], path: str) -> dict[str, int]:
    with _place("read", folder, path, follow="symlink-follow" in how) as place:
        return {"lower": session.files.number(_stat(place)), "upper": 0}


def _is_same(_session: Session, file: Descriptor, other: Descriptor) -> bool:
    return os.path.samestat(os.fstat(file.fd), os.fstat(other.fd))


# Contents


def _read(_session: Session, file: Descriptor, size: int, offset: int) -> tuple[bytes, bool]:
    _readable(file)
    wanted = min(size, CHUNK)
    data = os.pread(file.fd, wanted, _offset(offset))
    return data, len(data) < wanted


def _readable(file: Descriptor) -> None:
    if file.is_folder:
        raise Refused("is-directory")
    file.needs("read", "read")


def _writable(file: Descriptor) -> None:
    if file.is_folder:
        raise Refused("is-directory")
    file.needs("write", "write")


def _offset(offset: int) -> int:
    if offset > _LAST:
        raise Refused("invalid")
    return offset


def _write(_session: Session, file: Descriptor, data: bytes, offset: int) -> int:
    _writable(file)
    return put(file.open, file.path, data, _offset(offset))


def put(file: _Open, path: str, data: bytes, offset: int) -> int:
    """Writes at an offset, within the quota; how many bytes of it."""
    if file.root.bytes_left is not None:
        file.root.grow(path, offset + len(data) - max(offset if not data else 0, os.fstat(file.fd).st_size))
    return os.pwrite(file.fd, data, offset)


def _set_size(_session: Session, file: Descriptor, size: int) -> None:
    _writable(file)
    file.root.grow(file.path, _offset(size) - os.fstat(file.fd).st_size)
    os.ftruncate(file.fd, size)


class _Reading(InputStream):
    """A file from an offset on."""

    __slots__ = ("_at", "_file")

    def __init__(self, file: _Open, at: int) -> None:
        self._file, self._at = file, at

    def read(self, session: Session, size: int) -> bytes:
        """The next bytes."""
        try:
            data = os.pread(self._file.fd, size, self._at)
        except OSError as problem:
            raise _failed(problem) from None
        if not data:
            raise closed()
        self._at += len(data)
        return data

    def drop(self, frame: Frame | None = None) -> None:
        """Closes the file, if nothing else uses it."""
        self._file.release()


class _Writing(OutputStream):
    """A file from an offset on; without one, its end."""

    __slots__ = ("_at", "_file", "_path")

    def __init__(self, file: _Open, path: str, at: int | None) -> None:
        super().__init__()
        self._file, self._path, self._at = file, path, at

    def write(self, session: Session, data: bytes) -> None:
        """Writes all of it."""
        view = memoryview(data)
        try:
            while view:
                at = os.fstat(self._file.fd).st_size if self._at is None else self._at
                size = put(self._file, self._path, bytes(view), at)
                view = view[size:]
                self._at = None if self._at is None else at + size
        except OSError as problem:
            raise _failed(problem) from None
        except Refused as refused:
            raise failed(f"the file cannot be written: {refused.error}", refused.error) from None

    def drop(self, frame: Frame | None = None) -> None:
        """Closes the file, if nothing else uses it."""
        self._file.release()


def _failed(problem: OSError) -> Refused:
    return failed(problem.strerror or "the file cannot be used", code_of(problem))


def _read_stream(_session: Session, file: Descriptor, offset: int) -> InputStream:
    _readable(file)
    return _Reading(file.open.share(), _offset(offset))


def _write_stream(_session: Session, file: Descriptor, offset: int) -> OutputStream:
    _writable(file)
    return _Writing(file.open.share(), file.path, _offset(offset))


def _append_stream(_session: Session, file: Descriptor) -> OutputStream:
    _writable(file)
    return _Writing(file.open.share(), file.path, None)


def _advise(_session: Session, file: Descriptor, offset: int, size: int, advice: str) -> None:
    if file.is_folder:
        raise Refused("bad-descriptor")
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fd, _offset(offset), _offset(size), getattr(os, _ADVICE[advice]))


def _sync(_session: Session, file: Descriptor) -> None:
    os.fsync(file.fd)


def _sync_data(_session: Session, file: Descriptor) -> None:
    getattr(os, "fdatasync", os.fsync)(file.fd)


# Times


def _times(session: Session, found: os.stat_result, access: Variant, modified: Variant) -> tuple[int, int]:
    return _chosen(session, access, found.st_atime_ns), _chosen(session, modified, found.st_mtime_ns)


def _chosen(session: Session, new: Variant, old: int) -> int:
    if new.case == "no-change":
        return old
    if new.case == "now":
        return session.clock.wall()
    nanoseconds: int = new.value["seconds"] * 10**9 + new.value["nanoseconds"]
    return nanoseconds


def _set_times(session: Session, file: Descriptor, access: Variant, modified: Variant) -> None:
    file.needs("mutate-directory" if file.is_folder else "write", "write")
    os.utime(file.fd, ns=_times(session, os.fstat(file.fd), access, modified))


def _set_times_at(
    session: Session, folder: Descriptor, how: frozenset[str], path: str, access: Variant, modified: Variant
) -> None:
    with _place("write", folder, path, follow="symlink-follow" in how, changes=True) as place:
        times = _times(session, _stat(place), access, modified)
        os.utime(place.name, ns=times, dir_fd=place.fd, follow_symlinks=False)


# Folders


class _Entries(HostResource):
    """The entries of a folder, read as they are asked for."""

    __slots__ = ("_entries", "_root")

    def __init__(self, folder: Descriptor) -> None:
        self._root = folder.root
        self._entries: Iterator[os.DirEntry[str]] = os.scandir(folder.fd)
        self._root.files.open += 1

    def next(self) -> dict[str, str] | None:
        """The next entry; None after the last. Names that are no Unicode cannot be told, and are left out."""
        for entry in self._entries:
            if (entry.name[0] != "." or self._root.grant.hidden) and _is_text(entry.name):
                return {"type": _entry_type(entry), "name": entry.name}
        return None

    def drop(self, frame: Frame | None = None) -> None:
        """Closes it."""
        self._root.files.open -= 1
        self._entries.close()  # type: ignore[attr-defined]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entry_type(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "symbolic-link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "regular-file" if entry.is_file(follow_symlinks=False) else "unknown"


def _entries(_session: Session, folder: Descriptor) -> _Entries:
    if not folder.is_folder:
        raise Refused("not-directory")
    folder.needs("read", "read")
    if folder.root.files.open >= MOST_OPEN:
        raise folder.root.deny("read", folder.path, "insufficient-memory", f"{MOST_OPEN} files are open")
    folder.root.session.told("storage read", folder.path, folder.root.grant.place)
    return _Entries(folder)


def _create_folder(_session: Session, folder: Descriptor, path: str) -> None:
    with _place("create", folder, path, creates=True, changes=True) as place:
        if place.name == ".":
            raise Refused("exist")
        folder.root.add("create", folder.below(path))
        os.mkdir(place.name, dir_fd=place.fd)


def _remove_folder(_session: Session, folder: Descriptor, path: str) -> None:
    with _place("remove", folder, path, changes=True) as place:
        if place.name == ".":
            raise Refused("invalid")
        os.rmdir(place.name, dir_fd=place.fd)


def _unlink(_session: Session, folder: Descriptor, path: str) -> None:
    with _place("remove", folder, path, changes=True) as place:
        found = _stat(place)
        if stat.S_ISDIR(found.st_mode):
            raise Refused("is-directory")
        os.unlink(place.name, dir_fd=place.fd)


def _both(folder: Descriptor, other: Descriptor) -> None:
    """Refuses what would bring something from one granted folder into another."""
    if folder.root is not other.root:
        raise Refused("cross-device")


def _link(_session: Session, folder: Descriptor, how: frozenset[str], path: str, other: Descriptor, new: str) -> None:
    follow = "symlink-follow" in how
    with (
        _place("link", folder, path, follow=follow, changes=True) as old,
        _place("link", other, new, creates=True, changes=True) as place,
    ):
        _both(folder, other)
        found = _stat(old)
        if stat.S_ISDIR(found.st_mode):
            raise Refused("not-permitted")
        if place.is_folder:
            raise Refused("not-directory")
        folder.root.add("link", other.below(new))
        os.link(old.name, place.name, src_dir_fd=old.fd, dst_dir_fd=place.fd, follow_symlinks=False)


def _rename(_session: Session, folder: Descriptor, path: str, other: Descriptor, new: str) -> None:
    with (
        _place("rename", folder, path, changes=True) as old,
        _place("rename", other, new, creates=True, changes=True) as place,
    ):
        _both(folder, other)
        if "." in (old.name, place.name):
            raise Refused("busy")
        is_folder = stat.S_ISDIR(_stat(old).st_mode)
        if place.is_folder and not is_folder:
            raise Refused("not-directory")
        os.rename(old.name, place.name, src_dir_fd=old.fd, dst_dir_fd=place.fd)


def _symlink(_session: Session, target: Descriptor, old: str, new: str) -> None:
    with _place("link", target, new, creates=True, changes=True) as place:
        if place.is_folder:
            raise Refused("not-directory" if place.name != "." else "exist")
        why = _leads_out(old, place.depth, target.root.grant.hidden)
        if why:
            raise target.root.deny("link", target.below(new), "not-permitted", why)
        target.root.add("link", target.below(new))
        os.symlink(old, place.name, dir_fd=place.fd)


def _leads_out(target: str, depth: int, hidden: bool) -> str:
    """Why a link may not stand for a path: others than this host would follow it."""
    if not target or "\0" in target:
        raise Refused("no-entry" if not target else "invalid")
    if target.startswith("/"):
        return "a link stands for a relative path"
    for part in target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return "the link would lead out of the folder"
        if part[:1] == "." and part not in (".", "..") and not hidden:
            return "names that begin with a dot are hidden"
    return ""


def _readlink(_session: Session, folder: Descriptor, path: str) -> str:
    with _place("read", folder, path) as place:
        target = os.readlink(place.name, dir_fd=place.fd)
    if target.startswith("/"):
        raise folder.root.deny("read", folder.below(path), "not-permitted", "the link leads out of the folder")
    if not _is_text(target):
        raise Refused("illegal-byte-sequence")
    return target


def _error_code(_session: Session, error: Error) -> str | None:
    return error.cause if isinstance(error.cause, str) else None


_METHODS: dict[str, Function] = {
    "read-via-stream": _read_stream,
    "write-via-stream": _write_stream,
    "append-via-stream": _append_stream,
    "advise": _advise,
    "sync-data": _sync_data,
    "get-flags": lambda _session, file: file.flags,
    "get-type": _type,
    "set-size": _set_size,
    "set-times": _set_times,
    "read": _read,
    "write": _write,
    "read-directory": _entries,
    "sync": _sync,
    "create-directory-at": _create_folder,
    "stat": _stat_of,
    "stat-at": _stat_at,
    "set-times-at": _set_times_at,
    "link-at": _link,
    "open-at": _open_at,
    "readlink-at": _readlink,
    "remove-directory-at": _remove_folder,
    "rename-at": _rename,
    "symlink-at": _symlink,
    "unlink-file-at": _unlink,
    "metadata-hash": _hash,
    "metadata-hash-at": _hash_at,
}
INTERFACES: dict[str, dict[str, Function]] = {
    "wasi:filesystem/types": {
        **{f"[method]descriptor.{name}": _system(function) for name, function in _METHODS.items()},
        "[method]descriptor.is-same-object": _is_same,
        "[method]directory-entry-stream.read-directory-entry": _system(lambda _session, entries: entries.next()),
        "filesystem-error-code": _error_code,
    },
    "wasi:filesystem/preopens": {"get-directories": _directories},
}
