"""What programs in JavaScript expect of the web's interfaces where those rest on WASI: time, random numbers, output,
and `fetch` with its streams, its end by a signal and its headers. Ideas of what to check are the web platform tests'.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.http import rule_of
from orchestrator.capability.random import Numbers
from orchestrator.engine import Engine
from orchestrator.manifest.model import Http
from tests.support.http_servers import Server, moved, plain, serving
from tests.support.javascript import Scripts

pytestmark = pytest.mark.slow

LATE = 30
"""Seconds after which a server gives up waiting for what a test expects."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """The guest, built once and kept in the user's cache."""
    with Engine() as engine:
        yield Scripts.build(engine)


class Answers:
    """A server's answers, by the path that is asked for."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.together = threading.Barrier(6, timeout=LATE)

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        method, path = head.split()[:2]
        name = path.decode().split("?")[0].strip("/").replace("-", "_")
        getattr(self, f"at_{name}")(connection, method, head)

    def at_echo(self, connection: socket.socket, method: bytes, head: bytes) -> None:
        """Says what was asked."""
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]
        headers = {name.decode(): value.decode() for name, _, value in lines}
        body = read_body(connection, headers)
        said = {"method": method.decode(), "path": head.split()[1].decode(), "headers": headers, "body": body}
        connection.sendall(plain(json.dumps(said).encode(), headers="content-type: application/json\r\n"))

    def at_hang(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        """Begins an answer, and ends when the connection does."""
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nabc")
        wait_for_end(connection)

    def at_silent(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        """Answers nothing, and ends when the connection does."""
        wait_for_end(connection)

    def at_parts(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        """An answer whose second half is sent when the guest asks for that elsewhere."""
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        if self.go.wait(LATE):
            connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

    def at_go(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        self.go.set()
        connection.sendall(plain(b"gone"))

    def at_together(self, connection: socket.socket, _method: bytes, head: bytes) -> None:
        """Answers when several have asked."""
        self.together.wait()
        connection.sendall(plain(head.split()[1].split(b"?")[1]))

    def at_headers(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        headers = "Set-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\nX-Twice: 1\r\nx-twice:  2 \r\nx-empty:\r\n"
        connection.sendall(plain(b"", headers=headers))

    def at_moved(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        connection.sendall(moved("/echo"))

    def at_empty(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def at_missing(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        connection.sendall(plain(b"nothing there", "404 Not Found"))

    def at_cut(self, connection: socket.socket, _method: bytes, _head: bytes) -> None:
        """An answer that ends before its end."""
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")


def wait_for_end(connection: socket.socket) -> None:
    connection.settimeout(LATE)
    connection.recv(1)


def read_chunk(stream: Any) -> bytes:
    size = int(stream.readline(), 16)
    data: bytes = stream.read(size)
    stream.readline()
    return data


def read_body(connection: socket.socket, headers: dict[str, str]) -> list[str]:
    """A body: its parts as they were sent, or all of it."""
    with connection.makefile("rb") as stream:
        if "content-length" in headers:
            return [stream.read(int(headers["content-length"])).decode()]
        if "transfer-encoding" not in headers:
            return []
        return [part.decode() for part in iter(lambda: read_chunk(stream), b"")]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Answers()) as made:
        yield made


Run = Callable[..., Any]


@pytest.fixture
def run(scripts: Scripts, server: Server) -> Run:
    """(code, clock, random, output) -> what the code returns, in a fresh guest; `HOST` in it is the server's."""

    def call(code: str, clock: Time = Time("wall"), random: str = "secure", output: Any = None) -> Any:  # noqa: B008
        rule = rule_of(Http(f"{server.url}/**", ("GET", "HEAD", "POST", "PUT")))
        authority = Authority(
            http=(rule,),
            networks=(ipaddress.ip_network("127.0.0.0/8"),),
            clock=clock,
            random=Numbers(random),  # type: ignore[arg-type]
        )
        return scripts.run(code.replace("HOST", server.url), authority, output=output)

    return call


# Time


