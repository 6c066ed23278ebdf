"""Every exception that leaves this package, in one tree.

    OrchestratorError
    ├── InvalidPipeline        a manifest or a graph is refused; `.diagnostics` holds every reason
    ├── ComponentError         a component cannot be found, read, built, compiled or reflected
    │   └── BuildError         its source does not build; the message ends with the builder's own words
    ├── WitError               a text is not WIT, or names something that is not declared; `.offset` says where
    ├── ValueMismatch          a value does not fit its WIT type; `.path` says where in it (also a ValueError)
    ├── UnsupportedType        a WIT type that is known and not carried: stream, future, map, error-context
    ├── SnapshotError          a state cannot be saved, or a file holds none that can be used
    ├── TooLargeToDraw         a graph has more vertices and arcs than a picture can show
    ├── ClosedError            an engine, a linked pipeline or an instance was used after it was closed
    └── RunError               a run began and did not end well: node, edge, trace id and cause
        ├── ComponentFailed    a component answered with the `err` of its result; `.value` is that value
        ├── Trapped            a guest trapped: unreachable code, a broken invariant of the engine's ABI
        ├── LimitExceeded      a guest asked for more than a limit allows: memory, fuel, stack; `.limit` names it
        ├── TimedOut           a deadline passed: of a node, an edge or the whole run
        ├── ContractViolated   a rule on an edge was broken; `.rule` names it
        ├── ConditionFailed    an expression (when, until, require, ensure) could not be evaluated
        ├── PythonNodeFailed   a Python node raised; the exception is `__cause__`
        ├── SnippetFailed      code in a sandbox raised an error and did not handle it; `.traceback`, `.printed`
        │   ├── InvalidSnippet     nothing of it ran: it is not of the language, or an input cannot be its variable
        │   ├── InvalidResult      its value has no form in JSON, or one that is too large
        │   └── SnippetDenied      a tool that it called was denied to it, and it did not handle that
        └── Cancelled          the run was cancelled, by the caller or by ctrl-C

A message says what was found, what was expected, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.diagnostics import Diagnostic


class OrchestratorError(Exception):
    """The root of the tree: catch it to catch all that this package raises on purpose."""


class InvalidPipeline(OrchestratorError):
    """A manifest or a graph is refused.

    Arguments:
        diagnostics: every reason, in the order of the file.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class ComponentError(OrchestratorError):
    """A component cannot be found, read, built, compiled or reflected."""


class BuildError(ComponentError):
    """The source of a component does not build."""


class WitError(OrchestratorError, ValueError):
    """A text is not WIT, or it names something that is declared nowhere.

    Arguments:
        message: what was found and what was expected, in a line.
        offset: where in the text, in characters from 0; None where no text is to blame (a name that was looked up).
        line, column: the same place, both from 1; 0 where there is none.
        source: the name of the text, a path as the user wrote it; empty for a text without one.
        expected: what could have stood there, for a help line; empty where nothing in particular.
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        line: int = 0,
        column: int = 0,
        source: str = "",
        expected: str = "",
    ) -> None:
        self.message, self.expected, self.source = message, expected, source
        self.offset, self.line, self.column = offset, line, column
        super().__init__(message)

    def __str__(self) -> str:
        if self.offset is None:
            return self.message
        place = f"{self.source}:{self.line}:{self.column}" if self.source else f"line {self.line}, column {self.column}"
        return f"{place}: {self.message}"


class ValueMismatch(OrchestratorError, ValueError):
    """A value does not fit its WIT type.

    Arguments:
        path: where in the value, like `documents[3].title`; empty for the value itself.
        expected: the WIT type, or what of it was broken.
        found: what stands there instead, cut to a readable length.
    """

    def __init__(self, path: str, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(f"{path or 'the value'}: expected {expected}, found {found}")


class UnsupportedType(OrchestratorError):
    """A WIT type that is recognised and not carried: stream, future, map, error-context."""


class SnapshotError(OrchestratorError):
    """A state of an instance cannot be saved, or a file holds none that can be used."""


class TooLargeToDraw(OrchestratorError):
    """A graph has more vertices and arcs than a picture can show."""


class ClosedError(OrchestratorError):
    """An engine, a linked pipeline or an instance was used after it was closed."""


class RunError(OrchestratorError):
    """A run began and did not end well.

    Arguments:
        message: what happened, in a line.
        node: the node in which it happened, if one did.
        edge: the edge on which it happened, if one did.
        trace_id: the trace of the run, 32 hexadecimal digits.
        causes: what lies behind it, outermost first.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str = "",
        edge: str = "",
        trace_id: str = "",
        causes: Iterable[str] = (),
    ) -> None:
        self.message, self.node, self.edge = message, node, edge
        self.trace_id, self.causes = trace_id, tuple(causes)
        super().__init__(message)

    def __str__(self) -> str:
        place = [f"node `{self.node}`"] if self.node else []
        place += [f"edge `{self.edge}`"] if self.edge else []
        place += [f"trace {self.trace_id}"] if self.trace_id else []
        lines = [self.message + (f" ({', '.join(place)})" if place else "")]
        return "\n".join(lines + [f"  = {cause}" for cause in self.causes])


