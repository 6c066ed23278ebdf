"""Work that one process does while others wait for what comes of it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system says that has no `flock`."""


@contextlib.contextmanager
def alone(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds a lock file; where there is no `flock`, two do the same work, and the file of one of them wins.

    Threads of one process wait for each other alike.

    Arguments:
        lock: the file; it is made where it is not there, in a folder that is.
        waiting: told when somebody else holds it.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as problem:
            if problem.errno not in _WITHOUT_LOCKS:
                raise
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)  # closing it is not enough where a process that was forked has it, too
