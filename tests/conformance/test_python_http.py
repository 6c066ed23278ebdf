"""A guest in Python that asks over the standard's own HTTP, through asyncio and componentize-py's event loop."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.http import rule_of
from orchestrator.engine import Component, Engine, Frame
from orchestrator.errors import TimedOut
from orchestrator.interface.types import Function
from orchestrator.manifest.model import Http
from tests.support.hosted import hosted
from tests.support.http_servers import plain, serving

_GUEST = Path(__file__).resolve().parent.parent / "components" / "fetcher"


@pytest.fixture(scope="module")
def guest() -> Iterator[tuple[Engine, Component]]:
    """The component, built once and kept in the user's cache."""
    with Engine() as engine:
        yield engine, engine.load(_GUEST)


def ask(guest: tuple[Engine, Component], url: str, port: int, *paths: str, seconds: float = 60) -> object:
    engine, component = guest
    networks = (ipaddress.ip_network("127.0.0.0/8"),)
    authority = Authority(http=(rule_of(Http(url)),), networks=networks, clock=Time("wall"))
    function = next(item for item in component.world.exports if isinstance(item, Function))
    with (
        hosted(engine, component, authority) as made,
        made.entered(Frame(deadline=time.monotonic() + seconds, limit="late")),
    ):
        return made.call(None, function, [f"127.0.0.1:{port}", list(paths)])


def test_several_answers_are_waited_for_at_once(guest: tuple[Engine, Component]) -> None:
    barrier = threading.Barrier(3, timeout=60)

    def answer(connection: socket.socket, head: bytes) -> None:
        barrier.wait()
        connection.sendall(plain(b"x" * int(head.split()[1][1:])))

    with serving(answer) as server:
        found = ask(guest, f"{server.url}/**", server.port, "/1", "/70000", "/3000000")
    assert found == {"ok": [1, 70000, 3000000]}


def test_what_is_not_granted_is_the_standard_s_error(guest: tuple[Engine, Component]) -> None:
    assert ask(guest, "http://127.0.0.1:1/**", 2, "/") == {"err": "ErrorCode_HttpRequestDenied()"}


def test_a_loop_that_waits_ends_with_its_deadline(guest: tuple[Engine, Component]) -> None:
    done = threading.Event()

    def answer(_connection: socket.socket, _head: bytes) -> None:
        done.wait(60)

    with serving(answer) as server, pytest.raises(TimedOut):
        ask(guest, f"{server.url}/**", server.port, "/", seconds=0.3)
    done.set()
