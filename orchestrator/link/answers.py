"""Every import is answered exactly once: by a call edge, by the host's WASI, or by the engine itself."""

from __future__ import annotations

from orchestrator.errors import WitError
from orchestrator.interface import explain_interface
from orchestrator.interface.types import Interface
from orchestrator.link.draft import Draft, Item, Work
from orchestrator.link.items import is_plain, item_name, needs_answer
from orchestrator.link.matching import Ports, pairs, structure_fits
from orchestrator.link.model import LinkedCall
from orchestrator.link.report import place_of_edge, place_of_node

TOOLS = "agent:core/tools"
CONFIG = "wasi:config/store"
WEB = "agent:api/web"
"""Answered by the host where no edge does."""
_ENGINES_OWN = (TOOLS, CONFIG, WEB)


def imports_interface(draft: Draft, base: str) -> bool:
    """Whether a component imports an interface, in whatever version."""
    return any(isinstance(item, Interface) and item.name.base == base for item in draft.imports)


def engine_answers(work: Work, item: Item) -> tuple[str, ...] | None:
    """Whether the engine or the host answers an import: None when neither does, else why it cannot, or nothing."""
    if isinstance(item, Interface) and item.name.base in _ENGINES_OWN:
        return _own(work, item)
    return work.host(item)


def edges_answer(work: Work, item: Item) -> bool:
    """Whether an edge may answer an import."""
    return engine_answers(work, item) is None or (isinstance(item, Interface) and item.name.base == WEB)


def _own(work: Work, item: Interface) -> tuple[str, ...]:
    try:
        ours = work.packages.interface(item.name.base)
    except WitError:
        return ()
    return explain_interface(item, ours, "component", "engine")


def open_imports(work: Work, draft: Draft) -> list[Item]:
    """The imports that an edge can answer."""
    return [item for item in draft.imports if needs_answer(item) and edges_answer(work, item)]


def check_answers(work: Work) -> None:
    """Reports every import that nothing answers, that the host cannot answer, or that is answered twice."""
    for draft in work.drafts.values():
        linked = {item_name(call.wanted): call for call in draft.calls}
        for item in draft.imports:
            if needs_answer(item):
                _check(work, draft, item, linked.get(item_name(item)))


def _check(work: Work, draft: Draft, item: Item, edge: LinkedCall | None) -> None:
    answer = engine_answers(work, item)
    replaced = isinstance(item, Interface) and item.name.base == TOOLS and not draft.tools
    if edge and (replaced or edges_answer(work, item)):
        return
    if edge and answer is not None:
        message = f"`{item_name(item)}` of `{draft.name}` is answered twice"
        causes = (f"by the edge `{edge.id}`", "by the engine itself")
        at = edge.where.at("call")
        help_: tuple[str, ...] = ("remove the edge",)
        work.report.error("doubled-import", message, at, place_of_edge(edge.id), causes=causes, help=help_)
    elif item_name(item) in draft.excused or (answer is None and work.lost_edges):
        return
    elif answer is None:
        _unanswered(work, draft, item)
    elif answer:
        _refused(work, draft, item, answer)


def _refused(work: Work, draft: Draft, item: Item, why: tuple[str, ...]) -> None:
    where, place = draft.node.where.at("component"), place_of_node(draft.name)
    message = f"`{draft.name}` imports `{item_name(item)}`"
    if isinstance(item, Interface) and item.name.base in _ENGINES_OWN:
        message += " with another signature than the engine's"
        help_ = "rebuild it against the WIT of that version"
    else:
        message += ", which the host does not serve"
        help_ = "build the component without it"
    work.report.error("host-import", message, where, place, causes=why, help=(help_,))


def _unanswered(work: Work, draft: Draft, item: Item) -> None:
    name = item_name(item)
    message = f"`{draft.name}` imports `{name}`, and nothing answers it"
    where, place = draft.node.where.at("component"), place_of_node(draft.name)
    work.report.error("unanswered-import", message, where, place, help=_help(work, draft, item))


def _help(work: Work, draft: Draft, item: Item) -> tuple[str, ...]:
    name = item_name(item)
    able = [] if work.report.full else _able(work, draft, item)
    if able:
        return tuple(f"add an edge: `call: {way}`" for way in able[:3])
    return (f"add a node whose component exports `{name}`, and an edge: `call: {draft.name} -> node`",)


def _able(work: Work, draft: Draft, item: Item) -> list[str]:
    """The edges that would answer an import, as they are written: of one with a name of its own, by ports."""
    found: list[str] = []
    for other in work.drafts.values():
        if other is not draft:
            natural = pairs([item], list(other.exports), Ports("", ""))
            found += [f"{draft.name} -> {other.name}" for _ in natural[:1]]
            if is_plain(item) and not natural:
                fitting = [export for export in other.exports if structure_fits(item, export)]
                found += [f"{draft.name}.{item_name(item)} -> {other.name}.{item_name(x)}" for x in fitting]
    return found
