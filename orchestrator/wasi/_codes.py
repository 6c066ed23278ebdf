"""Errors of the system as `wasi:filesystem` names them."""

from __future__ import annotations

import errno

_CODES = {
    "EACCES": "access", "EAGAIN": "would-block", "EALREADY": "already", "EBADF": "bad-descriptor", "EBUSY": "busy",
    "EDEADLK": "deadlock", "EDQUOT": "quota", "EEXIST": "exist", "EFBIG": "file-too-large",
    "EILSEQ": "illegal-byte-sequence", "EINPROGRESS": "in-progress", "EINTR": "interrupted", "EINVAL": "invalid",
    "EIO": "io", "EISDIR": "is-directory", "ELOOP": "loop", "EMFILE": "insufficient-memory", "EMLINK": "too-many-links",
    "EMSGSIZE": "message-size", "ENAMETOOLONG": "name-too-long", "ENFILE": "insufficient-memory",
    "ENOBUFS": "insufficient-memory", "ENODEV": "no-device", "ENOENT": "no-entry", "ENOLCK": "no-lock",
    "ENOMEM": "insufficient-memory", "ENOSPC": "insufficient-space", "ENOSYS": "unsupported",
    "ENOTDIR": "not-directory", "ENOTEMPTY": "not-empty", "ENOTRECOVERABLE": "not-recoverable",
    "ENOTSUP": "unsupported", "ENOTTY": "no-tty", "ENXIO": "no-such-device", "EOPNOTSUPP": "unsupported",
    "EOVERFLOW": "overflow", "EPERM": "not-permitted", "EPIPE": "pipe", "EROFS": "read-only", "ESPIPE": "invalid-seek",
    "ESTALE": "no-entry", "ETXTBSY": "text-file-busy", "EXDEV": "cross-device",
}  # fmt: skip
_BY_NUMBER = {getattr(errno, name): code for name, code in _CODES.items() if hasattr(errno, name)}
CODES = frozenset(_CODES.values())
"""Every error that the standard knows."""


def code_of(problem: OSError) -> str:
    """The standard's error for one of the system."""
    return _BY_NUMBER.get(problem.errno or 0, "io")
