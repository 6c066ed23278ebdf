"""Events made into spans: names, attributes, kinds, status, parents."""

from __future__ import annotations

from typing import Any

import opentelemetry.semconv._incubating.attributes.gen_ai_attributes as gen_ai
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.trace import SpanKind, StatusCode

from orchestrator.audit import Event, names
from orchestrator.audit.ids import new_run, span_id
from orchestrator.audit.spans import SpanMaker
from tests.support.audit_events import RUN, START, a_run, call, event, stay

PARENT = f"00-{RUN}-b7ad6b7169203331-01"


def spans(*events: Event) -> dict[str, ReadableSpan]:
    return {span.name: span for span in SpanMaker().spans(events)}


def only(item: Event) -> ReadableSpan:
    (span,) = SpanMaker().spans([item])
    return span


def attributes(item: Event) -> dict[str, Any]:
    return dict(only(item).attributes or {})


def test_a_run_is_a_tree_of_spans() -> None:
    made = spans(*a_run())
    parents = {
        name: next((n for n, s in made.items() if span.parent and s.context.span_id == span.parent.span_id), "")
        for name, span in made.items()
    }
    assert parents == {
        "data files -> answerer.documents": "invoke_workflow docs-answer",
        "chat model": "execute_tool agent:data/retrieval@0.1.0.search",
        "execute_tool agent:data/retrieval@0.1.0.search": "invoke_agent answerer",
        "invoke_agent answerer": "invoke_workflow docs-answer",
        "invoke_workflow docs-answer": "",
    }
    assert {f"{span.context.trace_id:032x}" for span in made.values()} == {RUN}
    assert {name: [e.name for e in span.events] for name, span in made.items() if span.events} == {
        "chat model": ["contract.violation"],
        "invoke_agent answerer": ["guest.output"],
    }
    node = made["invoke_agent answerer"]
    assert (node.start_time, node.end_time) == (START + 2_000_000, START + 22_000_000)


def test_the_attributes_of_a_run() -> None:
    assert attributes(a_run()[-1]) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "docs-answer",
        "wasm.decision": "allowed",
        "wasm.digest": "sha256:aa",
        "wasm.outcome": "ok",
        "wasm.input.question.size": 12,
    }


def test_the_attributes_of_a_node() -> None:
    assert attributes(a_run()[-2]) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "answerer",
        "wasm.node": "answerer",
        "wasm.decision": "allowed",
        "wasm.lifetime": "run",
        "wasm.digest": "sha256:bb",
        "wasm.memory.peak": 4096,
        "wasm.limit.memory": 65536,
        "wasm.limit.timeout": 2.5,
    }


def test_the_attributes_of_a_call_that_was_denied() -> None:
    span = only(a_run()[4])
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "model",
        "wasm.node": "model",
        "wasm.edge": "retriever -> model",
        "wasm.function": "agent:llm/chat@0.1.0.chat",
        "wasm.rule": "max-bytes",
        "wasm.decision": "denied",
        "wasm.request.size": 3_000_000,
        "error.type": "denied",
    }
    assert (span.kind, span.status.status_code, span.status.description) == (
        SpanKind.INTERNAL,
        StatusCode.ERROR,
        "denied by max-bytes",
    )


@pytest.mark.parametrize(
    ("function", "detail", "name", "kind"),
    [
        ("agent:llm/chat.chat", None, "chat model", SpanKind.INTERNAL),
        ("agent:llm/chat@0.2.0.chat", {"model": "m-1", "provider": "acme"}, "chat m-1", SpanKind.CLIENT),
        ("agent:llm/embeddings@0.1.0.embed", {"model": "e"}, "embeddings e", SpanKind.INTERNAL),
        ("agent:llm/chatter.chat", None, "execute_tool agent:llm/chatter.chat", SpanKind.INTERNAL),
        ("run", {"tool": "search_web", "provider": "acme"}, "execute_tool search_web", SpanKind.INTERNAL),
    ],
)
def test_calls_of_models_and_of_tools(function: str, detail: dict[str, Any], name: str, kind: SpanKind) -> None:
    span = only(call(2, 1, function=function, detail=detail))
    assert (span.name, span.kind) == (name, kind)


def test_a_failure_has_its_message_and_type() -> None:
    span = only(call(2, 1, decision="failed", detail={"error": "out of memory", "error_type": "LimitExceeded"}))
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "out of memory")
    assert (span.attributes or {})["error.type"] == "LimitExceeded"
    assert "wasm.detail.error" not in (span.attributes or {})


