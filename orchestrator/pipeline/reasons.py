"""What is wrong with a pipeline's text and what linking found, as one report."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.report import MOST

_REST = "too-many-errors"


def together(*reports: Iterable[Diagnostic]) -> list[Diagnostic]:
    """In the order of the text, then what has no place in one; at most `MOST`, the rest counted in the last one."""
    found = [diagnostic for report in reports for diagnostic in report]
    counts = [diagnostic for diagnostic in found if diagnostic.code == _REST]
    found = sorted((diagnostic for diagnostic in found if diagnostic.code != _REST), key=_order)
    # No warning takes the place of an error.
    shown = sorted(sorted(found, key=lambda diagnostic: diagnostic.severity != "error")[:MOST], key=_order)
    more = len(found) - len(shown) + sum(map(_counted, counts))
    if not more:
        return shown
    place = next((diagnostic.place for diagnostic in counts if diagnostic.place), "")
    return [*shown, Diagnostic(_REST, f"{more} more are not shown", place=place, help=("mend these first",))]


def _counted(rest: Diagnostic) -> int:
    """How many a report left out: its line begins with the number."""
    number = rest.message.partition(" ")[0]
    return int(number) if number.isdecimal() else 0


def _order(diagnostic: Diagnostic) -> tuple[bool, str, int, int]:
    span = diagnostic.span
    return (True, "", 0, 0) if span is None else (False, span.source.name, span.line, span.column)
