"""Fused nodes: call edges with `fuse: true` join them into groups, and the nodes of a group share one store.

With the store they share its memory's bound, its time and its fate. So what is said of a store has to be said alike of
all of them, and nothing can be asked of an edge whose crossings do not stop. Calls that leave a group and come back
into it are refused by `shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from orchestrator.capability.limits import SHOWN, key_of
from orchestrator.graph.order import clusters, cycles, topological_order
from orchestrator.interface.compare import title
from orchestrator.interface.types import Function, Interface
from orchestrator.link.carried import resources_of, types_of
from orchestrator.link.draft import Draft, Work
from orchestrator.link.items import functions_of
from orchestrator.link.model import LinkedCall
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.manifest.model import CallEdge, Contract, Grants, Http, Limits, Secret, Storage, Where
from orchestrator.wording import listed

_APART = "or remove `fuse`"
_NO_RULES = Contract()


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a pipeline.

    Arguments:
        members: the nodes of each group, a callee before its callers.
        limits: what the store of a group may use, for each of its nodes.
    """

    members: tuple[tuple[str, ...], ...]
    limits: Mapping[str, Limits]
    _by_name: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, members: tuple[tuple[str, ...], ...], limits: Mapping[str, Limits]) -> Groups:
        """The groups of those members."""
        return cls(members, limits, {name: group for group in members for name in group})

    def around(self, name: str) -> tuple[str, ...]:
        """The nodes that share a node's store: the node itself alone where it is in no group."""
        return self._by_name.get(name, (name,))

    def store(self, name: str) -> str:
        """What a node's store is called: by the first of its group, or by itself."""
        return self.around(name)[0]

    def group(self, name: str) -> str:
        """The first name of a node's group; empty where it is in none."""
        return self._by_name[name][0] if name in self._by_name else ""


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why two nodes cannot be fused; `where` where it is not the edge's `fuse` that is at fault."""

    code: str
    message: str
    causes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    where: Where | None = None
    place: str = ""


_Rule = Callable[[CallEdge, Draft, Draft], Iterator[_Fault]]


def groups_of(names: Sequence[str], edges: Iterable[CallEdge]) -> tuple[tuple[str, ...], ...]:
    """The sets of nodes that fused edges join, each in an order in which a callee stands before its callers.

    Where calls lead in a circle, which is refused elsewhere, the order is that of the names.
    """
    pairs = [(edge.callee.node, edge.caller.node) for edge in edges if edge.fuse]
    order = names if cycles(pairs, 1) else topological_order(names, pairs)
    return tuple(group for group in clusters(order, pairs) if len(group) > 1)


def link_fused(work: Work) -> Groups:
    """The groups, with whatever keeps nodes from being fused reported."""
    fused = [edge for edge in work.call_edges() if edge.fuse]
    for edge in fused:
        caller, callee = work.drafts.get(edge.caller.node), work.drafts.get(edge.callee.node)
        # A caller that is a Python function is refused as any such caller, and so is one that calls itself.
        if caller is not None and callee is not None and caller is not callee and caller.node.python is None:
            _pair(work, edge, caller, callee)
    for draft in work.drafts.values():
        for call in draft.calls:
            if call.fused:
                _handles(work, call)
    if fused:
        _counted_calls(work, fused)
    members = groups_of(list(work.drafts), fused)
    rank = {name: at for at, name in enumerate(work.drafts)}
    in_order = [sorted(group, key=rank.__getitem__) for group in members]
    return Groups.of(members, {name: limits for group in in_order for name, limits in _limits(work, group)})


def _pair(work: Work, edge: CallEdge, caller: Draft, callee: Draft) -> None:
    for rule in (_python,) if callee.node.python is not None else (*_RULES, *(() if work.partial else _ALIKE)):
        for fault in rule(edge, caller, callee):
            where, place = fault.where or edge.where.at("fuse"), fault.place or place_of_edge(edge)
            work.report.error(fault.code, fault.message, where, place, causes=fault.causes, help=fault.help)


def _python(_edge: CallEdge, _caller: Draft, callee: Draft) -> Iterator[_Fault]:
    message = f"`{callee.name}` is a Python function: it runs in the host and has no store to share"
    yield _Fault("fuse-node", message, help=("remove `fuse`",))


