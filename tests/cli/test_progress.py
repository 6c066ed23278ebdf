"""What is shown while a run goes on."""

from __future__ import annotations

import io
import re
import sys

import pytest

from orchestrator.audit import Event, Recorder
from orchestrator.cli._live import watching
from orchestrator.cli._progress import Progress

RUN = "0" * 31 + "1"


def event(kind: str, node: str = "", duration: int = 0, **more: object) -> Event:
    return Event(kind, 0, duration, RUN, 2, 1, node, **more)  # type: ignore[arg-type]


def told(*events: Event) -> tuple[Progress, list[str]]:
    progress = Progress.of(["files", "model"])
    return progress, [line for each in events for line in progress.take(each)]


def test_a_node_that_runs() -> None:
    progress, lines = told(event("start"), event("start", "files"), event("node", "files", 12_000_000))
    assert lines == ["files: started", "files: done after 12 ms"]
    assert progress.nodes["files"].text() == "12 ms"
    assert progress.nodes["model"].text() == "waiting"


def test_a_node_that_is_called() -> None:
    rest = event("rest", "model", detail={"of": "call", "count": 40})
    progress, lines = told(event("call", "model"), event("call", "model"), rest)
    assert lines == []
    assert progress.nodes["model"].text() == "42 calls"


def test_a_node_that_is_called_within_its_store() -> None:
    stay = event("rest", "model", detail={"of": "call", "count": 40, "busy": 0, "why": "fused"})
    progress, lines = told(stay)
    assert (lines, progress.nodes["model"].text()) == ([], "40 calls, fused")
    progress, _ = told(stay, event("call", "model"), stay)
    assert progress.nodes["model"].text() == "81 calls, 80 of them fused"


def test_a_node_that_runs_again_and_is_called_once() -> None:
    progress, _ = told(*[event("node", "files", 500_000)] * 3, event("call", "files"))
    assert progress.nodes["files"].text() == "1.5 ms, 3 runs, 1 call"


def test_a_node_that_fails() -> None:
    failed = event("node", "files", 1_500_000_000, decision="failed", detail={"error": "trap: unreachable\x1b[2J"})
    progress, lines = told(failed)
    assert lines == ["files: failed after 1.5 s: trap: unreachable\\x1b[2J"]
    assert progress.nodes["files"].text() == "failed, 1.5 s: trap: unreachable\\x1b[2J"


def test_a_rule_that_is_broken() -> None:
    violation = event("violation", "model", rule="max-calls", detail={"message": "9 calls, at most 8"})
    progress, lines = told(violation, event("node", "model", 10, decision="failed"))
    assert lines[0] == "model: violation of max-calls: 9 calls, at most 8"
    assert progress.nodes["model"].remark == "violation of max-calls: 9 calls, at most 8"


def test_what_a_guest_prints_is_escaped_and_cut() -> None:
    _, lines = told(event("output", "files", detail={"stream": "stdout", "text": "a\x1b[31m\n" + "b" * 500 + "\n"}))
    assert lines == ["files| a\\x1b[31m", "files| " + "b" * 160]


def watched(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with Recorder() as recorder, watching(recorder.subscribe(), "docs", ["files", "model"], recorder.flush):
        recorder.record(event("start", "files"))
        recorder.record(event("node", "files", 5_000_000))
        recorder.record(event("run"))
    return stream.getvalue()


def test_plain_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, terminal=False) == "files: started\nfiles: done after 5 ms\n"


def test_a_tree_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = watched(monkeypatch, terminal=True)
    text = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", shown)
    assert text == "docs\n├── ✓ files  5 ms\n└── · model  waiting\n"
