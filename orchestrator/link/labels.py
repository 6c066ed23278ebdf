"""Where labels begin and how they travel, read off a manifest: no component is looked at, no type needed.

A node has the labels that its grants give it and those that it is given by hand; it passes on whatever comes to it,
over every edge, both ways where calls are answered. `outbound` alone stays where it is: it says what a node can do.
What crosses an edge goes to its detectors too, with every label, whatever the edge declassifies; of what they say of it
no more comes back than whether it crosses, which carries no label. Not for whether labels may meet: see `flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from orchestrator.capability.narrowing import Narrowed
from orchestrator.graph.flow import Passage, Seed
from orchestrator.link.folders import Granted, shared
from orchestrator.link.model import Flow, Sender
from orchestrator.manifest.model import (
    MOST_LABELS,
    OUTBOUND,
    PRIVATE,
    UNTRUSTED,
    CallEdge,
    DataEdge,
    Declassify,
    Edge,
    Grants,
    Manifest,
    Node,
    Side,
    Sort,
    ToolEdge,
    Where,
)
from orchestrator.manifest.substitution import inputs_of

MOST_CALLERS = 64
"""Callers up to which the calls of a node with `lifetime: call` are told apart: the bound on a hostile graph's cost."""

Answers = Callable[[int], bool]
"""Whether a call over the edge of that number in the manifest can give anything back."""


def flow_of(
    manifest: Manifest,
    *,
    answers: Answers = lambda _edge: True,
    within: Mapping[str, Narrowed] = MappingProxyType({}),
) -> Flow:
    """Where the labels of a pipeline begin and which ways they have. What is named and is not there is left out.

    Arguments:
        answers: see `Answers`; without it every call is taken to give something back.
        within: by node, what it is granted of what it asks for.
    """
    return _Map(manifest, answers, within).flow()


def sorts_of(manifest: Manifest) -> dict[str, Sort]:
    """Every label that data can have, with what it stands for; of two declarations the first, of too many as well."""
    found: dict[str, Sort] = {UNTRUSTED: UNTRUSTED, PRIVATE: PRIVATE}
    for label in manifest.labels[:MOST_LABELS]:
        found.setdefault(label.name, label.sort)
    return found


def edge_id(number: int) -> str:
    """What passages over the edge of that number in the manifest are called."""
    return f"edge {number}"


def line(where: Where) -> str:
    """Where it is written, for the end of a sentence; nothing for what was built in Python."""
    return f"line {where.span.line}" if where.span else ""


def _at(what: str, where: Where) -> str:
    return ", ".join(filter(None, (what, line(where))))


def _written(edge: Edge) -> str:
    place = line(edge.where)
    return f"`{edge}`" + (f" ({place})" if place else "")


