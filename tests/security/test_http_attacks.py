"""`http` and `secrets`: a guest that asks for more than it was granted, and servers that answer with harm."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.capability import Authority, secrets
from orchestrator.capability.clock import Time
from orchestrator.capability.http import rule_of
from orchestrator.engine import Stop
from orchestrator.errors import Cancelled, TimedOut
from orchestrator.manifest.model import Http, Secret
from orchestrator.wasi import _exchange
from tests.security.conftest import Attack, Refused
from tests.support.http_guests import FETCH, LOOPBACK, RAW, ended, get, granting, refused, silent
from tests.support.http_servers import Server, chunked, moved, plain, saying, serving

SECRET = "hunter2-hunter2"


@pytest.fixture
def fine() -> Iterator[Server]:
    with serving(saying(plain(b"fine"))) as server:
        yield server


# What is granted


def test_a_granted_address_is_answered(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/v1/**"))
    assert get(guest, f"{fine.url}/v1/x?q=1&r=%20")[:2] == [200, "fine"]
    assert fine.heads[0].startswith(b"GET /v1/x?q=1&r=%20 HTTP/1.1\r\n")
    assert guest.desk.exchanges == [
        {
            "operation": "http GET",
            "subject": f"{fine.url}/v1/x",
            "rule": "grants.http[0]",
            "sent": 0,
            "received": 4,
            "status": 200,
        }
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/x",
        "/",
        "/v1/../v2",
        "/v1/%2e%2e/v2",
        "/v1/./../x",
        "/V1/x",
        "//v1/x",
        "/v1%2Fx",
        "/v1/..%2fx",
        "/v1/x/../../y",
        "/v1/..;/v2",
        "/v1/%2e%2e;a=b/v2",
        "/v1/%c0%ae%c0%ae/v2",
    ],
)
def test_another_path_is_not(attack: Attack, fine: Server, path: str) -> None:
    guest = attack(granting(f"{fine.url}/v1/**"))
    assert refused(guest, fine.url + path).startswith(("Denied", "InvalidRequest"))
    assert not fine.heads
    assert [what for what, _, _ in guest.denied()] == ["http GET"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.0.0.1:1/", "http://127.0.0.1/",
        "http://127.0.0.1:{port}@example.com/", "http://example.com#@127.0.0.1:{port}/", "http://127.1:{port}/",
        "http://0x7f000001:{port}/", "http://2130706433:{port}/", "http://017700000001:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://127.0.0.1:{port}\\@example.com/", "file:///etc/passwd",
        "HTTP://user:pw@127.0.0.1:{port}/", "http:///x", "//127.0.0.1:{port}/", "", "http://127.0.0.1:{port}/ x",
        "http://127.0.0.1:{port}/\r\nx: y", "http://127.0.0.1:99999/", "http://127.0.0.1:{port}:80/",
        "gopher://127.0.0.1:{port}/_GET", "http://[::1]:{port}/", "http://0.0.0.0:{port}/", "http://127.0.0.1.nip.io:{port}/",
    ],
)  # fmt: skip
def test_another_host_port_or_scheme_is_not(attack: Attack, fine: Server, url: str) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    assert refused(guest, url.format(port=fine.port)).startswith(("Denied", "InvalidRequest"))
    assert not fine.heads
    assert guest.denied()


def test_without_a_grant_nothing_is_asked(attack: Attack, fine: Server) -> None:
    guest = attack(Authority(networks=LOOPBACK))
    assert refused(guest, fine.url + "/") == (
        f"Denied(value='grants.http: no grant admits GET {fine.url}/; granted: nothing')"
    )
    assert not fine.heads


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "CONNECT", "TRACE", "get ", "GET\r\nx: y", "", "P\u00d6ST", "PURGE"]
)
def test_another_method_is_not(attack: Attack, fine: Server, method: str) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    assert refused(guest, fine.url + "/", method=method).startswith("Denied")
    assert not fine.heads


@pytest.mark.parametrize(
    "header",
    [
        ("x", "a\r\nhost: other"), ("x\r\ny", "z"), ("x", "a\nb"), ("x", "a\0b"), ("x y", "z"), ("", "z"), ("x:", "z"),
        ("host", "other"), ("Transfer-Encoding", "chunked"), ("connection", "upgrade"), ("x", "a" * 70_000),
        ("proxy-authorization", "x"), ("upgrade", "h2c"), ("x", " padded"),
    ],
)  # fmt: skip
def test_a_header_that_says_more_than_one_thing_is_not_sent(
    attack: Attack, fine: Server, header: tuple[str, str]
) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    assert refused(guest, fine.url + "/", headers=[header]).startswith("InvalidRequest")
    assert not fine.heads
    ((operation, subject, rule),) = guest.denied()
    assert (operation, subject) == ("http GET", f"{fine.url}/")
    assert rule.startswith("grants.http: ")


def test_a_header_that_is_the_host_s_own_is_told(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    assert refused(guest, fine.url + "/", headers=[("Host", "other")]) == (
        "InvalidRequest(value='the header `host` is the host\\'s own')"
    ).replace("\\'", "'").replace("value='", 'value="').replace("own')", 'own")')
    assert guest.denied() == [("http GET", f"{fine.url}/", "grants.http: the header `host` is the host's own")]


def test_a_header_of_wasi_http_that_is_the_host_s_own_is_told(attack: Attack) -> None:
    guest = attack(granting("http://a.example/**"))
    found = guest.run("""
