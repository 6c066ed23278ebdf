"""What a guest puts a request together of, and what an answer comes in: the resources of `wasi:http`.

Not for what is asked of the network, nor for the functions by which a guest uses them: see `http`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import HostResource, Refused
from orchestrator.interface.values import Variant
from orchestrator.wasi._fields import Fields, received
from orchestrator.wasi._kept import Share
from orchestrator.wasi._pipe import ROOM
from orchestrator.wasi._requests import Running, Times
from orchestrator.wasi.streams import InputStream, OutputStream, closed, failed
from orchestrator.wasi.waiting import Pollable

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi._kept import Keeper
    from orchestrator.wasi._pipe import Pipe
    from orchestrator.wasi.session import Session

_SECOND = 1_000_000_000


def once(taken: bool) -> None:
    """Refuses what may be asked for once, by an error that says nothing."""
    if taken:
        raise Refused(None)


# Requests


class Request(HostResource):
    """A request that is being put together."""

    __slots__ = ("_share", "authority", "body", "body_taken", "headers", "method", "scheme", "target")

    def __init__(self, keeper: Keeper, headers: Fields) -> None:
        self._share = Share(keeper)
        self.headers = headers
        headers.is_fixed = True
        self.method = Variant("get")
        self.scheme: Variant | None = None
        self.authority: str | None = None
        self.target: str | None = None
        self.body = Body(keeper, _length(headers))
        self.body_taken = False

    def is_for(self, *, authority: str | None, target: str | None) -> None:
        """Says where it goes: as much as that takes is counted."""
        self._share.set((len(authority or "") + len(target or "")) * _OF_A_CHARACTER)
        self.authority, self.target = authority, target


class Body(HostResource):
    """A body that a guest writes: into a pipe, once its request was handed over.

    Arguments:
        keeper: counts what is kept for the guest.
        length: bytes that it is to have, where a header says so.
    """

    __slots__ = (
        "_share", "error", "finished", "length", "most", "pipe", "running", "stream", "trailers", "waits", "written",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, length: int | None) -> None:
        self._share = Share(keeper)
        self._share.set(_OF_A_MESSAGE)
        self.length, self.written = length, 0
        self.most: int | None = None
        self.pipe: Pipe | None = None
        self.running: Running | None = None
        self.waits = bytearray()
        """What was written before the request was handed over."""
        self.stream: BodyStream | None = None
        self.finished = False
        self.trailers: Any = None
        self.error: Variant | None = None
        """How it ended before its request was handed over."""

    def take(self, data: bytes) -> None:
        """Takes a part of it."""
        self.written += len(data)
        if self.length is not None and self.written > self.length:
            raise failed("more was written than content-length says", Variant("HTTP-request-body-size", self.written))
        if self.most is not None and self.written > self.most:
            self.abort(Variant("HTTP-request-body-size", self.written))
            raise failed(f"the body is larger than {self.most} bytes", Variant("HTTP-request-body-size", self.written))
        if self.pipe is None:
            self._share.set(_OF_A_MESSAGE + len(self.waits) + len(data))
            self.waits += data
        else:
            self.pipe.put(data)

    def room(self) -> int:
        """Bytes that it takes now."""
        if self.pipe is None:
            return max(0, _EARLY - len(self.waits))
        return self.pipe.room

    def begin(self, running: Running) -> None:
        """The request was handed over: what was written goes on its way."""
        exchange = running.exchange
        self.running, self.pipe, self.most = running, exchange.outgoing, exchange.request.rule.max_request
        self.pipe.put(bytes(self.waits))
        self.waits.clear()
        self._share.set(0)

    def abort(self, error: Variant) -> None:
        """It will not be finished."""
        if self.finished:
            return
        self.finished, self.error = True, error
        if self.pipe is not None:
            self.pipe.end(error=error)

    def drop(self, frame: Frame | None = None) -> None:
        """A body that is dropped was not finished."""
        if frame is None and self.running is not None:
            self.running.drop(None)
        self.abort(Variant("HTTP-protocol-error"))


_EARLY = 64 << 10
"""Bytes of a body that are kept until its request is handed over."""
_OF_A_MESSAGE, _OF_A_CHARACTER = 1024, 4
"""Bytes that a request or an answer of the guest's takes beside its headers and body; that a text takes at most."""


class BodyStream(OutputStream):
    __slots__ = ("_body",)

    def __init__(self, body: Body) -> None:
        super().__init__()
        self._body = body

    def _open(self) -> None:
        pipe = self._body.pipe
        if self._body.finished:
            raise closed()
        if pipe is not None and pipe.abandoned:
            running = self._body.running
            error = running.exchange.error if running is not None else None
            raise failed("the other side takes no more of the body", error) if error else closed()

    def room(self, session: Session) -> int:
        """What the pipe takes."""
        self._open()
        return self._body.room()

    def write(self, session: Session, data: bytes) -> None:
        """Into the pipe."""
        self._open()
        if data:
            self._body.take(data)

    def flush(self, session: Session) -> bool:
        """Whether the network took all of it; what is not handed over yet cannot be waited for."""
        self._open()
        return self._body.pipe is None or self._body.pipe.is_drained

    def pollable(self) -> Pollable:
        """Ready when there is room, or when there will be none any more."""
        return Pollable(self._is_ready)

    def _is_ready(self) -> bool:
        body, pipe = self._body, self._body.pipe
        if body.finished or (pipe is not None and pipe.abandoned):
            return True
        return pipe.is_drained if self.flushing and pipe is not None else body.room() > 0