ORDER = "in the order of their times, after what is ready"
TIMERS = {
    ORDER: (
        """
const log = [], note = name => () => log.push(name);
setTimeout(note('20'), 20); setTimeout(note('0'), 0); setTimeout(note('0 again'), 0); setTimeout(note('10'), 10);
Promise.resolve().then(note('promise')); queueMicrotask(note('microtask')); log.push('now');
await new Promise(done => setTimeout(done, 40));
return log;
""",
        ["now", "promise", "microtask", "0", "0 again", "10", "20"],
    ),
    "one that is made by another comes later": (
        """
const log = [];
await new Promise(done => setTimeout(() => {
  log.push('a');
  setTimeout(() => { log.push('c'); done(); }, 0);
  Promise.resolve().then(() => log.push('b'));
}));
return log;
""",
        ["a", "b", "c"],
    ),
    "ones that are taken back do not come": (
        """
let times = 0, never = 0;
clearTimeout(setTimeout(() => never++, 2)); clearTimeout(undefined); clearInterval(12345);
await new Promise(done => {
  const interval = setInterval(() => { if (++times === 3) { clearInterval(interval); setTimeout(done, 10); } }, 2);
});
return [times, never];
""",
        [3, 0],
    ),
    "what they are given is handed on": (
        "return await new Promise(done => setTimeout((...given) => done(given), 1, 'a', 2))",
        ["a", 2],
    ),
    "a wait takes as long as it says": (
        """
const began = performance.now();
await new Promise(done => setTimeout(done, 15));
return performance.now() - began >= 15;
""",
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("clock", ["wall", "monotonic", "fixed", "none"])
@pytest.mark.parametrize("name", [name for name in TIMERS if name != ORDER])
def test_timers_come(run: Run, name: str, clock: str) -> None:
    code, expected = TIMERS[name]
    assert run(code, Time(clock)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("clock", ["fixed", "none"])
def test_timers_come_in_order(run: Run, clock: str) -> None:
    """By a clock that only they move."""
    code, expected = TIMERS[ORDER]
    assert run(code, Time(clock)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
def test_timers_come_in_order_while_time_goes_on(run: Run, clock: str) -> None:
    """Where the guest is held up between two calls, a long timer may be up before a short one that was set later."""
    code, expected = TIMERS[ORDER][0], cast("list[str]", TIMERS[ORDER][1])
    found = run(code, Time(clock))  # type: ignore[arg-type]
    assert found[:3] == expected[:3]
    assert sorted(found) == sorted(expected)
    assert found.index("0") < found.index("0 again")


def test_dates_are_what_the_clock_says(run: Run) -> None:
    code = "const now = new Date(); return [now.toISOString(), now.getTimezoneOffset(), Date.now() === now.getTime()]"
    assert run(code, Time("fixed", 1_700_000_000.25)) == ["2023-11-14T22:13:20.250Z", 0, True]
    assert run(code, Time("none")) == ["1970-01-01T00:00:00.000Z", 0, True]
    assert run("return new Date().getFullYear() >= 2025")


# Random numbers


def test_random_numbers_are_as_they_were_granted(run: Run) -> None:
    code = "return [...crypto.getRandomValues(new Uint32Array(4)), crypto.randomUUID(), Math.random()]"
    first, second = (run(code, random="secure") for _ in range(2))
    assert not {*map(str, first)} & {*map(str, second)}
    assert run(code, random="none") == run(code, random="none")


def test_random_numbers_have_the_form_that_the_web_gives_them(run: Run) -> None:
    code = """
const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const errors = [new Uint8Array(65537), new Float32Array(1)].map(array => {
  try { crypto.getRandomValues(array); } catch (error) { return error.name; }
});
const own = new Uint8Array(4), given = crypto.getRandomValues(own);
return [form.test(crypto.randomUUID()), errors, own === given, crypto.getRandomValues(new Uint8Array(65536)).length];
"""
    assert run(code) == [True, ["QuotaExceededError", "TypeMismatchError"], True, 65536]


# Output


def test_what_a_console_prints_goes_to_the_standard_streams(run: Run) -> None:
    printed: list[tuple[str, bytes]] = []
    code = "console.log('a', 1, {x: [1, null]}); console.info('ä'); console.warn('w'); console.error('e', true)"
    run(code, output=lambda stream, data: printed.append((stream, data)))
    assert b"".join(data for stream, data in printed if stream == "stdout") == "a 1 { x: [1, null] }\nä\n".encode()
    assert b"".join(data for stream, data in printed if stream == "stderr") == b"w\ne true\n"


# Requests


def test_a_request_says_what_it_was_made_with(run: Run) -> None:
    code = """
const headers = new Headers({'X-Test': 'a', Accept: 'text/plain'}); headers.append('x-test', 'b');
const r = await fetch('HOST/echo?q=%C3%A4&r=1#part', {method: 'PUT', headers, body: 'text'});
return await r.json();
"""
    said = run(code)
    host = said["headers"].pop("host")
    assert host.startswith("127.0.0.1:")
    assert said == {
        "method": "PUT",
        "path": "/echo?q=%C3%A4&r=1",
        "headers": {
            "x-test": "a, b",
            "accept": "text/plain",
            "content-type": "text/plain;charset=UTF-8",
            "content-length": "4",
            "connection": "close",
        },
        "body": ["text"],
    }


BODIES = {
    "text": ("'ä'", "ä", "text/plain;charset=UTF-8"),
    "bytes": ("new Uint8Array([97, 98])", "ab", None),
    "a buffer": ("new TextEncoder().encode('abc').buffer", "abc", None),
    "parameters": (
        "new URLSearchParams([['a', '1 2'], ['b', 'ä&']])",
        "a=1+2&b=%C3%A4%26",
        "application/x-www-form-urlencoded;charset=UTF-8",
    ),
    "a blob": ("new Blob(['a', 'b'], {type: 'text/x'})", "ab", "text/x"),
    "nothing": ("undefined", "", None),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_every_kind_are_sent(run: Run, name: str) -> None:
    made, body, content_type = BODIES[name]
    said = run(f"return await (await fetch('HOST/echo', {{method: 'POST', body: {made}}})).json()")
    assert ("".join(said["body"]), said["headers"].get("content-type")) == (body, content_type)


def test_a_stream_is_sent_part_by_part(run: Run) -> None:
    code = """
const body = new ReadableStream({async start(sink) {
  for (const part of ['a', 'bb', 'ccc']) {
    sink.enqueue(new TextEncoder().encode(part));
    await new Promise(done => setTimeout(done, 10));
  }
  sink.close();
}});
return await (await fetch('HOST/echo', {method: 'POST', body, duplex: 'half'})).json();
"""
    said = run(code)
    assert said["headers"]["transfer-encoding"] == "chunked"
    assert "".join(said["body"]) == "abbccc"


# Answers


ANSWERS = {
    "headers are one list, in order, without regard to case": (
        """
const h = (await fetch('HOST/headers')).headers;
return [[...h], h.get('X-TWICE'), h.has('X-Empty'), h.get('x-empty'), h.get('nothing'), h.getSetCookie()];
""",
        [
            [["content-length", "0"], ["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/"], ["x-empty", ""],
             ["x-twice", "1, 2"]],
            "1, 2", True, "", None, ["a=1", "b=2; Path=/"],
        ],
    ),
    "headers of an answer cannot be changed": (
        "const r = await fetch('HOST/headers'); try { r.headers.set('a', 'b') } catch (error) { return error.name }",
        "TypeError",
    ),
    "headers that are none are refused": (
        """
return [['a b', 'c'], ['a', 'b\\nc'], ['a', 'b\\0'], ['ä', 'b'], ['', 'b']].map(([name, value]) => {
  try { new Headers().append(name, value); return 'taken'; } catch (error) { return error.name; }
});
""",
        ["TypeError"] * 5,
    ),
    "headers are sorted, joined and trimmed": (
        "return [...new Headers([['b', ' 1 '], ['A', '2'], ['B', '3']])]",
        [["a", "2"], ["b", "1, 3"]],
    ),
    "a redirect is not followed": (
        "const r = await fetch('HOST/moved'); return [r.status, r.ok, r.headers.get('location')]",
        [302, False, "/echo"],
    ),
    "an answer without a body": (
        "const r = await fetch('HOST/empty'); return [r.status, r.body, await r.text()]",
        [204, None, ""],
    ),
    "a failure is an answer": (
        "const r = await fetch('HOST/missing'); return [r.status, r.ok, r.statusText, await r.text()]",
        [404, False, "Not Found", "nothing there"],
    ),
    "the head alone": (
        "const r = await fetch('HOST/missing', {method: 'HEAD'}); return [r.status, r.headers.get('content-length')]",
        [404, "13"],
    ),
    "a body is read once": (
        """
const r = await fetch('HOST/missing'), before = r.bodyUsed;
await r.text();
return [before, r.bodyUsed, await r.text().catch(error => error.name)];
""",
        [False, True, "TypeError"],
    ),
    "a body that is cut fails": ("return await fetch('HOST/cut').then(r => r.text()).catch(() => 'failed')", "failed"),
    "an answer of one's own": (
        """
const r = new Response('{"a": 1}', {status: 201, headers: {'content-type': 'application/json'}});
return [r.status, r.ok, await r.json(), await Response.json({b: 2}).json()];
""",
        [201, True, {"a": 1}, {"b": 2}],
    ),
    "a request to read has no body": (
        "try { new Request('HOST/', {method: 'GET', body: 'x'}); return 0 } catch (error) { return error.name }",
        "TypeError",
    ),
    "parameters of an address": (
        """
const p = new URLSearchParams('?b=2&a=1&b=3&c=%20+x&d'); p.append('e', 'ä&='); p.delete('a');
const url = new URL('../x?y=1#z', 'http://h.test/1/2/3');
url.searchParams.set('y', '2 3');
return [p.toString(), p.getAll('b'), p.get('c'), p.get('d'), p.has('a'), [...p.keys()].length, url.href];
""",
        ["b=2&b=3&c=++x&d=&e=%C3%A4%26%3D", ["2", "3"], "  x", "", False, 5, "http://h.test/1/x?y=2+3#z"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(run: Run, name: str) -> None:
    code, expected = ANSWERS[name]
    assert run(code) == expected


# Streams of an answer


def test_a_body_is_read_as_it_comes(run: Run) -> None:
    code = """
const reader = (await fetch('HOST/parts')).body.getReader(), text = new TextDecoder();
const first = text.decode((await reader.read()).value);
await fetch('HOST/go');
const second = text.decode((await reader.read()).value);
return [first, second, (await reader.read()).done];
"""
    assert run(code) == ["one", "two", True]


STREAMS = {
    "two branches": """
const [a, b] = (await fetch('HOST/missing')).body.tee();
return [await new Response(a).text(), await new Response(b).text()];
""",
    "through a transform": """
const same = new TransformStream({transform(part, sink) { sink.enqueue(part); }});
const text = await new Response((await fetch('HOST/missing')).body.pipeThrough(same)).text();
return [text, text];
""",
    "into a sink": """
const parts = [];
let closed = '';
const sink = new WritableStream({write(part) { parts.push(...part); }, close() { closed = 'nothing there'; }});
await (await fetch('HOST/missing')).body.pipeTo(sink);
return [new TextDecoder().decode(new Uint8Array(parts)), closed];
""",
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_body_is_a_stream(run: Run, name: str) -> None:
    assert run(STREAMS[name]) == ["nothing there", "nothing there"]


def test_an_answer_is_handed_on_as_a_request(run: Run) -> None:
    code = """
const {body} = await fetch('HOST/missing');
return (await (await fetch('HOST/echo', {method: 'POST', body, duplex: 'half'})).json()).body.join('');
"""
    assert run(code) == "nothing there"


def test_answers_are_waited_for_at_once(run: Run) -> None:
    code = "return await Promise.all([0, 1, 2, 3, 4, 5].map(n => fetch('HOST/together?' + n).then(r => r.text())))"
    assert run(code) == ["0", "1", "2", "3", "4", "5"]


# The end


ENDS = {
    "before the answer": """
end();
const ended = await fetch('HOST/silent', {signal}).catch(error => error.name);
""",
    "while its body is read": """
const reader = (await fetch('HOST/hang', {signal})).body.getReader();
await reader.read();
end();
const ended = await reader.read().catch(error => error.name);
""",
    "while its text is waited for": """
const answer = await fetch('HOST/hang', {signal});
end();
const ended = await answer.text().catch(error => error.name);
""",
}


@pytest.fixture
def ended() -> Iterator[None]:
    """Looks that nothing of an exchange is left when its guest is gone."""
    before = exchanging()
    yield
    for thread in exchanging() - before:
        thread.join(LATE)
        assert not thread.is_alive()


def exchanging() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "orchestrator-http"}


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("name", ENDS)
def test_a_signal_ends_an_exchange(run: Run, name: str) -> None:
    code = f"""
const controller = new AbortController(), signal = controller.signal;
const end = () => setTimeout(() => controller.abort(), 20);
{ENDS[name]}
return [ended, signal.aborted, await (await fetch('HOST/missing')).text()];
"""
    assert run(code) == ["AbortError", True, "nothing there"]


@pytest.mark.usefixtures("ended")
def test_a_signal_of_a_timeout_ends_an_exchange(run: Run) -> None:
    code = "return await fetch('HOST/silent', {signal: AbortSignal.timeout(20)}).catch(error => error.name)"
    assert run(code) == "TimeoutError"


def test_what_was_ended_before_asks_nobody(run: Run, server: Server) -> None:
    code = """
const controller = new AbortController();
controller.abort();
return await fetch('HOST/echo', {signal: controller.signal}).catch(error => error.name);
"""
    assert run(code) == "AbortError"
    assert server.heads == []


@pytest.mark.usefixtures("ended")
def test_an_exchange_that_is_still_going_on_ends_with_the_guest(run: Run) -> None:
    code = "return await Promise.race([fetch('HOST/silent'), new Promise(done => setTimeout(done, 20, 'late'))])"
    assert run(code) == "late"