from wit_world.imports.wasi_http_types import Fields
def tried(what):
    try: what()
    except Err as problem: return type(problem.value).__name__
fields = Fields()
result = [
    tried(lambda: fields.append('Host', b'x')),
    tried(lambda: fields.set('te', [b'x'])),
    tried(lambda: Fields.from_list([('x', b'y'), ('upgrade', b'x')])),
    tried(lambda: fields.append('x', b'y' * 70_000)),
    tried(lambda: fields.append('x', b'\\r\\n')),
]
""")
    assert found == [*["HeaderError_Forbidden"] * 4, "HeaderError_InvalidSyntax"]
    own = "grants.http: the header `{}` is the host's own"
    assert guest.denied() == [
        ("http header", "Host", own.format("host")),
        ("http header", "te", own.format("te")),
        ("http header", "upgrade", own.format("upgrade")),
        ("http header", "x", "grants.http: headers have 64 KiB and 1024 pairs at most"),
    ]


# Where names lead


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "198.18.0.1", "192.0.2.1",
        "ff02::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_followed(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: [address])
    authority = Authority(http=(rule_of(Http(f"http://rebound.example:{fine.port}/**")),))
    guest = attack(authority)
    assert refused(guest, f"http://rebound.example:{fine.port}/").startswith("Denied")
    assert not fine.heads
    assert [what for what, _, _ in guest.denied()] == ["http connect"]


def test_a_name_whose_answer_changes_is_asked_once(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at is what is connected to: a second answer is never asked for."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: next(answers))
    rule = rule_of(Http(f"http://rebound.example:{fine.port}/**"))
    guest = attack(Authority(http=(rule,), networks=(ipaddress.ip_network("127.0.0.2/32"),)))
    assert refused(guest, f"http://rebound.example:{fine.port}/").startswith("Unreachable")
    assert not fine.heads
    assert next(answers) == ["127.0.0.1"]


def test_of_several_addresses_only_those_that_may_are_tried(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: ["10.0.0.1", "::1", "127.0.0.1"])
    rule = rule_of(Http(f"http://several.example:{fine.port}/**"))
    guest = attack(Authority(http=(rule,), networks=LOOPBACK))
    assert get(guest, f"http://several.example:{fine.port}/")[:2] == [200, "fine"]
    assert f"host: several.example:{fine.port}".encode() in fine.heads[0]
    assert len(guest.denied()) == 2


def test_a_name_that_cannot_be_resolved_is_unreachable(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(_exchange, "resolve", fail)
    guest = attack(granting("http://nowhere.example/**"))
    assert refused(guest, "http://nowhere.example/") == (
        "Unreachable(value='nowhere.example: Name or service not known')"
    )


# Redirects


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "https://example.com/", "//example.com/",
        "file:///etc/passwd", "http://127.0.0.1:1/", "/outside", "../../outside", "javascript:1", "http://[::1]/",
        "\\\\x\\y",
    ],
)  # fmt: skip
def test_a_redirect_out_of_the_grant_is_not_followed(attack: Attack, location: str) -> None:
    with serving(saying(moved(location))) as server:
        guest = attack(granting(f"{server.url}/in/**"))
        assert refused(guest, f"{server.url}/in/x").startswith("Denied")
        assert len(server.heads) == 1
        assert guest.denied()


def test_a_redirect_within_the_grant_is_followed(attack: Attack) -> None:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(plain(b"there") if b"GET /in/there" in head else moved("there?x=1"))

    with serving(answer) as server:
        assert get(attack(granting(f"{server.url}/in/**")), f"{server.url}/in/x")[:2] == [200, "there"]


def test_redirects_without_end_have_one(attack: Attack) -> None:
    with serving(saying(moved("/in/again"))) as server:
        guest = attack(granting(f"{server.url}/in/**"))
        assert refused(guest, f"{server.url}/in/x") == "Unreachable(value='the request was sent on more than 5 times')"
        assert len(server.heads) == 6


def test_what_is_for_one_origin_is_not_sent_on_to_another(attack: Attack, fine: Server) -> None:
    with serving(saying(moved(f"{fine.url}/other"))) as server:
        guest = attack(granting(f"{server.url}/**", f"{fine.url}/**"))
        headers = [("authorization", "mine"), ("cookie", "mine"), ("x-other", "kept")]
        assert get(guest, f"{server.url}/", headers=headers)[:2] == [200, "fine"]
        assert b"authorization: mine" in server.heads[0]
        assert b"mine" not in fine.heads[0]
        assert b"x-other: kept" in fine.heads[0]


@pytest.mark.parametrize(("status", "sent"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_body_is_sent_on_where_the_redirect_says_so(attack: Attack, status: int, sent: str) -> None:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(moved("/there", f"{status} Moved") if b" /here" in head else plain(b"ok"))

    with serving(answer) as server:
        get(attack(granting(f"{server.url}/**")), f"{server.url}/here", method="POST", body=b"data")
        assert server.heads[1].startswith(f"{sent} /there".encode())
        assert (b"content-length: 4" in server.heads[1]) == (sent == "POST")


# Secrets


def with_secret(server: Server, *more: Server) -> Authority:
    grants = (Secret("KEY", server.url, "Authorization: Bearer {}"),)
    urls = [f"{each.url}/**" for each in (server, *more)]
    rules = tuple(rule_of(Http(url, ("GET", "POST")), "grants.http") for url in urls)
    return Authority(
        http=rules, secrets=secrets.prepare(grants, {"KEY": SECRET}), networks=LOOPBACK, clock=Time("wall")
    )


def echo(connection: socket.socket, head: bytes) -> None:
    """Gives the request's head back, in every form, and in small pieces."""
    import base64

    raw = head + base64.b64encode(SECRET.encode()) + b" " + SECRET.encode().hex().encode()
    connection.sendall(f"HTTP/1.1 200 OK\r\nx-echo: {SECRET}\r\ncontent-length: {len(raw)}\r\n\r\n".encode())
    for at in range(0, len(raw), 3):
        connection.sendall(raw[at : at + 3])
        time.sleep(0.0002)


