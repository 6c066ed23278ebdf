"""The trace of real runs: over OTLP, as JSON lines, on the terminal."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from orchestrator import Contract, Engine, Limits, Pipeline, RunError
from orchestrator.audit import JsonLines, Recorder, exporters_from_environment
from orchestrator.engine import Component
from tests.behaviour.test_otlp import CALLER, grpc_collector, http_collector, silent_collector
from tests.support.audit_events import RUN
from tests.support.parts import NUM, relay

A, B = "test:a/a", "test:b/b"
EVERY = {"kind", "start", "duration", "run", "span", "parent", "node", "edge", "function", "request", "response",
         "decision", "rule", "detail"}  # fmt: skip


def chain(engine: Engine, numbers: Component) -> Pipeline:
    """`one` calls `two`, which calls `three` twice; the second time too often."""
    return (
        Pipeline("chain")
        .input("n", "u32")
        .node("one", engine.from_text(relay(A, B, "go"), "one"), run=f"{A}.go", limits=Limits(1 << 20, timeout=5.0))
        .node("two", engine.from_text(relay(B, NUM, "double", 2), "two"))
        .node("three", numbers)
        .data("inputs.n", "one")
        .call("one", "two")
        .call("two", "three", contract=Contract(require=("args.n < 10",)))
        .output("out", "one")
    )


def tree(spans: list[Span]) -> dict[str, str]:
    """The name of each span's parent, by its own."""
    by_id = {span.span_id: span.name for span in spans}
    return {span.name: by_id.get(span.parent_span_id, "") for span in spans}


def values(span: Span) -> dict[str, object]:
    found = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        assert kind is not None
        found[attribute.key] = getattr(attribute.value, kind)
    return found


