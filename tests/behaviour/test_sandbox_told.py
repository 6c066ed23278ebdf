"""What is told of the snippets of a sandbox: each is a run of its own, with its tools, limits and reverts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from orchestrator import Grants, RunError, Sandbox, Storage
from orchestrator.audit import Event, Recorder, parse_traceparent, trace_id
from tests.behaviour.conftest import MakeSandbox as Make
from tests.behaviour.test_otlp import CALLER, http_collector
from tests.support.audit_events import Collected

REVERT = ("revert", "allowed", "after each snippet")


def seen(make: Make, source: str, *, problem: type[RunError] | None = None, **options: Any) -> list[Event]:
    """The events of one snippet."""
    kept = Collected()
    with Recorder([kept]) as recorder:
        sandbox = make(size=1, recorder=recorder, **options)
        if problem is None:
            sandbox.run(source, {"given": "é"})
        else:
            with pytest.raises(problem):
                sandbox.run(source)
        recorder.flush()
        return kept.events


def kinds(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.decision, event.rule) for event in events]


def detail(event: Event) -> dict[str, Any]:
    assert event.detail is not None
    return event.detail


def test_a_snippet_is_a_run(make: Make) -> None:
    started, revert, run = seen(make, 'v "é"')
    assert kinds([started, revert, run]) == [("start", "allowed", ""), REVERT, ("run", "allowed", "")]
    assert {event.run for event in (started, revert, run)} == {run.run}
    assert (run.span, run.parent, revert.parent, revert.node) == (1, 0, 1, "sandbox")
    assert run.duration > 0
    assert detail(revert)["took"] > 0
    assert detail(revert)["pages"] >= 0
    digest = detail(run).pop("digest")
    assert len(digest) == 64
    # `given` and `"é"`: the name, two quotes and two bytes
    assert detail(run) == {"pipeline": "letters", "inputs": {"source": 6, "inputs": 9}, "outcome": "ok", "calls": 0}


@pytest.mark.parametrize(
    ("source", "problem", "outcome", "error"),
    [
        ("e secret", "SnippetFailed", "failed", "the snippet came to nothing"),
        ("s secret", "InvalidSnippet", "failed", "the snippet came to nothing"),
        ("d secret", "SnippetDenied", "failed", "the snippet came to nothing"),
        ("l", "TimedOut", "timed-out", "the snippet took longer than 0.1 s"),
    ],
)
def test_what_ends_it_is_told_without_what_it_wrote(
    make: Make, source: str, problem: str, outcome: str, error: str
) -> None:
    events = seen(make, source, problem=getattr(orchestrator, problem), timeout=0.1)
    told = detail(events[-1])
    assert (told["outcome"], told["error"], told["error_type"]) == (outcome, error, problem)
    assert "secret" not in str(events)
    limits = [detail(event) for event in events if event.kind == "limit"]
    assert limits == ([{"limit": "timeout", "message": error}] if problem == "TimedOut" else [])


def test_an_instance_that_ended_is_followed_by_a_fresh_one(make: Make) -> None:
    events = seen(make, "t", problem=RunError)
    assert [detail(event)["by"] for event in events if event.kind == "revert"] == ["a fresh instance"]


def test_memory_that_was_refused_is_told(make: Make) -> None:
    events = seen(make, "g", memory=1 << 16)
    assert [detail(event)["limit"] for event in events if event.kind == "limit"] == ["memory"]


class Tool:
    """A tool that does what its argument says."""

    def __call__(self, how: str) -> str:
        if how == "deny":
            raise PermissionError("secret")
        if how == "fail":
            raise ValueError("secret")
        return "secret"


@pytest.mark.parametrize(
    ("arguments", "decision", "response", "more"),
    [
        ('{"how": "é"}', "allowed", 8, None),
        ('{"how": "deny"}', "denied", -1, {"error_type": "denied"}),
        ('{"how": "fail"}', "failed", -1, {"error_type": "failed"}),
        ('{"secret": 1}', "failed", -1, {"error_type": "invalid-arguments"}),
    ],
)
def test_a_call_of_a_tool_is_told(
    make: Make, arguments: str, decision: str, response: int, more: dict[str, str] | None
) -> None:
    events = seen(make, f"x {arguments}", tools={"it": Tool()})
    (call,) = (event for event in events if event.kind == "call")
    assert (call.function, call.decision, call.detail) == ("it", decision, more)
    assert (call.request, call.response, call.parent) == (len(arguments.encode()), response, 1)
    assert call.duration > 0
    assert detail(events[-1])["calls"] == 1
    assert "secret" not in str(events)


def test_a_tool_that_is_not_there_is_told_without_its_name(make: Make) -> None:
    events = seen(make, "x {}", tools={"secret": Tool()})
    (call,) = (event for event in events if event.kind == "call")
    assert (call.function, call.detail) == ("agent:core/tools", {"error_type": "not-found"})


def test_a_tool_that_was_ended_is_told(make: Make) -> None:
    async def it(how: str) -> str:
        await asyncio.sleep(60)
        return how

    events = seen(make, 'x {"how": ""}', tools={"it": it}, timeout=0.1, problem=RunError)
    assert [event.decision for event in events if event.kind == "call"] == ["cancelled"]


def test_it_is_part_of_its_callers_trace(make: Make) -> None:
    kept = Collected()
    with Recorder([kept]) as recorder:
        sandbox = make(recorder=recorder)
        sandbox.run("v 1", traceparent=CALLER)
        with pytest.raises(RunError) as caught:
            asyncio.run(sandbox.arun("e boo", traceparent=CALLER))
        with sandbox.session() as session:
            session.run("v 1", traceparent=CALLER)
            asyncio.run(session.arun("v 1", traceparent=CALLER))
        recorder.flush()
    runs = [event for event in kept.events if event.kind == "run"]
    caller = parse_traceparent(CALLER)
    assert caller is not None
    assert {trace_id(event.run) for event in runs} == {caller.trace_id} == {caught.value.trace_id}
    assert len({event.run for event in runs}) == 4
    with pytest.raises(TypeError, match="`traceparent` is a text"):
        sandbox.run("v 1", traceparent=1)  # type: ignore[arg-type]


def test_what_a_session_keeps_is_not_told_as_reverted(make: Make) -> None:
    kept = Collected()
    with Recorder([kept]) as recorder:
        with make(recorder=recorder).session() as session:
            session.run("n")
        recorder.flush()
    assert [event.kind for event in kept.events] == ["start", "run"]


def test_a_task_that_is_cancelled_is_told(make: Make) -> None:
    kept = Collected()

    async def cancelled(sandbox: Sandbox) -> None:
        task = asyncio.ensure_future(sandbox.arun("l"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Recorder([kept]) as recorder:
        asyncio.run(cancelled(make(recorder=recorder)))
        recorder.flush()
    assert [event.decision for event in kept.events if event.kind == "run"] == ["cancelled"]


def test_where_nobody_listens_nothing_is_recorded_until_somebody_does(make: Make) -> None:
    with Recorder() as recorder:
        sandbox = make(recorder=recorder)
        assert sandbox.run("v 1").trace_id == ""
        kept = Collected()
        recorder.add(kept)
        trace = sandbox.run("v 2").trace_id
        recorder.flush()
        assert {event.run for event in kept.events} == {trace}
        assert [event.kind for event in kept.events] == ["start", "revert", "run"]
        view = recorder.subscribe()
        sandbox.run("v 3")
        recorder.flush()
        view.close()
        assert [event.kind for event in view] == ["start", "revert", "run"]


def test_spans_go_where_the_environment_says(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        sandbox = make(tools={"it": Tool()})
        sandbox.run('x {"how": ""}')
        assert sandbox.close() == ()
    assert sorted(span.name for span in collector.spans) == ["execute_tool it", "invoke_workflow letters"]


def test_what_a_close_could_not_send_it_says(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "smoke")
    sandbox = make()
    sandbox.run("v 1")
    problems = sandbox.close()
    assert problems == ("OTEL_TRACES_EXPORTER: `smoke` is not known; the exporters are otlp, console and none",)
    assert sandbox.close() == ()


@pytest.mark.slow
def test_what_it_reaches_of_the_host_is_told(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("text")
    grants = Grants(storage=(Storage(str(tmp_path), at="/data"),))
    kept = Collected()
    with Recorder([kept]) as recorder, Sandbox("python", grants=grants, size=1, recorder=recorder) as sandbox:
        assert sandbox.run("open('/data/page').read()").value == "text"
        with pytest.raises(RunError):
            sandbox.run("open('/data/page', 'w')")
        recorder.flush()
    told = {(event.function, event.decision) for event in kept.events if event.kind == "access"}
    assert {("storage read", "allowed"), ("storage write", "denied")} <= told
