"""Grants and limits of every node, and limits of the run: refused where they are nonsense, warned of where unused."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.capability import limits, validate
from orchestrator.interface.types import Interface
from orchestrator.link.draft import Draft, Work
from orchestrator.link.fusing import Groups
from orchestrator.link.report import place_of_node
from orchestrator.manifest.model import RunLimits

_NEEDS = (("storage", "wasi:filesystem/"), ("environment", "wasi:cli/environment"))


def check_grants(work: Work, groups: Groups) -> None:
    """Checks the grants and limits of every node and of the run."""
    users = {key: _users(work, groups, prefix) for key, prefix in _NEEDS}
    inputs = {name: found for name, found in work.inputs.items() if found is not None}
    for draft in work.drafts.values():
        node, place = draft.node, place_of_node(draft.name)
        unknown = len(inputs) < len(work.inputs)
        if not unknown:
            where = node.where.at("grants")
            work.report.add(validate(node.grants, node.name, where, inputs))
        for key, prefix in _NEEDS:
            # Nodes that share a store have to have the same grants, so that one may have what only the other can use.
            if getattr(node.grants, key) and groups.store(draft.name) not in users[key]:
                _unused(work, draft, key, prefix)
        for key, message in limits.wrong(node.limits):
            work.report.error("limit", f"`{key}` of `{node.name}` {message}", node.where.at("limits", key), place)
    for key, message in _wrong_run_limits(work.manifest.limits):
        where = work.manifest.where.at("limits", key)
        work.report.error("limit", f"`{key}` of the run {message}", where, f"pipeline `{work.manifest.name}`")


def _users(work: Work, groups: Groups, prefix: str) -> frozenset[str]:
    """The stores in which something imports what a grant is for, or may: what a component imports is not known."""
    return frozenset(
        groups.store(draft.name)
        for draft in work.drafts.values()
        if draft.component is None
        or any(isinstance(item, Interface) and str(item.name).startswith(prefix) for item in draft.imports)
    )


def _unused(work: Work, draft: Draft, key: str, prefix: str) -> None:
    where, place = draft.node.where.at("grants", key), place_of_node(draft.name)
    message = f"`{draft.name}` is granted `{key}` and cannot use it: it does not import `{prefix.rstrip('/')}`"
    work.report.warn("unused-grant", message, where, place, help=("remove the grant",))


def _wrong_run_limits(run: RunLimits) -> Iterator[tuple[str, str]]:
    if run.timeout is not None and not 0 < run.timeout < float("inf"):
        yield "timeout", f"is {run.timeout} seconds: expected more than 0"
    if run.calls is not None and run.calls < 0:
        yield "calls", f"is {run.calls}: expected at least 0"
