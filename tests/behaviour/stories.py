"""Runs of small pipelines, with the tree of their events as lines of text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator import Engine, LinkedPipeline, OrchestratorError, Pipeline, Result
from orchestrator.audit import Event, Recorder
from tests.support.audit_events import Collected


@dataclass(frozen=True)
class Went:
    """How one run went: what it gave, or how it failed, and its events."""

    outputs: dict[str, Any] | None
    error: BaseException | None
    events: list[Event]
    result: Result | None = None

    @property
    def story(self) -> list[str]:
        """The tree of events as lines, indented by two blanks a level; see `story`."""
        return story(self.events)

    def of(self, kind: str) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if event.kind == kind]

    @property
    def message(self) -> str:
        """What the error says."""
        return getattr(self.error, "message", str(self.error))


class Stage:
    """A linked pipeline whose runs are watched."""

    def __init__(self, linked: LinkedPipeline, recorder: Recorder, seen: Collected) -> None:
        self.linked, self._recorder, self._seen = linked, recorder, seen

    def run(self, values: dict[str, Any] | None = None, **inputs: Any) -> Went:
        """Runs it once."""
        before = {event.run for event in self._seen.events}
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = self.linked.run(values, **inputs)
        except OrchestratorError as problem:
            error = problem
        assert self._recorder.flush(60)
        events = [event for event in self._seen.events if event.run not in before]
        return Went(dict(result.outputs) if result else None, error, events, result)

    @property
    def events(self) -> list[Event]:
        """What was recorded so far, of every run."""
        assert self._recorder.flush(60)
        return list(self._seen.events)


@contextmanager
def staged(pipeline: Pipeline, engine: Engine, **operator: Any) -> Iterator[Stage]:
    """The pipeline linked, its runs watched; `operator` is what else `link` takes."""
    seen = Collected()
    with Recorder([seen]) as recorder, pipeline.link(engine, recorder=recorder, **operator) as linked:
        yield Stage(linked, recorder, seen)


def play(pipeline: Pipeline, engine: Engine, values: dict[str, Any] | None = None, **inputs: Any) -> Went:
    """Links the pipeline and runs it once."""
    with staged(pipeline, engine) as stage:
        return stage.run(values, **inputs)


def story(events: list[Event], *, ordered: bool = True) -> list[str]:
    """The events of one run as a tree of lines: kind, what it is about, and how it ended where not well.

    What the host served a guest is left out, but for what it refused.

    Arguments:
        ordered: siblings in the order in which they began; else by their text, for branches that run at once.
    """
    within: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind != "start" and (event.kind, event.decision) != ("access", "allowed"):
            within[event.parent].append(event)

    def lines(parent: int, depth: int) -> Iterator[list[str]]:
        blocks = []
        for event in sorted(within[parent], key=lambda event: event.span):
            inner = list(lines(event.span, depth + 1)) if event.kind in ("run", "node", "call", "data") else []
            blocks.append(["  " * depth + line(event), *(line for block in inner for line in block)])
        yield from blocks if ordered else sorted(blocks)

    return [line for block in lines(0, 0) for line in block]


def line(event: Event) -> str:
    """One event: `call a -> b (test:num/num) double failed by max-calls`."""
    function = event.function.rpartition(".")[2] if event.kind == "call" else ""
    about = event.edge or (event.node if event.kind != "run" else "")
    ending = "" if event.decision == "allowed" else event.decision
    by = f"by {event.rule}" if event.rule else ""
    return " ".join(part for part in (event.kind, about, function, ending, by) if part)