def test_a_secret_is_sent_and_never_seen(attack: Attack) -> None:
    import base64

    with serving(echo) as server:
        guest = attack(with_secret(server))
        status, body, headers = get(guest, f"{server.url}/", headers=[("authorization", "mine")])
        assert status == 200
        assert f"authorization: Bearer {SECRET}".encode() in server.heads[0]
        assert b"mine" not in server.heads[0]
        everything = f"{body}{headers}{guest.desk.decisions}{guest.desk.exchanges}{guest.printed}"
        for form in (SECRET, base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex()):
            assert form not in everything
        assert "authorization: Bearer [secret KEY]" in str(body)
        assert ["x-echo", "[secret KEY]"] in headers
        assert ("secret add", f"KEY to {server.url}", "grants.secrets[0]", True) in guest.desk.decisions


def test_a_secret_goes_to_no_other_origin(attack: Attack, fine: Server) -> None:
    with serving(saying(moved(f"{fine.url}/there"))) as server:
        guest = attack(with_secret(server, fine))
        assert get(guest, f"{server.url}/")[0] == 200
        assert SECRET.encode() in server.heads[0]
        assert SECRET.encode() not in fine.heads[0]
        get(guest, f"{fine.url}/x")
        assert SECRET.encode() not in fine.heads[1]