def test_a_sum_is_a_span_over_the_time_of_what_it_sums_up() -> None:
    item = call(-1, 3, 5, 100)._replace(kind="rest", detail={"of": "call", "count": 9, "busy": 42, "why": "chatty"})
    span = only(item)
    assert span.name == "rest answerer -> model"
    found = dict(span.attributes or {})
    assert [found[f"wasm.rest.{key}"] for key in ("kind", "count", "busy", "why")] == ["call", 9, 42, "chatty"]


def test_a_span_for_fused_calls_has_their_count_and_no_time() -> None:
    item = stay(4, 3, 5, 100)
    span = only(item)
    assert span.name == "fused answerer -> retriever"
    assert dict(span.attributes or {}) == {
        "wasm.node": "retriever",
        "wasm.edge": "answerer -> retriever",
        "wasm.function": "agent:data/retrieval@0.1.0.search",
        "wasm.decision": "allowed",
        "wasm.rest.kind": "call",
        "wasm.rest.count": 12,
        "wasm.rest.why": "fused",
        "wasm.fused": True,
    }
    assert (span.start_time, span.end_time) == (item.start, item.start + 100_000_000)
    assert span.parent
    assert span.parent.span_id == span_id(RUN, 3)


def test_a_moment_whose_span_never_comes_belongs_to_its_run() -> None:
    limit = event("limit", 9, 8, detail={"limit": "memory", "asked": 2**70, "allowed": 65536})
    (span,) = SpanMaker().spans([limit, event("run", 1, 0)])
    (hit,) = span.events
    assert (hit.name, dict(hit.attributes or {})) == (
        "limit.hit",
        {
            "wasm.decision": "allowed",
            "wasm.limit": "memory",
            "wasm.limit.asked": str(2**70),
            "wasm.limit.allowed": 65536,
        },
    )


def test_a_callers_span_is_the_parent_of_the_run() -> None:
    run = new_run(PARENT)
    end = a_run(run, PARENT)[-1]
    span = only(end)
    assert f"{span.context.trace_id:032x}" == RUN
    assert span.parent
    assert span.parent.is_remote
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert only(a_run(run, "00-nonsense")[-1]).parent is None
    assert only(a_run("1" * 32, PARENT)[-1]).parent is None


def test_long_and_broken_text_is_made_fit_for_protobuf() -> None:
    found = attributes(call(2, 1, node="\ud800", detail={"text": "x" * 100_000, "odd\udfff": [1, None]}))
    assert found["wasm.node"] == "\\ud800"
    assert found["wasm.output.text"] == "x" * 16_383 + "…"
    assert found["wasm.detail.odd\\udfff"] == "[1, None]"


def test_the_resource_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert only(call(2, 1)).resource.attributes["service.name"] == "orchestrator"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test")
    assert only(call(2, 1)).resource.attributes["service.name"] == "other"
    assert only(call(2, 1)).resource.attributes["deployment.environment.name"] == "test"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert only(call(2, 1)).resource.attributes["service.name"] == "mine"


def test_the_names_are_those_of_the_conventions() -> None:
    values = gen_ai.GenAiOperationNameValues
    assert {
        names.OPERATION: gen_ai.GEN_AI_OPERATION_NAME,
        names.WORKFLOW: gen_ai.GEN_AI_WORKFLOW_NAME,
        names.AGENT: gen_ai.GEN_AI_AGENT_NAME,
        names.TOOL: gen_ai.GEN_AI_TOOL_NAME,
        names.TOOL_TYPE: gen_ai.GEN_AI_TOOL_TYPE,
        names.PROVIDER: gen_ai.GEN_AI_PROVIDER_NAME,
        names.MODEL: gen_ai.GEN_AI_REQUEST_MODEL,
        names.INPUT_TOKENS: gen_ai.GEN_AI_USAGE_INPUT_TOKENS,
        names.OUTPUT_TOKENS: gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS,
        names.ERROR_TYPE: error_attributes.ERROR_TYPE,
        names.INVOKE_WORKFLOW: values.INVOKE_WORKFLOW.value,
        names.INVOKE_AGENT: values.INVOKE_AGENT.value,
        names.EXECUTE_TOOL: values.EXECUTE_TOOL.value,
        names.CHAT: values.CHAT.value,
        names.EMBEDDINGS: values.EMBEDDINGS.value,
    }.items() <= {(value, value) for value in vars(names).values() if isinstance(value, str)}
