"""Locks where there are no other threads: whoever waits for a lock that is held waits for ever.

CPython's own ask the C library to wait, which has nothing to wait for here, and ends the instance.
"""

import _thread
import queue
import threading
from time import sleep


class Lock:
    """A lock for which a wait that cannot end is an error, and one with a timeout takes that time."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self.release, self.locked = self._lock.release, self._lock.locked

    def acquire(self, blocking=True, timeout=-1):
        if not blocking or (timeout < 0 and timeout != -1) or not self.locked():
            return self._lock.acquire(blocking, timeout)
        if timeout == -1:
            raise RuntimeError("this waits for what nothing will bring about, since there are no other threads")
        sleep(timeout)
        return False

    def __enter__(self):
        return self.acquire()

    def __exit__(self, kind, error, trace):
        self.release()

    def __repr__(self):
        return f"<{'locked' if self.locked() else 'unlocked'} Lock at {id(self):#x}>"


def put():
    """Has `threading` and `queue` make such locks from now on, and all that they build on locks."""
    threading.Lock = threading._allocate_lock = Lock
    queue.SimpleQueue = queue._PySimpleQueue
