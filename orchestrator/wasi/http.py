"""`wasi:http`: requests of a guest, and the answers to them.

A request is looked at when it is handed over (`outgoing-handler.handle`): its address in one form, its grant, its
secrets. No redirect is followed: the guest sees it, and asks again. Incoming requests do not exist here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.capability import url as urls
from orchestrator.capability.url import NotAnAddress
from orchestrator.diagnostics import printable
from orchestrator.engine.host import HostResource, Refused
from orchestrator.errors import Trapped
from orchestrator.interface.values import Variant
from orchestrator.wasi._fields import Fields, forbidden, received
from orchestrator.wasi._kept import Share
from orchestrator.wasi._pipe import ROOM
from orchestrator.wasi._requests import TOKEN, Asked, NotAllowed, Running, Times, TooLarge, TooMany, begin, error_of
from orchestrator.wasi.streams import Error, InputStream, OutputStream, closed, failed
from orchestrator.wasi.waiting import Pollable

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi._kept import Keeper
    from orchestrator.wasi._pipe import Pipe
    from orchestrator.wasi.session import Session

_TARGET = re.compile(r"[^\x00-\x20\x7f#]{0,8192}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
_SECOND = 1_000_000_000


def _once(taken: bool) -> None:
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
        self.stream: _BodyStream | None = None
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


class _BodyStream(OutputStream):
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


def _handle(session: Session, request: Request, options: Options | None) -> Future:
    method = request.method.value if request.method.case == "other" else request.method.case.upper()
    url = _address(session, method, request)
    lengths = request.headers.get("content-length")
    if lengths and (len(lengths) > 1 or request.body.length is None):
        raise Refused(Variant("HTTP-protocol-error"))
    headers = [pair for pair in request.headers.sent() if pair[0] != b"content-length"]
    body = request.body
    streams = request.body_taken and body.length is None
    length = body.length if request.body_taken or body.length == 0 else None if method in ("GET", "HEAD") else 0
    asked = Asked(method, url, headers, length, streams, max(body.length or 0, body.written))
    try:
        running = begin(session, asked, (options or Options()).times())
    except (NotAllowed, TooMany, TooLarge) as problem:
        raise Refused(error_of(problem)) from None
    body.begin(running)
    if body.finished or not request.body_taken:
        running.exchange.outgoing.end(trailers=body.trailers, error=body.error)
        body.finished = True
    return Future(running)


def _address(session: Session, method: str, request: Request) -> urls.Url:
    scheme = request.scheme
    name = "https" if scheme is None else scheme.value if scheme.case == "other" else scheme.case.lower()
    if not request.authority:
        raise Refused(Variant("HTTP-request-URI-invalid"))
    try:
        return urls.of_parts(name, request.authority, request.target or "/")
    except NotAnAddress as problem:
        shown = printable(f"{name}://{request.authority}"[:200])
        session.told(f"http {method}", shown, f"grants.http: no address that can be granted: {problem}", False)
        code = "HTTP-request-denied" if name not in urls.PORTS else "HTTP-request-URI-invalid"
        raise Refused(Variant(code)) from None


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
        _once(self.consumed)
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
        _once(self.stream_taken)
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


# Functions


def _from_list(session: Session, entries: list[tuple[str, bytes]]) -> Fields:
    made = Fields(session.keeper)
    for name, value in entries:
        _append(session, made, name, value)
    return made


def _set(session: Session, fields: Fields, name: str, values: list[bytes]) -> None:
    with _telling(session, name):
        fields.set(name, values)


def _append(session: Session, fields: Fields, name: str, value: bytes) -> None:
    with _telling(session, name):
        fields.append(name, value)


@contextmanager
def _telling(session: Session, name: str) -> Iterator[None]:
    """Tells of a header that is refused for what it is."""
    try:
        yield
    except Refused as refused:
        if refused.error.case == "forbidden":
            session.told("http header", printable(name[:64]), forbidden(name), False)
        raise


def _set_method(_session: Session, request: Request, method: Variant) -> None:
    if method.case == "other" and not TOKEN.fullmatch(method.value):
        raise Refused(None)
    if method.case == "other" and method.value.lower() in _METHODS:
        method = Variant(method.value.lower())
    request.method = method


def _set_target(_session: Session, request: Request, target: str | None) -> None:
    if target is not None and not _TARGET.fullmatch(target):
        raise Refused(None)
    request.is_for(authority=request.authority, target=target)


def _set_scheme(_session: Session, request: Request, scheme: Variant | None) -> None:
    if scheme is not None and scheme.case == "other" and not _SCHEME.fullmatch(scheme.value):
        raise Refused(None)
    request.scheme = scheme


def _set_authority(_session: Session, request: Request, authority: str | None) -> None:
    if authority is not None:
        try:
            urls.of_parts("http", authority, "/")
        except NotAnAddress:
            raise Refused(None) from None
    request.is_for(authority=authority, target=request.target)


def _headers(session: Session, message: Request | OutgoingResponse) -> Fields:
    return Fields(session.keeper, message.headers.pairs, is_fixed=True)


def _received(session: Session, response: Response) -> Fields:
    return Fields(session.keeper, received(response.answer.headers), is_fixed=True)


def _body(_session: Session, request: Request | OutgoingResponse) -> Body:
    _once(request.body_taken)
    request.body_taken = True
    return request.body


def _body_write(_session: Session, body: Body) -> OutputStream:
    _once(body.stream is not None)
    body.stream = _BodyStream(body)
    return body.stream


def _body_finish(_session: Session, body: Body, trailers: Fields | None) -> None:
    if body.length is not None and body.written != body.length:
        body.abort(Variant("HTTP-request-body-size", body.written))
        raise Refused(Variant("HTTP-request-body-size", body.written))
    sent = trailers.sent() if trailers is not None else None
    if sent and any(name == b"content-length" for name, _ in sent):
        body.abort(Variant("HTTP-protocol-error"))
        raise Refused(Variant("HTTP-protocol-error"))
    if body.pipe is None:
        body.trailers = sent
    elif not body.finished:
        body.pipe.end(trailers=sent)
    body.finished = True


def _finish(_session: Session, body: Incoming) -> Trailers:
    body.finished = True
    return Trailers(body.running)


def _set_status(_session: Session, response: OutgoingResponse, status: int) -> None:
    if not 100 <= status <= 599:
        raise Refused(None)
    response.status = status


def _option(name: str) -> dict[str, Any]:
    field = name.removesuffix("-timeout").replace("-", "_")

    def put(_session: Session, options: Options, duration: int | None) -> None:
        setattr(options, field, duration)

    return {
        f"[method]request-options.{name}": lambda _session, options: getattr(options, field),
        f"[method]request-options.set-{name}": put,
    }


def _impossible(_session: Session, *_values: object) -> None:
    raise Trapped("the guest calls a function of an incoming request, and has none")


def _none_of(resource: str, *functions: str) -> dict[str, Any]:
    return {f"[method]{resource}.{name}": _impossible for name in functions}


def _error_code(_session: Session, error: Error) -> Variant | None:
    return error.cause if isinstance(error.cause, Variant) else None


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:http/types": {
        "[constructor]fields": lambda session: Fields(session.keeper),
        "[static]fields.from-list": _from_list,
        "[method]fields.get": lambda _session, fields, name: fields.get(name),
        "[method]fields.has": lambda _session, fields, name: bool(fields.get(name)),
        "[method]fields.set": _set,
        "[method]fields.delete": lambda _session, fields, name: fields.delete(name),
        "[method]fields.append": _append,
        "[method]fields.entries": lambda _session, fields: fields.pairs,
        "[method]fields.clone": lambda session, fields: Fields(session.keeper, fields.pairs),
        **_none_of("incoming-request", "method", "path-with-query", "scheme", "authority", "headers", "consume"),
        "[constructor]outgoing-request": lambda session, headers: Request(session.keeper, headers),
        "[method]outgoing-request.body": _body,
        "[method]outgoing-request.method": lambda _session, request: request.method,
        "[method]outgoing-request.set-method": _set_method,
        "[method]outgoing-request.path-with-query": lambda _session, request: request.target,
        "[method]outgoing-request.set-path-with-query": _set_target,
        "[method]outgoing-request.scheme": lambda _session, request: request.scheme,
        "[method]outgoing-request.set-scheme": _set_scheme,
        "[method]outgoing-request.authority": lambda _session, request: request.authority,
        "[method]outgoing-request.set-authority": _set_authority,
        "[method]outgoing-request.headers": _headers,
        "[constructor]request-options": lambda _session: Options(),
        **_option("connect-timeout"),
        **_option("first-byte-timeout"),
        **_option("between-bytes-timeout"),
        "[static]response-outparam.set": _impossible,
        "[method]incoming-response.status": lambda _session, response: response.answer.status,
        "[method]incoming-response.headers": _received,
        "[method]incoming-response.consume": lambda _session, response: response.consume(),
        "[method]incoming-body.stream": lambda _session, body: body.stream(),
        "[static]incoming-body.finish": _finish,
        "[method]future-trailers.subscribe": lambda _session, trailers: Pollable(trailers.is_ready),
        "[method]future-trailers.get": lambda session, trailers: trailers.get(session.keeper),
        "[constructor]outgoing-response": lambda session, headers: OutgoingResponse(session.keeper, headers),
        "[method]outgoing-response.status-code": lambda _session, response: response.status,
        "[method]outgoing-response.set-status-code": _set_status,
        "[method]outgoing-response.headers": _headers,
        "[method]outgoing-response.body": _body,
        "[method]outgoing-body.write": _body_write,
        "[static]outgoing-body.finish": _body_finish,
        "[method]future-incoming-response.subscribe": lambda _session, future: Pollable(
            lambda: future.running.exchange.is_answered
        ),
        "[method]future-incoming-response.get": lambda _session, future: future.get(),
        "http-error-code": _error_code,
    },
    "wasi:http/outgoing-handler": {"handle": _handle},
}
