"""A linked pipeline as immutable data: all that `runtime` needs, with nothing left to look up or to refuse.

Made by `link.link`. Names are those of the manifest; every type is resolved; every path is proven to exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.capability import NOBODY, Operator
from orchestrator.capability.bounds import Bound
from orchestrator.capability.narrowing import Cut
from orchestrator.contract import Checks
from orchestrator.diagnostics import Diagnostic
from orchestrator.engine.component import Component
from orchestrator.graph.flow import Held, Passage, Seed
from orchestrator.interface.types import Field, Function, Interface, Name, Type
from orchestrator.link.folders import Granted, shared
from orchestrator.manifest.model import (
    EMPTY,
    Bulk,
    Contract,
    Declassify,
    Each,
    Grants,
    Lifetime,
    Limits,
    Manifest,
    Ref,
    Repeat,
    Retry,
    RevertAfter,
    RunLimits,
    Sort,
    Where,
)


@dataclass(frozen=True, slots=True)
class Export:
    """A function that a node offers: the interface it is in (None: the world itself) and the function."""

    interface: Name | None
    function: Function

    def __str__(self) -> str:
        return f"{self.interface}.{self.function.name}" if self.interface else self.function.name


@dataclass(frozen=True, slots=True)
class Reverts:
    """How the instances of a node are taken back to how they were after their init.

    Arguments:
        after: what they are taken back after, to serve again.
        warm_up: a function that each answers first, with these values.
        steps, quarantine: see `manifest.model.Snapshots`.
        violations, denials: see `manifest.model.RevertOn`.
    """

    after: RevertAfter = "never"
    warm_up: tuple[Export, tuple[Any, ...]] | None = None
    steps: int = 0
    quarantine: int = 0
    violations: int | None = None
    denials: int | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A node that judges what crosses an edge, and the function that it does so by."""

    node: str
    export: Export


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a parameter gets its value: a constant, or data edges (several only when conditions exclude each other)."""

    parameter: Field
    constant: Any = None
    edges: tuple[LinkedData, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkedData:
    """A data edge with its types.

    Arguments:
        id: the edge as the manifest writes it, `files -> answerer.documents`; unique.
        source_type: of the value at the end of the path, before `each` takes it apart.
        type: of the value that arrives (an element where `each` is set).
        wrap: the parameter is an option of `type`, so the value is wrapped (Python form: as it is, but
            `{"some": value}` where `type` is an option itself).
        when: the compiled condition over `value`, or None; asked once, over the whole value of `source_type`.
        checks: the compiled contract, for a value of `type`: with `each` asked for each element.
        detectors: those that judge it, in the order in which they are asked.
    """

    id: str
    source: Ref
    target: str
    parameter: str
    source_type: Type
    type: Type
    wrap: bool = False
    when: Callable[[Any], bool] | None = field(default=None, compare=False)
    when_text: str = ""
    each: Each | None = None
    contract: Contract = Contract()
    checks: Checks | None = field(default=None, compare=False)
    detectors: tuple[Detector, ...] = ()
    declassify: Declassify | None = None
    where: Where = field(default=Where(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LinkedCall:
    """A call edge: an import of the caller and what answers it.

    Arguments:
        id: the edge as the manifest writes it, with the interface: `answerer -> model (agent:llm/chat)`; unique.
        wanted: the interface or function as the caller imports it.
        offered: the same as the callee exports it (its version may be newer, it may have more functions).
        checks: the compiled contract for each function, by its name as the caller imports it; one without rules is
            absent.
        fused: caller and callee are in one group: calls stay in the store that they share.
        detectors: those that judge what is passed and what is answered.
    """

    id: str
    caller: str
    callee: str
    wanted: Interface | Function
    offered: Interface | Function
    contract: Contract = Contract()
    checks: Mapping[str, Checks] = field(default_factory=dict, compare=False)
    fused: bool = False
    declassify: Declassify | None = None
    where: Where = field(default=Where(), compare=False, repr=False)
    detectors: tuple[Detector, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkedTool:
    """A tool edge: a function of the callee that the caller finds by `name` through `agent:core/tools`.

    `schema` is the JSON schema of its arguments, an object with a property for each parameter.
    """

    id: str
    caller: str
    callee: str
    name: str
    description: str
    export: Export
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False)
    contract: Contract = Contract()
    checks: Checks | None = field(default=None, compare=False)
    detectors: tuple[Detector, ...] = ()
    declassify: Declassify | None = None
    where: Where = field(default=Where(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sender:
    """That a node can send to somewhere outside: why, for a person, and where that is written.

    `granted` is whether a grant lets it; else it has the label by hand.
    """

    why: str
    where: Where = field(default=Where(), compare=False, repr=False)
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """Where labels begin in a pipeline and which ways they have: what `graph.flow.spread` is asked with.

    Arguments:
        sorts: every label that data can have here, with the built-in one that it stands for.
        places: of each vertex that belongs to a node, that node; one whose calls are told apart has several.
        senders: the nodes that can send.
        excused: origins that do not count at the node where they begin: of what its own secrets open, since it can only
            be opened by a node that can send.
        folders: those that are granted, where what one node writes another may read: the last passages are theirs.
        start: where relative paths of theirs start.
        fixed: how many passages come before.
    """

    seeds: tuple[Seed, ...] = ()
    passages: tuple[Passage, ...] = ()
    sorts: Mapping[str, Sort] = field(default_factory=lambda: EMPTY)
    places: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    senders: Mapping[str, Sender] = field(default_factory=lambda: EMPTY)
    excused: frozenset[str] = frozenset()
    folders: tuple[Granted, ...] = ()
    start: Path = Path()
    fixed: int = 0

    def now(self) -> Flow:
        """The same with folders as they are now: links among their paths may lead elsewhere than before."""
        found = (*self.passages[: self.fixed], *shared(self.folders, self.start))
        return self if found == self.passages else replace(self, passages=found)


@dataclass(frozen=True, slots=True)
class LinkedNode:
    """A node, ready to be instantiated.

    Arguments:
        component: None for a Python node.
        python: the function a Python node runs, with its parameters in the order of `run.function.params`; it takes
            lists of numbers as lists or memoryviews.
        run: the export that runs when its data is there; None for a node that only answers calls.
        bindings: one for each parameter of `run`.
        after: nodes whose `run` must end first, by data edges and implied ones.
        calls, tools: what answers this node's imports.
        until: the compiled condition of `repeat`.
        fallback: the node that stands in when this one fails; it takes part in `order` and waits for this one.
        fallback_for: the node that this one stands in for: it runs only when that one failed, and counts as left out
            when it did not; whatever waits for that node waits for this one too.
        grants, limits: what it has, within `bounds`; limits are those of its store: of a node that is fused, of its
            group.
        places: by `storage`, `http` and `secrets`: for each of those grants its number in the pipeline.
        bounds: what its component claims, and what the ceilings allow: what a run's inputs say is held against them.
        cuts: what the bounds took away.
        lifetime: how long what an instance remembers lives.
        reverts: what takes its instances back, and to what; None where nothing does.
        bulk: how values get in and out of its component.
        config: what `wasi:config/store` answers: texts by key.
        depth: how many stores its longest chain of calls enters, its own included; a group has one.
        group: the first name of the group that it shares a store with; empty where it is in none.
        labels: what it holds of what data can be labelled with, each with where it began and the way it came; of a
            label that comes from several places, the nearest two.
        sends: why it can send, for a person; empty where it cannot.
    """

    name: str
    component: Component | None
    python: Callable[..., Any] | None
    exports: tuple[Interface | Function, ...] = ()
    run: Export | None = None
    bindings: tuple[Binding, ...] = ()
    after: frozenset[str] = frozenset()
    calls: tuple[LinkedCall, ...] = ()
    tools: tuple[LinkedTool, ...] = ()
    grants: Grants = Grants()
    limits: Limits = Limits()
    places: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: EMPTY)
    bounds: tuple[Bound, ...] = ()
    cuts: tuple[Cut, ...] = ()
    lifetime: Lifetime = "run"
    reverts: Reverts | None = None
    bulk: Bulk = "auto"
    repeat: Repeat | None = None
    until: Callable[[Any], bool] | None = None
    retry: Retry | None = None
    fallback: str = ""
    fallback_for: str = ""
    config: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    depth: int = 1
    group: str = ""
    labels: tuple[Held, ...] = field(default=(), compare=False, repr=False)
    sends: str = ""
    where: Where = field(default=Where(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LinkedInput:
    """An input with its resolved type."""

    name: str
    type: Type
    is_path: bool = False
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class LinkedOutput:
    """An output: where it comes from and its type (a list where the source's node runs once an element, `each`)."""

    name: str
    source: Ref
    type: Type
    optional: bool = False
    labels: tuple[Held, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LinkedGraph:
    """A whole pipeline, checked.

    Arguments:
        order: the nodes that run, each after what it needs.
        depth: how many stores the longest chain of calls enters.
        groups: the nodes that share a store, by fused edges; in each a callee stands before its callers.
        operator: what whoever runs it says.
        flow: how labels spread in it, to be asked again when a run or a kept instance brings more of them.
    """

    name: str
    manifest: Manifest
    inputs: tuple[LinkedInput, ...]
    outputs: tuple[LinkedOutput, ...]
    nodes: Mapping[str, LinkedNode]
    order: tuple[str, ...]
    limits: RunLimits
    depth: int
    groups: tuple[tuple[str, ...], ...] = ()
    operator: Operator = field(default=NOBODY, compare=False, repr=False)
    flow: Flow = field(default=Flow(), compare=False, repr=False)
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def data(self) -> tuple[LinkedData, ...]:
        """Every data edge, those from inputs included."""
        return tuple(e for n in self.nodes.values() for b in n.bindings for e in b.edges)

    @property
    def calls(self) -> tuple[LinkedCall, ...]:
        """Every call edge."""
        return tuple(e for n in self.nodes.values() for e in n.calls)

    @property
    def tools(self) -> tuple[LinkedTool, ...]:
        """Every tool edge."""
        return tuple(e for n in self.nodes.values() for e in n.tools)
