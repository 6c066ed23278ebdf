"""What is found wrong with a pipeline, collected in one pass; and the words that diagnostics of this room share."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.diagnostics import Diagnostic, Severity, Span
from orchestrator.errors import WitError
from orchestrator.manifest.model import Where
from orchestrator.wording import suggest

MOST = 200
"""Diagnostics that one report shows; further ones are only counted."""


class Report:
    """The diagnostics of one linking, each once."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    @property
    def full(self) -> bool:
        """Whether it holds more than it will show: no work should go into further help."""
        return len(self._found) > MOST

    @property
    def failed(self) -> bool:
        """Whether there is an error among what was found."""
        return any(diagnostic.severity == "error" for diagnostic in self._found)

    def suggest(self, name: str, names: Iterable[str], what: str = "known") -> tuple[str, ...]:
        """As `wording.suggest`, as long as anyone will read it."""
        return () if self.full else (suggest(name, names, what),)

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Notes diagnostics that another room made."""
        self._found.update(dict.fromkeys(diagnostics))

    def error(
        self,
        code: str,
        message: str,
        where: Where,
        place: str,
        *,
        span: Span | None = None,
        label: str = "",
        causes: Iterable[str] = (),
        help: Iterable[str] = (),
        severity: Severity = "error",
    ) -> None:
        """Notes an error.

        Arguments:
            where: the value at fault.
            place: what to call that place in a pipeline without a text: "node `x`", "edge `a -> b`".
            span: in place of the value's own, a key's.
            label: a few words beside the mark; without a text it becomes the first cause.
        """
        at = span or where.span
        lines = (*((label,) if label and at is None else ()), *causes)
        shown = "" if at is None else label
        self.add([Diagnostic(code, message, at, where.place or place, shown, lines, tuple(help), severity)])

    def warn(self, code: str, message: str, where: Where, place: str, *, help: Iterable[str] = ()) -> None:
        """Notes a warning."""
        self.error(code, message, where, place, help=help, severity="warning")

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that was found: in the order of the text, then what has no place in one."""
        found = sorted(self._found, key=_order)
        if len(found) <= MOST:
            return tuple(found)
        rest = Diagnostic("too-many-errors", f"{len(found) - MOST} more are not shown", help=("mend these first",))
        # No warning takes the place of an error.
        shown = sorted(sorted(found, key=lambda diagnostic: diagnostic.severity != "error")[:MOST], key=_order)
        return (*shown, rest)


def _order(diagnostic: Diagnostic) -> tuple[bool, int, int]:
    span = diagnostic.span
    return (True, 0, 0) if span is None else (False, span.line, span.column)


def wit_help(error: WitError) -> tuple[str, ...]:
    """What could have stood there, unless the message says it already."""
    said = "; there is" in error.message or "; did you mean" in error.message
    return (f"expected {error.expected}",) if error.expected and not said else ()


def place_of_node(name: str) -> str:
    """What a node is called where it has no place in a text."""
    return f"node `{name}`"


def place_of_edge(edge: object) -> str:
    """What an edge is called where it has no place in a text."""
    return f"edge `{edge}`"
