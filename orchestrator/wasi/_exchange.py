"""One request over HTTP/1.1 and its answer, on a thread of its own.

The thread resolves the name, looks at every address, connects to one that it looked at, and goes between the socket
and two pipes: it never holds more of a body than a pipe does. h11 says what the bytes mean; nothing here follows a
redirect. Whatever happens ends in one of the standard's error codes. Not for what a grant is: the request that comes
here was allowed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import h11

from orchestrator.capability.addresses import Network, why_refused
from orchestrator.capability.http import Rule
from orchestrator.capability.secrets import Cover
from orchestrator.capability.url import Url
from orchestrator.interface.values import Variant
from orchestrator.wasi._pipe import Pipe

HEADERS = 64 << 10
"""Bytes of the head of an answer, or of its trailers."""
INFORMATIONAL = 16
"""Answers before the answer (100, 103) that are taken."""
CONNECT, FIRST_BYTE, BETWEEN_BYTES = 30.0, 120.0, 60.0
"""Seconds, where the guest does not say."""
_PART = 64 << 10
_LOOK = 1.0

Headers = list[tuple[bytes, bytes]]
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and within which bounds.

    Arguments:
        headers: names in lower case; without those that are the host's own.
        length: bytes of the body; None where there is none, or where it is not known before.
        streams: whether a body of unknown length follows.
        connect, first_byte, between_bytes: seconds.
        rule: the grant.
        networks: addresses that the operator allows beside public ones.
    """

    method: str
    url: Url
    headers: Headers
    length: int | None
    streams: bool
    rule: Rule
    cover: Cover
    networks: tuple[Network, ...] = ()
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


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name; replaced in tests."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Exchange:
    """An exchange that has begun.

    Arguments:
        request: what is asked.
        ring: called when the guest has something to look at.
        prohibited: told, on the exchange's thread, of addresses that were refused.
    """

    def __init__(
        self, request: Request, ring: Callable[[], None], prohibited: Callable[[str], None] = lambda _why: None
    ) -> None:
        self.request, self.ring, self._prohibited = request, ring, prohibited
        self.answer: Answer | None = None
        self.error: Variant | None = None
        self.why = ""
        self.began = time.perf_counter_ns()
        self.sent = self.received = 0
        """Bytes of the bodies."""
        self._waker, self._wake = socket.socketpair()
        for end in (self._waker, self._wake):
            end.setblocking(False)
        self.outgoing = Pipe(self._changed)
        self.incoming = Pipe(self._changed)
        self._cancelled = False
        self._limit = time.monotonic() + request.rule.timeout if request.rule.timeout is not None else None
        self.thread = threading.Thread(target=self._run, name="orchestrator-http", daemon=True)
        self.thread.start()

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer's head, or an error."""
        return self.answer is not None or self.error is not None

    @property
    def is_over(self) -> bool:
        """Whether the thread has nothing more to do."""
        return not self.thread.is_alive()

    def cancel(self) -> None:
        """Ends it; nobody wants the answer any more."""
        self._cancelled = True
        self.incoming.abandon()
        self._changed()

    def _changed(self) -> None:
        """Something changed in a pipe: both sides look."""
        with contextlib.suppress(OSError):  # it is full, or closed: then the thread looks anyway, or is gone
            self._waker.send(b"\0")
        self.ring()

    # The thread

    def _run(self) -> None:
        try:
            self._carried_out()
        except Failed as problem:
            self._fail(problem.code, problem.why)
        except TimeoutError as problem:
            self._fail(Variant("connection-timeout"), str(problem))
        except ssl.SSLCertVerificationError as problem:
            self._fail(Variant("TLS-certificate-error"), problem.verify_message)
        except ssl.SSLError as problem:
            self._fail(Variant("TLS-protocol-error"), str(problem.reason or problem))
        except (ConnectionError, OSError) as problem:
            self._fail(Variant("connection-terminated"), problem.strerror or str(problem))
        except h11.RemoteProtocolError as problem:
            self._fail(_protocol_error(problem), str(problem))
        except h11.LocalProtocolError as problem:
            self._fail(Variant("HTTP-protocol-error"), str(problem))
        except Exception as problem:
            self._fail(Variant("internal-error", type(problem).__name__), type(problem).__name__)
        finally:
            self.outgoing.abandon()
            for end in (self._waker, self._wake):
                end.close()
            self.ring()

    def _fail(self, code: Variant, why: str) -> None:
        self.why = self.request.cover.text(why)
        if self.answer is None:
            self.error = code
        self.incoming.end(error=code)

    def _carried_out(self) -> None:
        wire = self._connected()
        try:
            _Talk(self, wire).carry_out()
        finally:
            wire.close()

    def left(self, seconds: float) -> float:
        """Seconds that a step may take: so many, or what is left of the whole."""
        if self._cancelled:
            raise Failed(Variant("connection-terminated"), "nobody waits for the answer")
        if self._limit is None:
            return seconds
        left = self._limit - time.monotonic()
        if left <= 0:
            raise Failed(Variant("HTTP-response-timeout"), f"it took longer than {self.request.rule.timeout:g} s")
        return min(seconds, left)

    def _connected(self) -> _Wire:
        url, until = self.request.url, time.monotonic() + self.request.connect
        problem: OSError | None = None
        for address in self._addresses():
            try:
                self.left(1)
                return self._dial(address, url, until)
            except ssl.SSLError:
                raise
            except OSError as found:
                problem = found
        if isinstance(problem, TimeoutError):
            raise Failed(Variant("connection-timeout"), f"no connection to {url.host} in time")
        code = "connection-refused" if isinstance(problem, ConnectionRefusedError) else "destination-unavailable"
        raise Failed(Variant(code), problem.strerror if problem is not None and problem.strerror else "")

    def _addresses(self) -> list[str]:
        """The addresses of the host to which something may be sent."""
        url = self.request.url
        try:
            found = [str(ipaddress.ip_address(url.host))]
        except ValueError:
            found = list(self._looked_up(url))
        refused = {address: why_refused(ipaddress.ip_address(address), self.request.networks) for address in found}
        for why in filter(None, refused.values()):
            self._prohibited(why)
        allowed = [address for address, why in refused.items() if not why]
        if not allowed:
            raise Failed(Variant("destination-IP-prohibited"), "; ".join(refused.values()))
        return allowed

    def _looked_up(self, url: Url) -> Sequence[str]:
        try:
            found = [address.partition("%")[0] for address in resolve(url.host, url.port)]
        except OSError as problem:
            payload = {"rcode": None, "info-code": None}
            raise Failed(Variant("DNS-error", payload), f"{url.host}: {problem.strerror or problem}") from None
        if not found:
            raise Failed(Variant("destination-not-found"), f"{url.host} has no address")
        return found

    def _dial(self, address: str, url: Url, until: float) -> _Wire:
        """Connects to an address that was looked at."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        plain = socket.socket(family, socket.SOCK_STREAM)
        wire = _Wire(plain, self._wake)
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = plain.connect_ex((address, url.port))
            while code:
                if code not in _UNDER_WAY:
                    raise OSError(code, os.strerror(code))
                wire.wait(self._until(until), read=False, write=True)
                code = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or _still(plain)
            if url.scheme == "https":
                wire.encrypt(_context(), url.host, lambda: self._until(until))
        except BaseException:
            wire.close()
            raise
        return wire

    def _until(self, until: float) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        return min(_LOOK, self.left(left))


_UNDER_WAY = (115, 114, 36, 37, 11, 35, 10035, 10036)
"""EINPROGRESS, EALREADY and EWOULDBLOCK, of Linux, macOS and Windows."""


def _still(plain: socket.socket) -> int:
    """Whether a socket is still being connected, as a code for that."""
    try:
        plain.getpeername()
    except OSError:
        return _UNDER_WAY[0]
    return 0


@cache
def _context() -> ssl.SSLContext:
    """How servers are known: by the system's certificates, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Wire:
    """A socket that does not block, encrypted or not, and what wakes who waits for it."""

    def __init__(self, plain: socket.socket, wake: socket.socket) -> None:
        self._socket: Any = plain
        self._wake = wake
        self._wants_write = False

    def encrypt(self, context: ssl.SSLContext, host: str, left: Callable[[], float]) -> None:
        """Shakes hands with the host that was asked for, whatever its address."""
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
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if read or write or self._wants_write:
            events = (select.POLLIN if read else 0) | (select.POLLOUT if write or self._wants_write else 0)
            poll.register(self._socket, events)
        poll.poll(max(0, round(seconds * 1000)))
        with contextlib.suppress(OSError):
            while self._wake.recv(4096):
                pass

    def read(self) -> bytes | None:
        """What came; None where nothing did, `b""` at the end."""
        try:
            data: bytes = self._socket.recv(_PART)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return None
        except ssl.SSLZeroReturnError:
            return b""
        self._wants_write = False
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