class ComponentFailed(RunError):
    """A component answered with the `err` of its result type.

    Arguments:
        value: the error in its Python form.
        shown: the same as text, for the message.
    """

    def __init__(self, message: str, *, value: Any = None, shown: str = "", **where: Any) -> None:
        self.value, self.shown = value, shown
        super().__init__(message, **where)

    def __str__(self) -> str:
        return super().__str__() + (f"\n  = value: {self.shown}" if self.shown else "")


class Trapped(RunError):
    """A guest trapped; its instance answers no further call."""


class LimitExceeded(RunError):
    """A guest asked for more than a limit allows.

    Arguments:
        limit: which: the limit's key in the manifest where it has one (`memory`, `fuel`, `calls`), else `stack` or
            `values`.
    """

    def __init__(self, message: str, *, limit: str = "", **where: Any) -> None:
        self.limit = limit
        super().__init__(message, **where)


class TimedOut(RunError):
    """A deadline passed: of a node, an edge or the whole run; `.deadline` is that time, `time.monotonic()` seconds."""

    def __init__(self, message: str, *, deadline: float = 0.0, **where: Any) -> None:
        self.deadline = deadline
        super().__init__(message, **where)


class ContractViolated(RunError):
    """A rule on an edge was broken; `.rule` is its key in the manifest."""

    def __init__(self, message: str, *, rule: str = "", **where: Any) -> None:
        self.rule = rule
        super().__init__(message, **where)


class ConditionFailed(RunError):
    """An expression of the pipeline could not be evaluated: a missing key, an overflow, a spent budget."""


class PythonNodeFailed(RunError):
    """A Python node raised; the exception is `__cause__`."""


class SnippetFailed(RunError):
    """Code in a sandbox came to nothing: it raised an error and did not handle it, or what a subclass says.

    Arguments:
        traceback: where the error came from, as the language shows it, of the snippet's own lines; empty where nothing
            ran.
        printed: what the snippet printed before.
    """

    def __init__(self, message: str, *, traceback: str = "", printed: str = "", **where: Any) -> None:
        self.traceback, self.printed = traceback, printed
        super().__init__(message, **where)

    def __str__(self) -> str:
        lines = self.traceback.splitlines()
        if lines and lines[-1] == self.message:  # it is said already
            lines.pop()
        return "\n".join([super().__str__(), *(f"  {line}" for line in lines)])


class InvalidSnippet(SnippetFailed):
    """Nothing of a snippet ran: it is not of the language, or an input cannot be a variable of it."""


class InvalidResult(SnippetFailed):
    """The value of a snippet has no form in JSON, or one that is too large."""


class SnippetDenied(SnippetFailed):
    """A tool that a snippet called was denied to it, and it did not handle that."""


class Cancelled(RunError):
    """The run was cancelled, by its caller or by ctrl-C."""
