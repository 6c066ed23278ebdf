"""`http`: what a guest keeps of requests and answers costs the host a bounded part of its memory, whatever it drops."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from orchestrator.errors import LimitExceeded
from orchestrator.wasi import _line
from orchestrator.wasi._messages import Trailers
from tests.security.conftest import Attack, Refused
from tests.support.http_guests import RAW, ended, granting, refused
from tests.support.http_servers import Server, plain, saying, serving


@pytest.fixture
def fine() -> Iterator[Server]:
    with serving(saying(plain(b"fine", headers=f"x-large: {'y' * 60_000}\r\n"))) as server:
        yield server


def asked(server: Server) -> str:
    """What asks for an answer in the guest, and waits for it."""
    return f"wait(outgoing_handler.handle(request(Scheme_Http(), '127.0.0.1:{server.port}', '/'), None))"


@pytest.mark.parametrize(
    "more",
    [
        "",
        "one.set_path_with_query('/' + '\\U0001f600' * 8000)",
        "one.set_authority('x.' * 120 + 'example')",
        "kept.append(OutgoingResponse(Fields()))",
    ],
)
def test_requests_that_are_never_handed_over_are_counted(attack: Attack, more: str) -> None:
    """A handle of one costs the guest nothing, and its address may be as long as an address is."""
    code = f"""{RAW}
kept = []
for _ in range(20_000):
    one = OutgoingRequest(Fields()); kept.append(one)
    {more}
"""
    with pytest.raises(LimitExceeded) as caught:
        attack().run(code)
    assert str(caught.value).startswith("the host keeps 16 MiB of headers and bodies for a guest at most: ")


def test_an_address_that_is_set_again_or_dropped_is_counted_once(attack: Attack) -> None:
    code = f"""{RAW}
long = '/' + '\\U0001f600' * 8000
for _ in range(1000):
    with OutgoingRequest(Fields()) as one:
        one.set_path_with_query(long); one.set_path_with_query(None); one.set_path_with_query(long)
result = 1
"""
    assert attack().run(code) == 1


@pytest.mark.parametrize("kept", ["stream", "stream.subscribe()"])
def test_a_stream_of_an_answer_that_was_dropped_is_an_exchange_that_is_kept(
    attack: Attack, fine: Server, kept: str
) -> None:
    """All that is left is a stream, or what waits for it: the host still has the headers of both sides for it."""
    code = f"""{RAW}
kept = []
for _ in range({_line.MOST} + 1):
    answer = {asked(fine)}
    with answer, answer.consume() as body:
        stream = body.stream()
    kept.append({kept})
"""
    with pytest.raises(Refused, match=r"^Err: ErrorCode_ConnectionLimitReached"):
        attack(granting(f"{fine.url}/**")).run(code)


class _Endless:
    """The pipe of an answer that comes as fast as it is taken."""

    ended, error, trailers = False, None, None

    def __init__(self) -> None:
        self.exchange, self.incoming = self, self
        self.taken = 0

    def take(self, most: int) -> bytes:
        self.taken += 1
        assert self.taken < 100, "nobody looks whether the guest should end"
        return bytes(most)


def test_an_answer_that_comes_as_fast_as_it_is_passed_over_keeps_nobody() -> None:
    trailers = Trailers(_Endless())  # type: ignore[arg-type]
    assert trailers.get(None) is None  # type: ignore[arg-type]
    assert not trailers.is_ready()


def test_no_more_of_an_answer_is_put_together_than_its_guest_has_memory_for(attack: Attack) -> None:
    """A grant may allow answers of any size, for who reads them in parts."""
    sent, part = 0, bytes(1 << 20)

    def pour(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 400 << 20:
            sent += connection.send(part)

    with serving(pour) as server:
        guest = attack(granting(f"{server.url}/**", max_response=1 << 40), memory=100 << 20)
        assert refused(guest, f"{server.url}/") == f"TooLarge(value={100 << 20})"
        assert ended()
    assert sent < 200 << 20
