"""Which store each node lives in, and what its imports and exports are called there.

A node alone has a store of its own, whose linker has the names of its component. Nodes that are fused are parts of one
component, in which everything has a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.diagnostics import Diagnostic
from orchestrator.engine import exported
from orchestrator.errors import InvalidPipeline
from orchestrator.interface.types import Function, Interface, Name
from orchestrator.runtime.ready import reseed_of
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Engine, Exported, FusedComponent, Instance
    from orchestrator.engine.component import Component
    from orchestrator.link.model import LinkedCall, LinkedGraph, LinkedNode


class Store:
    """What the instances of one store are made of.

    Arguments:
        nodes: that live there, in the order of their parts.
        component: what is instantiated.
        fused: where it has the parts, if it is a fused one.
        inside: the edges between the nodes, in the order in which they were fused.
    """

    def __init__(
        self,
        nodes: Sequence[LinkedNode],
        component: Component,
        fused: FusedComponent | None = None,
        inside: Sequence[LinkedCall] = (),
    ) -> None:
        self.nodes, self.component = tuple(nodes), component
        self._fused, self._inside = fused, tuple(inside)
        self._part = {node.name: number for number, node in enumerate(self.nodes)}

    def imported(self, node: str, item: Interface | Function) -> Interface | Function:
        """What a node imports, as the store's component does."""
        return item if self._fused is None else self._fused.imported(self._part[node], item)

    def offered(self, node: str, item: Interface | Function) -> Interface | Function:
        """What a node exports, as the store's component does."""
        return item if self._fused is None else self._fused.exported(self._part[node], item)

    def exported(self, node: str, interface: Name | None, function: Function) -> Exported:
        """A function that a node exports, as its instance is called."""
        if self._fused is None:
            return exported(interface, function)
        item: Interface | Function = function if interface is None else Interface(interface)
        found = self.offered(node, item)
        if isinstance(found, Function):
            return exported(None, found)
        inner = found.function(function.name)
        assert inner is not None, f"{interface} has lost {function.name} in the fused component"
        return exported(found.name, inner)

    def watch(self, instance: Instance) -> None:
        """Has an instance say, each time it is left, what was called inside."""
        if self._fused is not None:
            instance.left = _Inside(instance, self._inside, self._fused.counters).say


class _Inside:
    """The calls inside an instance, which count themselves: read when it is left, by whoever is in it."""

    def __init__(
        self, instance: Instance, inside: Sequence[LinkedCall], counters: Mapping[tuple[int, str], tuple[int, int]]
    ) -> None:
        self._instance = instance
        self._counters = [(place, _named(inside[number], name)) for (number, name), place in counters.items()]
        self._seen = [0] * len(self._counters)

    def say(self) -> None:
        """Records how often each function was called since it was said the last time."""
        visit = self._instance.frame
        for number, ((memory, offset), (node, edge, function)) in enumerate(self._counters):
            count = self._instance.count(memory, offset)
            calls, self._seen[number] = count - self._seen[number], count
            if calls and isinstance(visit, Visit):
                detail = {"of": "call", "count": calls, "busy": 0, "why": "fused"}
                visit.run.event("rest", visit, node=node, edge=edge, function=function, detail=detail)


def _named(edge: LinkedCall, name: str) -> tuple[str, str, str]:
    """The node that is called, the edge and the function, as events name them."""
    if isinstance(edge.offered, Function):
        return edge.callee, edge.id, f"{edge.callee}.{edge.offered.name}"
    return edge.callee, edge.id, f"{edge.offered.name}.{name}"


def stores_of(graph: LinkedGraph, engine: Engine) -> dict[str, Store]:
    """The store of each node that is a component; those that are fused are compiled as one.

    Raises:
        InvalidPipeline: nodes cannot be fused for what crosses between them.
        ComponentError: what is fused cannot be compiled.
    """
    found: dict[str, Store] = {}
    for names in graph.groups:
        store = _fused([graph.nodes[name] for name in names], engine)
        found |= dict.fromkeys(names, store)
    for name, node in graph.nodes.items():
        if node.component is not None and name not in found:
            seeds = node.grants.random == "secure" and reseed_of(node.component) is None
            kept = node.reverts is not None and not seeds
            component = engine.variant(node.component, node.bulk, metered=_metered(node), kept=kept)
            found[name] = Store([node], component)
    return found


def _metered(node: LinkedNode) -> bool:
    """Whether what the node executes is counted; of fused nodes each has the limits of their store."""
    return node.limits.fuel is not None


def _fused(nodes: Sequence[LinkedNode], engine: Engine) -> Store:
    from orchestrator.engine import CannotFuse, Link

    part = {node.name: number for number, node in enumerate(nodes)}
    inside = [edge for node in nodes for edge in node.calls if edge.fused]
    links = [Link(part[edge.caller], edge.wanted, part[edge.callee], edge.offered) for edge in inside]
    components = [node.component for node in nodes if node.component is not None]
    try:
        fused = engine.fuse(components, links, nodes[0].bulk, metered=_metered(nodes[0]))
    except CannotFuse as problem:
        names = " and ".join(f"`{node.name}`" for node in nodes)
        message = f"{names} cannot be fused: {problem}"
        where = inside[0].where.at("fuse")
        help_ = ("remove `fuse` from the edge over which it passes",)
        raise InvalidPipeline(
            [Diagnostic("fuse-type", message, where.span, "" if where.span else f"edge `{inside[0].id}`", help=help_)]
        ) from None
    return Store(nodes, fused.component, fused, inside)
