"""What is wrong with an input, where, why, and what to do: as data, and rendered like a compiler's message.

For every room that refuses an input. Not for what happens while a pipeline runs: see `errors.RunError`.

    error[edge-type]: `retriever` does not answer what `answerer` asks of agent:data/retrieval@0.1.0
      --> pipelines/docs-answer.yaml:38:11
       |
    38 |   - call: answerer -> retriever
       |           ^^^^^^^^^^^^^^^^^^^^^ function `search`
       = parameter `limit`: `answerer` passes u32, `retriever` takes string
       = help: the two were built against different versions of agent:data; rebuild `retriever`
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]
Paint = Callable[[str, str], str]
"""Colours a text: (role, text) -> text, the role one of error, warning, code, place, gutter, mark, help."""

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""The categories of Unicode whose characters a terminal obeys or does not show: they are escaped."""
_WIDEST = 120
"""Columns of an excerpt; a longer line is cut around the mark."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read: the name to show (a path as the user wrote it) and the text itself."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The line of that number (from 1), without its end; empty where there is none."""
        lines = self.text.split("\n")
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source. Lines and columns count from 1, columns in characters; the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One reason why an input is refused, or one warning about it.

    Arguments:
        code: short, kebab-case, stable: what a test, a script and the docs call this rule.
        message: what is wrong, in a line.
        span: where in a source, if the input is a text.
        place: where otherwise: "node `x`", "edge `a -> b`" (a graph built in Python).
        label: a few words beside the mark under the excerpt.
        causes: what lies behind the message, outermost first, a line each.
        help: what to do about it, a line each.
        severity: an error refuses the input, a warning does not.
    """

    code: str
    message: str
    span: Span | None = None
    place: str = ""
    label: str = ""
    causes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    severity: Severity = "error"

    def __str__(self) -> str:
        return render(self)

    def to_json(self) -> dict[str, Any]:
        """The diagnostic as JSON: `where` has source, line, column, end-line, end-column, or is null."""
        span = self.span
        where = span and {
            "source": span.source.name,
            "line": span.line,
            "column": span.column,
            "end-line": span.end_line,
            "end-column": span.end_column,
        }
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "where": where,
            "place": self.place,
            "label": self.label,
            "causes": list(self.causes),
            "help": list(self.help),
        }


def plain(_role: str, text: str) -> str:
    """The paint that leaves a text as it is."""
    return text


def printable(text: str) -> str:
    """`text` with every control and formatting character written as an escape, safe for a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(repr(char)[1:-1] if unicodedata.category(char) in HIDDEN else char for char in text)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def render(diagnostic: Diagnostic, paint: Paint = plain) -> str:
    """The diagnostic as text of several lines, without a final line end."""
    severity = diagnostic.severity
    head = paint(severity, f"{severity}[{diagnostic.code}]")
    lines = [f"{head}: {printable(diagnostic.message)}"]
    gutter = ""
    if diagnostic.span is not None:
        gutter = " " * len(str(diagnostic.span.line))
        lines += _excerpt(diagnostic, gutter, paint)
    elif diagnostic.place:
        lines.append(f"{paint('gutter', ' -->')} {paint('place', printable(diagnostic.place))}")
    equals = paint("gutter", f"{gutter} =")
    lines += [f"{equals} {printable(cause)}" for cause in diagnostic.causes]
    lines += [f"{equals} {paint('help', 'help:')} {printable(line)}" for line in diagnostic.help]
    return "\n".join(lines)


def _excerpt(diagnostic: Diagnostic, gutter: str, paint: Paint) -> list[str]:
    span = diagnostic.span
    assert span is not None
    if not span.source.text:
        return [f"{paint('gutter', gutter + '-->')} {paint('place', printable(span.source.name))}"]
    place = f"{printable(span.source.name)}:{span.line}:{span.column}"
    text, start, end = _window(span)
    before, marked = _shown(text[:start]), _shown(text[start:end])
    mark = paint(diagnostic.severity, "^" * max(1, columns(marked)))
    label = f" {printable(diagnostic.label)}" if diagnostic.label else ""
    bar = paint("gutter", f"{gutter} |")
    return [
        f"{paint('gutter', gutter + '-->')} {paint('place', place)}",
        bar,
        f"{paint('gutter', f'{span.line} |')} {_shown(text)}",
        f"{bar} {' ' * columns(before)}{mark}{label}",
    ]


def _window(span: Span) -> tuple[str, int, int]:
    """The line to show, cut around the mark when it is too long, and the mark's start and end in it."""
    text = span.source.line(span.line)
    start = min(span.column - 1, len(text))
    end = span.end_column - 1 if span.end_line == span.line else len(text)
    end = max(start, min(end, len(text)))
    if len(text) <= _WIDEST:
        return text, start, end
    left = max(0, start - _WIDEST // 3)
    right = min(len(text), left + _WIDEST)
    head, tail = ("…" if left else ""), ("…" if right < len(text) else "")
    shift = len(head) - left
    return head + text[left:right] + tail, start + shift, min(end, right) + shift


def _shown(text: str) -> str:
    return printable(text.replace("\t", " "))