class _Talk:
    """What is said over one connection."""

    def __init__(self, exchange: Exchange, wire: _Wire) -> None:
        self._exchange, self._wire, self._request = exchange, wire, exchange.request
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)
        self._buffer = memoryview(self._head())
        self._body_sent = False
        self._informational = 0
        self._heard = time.monotonic()

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
        exchange = self._exchange
        reads = exchange.answer is None or exchange.incoming.room > 0
        seconds = self._patience() - (time.monotonic() - self._heard)
        waits = self._body_sent or bool(self._buffer)  # for the other side, not for the guest
        if seconds <= 0 and waits and reads:
            code = "HTTP-response-timeout" if exchange.answer is None else "connection-read-timeout"
            raise Failed(Variant(code), "nothing came in time")
        self._wire.wait(exchange.left(min(_LOOK, max(seconds, 0.01))), read=reads, write=bool(self._buffer))
        if not (waits and reads):
            self._heard = time.monotonic()

    def _patience(self) -> float:
        request = self._request
        return request.first_byte if self._exchange.answer is None else request.between_bytes

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
            self._heard = time.monotonic()
        return size > 0

    def _next_part(self) -> bytes:
        """What comes next of the request's body, as it is sent."""
        body, exchange = self._exchange.outgoing, self._exchange
        data = body.take(_PART)
        if data:
            exchange.sent += len(data)
            return self._http.send(h11.Data(data=data)) or b""
        if not body.ended:
            return b""
        self._body_sent = True
        if body.error is not None:
            raise Failed(body.error, "the request's body was not finished")
        return self._http.send(h11.EndOfMessage(headers=body.trailers or [])) or b""

    # In

    def _receive(self) -> bool:
        """Takes what came; whether the answer is whole."""
        if self._exchange.incoming.abandoned:
            raise Failed(Variant("connection-terminated"), "nobody reads the answer")
        while True:
            if self._exchange.answer is not None and not self._exchange.incoming.room:
                return False
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = self._wire.read()
                if data is None:
                    return False
                self._heard = time.monotonic()
                self._http.receive_data(data)
            elif self._take(event):
                return True

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
                exchange.answer = Answer(event.status_code, self._covered(event.headers), exchange.incoming)
                exchange.ring()
            case h11.Data():
                self._body(bytes(event.data))
            case h11.EndOfMessage():
                exchange.incoming.put(exchange.request.cover.rest())
                exchange.incoming.end(trailers=self._covered(event.headers))
                return True
            case h11.ConnectionClosed() | h11.PAUSED:
                raise Failed(Variant("HTTP-response-incomplete"), "the connection ended before the answer was whole")
        return False

    def _covered(self, headers: Any) -> Headers:
        cover = self._request.cover
        return [(bytes(name).lower(), cover.octets(bytes(value))) for name, value in headers]

    def _look_at(self, event: Any) -> None:
        """Refuses an answer that says that it is larger than it may be, or in which a secret could not be seen."""
        most = self._request.rule.max_response
        if sum(len(name) + len(value) for name, value in event.headers) > HEADERS:
            raise Failed(Variant("HTTP-response-header-section-size", HEADERS), "the head of the answer is too large")
        for name, value in event.headers:
            if name == b"content-length" and self._request.method != "HEAD" and int(value) > most:
                raise Failed(Variant("HTTP-response-body-size", int(value)), f"the answer is larger than {most} bytes")
            coding = value.strip().lower()
            if name == b"content-encoding" and coding != b"identity" and self._request.cover.is_needed:
                raise Failed(
                    Variant("HTTP-response-content-coding", coding.decode("latin-1")),
                    "an answer to a request with a secret has to be plain",
                )

    def _body(self, data: bytes) -> None:
        exchange = self._exchange
        exchange.received += len(data)
        if exchange.received > exchange.request.rule.max_response:
            most = exchange.request.rule.max_response
            raise Failed(Variant("HTTP-response-body-size", None), f"the answer is larger than {most} bytes")
        exchange.incoming.put(exchange.request.cover.part(data))


def _protocol_error(problem: h11.RemoteProtocolError) -> Variant:
    said = str(problem)
    if "too long" in said or problem.error_status_hint == 431:
        return Variant("HTTP-response-header-section-size", HEADERS)
    if "closed connection" in said or "peer unexpectedly" in said:
        return Variant("HTTP-response-incomplete")
    return Variant("HTTP-protocol-error")