SPANS = {
    "invoke_workflow chain": "",
    "data inputs.n -> one": "invoke_workflow chain",
    "invoke_agent one": "invoke_workflow chain",
    "execute_tool test:b/b.go": "invoke_agent one",
    "execute_tool test:num/num.double": "execute_tool test:b/b.go",
}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_spans_of_a_run_arrive(
    engine: Engine, numbers: Component, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = grpc_collector if protocol == "grpc" else http_collector
    with listening() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        with chain(engine, numbers).link(engine) as linked:
            good = linked.run({"n": 3}, traceparent=CALLER)
            with pytest.raises(RunError) as caught:
                linked.run(n=50)
            assert linked.close() == ()
        runs = {
            trace: [span for span in collector.spans if span.trace_id.hex() == trace]
            for trace in (good.trace_id, caught.value.trace_id)
        }
        assert sum(map(len, runs.values())) == len(collector.spans) == 6 + 5
        assert good.trace_id == RUN
    for spans in runs.values():
        assert tree(spans) == SPANS
    (root,) = (span for span in runs[RUN] if span.name == "invoke_workflow chain")
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    by_name = {span.name: values(span) for span in runs[RUN]}
    assert (
        by_name["invoke_workflow chain"] | {"wasm.outcome": "ok", "wasm.input.n.size": 4}
        == (by_name["invoke_workflow chain"])
    )
    agent = by_name["invoke_agent one"]
    assert (agent["wasm.lifetime"], agent["wasm.limit.memory"], agent["wasm.limit.timeout"]) == ("run", 1 << 20, 5.0)
    assert len(str(agent["wasm.digest"])) == 64
    call = by_name["execute_tool test:num/num.double"]
    assert call == call | {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "test:num/num.double",
        "wasm.node": "three",
        "wasm.caller": "two",
        "wasm.edge": "two -> three (test:num/num)",
        "wasm.function": "test:num/num.double",
        "wasm.request.size": 4,
        "wasm.response.size": 4,
        "wasm.decision": "allowed",
    }
    (broken,) = (s for s in runs[caught.value.trace_id] if s.name == "execute_tool test:num/num.double")
    assert [event.name for event in broken.events] == ["contract.violation"]
    failed = {span.name: span.status.message for span in runs[caught.value.trace_id] if span.status.code == 2}
    assert set(failed) == set(SPANS) - {"data inputs.n -> one"}
    assert values(broken)["wasm.rule"] == "require"


def test_the_parents_of_spans_were_there_when_they_were(engine: Engine, numbers: Component) -> None:
    """A span lies within its parent."""
    with chain(engine, numbers).link(engine) as linked:
        events = [event for event in linked.run(n=3).events if event.kind != "start"]
    by_span = {event.span: event for event in events}
    for event in events:
        if event.parent:
            around = by_span[event.parent]
            assert around.start <= event.start
            assert event.start + event.duration <= around.start + around.duration


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_hangs_does_not_hold_up_a_run(
    engine: Engine, numbers: Component, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_collector() as (port, held):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        recorder = Recorder(exporters_from_environment())
        with chain(engine, numbers).link(engine, recorder=recorder) as linked:
            linked.run(n=1)
            recorder.flush(0.1)
            first = held.get(timeout=60)
            # The collector has the connection and says nothing; runs go on and end.
            assert [linked.run(n=n)["out"] for n in range(5)] == [0, 4, 8, 12, 16]
        assert any("did not reach" in line for line in recorder.close(0.2))
        first.close()


def test_the_lines_of_a_run_are_all_there(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    with Recorder([JsonLines(file)]) as recorder, chain(engine, numbers).link(engine, recorder=recorder) as linked:
        result = linked.run(n=3)
        events = result.events
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [tuple(line.values()) for line in lines] == [tuple(event) for event in events]
    assert all(set(line) == EVERY for line in lines)
    assert [line["kind"] for line in lines] == ["start", "data", "start", "call", "call", "call", "node", "run"]


def test_the_tree_of_a_run_as_text(engine: Engine, numbers: Component) -> None:
    with chain(engine, numbers).link(engine) as linked:
        drawn = linked.run(n=3).tree.splitlines()
    assert drawn[0].startswith("chain ok trace ")
    assert [line.rstrip("0123456789. nmus").rstrip() for line in drawn[1:]] == [
        "├─ inputs.n -> one 4 B",
        "└─ one 4 B -> 4 B",
        "   └─ two test:b/b.go 4 B -> 4 B",
        "      └─ three test:num/num.double ×2 8 B -> 8 B",
    ]


def test_what_guests_print_is_of_the_run_that_is_in_them(engine: Engine, numbers: Component) -> None:
    """Two runs at once in one session: each has its own lines."""
    printer = engine.from_text(PRINTER, "printer")
    pipeline = (
        Pipeline("prints")
        .input("n", "u32")
        .node("caller", engine.from_text(relay(A, "test:print/print", "say", 20), "caller"), run=f"{A}.go")
        .node("printer", printer, lifetime="session")
        .data("inputs.n", "caller")
        .call("caller", "printer")
        .output("out", "caller")
    )
    results = []
    with pipeline.link(engine) as linked:
        threads = [
            threading.Thread(target=lambda n=n: results.append((n, linked.run(n=n).events))) for n in range(1, 5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 4
    for n, events in results:
        said = "".join((event.detail or {})["text"] for event in events if event.kind == "output")
        assert said == f"{n}\n" * 20
        assert {event.node for event in events if event.kind == "output"} == {"printer"}
        calls = {event.span for event in events if event.kind == "call"}
        assert {event.parent for event in events if event.kind == "output"} <= calls


PRINTER = """(component
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output (sub resource)))
    (alias outer 1 $error (type $outer)) (export "error" (type $err (eq $outer)))
    (type $failure (variant (case "last-operation-failed" (own $err)) (case "closed")))
    (export "stream-error" (type $shown (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output)) (param "contents" (list u8)) (result (result (error $shown)))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $outer)) (export "output-stream" (type $out (eq $outer)))
    (export "get-stdout" (func (result (own $out))))))
  (core module $heap (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $heap (instantiate $heap))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $drop (canon resource.drop $output))
  (core module $m
    (import "heap" "memory" (memory 1))
    (import "io" "write" (func $write (param i32 i32 i32 i32)))
    (import "io" "get" (func $get (result i32)))
    (import "io" "drop" (func $drop (param i32)))
    (func (export "say") (param i32) (result i32) (local $out i32)
      (i32.store8 (i32.const 0) (i32.add (i32.const 48) (local.get 0)))
      (i32.store8 (i32.const 1) (i32.const 10))
      (local.set $out (call $get))
      (call $write (local.get $out) (i32.const 0) (i32.const 2) (i32.const 16))
      (call $drop (local.get $out))
      (local.get 0)))
  (core instance $i (instantiate $m (with "heap" (instance $heap)) (with "io" (instance
    (export "write" (func $write)) (export "get" (func $get)) (export "drop" (func $drop))))))
  (func $say (param "n" u32) (result u32) (canon lift (core func $i "say")))
  (instance $print (export "say" (func $say)))
  (export "test:print/print" (instance $print)))"""
"""Exports `test:print/print`: `say` prints a digit and a line end."""
