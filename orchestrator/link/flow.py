"""Information flow: untrusted content, private data and a way out may not meet in one node.

Whoever writes the content could have the node send the data away. So a pipeline in which a node that can send holds
both is refused, unless an edge on the way declassifies. The check is whole when the pipeline is linked, since nothing
else leads from node to node than what the graph has; what a run or a kept instance adds is checked again, with
`refused`. Not for how labels travel: see `labels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.capability import http, url
from orchestrator.diagnostics import Diagnostic
from orchestrator.graph.flow import ORIGINS, Held, Seed, spread
from orchestrator.link.draft import Draft, Work
from orchestrator.link.labels import edge_id, flow_of, sorts_of, stopped_by
from orchestrator.link.model import Flow
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.manifest.model import (
    BUILT_IN,
    MOST_LABELS,
    OUTBOUND,
    PRIVATE,
    UNTRUSTED,
    CallEdge,
    Edge,
    Http,
    Label,
    Sort,
    Where,
)
from orchestrator.manifest.substitution import fill, inputs_of
from orchestrator.wording import listed

Spread = Mapping[str, tuple[Held, ...]]
"""What each vertex of a flow holds."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A node that can send, and what it may not hold both: content from outside, and data that was granted.

    Of each the nearest, and one more where there is one of another origin.
    """

    node: str
    untrusted: tuple[Held, ...]
    private: tuple[Held, ...]

    @property
    def all(self) -> tuple[Held, ...]:
        """Everything that meets there."""
        return (*self.untrusted, *self.private)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of a pipeline found: its flow, and what each vertex holds."""

    flow: Flow
    held: Spread


def check_flow(work: Work) -> Checked:
    """Checks labels and where they meet; errors, and a note of each declassification, go to the report."""
    _check_names(work)
    silent = {at for at, edge in enumerate(work.manifest.edges) if id(edge) in work.silent}
    within = {name: draft.within for name, draft in work.drafts.items() if draft.within is not None}
    flow = flow_of(work.manifest, answers=lambda at: at not in silent, within=within)
    held = spread(flow.seeds, flow.passages)
    for at, edge in enumerate(work.manifest.edges):
        _check_declassified(work, at, edge, flow, held)
    for meeting in meetings(flow, held):
        work.report.add([diagnostic(flow, meeting, work.drafts[meeting.node].node.where)])
    for draft in work.drafts.values():
        _check_secrets(work, draft)
    return Checked(flow, held)


def refused(flow: Flow, more: Iterable[Seed], where: Mapping[str, Where] = MappingProxyType({})) -> list[Diagnostic]:
    """Every meeting that there is when more labels begin than those of the pipeline itself."""
    found = meetings(flow, spread((*flow.seeds, *more), flow.passages))
    return [diagnostic(flow, meeting, where.get(meeting.node, Where())) for meeting in found]


def meetings(flow: Flow, held: Spread) -> tuple[Meeting, ...]:
    """Where what may not meet does, each node once."""
    found: dict[str, Meeting] = {}
    for vertex, node in flow.places.items():
        if node in flow.senders and node not in found:
            untrusted, private = (_counting(flow, held.get(vertex, ()), sort, node) for sort in (UNTRUSTED, PRIVATE))
            if untrusted and private:
                found[node] = Meeting(node, untrusted[:ORIGINS], private[:ORIGINS])
    return tuple(found.values())


def of_node(flow: Flow, held: Spread) -> dict[str, tuple[Held, ...]]:
    """What each node holds, wherever it holds it, each label of an origin once."""
    found: dict[str, dict[tuple[str, str], Held]] = {}
    for vertex, node in flow.places.items():
        for one in held.get(vertex, ()):
            found.setdefault(node, {}).setdefault((one.label, one.seed.origin), one)
    return {node: tuple(its.values()) for node, its in found.items()}


def _counting(flow: Flow, held: Iterable[Held], sort: Sort, node: str) -> tuple[Held, ...]:
    """The labels of that sort which count at the node."""
    return tuple(one for one in held if flow.sorts.get(one.label) == sort and not _is_excused(flow, one, node))


def _is_excused(flow: Flow, held: Held, node: str) -> bool:
    return held.seed.origin in flow.excused and flow.places.get(held.seed.vertex) == node


def diagnostic(flow: Flow, meeting: Meeting, where: Where) -> Diagnostic:
    """Why a meeting is refused: where each label began, edge by edge how it came, and what to do.

    Arguments:
        where: the node.
    """
    node, sender = meeting.node, flow.senders[meeting.node]
    place = sender.where if sender.where.span else where
    stories = [*_stories(flow, meeting.untrusted), *_stories(flow, meeting.private)]
    return Diagnostic(
        "flow",
        f"untrusted content and private data meet in `{node}`, which can send",
        place.span,
        where.place or place_of_node(node),
        "this lets it send" if place.span and place is sender.where else "",
        (*stories, f"{OUTBOUND}: {sender.why}"),
        _alternatives(_help(flow, meeting)),
    )


def _stories(flow: Flow, held: tuple[Held, ...]) -> Iterator[str]:
    for number, one in enumerate(held):
        sort = flow.sorts[one.label]
        called = one.label if one.label == sort else f"{one.label} ({sort})"
        yield from (f"{called}{', also' if number else ''}: {line}" for line in one.story)


def _help(flow: Flow, meeting: Meeting) -> Iterator[str]:
    labels = dict.fromkeys(held.label for held in meeting.all if any(passage.id for passage in held.way))
    if labels:
        named = " or ".join(f"`[{label}]`" for label in labels)
        yield f"where an edge may carry it, say why: `declassify: {{labels: ..., reason: ...}}`, labels {named}"
    if flow.senders[meeting.node].granted:
        yield f"or take the `http` grant from `{meeting.node}`"
    rest = "" if labels else ", with an edge between them that declassifies"
    yield f"or divide the work between nodes, so that none that can send has both{rest}"


