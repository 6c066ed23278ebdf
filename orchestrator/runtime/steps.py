"""What is the same in every execution of a node, worked out once when the pipeline is made ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.capability.limits import SHOWN, key_of
from orchestrator.interface.convert import has_json
from orchestrator.interface.sizes import sizer
from orchestrator.interface.types import Result

if TYPE_CHECKING:
    from orchestrator.link.model import Binding, LinkedData, LinkedGraph, LinkedNode
    from orchestrator.manifest.model import Ref
    from orchestrator.runtime.stores import Store


class Edge:
    """A data edge, as an execution takes a value from it.

    Arguments:
        edge: the linked edge.
    """

    __slots__ = ("edge", "is_plain", "is_whole", "measure", "source")

    def __init__(self, edge: LinkedData) -> None:
        self.edge = edge
        self.source: Ref = edge.source
        self.is_whole = not edge.source.steps
        self.is_plain = edge.when is None and edge.each is None and edge.checks is None and not edge.wrap
        """Whether the value crosses whatever it is, and as it is."""
        self.measure = sizer(edge.source_type if edge.each is None else edge.type) if has_json(edge.type) else None
        """The size of what crosses; None where handles do, which have none."""


class Step:
    """A node that runs.

    Arguments:
        node: with a `run`.
        store: where it lives; None for a Python node.
        takes_error: whether something takes the node's error, so that an `err` does not end the run.
        followers: the nodes that wait for it.
    """

    __slots__ = (
        "detail", "edges", "followers", "function", "is_controlled", "is_result", "measures", "metered", "name", "node",
        "parameters", "spread", "takes_error", "target", "timeout", "title",
    )  # fmt: skip

    def __init__(self, node: LinkedNode, store: Store | None, takes_error: bool, followers: tuple[str, ...]) -> None:
        assert node.run is not None
        self.node, self.name, self.takes_error, self.followers = node, node.name, takes_error, followers
        self.function, self.title = node.run.function, str(node.run)
        self.target = None if store is None else store.exported(node.name, node.run.interface, self.function)
        self.is_result = isinstance(self.function.result, Result)
        self.parameters = {field.name: number for number, field in enumerate(self.function.params)}
        self.edges: tuple[tuple[int, Any, tuple[Edge, ...]], ...] = tuple(map(self._bound, node.bindings))
        """For each parameter its place, its constant, and the edges that may fill it."""
        measured = [(n, field.type) for n, field in enumerate(self.function.params) if has_json(field.type)]
        self.measures = tuple((number, sizer(type_)) for number, type_ in measured)
        """The parameters that have a size, by place, and what tells it."""
        self.spread = next((edge for binding in node.bindings for edge in binding.edges if edge.each is not None), None)
        """The edge whose list is taken apart."""
        self.is_controlled = bool(node.retry or node.repeat or node.fallback or node.fallback_for or self.spread)
        """Whether it may be executed other than once."""
        timeout = node.limits.timeout
        self.timeout = "" if timeout is None else f"node `{node.name}` took longer than its timeout, {timeout:g} s"
        self.metered = node.component is not None and node.limits.fuel is not None
        """Whether its instances have a limit of fuel."""
        self.detail = _described(node)

    def _bound(self, binding: Binding) -> tuple[int, Any, tuple[Edge, ...]]:
        return self.parameters[binding.parameter.name], binding.constant, tuple(map(Edge, binding.edges))


def steps_of(graph: LinkedGraph, stores: Mapping[str, Store]) -> dict[str, Step]:
    """The nodes that run, by name, in an order in which each stands after what it needs."""
    references = [edge.source for edge in graph.data] + [output.source for output in graph.outputs]
    errors_taken = {ref.name for ref in references if ref.kind == "error"}
    followers: dict[str, list[str]] = {name: [] for name in graph.order}
    for name in graph.order:
        for needed in graph.nodes[name].after:
            followers[needed].append(name)
    return {
        name: Step(graph.nodes[name], stores.get(name), name in errors_taken, tuple(followers[name]))
        for name in graph.order
    }


def _described(node: LinkedNode) -> dict[str, Any]:
    """What every event of the node says of it; one mapping for all of them, never changed."""
    stated = ((key_of(field), getattr(node.limits, field)) for field in SHOWN)
    limits = {key: limit for key, limit in stated if limit is not None}
    found: dict[str, Any] = {"lifetime": node.lifetime}
    if limits:
        found["limits"] = limits
    if node.component is not None:
        found["digest"] = node.component.digest
    return found
