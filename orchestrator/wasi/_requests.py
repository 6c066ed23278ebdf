"""What a request has to pass before it is sent: its address read, its grant found, its secrets added.

Used by `wasi:http` and `agent:api/web` alike; what either makes of a refusal is its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.capability import http, secrets
from orchestrator.capability.url import Url
from orchestrator.interface.values import Variant
from orchestrator.wasi._exchange import BETWEEN_BYTES, CONNECT, FIRST_BYTE, Exchange, Headers, Request
from orchestrator.wasi._line import MOST

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi.session import Session

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
"""A method."""
LONGEST = 86_400.0
"""Seconds that a guest may be willing to wait for a step; a grant's timeout and its own deadline end it before."""
_PARTS = (b"if-range", b"range")
"""Headers that ask for a part of an answer: of a secret too, then, which would not be known by its parts."""


class NotAllowed(Exception):
    """A request that no grant admits; the message says so."""


class TooMany(Exception):
    """An instance has as many exchanges as it may."""


class TooLarge(Exception):
    """A body has more bytes than may be sent.

    Arguments:
        most: so many.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"a request has {most} bytes at most")
        self.most = most


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a guest makes it.

    Arguments:
        headers: names in lower case; without those that are the host's own.
        length: bytes of the body; None where there is none, or where it is not known before.
        streams: whether a body of unknown length follows.
        written: bytes of the body that there are already.
    """

    method: str
    url: Url
    headers: Headers
    length: int | None = None
    streams: bool = False
    written: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that the steps of an exchange may take, where the guest says so."""

    connect: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None


def allowed(session: Session, method: str, url: Url) -> http.Rule:
    """The grant that admits a request.

    Raises:
        NotAllowed: none does; it is told.
    """
    rule = http.match(session.authority.http, method, url)
    if rule is None:
        granted = ", ".join(rule.text for rule in session.authority.http) or "nothing"
        why = f"grants.http: no grant admits {method} {url.shown}; granted: {granted}"
        session.told(f"http {method}", url.shown, why, False)
        raise NotAllowed(why)
    return rule


def begin(session: Session, asked: Asked, times: Times) -> Running:
    """Begins an exchange that a grant admits.

    Raises:
        NotAllowed: none does.
        TooMany: there are as many as may be.
        TooLarge: the body is known to be larger than the grant allows.
    """
    method, url = asked.method, asked.url
    rule = allowed(session, method, url)
    _bounded(session, asked, rule)
    used = secrets.for_origin(session.authority.secrets, url)
    for secret in used:
        session.told("secret add", f"{secret.name} to {url.origin}", secret.place)
    patience = rule.timeout or 0.0
    trace = session.desk.traceparent(session.frame) if rule.trace else ""
    request = Request(
        method,
        url,
        _with_secrets(asked.headers, used, trace),
        asked.length,
        asked.streams,
        rule,
        session.cover,
        tuple(session.authority.networks),
        bool(used),
        _seconds(times.connect, CONNECT),
        _seconds(times.first_byte, max(FIRST_BYTE, patience)),
        _seconds(times.between_bytes, max(BETWEEN_BYTES, patience)),
    )
    running = Running(session, request)
    session.line.join(running)
    return running


def _bounded(session: Session, asked: Asked, rule: http.Rule) -> None:
    """Refuses what there is too much of, and tells so."""
    operation, subject = f"http {asked.method}", asked.url.shown
    size = max(asked.length or 0, asked.written)
    if size > rule.max_request:
        why = f"{rule.place}: the body has {size} bytes, {rule.max_request} may be sent"
        session.told(operation, subject, why, False)
        raise TooLarge(rule.max_request)
    if session.line.is_full:
        session.told(operation, subject, f"{rule.place}: {MOST} requests are not done with", False)
        raise TooMany


def _seconds(asked: float | None, otherwise: float) -> float:
    return otherwise if asked is None else min(asked, LONGEST)


def _with_secrets(headers: Headers, used: Sequence[secrets.Rule], traceparent: str) -> Headers:
    """The headers with the secrets in place of what the guest wrote there."""
    own = {rule.header.encode() for rule in used}
    if traceparent:
        own.add(b"traceparent")
    if used:
        own.update((b"accept-encoding", *_PARTS))
    kept = [(name, value) for name, value in headers if name not in own]
    kept += [(rule.header.encode(), rule.text.encode()) for rule in used]
    if traceparent:
        kept.append((b"traceparent", traceparent.encode()))
    if used:
        kept.append((b"accept-encoding", b"identity"))
    return kept


class Running:
    """An exchange of a guest, which is told of once, when it is over for the guest."""

    __slots__ = ("__weakref__", "_told", "exchange", "frame", "session")

    def __init__(self, session: Session, request: Request) -> None:
        self.session, self.frame, self._told = session, session.frame, False
        desk, frame = session.desk, session.frame  # not `self`: nothing but the guest's handles may keep it

        def prohibited(why: str) -> None:
            desk.decided(frame, "http connect", request.url.origin, f"addresses: {why}", False)

        self.exchange = Exchange(request, session.waiting.ring, prohibited, session.line.leave)

    def told(self) -> None:
        """Tells what became of it."""
        if self._told:
            return
        self._told = True
        exchange = self.exchange
        request = exchange.request
        detail: dict[str, Any] = {"sent": exchange.sent, "received": exchange.received}
        if exchange.answer is not None:
            detail["status"] = exchange.answer.status
        failed = exchange.error or exchange.incoming.error
        if failed is not None:
            detail["error"] = f"{failed.case}: {exchange.why}" if exchange.why else failed.case
        self.session.desk.exchanged(
            self.frame, f"http {request.method}", request.url.shown, request.rule.place, exchange.began, detail
        )

    def drop(self, frame: Frame | None) -> None:
        """The guest has nothing of it any more; or its instance ends, and nothing is to begin in place of it."""
        if frame is None:
            self.session.line.close()
        self.cancel()

    def cancel(self) -> None:
        """The guest wants no more of it."""
        self.told()
        self.exchange.cancel()


def error_of(problem: Exception) -> Variant:
    """The standard's error for a request that did not begin."""
    match problem:
        case TooMany():
            return Variant("connection-limit-reached")
        case TooLarge():
            return Variant("HTTP-request-body-size", problem.most)
    return Variant("HTTP-request-denied")
