"""Control on a node: running it again until a condition holds, and the node that stands in when it fails."""

from __future__ import annotations

from orchestrator.contract import compile_value_condition
from orchestrator.graph.order import cycles
from orchestrator.interface import explain_type, show_type
from orchestrator.interface.types import Type
from orchestrator.link.data import misfit
from orchestrator.link.draft import Draft, Work
from orchestrator.link.nodes import no_run_help
from orchestrator.link.paths import NoStep, follow
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.link.sources import result_type
from orchestrator.manifest.model import Repeat, Steps, show_steps
from orchestrator.wording import listed


def link_control(work: Work) -> None:
    """Checks `repeat`, `retry` and `fallback` of every node."""
    for draft in work.drafts.values():
        _needs_run(work, draft)
        if draft.node.repeat is not None and draft.run is not None:
            _repeat(work, draft, draft.node.repeat)
        if draft.node.fallback:
            _fallback(work, draft)
    _fallbacks_together(work)


def _needs_run(work: Work, draft: Draft) -> None:
    node = draft.node
    asked = {"repeat": node.repeat, "retry": node.retry, "fallback": node.fallback or None}
    for key, value in asked.items():
        if value is not None and not draft.runs and not work.partial:
            message = f"`{key}` of `{node.name}` is about its run, and it runs nothing"
            where = node.where.at(key)
            work.report.error("no-run", message, where, place_of_node(node.name), help=no_run_help(draft))


def _repeat(work: Work, draft: Draft, repeat: Repeat) -> None:
    value, where, place = draft.value, draft.node.where.at("repeat"), place_of_node(draft.name)
    if value is None:
        message = f"`{draft.name}` has no result that `until` could look at: `{draft.run}` returns nothing"
        work.report.error("no-value", message, where, place)
        return
    draft.until, found = compile_value_condition(repeat.until, value, where.at("until"))
    work.report.add(found)
    for parameter, steps in repeat.feed.items():
        _feed(work, draft, value, parameter, steps)


def _feed(work: Work, draft: Draft, value: Type, name: str, steps: Steps) -> None:
    assert draft.run is not None
    feed, place = draft.node.where.at("repeat", "feed"), place_of_node(draft.name)
    parameter = next((p for p in draft.run.function.params if p.name == name), None)
    if parameter is None:
        message = f"`{draft.run}` of `{draft.name}` has no parameter `{name}`"
        help_ = work.report.suggest(name, (p.name for p in draft.run.function.params), "its parameters")
        work.report.error("unknown-parameter", message, feed, place, span=feed.keys.get(name), help=help_)
        return
    try:
        type_ = follow(value, steps, draft.name)
    except NoStep as error:
        work.report.error("path", error.message, feed.at(name), place, help=error.help)
        return
    problem = misfit(parameter, type_, draft.name, f"{draft.name}.{show_steps(steps)}".rstrip("."))
    if problem is not None:
        path = show_steps(steps) or "the result"
        message = f"`{path}` of `{draft.name}` is {problem.given}, its parameter `{name}` takes {problem.taken}"
        work.report.error("data-type", message, feed.at(name), place, causes=problem.causes)


def _fallback(work: Work, draft: Draft) -> None:
    where, place = draft.node.where.at("fallback"), place_of_node(draft.name)
    other = work.node(draft.node.fallback, where, place)
    if other is None or other is draft:
        return
    if not other.runs:
        message = f"`{other.name}` cannot stand in for `{draft.name}`: it runs nothing"
        work.report.error("fallback", message, where, place, help=no_run_help(other))
    elif draft.run is not None and other.run is not None:
        _same_result(work, draft, other)


def _same_result(work: Work, draft: Draft, other: Draft) -> None:
    wanted, offered = result_type(draft), result_type(other)
    if wanted == offered:
        return
    gives = f"`{draft.name}` gives {_shown(wanted)}, `{other.name}` gives {_shown(offered)}"
    message = f"`{other.name}` cannot stand in for `{draft.name}`: {gives}"
    causes = explain_type(wanted, offered, draft.name, other.name) if wanted and offered else ()
    where = draft.node.where.at("fallback")
    work.report.error("fallback", message, where, place_of_node(draft.name), causes=causes[1:])


def _shown(type_: Type | None) -> str:
    return "nothing" if type_ is None else show_type(type_)


def _fallbacks_together(work: Work) -> None:
    """One node stands in for one other; a chain of them ends; an error with a fallback is the fallback's alone."""
    pairs = [
        (d.name, d.node.fallback) for d in work.drafts.values() if d.node.fallback and d.node.fallback in work.drafts
    ]
    for cycle in cycles(pairs):
        draft = work.drafts[cycle[-1]]
        way = " -> ".join(f"`{name}`" for name in (*cycle, cycle[0]))
        message = f"the fallbacks lead back to where they began: {way}"
        where = draft.node.where.at("fallback")
        work.report.error("fallback", message, where, place_of_node(draft.name), help=("remove one of them",))
    for name in dict(pairs).values():
        users = [user for user, other in pairs if other == name]
        for user in users[1:]:
            message = f"`{name}` already stands in for `{users[0]}`"
            where = work.drafts[user].node.where.at("fallback")
            help_ = ("a node runs once a run: use another node with the same component",)
            work.report.error("fallback", message, where, place_of_node(user), help=help_)
    _errors_of_fallbacks(work, dict(pairs))


def _errors_of_fallbacks(work: Work, fallbacks: dict[str, str]) -> None:
    for _, edge in work.data_edges():
        stand_in = fallbacks.get(edge.source.name) if edge.source.kind == "error" else None
        if stand_in and edge.node != stand_in:
            message = f"when `{edge.source.name}` fails `{stand_in}` stands in for it: its error goes there alone"
            where = edge.where.at("data", "source")
            help_ = (f"take the error in {listed([stand_in])}, or remove the fallback",)
            work.report.error("fallback", message, where, place_of_edge(edge), help=help_)
