"""A snippet that somebody asks for, checked: its source, its inputs as JSON, its time; and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.audit import trace_id
from orchestrator.diagnostics import printable
from orchestrator.errors import LimitExceeded, RunError, TimedOut, ValueMismatch
from orchestrator.pipeline import arguments
from orchestrator.runtime.trail import Trail, ending
from orchestrator.sandbox._forms import json_text
from orchestrator.sandbox._stay import SILENT, Stay
from orchestrator.sandbox.outcome import Outcome, outcome

if TYPE_CHECKING:
    import asyncio

    from orchestrator.audit import Recorder
    from orchestrator.engine import Component
    from orchestrator.sandbox._guests import Guest, Inputs

MOST_SOURCE = 16 << 20
"""Characters of a snippet."""


class Log:
    """Where it is told what the snippets of a sandbox do: each is a run of its own.

    Arguments:
        component: that runs them.
    """

    def __init__(self, component: Component, recorder: Recorder) -> None:
        self.name, self.digest, self._recorder = component.name, component.digest, recorder

    def trail(self, traceparent: str) -> Trail:
        """That of the next snippet; arguments as of `Trail`. Raises TypeError."""
        if traceparent != "":
            arguments.text(traceparent, "`traceparent`")
        return Trail(self.name, self._recorder.record, traceparent) if self._recorder.heard else SILENT


class Call:
    """A snippet that is to be run: `with call:` around its run has it told of.

    Arguments:
        timeout: seconds that it may take, with what it waits before; None for no end.
        traceparent: the W3C header of the caller, or empty.
        loop: the one that awaits it.

    Raises:
        TypeError: the source is no text, the inputs no mapping, or the timeout no number.
        ValueMismatch: an input has no form in JSON.
        ValueError: the source is too long, or no text of Unicode; the timeout is not above zero.
    """

    __slots__ = ("_log", "inputs", "source", "stay")

    def __init__(
        self,
        log: Log,
        source: str,
        inputs: Mapping[str, Any] | None,
        timeout: float | None,
        traceparent: str = "",
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._log, self.source = log, _text(source)
        self.inputs: Inputs = [] if inputs is None else given(inputs)
        self.stay = Stay(timeout, log.trail(traceparent), loop)

    def __enter__(self) -> None:
        run = self.stay.run
        if run.told:
            run.begin()

    def __exit__(self, _kind: object, problem: BaseException | None, _traceback: object) -> None:
        run = self.stay.run
        if not run.told:
            return
        if isinstance(problem, LimitExceeded | TimedOut):
            run.limited(problem)
        if isinstance(problem, RunError):
            problem.trace_id = problem.trace_id or trace_id(run.id)
        decision, how = ending(problem)
        run.end(decision, {"inputs": self._sizes(), "digest": self._log.digest, **how, "calls": self.stay.calls})

    def _sizes(self) -> dict[str, int]:
        """Bytes of what the interpreter is given, by its parameters."""
        inputs = sum(len(text.encode()) for each in self.inputs for text in each.values())
        return {"source": len(self.source.encode()), "inputs": inputs}

    def carried_out(self, guest: Guest, most: int, *, keep: bool) -> Outcome:
        """What becomes of it in an instance; arguments as of `Guest.run` and `outcome`."""
        began = time.perf_counter()
        answer = guest.run(self.stay, self.source, self.inputs, keep=keep)
        run = self.stay.run
        return outcome(answer, most, self.stay.check, time.perf_counter() - began, trace_id(run.id) if run.told else "")


def _text(source: Any) -> str:
    text = arguments.text(source, "a snippet")
    if len(text) > MOST_SOURCE:
        raise ValueError(f"a snippet has {len(text)} characters; it may have {MOST_SOURCE}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            raise ValueError(f"a snippet is no text of Unicode: half of a pair at {problem.start}") from None
    return text


def given(inputs: Mapping[str, Any]) -> Inputs:
    """The inputs of a snippet as the interpreter takes them.

    Raises:
        TypeError: they are no mapping of names.
        ValueMismatch: a value has no form in JSON.
    """
    pairs = arguments.mapping(inputs, "`inputs`").items()
    return [
        {"name": arguments.text(name, "the name of an input"), "value": _json(name, value)} for name, value in pairs
    ]


def _json(name: str, value: Any) -> str:
    if not name.isascii() and printable(name) != name:
        raise ValueMismatch(f"inputs.{printable(name)}", "a name", "a text that is none")
    return json_text(value, f"inputs.{name}")
