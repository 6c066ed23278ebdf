"""What each node may do beneath the ceilings and within what its component claims: narrowed, or refused.

Effective authority is what the pipeline asks, and the component claims, and every ceiling allows. What a node asks
beyond that is an error that names both places, unless the pipeline says that the node can live without it
(`optional: true`).
"""

from __future__ import annotations

from orchestrator.capability import ceiling as ceilings
from orchestrator.capability.bounds import Bound, of_ceiling, of_claims
from orchestrator.capability.narrowing import Cut, narrow
from orchestrator.capability.url import NotAnAddress
from orchestrator.link.draft import Draft, Work
from orchestrator.link.fusing import Groups
from orchestrator.link.report import place_of_node
from orchestrator.manifest.model import METHODS, NOWHERE, Ceiling
from orchestrator.manifest.scalars import show_duration

_ALLOWS = {"ceiling": "allows", "manifest": "claims"}
_HELP = {
    "ceiling": "ask for less, or write `optional: true` if the node can live with that",
    "manifest": "ask for less, or have the component claim it in its `component.yaml`",
}


def link_authority(work: Work, groups: Groups, sound: frozenset[str]) -> None:
    """Narrows the grants and limits of every node.

    Arguments:
        sound: the nodes whose grants are not refused for themselves.
    """
    _operator(work)
    allowed = tuple(map(of_ceiling, work.operator.ceilings))
    claimed = {name: _claims(work, draft) for name, draft in work.drafts.items()}
    for name, draft in work.drafts.items():
        _python(work, draft)
        if draft.node.python is not None or name not in sound:
            continue
        # One store has one authority: what one of its components does not claim, none of them has.
        own = [bound for other in groups.around(name) if (bound := claimed.get(other)) is not None]
        _narrow(work, draft, groups, (*own, *allowed))


def _narrow(work: Work, draft: Draft, groups: Groups, bounds: tuple[Bound, ...]) -> None:
    node = draft.node
    limits = groups.limits.get(node.name, node.limits)
    draft.bounds, draft.within = bounds, narrow(node.grants, limits, bounds, work.manifest.folder)
    for cut in draft.within.cuts:
        if not cut.optional:
            _refuse(work, draft, cut)


def _refuse(work: Work, draft: Draft, cut: Cut) -> None:
    bound, party = cut.bound, cut.bound.party
    code = "ceiling" if party == "ceiling" else "claim"
    more = f"has a higher `{cut.path[1]}`" if cut.path[0] == "limits" else f"is granted more `{cut.key}`"
    message = f"`{draft.name}` {more} than {bound.name} {_ALLOWS[party]}: {cut.asked}"
    where = draft.node.where.at(*cut.path)
    help_ = (*_methods(draft, cut), _HELP[party])
    work.report.error(code, message, where, place_of_node(draft.name), causes=(bound.says(cut.key),), help=help_)


def _methods(draft: Draft, cut: Cut) -> tuple[str, ...]:
    """What to write where nothing but the methods is too much, of which a grant has two that says none."""
    asked = draft.node.grants.http[int(cut.path[2])] if cut.path[:2] == ("grants", "http") else None
    methods, _, url = cut.left.partition(" ")
    if asked is None or asked.methods != METHODS or url != f"`{asked.url}`":
        return ()
    return (f"write `methods: [{methods}]`: without the key a grant asks for {' and '.join(METHODS)}",)


def _claims(work: Work, draft: Draft) -> Bound | None:
    about = draft.component.manifest if draft.component else None
    if about is None or about.claims is None:
        return None
    try:
        return of_claims(about.claims, about.name or draft.name)
    except NotAnAddress as problem:
        where = about.claims.where.at("http")
        message = f"`{about.name}` claims an address that is none: {problem}"
        work.report.error("claim", message, where, f"component `{about.name}`")
        return None


def _python(work: Work, draft: Draft) -> None:
    if draft.node.python is None:
        return
    for ceiling in work.operator.ceilings:
        if not ceiling.python:
            message = f"`{draft.name}` is a Python function, and the ceiling `{ceiling.name}` allows none"
            where, place = draft.node.where.at("python"), place_of_node(draft.name)
            help_ = ("make it a component, which runs in a sandbox",)
            work.report.error("ceiling", message, where, place, causes=_at(ceiling, "python"), help=help_)


def _operator(work: Work) -> None:
    """What whoever runs the pipeline allows beside the ceilings, and the limits of the run."""
    for network, ceiling in ceilings.beyond(work.operator):
        message = f"`{network}` is allowed to requests, and the ceiling `{ceiling.name}` does not list it"
        place = f"ceiling `{ceiling.name}`"
        help_ = ("list it under `addresses` of the ceiling, or do not allow it",)
        work.report.error("ceiling", message, NOWHERE, place, causes=_at(ceiling, "addresses"), help=help_)
    asked = work.manifest.limits
    for key, ceiling in ceilings.run_limits(asked, work.operator.ceilings)[1]:
        show = show_duration if key == "timeout" else str
        message = f"the run has a higher `{key}` than the ceiling `{ceiling.name}` allows: {show(getattr(asked, key))}"
        cause = f"the ceiling `{ceiling.name}` allows {show(getattr(ceiling.run, key))}"
        where, place = work.manifest.where.at("limits", key), f"pipeline `{work.manifest.name}`"
        causes = (cause + "".join(f" ({at})" for at in _at(ceiling, "run", key)),)
        work.report.error("ceiling", message, where, place, causes=causes, help=("ask for less",))


def _at(ceiling: Ceiling, *path: str) -> tuple[str, ...]:
    """Where a ceiling says something, if it comes from a text."""
    span = ceiling.where.at(*path).span
    return () if span is None else (f"{span.source.name}:{span.line}:{span.column}",)
