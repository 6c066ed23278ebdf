"""The shape of the whole: what waits for what, what calls what; cycles, chains too deep, nodes that nothing uses.

A node that runs and answers calls runs before each node whose calls can lead to it: an implied arrow. A fallback runs
after the node that it stands in for, and before all that wait for that node. A detector is called by the node that
calls over its edge, or that is given what crosses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.graph.order import cycles, depths, longest_chain, reachable, topological_order, unreachable
from orchestrator.link.detectors import asking, ends_of
from orchestrator.link.draft import Work
from orchestrator.link.fusing import Groups
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.manifest.model import CallEdge, DataEdge, Edge, ToolEdge, Where
from orchestrator.manifest.substitution import inputs_of
from orchestrator.wording import listed


@dataclass(frozen=True, slots=True)
class Arrow:
    """That one node comes before another, or calls it: why, as a line for a person, and where it is written.

    `kind` says of a call how it crosses: over a tool edge, without leaving the store that both share, to a detector of
    what the caller passes or is answered, or to one of what a node is given, before that is entered.
    """

    source: str
    target: str
    why: str
    where: Where
    place: str
    kind: Literal["order", "call", "tool", "fused", "detect", "before"] = "order"

    @property
    def pair(self) -> tuple[str, str]:
        """The two names."""
        return self.source, self.target


@dataclass(frozen=True, slots=True)
class Shape:
    """The order of a pipeline without cycles.

    Arguments:
        order: the nodes that run, each after what it waits for.
        after: for each node the nodes that it waits for.
        depths: for each node how many stores its longest chain of calls enters.
        skippable: the nodes that a run may leave out.
        stands_for: of each fallback, the node that it stands in for.
    """

    order: tuple[str, ...]
    after: dict[str, frozenset[str]]
    depths: dict[str, int]
    skippable: frozenset[str]
    stands_for: dict[str, str]


_OUTSIDE = ("fused", "before")
"""The kinds of calls that do not enter a store out of another one."""
_FUSE_IT = ("add `fuse: true` to this edge too, or fuse none of them",)
_NOT_FUSED = {
    "tool": ("a tool is found while its caller runs and cannot be fused; remove this edge, or `fuse` from the others",),
    "detect": ("take another node, with the same component if need be, or remove `fuse`",),
}


def find_shape(work: Work, groups: Groups) -> Shape:
    """The shape; cycles and chains too deep are reported, and the shape is then of no use.

    Arguments:
        groups: the nodes that share a store, which calls enter as one.
    """
    calls = _calls(work)
    recursive = cycles(arrow.pair for arrow in calls)
    for cycle in recursive:
        _recursion(work, cycle, calls)
    returning = not recursive and _returning(work, groups, calls)
    waits = _data(work) + ([] if recursive else _implied_arrows(work, calls))
    waits += _fallbacks(work, waits)
    circular = cycles(arrow.pair for arrow in waits)
    for cycle in circular:
        _circle(work, cycle, waits)
    if not work.lost_edges:
        _unreachable(work, calls)
        _unused_inputs(work)
    pairs = [arrow.pair for arrow in waits]
    running = [name for name, draft in work.drafts.items() if draft.runs]
    return Shape(
        () if circular else topological_order(running, pairs),
        _after(work, pairs),
        dict.fromkeys(work.drafts, 1) if recursive or returning else _depths(work, groups, calls),
        _skippable(work),
        {d.node.fallback: d.name for d in work.drafts.values() if d.node.fallback},
    )


def _after(work: Work, pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {name: set() for name in work.drafts}
    for source, target in pairs:
        found[target].add(source)
    return {name: frozenset(sources) for name, sources in found.items()}


def _calls(work: Work) -> list[Arrow]:
    found: list[Arrow] = []
    for at, edge in enumerate(work.manifest.edges):
        found += _judged(work, at, edge)
        if isinstance(edge, CallEdge | ToolEdge):
            caller = edge.caller.node if isinstance(edge, CallEdge) else edge.caller
            if caller in work.drafts and edge.callee.node in work.drafts:
                key: Literal["call", "tool"] = "call" if isinstance(edge, CallEdge) else "tool"
                place = place_of_edge(work.ids[at])
                why = f"`{caller}` calls `{edge.callee.node}` over `{edge}`{_line(edge.where)}"
                kind = "fused" if isinstance(edge, CallEdge) and edge.fuse else key
                found.append(Arrow(caller, edge.callee.node, why, edge.where.at(key), place, kind))
    return found


def _judged(work: Work, at: int, edge: Edge) -> Iterator[Arrow]:
    """The calls of the detectors of an edge."""
    source, where = asking(edge), edge.where.at("contract", "detect")
    for number, name in enumerate(edge.contract.detect):
        if source in work.drafts and name in work.drafts and name not in ends_of(edge):
            why = f"`{name}` judges for `{source}` what crosses `{edge}`{_line(edge.where)}"
            kind: Literal["detect", "before"] = "before" if isinstance(edge, DataEdge) else "detect"
            yield Arrow(source, name, why, where.at(number), place_of_edge(work.ids[at]), kind)


def _line(where: Where) -> str:
    return f" (line {where.span.line})" if where.span else ""


def _data(work: Work) -> list[Arrow]:
    found: list[Arrow] = []
    for id_, edge in work.data_edges():
        if edge.source.kind != "input" and edge.source.name in work.drafts and edge.node in work.drafts:
            why = f"`{edge.node}` waits for `{edge.source.name}` by `{edge}`{_line(edge.where)}"
            found.append(Arrow(edge.source.name, edge.node, why, edge.where.at("data"), place_of_edge(id_)))
    return found


def implied_pairs(
    names: Sequence[str], running: Collection[str], calls: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """From each node that runs and answers calls to the nodes that run and whose calls lead to it.

    Calls may lead there through nodes that run nothing; behind a node that runs no further one is named, since that one
    waits in turn.
    """
    callers: dict[str, list[str]] = {}
    for caller, callee in calls:
        callers.setdefault(callee, []).append(caller)
    return [(name, other) for name in names if name in running for other in _nearest(name, running, callers)]


def _nearest(name: str, running: Collection[str], callers: Mapping[str, list[str]]) -> list[str]:
    found: dict[str, None] = {}
    seen, left = {name}, list(callers.get(name, ()))
    while left:
        other = left.pop(0)
        if other not in seen:
            seen.add(other)
            if other in running:
                found[other] = None
            else:
                left += callers.get(other, ())
    return list(found)


def _implied_arrows(work: Work, calls: list[Arrow]) -> list[Arrow]:
    running = {name for name, draft in work.drafts.items() if draft.runs}
    pairs = implied_pairs(list(work.drafts), running, [arrow.pair for arrow in calls])
    return [_implied(work, *pair) for pair in pairs]


def _implied(work: Work, name: str, caller: str) -> Arrow:
    where = work.drafts[name].node.where.at("run")
    why = f"`{caller}` waits for `{name}`, which it calls and which runs first"
    return Arrow(name, caller, why, where, place_of_node(name))


def _fallbacks(work: Work, waits: Iterable[Arrow]) -> list[Arrow]:
    found: list[Arrow] = []
    stand_ins = {
        d.name: d.node.fallback for d in work.drafts.values() if d.node.fallback and d.node.fallback in work.drafts
    }
    for name, other in stand_ins.items():
        if other != name:
            where, place = work.drafts[name].node.where.at("fallback"), place_of_node(name)
            found.append(Arrow(name, other, f"`{other}` is the fallback of `{name}`", where, place))
    ends = _chain_ends(stand_ins)
    for arrow in waits:
        end = ends.get(arrow.source)
        # Each of a chain of fallbacks waits for the one before, so who waits for the last waits for all of them.
        if end is not None and ends.get(arrow.target, arrow.target) != end:
            why = f"`{arrow.target}` waits for `{arrow.source}`, and `{end}` may stand in for it"
            found.append(Arrow(end, arrow.target, why, arrow.where, arrow.place))
    return found


def _chain_ends(stand_ins: Mapping[str, str]) -> dict[str, str]:
    """Of each node with a fallback, the last that may stand in for it; of none whose fallbacks lead back to it."""
    ends: dict[str, str] = {}
    for name in stand_ins:
        way: dict[str, None] = {}
        at = name
        while at in stand_ins and at not in way and at not in ends:
            way[at] = None
            at = stand_ins[at]
        if at not in way:
            ends.update(dict.fromkeys(way, ends.get(at, at)))
    return ends


def _along(cycle: tuple[str, ...], arrows: list[Arrow]) -> list[Arrow]:
    """An arrow for each step of a cycle."""
    steps = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
    return [next(arrow for arrow in arrows if arrow.pair == step) for step in steps]


def _way(cycle: tuple[str, ...]) -> str:
    return " -> ".join(f"`{name}`" for name in (*cycle, cycle[0]))


def _recursion(work: Work, cycle: tuple[str, ...], calls: list[Arrow]) -> None:
    along = _along(cycle, calls)
    message = f"calls lead back to where they began: {_way(cycle)}"
    help_ = ("a component cannot be called while it is calling; remove one of these edges",)
    last, causes = along[-1], (arrow.why for arrow in along)
    work.report.error("recursion", message, last.where, last.place, causes=causes, help=help_)


def _circle(work: Work, cycle: tuple[str, ...], waits: list[Arrow]) -> None:
    along = _along(cycle, waits)
    message = f"nodes wait for each other: {_way(cycle)}" if len(cycle) > 1 else f"`{cycle[0]}` waits for itself"
    help_ = ("remove one of these edges; to run a node again with its own result, use `repeat`",)
    last, causes = along[-1], (arrow.why for arrow in along)
    work.report.error("cycle", message, last.where, last.place, causes=causes, help=help_)


def _returning(work: Work, groups: Groups, calls: list[Arrow]) -> bool:
    """Whether calls come back into a store that they left, or never left: it is busy with whoever calls. Reported."""
    inner = [a for a in calls if a.kind not in _OUTSIDE and groups.store(a.source) == groups.store(a.target)]
    for arrow in inner:
        _inside(work, groups, arrow)
    entered = _entered(groups, calls)
    around = cycles(pair for pair in entered if pair[0] != pair[1])
    for cycle in around:
        _comes_back(work, groups, [entered[step] for step in zip(cycle, (*cycle[1:], cycle[0]), strict=True)])
    return bool(inner or around)


def _entered(groups: Groups, calls: list[Arrow]) -> dict[tuple[str, str], Arrow]:
    """The first call from each store into each other one."""
    found: dict[tuple[str, str], Arrow] = {}
    for arrow in calls:
        if arrow.kind not in _OUTSIDE:
            found.setdefault((groups.store(arrow.source), groups.store(arrow.target)), arrow)
    return found


def _inside(work: Work, groups: Groups, arrow: Arrow) -> None:
    message = f"`{arrow.source}` and `{arrow.target}` share a store, and an edge between them is not fused"
    busy, help_ = "a call over it would enter the store while it is busy", _NOT_FUSED.get(arrow.kind, _FUSE_IT)
    if arrow.kind == "detect":
        message = f"`{arrow.target}` shares a store with `{arrow.source}`, and cannot judge what that passes"
        busy = "to be asked would be to enter the store while it is busy"
    causes = (arrow.why, _sharing(groups, arrow.source), busy)
    work.report.error("fuse-return", message, arrow.where, arrow.place, causes=causes, help=help_)


def _comes_back(work: Work, groups: Groups, along: list[Arrow]) -> None:
    way = [along[0].source, along[0].target]
    for arrow in along[1:]:
        way += [arrow.target] if arrow.source == way[-1] else [arrow.source, arrow.target]
    shared = dict.fromkeys(_sharing(groups, arrow.source) for arrow in along if len(groups.around(arrow.source)) > 1)
    message = "calls come back into a store while it is busy: " + " -> ".join(f"`{name}`" for name in way)
    causes = (*(arrow.why for arrow in along), *shared)
    help_ = ("remove one of these edges; fuse what the calls lead through as well; or fuse less",)
    work.report.error("fuse-return", message, along[-1].where, along[-1].place, causes=causes, help=help_)


def _sharing(groups: Groups, name: str) -> str:
    return f"{listed(groups.around(name))} are fused: they share one store"


def _depths(work: Work, groups: Groups, calls: list[Arrow]) -> dict[str, int]:
    entered, judged = _entered(groups, calls), _judging(groups, calls)
    stores = [*dict.fromkeys(map(groups.store, work.drafts)), *judged.values()]
    pairs = [pair for pair in entered if pair not in judged]
    pairs += [step for (source, target), way in judged.items() for step in ((source, way), (way, target))]
    found = depths(stores, pairs)
    if stores and max(found.values()) > work.stack_budget:
        _too_deep(work, groups, entered, longest_chain(stores, pairs))
    return {name: found[groups.store(name)] for name in work.drafts}


def _judging(groups: Groups, calls: list[Arrow]) -> dict[tuple[str, str], str]:
    """By the stores that it leaves and enters, each call of a detector out of a store, as a name that none has.

    It counts as a store: between such a call and its caller's lies twice as much of the interpreter as between others.
    """
    found = [(groups.store(a.source), groups.store(a.target)) for a in calls if a.kind == "detect"]
    return {(source, target): f"{source} -> {target}" for source, target in found}


def _too_deep(work: Work, groups: Groups, entered: dict[tuple[str, str], Arrow], counted: tuple[str, ...]) -> None:
    chain = [name for name in counted if " -> " not in name]
    first = entered[chain[0], chain[1]]
    what = "stores" if groups.members else "nodes"
    what += " (a detector counts twice)" if len(chain) < len(counted) else ""
    message = f"a chain of calls enters {len(counted)} {what}, one within the other; at most {work.stack_budget} fit"
    way = " -> ".join(" + ".join(f"`{one}`" for one in groups.around(name)) for name in chain)
    help_ = ("pass values over data edges where a call is not needed",)
    work.report.error("deep-chain", f"{message} on the stack", first.where, first.place, causes=(way,), help=help_)


def _unreachable(work: Work, calls: list[Arrow]) -> None:
    running = [name for name, draft in work.drafts.items() if draft.runs]
    for name in unreachable(list(work.drafts), running, [arrow.pair for arrow in calls]):
        draft = work.drafts[name]
        message = f"`{name}` is never used: it runs nothing, and nothing that runs calls it"
        help_ = ("give it a `run:`, add a call edge to it, or remove it",)
        work.report.warn("unreachable", message, draft.node.where.at("component"), place_of_node(name), help=help_)


def _unused_inputs(work: Work) -> None:
    refs = [edge.source for _, edge in work.data_edges()] + [output.source for output in work.manifest.outputs]
    used = {ref.name for ref in refs if ref.kind == "input"}
    for node in work.manifest.nodes:
        for text in (*(one.path for one in node.grants.storage), *(one.url for one in node.grants.http)):
            used.update(inputs_of(text))
    if used - work.inputs.keys():
        return
    for input_ in work.manifest.inputs:
        if input_.name not in used and work.inputs[input_.name] is not None:
            message = f"the input `{input_.name}` is used nowhere"
            work.report.warn("unused-input", message, input_.where, f"input `{input_.name}`", help=("remove it",))


def _skippable(work: Work) -> frozenset[str]:
    """The nodes that may not run, or fail without ending the run: what they give may be null."""
    found = {draft.node.fallback for draft in work.drafts.values() if draft.node.fallback}
    flows: list[tuple[str, str]] = []
    for _, edge in work.data_edges():
        if edge.when or edge.source.kind == "error" or edge.contract.on_violation != "fail":
            found.add(edge.node)
        if edge.source.kind == "error" and not _has_fallback(work, edge.source.name):
            found.add(edge.source.name)
        if edge.source.kind == "result":
            flows.append((edge.source.name, edge.node))
    return reachable(found, flows)


def _has_fallback(work: Work, name: str) -> bool:
    return name in work.drafts and bool(work.drafts[name].node.fallback)
