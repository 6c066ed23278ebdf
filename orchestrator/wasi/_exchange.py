"""One request over HTTP/1.1 and its answer, on a thread of its own.

The thread looks up the name, looks at every address, connects to one that it looked at, and goes between the socket
and two pipes: it never holds more of a body than a pipe does. h11 says what the bytes mean; nothing here follows a
redirect. Whatever happens ends in one of the standard's error codes. Not for what a grant is: the request that comes
here was allowed.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import h11

from orchestrator.capability.addresses import Network, why_refused
from orchestrator.capability.cover import Cover
from orchestrator.capability.http import Rule
from orchestrator.capability.url import Url
from orchestrator.interface.values import Variant
from orchestrator.wasi._everywhere import FILES, LOOKUPS
from orchestrator.wasi._lookup import Lookup, resolve
from orchestrator.wasi._pipe import Pipe
from orchestrator.wasi._wire import PART, Bell, Wire
from orchestrator.wasi._wire import context as _context

HEADERS, LINES = 64 << 10, 1024
"""Bytes, and headers, of the head of an answer, or of its trailers."""
INFORMATIONAL = 16
"""Answers before the answer (100, 103) that are taken."""
WASTE, WASTE_A_BYTE = 2 << 20, 8
"""Bytes beside a body that are taken: heads, and what frames chunks; more only with the body, so many a byte of it."""
CONNECT, FIRST_BYTE, BETWEEN_BYTES = 30.0, 120.0, 60.0
"""Seconds, where nobody says."""
_LOOK, _TURN = 1.0, 0.02
_FILES = 3
"""Files that an exchange has open: its socket, and both ends of its bell."""
_UNWANTED = "nobody waits for the answer"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and within which bounds.

    Arguments:
        headers: names in lower case; without those that are the host's own.
        length: bytes of the body; None where there is none, or where it is not known before.
        streams: whether a body of unknown length follows.
        cover: of all secrets that the guest was granted.
        networks: addresses that the operator allows beside public ones.
        has_secrets: whether secrets are among the headers.
        connect: seconds until there is a connection, from the question for the name on.
        first_byte: seconds from the end of the request to the end of the answer's head.
        between_bytes: seconds from one part of the answer's body to the next.
    """

    method: str
    url: Url
    headers: Headers
    length: int | None
    streams: bool
    rule: Rule
    cover: Cover
    networks: tuple[Network, ...] = ()
    has_secrets: bool = False
    connect: float = CONNECT
    first_byte: float = FIRST_BYTE
    between_bytes: float = BETWEEN_BYTES


@dataclass(slots=True)
class Answer:
    """The head of an answer; its body comes through the pipe."""

    status: int
    headers: Headers
    body: Pipe = field(repr=False)


class Failed(Exception):
    """An exchange that came to nothing.

    Arguments:
        code: the standard's error code.
        why: for a person.
    """

    def __init__(self, code: Variant, why: str = "") -> None:
        super().__init__(why or code.case)
        self.code, self.why = code, why or code.case


