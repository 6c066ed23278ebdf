"""What is known of a pipeline while it is linked: one draft a node, filled by one check after another.

A check that cannot tell (a component did not load, a name is unknown and was reported) leaves None and says nothing,
so that one mistake is one diagnostic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.capability import Operator
from orchestrator.capability.bounds import Bound
from orchestrator.capability.ceiling import run_limits
from orchestrator.capability.narrowing import Narrowed
from orchestrator.engine.component import Component
from orchestrator.interface import Packages
from orchestrator.interface.types import Function, Interface, Result, Type
from orchestrator.link.model import (
    Binding,
    Detector,
    Export,
    LinkedCall,
    LinkedData,
    LinkedInput,
    LinkedTool,
    Reverts,
)
from orchestrator.link.report import Report, place_of_edge
from orchestrator.manifest.model import CallEdge, DataEdge, Edge, Manifest, Node, RunLimits, ToolEdge, Where

Item = Interface | Function
"""An import or an export of a world."""

HostImports = Callable[[Item], tuple[str, ...] | None]
"""Whether the host answers an import: None when it is not the host's, `()` when it does, else why it cannot."""


@dataclass(slots=True, eq=False)
class Draft:
    """A node while it is linked.

    Arguments:
        known: its exports and imports are known: its component loaded, its function has a signature.
        run: the export it runs, None where it runs nothing or that could not be found.
        answers_only: a Python function that only answers calls: see `answering`.
        unread: what it runs is written and could not be read: nothing can be said of it.
        each: it runs once for each element of a list.
        excused: imports that an edge was meant to answer and failed to, by `item_name`: no second diagnostic.
        bounds: what its component claims and the ceilings allow.
        within: its grants and limits within those.
        reverts: what takes it back, and to what; None where nothing does.
    """

    node: Node
    component: Component | None = None
    python: Callable[..., Any] | None = None
    exports: tuple[Item, ...] = ()
    known: bool = False
    run: Export | None = None
    answers_only: bool = False
    unread: bool = False
    each: bool = False
    calls: list[LinkedCall] = field(default_factory=list)
    tools: list[LinkedTool] = field(default_factory=list)
    data: list[LinkedData] = field(default_factory=list)
    bindings: tuple[Binding, ...] = ()
    until: Callable[[Any], bool] | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    bounds: tuple[Bound, ...] = ()
    within: Narrowed | None = None
    reverts: Reverts | None = None

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def runs(self) -> bool:
        """Whether it is asked to run, found or not."""
        return bool(self.node.run) or self.unread or (self.node.python is not None and not self.answers_only)

    @property
    def imports(self) -> tuple[Item, ...]:
        """What its component imports."""
        return self.component.world.imports if self.component else ()

    @property
    def value(self) -> Type | None:
        """The type of one run's result, unwrapped of `result<T, E>`; None where it has none."""
        result = self.run.function.result if self.run else None
        return result.ok if isinstance(result, Result) else result

    @property
    def failure(self) -> Type | None:
        """The type of its `err`; None where it has none."""
        result = self.run.function.result if self.run else None
        return result.err if isinstance(result, Result) else None


@dataclass(slots=True, eq=False)
class Work:
    """One linking: what it is given, what it found so far."""

    manifest: Manifest
    packages: Packages
    host: HostImports
    python_nodes: bool
    stack_budget: int
    operator: Operator
    partial: bool = False
    """The manifest has errors of its own: what is written and not in it was faulty."""
    report: Report = field(default_factory=Report)
    drafts: dict[str, Draft] = field(default_factory=dict)
    inputs: dict[str, LinkedInput | None] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    """The unique id of each edge, by its place in the manifest."""
    silent: set[int] = field(default_factory=set)
    """The identities of the call edges over which nothing comes back: no function that may be called has a result."""
    detectors: dict[int, tuple[Detector, ...]] = field(default_factory=dict)
    """By the identity of an edge, the nodes that judge what crosses it."""
    _filled: dict[str, set[str]] | None = None

    @property
    def limits(self) -> RunLimits:
        """Of a run, beneath the ceilings."""
        return run_limits(self.manifest.limits, self.operator.ceilings)[0]

    @property
    def lost_edges(self) -> bool:
        """Whether edges were left out of a faulty manifest: what seems to be missing may be there."""
        written = self.manifest.where.inner.get("edges")
        return self.partial and (written is None or len(written.inner) != len(self.manifest.edges))

    def faulty(self, section: str, name: str) -> bool:
        """Whether a node or an input of that name is written in a faulty manifest and was left out."""
        written = self.manifest.where.inner.get(section)
        return self.partial and (written is None or name in written.inner)

    def data_edges(self) -> Iterator[tuple[str, DataEdge]]:
        """Every data edge with its id."""
        return ((self.ids[at], e) for at, e in enumerate(self.manifest.edges) if isinstance(e, DataEdge))

    def filled(self, node: str) -> set[str]:
        """The parameters of a node that edges name."""
        if self._filled is None:
            self._filled = {}
            for _, edge in self.data_edges():
                if edge.parameter is not None:
                    self._filled.setdefault(edge.node, set()).add(edge.parameter)
        return self._filled.get(node, set())

    def call_edges(self) -> Iterator[CallEdge]:
        """Every call edge."""
        return (edge for edge in self.manifest.edges if isinstance(edge, CallEdge))

    def tool_edges(self) -> Iterator[tuple[str, ToolEdge]]:
        """Every tool edge with its id."""
        return ((self.ids[at], e) for at, e in enumerate(self.manifest.edges) if isinstance(e, ToolEdge))

    def node(self, name: str, where: Where, edge: Edge | str) -> Draft | None:
        """The draft of a node that something names; an unknown name is reported there."""
        found = self.drafts.get(name)
        if found is None and not self.faulty("nodes", name):
            place = edge if isinstance(edge, str) else place_of_edge(edge)
            self.report.error(
                "unknown-node",
                f"there is no node `{name}`",
                where,
                place,
                help=self.report.suggest(name, self.drafts, "nodes"),
            )
        return found


def answering(manifest: Manifest) -> frozenset[str]:
    """The Python functions that only answer calls.

    A component says by `run` whether it runs; a Python function runs, unless a call or tool edge leads to it, or it
    judges what crosses one, and no edge, constant or output has to do with a run of its own.
    """
    called = {edge.callee.node for edge in manifest.edges if not isinstance(edge, DataEdge)}
    called |= {name for edge in manifest.edges for name in edge.contract.detect}
    data = [edge for edge in manifest.edges if isinstance(edge, DataEdge)]
    refs = [edge.source for edge in data] + [output.source for output in manifest.outputs]
    used = {ref.name for ref in refs if ref.kind != "input"} | {edge.node for edge in data}
    idle = {n.name for n in manifest.nodes if n.python and not (n.args or n.repeat or n.retry or n.fallback)}
    standing_in = {node.fallback for node in manifest.nodes}
    return frozenset((called & idle) - used - standing_in)


def unique(ids: set[str], wanted: str) -> str:
    """An id that no other has: `wanted`, or with a number behind it."""
    found, number = wanted, 1
    while found in ids:
        number += 1
        found = f"{wanted} #{number}"
    ids.add(found)
    return found
