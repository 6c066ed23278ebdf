"""`wasi:io`: errors, waiting for several things at once, and streams of bytes.

A kind of stream says what it reads or writes without blocking; everything that blocks is made of that and of waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import HostResource, Refused
from orchestrator.errors import Trapped
from orchestrator.interface.values import Variant
from orchestrator.wasi.waiting import ALWAYS, Pollable

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

CHUNK = 1 << 20
"""Bytes that one read gives at most, and that a stream takes at a time."""
_ZEROES = bytes(4096)


class Error(HostResource):
    """Why an operation of a stream failed.

    Arguments:
        text: for a person.
        cause: the error code of the package that the stream came from.
    """

    __slots__ = ("cause", "text")

    def __init__(self, text: str, cause: Any = None) -> None:
        self.text, self.cause = text, cause


def closed() -> Refused:
    """What a stream says that has ended."""
    return Refused(Variant("closed"))


def failed(text: str, cause: Any = None) -> Refused:
    """What a stream says whose operation failed; it is closed after it."""
    return Refused(Variant("last-operation-failed", Error(text, cause)))


class InputStream(HostResource):
    """A source of bytes. `read` and `pollable` are a kind's own."""

    __slots__ = ()

    def read(self, session: Session, size: int) -> bytes:
        """At most `size` bytes that are there now, `b""` where none are yet.

        Raises:
            Refused: `closed()` at the end, `failed()`.
        """
        raise NotImplementedError

    def pollable(self) -> Pollable:
        """Ready when `read` gives something, or says that there is no more."""
        return ALWAYS


class OutputStream(HostResource):
    """A sink of bytes. What may be written at once is what `room` says."""

    __slots__ = ("flushing", "permitted")

    def __init__(self) -> None:
        self.permitted = 0
        """What the last `check-write` allowed, and was not written since."""
        self.flushing = False

    def room(self, session: Session) -> int:
        """Bytes that it takes now.

        Raises:
            Refused: `closed()`, `failed()`.
        """
        return CHUNK

    def write(self, session: Session, data: bytes) -> None:
        """Takes no more bytes than it said.

        Raises:
            Refused: `closed()`, `failed()`.
        """
        raise NotImplementedError

    def flush(self, session: Session) -> bool:
        """Begins to hand on what was written; whether all of it is.

        Raises:
            Refused: `closed()`, `failed()`.
        """
        return True

    def pollable(self) -> Pollable:
        """Ready when it has room, or says that it is closed."""
        return ALWAYS


# Input


def _read(session: Session, stream: InputStream, size: int) -> bytes:
    return stream.read(session, min(size, CHUNK)) if size else b""


def _blocking_read(session: Session, stream: InputStream, size: int) -> bytes:
    if not size:
        return b""
    while not (data := stream.read(session, min(size, CHUNK))):
        session.waiting.more(stream.pollable())
    return data


def _skip(session: Session, stream: InputStream, size: int) -> int:
    return len(_read(session, stream, size))


def _blocking_skip(session: Session, stream: InputStream, size: int) -> int:
    return len(_blocking_read(session, stream, size))


# Output


def _check_write(session: Session, stream: OutputStream) -> int:
    stream.permitted = 0 if stream.flushing and not _flushed(session, stream) else stream.room(session)
    return stream.permitted


def _flushed(session: Session, stream: OutputStream) -> bool:
    stream.flushing = not stream.flush(session)
    return not stream.flushing


def _write(session: Session, stream: OutputStream, data: bytes) -> None:
    if len(data) > stream.permitted:
        raise Trapped(f"the guest wrote {len(data)} bytes to a stream that takes {stream.permitted}: see check-write")
    stream.permitted -= len(data)
    stream.write(session, data)


def _flush(session: Session, stream: OutputStream) -> None:
    _flushed(session, stream)


def _blocking_flush(session: Session, stream: OutputStream) -> None:
    while not _flushed(session, stream):
        session.waiting.more(stream.pollable())


def _write_all(session: Session, stream: OutputStream, data: bytes) -> None:
    """Writes as room comes, and flushes."""
    view = memoryview(data)
    while view:
        room = _room(session, stream)
        stream.write(session, bytes(view[:room]))
        view = view[room:]
        if view:
            session.waiting.check()  # there may always be room, and never an end
    stream.permitted = 0
    _blocking_flush(session, stream)


def _room(session: Session, stream: OutputStream) -> int:
    """Waits for room; how much there is."""
    while not (room := _check_write(session, stream)):
        session.waiting.more(stream.pollable())
    return room


def _write_zeroes(session: Session, stream: OutputStream, size: int) -> None:
    if size > stream.permitted:
        raise Trapped(f"the guest wrote {size} zeroes to a stream that takes {stream.permitted}: see check-write")
    stream.permitted -= size
    stream.write(session, bytes(size))


def _write_zeroes_and_flush(session: Session, stream: OutputStream, size: int) -> None:
    while size:
        part = min(size, len(_ZEROES), _room(session, stream))
        stream.write(session, _ZEROES[:part])
        size -= part
        session.waiting.check()
    stream.permitted = 0
    _blocking_flush(session, stream)


def _splice(session: Session, stream: OutputStream, source: InputStream, size: int) -> int:
    room = min(size, _check_write(session, stream))
    data = _read(session, source, room) if room else b""
    if data:
        _write(session, stream, data)
    return len(data)


def _blocking_splice(session: Session, stream: OutputStream, source: InputStream, size: int) -> int:
    if not size:
        return 0
    room = min(size, _room(session, stream))
    data = _blocking_read(session, source, room)
    _write(session, stream, data)
    return len(data)


# Waiting


def _poll(session: Session, pollables: Sequence[Pollable]) -> list[int]:
    if not pollables:
        raise Trapped("the guest polls nothing: the list of pollables is empty")
    return session.waiting.first(pollables)


def _is_ready(session: Session, pollable: Pollable) -> bool:
    return pollable.is_ready(session.clock.monotonic())


def _block(session: Session, pollable: Pollable) -> None:
    session.waiting.first([pollable])


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:io/error": {"[method]error.to-debug-string": lambda _session, error: error.text},
    "wasi:io/poll": {"[method]pollable.ready": _is_ready, "[method]pollable.block": _block, "poll": _poll},
    "wasi:io/streams": {
        "[method]input-stream.read": _read,
        "[method]input-stream.blocking-read": _blocking_read,
        "[method]input-stream.skip": _skip,
        "[method]input-stream.blocking-skip": _blocking_skip,
        "[method]input-stream.subscribe": lambda _session, stream: stream.pollable(),
        "[method]output-stream.check-write": _check_write,
        "[method]output-stream.write": _write,
        "[method]output-stream.blocking-write-and-flush": _write_all,
        "[method]output-stream.flush": _flush,
        "[method]output-stream.blocking-flush": _blocking_flush,
        "[method]output-stream.subscribe": lambda _session, stream: stream.pollable(),
        "[method]output-stream.write-zeroes": _write_zeroes,
        "[method]output-stream.blocking-write-zeroes-and-flush": _write_zeroes_and_flush,
        "[method]output-stream.splice": _splice,
        "[method]output-stream.blocking-splice": _blocking_splice,
    },
}
