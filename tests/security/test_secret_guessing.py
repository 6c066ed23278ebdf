"""`secrets`: a guest that has the secret's own server say what it likes cannot find the secret out piece by piece."""

from __future__ import annotations

import socket
import string
import threading
from dataclasses import replace

from orchestrator.capability import secrets
from orchestrator.manifest.model import Secret
from tests.security.conftest import Attack
from tests.support.http_guests import RAW, granting
from tests.support.http_servers import serving

KEY = "sk-Zq7bP0wX"


def test_a_server_that_says_a_guess_and_no_more_does_not_tell_whether_it_is_right(attack: Attack) -> None:
    """What could be the beginning of a secret has to wait for what follows: that it waits must not say that it is."""
    done = threading.Event()

    def echo(connection: socket.socket, head: bytes) -> None:
        guess = head.partition(b"?")[2].partition(b" ")[0]
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + guess)
        done.wait(60)

    code = f"""{RAW}
from wit_world.imports import monotonic_clock
def waits(port, guess):
    future = outgoing_handler.handle(request(Scheme_Http(), f'127.0.0.1:{{port}}', '/?' + guess), None)
    with future, wait(future) as answer, answer.consume() as body, body.stream() as stream:
        with stream.subscribe() as some, monotonic_clock.subscribe_duration(40_000_000) as time:
            return 0 not in poll.poll([some, time])
"""
    with serving(echo) as server:
        authority = granting(f"{server.url}/**")
        known = secrets.prepare((Secret("KEY", server.url, "authorization: Bearer {}"),), {"KEY": KEY})
        guest = attack(replace(authority, secrets=known))
        for form in KEY, KEY.encode().hex():
            for size in (1, 4, len(form) - 1):
                guesses = [form[:size] + letter for letter in (form[size], *string.ascii_uppercase[:3], "_")]
                found = guest.run(f"{code}\nresult = [waits({server.port}, guess) for guess in {guesses!r}]")
                assert set(found) == {True}
        done.set()
