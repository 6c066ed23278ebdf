"""What is known of a run's nodes while it goes on: made from events, as rows and lines of text. Knows no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from orchestrator.diagnostics import printable
from orchestrator.wording import counted, duration

if TYPE_CHECKING:
    from orchestrator.audit import Event

State = Literal["waiting", "running", "done", "failed", "cancelled"]
_LONGEST = 160
"""Characters of a line that a guest printed."""


@dataclass(slots=True)
class Node:
    """One node so far.

    Arguments:
        state: `waiting` for a node that has done nothing yet; one that only answers calls stays so until it is called.
        runs: how often its `run` ended. calls: how often it was called. fused: how many of the calls were fused.
        busy: nanoseconds that its runs took together.
        remark: what went wrong.
    """

    name: str
    state: State = "waiting"
    runs: int = 0
    calls: int = 0
    fused: int = 0
    busy: int = 0
    remark: str = ""

    def text(self) -> str:
        """What to show behind the name."""
        parts: list[str] = [self.state] if self.state != "done" else []
        parts += [duration(self.busy)] if self.runs else []
        parts += [f"{self.runs} runs"] if self.runs > 1 else []
        parts += [counted(self.calls, "call")] if self.calls else []
        parts += ["fused" if self.fused == self.calls else f"{self.fused} of them fused"] if self.fused else []
        return ", ".join(parts) + (f": {self.remark}" if self.remark else "")


@dataclass(slots=True)
class Progress:
    """The nodes of one run, by name, and the lines that tell of them."""

    nodes: dict[str, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str]) -> Progress:
        """The progress of a run that has not begun."""
        return cls({name: Node(name) for name in names})

    def take(self, event: Event) -> Iterator[str]:
        """Takes an event in, and gives the lines that tell of it."""
        node = self.nodes.setdefault(event.node, Node(event.node)) if event.node else None
        if event.kind == "output":
            yield from _output(event)
        elif node is None:
            return
        elif event.kind == "start":
            node.state = "running"
            yield f"{printable(node.name)}: started"
        elif event.kind == "node":
            yield self._ended(node, event)
        elif event.kind in ("call", "rest"):
            _called(node, event)
        elif event.kind in ("violation", "limit"):
            node.remark = _remark(event)
            yield f"{printable(node.name)}: {node.remark}"

    def _ended(self, node: Node, event: Event) -> str:
        node.runs += 1
        node.busy += event.duration
        node.state = _state(event.decision)
        if node.state == "failed":
            node.remark = node.remark or _remark(event)
        remark = f": {node.remark}" if node.remark else ""
        return f"{printable(node.name)}: {node.state} after {duration(event.duration)}{remark}"


def _called(node: Node, event: Event) -> None:
    detail = event.detail or {}
    if event.kind == "call":
        node.calls += 1
    elif detail.get("of") == "call":
        count = int(detail.get("count", 0))
        node.calls += count
        node.fused += count if detail.get("why") == "fused" else 0
    if node.state == "waiting":
        node.state = "done"


def _state(decision: str) -> State:
    return {"allowed": "done", "denied": "failed", "cancelled": "cancelled"}.get(decision, "failed")  # type: ignore[return-value]


def _remark(event: Event) -> str:
    detail = event.detail or {}
    said = str(detail.get("error") or detail.get("message") or detail.get("limit") or "")
    rule = f"{event.kind} of {event.rule}" if event.rule else ("" if event.kind == "node" else event.kind)
    return printable(": ".join(part for part in (rule, said) if part))[:_LONGEST]


def _output(event: Event) -> Iterator[str]:
    for line in str((event.detail or {}).get("text") or "").rstrip("\n").split("\n"):
        yield f"{printable(event.node)}| {printable(line[:_LONGEST])}"
