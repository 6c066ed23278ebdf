"""Whatever a server says: an answer or an error of the standard's, and a thread that ends."""

from __future__ import annotations

import ipaddress
import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.capability.cover import Cover
from orchestrator.capability.http import rule_of
from orchestrator.capability.url import parse
from orchestrator.interface.values import Variant
from orchestrator.manifest.model import Http
from orchestrator.wasi._exchange import Exchange, Request
from tests.support.fuzzing import examples
from tests.support.http_servers import saying, serving

PIECES = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 204 No\r\n", b"HTTP/1.1 304 x\r\n", b"\r\n",
    b"content-length: 5\r\n", b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n",
    b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"hello", b"x: y\r\n", b": \r\n", b"\0", b"\xff" * 9, b"connection: close\r\n",
    b"ffffffffff\r\n", b"location: /\r\n", b" folded\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=9).map(b"".join))
@settings(max_examples=examples(80), suppress_health_check=list(HealthCheck), deadline=None)
def test_an_exchange_always_comes_to_an_end(said: bytes) -> None:
    with serving(saying(said)) as server:
        rule = rule_of(Http(f"{server.url}/**", timeout=5, max_response=1000))
        networks = (ipaddress.ip_network("127.0.0.0/8"),)
        rang = threading.Event()
        request = Request("GET", parse(f"{server.url}/"), [], None, False, rule, Cover([]), networks)
        exchange = Exchange(request, rang.set)
        exchange.start()
        exchange.outgoing.end()
        exchange.thread.join(20)
        assert exchange.is_over
        assert exchange.is_answered
        if exchange.answer is None:
            assert isinstance(exchange.error, Variant)
        else:
            assert 200 <= exchange.answer.status <= 999
            assert exchange.incoming.ended
        exchange.cancel()
