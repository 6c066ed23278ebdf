"""What became of a snippet, from the values of `agent:code/interpreter`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import InvalidResult, InvalidSnippet, RunError, SnippetDenied, SnippetFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.interface.values import Variant

_KINDS: Mapping[str, type[SnippetFailed]] = {
    "denied": SnippetDenied,
    "invalid-source": InvalidSnippet,
    "invalid-input": InvalidSnippet,
    "invalid-result": InvalidResult,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a snippet came to.

    Arguments:
        value: of its last expression, or of its variable `result`; what JSON has a form for.
        printed: what it printed.
        cut: whether it printed more than that.
        calls: how many times it called a tool.
        duration: seconds that it ran, until its instance was taken back.
        trace_id: 32 hexadecimal digits; empty where nobody listens.
    """

    value: Any
    printed: str = ""
    cut: bool = False
    calls: int = 0
    duration: float = 0.0
    trace_id: str = ""


def outcome(answer: Mapping[str, Any], most: int, duration: float, trace: str = "") -> Outcome:
    """The outcome that an interpreter's answer is.

    Arguments:
        most: bytes of what was printed that are kept.
        duration, trace: of the outcome.

    Raises:
        SnippetFailed: it is an error.
        RunError: it is none that an interpreter may give.
    """
    if "err" in answer:
        raise _failed(answer["err"], most)
    found = answer["ok"]
    try:
        value = json.loads(found["value"])
    except (ValueError, RecursionError):
        raise RunError("the sandbox's component gave a value that is no JSON") from None
    printed, cut = kept(found["printed"], most)
    return Outcome(value, printed, found["cut"] or cut, found["calls"], duration, trace)


def _failed(error: Variant, most: int) -> SnippetFailed:
    if error.case == "raised":
        said = error.value
        return SnippetFailed(said["message"], traceback=said["traceback"], printed=kept(said["printed"], most)[0])
    # What is wrong with a source is shown with its lines; what it is called comes last.
    lines = error.value.splitlines() if error.case == "invalid-source" else []
    if len(lines) > 1:
        return InvalidSnippet(lines[-1], traceback=error.value)
    return _KINDS[error.case](error.value)


def kept(printed: str, most: int) -> tuple[str, bool]:
    """The beginning of a text that takes so many bytes, and whether there was more."""
    if len(printed) * 4 <= most or len(data := printed.encode()) <= most:
        return printed, False
    return data[:most].decode("utf-8", "ignore"), True
