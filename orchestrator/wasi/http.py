"""`wasi:http`: requests of a guest, and the answers to them.

A request is looked at when it is handed over (`outgoing-handler.handle`): its address in one form, its grant, its
secrets. No redirect is followed: the guest sees it, and asks again. Incoming requests do not exist here. What requests
and answers are is in `_messages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.capability import url as urls
from orchestrator.capability.url import NotAnAddress
from orchestrator.diagnostics import printable
from orchestrator.engine.host import Refused
from orchestrator.errors import Trapped
from orchestrator.interface.values import Variant
from orchestrator.wasi._fields import Fields, forbidden, received
from orchestrator.wasi._messages import (
    Body,
    BodyStream,
    Future,
    Incoming,
    Options,
    OutgoingResponse,
    Request,
    Response,
    Trailers,
    once,
)
from orchestrator.wasi._requests import TOKEN, Asked, NotAllowed, TooLarge, TooMany, begin, error_of
from orchestrator.wasi.streams import Error, OutputStream
from orchestrator.wasi.waiting import Pollable

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

_TARGET = re.compile(r"[^\x00-\x20\x7f#]{0,8192}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")


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
    once(request.body_taken)
    request.body_taken = True
    return request.body


def _body_write(_session: Session, body: Body) -> OutputStream:
    once(body.stream is not None)
    body.stream = BodyStream(body)
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
