"""Parameters: each has exactly one source, an edge or a constant, or, if it is an option, none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

from orchestrator.errors import ValueMismatch
from orchestrator.interface.types import Field, Option
from orchestrator.link.draft import Draft, Work
from orchestrator.link.exclusive import relation
from orchestrator.link.inputs import constant
from orchestrator.link.model import Binding, LinkedData
from orchestrator.link.nodes import no_run_help
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.manifest.paths import LABEL
from orchestrator.wording import closest

MOST_EDGES = 16
"""Edges that may share a parameter: each is held against each."""


def bind(work: Work) -> None:
    """Gives each parameter of each node that runs its source."""
    aimed = _aimed(work)
    for draft in work.drafts.values():
        if draft.node.args and not draft.runs:
            where = draft.node.where.at("args")
            message = f"`{draft.name}` runs nothing: it has no parameter to fill"
            work.report.error("no-run", message, where, place_of_node(draft.name), help=no_run_help(draft))
        if draft.run is not None:
            _unknown_args(work, draft)
            bound = [_bind(work, draft, p, aimed) for p in draft.run.function.params]
            draft.bindings = tuple(binding for binding in bound if binding is not None)


def _aimed(work: Work) -> dict[str, list[str | None]]:
    """Of each node the parameters that faulty edges mean (None: the only one)."""
    linked = {edge.id for draft in work.drafts.values() for edge in draft.data}
    found: dict[str, list[str | None]] = {}
    for id_, edge in work.data_edges():
        if id_ not in linked:
            found.setdefault(edge.node, []).append(edge.parameter)
    return found


def _meant(work: Work, draft: Draft, parameter: Field, aimed: list[str | None]) -> bool:
    """Whether a faulty edge or a misspelt name is what the parameter misses: one mistake is one diagnostic."""
    assert draft.run is not None
    known = [p.name for p in draft.run.function.params]
    given = [name for name in (*aimed, *draft.node.args) if name is not None and name not in known]
    misspelt = not work.report.full and any(parameter.name == closest(name, known) for name in given[:20])
    return misspelt or None in aimed or parameter.name in aimed


def _unknown_args(work: Work, draft: Draft) -> None:
    assert draft.run is not None
    known = [p.name for p in draft.run.function.params]
    for name in draft.node.args:
        if name not in known and (re.fullmatch(LABEL, name) or not work.partial):
            where = draft.node.where.at("args")
            message = f"`{draft.run}` of `{draft.name}` has no parameter `{name}`"
            help_ = work.report.suggest(name, known, "its parameters")
            span = where.keys.get(name)
            work.report.error("unknown-parameter", message, where, place_of_node(draft.name), span=span, help=help_)


def _bind(work: Work, draft: Draft, parameter: Field, aimed: Mapping[str, list[str | None]]) -> Binding | None:
    edges = tuple(edge for edge in draft.data if edge.parameter == parameter.name)
    if parameter.name in draft.node.args:
        return _constant(work, draft, parameter, edges)
    if edges:
        _exclusive(work, draft, parameter, edges)
        return Binding(parameter, None, edges)
    if isinstance(parameter.type, Option):
        return Binding(parameter)
    if not _lost(work, draft) and not _meant(work, draft, parameter, aimed.get(draft.name, [])):
        _missing(work, draft, parameter)
    return None


def _lost(work: Work, draft: Draft) -> bool:
    """Whether the value may be in what was left out of a faulty manifest."""
    written = draft.node.where.inner.get("args")
    lost_args = work.partial and written is not None and len(written.inner) != len(draft.node.args)
    return work.lost_edges or lost_args


def _missing(work: Work, draft: Draft, parameter: Field) -> None:
    where = draft.node.where.at("run") if draft.node.run else draft.node.where.at("python")
    message = f"the parameter `{parameter.name}` of `{draft.name}` has no value"
    help_ = (
        f"add an edge: `data: source -> {draft.name}.{parameter.name}`",
        f"or a constant: `args: {{{parameter.name}: ...}}`",
    )
    work.report.error("missing-parameter", message, where, place_of_node(draft.name), help=help_)


def _constant(work: Work, draft: Draft, parameter: Field, edges: tuple[LinkedData, ...]) -> Binding | None:
    where, place = draft.node.where.at("args", parameter.name), place_of_node(draft.name)
    for edge in edges:
        message = f"the parameter `{parameter.name}` of `{draft.name}` has two values"
        causes = (f"a constant in `args` of `{draft.name}`", f"the edge `{edge.id}`")
        at = edge.where.at("data")
        work.report.error(
            "doubled-parameter", message, at, place_of_edge(edge.id), causes=causes, help=("remove one of the two",)
        )
    try:
        return Binding(parameter, constant(parameter.type, draft.node.args[parameter.name], where, parameter.name))
    except ValueMismatch as error:
        message = f"the constant for `{parameter.name}` of `{draft.name}` does not fit its type"
        work.report.error("argument", message, where, place, causes=(str(error),))
        return None


def _exclusive(work: Work, draft: Draft, parameter: Field, edges: tuple[LinkedData, ...]) -> None:
    if len(edges) > MOST_EDGES:
        where, place = edges[MOST_EDGES].where.at("data"), place_of_edge(edges[MOST_EDGES].id)
        message = f"{len(edges)} edges fill `{parameter.name}` of `{draft.name}`; at most {MOST_EDGES} may share it"
        work.report.error("doubled-parameter", message, where, place, help=("join them in a node before it",))
        return
    for first, second in combinations(edges, 2):
        how = relation(first, second)
        if how == "exclude":
            continue
        where, place = second.where.at("data"), place_of_edge(second.id)
        causes = tuple(f"the edge `{edge.id}`{_shown(edge)}" for edge in (first, second))
        if how == "meet":
            message = f"the parameter `{parameter.name}` of `{draft.name}` has two values"
            advice = ("remove one, or give both a `when:` so that only one holds",)
            work.report.error("doubled-parameter", message, where, place, causes=causes, help=advice)
        else:
            both = f"two conditional edges fill `{parameter.name}` of `{draft.name}`"
            help_ = ("a run in which both hold ends with an error", "write the second as `!(…)` of the first")
            message = f"{both}, and nothing shows that only one holds"
            work.report.warn("may-overlap", message, where, place, help=help_)


def _shown(edge: LinkedData) -> str:
    return f" when `{edge.when_text}`" if edge.when_text else ""