def test_an_answer_in_which_a_secret_could_not_be_seen_is_refused(attack: Attack) -> None:
    with serving(saying(plain(gzip.compress(SECRET.encode()), headers="content-encoding: gzip\r\n"))) as server:
        guest = attack(with_secret(server))
        assert refused(guest, f"{server.url}/").startswith("Unreachable")
        assert b"accept-encoding: identity" in server.heads[0]


def test_an_answer_of_another_origin_may_be_encoded(attack: Attack) -> None:
    """It cannot have the secret of this one in it."""
    data = gzip.compress(b"fine")
    with (
        serving(saying(plain(b"fine"))) as secret,
        serving(saying(plain(data, headers="content-encoding: gzip\r\n"))) as other,
    ):
        guest = attack(with_secret(secret, other))
        assert get(guest, f"{other.url}/")[:2] == [200, data.decode("latin-1")]
        assert b"accept-encoding" not in other.heads[0]


def test_a_secret_is_not_asked_for_in_parts(attack: Attack) -> None:
    """A part of it would not be known for what it is."""

    def answer(connection: socket.socket, head: bytes) -> None:
        asked = [line for line in head.lower().split(b"\r\n") if line.startswith(b"range: bytes=0-")]
        body = SECRET[: int(asked[0].partition(b"-")[2]) + 1] if asked else SECRET
        connection.sendall(plain(body.encode(), "206 Partial Content" if asked else "200 OK"))

    with serving(answer) as server:
        guest = attack(with_secret(server))
        found = get(guest, f"{server.url}/", headers=[("Range", "bytes=0-7"), ("If-Range", "x")])
        assert found[:2] == [200, "[secret KEY]"]


def test_a_secret_in_the_name_of_a_header_or_of_an_encoding_is_not_seen(attack: Attack) -> None:
    with serving(saying(plain(b"fine", headers=f"x-{SECRET.upper()}: y\r\nx-{SECRET}: y\r\nx-other: y\r\n"))) as server:
        guest = attack(with_secret(server))
        assert [name for name, _ in get(guest, f"{server.url}/")[2]] == ["content-length", "x-other"]
    with serving(saying(plain(b"", headers=f"content-encoding: {SECRET}\r\n"))) as server:
        guest = attack(with_secret(server))
        code = f"{RAW}\nresult = repr(wait(outgoing_handler.handle({_request(server)}, None)))"
        assert guest.run(code) == "ErrorCode_HttpResponseContentCoding(value=None)"
        assert SECRET not in f"{guest.desk.decisions}{guest.desk.exchanges}"


def test_a_secret_in_trailers_and_in_what_is_no_answer_is_not_seen(attack: Attack) -> None:
    tail = f"0\r\nx-echo: {SECRET}\r\nx-{SECRET}: y\r\n\r\n".encode()
    with serving(saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + tail)) as server:
        code = f"""{RAW}
body = wait(outgoing_handler.handle({_request(server)}, None)).consume()
trailers = IncomingBody.finish(body)
with trailers.subscribe() as pollable: pollable.block()
result = [[name, value.decode()] for name, value in trailers.get().value.value.entries()]
"""
        assert attack(with_secret(server)).run(code) == [["x-echo", "[secret KEY]"]]
    with serving(saying(f"HTTP/1.1 200 {SECRET}\r\n{SECRET}\r\n\r\n".encode())) as server:
        guest = attack(with_secret(server))
        why = refused(guest, f"{server.url}/")
        assert SECRET not in f"{why}{guest.desk.decisions}{guest.desk.exchanges}"


def _request(server: Server) -> str:
    return f"request(Scheme_Http(), '127.0.0.1:{server.port}', '/')"


# Harmful answers


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "Unreachable"),
        (b"\x00\x01\x02garbage\r\n\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000 + b"\r\n", "Unreachable"),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 100, "Unreachable"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", "TooLarge"),
    ],
)
def test_an_answer_that_is_none_is_an_error(attack: Attack, data: bytes, error: str) -> None:
    with serving(saying(data)) as server:
        assert refused(attack(granting(f"{server.url}/**")), f"{server.url}/").startswith(error)


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_that_is_too_long_is_told_as_that(attack: Attack, end: bytes) -> None:
    with serving(saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + end)) as server:
        guest = attack(granting(f"{server.url}/**"))
        assert refused(guest, f"{server.url}/") == (
            "Unreachable(value='the head of the answer is larger than 64 KiB or 1024 headers')"
        )


