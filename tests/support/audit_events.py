"""Events made by hand for tests of the audit room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.audit import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = "0af7651916cd43dd8448eb211c80319c"
START = 1_700_000_000_000_000_000
MS = 1_000_000


def event(kind: str, span: int, parent: int, at: int = 0, lasts: int = 1, **more: Any) -> Event:
    """An event; `at` and `lasts` in milliseconds."""
    return Event(kind, START + at * MS, lasts * MS, more.pop("run", RUN), span, parent, **more)


def call(span: int, parent: int, at: int = 0, lasts: int = 1, **more: Any) -> Event:
    more = {"node": "model", "edge": "answerer -> model", "function": "agent:llm/chat@0.1.0.chat"} | more
    return event("call", span, parent, at, lasts, **more)


def stay(span: int, parent: int, at: int = 0, lasts: int = 1, count: int = 12, **more: Any) -> Event:
    """What the runtime records of a fused edge at the end of a stay in the store that is shared."""
    function = "agent:data/retrieval@0.1.0.search"
    more = {"node": "retriever", "edge": "answerer -> retriever", "function": function} | more
    detail = {"of": "call", "count": count, "busy": 0, "why": "fused"}
    return event("rest", span, parent, at, lasts, **more, detail=detail)


def a_run(run: str = RUN, traceparent: str = "") -> list[Event]:
    """A run: a node, in it a call to a retriever, in that a call to a model which is denied, and a data edge."""
    retriever = {"node": "retriever", "edge": "answerer -> retriever", "function": "agent:data/retrieval@0.1.0.search"}
    broken = {"node": "model", "edge": "retriever -> model", "rule": "max-bytes"}
    output = {"stream": "stderr", "text": "loading\n\x1b[31mred\x1b[0m\n", "cut": False}
    ended = {
        "pipeline": "docs-answer",
        "digest": "sha256:aa",
        "inputs": {"question": 12},
        "outcome": "ok",
        "traceparent": traceparent,
    }
    node = {"lifetime": "run", "limits": {"memory": 65536, "timeout": 2.5}, "digest": "sha256:bb", "peak_memory": 4096}
    return [
        event("start", 1, 0, 0, 0, run=run),
        event("data", 2, 1, 1, 0, run=run, node="answerer", edge="files -> answerer.documents", request=2048),
        event("start", 3, 1, 2, 0, run=run, node="answerer"),
        event("violation", 6, 5, 6, 0, run=run, **broken, detail={"message": "3 MB is over 1 MB"}),
        call(5, 4, 5, 2, run=run, edge="retriever -> model", request=3_000_000, decision="denied", rule="max-bytes"),
        event("call", 4, 3, 4, 10, run=run, **retriever, request=120, response=4000, detail={"caller": "answerer"}),
        event("output", 7, 3, 15, 0, run=run, node="answerer", detail=output),
        event("node", 3, 1, 2, 20, run=run, node="answerer", detail=node),
        event("run", 1, 0, 0, 25, run=run, detail=ended),
    ]


class Collected:
    """An exporter that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False

    def export(self, events: Sequence[Event]) -> None:
        self.events += events

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> list[str]:
        self.closed = True
        return []
