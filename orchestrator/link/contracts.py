"""The contract of an edge, compiled for each function it is asked for, or for the value that crosses."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.contract import Checks, check_functions, compile_contract
from orchestrator.interface.compare import title
from orchestrator.interface.types import Function, Type
from orchestrator.link.carried import handles_in
from orchestrator.link.draft import Work
from orchestrator.link.report import place_of_edge
from orchestrator.manifest.model import CallEdge, Contract, DataEdge, ToolEdge

_NOTHING = Contract()
_MOST = 12
"""Functions that a message names."""


def checks_of_functions(
    work: Work, edge: CallEdge | ToolEdge, functions: Iterable[Function], id_: str
) -> dict[str, Checks]:
    """The checks of a call or tool edge by function; a function without rules is absent.

    A rule over `args` or `result` must fit each function that may be called: `functions` says which those are.
    """
    if edge.contract == _NOTHING:
        return {}
    several = tuple(functions)
    where = edge.where.at("contract")
    work.report.add(check_functions(edge.contract, (function.name for function in several), where, id_))
    _has_forms(work, edge, several, id_)
    found: dict[str, Checks] = {}
    for function in several:
        checks, diagnostics = compile_contract(edge.contract, function, None, where, id_)
        work.report.add(diagnostics)
        if checks is not None:
            found[function.name] = checks
    return found


def _has_forms(work: Work, edge: CallEdge | ToolEdge, functions: Iterable[Function], id_: str) -> None:
    """Refuses handles where detectors are shown what crosses."""
    allowed = edge.contract.functions
    judged = [function for function in functions if allowed is None or function.name in allowed]
    causes = [f"{title(function.name)}, {line}" for function in judged for line in handles_in(function)[:1]]
    if edge.contract.detect and causes:
        message = f"`detect` shows what crosses `{id_}` as JSON, and handles have no JSON form"
        where, help_ = edge.where.at("contract", "detect"), ("name in `functions` those that pass none, or remove it",)
        work.report.error("contract-rule", message, where, place_of_edge(id_), causes=causes[:_MOST], help=help_)


def checks_of_value(work: Work, edge: DataEdge, type_: Type, id_: str) -> Checks | None:
    """The checks of a data edge over the value that arrives: with `each`, over each element."""
    if edge.contract == _NOTHING:
        return None
    checks, diagnostics = compile_contract(edge.contract, None, type_, edge.where.at("contract"), id_)
    work.report.add(diagnostics)
    return checks