class Exchange:
    """An exchange, which begins when it is started.

    Arguments:
        request: what is asked.
        ring: called when the guest has something to look at.
        prohibited: told, on the exchange's thread, of addresses that were refused.
        over: called, on any thread, once nothing of it goes on any more that had begun.
    """

    def __init__(
        self,
        request: Request,
        ring: Callable[[], None],
        prohibited: Callable[[str], None] = lambda _why: None,
        over: Callable[[Exchange], None] = lambda _exchange: None,
    ) -> None:
        self.request, self.ring, self._prohibited, self._over = request, ring, prohibited, over
        self.answer: Answer | None = None
        self.error: Variant | None = None
        self.why = ""
        self.began = time.perf_counter_ns()
        self.sent = self.received = 0
        """Bytes of the bodies."""
        self.is_cancelled = self.is_over = False
        """Whether nobody wants the answer any more; whether nothing more will come."""
        self._bell: Bell | None = None
        self.outgoing = Pipe(self._changed)
        self.incoming = Pipe(self._changed)
        self._lookup: Lookup | None = None
        self._limit = time.monotonic() + request.rule.timeout if request.rule.timeout is not None else None
        self.thread = threading.Thread(target=self._run, name="orchestrator-http", daemon=True)

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer's head, or an error."""
        return self.answer is not None or self.error is not None

    def start(self) -> bool:
        """Begins; whether it does: not when it was cancelled before, nor when the host has no thread or file left."""
        if not self.is_cancelled and self._begins():
            return True
        self._end()
        return False

    def _begins(self) -> bool:
        if not FILES.take(_FILES):
            why = f"{FILES.most()} files and connections are open in all instances together"
            self._fail(Variant("connection-limit-reached"), why)
            return False
        try:
            self.thread.start()
        except RuntimeError as problem:
            FILES.give_back(_FILES)
            self._fail(Variant("internal-error", str(problem)), str(problem))
            return False
        return True

    def cancel(self) -> None:
        """Ends it; nobody wants the answer any more."""
        self.is_cancelled = True
        self.incoming.abandon()
        if self.thread.ident is None:
            self._fail(Variant("connection-terminated"), _UNWANTED)
            self._end()
        self._changed()

    def _changed(self) -> None:
        """Something changed in a pipe: both sides look."""
        bell = self._bell
        if bell is not None:
            bell.ring()
        self.ring()

    # The thread

    def _run(self) -> None:
        try:
            with Bell() as self._bell:
                self._carried_out(self._bell)
        except Exception as problem:
            self._fail(*_said(problem))
        FILES.give_back(_FILES)
        self._end()
        if self._lookup is None:
            self._over(self)
        else:
            self._lookup.then(lambda: self._over(self))

    def _end(self) -> None:
        self.outgoing.abandon()
        self.is_over = True
        self.ring()

    def _fail(self, code: Variant, why: str) -> None:
        self.why = self.request.cover.text(why)
        if self.answer is None:
            self.error = code
        self.incoming.end(error=code)

    def _carried_out(self, bell: Bell) -> None:
        wire = self._connected(bell, time.monotonic() + self.request.connect)
        try:
            _Talk(self, wire).carry_out()
        finally:
            wire.close()

    def left(self, seconds: float) -> float:
        """Seconds that a step may take: so many, or what is left of the whole."""
        if self.is_cancelled:
            raise Failed(Variant("connection-terminated"), _UNWANTED)
        if self._limit is None:
            return seconds
        left = self._limit - time.monotonic()
        if left <= 0:
            raise Failed(Variant("HTTP-response-timeout"), f"it took longer than {self.request.rule.timeout:g} s")
        return min(seconds, left)

    def _left_until(self, until: float) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        return self.left(min(_LOOK, left))

    def _connected(self, bell: Bell, until: float) -> Wire:
        """A connection to the first address that takes one; each has its part of the time."""
        url = self.request.url
        problem: OSError | None = None
        addresses = self._addresses(bell, until)
        for index, address in enumerate(addresses):
            now = time.monotonic()
            try:
                return self._dial(bell, address, now + (until - now) / (len(addresses) - index))
            except ssl.SSLError:
                raise
            except OSError as found:
                problem = found
        if isinstance(problem, TimeoutError):
            raise Failed(Variant("connection-timeout"), f"no connection to {url.host} in time")
        code = "connection-refused" if isinstance(problem, ConnectionRefusedError) else "destination-unavailable"
        raise Failed(Variant(code), problem.strerror if problem is not None and problem.strerror else "")

    def _addresses(self, bell: Bell, until: float) -> list[str]:
        """The addresses of the host to which something may be sent."""
        url = self.request.url
        try:
            found: Sequence[str] = [str(ipaddress.ip_address(url.host))]
        except ValueError:
            found = self._looked_up(bell, until)
        refused = {address: why_refused(ipaddress.ip_address(address), self.request.networks) for address in found}
        for why in filter(None, refused.values()):
            self._prohibited(why)
        allowed = [address for address, why in refused.items() if not why]
        if not allowed:
            raise Failed(Variant("destination-IP-prohibited"), "; ".join(refused.values()))
        return allowed

    def _looked_up(self, bell: Bell, until: float) -> Sequence[str]:
        url = self.request.url
        try:
            while not LOOKUPS.take():
                bell.wait(min(_TURN, self._left_until(until)))
            lookup = self._lookup = Lookup(resolve, url.host, url.port, bell.ring, LOOKUPS.give_back)
            while not lookup.is_answered:
                bell.wait(self._left_until(until))
        except TimeoutError:
            raise Failed(Variant("DNS-timeout"), f"{url.host}: no address in time") from None
        problem = lookup.problem
        if problem is not None:
            payload = {"rcode": None, "info-code": None}
            raise Failed(Variant("DNS-error", payload), f"{url.host}: {problem.strerror or problem}")
        if not lookup.addresses:
            raise Failed(Variant("destination-not-found"), f"{url.host} has no address")
        return lookup.addresses

    def _dial(self, bell: Bell, address: str, until: float) -> Wire:
        """Connects to an address that was looked at."""
        url, wire = self.request.url, Wire(address, bell)
        try:
            wire.connect(url.port, lambda: self._left_until(until))
            if url.scheme == "https":
                wire.encrypt(_context(), url.host, lambda: self._left_until(until))
        except BaseException:
            wire.close()
            raise
        return wire


