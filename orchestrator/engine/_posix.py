"""The system calls that map memory, with addresses as plain integers. Linux only; imported when a component runs.

`changed` needs `PAGEMAP_SCAN`, which Linux has since 6.7; where it is not, nobody can tell which pages were written to.

Source: Linux, `include/uapi/linux/fs.h` and `Documentation/admin-guide/mm/pagemap.rst`.

Misused, each can end the process: only `_memories` calls them, for addresses that it got here.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import threading
from collections.abc import Callable
from functools import cache
from mmap import PAGESIZE

_READ, _READ_WRITE, _NONE = 1, 3, 0
_SHARED, _PRIVATE, _FIXED, _ANONYMOUS, _NORESERVE = 0x01, 0x02, 0x10, 0x20, 0x4000
_DONTNEED = 4
_FAILED = ctypes.c_void_p(-1).value
"""What mmap gives when it fails."""

_libc = ctypes.CDLL(None, use_errno=True)
_PTR, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_mmap = _libc.mmap
_mmap.restype, _mmap.argtypes = _PTR, [_PTR, _SIZE, _INT, _INT, _INT, ctypes.c_int64]
_munmap = _libc.munmap
_munmap.argtypes = [_PTR, _SIZE]
_mprotect = _libc.mprotect
_mprotect.argtypes = [_PTR, _SIZE, _INT]
_madvise = _libc.madvise
_madvise.argtypes = [_PTR, _SIZE, _INT]
_ioctl = _libc.ioctl
_ioctl.argtypes = [_INT, ctypes.c_ulong, _PTR]


def reserve(size: int) -> int:
    """Addresses that nothing else gets and nothing can touch.

    Raises:
        OSError: there are not so many.
    """
    at = _mmap(None, size, _NONE, _PRIVATE | _ANONYMOUS | _NORESERVE, -1, 0)
    if at == _FAILED:
        raise _error()
    return int(at)


def map_file(at: int, size: int, descriptor: int, offset: int) -> None:
    """Has reserved addresses hold what a file holds; what is written there is written nowhere else.

    Raises:
        OSError: the file cannot be mapped.
    """
    if _mmap(at, size, _READ_WRITE, _PRIVATE | _FIXED, descriptor, offset) == _FAILED:
        raise _error()


def map_nothing(at: int, size: int) -> None:
    """Has reserved addresses hold zeros, whatever they held or were mapped from.

    Raises:
        OSError: the process has too many mappings.
    """
    if _mmap(at, size, _READ_WRITE, _PRIVATE | _FIXED | _ANONYMOUS | _NORESERVE, -1, 0) == _FAILED:
        raise _error()


def map_to_read(descriptor: int, size: int) -> int:
    """The address of a file's first bytes, which nothing can write to there.

    Raises:
        OSError: the file cannot be mapped.
    """
    at = _mmap(None, size, _READ, _SHARED, descriptor, 0)
    if at == _FAILED:
        raise _error()
    return int(at)


def allow(at: int, size: int) -> None:
    """Has reserved addresses hold memory, zero at first.

    Raises:
        OSError: there is not so much.
    """
    if _mprotect(at, size, _READ_WRITE):
        raise _error()


def forbid(at: int, size: int) -> None:
    """Has nothing touch these addresses.

    Raises:
        OSError: the process has too many mappings.
    """
    if _mprotect(at, size, _NONE):
        raise _error()


def forget(at: int, size: int) -> None:
    """Has memory be again what it was before anything was written to it.

    Raises:
        OSError: the system takes none of it back, as where it is locked.
    """
    if _madvise(at, size, _DONTNEED):
        raise _error()


def release(at: int, size: int) -> None:
    """Gives addresses back, with what they hold."""
    _munmap(at, size)


def copy(target: int, source: int, size: int) -> None:
    """Copies memory to where other memory is."""
    ctypes.memmove(target, source, size)


_SCAN = struct.Struct("<12Q")
"""A `struct pm_scan_arg`: its size, flags, start, end, where it got to, the regions' place and number, the most pages,
the categories of which the opposite is asked, those that all, and of which some, are asked, those that are told."""
_REGIONS = 512
_FILE, _PRESENT, _SWAPPED = 1 << 2, 1 << 3, 1 << 4
_PAGEMAP_SCAN = (3 << 30) | (_SCAN.size << 16) | (ord("f") << 8) | 16


class _Buffers(threading.local):
    """What a scan is asked with, and where it tells what it found; each thread has its own."""

    def __init__(self) -> None:
        self.found, self.asked = (ctypes.c_uint64 * (3 * _REGIONS))(), (ctypes.c_uint64 * 12)()
        self.at, self.asked_at = ctypes.addressof(self.found), ctypes.addressof(self.asked)


_buffers = _Buffers()


class _Pagemap:
    """The open file that tells of the pages of this process."""

    def __init__(self) -> None:
        self.descriptor = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if hasattr(self, "descriptor"):
            close(self.descriptor)


@cache
def _pagemap() -> _Pagemap:
    """One for all threads; where two of them open it at once, one of the two goes again."""
    return _Pagemap()


def changed(start: int, end: int) -> list[tuple[int, int]]:
    """The regions of a private mapping of a file that were written to, each from where to where, in their order.

    Raises:
        OSError: the system does not tell.
    """
    pagemap, regions = _pagemap(), list[tuple[int, int]]()
    found, asked = _buffers.found, _buffers.asked
    while start < end:
        _SCAN.pack_into(
            asked, 0, _SCAN.size, 0, start, end, 0, _buffers.at, _REGIONS, 0, _FILE, _FILE, _PRESENT | _SWAPPED, 0
        )
        count = _ioctl(pagemap.descriptor, _PAGEMAP_SCAN, _buffers.asked_at)
        if count < 0:
            raise _error()
        regions += [(found[number], found[number + 1]) for number in range(0, 3 * count, 3)]
        start = asked[4] if count == _REGIONS else end
    return regions


def faults() -> int:
    """How many page faults this process has had.

    A page of a private mapping of a file becomes one of its own by a fault of a thread that writes to it, whether a
    guest does or the kernel for it, and each of these is counted. So no page has, as long as this stays the same. A
    forked process, which counts from the beginning, never has the same.

    Source: Linux, `mm_account_fault` in `mm/memory.c`; `getrusage(2)`.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_minflt + used.ru_majflt + _forks[0]


@cache
def tells_changes() -> bool:
    """Whether the system tells which pages were written to."""
    at = reserve(PAGESIZE)
    try:
        return not changed(at, at + PAGESIZE)
    except OSError:
        return False
    finally:
        release(at, PAGESIZE)


_forks = [0]
"""What a process adds to its count of faults, so that it is none of its parent's."""


def _after_fork() -> None:
    """In a forked child, where the file that tells of changes is still that of its parent's memory."""
    _pagemap.cache_clear()
    _forks[0] += 1 << 60


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