def _contract(edge: CallEdge, _caller: Draft, _callee: Draft) -> Iterator[_Fault]:
    rules = [rule.name for rule in fields(Contract) if rule.name != "redact" and _given(edge.contract, rule.name)]
    if rules:
        asked = listed(rule.replace("_", "-") for rule in rules)
        message = f"a fused edge has no rule but `redact`, and this one has {asked}"
        causes = ("each crossing would have to stop for a rule, and those of a fused edge do not leave the store",)
        help_ = (f"remove the {'rule' if len(rules) == 1 else 'rules'}, {_APART}",)
        yield _Fault("fuse-contract", message, causes, help_, edge.where.at("contract"))


def _given(contract: Contract, rule: str) -> bool:
    return bool(getattr(contract, rule) != getattr(_NO_RULES, rule))


def _lifetime(_edge: CallEdge, caller: Draft, callee: Draft) -> Iterator[_Fault]:
    for_calls = [draft for draft in (caller, callee) if draft.node.lifetime == "call"]
    for draft in for_calls:
        message = f"`{draft.name}` is fused and has `lifetime: call`: fused nodes live together, longer than a call"
        where, place = draft.node.where.at("lifetime"), place_of_node(draft.name)
        yield _Fault("fuse-node", message, (), (f"take `run` or `session`, {_APART}",), where, place)
    yield from () if for_calls else _differing("lifetime", caller, callee, "fused nodes live together")


def _reverts(_edge: CallEdge, caller: Draft, callee: Draft) -> Iterator[_Fault]:
    for draft in (caller, callee):
        node = draft.node
        for key, given in (
            ("snapshot", node.snapshot),
            ("revert-on", node.revert_on),
            ("revert-after", node.revert_after),
        ):
            if given not in (None, "never"):
                message = f"`{draft.name}` is fused and has `{key}`: what shares a store cannot be taken back by itself"
                where, place = node.where.at(key), place_of_node(draft.name)
                yield _Fault("fuse-node", message, (), (f"remove it, {_APART}",), where, place)


def _bulk(_edge: CallEdge, caller: Draft, callee: Draft) -> Iterator[_Fault]:
    return _differing("bulk", caller, callee, "values get in and out of a store in one way")


def _differing(key: str, caller: Draft, callee: Draft, why: str) -> Iterator[_Fault]:
    ours, theirs = getattr(caller.node, key), getattr(callee.node, key)
    if ours != theirs:
        message = f"`{caller.name}` has `{key}: {ours}`, `{callee.name}` has `{key}: {theirs}`: {why}"
        yield _Fault("fuse-node", message, help=(f"give both the same `{key}`, {_APART}",))


def _each(_edge: CallEdge, caller: Draft, _callee: Draft) -> Iterator[_Fault]:
    # A callee that runs once for each element is refused as any callee: it answers no calls.
    if caller.each:
        message = f"`{caller.name}` runs once for each element, in a fresh instance each: it shares no store"
        yield _Fault("fuse-node", message, help=("remove `fuse`, or take the list apart in the component",))


def _grants(_edge: CallEdge, caller: Draft, callee: Draft) -> Iterator[_Fault]:
    ours, theirs = caller.node.grants, callee.node.grants
    causes = (
        *_other_items(caller.name, ours, callee.name, theirs),
        *_other_variables(ours, theirs),
        *_other_modes(caller.name, ours, callee.name, theirs),
    )
    if causes:
        message = f"`{caller.name}` and `{callee.name}` have different grants, and one store has one set of them"
        yield _Fault("fuse-node", message, causes, (f"give both the same grants, {_APART}",))


def _other_items(name: str, ours: Grants, other: str, theirs: Grants) -> Iterator[str]:
    for holder, lacking, mine, its in ((name, other, ours, theirs), (other, name, theirs, ours)):
        for key in ("storage", "http", "secrets"):
            for item in getattr(mine, key):
                if item not in getattr(its, key):
                    yield f"`{holder}` is granted {_item(item)}, `{lacking}` is not"


def _item(item: Storage | Http | Secret) -> str:
    match item:
        case Storage():
            return f"`{item.path}` at `{item.at}` to {item.access}"
        case Http():
            return f"`{item.url}` by {', '.join(item.methods)}"
        case Secret():
            return f"the secret `{item.name}` to `{item.to}`"


