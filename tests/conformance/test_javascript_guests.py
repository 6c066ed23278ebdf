"""Guests in JavaScript, with everything that their engine imports of WASI: timers, output, `fetch`."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.http import rule_of
from orchestrator.engine import Engine
from orchestrator.errors import TimedOut
from orchestrator.manifest.model import Http
from tests.support.hosted import Notes
from tests.support.http_servers import Server, plain, serving
from tests.support.javascript import Scripts

pytestmark = pytest.mark.slow

BIG = 50_000_000


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """The guest, built once and kept in the user's cache."""
    with Engine() as engine:
        yield Scripts.build(engine)


@pytest.fixture
def server() -> Iterator[Server]:
    def answer(connection: socket.socket, head: bytes) -> None:
        path = head.split()[1]
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        got = 0
        while got < length:
            got += len(connection.recv(1 << 20))
        if path == b"/big":
            connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-length: {BIG}\r\n\r\n".encode() + b"x" * BIG)
        else:
            connection.sendall(plain(f"{head.split()[0].decode()} {path.decode()} {got}".encode()))

    with serving(answer) as made:
        yield made


Run = Callable[..., Any]


@pytest.fixture
def run(scripts: Scripts, server: Server) -> Run:
    """(code, clock="wall", seconds=60) -> what the code returns, in a fresh guest that may ask the server."""

    def call(code: str, clock: str = "wall", seconds: float = 60, desk: Notes | None = None) -> Any:
        rule = rule_of(Http(f"{server.url}/**", ("GET", "POST")), "grants.http[0]")
        networks = (ipaddress.ip_network("127.0.0.0/8"),)
        authority = Authority(http=(rule,), networks=networks, clock=Time(clock))  # type: ignore[arg-type]
        return scripts.run(code.replace("URL", server.url), authority, seconds=seconds, desk=desk)

    return call


def test_an_answer_is_fetched(run: Run) -> None:
    desk = Notes()
    code = "const r = await fetch('URL/x?y=1'); return [r.status, r.headers.get('content-length'), await r.text()]"
    assert run(code, desk=desk) == [200, "12", "GET /x?y=1 0"]
    assert desk.exchanges[0]["status"] == 200


def test_two_answers_at_once(run: Run) -> None:
    code = "return await Promise.all(['a', 'b'].map(n => fetch('URL/' + n).then(r => r.text())))"
    assert run(code) == ["GET /a 0", "GET /b 0"]


def test_large_bodies_both_ways(run: Run) -> None:
    assert run("return (await (await fetch('URL/big')).arrayBuffer()).byteLength", seconds=200) == BIG
    code = f"const r = await fetch('URL/x', {{method: 'POST', body: new Uint8Array({BIG})}}); return await r.text()"
    assert run(code, seconds=200) == f"POST /x {BIG}"


@pytest.mark.parametrize("code", ["fetch('http://example.com/')", "fetch('URL/', {method: 'PUT'})"])
def test_what_is_not_granted_is_an_error_that_can_be_caught(run: Run, server: Server, code: str) -> None:
    assert run(f"return await {code}.then(r => r.status, e => 'refused')") == "refused"
    assert not server.heads


@pytest.mark.parametrize("clock", ["wall", "none"])
def test_timers_and_answers_are_waited_for_together(run: Run, clock: str) -> None:
    code = """
const late = new Promise(done => setTimeout(() => done('timer'), 20000));
return await Promise.race([fetch('URL/x').then(r => r.text()), late])
"""
    assert run(code, clock) == "GET /x 0"


def test_a_timer_takes_no_time_without_a_clock(run: Run) -> None:
    code = "await new Promise(done => setTimeout(done, 86400000)); return [Date.now(), performance.now()]"
    before = time.monotonic()
    assert run(code, "none") == [86400000, 86400000]
    assert time.monotonic() - before < 60


def test_a_timer_ends_with_the_deadline(run: Run) -> None:
    with pytest.raises(TimedOut):
        run("await new Promise(done => setTimeout(done, 3600000))", seconds=0.3)
