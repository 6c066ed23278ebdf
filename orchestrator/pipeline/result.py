"""What a run gave, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator.audit import Event, Recorder, Subscription
    from orchestrator.graph.flow import Seed
    from orchestrator.interface.types import Type
    from orchestrator.link.model import Flow, LinkedGraph
    from orchestrator.runtime import Outcome


class Result:
    """What a run gave."""

    def __init__(
        self,
        model: LinkedGraph,
        outcome: Outcome,
        events: Subscription,
        recorder: Recorder,
        brought: tuple[Seed, ...] = (),
        flow: Flow | None = None,
    ) -> None:
        self._model, self._subscription, self._recorder, self._brought = model, events, recorder, brought
        self._flow = flow or model.flow
        self._outputs = outcome.outputs
        self.trace_id: str = outcome.trace_id
        """32 hexadecimal digits."""
        self.duration: float = outcome.duration
        """Seconds."""
        self._events: tuple[Event, ...] | None = None

    @cached_property
    def arrays(self) -> Mapping[str, Any]:
        """The outputs by name, each list of numbers at any depth as a read-only memoryview of its type.

        `numpy.asarray` takes it as it is. A list of bytes is `bytes`, as ever.
        """
        from orchestrator.interface.plain import arrays

        return self._converted(arrays)

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs by name, in their Python forms; None for one whose node was skipped.

        Raises:
            LimitExceeded: they have more numbers than a list should: take `arrays`.
        """
        from orchestrator.interface.plain import plain

        return self._converted(plain)

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """By output, what it is to be taken for: `untrusted`, `private`, both or none.

        Whoever gives it to another pipeline passes them on: `other.run(text=value, labels={"text": ...})`.
        """
        from orchestrator.graph.flow import spread

        flow = self._flow
        held = spread((*flow.seeds, *self._brought), flow.passages)
        sorts = {
            output.name: {flow.sorts[one.label] for one in held.get(f"outputs.{output.name}", ())}
            for output in self._model.outputs
        }
        return {name: tuple(sorted(found, reverse=True)) for name, found in sorts.items()}

    def _converted(self, convert: Callable[[Type, Any], Any]) -> dict[str, Any]:
        from orchestrator.interface.allowance import Allowance

        found = {output.name: (output.type, self._outputs[output.name]) for output in self._model.outputs}
        with Allowance():
            return {name: None if value is None else convert(type_, value) for name, (type_, value) in found.items()}

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]

    def to_json(self) -> dict[str, Any]:
        """The outputs in their JSON forms."""
        from orchestrator.interface.convert import to_json

        found: dict[str, Any] = {}
        for output in self._model.outputs:
            value = self.outputs[output.name]
            found[output.name] = None if value is None else to_json(output.type, value, output.name)
        return found

    @property
    def events(self) -> tuple[Event, ...]:
        """The run's events, of a long run the latest; waits for the last of them."""
        if self._events is None:
            self._recorder.flush()
            found = []
            while (event := self._subscription.next(timeout=0)) is not None:
                found.append(event)
            self._events = tuple(found)
        return self._events

    @property
    def tree(self) -> str:
        """The run as a tree of text: nodes, calls, values, what was refused."""
        from orchestrator.audit import tree

        return "\n".join(tree(self.events))

    def __repr__(self) -> str:
        return f"<Result {self.trace_id}: {', '.join(self._outputs) or 'no outputs'}>"

    def _repr_html_(self) -> str:
        import html
        import json

        try:
            shown = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        except OrchestratorError as problem:
            shown = str(problem)
        parts = (shown if len(shown) <= 20_000 else shown[:20_000] + "…", self.tree)
        return "".join(f"<pre>{html.escape(part)}</pre>" for part in parts)
