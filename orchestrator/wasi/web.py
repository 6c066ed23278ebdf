"""`agent:api/web`: a request and its whole answer in one call, under the same grants as `wasi:http`.

A redirect is followed where a grant admits the address that it leads to, and is denied elsewhere.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

from orchestrator.capability import url as urls
from orchestrator.capability.url import NotAnAddress, Url
from orchestrator.diagnostics import printable
from orchestrator.engine.host import Refused
from orchestrator.interface.values import Variant
from orchestrator.wasi._fields import Fields, forbidden, received
from orchestrator.wasi._line import MOST
from orchestrator.wasi._requests import TOKEN, Asked, NotAllowed, Running, Times, TooLarge, TooMany, begin
from orchestrator.wasi.waiting import Pollable

if TYPE_CHECKING:
    from orchestrator.wasi._exchange import Exchange, Headers
    from orchestrator.wasi.session import Session

REDIRECTS = 5
"""How often a request is sent on."""
_MOVED, _SAME = (301, 302, 303), (307, 308)
_PART = 1 << 20
_OF_ONE_ORIGIN = (b"authorization", b"cookie", b"proxy-authorization")
_KNOWN = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_TIMES = (
    "DNS-timeout", "connection-timeout", "HTTP-response-timeout", "connection-read-timeout", "connection-write-timeout",
)  # fmt: skip


def _fetch(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    method = _method(session, request["method"])
    url = _address(session, method, request["url"])
    headers = _headers(session, method, url, request["headers"])
    body: bytes = request["body"]
    for _ in range(REDIRECTS + 1):
        status, answered, data, location = _sent(session, method, url, headers, body)
        if location is None:
            return {"status": status, "headers": answered, "body": data}
        before, url = url, _next(session, method, url, location)
        if status in _MOVED and (status == 303 or method == "POST") and method != "HEAD":
            method, body = "GET", b""
            headers = [pair for pair in headers if not pair[0].startswith(b"content-")]
        if before.origin != url.origin:
            headers = [pair for pair in headers if pair[0] not in _OF_ONE_ORIGIN]
    raise Refused(Variant("unreachable", f"the request was sent on more than {REDIRECTS} times"))


def _method(session: Session, text: str) -> str:
    if not TOKEN.fullmatch(text):
        why = f"grants.http: `{printable(text[:64])}` is no method"
        session.told("http", "", why, False)
        raise Refused(Variant("denied", why))
    upper = text.upper()
    return upper if upper in _KNOWN else text


def _address(session: Session, method: str, text: str) -> Url:
    try:
        return urls.parse(text)
    except NotAnAddress as problem:
        why = f"`{printable(text[:200])}` is no address that can be asked: {problem}"
        session.told(f"http {method}", "", f"grants.http: {why}", False)
        raise Refused(Variant("invalid-request", why)) from None


def _headers(session: Session, method: str, url: Url, pairs: list[tuple[str, str]]) -> Headers:
    found = Fields(session.keeper)
    for name, value in pairs:
        try:
            found.append(name, value.encode())
        except Refused as refused:
            what = printable(name[:64])
            syntax = f"grants.http: the header `{what}` has something in it that none can have"
            why = forbidden(what) if refused.error.case == "forbidden" else syntax
            session.told(f"http {method}", url.shown, why, False)
            raise Refused(Variant("invalid-request", why.removeprefix("grants.http: "))) from None
    return [pair for pair in found.sent() if pair[0] != b"content-length"]


def _sent(
    session: Session, method: str, url: Url, headers: Headers, body: bytes
) -> tuple[int, list[tuple[str, str]], bytes, str | None]:
    """One request, answered: status, headers, body, and where it is sent on to."""
    running = _begun(session, method, url, headers, body)
    try:
        return _answered(session, running, body)
    finally:
        running.cancel()


def _begun(session: Session, method: str, url: Url, headers: Headers, body: bytes) -> Running:
    length = len(body) if body or method in ("PATCH", "POST", "PUT") else None
    try:
        return begin(session, Asked(method, url, headers, length), Times())
    except NotAllowed as problem:
        raise Refused(Variant("denied", str(problem))) from None
    except TooMany:
        raise Refused(Variant("denied", f"{MOST} requests are not done with")) from None
    except TooLarge as problem:
        why = f"the body has {len(body)} bytes, {problem.most} may be sent"
        raise Refused(Variant("denied", why)) from None


def _answered(session: Session, running: Running, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, str | None]:
    exchange = running.exchange
    exchange.outgoing.put(body)
    exchange.outgoing.end()
    session.waiting.until(lambda: exchange.is_answered)
    answer = exchange.answer
    if answer is None:
        raise _refusal(running)
    headers = received(answer.headers)
    location = next((value for name, value in headers if name == "location"), b"")
    if answer.status in (*_MOVED, *_SAME) and location:
        return answer.status, [], b"", location.decode("latin-1")
    data = _whole(session, exchange)
    if exchange.incoming.error is not None:
        raise _refusal(running)
    shown = [(name, value.decode("latin-1")) for name, value in headers]
    return answer.status, shown, data, None


def _whole(session: Session, exchange: Exchange) -> bytes:
    """The whole body, as far as it came; no more is kept than the guest's own memory could take."""
    parts: list[bytes] = []
    while True:
        session.waiting.more(Pollable(lambda: exchange.incoming.is_ready))
        data = exchange.incoming.take(_PART)
        if data:
            parts.append(data)
        elif exchange.incoming.ended and exchange.incoming.is_drained:
            return b"".join(parts)
        if exchange.received > session.memory:
            raise Refused(Variant("too-large", session.memory))


def _refusal(running: Running) -> Refused:
    """What an exchange that failed is to the guest."""
    exchange = running.exchange
    error = exchange.error or exchange.incoming.error
    if error.case == "HTTP-response-body-size":
        return Refused(Variant("too-large", exchange.request.rule.max_response))
    if error.case in _TIMES:
        return Refused(Variant("timed-out"))
    if error.case == "destination-IP-prohibited":  # which address it is says something of the network inside
        return Refused(Variant("denied", f"{exchange.request.url.host} leads to no address that may be asked"))
    return Refused(Variant("unreachable", exchange.why or error.case))


def _next(session: Session, method: str, url: Url, location: str) -> Url:
    """Where a redirect leads to."""
    try:
        return urls.parse(urllib.parse.urljoin(str(url), location.partition("#")[0]))
    except ValueError as problem:
        why = f"a redirect of {url.shown} leads to no address that can be asked: {problem}"
        session.told(f"http {method}", url.shown, f"grants.http: {why}", False)
        raise Refused(Variant("denied", why)) from None


INTERFACES: dict[str, dict[str, Any]] = {"agent:api/web": {"fetch": _fetch}}
