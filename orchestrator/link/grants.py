"""Grants and limits of every node, and limits of the run: refused where they are nonsense, warned of where unused."""

from __future__ import annotations

from orchestrator.capability import limits, validate
from orchestrator.capability.powers import NEEDS, powers_of, uses
from orchestrator.interface.types import Interface
from orchestrator.link.authority import link_authority
from orchestrator.link.draft import Draft, Work
from orchestrator.link.fusing import Groups
from orchestrator.link.report import place_of_node
from orchestrator.manifest.model import Grants

_NOTHING = Grants()


def check_grants(work: Work, groups: Groups) -> None:
    """Checks the grants and limits of every node and of the run, and holds them against ceilings and claims."""
    users = _users(work, groups)
    sound: set[str] = set()
    inputs = {name: found for name, found in work.inputs.items() if found is not None}
    for draft in work.drafts.values():
        node, place = draft.node, place_of_node(draft.name)
        unknown = len(inputs) < len(work.inputs)
        if not unknown:
            wrong = validate(node.grants, node.name, node.where.at("grants"), inputs)
            work.report.add(wrong)
            sound |= set() if wrong else {node.name}
        # Nodes that share a store have to have the same grants, so that one may have what only the other can use.
        powers = users[groups.store(draft.name)]
        for key in NEEDS:
            if getattr(node.grants, key) != getattr(_NOTHING, key) and powers is not None and not uses(key, powers):
                _unused(work, draft, key)
        for key, message in limits.wrong(node.limits):
            work.report.error("limit", f"`{key}` of `{node.name}` {message}", node.where.at("limits", key), place)
    for key, message in limits.wrong_of_run(work.manifest.limits):
        where = work.manifest.where.at("limits", key)
        work.report.error("limit", f"`{key}` of the run {message}", where, f"pipeline `{work.manifest.name}`")
    link_authority(work, groups, frozenset(sound))


def _users(work: Work, groups: Groups) -> dict[str, set[str] | None]:
    """By store, the powers that its components ask for; None where not all that they import is known."""
    found: dict[str, set[str] | None] = {}
    for draft in work.drafts.values():
        store = groups.store(draft.name)
        known = found.setdefault(store, set())
        if draft.component is None:
            found[store] = None
        elif known is not None:
            known.update(asked(draft))
    return found


def asked(draft: Draft) -> tuple[str, ...]:
    """The powers that a node's component asks the host for: what an edge answers is none of them."""
    answered = [call.wanted for call in draft.calls]
    left = (item for item in draft.imports if isinstance(item, Interface) and item not in answered)
    return powers_of(item.name.base for item in left)


def _unused(work: Work, draft: Draft, key: str) -> None:
    where, place = draft.node.where.at("grants", key), place_of_node(draft.name)
    message = f"`{draft.name}` is granted `{key}` and cannot use it: it does not import {NEEDS[key]}"
    work.report.warn("unused-grant", message, where, place, help=("remove the grant",))
