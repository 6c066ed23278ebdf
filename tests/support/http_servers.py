"""Servers on loopback that answer as a test says, however wrong that is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, bytes], None]
"""(the connection, the head of the request) -> nothing; the connection is closed after it."""


@dataclass
class Server:
    """A server.

    Arguments:
        heads: the head of every request that came.
    """

    port: int
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(answer: Answer, encryption: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that gives each connection to `answer`, on a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server, open_ = Server(listening.getsockname()[1]), list[socket.socket]()

        def one(connection: socket.socket) -> None:
            with suppress(OSError, ValueError), _wrapped(connection, encryption) as connection:
                head = read_head(connection)
                server.heads.append(head)
                answer(connection, head)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    open_.append(connection)
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for connection in open_:
                connection.close()


def _wrapped(connection: socket.socket, encryption: ssl.SSLContext | None) -> socket.socket:
    if encryption is None:
        return connection
    try:
        return encryption.wrap_socket(connection, server_side=True)
    except OSError:
        connection.close()
        raise


def read_head(connection: socket.socket) -> bytes:
    """The head of a request, without what comes behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return head


def saying(data: bytes) -> Answer:
    """Answers with bytes, whatever is asked."""
    return lambda connection, _head: connection.sendall(data)


def plain(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer as it should be."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


def moved(location: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return plain(b"", status, f"location: {location}\r\n")


def chunked(connection: socket.socket) -> tuple[int, list[bytes]]:
    """Reads a body in chunks: its size, and the lines of its trailers."""
    size = 0
    with connection.makefile("rb") as stream:
        while (length := int(stream.readline(), 16)) > 0:
            size += len(stream.read(length))
            stream.readline()
        return size, [line.strip() for line in iter(stream.readline, b"\r\n")]
