"""What was found wrong in one text, collected in one pass, with offsets turned into lines and columns."""

from __future__ import annotations

from bisect import bisect_right

from orchestrator.diagnostics import Diagnostic, Source, Span

MOST = 200
"""Errors that one report holds; further ones are only counted."""

Place = tuple[int, int]
"""Offsets in the source: the start, and the end, which is exclusive."""


class Report:
    """The diagnostics of one source.

    Arguments:
        source: the text, without a byte order mark.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: list[tuple[int, Diagnostic]] = []
        self._more = 0
        self._lines: list[int] | None = None

    @property
    def failed(self) -> bool:
        """Whether anything was found wrong."""
        return bool(self._found)

    def error(
        self,
        code: str,
        message: str,
        place: Place,
        *,
        label: str = "",
        causes: tuple[str, ...] = (),
        help: str | tuple[str, ...] = (),
    ) -> None:
        """Note an error; arguments as of `Diagnostic`."""
        if len(self._found) >= MOST:
            self._more += 1
            return
        lines = tuple(filter(None, (help,) if isinstance(help, str) else help))
        self._found.append(
            (place[0], Diagnostic(code, message, self.span(place), label=label, causes=causes, help=lines))
        )

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that was found, in the order of the text."""
        found = [diagnostic for _, diagnostic in sorted(self._found, key=lambda pair: pair[0])]
        if self._more:
            message = f"{self._more} more errors are not shown"
            found.append(Diagnostic("too-many-errors", message, place=self.source.name, help=("mend these first",)))
        return tuple(found)

    def span(self, place: Place) -> Span:
        """The span between two offsets."""
        line, column = self.line_column(place[0])
        end_line, end_column = self.line_column(place[1])
        return Span(self.source, line, column, end_line, end_column)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of an offset."""
        if self._lines is None:
            text = self.source.text
            self._lines = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1
