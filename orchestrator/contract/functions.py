"""`functions: [name]`: only these functions may be called over the edge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.contract._place import refuse
from orchestrator.contract.checks import Ledger, Rule, Violation
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Contract, Where
from orchestrator.wording import listed, suggest


def closed(function: str, allowed: tuple[str, ...]) -> Rule:
    """The rule for a function that is not among the allowed ones: every call breaks it."""
    violation = Violation("functions", f"`{function}` may not be called over this edge; allowed: {listed(allowed)}")

    def rule(_ledger: Ledger, _size: int, _values: Any) -> Violation:
        return violation

    return rule


def check_functions(contract: Contract, offered: Iterable[str], where: Where, edge: str) -> tuple[Diagnostic, ...]:
    """Refuses names in `functions` that the edge does not carry.

    Arguments:
        offered: the functions of the edge, by the names of their interface.
        where: of the contract.
        edge: the edge's id, for a pipeline without a text.
    """
    known = tuple(offered)
    return tuple(
        _unknown(name, known, where.at("functions", index), edge)
        for index, name in enumerate(contract.functions or ())
        if name not in known
    )


def _unknown(name: str, known: tuple[str, ...], where: Where, edge: str) -> Diagnostic:
    return refuse("contract-function", f"the edge has no function `{name}`", where, edge, help=(suggest(name, known),))