def _said(problem: Exception) -> tuple[Variant, str]:
    """The standard's code for what went wrong, and why for a person."""
    match problem:
        case Failed():
            return problem.code, problem.why
        case TimeoutError():
            return Variant("connection-timeout"), str(problem)
        case ssl.SSLCertVerificationError():
            return Variant("TLS-certificate-error"), problem.verify_message
        case ssl.SSLError():
            return Variant("TLS-protocol-error"), str(problem.reason or problem)
        case OSError():
            return Variant("connection-terminated"), problem.strerror or str(problem)
        case h11.RemoteProtocolError():
            code = _protocol_error(problem)
            too_long = code.case == "HTTP-response-header-section-size"
            return code, _larger("the head of the answer is") if too_long else str(problem)
        case h11.LocalProtocolError():
            return Variant("HTTP-protocol-error"), str(problem)
    return Variant("internal-error", type(problem).__name__), type(problem).__name__


def _protocol_error(problem: h11.RemoteProtocolError) -> Variant:
    said = str(problem)
    if "too long" in said or problem.error_status_hint == 431:
        return Variant("HTTP-response-header-section-size", HEADERS)
    if "closed connection" in said or "peer unexpectedly" in said:
        return Variant("HTTP-response-incomplete")
    return Variant("HTTP-protocol-error")


