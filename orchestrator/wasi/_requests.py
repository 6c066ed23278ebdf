"""What a request has to pass before it is sent: its address read, its grant found, its secrets added.

Used by `wasi:http` and `agent:api/web` alike; what either makes of a refusal is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.capability import http, secrets
from orchestrator.capability.url import Url
from orchestrator.interface.values import Variant
from orchestrator.wasi._exchange import BETWEEN_BYTES, CONNECT, FIRST_BYTE, Exchange, Headers, Request

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

AT_ONCE = 16
"""Exchanges that an instance may have going on at a time."""


class NotAllowed(Exception):
    """A request that no grant admits; the message says so."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that the steps of an exchange may take."""

    connect: float = CONNECT
    first_byte: float = FIRST_BYTE
    between_bytes: float = BETWEEN_BYTES


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


def begin(
    session: Session, method: str, url: Url, headers: Headers, length: int | None, streams: bool, times: Times
) -> Running:
    """Begins an exchange that a grant admits.

    Raises:
        NotAllowed: none does.
        TooMany: as many go on as may.
    """
    rule = allowed(session, method, url)
    session.exchanges = [one for one in session.exchanges if not one.is_over]
    if len(session.exchanges) >= AT_ONCE:
        session.told(f"http {method}", url.shown, f"{rule.place}: {AT_ONCE} exchanges go on at once", False)
        raise TooMany
    used = secrets.for_origin(session.authority.secrets, url)
    for secret in used:
        session.told("secret add", f"{secret.name} to {url.origin}", secret.place)
    request = Request(
        method,
        url,
        _with_secrets(headers, used, session.desk.traceparent(session.frame)),
        length,
        streams,
        rule,
        secrets.Cover(session.authority.secrets),
        tuple(session.authority.networks),
        times.connect,
        times.first_byte,
        times.between_bytes,
    )
    running = Running(session, request)
    session.exchanges.append(running.exchange)
    return running


class TooMany(Exception):
    """As many exchanges go on as may."""


def _with_secrets(headers: Headers, used: Sequence[secrets.Rule], traceparent: str) -> Headers:
    """The headers with the secrets in place of what the guest wrote there."""
    own = {rule.header.encode() for rule in used}
    if traceparent:
        own.add(b"traceparent")
    if used:
        own.add(b"accept-encoding")
    kept = [(name, value) for name, value in headers if name not in own]
    kept += [(rule.header.encode(), rule.text.encode()) for rule in used]
    if traceparent:
        kept.append((b"traceparent", traceparent.encode()))
    if used:
        kept.append((b"accept-encoding", b"identity"))
    return kept


class Running:
    """An exchange of a guest, which is told of once, when it is over for the guest."""

    __slots__ = ("_told", "exchange", "frame", "session")

    def __init__(self, session: Session, request: Request) -> None:
        self.session, self.frame, self._told = session, session.frame, False

        def prohibited(why: str) -> None:
            session.desk.decided(self.frame, "http connect", request.url.origin, f"addresses: {why}", False)

        self.exchange = Exchange(request, session.waiting.ring, prohibited)

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

    def cancel(self) -> None:
        """The guest wants no more of it."""
        self.told()
        self.exchange.cancel()


def error_of(problem: Exception) -> Variant:
    """The standard's error for a request that did not begin."""
    return Variant("connection-limit-reached" if isinstance(problem, TooMany) else "HTTP-request-denied")
