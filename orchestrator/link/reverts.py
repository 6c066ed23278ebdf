"""Which nodes are taken back, and after what: from their own keys, and from edges that have them taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import ValueMismatch
from orchestrator.interface.types import Field, List, Option, Primitive, Type
from orchestrator.link.carried import handles_in, unsupported_in
from orchestrator.link.draft import Draft, Work
from orchestrator.link.inputs import constant
from orchestrator.link.items import NotFound, find_export
from orchestrator.link.model import Export, Reverts
from orchestrator.link.report import place_of_edge, place_of_node
from orchestrator.manifest.model import DataEdge, Edge, Lifetime, Node, RevertOn, Snapshots, WarmUp

INTERPRETER = "agent:code/interpreter.run"
"""The export of a component that runs code: it is warmed up by an empty piece, where nothing else is said."""
_EMPTY: tuple[tuple[type[Type], Any], ...] = ((List, []), (Option, None))


def link_reverts(work: Work) -> None:
    """Says of each node that something takes back what that is."""
    by_edges = _taken_back(work)
    for draft in work.drafts.values():
        node = draft.node
        _contradiction(work, draft)
        if _is_asked(node) or draft.name in by_edges:
            rules, on = node.snapshot or Snapshots(), node.revert_on or RevertOn()
            draft.reverts = Reverts(
                node.revert_after, _warm_up(work, draft), rules.steps, rules.quarantine, on.violations, on.denials
            )


def lifetime_of(node: Node) -> Lifetime:
    """How long what an instance of a node remembers lives: one that is taken back serves on, and remembers nothing."""
    return node.lifetime if node.revert_after == "never" else node.revert_after


def _is_asked(node: Node) -> bool:
    return node.snapshot is not None or node.revert_on is not None or node.revert_after != "never"


def _taken_back(work: Work) -> set[str]:
    """The nodes that edges have taken back: those that are called, and those whose value it is."""
    found = set[str]()
    for edge in work.manifest.edges:
        if edge.contract.on_violation != "revert":
            continue
        name = _whom(edge)
        draft = work.drafts.get(name)
        if draft is not None and draft.component is not None:
            found.add(name)
        elif not name or (draft is not None and draft.node.python is not None):
            _takes_nothing_back(work, edge, name)
    return found


def _takes_nothing_back(work: Work, edge: Edge, name: str) -> None:
    what = f"the node `{name}` is a Python function" if name else "the value is an input of the pipeline"
    message = f"`on-violation: revert` on the edge `{edge}` takes nothing back: {what}"
    where, place = edge.where.at("contract", "on-violation"), place_of_edge(edge)
    work.report.error("contract-rule", message, where, place, help=("use `on-violation: deny`",))


def _whom(edge: Edge) -> str:
    """The node that an edge has taken back; none has that name where an input's value is what broke the rule."""
    if isinstance(edge, DataEdge):
        return "" if edge.source.kind == "input" else edge.source.name
    return edge.callee.node


def _contradiction(work: Work, draft: Draft) -> None:
    node = draft.node
    if node.lifetime == "call" and node.revert_after == "run":
        message = f"`{draft.name}` has `lifetime: call` and `revert-after: run`: what serves one call sees no run's end"
        where, place = node.where.at("revert-after"), place_of_node(draft.name)
        work.report.error("conflicting-keys", message, where, place, help=("remove one of the two",))
    if node.snapshot is not None and node.snapshot.steps and lifetime_of(node) != "session":
        _steps_of_none(work, draft)


def _steps_of_none(work: Work, draft: Draft) -> None:
    node, reverted = draft.node, draft.node.revert_after != "never"
    key = f"revert-after: {node.revert_after}" if reverted else f"lifetime: {node.lifetime}"
    message = f"`{draft.name}` has `snapshot: {{steps: …}}` and `{key}`: no instance of it can go back to a step later"
    help_ = ("remove `revert-after`, and give it `lifetime: session`" if reverted else "give it `lifetime: session`",)
    where, place = node.where.at("snapshot", "steps"), place_of_node(draft.name)
    work.report.error("conflicting-keys", message, where, place, help=(*help_, "or remove `steps`"))


def _warm_up(work: Work, draft: Draft) -> tuple[Export, tuple[Any, ...]] | None:
    rules = draft.node.snapshot
    if rules is None or rules.warm_up is None:
        return _of_interpreter(draft)
    return _stated(work, draft, rules.warm_up)


def _of_interpreter(draft: Draft) -> tuple[Export, tuple[Any, ...]] | None:
    try:
        export = find_export(draft.name, draft.exports, INTERPRETER)
    except NotFound:
        return None
    values = [_empty(field.type) for field in export.function.params]
    return None if ... in values else (export, tuple(values))


def _empty(type_: Type) -> Any:
    """A value with nothing in it, of a type that has one; `...` of others."""
    if type_ == Primitive("string"):
        return ""
    return next((value for kind, value in _EMPTY if isinstance(type_, kind)), ...)


def _stated(work: Work, draft: Draft, rules: WarmUp) -> tuple[Export, tuple[Any, ...]] | None:
    if not draft.known:
        return None
    where, place = draft.node.where.at("snapshot", "warm-up"), place_of_node(draft.name)
    try:
        export = find_export(draft.name, draft.exports, rules.call)
    except NotFound as problem:
        work.report.error(problem.code, problem.message, where.at("call"), place, help=problem.help)
        return None
    if lines := (*unsupported_in(export.function), *handles_in(export.function)):
        message = f"`{draft.name}` cannot be warmed up by `{export}`: its types are not those of constants"
        work.report.error("unsupported-type", message, where.at("call"), place, causes=lines)
        return None
    known = [field.name for field in export.function.params]
    for name in rules.args:
        if name not in known:
            message = f"`{export}` of `{draft.name}` has no parameter `{name}`"
            help_ = work.report.suggest(name, known, "its parameters")
            work.report.error("unknown-parameter", message, where.at("args"), place, help=help_)
    values = [_value(work, draft, field, rules.args) for field in export.function.params]
    return None if ... in values else (export, tuple(values))


def _value(work: Work, draft: Draft, parameter: Field, args: Mapping[str, Any]) -> Any:
    """What a parameter of the call is given; `...` where that was reported."""
    where, place, name = draft.node.where.at("snapshot", "warm-up"), place_of_node(draft.name), parameter.name
    if name not in args:
        if isinstance(parameter.type, Option):
            return None
        message = f"the parameter `{name}` of the warm-up of `{draft.name}` has no value"
        help_ = (f"add a constant: `args: {{{name}: ...}}`",)
        work.report.error("missing-parameter", message, where, place, help=help_)
        return ...
    try:
        return constant(parameter.type, args[name], where.at("args", name), name)
    except ValueMismatch as error:
        message = f"the constant for `{name}` of the warm-up of `{draft.name}` does not fit its type"
        work.report.error("argument", message, where.at("args", name), place, causes=(str(error),))
        return ...
