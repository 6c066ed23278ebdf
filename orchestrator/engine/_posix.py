"""The system calls that map memory, with addresses as plain integers. Linux only; imported when a component runs.

Misused, each can end the process: only `_memories` calls them, for addresses that it got here.
"""

from __future__ import annotations

import ctypes
import os

_READ_WRITE, _NONE = 3, 0
_PRIVATE, _FIXED, _ANONYMOUS, _NORESERVE = 0x02, 0x10, 0x20, 0x4000
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


def forget(at: int, size: int) -> bool:
    """Has memory be again what it was before anything was written to it; whether it is."""
    return not _madvise(at, size, _DONTNEED)


def release(at: int, size: int) -> None:
    """Gives addresses back, with what they hold."""
    _munmap(at, size)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
