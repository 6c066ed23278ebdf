"""What tests of HTTP have the attacker do, and grants for it."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.http import rule_of
from orchestrator.manifest.model import Http

if TYPE_CHECKING:
    from tests.security.conftest import Attacker
    from tests.support.http_servers import Answer

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
FETCH = """
from wit_world.imports.web import Request, fetch
def get(url, method='GET', body=b'', headers=()):
    answer = fetch(Request(method, url, list(headers), body))
    return [answer.status, answer.body.decode('latin-1'), answer.headers]
"""
"""`agent:api/web`."""
RAW = """
from wit_world.imports import outgoing_handler, poll
from wit_world.imports import wasi_http_types as types
from wit_world.imports.wasi_http_types import *
def request(scheme, authority, path, method=Method_Get(), headers=()):
    request = OutgoingRequest(Fields.from_list([(name, value) for name, value in headers]))
    request.set_scheme(scheme); request.set_authority(authority); request.set_path_with_query(path)
    request.set_method(method)
    return request
def wait(future):
    with future.subscribe() as pollable: pollable.block()
    answer = future.get()
    return answer.value.value
def body_of(response):
    body, data = response.consume(), b''
    with body.stream() as stream:
        while True:
            try: data += stream.blocking_read(1 << 20)
            except Err as closed: break
    return data, body
"""
"""`wasi:http`."""


def granting(*urls: str, methods: tuple[str, ...] = ("GET", "POST"), **more: object) -> Authority:
    """What lets a guest ask these addresses, servers on loopback among them."""
    rules = tuple(rule_of(Http(url, methods, **more), f"grants.http[{n}]") for n, url in enumerate(urls))  # type: ignore[arg-type]
    return Authority(http=rules, networks=LOOPBACK, clock=Time("wall"))


def get(guest: Attacker, url: str, seconds: float = 60, **arguments: Any) -> list[Any]:
    """Has the guest fetch: status, body, headers."""
    named = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    found: list[Any] = guest.run(f"{FETCH}\nresult = get({url!r}, {named})", seconds=seconds)
    return found


def refused(guest: Attacker, url: str, **arguments: Any) -> str:
    """What the guest's own error says; it goes on after it."""
    from tests.security.conftest import Refused

    with pytest.raises(Refused) as caught:
        get(guest, url, **arguments)
    assert guest.run("result = 1") == 1
    return str(caught.value).removeprefix("Err: WebError_")


def silent(done: threading.Event) -> Answer:
    """Answers nothing until the test is done."""

    def answer(_connection: socket.socket, _head: bytes) -> None:
        done.wait(60)

    return answer


def ended(*names: str) -> bool:
    """Whether the threads of exchanges end; or those of other names."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not [thread for thread in threading.enumerate() if thread.name in (names or ("orchestrator-http",))]:
            return True
        time.sleep(0.02)
    return False
