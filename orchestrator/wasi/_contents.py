"""What is in a file: read and written at an offset or as a stream, within the quota of its grant."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from orchestrator.engine.host import Refused
from orchestrator.wasi._codes import code_of
from orchestrator.wasi._files import Descriptor, Function, Opened
from orchestrator.wasi.streams import CHUNK, InputStream, OutputStream, closed, failed

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi.session import Session

_LAST = (1 << 63) - 1
_APPEND = getattr(os, "RWF_APPEND", 0)
_ADVICE = {
    "normal": "POSIX_FADV_NORMAL", "sequential": "POSIX_FADV_SEQUENTIAL", "random": "POSIX_FADV_RANDOM",
    "will-need": "POSIX_FADV_WILLNEED", "dont-need": "POSIX_FADV_DONTNEED", "no-reuse": "POSIX_FADV_NOREUSE",
}  # fmt: skip


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


def _read(_session: Session, file: Descriptor, size: int, offset: int) -> tuple[bytes, bool]:
    _readable(file)
    wanted = min(size, CHUNK)
    data = os.pread(file.fd, wanted, _offset(offset))
    return data, not data and wanted > 0


def _write(_session: Session, file: Descriptor, data: bytes, offset: int) -> int:
    _writable(file)
    return put(file.opened, file.path, data, _offset(offset))


def put(file: Opened, path: str, data: bytes | memoryview, offset: int) -> int:
    """Writes at an offset, within the quota.

    Arguments:
        path: as the guest knows it, for events.

    Returns:
        How many bytes of it were written.
    """
    if file.root.grant.quota is None or not data:
        return os.pwrite(file.fd, data, offset)
    with file.root.growing(path) as growth:
        size = os.fstat(file.fd).st_size
        growth.allow(offset + len(data) - size)
        written = os.pwrite(file.fd, data, offset)
        growth.count(offset + written - size)
    return written


def add(file: Opened, path: str, data: bytes | memoryview) -> int:
    """Writes at the end, wherever others have brought it meanwhile; otherwise as `put`."""
    if file.root.grant.quota is None:
        return _append(file, data)
    with file.root.growing(path) as growth:
        growth.allow(len(data))
        written = _append(file, data)
        growth.count(written)
    return written


def _append(file: Opened, data: bytes | memoryview) -> int:
    try:
        return os.pwritev(file.fd, [data], 0, _APPEND) if _APPEND else _put_last(file, data)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        return _put_last(file, data)


def _put_last(file: Opened, data: bytes | memoryview) -> int:
    return os.pwrite(file.fd, data, os.fstat(file.fd).st_size)


def _set_size(_session: Session, file: Descriptor, size: int) -> None:
    if not file.is_folder and file.root.grant.writable and "write" not in file.flags:
        raise Refused("invalid")  # the system's own error for it, which programs look for
    _writable(file)
    _offset(size)
    with file.root.growing(file.path) as growth:
        larger = size - os.fstat(file.fd).st_size
        growth.allow(larger)
        os.ftruncate(file.fd, size)
        growth.count(larger)


class _Reading(InputStream):
    """A file from an offset on."""

    __slots__ = ("_at", "_file")

    def __init__(self, file: Opened, at: int) -> None:
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

    def __init__(self, file: Opened, path: str, at: int | None) -> None:
        super().__init__()
        self._file, self._path, self._at = file, path, at

    def write(self, session: Session, data: bytes) -> None:
        """Writes all of it."""
        left = memoryview(data)
        try:
            while left:
                written = self._some(left)
                if not written:
                    raise OSError(errno.EIO, "the system writes nothing more")
                left = left[written:]
        except OSError as problem:
            raise _failed(problem) from None
        except OverflowError:
            raise failed("the file cannot be as large", "file-too-large") from None
        except Refused as refused:
            raise failed(f"the file cannot be written: {refused.error}", refused.error) from None

    def _some(self, data: memoryview) -> int:
        if self._at is None:
            return add(self._file, self._path, data)
        size = put(self._file, self._path, data, self._at)
        self._at += size
        return size

    def drop(self, frame: Frame | None = None) -> None:
        """Closes the file, if nothing else uses it."""
        self._file.release()


def _failed(problem: OSError) -> Refused:
    return failed(problem.strerror or "the file cannot be used", code_of(problem))


def _read_stream(_session: Session, file: Descriptor, offset: int) -> InputStream:
    _readable(file)
    return _Reading(file.opened.share(), _offset(offset))


def _write_stream(_session: Session, file: Descriptor, offset: int) -> OutputStream:
    _writable(file)
    return _Writing(file.opened.share(), file.path, _offset(offset))


def _append_stream(_session: Session, file: Descriptor) -> OutputStream:
    _writable(file)
    return _Writing(file.opened.share(), file.path, None)


def _advise(_session: Session, file: Descriptor, offset: int, size: int, advice: str) -> None:
    if file.is_folder:
        raise Refused("bad-descriptor")
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fd, _offset(offset), _offset(size), getattr(os, _ADVICE[advice]))


def _sync(_session: Session, file: Descriptor) -> None:
    os.fsync(file.fd)


def _sync_data(_session: Session, file: Descriptor) -> None:
    getattr(os, "fdatasync", os.fsync)(file.fd)


METHODS: dict[str, Function] = {
    "read-via-stream": _read_stream,
    "write-via-stream": _write_stream,
    "append-via-stream": _append_stream,
    "advise": _advise,
    "sync-data": _sync_data,
    "set-size": _set_size,
    "read": _read,
    "write": _write,
    "sync": _sync,
}
