"""Diagnostics of this room, with the place inside an expression where that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.diagnostics import Diagnostic, Severity, Span
from orchestrator.manifest.model import Where

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a text of one rule: the offset in it (None: the whole), the message and what to do."""

    message: str
    at: int | None = None
    help: tuple[str, ...] = ()
    severity: Severity = "error"


def refuse(
    code: str, message: str, where: Where, edge: str, *, causes: tuple[str, ...] = (), help: tuple[str, ...] = ()
) -> Diagnostic:
    """A diagnostic at `where`, or on the edge of that id where there is no text."""
    return Diagnostic(code, message, where.span, _place(where, edge), causes=causes, help=help)


def refuse_text(code: str, head: str, text: str, problem: Problem, where: Where, edge: str) -> Diagnostic:
    """A diagnostic about a text of the manifest, marking the stretch of it that the problem is about."""
    span = _inside(where.span, text, problem.at)
    return Diagnostic(
        code,
        f"{head} `{shorten(text)}`: {problem.message}",
        span or where.span,
        _place(where, edge),
        help=problem.help,
        severity=problem.severity,
    )


def shorten(text: str) -> str:
    """The text on one line, cut to a readable length."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _place(where: Where, edge: str) -> str:
    return where.place or (f"edge `{edge}`" if edge else "")


def _inside(span: Span | None, text: str, at: int | None) -> Span | None:
    """The span of the word at that offset of a text that stands as it is in one line of its source."""
    if span is None or at is None or "\n" in text or span.line != span.end_line:
        return None
    start = span.source.line(span.line).find(text, span.column - 1, span.end_column)
    if start < 0:
        return None
    word = re.compile(r"\.?(`[^`]*`|[\w-]+)|.?").match(text, at)
    first, last = (word.start(), word.end()) if word else (at, at)
    first += text[first:last].startswith(".") and last - first > 1
    column = start + 1 + first
    return Span(span.source, span.line, column, span.line, column + max(1, last - first))
