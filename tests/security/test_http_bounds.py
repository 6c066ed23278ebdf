"""`http`: guests and servers that want the host's memory, threads or time; how much of each they get."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from orchestrator.capability.http import rule_of
from orchestrator.engine import Stop
from orchestrator.errors import Cancelled, LimitExceeded, TimedOut
from orchestrator.manifest.model import Http
from orchestrator.wasi import _exchange, _kept, _line
from tests.security.conftest import Attack, Attacker, Refused
from tests.support.http_guests import FETCH, RAW, ended, granting, refused, silent
from tests.support.http_servers import Server, plain, saying, serving

DNS = "orchestrator-dns"


@pytest.fixture
def fine() -> Iterator[Server]:
    with serving(saying(plain(b"fine"))) as server:
        yield server


def begun(server: Server, options: str = "None") -> str:
    """What begins a request in the guest."""
    return f"outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/'), {options})"


def error_of(guest: Attacker, server: Server, options: str = "") -> str:
    """The standard's error for an answer that has none."""
    code = f"{RAW}\noptions = RequestOptions()\n{options}\nresult = repr(wait({begun(server, 'options')}))"
    found: str = guest.run(code)
    return found


# Memory


def test_headers_that_are_given_at_once_are_counted_while_they_are_read(attack: Attack) -> None:
    """Reading them took the square of their number, which no deadline ended."""
    with pytest.raises(Refused, match=r"^Err: HeaderError_Forbidden"):
        attack().run(f"{RAW}\nFields.from_list([('x', b'')] * 60_000)")


def test_headers_of_which_a_guest_keeps_too_many_end_it(attack: Attack) -> None:
    guest = attack()
    one = "Fields.from_list([('x', b'y' * 60_000)])"
    guest.run(f"{RAW}\nfor _ in range(300): {one}.__exit__(None, None, None)")
    with pytest.raises(LimitExceeded) as caught:
        guest.run(f"{RAW}\nkept = [{one} for _ in range(1000)]")
    assert str(caught.value).startswith("the host keeps 16 MiB of headers and bodies for a guest at most: ")


def test_copies_of_headers_are_counted_too(attack: Attack) -> None:
    code = f"""{RAW}
outer = request(Scheme_Http(), 'x', '/', headers=[('x', b'y' * 60_000)])
kept = [outer.headers() for _ in range(1000)]
"""
    with pytest.raises(LimitExceeded):
        attack().run(code)


def test_bodies_that_are_never_handed_over_are_counted_too(attack: Attack) -> None:
    code = f"""{RAW}
kept = []
for _ in range(1000):
    outer = OutgoingRequest(Fields())
    body = outer.body()
    stream = body.write()
    stream.write(b'x' * stream.check_write())
    kept.append((outer, body, stream))
"""
    with pytest.raises(LimitExceeded):
        attack().run(code)


def test_what_was_sent_or_dropped_is_not_counted(attack: Attack, fine: Server) -> None:
    code = f"""{RAW}
for n in range(600):
    outer = request(Scheme_Http(), '127.0.0.1:{fine.port}', '/', Method_Post())
    body = outer.body()
    with body.write() as stream: stream.blocking_write_and_flush(b'x' * 60_000)
    if n % 30:
        continue
    OutgoingBody.finish(body, Fields())
    result = wait(outgoing_handler.handle(outer, None)).status()
"""
    assert attack(granting(f"{fine.url}/**")).run(code) == 200