def test_an_answer_of_200_megabytes_is_cut_off(attack: Attack) -> None:
    sent = 0

    def answer(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            sent += connection.send(b"x" * (1 << 20))

    with serving(answer) as server:
        guest = attack(granting(f"{server.url}/**", max_response=10 << 20))
        assert refused(guest, f"{server.url}/") == f"TooLarge(value={10 << 20})"
        assert sent < 60 << 20


def test_a_request_body_that_is_too_large_is_not_sent(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**", max_request=1000))
    assert refused(guest, f"{fine.url}/", method="POST", body=b"x" * 1001).startswith("Denied")
    assert not any(b"x" * 100 in head for head in fine.heads)


@pytest.mark.parametrize("phase", ["silent", "head", "body"])
def test_an_answer_that_drips_ends_with_the_grant_s_time(attack: Attack, phase: str) -> None:
    done = threading.Event()

    def answer(connection: socket.socket, _head: bytes) -> None:
        if phase != "silent":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
        if phase == "body":
            connection.sendall(b"content-length: 100000\r\n\r\n")
        while not done.wait(0.02):
            if phase != "silent":
                connection.sendall(b"x: y\r\n" if phase == "head" else b"x")

    with serving(answer) as server:
        guest = attack(granting(f"{server.url}/**", timeout=0.5))
        before = time.monotonic()
        assert refused(guest, f"{server.url}/") == "TimedOut()"
        assert time.monotonic() - before < 30
        done.set()


@pytest.mark.parametrize("how", ["deadline", "cancel"])
def test_a_guest_that_waits_for_an_answer_ends_when_it_is_told_to(attack: Attack, how: str) -> None:
    done, stop = threading.Event(), Stop()
    with serving(silent(done)) as server:
        guest = attack(granting(f"{server.url}/**"))
        timer = threading.Timer(0.3, lambda: stop.set(Cancelled("enough")))
        if how == "cancel":
            timer.start()
        with pytest.raises(Cancelled if how == "cancel" else TimedOut):
            guest.run(f"{FETCH}\nget('{server.url}/')", seconds=60 if how == "cancel" else 0.3, stop=stop)
        guest.instance.close()
        assert ended()
        done.set()


# The standard's own interface


def test_the_standard_s_interface_works_and_refuses_by_its_own_error(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/in/**"))
    code = f"""{RAW}
response = wait(outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{fine.port}', '/in/x?y'), None))
data, body = body_of(response)
result = [response.status(), data.decode(), [n for n, v in response.headers().entries()]]
"""
    assert guest.run(code) == [200, "fine", ["content-length"]]
    for scheme, path, method in (
        ("Scheme_Http()", "/out", "Method_Get()"),
        ("Scheme_Https()", "/in/x", "Method_Get()"),
        ("Scheme_Http()", "/in/x", "Method_Put()"),
        ("Scheme_Http()", "/in/../out", "Method_Get()"),
        ("Scheme_Other('ftp')", "/in/x", "Method_Get()"),
        ("Scheme_Http()", "/in/x", "Method_Other('PURGE')"),
    ):
        outer = f"request({scheme}, '127.0.0.1:{fine.port}', '{path}', {method})"
        with pytest.raises(Refused, match=r"^Err: ErrorCode_HttpRequestDenied"):
            guest.run(f"{RAW}\noutgoing_handler.handle({outer}, None)")
    assert len(fine.heads) == 1
    assert len(guest.denied()) == 6


def test_a_redirect_is_the_guest_s_own_to_follow(attack: Attack) -> None:
    with serving(saying(moved("http://169.254.169.254/"))) as server:
        code = f"""{RAW}
response = wait(outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/'), None))
result = [response.status(), response.headers().get('location')[0].decode()]
"""
        assert attack(granting(f"{server.url}/**")).run(code) == [302, "http://169.254.169.254/"]


def test_bodies_and_trailers_go_both_ways(attack: Attack) -> None:
    seen: list[tuple[int, list[bytes]]] = []

    def answer(connection: socket.socket, _head: bytes) -> None:
        seen.append(chunked(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"100000\r\n" + b"y" * (1 << 20) + b"\r\n")
        connection.sendall(b"0\r\nx-sum: 42\r\n\r\n")

    with serving(answer) as server:
        code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{server.port}', '/', Method_Post())
body = outer.body()
future = outgoing_handler.handle(outer, None)
with body.write() as stream:
    for _ in range(50 * 16):
        stream.blocking_write_and_flush(b'x' * 65536)
OutgoingBody.finish(body, Fields.from_list([('x-mine', b'7')]))
response = wait(future)
incoming, size = response.consume(), 0
with incoming.stream() as stream:
    while True:
        try: size += len(stream.blocking_read(1 << 20))
        except Err: break
trailers = IncomingBody.finish(incoming)
with trailers.subscribe() as pollable: pollable.block()
result = [size, trailers.get().value.value.entries()[0][1].decode()]
"""
        assert attack(granting(f"{server.url}/**")).run(code, seconds=200) == [50 << 20, "42"]
        assert seen == [(50 << 20, [b"x-mine: 7"])]


def test_several_requests_at_once(attack: Attack) -> None:
    barrier = threading.Barrier(8, timeout=60)

    def answer(connection: socket.socket, head: bytes) -> None:
        barrier.wait()
        connection.sendall(plain(head.split()[1]))

    with serving(answer) as server:
        code = f"""{RAW}
def begin(n):
    return outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/' + str(n)), None)
futures = [begin(n) for n in range(8)]
result = sorted(body_of(wait(future))[0].decode() for future in futures)
"""
        assert attack(granting(f"{server.url}/**")).run(code) == [f"/{n}" for n in range(8)]


def test_more_requests_at_once_than_may_be_are_refused(attack: Attack) -> None:
    done = threading.Event()
    with serving(silent(done)) as server:
        guest = attack(granting(f"{server.url}/**"))
        code = f"""{RAW}
import builtins
builtins.kept = []
for n in range(1000):
    builtins.kept.append(outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/'), None))
"""
        with pytest.raises(Refused, match=r"^Err: ErrorCode_ConnectionLimitReached"):
            guest.run(code)
        assert len([t for t in threading.enumerate() if t.name == "orchestrator-http"]) <= 16
        guest.instance.close()
        assert ended()
        done.set()


def test_an_answer_that_comes_before_the_body_was_sent_is_read(attack: Attack) -> None:
    with serving(saying(plain(b"no", "413 Too Large"))) as server:
        code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{server.port}', '/', Method_Post())
body = outer.body()
future = outgoing_handler.handle(outer, None)
stream = body.write()
try:
    for _ in range(1000): stream.blocking_write_and_flush(b'x' * 65536)
except Err: pass
result = wait(future).status()
"""
        assert attack(granting(f"{server.url}/**")).run(code) == 413


def test_a_body_that_is_not_finished_is_never_whole(attack: Attack) -> None:
    whole: list[object] = []

    def answer(connection: socket.socket, _head: bytes) -> None:
        whole.append(chunked(connection))

    with serving(answer) as server:
        code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{server.port}', '/', Method_Post())
body = outer.body()
future = outgoing_handler.handle(outer, None)
with body.write() as stream: stream.blocking_write_and_flush(b'half')
del stream
body.__exit__(None, None, None)
result = repr(wait(future))
"""
        assert "HttpProtocolError" in attack(granting(f"{server.url}/**")).run(code)
        assert not whole


@pytest.mark.parametrize(("declared", "written"), [(5, 4), (5, 6)])
def test_a_body_has_the_length_that_was_declared(attack: Attack, fine: Server, declared: int, written: int) -> None:
    code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{fine.port}', '/', Method_Post(), [('content-length', b'{declared}')])
body = outer.body()
future = outgoing_handler.handle(outer, None)
with body.write() as stream: stream.blocking_write_and_flush(b'x' * {written})
OutgoingBody.finish(body, None)
"""
    with pytest.raises(Refused, match=r"BodySize|LastOperationFailed|Closed"):
        attack(granting(f"{fine.url}/**")).run(code)


def test_trailers_do_not_say_how_long_the_body_is(attack: Attack, fine: Server) -> None:
    code = f"""{RAW}
outer = request(Scheme_Http(), '127.0.0.1:{fine.port}', '/', Method_Post())
body = outer.body()
future = outgoing_handler.handle(outer, None)
OutgoingBody.finish(body, Fields.from_list([('Content-Length', b'5')]))
"""
    with pytest.raises(Refused, match=r"^Err: ErrorCode_HttpProtocolError"):
        attack(granting(f"{fine.url}/**")).run(code)


def test_what_a_query_says_is_sent(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    assert get(guest, f"{fine.url}/?text=two%0alines%09+%26%20more&x=[1]")[0] == 200
    assert fine.heads[0].startswith(b"GET /?text=two%0Alines%09+%26%20more&x=[1] HTTP/1.1\r\n")


def test_headers_that_were_handed_over_are_fixed(attack: Attack, fine: Server) -> None:
    code = f"""{RAW}
outer = request(Scheme_Http(), 'x', '/')
outer.headers().append('x', b'y')
"""
    with pytest.raises(Refused, match=r"^Err: HeaderError_Immutable"):
        attack(granting(f"{fine.url}/**")).run(code)


def test_a_timeout_of_the_guest_s_own_ends_its_wait(attack: Attack) -> None:
    done = threading.Event()
    with serving(silent(done)) as server:
        code = f"""{RAW}
options = RequestOptions(); options.set_first_byte_timeout(200_000_000)
result = repr(wait(outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/'), options)))
"""
        assert "HttpResponseTimeout" in attack(granting(f"{server.url}/**")).run(code)
        done.set()


def test_the_trace_is_handed_on(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**"))
    guest.desk.parent = f"00-{'a' * 32}-{'b' * 16}-01"
    get(guest, f"{fine.url}/", headers=[("traceparent", "forged")])
    assert f"traceparent: {guest.desk.parent}".encode() in fine.heads[0]
    assert b"forged" not in fine.heads[0]


def test_the_trace_is_not_handed_on_where_the_grant_says_so(attack: Attack, fine: Server) -> None:
    guest = attack(granting(f"{fine.url}/**", trace=False))
    guest.desk.parent = f"00-{'a' * 32}-{'b' * 16}-01"
    get(guest, f"{fine.url}/", headers=[("traceparent", "its-own")])
    get(guest, f"{fine.url}/")
    assert b"traceparent: its-own" in fine.heads[0]
    assert b"traceparent" not in fine.heads[1]


# Encryption

TLS = Path(__file__).resolve().parent.parent / "data" / "tls"
"""Certificates for `server.example` of an authority whose key is gone, one expired; of another name; of nobody."""


@contextmanager
def encrypted(certificate: str) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / f"{certificate}.pem", TLS / "server.key")
    with serving(saying(plain(b"fine")), context) as server:
        yield server


@pytest.mark.parametrize(
    ("certificate", "known", "error"),
    [
        ("good", True, ""),
        ("good", False, "TlsCertificateError"),
        ("other", True, "TlsCertificateError"),
        ("expired", True, "TlsCertificateError"),
        ("self", True, "TlsCertificateError"),
    ],
)
def test_a_server_is_known_by_its_certificate(
    attack: Attack, monkeypatch: pytest.MonkeyPatch, certificate: str, known: bool, error: str
) -> None:
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: ["127.0.0.1"])
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem")) if known else ssl.create_default_context()
    monkeypatch.setattr(_exchange, "_context", lambda: context)
    with encrypted(certificate) as server:
        code = f"""{RAW}
answer = wait(outgoing_handler.handle(request(Scheme_Https(), 'server.example:{server.port}', '/'), None))
result = body_of(answer)[0].decode() if isinstance(answer, IncomingResponse) else repr(answer)
"""
        found = attack(granting(f"https://server.example:{server.port}/**")).run(code)
        assert found == "fine" if not error else error in found
        assert bool(server.heads) == (not error)


def test_a_server_without_encryption_is_not_taken_for_one_with_it(
    attack: Attack, fine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exchange, "resolve", lambda _host, _port: ["127.0.0.1"])
    code = f"""{RAW}
options = RequestOptions(); options.set_connect_timeout(500_000_000)
result = repr(wait(outgoing_handler.handle(request(Scheme_Https(), 'server.example:{fine.port}', '/'), options)))
"""
    found = attack(granting(f"https://server.example:{fine.port}/**")).run(code)
    assert "ConnectionTimeout" in found, "the server waits for the end of a head, and has none to read"
    assert not any(b"server.example" in head and head.startswith(b"GET") for head in fine.heads)
