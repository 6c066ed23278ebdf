"""Where values come from: the type of an input, a result or an error at the end of a path."""

from __future__ import annotations

from orchestrator.interface.types import List, Type
from orchestrator.link.draft import Draft, Work
from orchestrator.link.nodes import no_run_help
from orchestrator.link.paths import NoStep, follow
from orchestrator.manifest.model import Ref, Where


def source_type(work: Work, ref: Ref, where: Where, place: str) -> Type | None:
    """The type of what a reference names; None where it names nothing, which is reported, or cannot be told.

    Arguments:
        where: of the reference; its steps stand inside it by their number.
    """
    type_ = _root(work, ref, where, place)
    if type_ is None:
        return None
    try:
        return follow(type_, ref.steps, str(Ref(ref.kind, ref.name)))
    except NoStep as problem:
        work.report.error("path", problem.message, where.at(problem.index), place, help=problem.help)
        return None


def _root(work: Work, ref: Ref, where: Where, place: str) -> Type | None:
    if ref.kind == "input":
        return _input(work, ref, where, place)
    draft = work.node(ref.name, where, place)
    if draft is None or (draft.runs and draft.run is None):
        return None
    if draft.run is None:
        message = f"`{draft.name}` has no result: it runs nothing, it only answers calls"
        work.report.error("no-run", message, where, place, help=no_run_help(draft))
        return None
    return _error(work, draft, where, place) if ref.kind == "error" else _result(work, draft, where, place)


def _input(work: Work, ref: Ref, where: Where, place: str) -> Type | None:
    if ref.name not in work.inputs and work.faulty("inputs", ref.name):
        return None
    if ref.name not in work.inputs:
        message = f"there is no input `{ref.name}`"
        work.report.error(
            "unknown-input", message, where, place, help=work.report.suggest(ref.name, work.inputs, "inputs")
        )
        return None
    found = work.inputs[ref.name]
    return None if found is None else found.type


def _result(work: Work, draft: Draft, where: Where, place: str) -> Type | None:
    type_ = result_type(draft)
    if type_ is None:
        message = f"`{draft.name}` has no result: `{draft.run}` returns nothing"
        work.report.error("no-value", message, where, place, help=("take another node's result",))
    return type_


def _error(work: Work, draft: Draft, where: Where, place: str) -> Type | None:
    if draft.failure is None:
        message = f"`{draft.name}` has no error: `{draft.run}` returns no `result` with one"
        work.report.error("no-value", message, where, place, help=(f"take its result: `{draft.name}`",))
    return draft.failure


def result_type(draft: Draft) -> Type | None:
    """The type of a node's result: a list where it runs once for each element."""
    value = draft.value
    return List(value) if draft.each and value is not None else value