class _Talk:
    """What is said over one connection."""

    def __init__(self, exchange: Exchange, wire: Wire) -> None:
        self._exchange, self._wire, self._request = exchange, wire, exchange.request
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)
        self._buffer = memoryview(self._head())
        self._covering = exchange.request.cover.stream()
        self._body_sent = False
        self._informational = self._came = 0
        self._moved = time.monotonic()
        """When it went on last: what was sent, and of an answer, its body."""

    def _head(self) -> bytes:
        request = self._request
        headers: Headers = [(b"host", request.url.authority.encode()), *request.headers]
        if request.length is not None:
            headers.append((b"content-length", str(request.length).encode()))
        elif request.streams:
            headers.append((b"transfer-encoding", b"chunked"))
        headers.append((b"connection", b"close"))
        event = h11.Request(method=request.method, target=request.url.target, headers=headers)
        return self._http.send(event) or b""

    def carry_out(self) -> None:
        """Sends the request and hands on the answer, both as far as each goes, until the answer is whole."""
        while True:
            moved = self._send()
            if self._receive():
                return
            if not moved:
                self._wait()

    def _wait(self) -> None:
        """Waits for whoever has to do something: the other side, within its time, or the guest, in its own."""
        exchange = self._exchange
        reads = exchange.answer is None or exchange.incoming.room > 0
        waits = reads and (self._body_sent or bool(self._buffer))
        seconds = _LOOK
        if waits:
            seconds = self._patience() - (time.monotonic() - self._moved)
            if seconds <= 0:
                raise Failed(Variant(self._timed_out()), "nothing came in time")
        self._wire.wait(exchange.left(min(_LOOK, seconds)), read=reads, write=bool(self._buffer))
        if not waits:
            self._moved = time.monotonic()

    def _patience(self) -> float:
        request = self._request
        return request.first_byte if self._exchange.answer is None else request.between_bytes

    def _timed_out(self) -> str:
        if self._exchange.answer is not None:
            return "connection-read-timeout"
        return "connection-write-timeout" if self._buffer else "HTTP-response-timeout"

    # Out

    def _send(self) -> bool:
        """Sends what there is; whether any of it went."""
        if not self._buffer and not self._body_sent:
            self._buffer = memoryview(self._next_part())
        if not self._buffer:
            return False
        try:
            size = self._wire.write(self._buffer)
        except (ConnectionError, ssl.SSLError):
            # The other side does not want the rest; what it said before may still be read.
            self._buffer, self._body_sent = memoryview(b""), True
            self._exchange.outgoing.abandon()
            return True
        self._buffer = self._buffer[size:]
        if size:
            self._moved = time.monotonic()
        return size > 0

    def _next_part(self) -> bytes:
        """What comes next of the request's body, as it is sent."""
        body, exchange = self._exchange.outgoing, self._exchange
        data = body.take(PART)
        if data:
            exchange.sent += len(data)
            return self._http.send(h11.Data(data=data)) or b""
        if not body.ended or not body.is_drained:
            return b""
        self._body_sent = True
        if body.error is not None:
            raise Failed(body.error, "the request's body was not finished")
        return self._http.send(h11.EndOfMessage(headers=body.trailers or [])) or b""

    # In

    def _receive(self) -> bool:
        """Takes what came; whether the answer is whole."""
        exchange = self._exchange
        if exchange.incoming.abandoned:
            raise Failed(Variant("connection-terminated"), "nobody reads the answer")
        while True:
            if exchange.answer is not None and not exchange.incoming.room:
                return False
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = self._wire.read()
                if data is None:
                    return False
                self._heard(data)
            elif self._take(event):
                return True

    def _heard(self, data: bytes) -> None:
        exchange = self._exchange
        exchange.left(_LOOK)  # who never has to wait for a part is in time all the same
        self._came += len(data)
        if self._came - exchange.received > WASTE + WASTE_A_BYTE * exchange.received:
            raise Failed(Variant("HTTP-protocol-error"), "there is far more around the answer than in it")
        if exchange.answer is not None:
            self._moved = time.monotonic()
        self._http.receive_data(data)

    def _take(self, event: Any) -> bool:
        exchange = self._exchange
        match event:
            case h11.InformationalResponse():
                self._informational += 1
                if self._informational > INFORMATIONAL:
                    raise Failed(Variant("HTTP-protocol-error"), f"more than {INFORMATIONAL} answers before the answer")
                if event.status_code == 101:
                    raise Failed(Variant("HTTP-upgrade-failed"), "the other side changed the protocol")
            case h11.Response():
                self._look_at(event)
                self._moved = time.monotonic()
                exchange.answer = Answer(event.status_code, self._covered(event.headers), exchange.incoming)
                exchange.ring()
            case h11.Data():
                self._body(bytes(event.data))
            case h11.EndOfMessage():
                _bounded(event.headers, "HTTP-response-trailer-section-size", "the trailers of the answer are")
                exchange.incoming.put(self._covering.rest())
                exchange.incoming.end(trailers=self._covered(event.headers))
                return True
            case h11.ConnectionClosed() | h11.PAUSED:
                raise Failed(Variant("HTTP-response-incomplete"), "the connection ended before the answer was whole")
        return False

    def _covered(self, headers: Any) -> Headers:
        """Headers as the guest may see them; one that has a secret in its name is left out."""
        cover = self._request.cover
        if not cover.is_needed:
            return [(bytes(name), bytes(value)) for name, value in headers]
        return [(bytes(name), cover.octets(bytes(value))) for name, value in headers if not cover.is_in(bytes(name))]

    def _look_at(self, event: Any) -> None:
        """Refuses an answer that says that it is larger than it may be, or in which a secret could not be seen."""
        request, most = self._request, self._request.rule.max_response
        _bounded(event.headers, "HTTP-response-header-section-size", "the head of the answer is")
        for name, value in event.headers:
            if name == b"content-length" and request.method != "HEAD" and int(value) > most:
                raise Failed(Variant("HTTP-response-body-size", int(value)), f"the answer is larger than {most} bytes")
            if name == b"content-encoding" and request.has_secrets and value.strip().lower() not in (b"", b"identity"):
                why = "an answer to a request with a secret has to be plain, or the secret could not be seen in it"
                raise Failed(Variant("HTTP-response-content-coding", None), why)

    def _body(self, data: bytes) -> None:
        exchange, most = self._exchange, self._request.rule.max_response
        exchange.received += len(data)
        if exchange.received > most:
            raise Failed(Variant("HTTP-response-body-size", None), f"the answer is larger than {most} bytes")
        exchange.incoming.put(self._covering.part(data))


def _bounded(headers: Any, code: str, what: str) -> None:
    """Refuses too many headers, or too long ones."""
    if len(headers) > LINES or sum(len(name) + len(value) for name, value in headers) > HEADERS:
        raise Failed(Variant(code, HEADERS), _larger(what))


def _larger(what: str) -> str:
    return f"{what} larger than {HEADERS >> 10} KiB or {LINES} headers"
