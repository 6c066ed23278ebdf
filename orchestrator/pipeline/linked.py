"""A pipeline that was checked and can be run; not for the runs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import ClosedError
from orchestrator.pipeline import arguments
from orchestrator.pipeline.execution import Execution

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio import Event as AsyncEvent

    from orchestrator.audit import Recorder
    from orchestrator.capability import Operator
    from orchestrator.graph import Graph
    from orchestrator.graph.form import Networkx
    from orchestrator.link.model import LinkedGraph
    from orchestrator.pipeline.base import Base
    from orchestrator.pipeline.building import Pipeline
    from orchestrator.pipeline.result import Result
    from orchestrator.pipeline.states import NodeStates
    from orchestrator.plan import Plan
    from orchestrator.runtime import Program


class LinkedPipeline:
    """A pipeline that was checked and can be run, any number of times, by any number of threads at once.

    Made by `Pipeline.link`; a context manager. It stays as it is whatever becomes of the pipeline it was made from.
    """

    def __init__(self, pipeline: Pipeline, base: Base, operator: Operator) -> None:
        from orchestrator.runtime import Program

        self._pipeline, self._base, self._operator = pipeline, base, operator
        self._closed = False
        try:
            self.model: LinkedGraph = pipeline.linked(base.engine, operator)
            """What was linked, as immutable data."""
            self._inputs = frozenset(item.name for item in self.model.inputs)
            self.recorder: Recorder = base.recorder
            """Takes the events of every run: add exporters to it, or subscribe."""
            self._program: Program = Program(self.model, base.engine, self.recorder)
        except BaseException:
            base.close()
            raise

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.model.name

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What linking found worth saying and did not refuse."""
        return self.model.warnings

    # Running

    def run(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, traceparent: str = "",
            labels: Mapping[str, Sequence[str]] | None = None, **inputs: Any) -> Result:  # fmt: skip
        """Runs the pipeline to its end.

        Arguments:
            values, inputs: the inputs by name, in their Python forms; `values` for names that are no Python names, or
                are the other arguments' own.
            timeout: seconds, if less than the pipeline's own.
            traceparent: the W3C header of the caller, whose trace the run then belongs to.
            labels: by input, what it is taken for in this run, beside the labels that the pipeline gives it.

        Raises:
            InvalidPipeline: with these labels, or with what a session remembers of earlier runs, untrusted content
                and private data would meet in a node that can send; nothing ran.
            ValueMismatch: an input is missing, unknown, or does not fit.
            RunError: it did not end well; see the exception tree.
            ClosedError: this or its engine was closed.
            TypeError, ValueError: the timeout is no number of seconds above zero, or `values` no mapping.
            KeyboardInterrupt: ctrl-C; the guests were stopped and the events recorded.
        """
        return self._begin(values, inputs, timeout, traceparent, labels).carry_out()

    def start(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, traceparent: str = "",
              labels: Mapping[str, Sequence[str]] | None = None, **inputs: Any) -> Execution:  # fmt: skip
        """Begins a run in the background; arguments as of `run`. Iterate over it for its events."""
        execution = self._begin(values, inputs, timeout, traceparent, labels)
        execution.begin()
        return execution

    async def arun(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None,
                   traceparent: str = "", labels: Mapping[str, Sequence[str]] | None = None,
                   **inputs: Any) -> Result:  # fmt: skip
        """`run`, awaited; cancelling the task cancels the run."""
        import asyncio

        execution = self.start(values, timeout=timeout, traceparent=traceparent, labels=labels, **inputs)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        execution.when_done(lambda: _tell(loop, ended))
        try:
            await ended.wait()
        except asyncio.CancelledError:
            execution.cancel()
            await asyncio.shield(ended.wait())
            raise
        return execution.result()

    def _begin(
        self,
        values: Mapping[str, Any] | None,
        inputs: Mapping[str, Any],
        timeout: float | None,
        traceparent: str,
        labels: Mapping[str, Sequence[str]] | None,
    ) -> Execution:
        arguments.text(traceparent, "`traceparent`")
        within = arguments.seconds(timeout, "`timeout`")
        named = arguments.mapping({} if values is None else values, "what is run with")
        if self._base.engine.closed:
            raise ClosedError("the engine was closed")
        given = {**{self._kebab(name): value for name, value in inputs.items()}, **named}
        run = self._program.begin(given, traceparent, self._named(labels) if labels is not None else {})
        if within is not None:
            run.limit(within)
        return Execution(self, self._program, run)

    def _named(self, labels: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """The labels by the inputs that are meant."""
        given = arguments.mapping(labels, "`labels`").items()
        return {self._kebab(name): arguments.labels(its, f"`labels` of `{name}`") for name, its in given}

    def _kebab(self, name: str) -> str:
        """The input that a keyword means: Python names have no dashes."""
        if name in self._inputs:
            return name
        dashed = name.replace("_", "-")
        return dashed if dashed in self._inputs else name

    # States

    def node(self, name: str) -> NodeStates:
        """The states of a node's instance: to keep one by name, and to take the instance back to it.

        Raises:
            OrchestratorError: there is no such node, or it is a Python function.
            ClosedError: this was closed.
        """
        from orchestrator.pipeline.states import states_of

        return states_of(name, self._program, closed=self._closed)

    # Changing

    def relink(self, pipeline: Pipeline | None = None) -> LinkedPipeline:
        """The pipeline as it is now, linked anew; unchanged nodes with `lifetime: session` keep their instances.

        What `link` was told of secrets, addresses and ceilings holds for it too. This one stays as it was and can still
        be run; instances that both have are closed with the last of them. An instance that is kept has the labels of
        what came to it: the pipeline as it is now is checked with them.

        Raises:
            InvalidPipeline: every reason why not.
            ClosedError: this one was closed.
        """
        from orchestrator.pipeline.building import Pipeline

        if pipeline is not None:
            arguments.instance(pipeline, Pipeline, "`pipeline`")
        if self._closed:
            raise ClosedError("the linked pipeline was closed")
        renewed = LinkedPipeline(pipeline or self._pipeline, self._base.shared(), self._operator)
        try:
            renewed._program.share_sessions(self._program)
        except BaseException:
            renewed.close()
            raise
        return renewed

    # Showing

    def plan(self) -> Plan:
        """What each node may do, who says so, and what its component will be refused.

        `str` of it is what `orchestrator plan` prints; its `compare` says what widened since its JSON form was saved.
        """
        from orchestrator.plan import plan_of

        return plan_of(self.model)

    def drawing(self) -> Graph:
        """The pipeline as a graph to draw, with its types."""
        from orchestrator.link import draw

        return draw(self.model)

    @property
    def graph(self) -> Networkx:
        """A networkx graph of the nodes, inputs and outputs, with types and contracts as attributes."""
        from orchestrator.graph.form import to_networkx

        return to_networkx(self.drawing())

    def __repr__(self) -> str:
        return f"<LinkedPipeline {self.name}: {len(self.model.nodes)} nodes>"

    def _repr_svg_(self) -> str:
        from orchestrator.graph import draw

        return draw(self.drawing(), "svg")

    # Ending

    def __enter__(self) -> LinkedPipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> tuple[str, ...]:
        """Cancels what still runs, and ends the instances that outlive runs. Harmless when repeated.

        An engine and a recorder that were made for it are closed with it, or with the last that `relink` gave.

        Returns:
            What went wrong with exporters and with states that were to be kept, a line each.
        """
        if self._closed:
            return ()
        self._closed = True
        self._program.close()
        return (*self._program.problems, *self._base.close())


def _tell(loop: AbstractEventLoop, ended: AsyncEvent) -> None:
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        return  # the loop was closed: nobody waits any more
