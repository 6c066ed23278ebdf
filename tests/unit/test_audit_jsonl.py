"""The JSON lines file: every event a line, and a disk that fails is told, not raised."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import signal
import stat
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.audit import Event, JsonLines, Recorder
from orchestrator.audit.events import Kind
from orchestrator.audit.jsonl import line
from tests.support.audit_events import MS, RUN, START, a_run, call, stay

KEYS = [
    "kind",
    "start",
    "duration",
    "run",
    "span",
    "parent",
    "node",
    "edge",
    "function",
    "request",
    "response",
    "decision",
    "rule",
    "detail",
]


def test_a_line_has_always_the_same_keys() -> None:
    assert line(Event("call", START, 5, RUN, 2, 1)) == (
        f'{{"kind": "call", "start": {START}, "duration": 5, "run": "{RUN}", "span": 2, "parent": 1, "node": "", '
        '"edge": "", "function": "", "request": -1, "response": -1, "decision": "allowed", "rule": "", "detail": null}'
    )
    for item in a_run():
        assert list(json.loads(line(item))) == KEYS


def test_fused_calls_are_a_line_with_their_count() -> None:
    assert line(stay(4, 3, 5, 100)) == (
        f'{{"kind": "rest", "start": {START + 5 * MS}, "duration": {100 * MS}, "run": "{RUN}", "span": 4, "parent": 3, '
        '"node": "retriever", "edge": "answerer -> retriever", "function": "agent:data/retrieval@0.1.0.search", '
        '"request": -1, "response": -1, "decision": "allowed", "rule": "", '
        '"detail": {"of": "call", "count": 12, "busy": 0, "why": "fused"}}'
    )


@pytest.mark.parametrize("hostile", ["a\nb", "\x1b]0;x\x07", "\ud800", "\u2028", "\x00"])
def test_hostile_text_stays_within_its_line(hostile: str) -> None:
    text = line(call(2, 1, node=hostile, detail={"text": hostile}))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["node"] == hostile


def test_a_detail_that_is_not_json_is_shown_and_cut() -> None:
    class Unspeakable:
        def __repr__(self) -> str:
            raise RuntimeError

    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert json.loads(line(call(2, 1, detail={"x": math.nan})))["detail"] == {"unreadable": "{'x': nan}"}
    assert json.loads(line(call(2, 1, detail={"x": Unspeakable()})))["detail"] == {"unreadable": "RuntimeError"}
    assert json.loads(line(call(2, 1, detail={"x": deep})))["detail"] == {"unreadable": "RecursionError"}
    assert len(json.loads(line(call(2, 1, detail={"x": b"a" * 10_000})))["detail"]["unreadable"]) == 1000


def test_a_file_holds_every_event_and_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for _ in range(2):
        with Recorder([JsonLines(path)]) as recorder:
            for item in a_run():
                recorder.record(item)
    assert recorder.problems == ()
    read = [Event(**json.loads(text)) for text in path.read_text().splitlines()]
    assert read == a_run() * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_told_and_not_raised() -> None:
    recorder = Recorder([JsonLines("/dev/full")])
    for item in a_run():
        recorder.record(item)
    assert not recorder.flush(30)
    assert recorder.close() == ("/dev/full: No space left on device; 9 events are not in it",)


def test_a_batch_that_does_not_fit_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    file = JsonLines(path)
    file.export([call(2, 1)])
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        file.export([call(3, 1), call(4, 1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    file.export([call(5, 1)])
    assert file.close(0.0) == [f"{path}: File too large; 2 events are not in it"]
    assert [json.loads(text)["span"] for text in path.read_text().splitlines()] == [2, 5]


def test_a_pipe_takes_events_too() -> None:
    read, write = os.pipe()
    file = JsonLines(f"/dev/fd/{write}")
    os.close(write)
    file.export(a_run())
    assert file.close(0.0) == []
    with os.fdopen(read) as pipe:
        assert len(pipe.readlines()) == 9


def test_a_file_that_cannot_be_opened_raises_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JsonLines(tmp_path / "none" / "trace.jsonl")


def test_what_comes_after_closing_is_counted(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "trace.jsonl")
    assert file.close(0.0) == []
    file.export([call(2, 1)])
    assert file.close(0.0) == []


def test_the_page_of_the_trace_has_every_kind_of_event() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "trace.md").read_text(encoding="utf-8")
    kinds = set(get_args(Kind))
    (row,) = [line for line in page.splitlines() if line.startswith("| `kind` |")]
    assert set(re.findall("`([a-z]+)`", row)) - {"kind"} == kinds
    details = page.partition("| kind | keys of `detail`")[2]
    assert set(re.findall("^\\| `([a-z]+)` \\|", details, re.MULTILINE)) == kinds