def _other_variables(ours: Grants, theirs: Grants) -> Iterator[str]:
    """The names alone: values may be what nobody should read."""
    every = dict.fromkeys((*ours.environment, *theirs.environment))
    differing = [name for name in every if ours.environment.get(name) != theirs.environment.get(name)]
    if differing:
        yield f"`environment` differs in {listed(differing)}"


def _other_modes(name: str, ours: Grants, other: str, theirs: Grants) -> Iterator[str]:
    for key, detail in (("clock", "clock_at"), ("random", "random_seed"), ("stdio", "stdio")):
        mine, its = getattr(ours, key), getattr(theirs, key)
        if mine != its:
            yield f"`{name}` has `{key}: {mine}`, `{other}` has `{key}: {its}`"
        elif getattr(ours, detail) != getattr(theirs, detail):
            yield f"`{name}` and `{other}` have `{key}: {mine}` with different values"


_RULES: tuple[_Rule, ...] = (_contract, _each)
"""What an edge and its nodes have to fulfil to be fused."""
_ALIKE: tuple[_Rule, ...] = (_lifetime, _reverts, _bulk, _grants)
"""What has to be said alike of both; a key that says more of a store adds a rule. Faulty keys cannot be compared."""


def _handles(work: Work, call: LinkedCall) -> None:
    """Refuses what no composer carries from one component to another within a store."""
    foreign = [line for function in functions_of(call.wanted) for line in _foreign(function, call)]
    if foreign:
        message = f"`{call.wanted.name}` passes resources of other interfaces, which a fused edge does not carry"
        where, place = call.where.at("fuse"), place_of_edge(call.id)
        work.report.error("fuse-type", message, where, place, causes=foreign, help=("remove `fuse`",))


def _foreign(function: Function, call: LinkedCall) -> Iterator[str]:
    own = call.wanted.name.base if isinstance(call.wanted, Interface) else ""
    for place, type_ in types_of(function):
        for resource in dict.fromkeys(resources_of(type_)):
            if resource.interface not in ("", own):
                yield f"{title(function.name)}, {place}: resource `{resource.name}` of `{resource.interface}`"


def _counted_calls(work: Work, fused: Sequence[CallEdge]) -> None:
    """A bound on the calls of a run is asked at each call; those over a fused edge are counted when they are over."""
    if work.limits.calls is None:
        return
    message = "`calls` of the run bounds every call, and calls over a fused edge do not stop to be counted"
    causes = (f"fused: {listed(fused)}",)
    where, place = work.manifest.where.at("limits", "calls"), f"pipeline `{work.manifest.name}`"
    work.report.error("fuse-contract", message, where, place, causes=causes, help=(f"remove `calls`, {_APART}",))


def _limits(work: Work, group: Sequence[str]) -> Iterator[tuple[str, Limits]]:
    """The limits of each node of a group: the one that any of them states holds for all."""
    drafts = [work.drafts[name] for name in group]
    found = Limits(
        **{key: _one_limit(work, drafts, key) for key in SHOWN},
        optional=_can_do_with_less(drafts),
    )
    for draft in drafts:
        yield draft.name, found


def _can_do_with_less(drafts: Sequence[Draft]) -> bool:
    """Whether all of a group that state limits can live with lower ones."""
    stated = [draft.node.limits for draft in drafts if draft.node.limits != Limits()]
    return bool(stated) and all(limits.optional for limits in stated)


def _one_limit(work: Work, drafts: Sequence[Draft], key: str) -> Any:
    stated = [draft for draft in drafts if getattr(draft.node.limits, key) is not None]
    first = stated[0] if stated else None
    for other in stated[1:]:
        ours, theirs = (getattr(draft.node.limits, key) for draft in (stated[0], other))
        if ours != theirs and not work.partial:
            show, written = SHOWN[key], key_of(key)
            message = f"`{stated[0].name}` and `{other.name}` are fused and have different limits of `{written}`"
            causes = (f"`{stated[0].name}` has {show(ours)}, `{other.name}` has {show(theirs)}",)
            help_ = (f"state one for their store: the same, or with one of them; {_APART}",)
            where, place = other.node.where.at("limits", written), place_of_node(other.name)
            work.report.error("fuse-node", message, where, place, causes=causes, help=help_)
    return None if first is None else getattr(first.node.limits, key)