class Options(HostResource):
    """Timeouts that a guest asks for, nanoseconds."""

    __slots__ = ("between_bytes", "connect", "first_byte")

    def __init__(self) -> None:
        self.connect: int | None = None
        self.first_byte: int | None = None
        self.between_bytes: int | None = None

    def times(self) -> Times:
        """As seconds."""
        return Times(_seconds(self.connect), _seconds(self.first_byte), _seconds(self.between_bytes))


def _seconds(asked: int | None) -> float | None:
    return None if asked is None else asked / _SECOND


def _length(headers: Fields) -> int | None:
    """The length of a body that headers tell; None where they do not, or nonsense."""
    values = headers.get("content-length")
    if len(values) != 1 or not values[0].isdigit() or len(values[0]) > 15:
        return None
    return int(values[0])


# Answers


class Future(HostResource):
    """An answer that is on its way."""

    __slots__ = ("running", "taken")

    def __init__(self, running: Running) -> None:
        self.running, self.taken = running, False

    def get(self) -> dict[str, Any] | None:
        """None while there is none; then it, once."""
        exchange = self.running.exchange
        if not exchange.is_answered:
            return None
        if self.taken:
            return {"err": None}
        self.taken = True
        if exchange.answer is None:
            self.running.told()
            return {"ok": {"err": exchange.error}}
        return {"ok": {"ok": Response(self.running)}}

    def drop(self, frame: Frame | None = None) -> None:
        """An answer that nobody took is not waited for."""
        if not self.taken:
            self.running.drop(frame)


class Response(HostResource):
    """An answer whose head has come."""

    __slots__ = ("answer", "consumed", "running")

    def __init__(self, running: Running) -> None:
        answer = running.exchange.answer
        assert answer is not None
        self.running, self.answer, self.consumed = running, answer, False

    def consume(self) -> Incoming:
        """Its body, once."""
        once(self.consumed)
        self.consumed = True
        return Incoming(self.running)

    def drop(self, frame: Frame | None = None) -> None:
        """A body that nobody asked for is not read."""
        if not self.consumed:
            self.running.drop(frame)


class Incoming(HostResource):
    """The body of an answer."""

    __slots__ = ("finished", "running", "stream_taken")

    def __init__(self, running: Running) -> None:
        self.running, self.stream_taken, self.finished = running, False, False

    def stream(self) -> InputStream:
        """Its bytes, once."""
        once(self.stream_taken)
        self.stream_taken = True
        return _IncomingStream(self.running)

    def drop(self, frame: Frame | None = None) -> None:
        """What was not read is not wanted."""
        if not self.finished:
            self.running.drop(frame)


class _IncomingStream(InputStream):
    __slots__ = ("_pipe", "_running")

    def __init__(self, running: Running) -> None:
        # A pipe leads to its exchange: whoever has one is counted for what the host keeps of that.
        self._running, self._pipe = running, running.exchange.incoming

    def read(self, session: Session, size: int) -> bytes:
        """What has come."""
        data = self._pipe.take(size)
        if data or not self._pipe.ended:
            return data
        if not self._pipe.is_drained:
            return self._pipe.take(size)
        if self._pipe.error is not None:
            raise failed("the answer ended before its end", self._pipe.error)
        raise closed()

    def pollable(self) -> Pollable:
        """Ready when something came, or nothing will."""
        return Pollable(self._is_ready)

    def _is_ready(self) -> bool:
        return self._pipe.is_ready


class Trailers(HostResource):
    """What comes behind a body."""

    __slots__ = ("running", "taken")

    def __init__(self, running: Running) -> None:
        self.running, self.taken = running, False

    def get(self, keeper: Keeper) -> dict[str, Any] | None:
        """None while the body has not ended; then them, once."""
        if not self.is_ready():
            return None
        pipe = self.running.exchange.incoming
        if self.taken:
            return {"err": None}
        self.taken = True
        self.running.told()
        if pipe.error is not None:
            return {"ok": {"err": pipe.error}}
        trailers = received(pipe.trailers) if pipe.trailers else []
        return {"ok": {"ok": Fields(keeper, trailers, is_fixed=True) if trailers else None}}

    def is_ready(self) -> bool:
        """Whether `get` gives something; what came of the rest of the body is not wanted, and in the way."""
        pipe = self.running.exchange.incoming
        if not pipe.ended:
            pipe.take(ROOM)
        return pipe.ended

    def drop(self, frame: Frame | None = None) -> None:
        """Nobody waits for them any more."""
        self.running.drop(frame)


class OutgoingResponse(HostResource):
    """An answer of the guest's own, which nobody asks for here."""

    __slots__ = ("body", "body_taken", "headers", "status")

    def __init__(self, keeper: Keeper, headers: Fields) -> None:
        self.headers, self.status = headers, 200
        headers.is_fixed = True
        self.body, self.body_taken = Body(keeper, None), False