def test_answers_that_a_guest_keeps_unread_have_an_end(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    guest.run(f"{RAW}\nimport builtins\nbuiltins.kept = [wait({begun(fine)}) for _ in range({_line.MOST})]")
    with pytest.raises(Refused, match=r"^Err: ErrorCode_ConnectionLimitReached"):
        guest.run(f"{RAW}\n{begun(fine)}")
    code = f"""{RAW}
import builtins
builtins.kept.pop().__exit__(None, None, None)
result = wait({begun(fine)}).status()
"""
    assert guest.run(code) == 200
    assert guest.denied() == [("http GET", f"{fine.url}/", "grants.http[0]: 128 requests are not done with")]


@pytest.mark.parametrize("size", [1, 1000])
def test_an_answer_in_tiny_chunks_takes_no_more_memory_than_it_has_bytes(attack: Attack, size: int) -> None:
    """That nobody reads it keeps the server from sending on, whatever the size of its parts."""
    sent, done = 0, threading.Event()
    chunk = f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"

    def answer(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.settimeout(1)
        try:
            while sent < 64 << 20:
                sent += connection.send(chunk * (65536 // len(chunk)))
        except TimeoutError:
            done.set()

    with serving(answer) as server:
        guest = attack(granting(f"{server.url}/**"))
        guest.run(f"{RAW}\nimport builtins\nbuiltins.kept = wait({begun(server)})")
        assert done.wait(60), "the server was never made to wait"
        assert sent < 64 << 20


# Time


def test_a_body_that_nobody_takes_waits_no_longer_than_its_guest_may(attack: Attack) -> None:
    """It was ready for ever and had room never."""
    code = f"""{RAW}
outer = OutgoingRequest(Fields())
body = outer.body()
stream = body.write()
while True: stream.blocking_write_and_flush(b'x' * 4096)
"""
    guest = attack(granting("http://127.0.0.1/**"))
    with pytest.raises(TimedOut):
        guest.run(code, seconds=1)


@pytest.mark.parametrize("call", ["blocking_write_zeroes_and_flush(1 << 62)", "blocking_write_and_flush(b'')"])
def test_a_write_without_end_ends_with_its_guest(attack: Attack, call: str) -> None:
    """One call would have kept the host busy for years."""
    code = f"from wit_world.imports import stdout\nstream = stdout.get_stdout()\nwhile True: stream.{call}"
    with pytest.raises(TimedOut):
        attack().run(code, seconds=1)


@pytest.mark.parametrize(
    "drip",
    [
        lambda connection: connection.sendall(b"x: y\r\n"),
        lambda connection: connection.sendall(b"x"),
        lambda connection: None,
    ],
    ids=["headers", "letters", "nothing"],
)
def test_a_head_that_drips_is_no_first_byte(attack: Attack, drip: Callable[[socket.socket], None]) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        while not done.wait(0.02):
            drip(connection)

    with serving(answer) as server:
        found = error_of(attack(granting(f"{server.url}/**")), server, "options.set_first_byte_timeout(300_000_000)")
        assert found == "ErrorCode_HttpResponseTimeout()"
        done.set()


def test_answers_before_the_answer_do_not_put_it_off(attack: Attack) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, _head: bytes) -> None:
        for _ in range(10):
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            done.wait(0.1)
        done.wait(60)

    with serving(answer) as server:
        found = error_of(attack(granting(f"{server.url}/**")), server, "options.set_first_byte_timeout(400_000_000)")
        assert found == "ErrorCode_HttpResponseTimeout()"
        done.set()


def test_a_body_that_stops_is_given_up(attack: Attack) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        done.wait(60)

    with serving(answer) as server:
        code = f"""{RAW}
options = RequestOptions(); options.set_between_bytes_timeout(200_000_000)
body = wait({begun(server, "options")}).consume()
stream = body.stream()
result = [stream.blocking_read(100).decode()]
try: stream.blocking_read(100)
except Err as err: result.append(repr(types.http_error_code(err.value.value)))
"""
        found = attack(granting(f"{server.url}/**")).run(code)
        assert found == ["half", "ErrorCode_ConnectionReadTimeout()"]
        done.set()


def test_a_server_that_takes_nothing_is_given_up(attack: Attack) -> None:
    done = threading.Event()
    with serving(silent(done)) as server:
        code = f"""{RAW}
options = RequestOptions(); options.set_first_byte_timeout(300_000_000)
outer = request(Scheme_Http(), '127.0.0.1:{server.port}', '/', Method_Post())
body = outer.body()
stream = body.write()
future = outgoing_handler.handle(outer, options)
try:
    while True: stream.blocking_write_and_flush(b'x' * 65536)
except Err: pass
result = repr(wait(future))
"""
        assert attack(granting(f"{server.url}/**")).run(code) == "ErrorCode_ConnectionWriteTimeout()"
        done.set()


@pytest.mark.parametrize(
    "flood",
    [
        b"1;" + b"e" * 60_000 + b"\r\nx\r\n",
        b"1;" + b"e" * 70_000 + b"\r\nx\r\n",
    ],
    ids=["extensions", "one extension"],
)
def test_an_answer_that_is_all_frame_is_given_up(attack: Attack, flood: bytes) -> None:
    sent = 0

    def answer(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while sent < 200 << 20:
            connection.sendall(flood)
            sent += len(flood)

    with serving(answer) as server:
        assert refused(attack(granting(f"{server.url}/**")), f"{server.url}/").startswith("Unreachable")
        assert sent < 50 << 20


@pytest.mark.parametrize("where", ["head", "trailers"])
def test_headers_are_counted(attack: Attack, where: str) -> None:
    lines = b"x: y\r\n" * 1025
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
    said = head + lines + b"\r\n" if where == "head" else head + b"\r\n0\r\n" + lines + b"\r\n"
    with serving(saying(said)) as server:
        why = refused(attack(granting(f"{server.url}/**")), f"{server.url}/")
        assert "larger than 64 KiB or 1024 headers" in why


def _nothing_more(connection: socket.socket, done: threading.Event, said: bytes) -> None:
    connection.sendall(said)
    done.wait(60)


@contextmanager
def stuck_server(phase: str, done: threading.Event) -> Iterator[str]:
    """A server that comes to a stand in a phase; its origin."""
    said = {"head": b"HTTP/1.1 200 OK\r\nx: ", "body": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"}.get(phase)
    if said is not None:
        with serving(lambda connection, _head: _nothing_more(connection, done, said)) as server:
            yield server.url
        return
    with socket.create_server(("127.0.0.1", 0), backlog=0 if phase == "connection" else 5) as listening:
        host, port = listening.getsockname()
        crowd = [socket.socket() for _ in range(4 if phase == "connection" else 0)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex((host, port))
        yield f"{'https' if phase == 'encryption' else 'http'}://{host}:{port}"
        for one in crowd:
            one.close()


@pytest.mark.parametrize("phase", ["connection", "encryption", "request", "head", "body"])
@pytest.mark.parametrize("how", ["deadline", "cancel", "dropped"])
def test_whatever_an_exchange_waits_for_it_ends_with_its_guest(attack: Attack, phase: str, how: str) -> None:
    done, stop = threading.Event(), Stop()
    with stuck_server(phase, done) as origin:
        guest = attack(granting(f"{origin}/**", max_request=100 << 20))
        if how == "dropped":
            scheme, _, authority = origin.partition("://")
            code = f"""{RAW}
outer = request(Scheme_{scheme.capitalize()}(), '{authority}', '/', Method_Post())
body = outer.body()
stream = body.write()
future = outgoing_handler.handle(outer, None)
for _ in range(3): stream.write(b'x' * min(stream.check_write(), 65536))
future.__exit__(None, None, None)
"""
            guest.run(code)
            assert ended(), "nothing but a handle of a body is left"
        else:
            if how == "cancel":
                threading.Timer(0.5, lambda: stop.set(Cancelled("enough"))).start()
            code = f"{FETCH}\nget('{origin}/', 'POST', b'x' * {20 << 20 if phase == 'request' else 4})"
            with pytest.raises(Cancelled if how == "cancel" else TimedOut):
                guest.run(code, seconds=60 if how == "cancel" else 1, stop=stop)
            guest.instance.close()
            assert ended()
        done.set()


# Names


def stuck(done: threading.Event) -> Callable[[str, int], Sequence[str]]:
    """A resolver that does not answer until the test is done."""

    def resolve(_host: str, _port: int) -> Sequence[str]:
        done.wait(60)
        return ["127.0.0.1"]

    return resolve


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names are asked for, and nobody answers."""
    done = threading.Event()
    monkeypatch.setattr(_exchange, "resolve", stuck(done))
    yield
    done.set()
    assert ended(DNS)


def named(options: str = "None") -> str:
    return f"outgoing_handler.handle(request(Scheme_Http(), 'slow.example', '/'), {options})"


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("how", ["deadline", "cancel"])
def test_a_name_that_nobody_answers_for_keeps_no_guest(attack: Attack, how: str) -> None:
    guest, stop = attack(granting("http://slow.example/**")), Stop()
    if how == "cancel":
        threading.Timer(0.3, lambda: stop.set(Cancelled("enough"))).start()
    with pytest.raises(Cancelled if how == "cancel" else TimedOut):
        guest.run(f"{FETCH}\nget('http://slow.example/')", seconds=60 if how == "cancel" else 0.3, stop=stop)
    guest.instance.close()
    assert ended()


@pytest.mark.usefixtures("nowhere")
def test_a_name_that_nobody_answers_for_has_the_time_of_a_connection(attack: Attack) -> None:
    guest = attack(granting("http://slow.example/**"))
    code = f"{RAW}\noptions = RequestOptions(); options.set_connect_timeout(200_000_000)\n"
    assert guest.run(f"{code}result = repr(wait({named('options')}))") == "ErrorCode_DnsTimeout()"
    assert ended()


@pytest.mark.usefixtures("nowhere")
def test_the_grant_s_time_counts_for_names_too(attack: Attack) -> None:
    assert refused(attack(granting("http://slow.example/**", timeout=0.3)), "http://slow.example/") == "TimedOut()"


@pytest.mark.usefixtures("nowhere")
def test_names_that_nobody_waits_for_any_more_are_not_asked_for_without_end(attack: Attack) -> None:
    """The system's resolver cannot be told to stop: what it is busy with counts until it is not."""
    guest = attack(granting("http://slow.example/**"))
    code = f"{RAW}\nfor _ in range(300): {named()}.__exit__(None, None, None)"
    guest.run(code)
    asking = [thread for thread in threading.enumerate() if thread.name == DNS]
    assert len(asking) <= _line.AT_ONCE
    guest.instance.close()
    assert ended()


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    with socket.create_server(("127.0.0.2", fine.port), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        code = f"""{RAW}
options = RequestOptions(); options.set_connect_timeout(4_000_000_000)
outer = request(Scheme_Http(), 'two.example:{fine.port}', '/')
result = wait(outgoing_handler.handle(outer, options)).status()
"""
        assert attack(granting(f"http://two.example:{fine.port}/**")).run(code) == 200
        for one in waiting:
            one.close()


# Many


class Crowd:
    """A server that knows how many are there at once."""

    def __init__(self) -> None:
        self.here = self.most = 0
        self._lock = threading.Lock()

    def answer(self, connection: socket.socket, head: bytes) -> None:
        with self._lock:
            self.here += 1
            self.most = max(self.most, self.here)
        time.sleep(0.01)
        with self._lock:
            self.here -= 1
        connection.sendall(plain(head.split()[1]))


def test_a_hundred_requests_at_once_are_answered_in_turn(attack: Attack) -> None:
    crowd = Crowd()
    with serving(crowd.answer) as server:
        code = f"""{RAW}
def begin(n):
    return outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/' + str(n)), None)
futures = [begin(n) for n in range(100)]
result = [body_of(wait(future))[0].decode() for future in futures]
"""
        assert attack(granting(f"{server.url}/**")).run(code) == [f"/{n}" for n in range(100)]
        assert 1 < crowd.most <= _line.AT_ONCE


def test_requests_that_are_dropped_leave_their_turn_to_others(attack: Attack) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, head: bytes) -> None:
        if b"/slow" in head:
            done.wait(60)
        connection.sendall(plain(b"fine"))

    with serving(answer) as server:
        code = f"""{RAW}
def begin(path):
    return outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', path), None)
for _ in range(10):
    kept = [begin('/slow') for _ in range(100)]
    for future in kept: future.__exit__(None, None, None)
result = wait(begin('/quick')).status()
"""
        guest = attack(granting(f"{server.url}/**"))
        assert guest.run(code) == 200
        guest.instance.close()
        assert ended()
        done.set()


def test_requests_that_wait_for_their_turn_end_with_their_instance(attack: Attack) -> None:
    done = threading.Event()
    with serving(silent(done)) as server:
        guest = attack(granting(f"{server.url}/**"))
        guest.run(f"{RAW}\nimport builtins\nbuiltins.kept = [{begun(server)} for _ in range(100)]")
        guest.instance.close()
        assert ended()
        assert len(server.heads) <= _line.AT_ONCE
        done.set()


def test_a_host_without_threads_says_so_and_goes_on(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name == "orchestrator-http":
            raise RuntimeError("can't start new thread")
        start(thread)

    guest = attack(granting(f"{fine.url}/**"))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        assert error_of(guest, fine) == 'ErrorCode_InternalError(value="can\'t start new thread")'
    assert guest.run(f"{RAW}\nresult = wait({begun(fine)}).status()") == 200


def test_a_body_that_is_known_to_be_too_large_is_refused_before_anything_is_sent(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**", max_request=1000))
    assert refused(guest, f"{fine.url}/", method="POST", body=b"x" * 1001) == (
        "Denied(value='the body has 1001 bytes, 1000 may be sent')"
    )
    for headers, early in ("[('content-length', b'1001')]", 0), ("[]", 1001):
        code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{fine.port}', '/', Method_Post(), {headers})
body = outer.body()
stream = body.write()
stream.blocking_write_and_flush(b'x' * {early})
outgoing_handler.handle(outer, None)
"""
        with pytest.raises(Refused, match=r"^Err: ErrorCode_HttpRequestBodySize\(value=1000\)"):
            guest.run(code)
    assert not fine.heads
    assert (
        guest.denied()
        == [("http POST", f"{fine.url}/", "grants.http[0]: the body has 1001 bytes, 1000 may be sent")] * 3
    )


def test_the_caps_are_what_the_page_says() -> None:
    rule = rule_of(Http("https://a.example/**"))
    assert (rule.max_request, rule.max_response, rule.timeout) == (64 << 20, 64 << 20, None)
    assert (_line.AT_ONCE, _line.MOST, _kept.MOST) == (16, 128, 16 << 20)
