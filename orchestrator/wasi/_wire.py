"""A socket that never blocks, encrypted or not, and waiting for it.

Whoever waits can be woken: by `Bell.ring`, from any thread. Not for where it leads: who asks for a wire has looked at
the address.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

PART = 64 << 10
"""Bytes that are read or written at a time."""
_UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, 10035, 10036)
"""Of a connection that is being made; the last two on Windows."""
_Selector = selectors.PollSelector if hasattr(select, "poll") else selectors.SelectSelector

Left = Callable[[], float]
"""Seconds that the next wait may take; raises when there are none."""


@cache
def context() -> ssl.SSLContext:
    """How servers are known: by the system's certificates, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    return made


class Bell:
    """Wakes a thread that waits for a socket."""

    def __init__(self) -> None:
        self._rings, self._hears = socket.socketpair()
        self._lock = threading.Lock()
        for end in (self._rings, self._hears):
            end.setblocking(False)

    def ring(self) -> None:
        """Wakes it; harmless when it is awake, or gone."""
        with self._lock, contextlib.suppress(OSError):  # it is full, or closed
            self._rings.send(b"\0")

    def wait(self, seconds: float, other: Any = None, events: int = 0) -> None:
        """Waits until somebody rings, or something happens to another socket."""
        with _Selector() as selector:
            selector.register(self._hears, selectors.EVENT_READ)
            if events:
                selector.register(other, events)
            selector.select(max(0.0, seconds))
        with contextlib.suppress(OSError):
            while self._hears.recv(4096):
                pass

    def __enter__(self) -> Bell:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody waits any more."""
        with self._lock:  # the number of a socket that is closed may be another's the next moment
            self._rings.close()
            self._hears.close()


class Wire:
    """A connection to an address.

    Arguments:
        bell: wakes who waits.

    Raises:
        OSError: there is no such socket to be had.
    """

    def __init__(self, address: str, bell: Bell) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket: Any = socket.socket(family, socket.SOCK_STREAM)
        self._bell, self._address = bell, address
        self._wants_write = False
        """Whether reading needs to write first, as encryption may."""
        self._socket.setblocking(False)

    def connect(self, port: int, left: Left) -> None:
        """Connects.

        Raises:
            OSError: it cannot.
        """
        plain = self._socket
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = plain.connect_ex((self._address, port))
        while code:
            if code not in _UNDER_WAY:
                raise OSError(code, os.strerror(code))
            self.wait(left(), read=False, write=True)
            code = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or _still(plain)

    def encrypt(self, context: ssl.SSLContext, host: str, left: Left) -> None:
        """Shakes hands with the host that was asked for, whatever its address.

        Raises:
            OSError: it is another, or nobody.
        """
        self._socket = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        while True:
            try:
                self._socket.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.wait(left(), read=True, write=False)
            except ssl.SSLWantWriteError:
                self.wait(left(), read=False, write=True)

    def wait(self, seconds: float, *, read: bool, write: bool) -> None:
        """Waits until it can be read or written, or somebody rings."""
        write = write or (read and self._wants_write)
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        self._bell.wait(seconds, self._socket, events)

    def read(self) -> bytes | None:
        """What came; None where nothing did, `b""` at the end."""
        self._wants_write = False
        try:
            data: bytes = self._socket.recv(PART)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return None
        except ssl.SSLZeroReturnError:
            return b""
        return data

    def write(self, data: memoryview) -> int:
        """How many bytes were taken."""
        try:
            size: int = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        return size

    def close(self) -> None:
        """Closes it, whatever the other side makes of that."""
        self._socket.close()


def _still(plain: socket.socket) -> int:
    """Whether a socket is still being connected, as a code for that."""
    try:
        plain.getpeername()
    except OSError:
        return errno.EINPROGRESS
    return 0
