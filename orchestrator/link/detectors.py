"""Detectors: the nodes that judge what crosses an edge, by its `contract: {detect: node}`.

Such a node is called out of the one that calls over the edge, or before the one that is given the value: what that
means for order, circles and depth is worked out in `shape`, and where labels go with it in `labels`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.contract import DETECTOR
from orchestrator.contract.detect import FUNCTION
from orchestrator.interface.types import Function, Interface
from orchestrator.link.draft import Draft, Item, Work
from orchestrator.link.items import item_name
from orchestrator.link.matching import Ports, explain, pairs
from orchestrator.link.model import Detector, Export
from orchestrator.link.report import place_of_edge
from orchestrator.manifest.model import CallEdge, DataEdge, Edge, Where
from orchestrator.wording import listed


def link_detectors(work: Work) -> None:
    """Finds the detectors of every edge."""
    for edge in work.manifest.edges:
        if edge.contract.detect:
            work.detectors[id(edge)] = tuple(_of_edge(work, edge))


def ends_of(edge: Edge) -> tuple[str, str]:
    """The nodes at the ends of an edge: who gives and who is given, or who calls and who is called.

    The first is empty for what an input gives.
    """
    if isinstance(edge, DataEdge):
        return "" if edge.source.kind == "input" else edge.source.name, edge.node
    return asking(edge), edge.callee.node


def asking(edge: Edge) -> str:
    """The node for whose sake the detectors of an edge are asked: the one that calls, or that is given a value."""
    if isinstance(edge, DataEdge):
        return edge.node
    return edge.caller.node if isinstance(edge, CallEdge) else edge.caller


def _of_edge(work: Work, edge: Edge) -> Iterator[Detector]:
    where, seen = edge.where.at("contract", "detect"), set[str]()
    for at, name in enumerate(edge.contract.detect):
        draft, twice = work.node(name, where.at(at), edge), name in seen
        seen.add(name)
        if draft is None:
            continue
        if twice:
            _error(work, edge, where.at(at), f"`detect` of `{edge}` names `{name}` twice", "remove one of them")
        elif name in ends_of(edge):
            message = f"`{name}` is at an end of `{edge}`: it cannot judge what crosses there"
            _error(work, edge, where.at(at), message, "use another node, with the same component if need be")
        elif draft.known and (export := _export(work, edge, where.at(at), draft)) is not None:
            yield Detector(name, export)


def _export(work: Work, edge: Edge, where: Where, draft: Draft) -> Export | None:
    """The function that judges; what is wrong with it is reported."""
    ours = work.packages.interface(DETECTOR)
    if draft.node.python is not None:
        return _of_python(work, edge, where, draft, ours)
    found = pairs([ours], list(draft.exports), Ports("", ""))
    if not found:
        message = f"`{draft.name}` cannot judge what crosses `{edge}`: it does not export `{ours.name}`"
        _error(work, edge, where, message, _able(work, edge, ours), f"it exports {_names(draft.exports)}")
        return None
    offered = found[0][1]
    causes = explain(ours, offered, "the engine", draft.name)
    if causes:
        message = f"`{draft.name}` exports `{item_name(offered)}` with other types than a detector has"
        _error(work, edge, where, message, f"rebuild `{draft.name}` against the WIT of that version", *causes)
        return None
    assert isinstance(offered, Interface)
    function = offered.function(FUNCTION)
    assert function is not None, f"{offered.name} was found to have what {ours.name} has"
    return Export(offered.name, function)


def _of_python(work: Work, edge: Edge, where: Where, draft: Draft, ours: Interface) -> Export | None:
    """A Python function judges where it has the signature of a detector."""
    offered, wanted = draft.exports[0], ours.function(FUNCTION)
    assert isinstance(offered, Function)
    assert wanted is not None
    causes = explain(wanted, offered, "the engine", draft.name)
    if not causes:
        return Export(None, offered)
    message = f"`{draft.name}` cannot judge what crosses `{edge}`: it has another signature than a detector"
    types = f"result<{DETECTOR}.verdict, {DETECTOR}.detector-error>"
    _error(work, edge, where, message, f"give it this one: `signature: func(value: string) -> {types}`", *causes)
    return None


def _names(exports: Sequence[Item]) -> str:
    return listed(item_name(item) for item in exports)


def _able(work: Work, edge: Edge, ours: Interface) -> str:
    """What to do where a node is no detector: name one that is, if there is any."""
    drafts = [] if work.report.full else [d for d in work.drafts.values() if d.name not in ends_of(edge)]
    able = [draft.name for draft in drafts if pairs([ours], list(draft.exports), Ports("", ""))]
    return f"name one that does: {listed(able)}" if able else "add a node whose component does, and name that"


def _error(work: Work, edge: Edge, where: Where, message: str, help_: str, *causes: str) -> None:
    work.report.error("detector", message, where, place_of_edge(edge), causes=causes, help=(help_,))
