"""How this package's exceptions are told to a person and to a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchestrator import errors
from orchestrator.cli import EXIT_FAILED, EXIT_INTERRUPTED
from orchestrator.cli import _terminal as terminal
from orchestrator.diagnostics import printable, render
from orchestrator.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.diagnostics import Diagnostic, Paint


def tell(error: errors.OrchestratorError, *, as_json: bool) -> int:
    """Says what went wrong: as text on standard error, or as JSON on standard output. Returns the exit code."""
    if as_json:
        terminal.put_json({"error": to_json(error)})
    else:
        terminal.say(text_of(error, terminal.paint_for(sys.stderr)))
    return EXIT_INTERRUPTED if isinstance(error, errors.Cancelled) else EXIT_FAILED


def text_of(error: errors.OrchestratorError, paint: Paint) -> str:
    """The error as text of one or several lines, safe for a terminal."""
    if isinstance(error, errors.InvalidPipeline):
        return "\n\n".join([*(render(d, paint) for d in error.diagnostics), count(error.diagnostics, paint)])
    # The value of a component's error is written below, as every JSON of this command is.
    text = errors.RunError.__str__(error) if isinstance(error, errors.ComponentFailed) else str(error)
    first, *rest = text.split("\n")
    lines = [f"{paint('error', 'error')}: {printable(first)}", *map(printable, rest)]
    if isinstance(error, errors.ComponentFailed):
        lines.append(f"  = value: {terminal.json_text(plain_value(error.value))}")
    return "\n".join(lines)


def count(diagnostics: Iterable[Diagnostic], paint: Paint) -> str:
    """How many errors and warnings there are, in a line."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    found, warned = severities.count("error"), severities.count("warning")
    parts = [paint("error", counted(found, "error"))] if found else []
    parts += [paint("warning", counted(warned, "warning"))] if warned else []
    return ", ".join(parts)


def to_json(error: errors.OrchestratorError) -> dict[str, Any]:
    """The error as JSON: `type` and `message`, and what the type has beside them."""
    document: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, errors.InvalidPipeline):
        document["message"] = count(error.diagnostics, lambda _, text: text)
        document["diagnostics"] = [diagnostic.to_json() for diagnostic in error.diagnostics]
    if isinstance(error, errors.RunError):
        document |= {"message": error.message, "node": error.node, "edge": error.edge}
        document |= {"trace-id": error.trace_id, "causes": list(error.causes)}
    if isinstance(error, errors.ContractViolated):
        document["rule"] = error.rule
    if isinstance(error, errors.ComponentFailed):
        document["value"] = plain_value(error.value)
    if isinstance(error, errors.SnippetFailed):
        document |= {"traceback": error.traceback, "printed": error.printed}
    return document


def plain_value(value: Any) -> Any:
    """A component's value in its Python form as JSON, where its WIT type is not at hand."""
    from orchestrator.interface.values import Variant

    if isinstance(value, Variant):
        return value.case if value.value is None else {value.case: plain_value(value.value)}
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
