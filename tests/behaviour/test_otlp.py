"""Spans over real OTLP, decoded with OpenTelemetry's own protobufs; and collectors that are dead, hang or refuse."""

from __future__ import annotations

import gzip
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from orchestrator.audit import Event, Recorder, exporters_from_environment, new_run
from orchestrator.audit.otlp import Otlp
from tests.support.audit_events import RUN, a_run, call, event

LONG = 60.0
CALLER = f"00-{RUN}-b7ad6b7169203331-01"
Request = trace_service_pb2.ExportTraceServiceRequest


class Collector:
    """What a collector got."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.headers: dict[str, str] = {}
        self.port = 0

    def take(self, request: Request, headers: dict[str, str]) -> None:
        self.requests.append(request)
        self.headers = headers

    @property
    def spans(self) -> list[Span]:
        return [s for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]

    @property
    def resource(self) -> dict[str, str]:
        return {a.key: a.value.string_value for a in self.requests[0].resource_spans[0].resource.attributes}


@contextmanager
def grpc_collector(port: int = 0) -> Iterator[Collector]:
    collector = Collector()

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Request, context: Any) -> Any:
            collector.take(request, dict(context.invocation_metadata()))
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    collector.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


@contextmanager
def http_collector(status: int = 200, port: int = 0) -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(Request.FromString(body), {k.lower(): v for k, v in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_collector() -> Iterator[tuple[int, queue.Queue[socket.socket]]]:
    """Accepts connections and never answers."""
    held: queue.Queue[socket.socket] = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    held.put(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], held
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            while not held.empty():
                held.get().close()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def send(events: list[Event], timeout: float = LONG) -> tuple[bool, tuple[str, ...]]:
    recorder = Recorder(exporters_from_environment())
    for item in events:
        recorder.record(item)
    arrived = recorder.flush(timeout)
    return arrived, recorder.close(timeout)


def assert_tree(spans: list[Span]) -> None:
    by_id = {span.span_id: span for span in spans}
    names = {span.name: by_id[span.parent_span_id].name if span.parent_span_id in by_id else "" for span in spans}
    assert names == {
        "invoke_workflow docs-answer": "",
        "invoke_agent answerer": "invoke_workflow docs-answer",
        "data files -> answerer.documents": "invoke_workflow docs-answer",
        "execute_tool agent:data/retrieval@0.1.0.search": "invoke_agent answerer",
        "chat model": "execute_tool agent:data/retrieval@0.1.0.search",
    }
    assert {span.trace_id.hex() for span in spans} == {RUN}
    chat = next(span for span in spans if span.name == "chat model")
    (violation,) = chat.events
    assert violation.name == "contract.violation"
    assert {a.key: a.value.string_value for a in violation.attributes}["wasm.message"] == "3 MB is over 1 MB"
    assert (chat.status.code, chat.status.message) == (Status.STATUS_CODE_ERROR, "denied by max-bytes")
    assert chat.end_time_unix_nano - chat.start_time_unix_nano == 2_000_000


def test_spans_arrive_over_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    with grpc_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "agents")
        assert send(a_run()) == (True, ())
        assert_tree(collector.spans)
        assert collector.headers["x-tenant"] == "blue"
        assert collector.resource["service.name"] == "agents"


def test_spans_arrive_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=agents,team=red")
        assert send(a_run()) == (True, ())
        assert_tree(collector.spans)
        assert collector.headers["x-tenant"] == "blue"
        assert (collector.resource["service.name"], collector.resource["team"]) == ("agents", "red")


def test_a_run_continues_its_callers_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        assert send(a_run(new_run(CALLER), CALLER) + a_run(new_run(CALLER), CALLER)) == (True, ())
        assert {span.trace_id.hex() for span in collector.spans} == {RUN}
        roots = [span for span in collector.spans if span.name.startswith("invoke_workflow")]
        assert [span.parent_span_id.hex() for span in roots] == ["b7ad6b7169203331"] * 2
        assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 10


def test_a_chatty_run_sends_few_spans_and_the_count_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        calls = [call(span, 3, at=span) for span in range(4, 5004)]
        assert send([*calls, event("node", 3, 1, node="answerer"), event("run", 1, 0)]) == (True, ())
        (rest,) = [span for span in collector.spans if span.name.startswith("rest")]
        assert {a.key: a.value.int_value for a in rest.attributes}["wasm.rest.count"] == 5000 - 120
        assert len(collector.spans) == 120 + 3


def test_hostile_names_do_not_cost_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        bad = "\ud800\x00\n\x1b[2J"
        detail = {"text": bad, bad: bad, "n": 2**80, "inputs": {bad: 1}, "error": bad}
        hostile = call(2, 1, node=bad, edge=bad, function=bad, decision="failed", detail=detail)
        assert send([hostile, *a_run()]) == (True, ())
        assert len(collector.spans) == 6


def test_one_recorder_sends_two_runs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with grpc_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        other = "1" * 32
        mixed = [item for pair in zip(a_run(), a_run(other), strict=True) for item in pair]
        assert send(mixed) == (True, ())
        assert_tree([span for span in collector.spans if span.trace_id.hex() == RUN])
        assert len([span for span in collector.spans if span.trace_id.hex() == other]) == 5


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_where_nobody_listens_flush_says_no_without_waiting(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    # Were the bound waited for, the test would run into its time limit.
    assert send(a_run(), timeout=10_000.0) == (
        False,
        (f"5 spans did not reach http://127.0.0.1:{port}: connection refused",),
    )


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_never_answers_is_given_up(
    protocol: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with silent_collector() as (port, held):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        recorder = Recorder(exporters_from_environment())
        for item in a_run():
            recorder.record(item)
        assert not recorder.flush(0.2)
        knock, asked = held.get(timeout=LONG), held.get(timeout=LONG)
        # The run goes on while the collector is waited for.
        recorder.record(call(2, 1, run="1" * 32))
        assert recorder.close(0.2) == (f"6 spans did not reach http://127.0.0.1:{port}: no answer in time",)
        knock.close()
        asked.close()
    assert caplog.records == []


def test_a_collector_that_refuses_is_one_line_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with http_collector(status=400) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        assert send(a_run()) == (
            False,
            (
                f"5 spans did not reach http://127.0.0.1:{collector.port}: "
                "Failed to export spans batch code: 400, reason: Bad Request",
            ),
        )
    assert caplog.records == []


def test_others_logs_of_opentelemetry_still_pass(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        assert send(a_run())[0]
        logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").warning("mine")
    assert [record.getMessage() for record in caplog.records] == ["mine"]


def test_a_collector_that_comes_late_gets_what_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    with Recorder(exporters_from_environment()) as recorder:
        for item in a_run():
            recorder.record(item)
        assert not recorder.flush(LONG)
        with http_collector(port=port) as collector:
            assert recorder.flush(LONG)
            assert_tree(collector.spans)
            assert recorder.close(LONG) == ()


def test_what_waits_for_a_dead_collector_is_bounded() -> None:
    def never() -> Any:
        raise AssertionError

    port = closed_port()
    sender = Otlp(never, "there", ("127.0.0.1", port), room=10)
    for number in range(20):
        sender.export([call(2 + number, 1)] * 5)
        assert not sender.flush(LONG)
    assert sender.close(LONG) == ["100 spans did not reach there: connection refused"]


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        ({}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_TRACES_EXPORTER": "none"}, ()),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            ("OTEL_TRACES_EXPORTER: `zipkin` is not known; the exporters are otlp, console and none",),
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            ("OTEL_EXPORTER_OTLP_PROTOCOL: `http/json` is not known; the protocols are grpc and http/protobuf",),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"},
            ("OTEL_EXPORTER_OTLP_ENDPOINT: `http://` is not usable: it names no host; write http://HOST:PORT",),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:\x1bb"},
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT: `http://a:\\x1bb` is not usable: "
                "Port could not be cast to integer value as '\\x1bb'",
            ),
        ),
    ],
)
def test_what_the_environment_asks_for(
    variables: dict[str, str], problems: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert send(a_run())[1] == problems


def test_the_console_exporter_writes_the_tree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    assert send(a_run()) == (True, ())
    assert capsys.readouterr().err.startswith("docs-answer ok trace")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_interpreter_exits_cleanly_while_a_collector_hangs(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
from orchestrator.audit import Recorder, exporters_from_environment
from tests.support.audit_events import a_run
recorder = Recorder(exporters_from_environment())
for event in a_run():
    recorder.record(event)
print(recorder.close(0.2))
"""
    with silent_collector() as (port, _):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        monkeypatch.setenv("PYTHONPATH", ".")
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 spans did not reach" in done.stdout