@dataclass(slots=True, eq=False)
class _Map:
    """One reading of a manifest."""

    manifest: Manifest
    answers: Answers
    within: Mapping[str, Narrowed]
    nodes: dict[str, Node] = field(default_factory=dict)
    vertices: dict[str, list[str]] = field(default_factory=dict)
    """Of each node where it holds what it holds: in one place, or in one for each of its callers."""
    entered: dict[tuple[int, str], str] = field(default_factory=dict)
    """By the number of an edge and a node that is called for it, the callee or a detector, where that then is."""
    sorts: dict[str, Sort] = field(default_factory=dict)

    def flow(self) -> Flow:
        manifest = self.manifest
        self.sorts = sorts_of(manifest)
        for node in manifest.nodes:
            self.nodes.setdefault(node.name, node)
        self._places()
        seeds = [*self._of_inputs(), *(seed for node in self.nodes.values() for seed in self._of_node(node))]
        senders = {name: sender for name, node in self.nodes.items() if (sender := self._sender(node))}
        passages, folders = tuple(self._passages()), tuple(self._folders())
        return Flow(
            seeds=tuple(seeds),
            passages=(*passages, *shared(folders, manifest.folder)),
            sorts=MappingProxyType(self.sorts),
            places=MappingProxyType({vertex: name for name, its in self.vertices.items() for vertex in its}),
            senders=MappingProxyType(senders),
            excused=frozenset(secrets_of(name) for name in self.nodes),
            folders=folders,
            start=manifest.folder,
            fixed=len(passages),
        )

    # Places

    def _places(self) -> None:
        """A node is one place, but where each call has an instance of its own: there each caller's calls are one."""
        fused = {
            end.node for edge in self.manifest.edges if isinstance(edge, CallEdge) and edge.fuse
            for end in (edge.caller, edge.callee)
        }  # fmt: skip
        callers: dict[str, list[int]] = {}
        for at, edge in enumerate(self.manifest.edges):
            called = () if isinstance(edge, DataEdge) else (edge.callee.node,)
            for name in dict.fromkeys((*called, *edge.contract.detect)):
                callers.setdefault(name, []).append(at)
        for name, node in self.nodes.items():
            mine = callers.get(name, [])
            apart = node.lifetime == "call" and name not in fused and len(mine) <= MOST_CALLERS
            for at in mine:
                self.entered[at, name] = f"{name} by {edge_id(at)}" if apart else name
            self.vertices[name] = [name, *dict.fromkeys(self.entered[at, name] for at in mine if apart)]

    # Beginnings

    def _of_inputs(self) -> Iterator[Seed]:
        for one in self.manifest.inputs:
            vertex = f"inputs.{one.name}"
            for label in self._known(one.labels):
                why = f"the input `{one.name}` has the label `{label}`{_in_brackets(one.where.at('labels'))}"
                yield Seed(vertex, label, vertex, why)

    def _of_node(self, node: Node) -> Iterator[Seed]:
        own = self._known(node.labels)
        for vertex in self.vertices[node.name]:
            for label in own:
                why = f"`{node.name}` has the label `{label}`{_in_brackets(node.where.at('labels'))}"
                yield Seed(vertex, label, f"{node.name} labels", why)
            for sort, origin, why in self._granted(node):
                # A label of the pipeline's own says more closely what the grants give.
                narrower = [label for label in own if label != sort and self.sorts[label] == sort]
                yield from (Seed(vertex, label, origin, why) for label in narrower or [sort])

    def _known(self, labels: tuple[str, ...]) -> list[str]:
        return [label for label in labels if label in self.sorts]

    def _granted(self, node: Node) -> Iterator[tuple[Sort, str, str]]:
        """What the grants of a node give it: the label, its origin, and why."""
        grants, name = self._grants(node), f"`{node.name}`"
        if grants.http:
            said, more = self._place(node, "http"), _more(len(grants.http))
            yield UNTRUSTED, f"{node.name} http", f"{name} takes what `{grants.http[0].url}`{more} answers ({said})"
        if grants.storage:
            said, more = self._place(node, "storage"), _more(len(grants.storage))
            yield PRIVATE, f"{node.name} storage", f"{name} reads `{grants.storage[0].path}`{more} ({said})"
        if grants.secrets:
            said, more = self._place(node, "secrets"), _more(len(grants.secrets))
            why = f"{name} takes what the secret `{grants.secrets[0].name}`{more} opens ({said})"
            yield PRIVATE, secrets_of(node.name), why

    def _sender(self, node: Node) -> Sender | None:
        """Why a node can send, if it can."""
        grants = self._grants(node)
        if grants.http:
            said, more = self._place(node, "http"), _more(len(grants.http))
            why = f"`{node.name}` may send to `{grants.http[0].url}`{more} ({said})"
            return Sender(why, self._where(node, "http", 0), granted=True)
        if OUTBOUND in node.labels:
            place = node.where.at("labels", node.labels.index(OUTBOUND))
            return Sender(f"`{node.name}` has the label `{OUTBOUND}`{_in_brackets(place)}", place)
        return None

    def _grants(self, node: Node) -> Grants:
        within = self.within.get(node.name)
        return node.grants if within is None else within.grants

    def _where(self, node: Node, key: str, at: int) -> Where:
        """Where a grant of a node is written: its number among those that it has."""
        within = self.within.get(node.name)
        return node.where.at("grants", key, at if within is None else within.places[key][at])

    def _place(self, node: Node, key: str) -> str:
        """The key of a node's grants, and the line of the first."""
        return _at(key, self._where(node, key, 0))

    # Ways

    def _passages(self) -> Iterator[Passage]:
        stand_ins = self._stand_ins()
        for at, edge in enumerate(self.manifest.edges):
            if isinstance(edge, DataEdge):
                yield from self._data(at, edge, stand_ins)
            else:
                yield from self._call(at, edge)
        yield from self._outputs(stand_ins)
        yield from self._fallbacks()
        yield from self._inputs_of_grants()

    def _data(self, at: int, edge: DataEdge, stand_ins: Mapping[str, list[str]]) -> Iterator[Passage]:
        if edge.node not in self.nodes:
            return
        stops = self._stopped(edge, "")
        if edge.source.kind == "input":
            why = f"the input `{edge.source.name}` goes to `{edge.node}` by {_written(edge)}"
            yield Passage(f"inputs.{edge.source.name}", edge.node, why, edge_id(at), stops)
            gives = f"the input `{edge.source.name}` gives"
            yield from self._judged(at, edge, f"inputs.{edge.source.name}", gives)
            return
        for name in self._givers(edge.source.name, edge.source.kind, stand_ins):
            role = "" if name == edge.source.name else f", standing in for `{edge.source.name}`,"
            why = f"`{name}`{role} gives it to `{edge.node}` by {_written(edge)}"
            yield Passage(name, edge.node, why, edge_id(at), stops)
            yield from self._judged(at, edge, name, f"`{name}`{role} gives")

    def _judged(self, at: int, edge: Edge, source: str, gives: str) -> Iterator[Passage]:
        """From where something comes to the detectors of the edge that it crosses."""
        for name in edge.contract.detect:
            if (at, name) in self.entered and name in self.nodes:
                why = f"{gives} what crosses {_written(edge)}, and `{name}` judges that"
                yield Passage(source, self.entered[at, name], why)

    def _givers(self, name: str, kind: str, stand_ins: Mapping[str, list[str]]) -> list[str]:
        """The nodes whose result a reference may mean: that node's, or its fallback's."""
        if name not in self.nodes:
            return []
        return [name] if kind == "error" else [name, *stand_ins.get(name, ())]

    def _call(self, at: int, edge: CallEdge | ToolEdge) -> Iterator[Passage]:
        caller = edge.caller.node if isinstance(edge, CallEdge) else edge.caller
        callee = edge.callee.node
        if caller not in self.nodes or (at, callee) not in self.entered:
            return
        there = self.entered[at, callee]
        to, back = self._stopped(edge, "arguments"), self._stopped(edge, "results")
        for here in self.vertices[caller]:
            why = f"`{caller}` passes it to `{callee}` in a call by {_written(edge)}"
            yield Passage(here, there, why, edge_id(at), to)
            yield from self._judged(at, edge, here, f"`{caller}` passes")
            if self.answers(at):
                why = f"`{callee}` gives it back to `{caller}` from a call by {_written(edge)}"
                yield Passage(there, here, why, edge_id(at), back)
        if self.answers(at):
            yield from self._judged(at, edge, there, f"`{callee}` answers")

    def _stopped(self, edge: Edge, side: Side) -> frozenset[str]:
        rule = edge.declassify
        if rule is None:
            # One that was refused as it stands may have been meant to stop anything.
            return frozenset(self.sorts if "declassify" in edge.where.inner else ())
        return stopped(rule, self.sorts) if rule.of in ("", side) else frozenset()

    def _outputs(self, stand_ins: Mapping[str, list[str]]) -> Iterator[Passage]:
        for output in self.manifest.outputs:
            ref, target = output.source, f"outputs.{output.name}"
            if ref.kind == "input":
                yield Passage(f"inputs.{ref.name}", target, f"the input `{ref.name}` is the output `{output.name}`")
                continue
            for name in self._givers(ref.name, ref.kind, stand_ins):
                yield Passage(name, target, f"`{name}` gives the output `{output.name}`")

    def _stand_ins(self) -> dict[str, list[str]]:
        """Of each node with a fallback all that may stand in for it; where fallbacks lead in a circle, each once."""
        found: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            way: dict[str, None] = {}
            at = node.fallback
            while at in self.nodes and at != name and at not in way:
                way[at] = None
                at = self.nodes[at].fallback
            if way:
                found[name] = list(way)
        return found

    def _fallbacks(self) -> Iterator[Passage]:
        for name, node in self.nodes.items():
            if node.fallback in self.nodes:
                why = f"`{node.fallback}` is told that `{name}` failed: it is its fallback"
                yield Passage(name, node.fallback, why)

    def _inputs_of_grants(self) -> Iterator[Passage]:
        for name, node in self.nodes.items():
            grants = self._grants(node)
            for text in (*(one.path for one in grants.storage), *(one.url for one in grants.http)):
                for input_ in inputs_of(text):
                    why = f"the input `{input_}` is part of a grant of `{name}`: `{text}`"
                    yield from (Passage(f"inputs.{input_}", vertex, why) for vertex in self.vertices[name])

    def _folders(self) -> Iterator[Granted]:
        for name, node in self.nodes.items():
            for at, grant in enumerate(self._grants(node).storage):
                said = _at("storage", self._where(node, "storage", at))
                yield Granted(name, self.vertices[name], grant, said)


def stopped(rule: Declassify, sorts: Mapping[str, Sort]) -> frozenset[str]:
    """The labels that a declassification stops."""
    return frozenset().union(*(stopped_by(label, sorts) for label in rule.labels))


def stopped_by(label: str, sorts: Mapping[str, Sort]) -> frozenset[str]:
    """The labels that one of its labels stops: itself, and if it is a built-in one every label of its sort."""
    return frozenset(each for each, sort in sorts.items() if label in (each, sort))


def secrets_of(node: str) -> str:
    """The origin of what a node's secrets open."""
    return f"{node} secrets"


def _in_brackets(where: Where) -> str:
    place = line(where)
    return f" ({place})" if place else ""


def _more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""