def _alternatives(lines: Iterable[str]) -> tuple[str, ...]:
    first, *rest = lines
    return (first.removeprefix("or "), *rest)


def _check_names(work: Work) -> None:
    """Every label that is named is one that data, or a node, can have."""
    manifest = work.manifest
    first: dict[str, Label] = {}
    for label in manifest.labels:
        if label.name in BUILT_IN:
            message = f"the label `{label.name}` is one that every pipeline has"
            _error(work, "duplicate-name", message, label.where, f"label `{label.name}`", ("choose another name",))
        elif first.setdefault(label.name, label) is not label:
            message = f"there are two labels `{label.name}`"
            _error(work, "duplicate-name", message, label.where, f"label `{label.name}`", ("rename one",))
    if len(manifest.labels) > MOST_LABELS:
        message = f"there are {len(manifest.labels)} labels: at most {MOST_LABELS} can be declared"
        where, place = manifest.labels[MOST_LABELS].where, f"pipeline `{manifest.name}`"
        _error(work, "flow-label", message, where, place, ("use one for what goes the same ways",))
    for one in manifest.inputs:
        _known(work, one.labels, one.where.at("labels"), f"input `{one.name}`", "an input sends nothing")
    for node in manifest.nodes:
        _known(work, node.labels, node.where.at("labels"), place_of_node(node.name), "")
    for edge in manifest.edges:
        if edge.declassify is not None:
            where = edge.where.at("declassify", "labels")
            why = "it stays at the node that can send"
            _known(work, edge.declassify.labels, where, place_of_edge(edge), why)


def _known(work: Work, labels: Iterable[str], where: Where, place: str, no_way_out: str) -> None:
    """Reports the labels that are not known; `no_way_out` says why `outbound` cannot stand there, where it cannot."""
    sorts = sorts_of(work.manifest)
    known = [*sorts] if no_way_out else [*sorts, OUTBOUND]
    for at, label in enumerate(labels):
        if label == OUTBOUND and no_way_out:
            message = f"`{OUTBOUND}` is no label of what flows: {no_way_out}"
            _error(work, "flow-label", message, where.at(at), place, ("remove it",))
        elif label not in known and not work.faulty("labels", label) and len(work.manifest.labels) <= MOST_LABELS:
            help_ = work.report.suggest(label, known, "its labels")
            _error(work, "unknown-label", f"the pipeline has no label `{label}`", where.at(at), place, help_)


def _error(work: Work, code: str, message: str, where: Where, place: str, help_: tuple[str, ...]) -> None:
    work.report.error(code, message, where, place, help=help_)


def _check_declassified(work: Work, at: int, edge: Edge, flow: Flow, held: Spread) -> None:
    """Refuses a declassification that nothing could follow, and notes every other one."""
    rule = edge.declassify
    if rule is None:
        return
    where, place = edge.where.at("declassify"), place_of_edge(edge)
    if not rule.reason.strip() or not rule.labels:
        missing = "reason" if rule.labels else "label"
        message = f"`declassify` of `{edge}` has no {missing}"
        _error(work, "declassify", message, where, place, ("say which labels, and why it is right",))
    elif isinstance(edge, CallEdge) and edge.fuse:
        message = f"a fused edge declassifies nothing: `{edge.caller.node}` and `{edge.callee.node}` share one store"
        _error(work, "declassify", message, where, place, ("remove `declassify`, or remove `fuse`",))
    elif set(rule.labels) <= flow.sorts.keys():
        _note(work, at, edge, flow, held)


def _check_secrets(work: Work, draft: Draft) -> None:
    """Warns of a node that could send what a secret opens to somewhere else: within a node labels cannot tell."""
    within = draft.within
    if within is None:  # its grants are refused as they stand
        return
    for secret, number in zip(within.grants.secrets, within.places["secrets"], strict=True):
        others = [grant.url for grant in within.grants.http if not _leads_only_to(grant, secret.to)]
        if others:
            message = f"`{draft.name}` may send what the secret `{secret.name}` opens to {listed(others, 3)} too"
            where = draft.node.where.at("grants", "secrets", number, "to")
            help_ = (f"if that is not for there, give each to a node of its own: it is for `{secret.to}`",)
            work.report.warn("secret-reach", message, where, place_of_node(draft.name), help=help_)
            return


def _leads_only_to(grant: Http, origin: str) -> bool:
    """Whether a grant leads to that origin alone; an input in its path leads nowhere else."""
    start, _, rest = grant.url.partition("://")
    named = inputs_of(start + rest.partition("/")[0])
    try:
        rule, at = http.rule_of(Http(fill(grant.url, lambda _input: "x"), grant.methods)), url.parse(origin)
    except url.NotAnAddress:
        return True
    return not named and (rule.scheme, ".".join(rule.labels), rule.port) == (at.scheme, at.host, at.port)


def _note(work: Work, at: int, edge: Edge, flow: Flow, held: Spread) -> None:
    rule = edge.declassify
    assert rule is not None
    coming = {
        one.label for passage in flow.passages if passage.id == edge_id(at) for one in held.get(passage.source, ())
    }
    idle = [label for label in rule.labels if not coming & stopped_by(label, flow.sorts)]
    message = f"`{edge}` declassifies {listed(rule.labels)}{f' of its {rule.of}' if rule.of else ''}: {rule.reason}"
    help_ = (f"remove {listed(idle)} from it: nothing with that label comes there",) if idle else ()
    work.report.warn("declassified", message, edge.where.at("declassify"), place_of_edge(edge), help=help_)
