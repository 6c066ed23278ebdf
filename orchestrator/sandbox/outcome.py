"""What became of a snippet, from the values of `agent:code/interpreter`.

The interpreter keeps its bounds itself; but a snippet runs inside of it, and may have replaced what does. So they are
kept here again.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import (
    InvalidResult,
    InvalidSnippet,
    RunError,
    SnippetDenied,
    SnippetFailed,
    ValueMismatch,
)
from orchestrator.interface.allowance import LOOK, Allowance
from orchestrator.interface.convert import TOO_MANY_DIGITS, load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.interface.values import Variant

MOST_VALUE, MOST_SAID = 16 << 20, 16 << 10
"""Bytes of a value as JSON; bytes of a message, and of a traceback."""
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


def outcome(
    answer: Mapping[str, Any], most: int, check: Callable[[], None], duration: float, trace: str = ""
) -> Outcome:
    """The outcome that an interpreter's answer is.

    Arguments:
        most: bytes of what was printed that are kept.
        check: raises why not to go on.
        duration, trace: of the outcome.

    Raises:
        SnippetFailed: it is an error.
        RunError: it is nothing that an interpreter may give; or what the check raises.
    """
    if "err" in answer:
        raise _failed(answer["err"], most)
    found = answer["ok"]
    value = _value(found["value"], check)
    printed, cut = kept(found["printed"], most)
    return Outcome(value, printed, found["cut"] or cut, found["calls"], duration, trace)


def _value(text: str, check: Callable[[], None]) -> Any:
    """The value that a text says.

    Raises:
        InvalidResult: it holds a number with more digits than Python converts.
        RunError: none that an interpreter may give, or what the check raises.
    """
    try:
        if len(text) <= LOOK:
            value = load_json(text)
        elif kept(text, MOST_VALUE)[1]:
            raise RunError(f"the sandbox's component gave a value of more than {MOST_VALUE >> 20} MiB")
        else:
            with Allowance(check=check):
                value = load_json(text)
        if "\\u" in text:  # perhaps half of a pair without the other half
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueMismatch, UnicodeEncodeError) as problem:
        if isinstance(problem, ValueMismatch) and problem.found == TOO_MANY_DIGITS:
            most = sys.get_int_max_str_digits()
            raise InvalidResult(f"the value has a number of more than {most} digits; make it a text") from None
        raise RunError("the sandbox's component gave a value that is no JSON") from None
    return value


def _failed(error: Variant, most: int) -> SnippetFailed:
    if error.case == "raised":
        said = error.value
        message, traceback = (kept(said[part], MOST_SAID)[0] for part in ("message", "traceback"))
        return SnippetFailed(message, traceback=traceback, printed=kept(said["printed"], most)[0])
    text = kept(error.value, MOST_SAID)[0]
    # What is wrong with a source is shown with its lines; what it is called comes last.
    lines = text.splitlines() if error.case == "invalid-source" else []
    if len(lines) > 1:
        return InvalidSnippet(lines[-1], traceback=text)
    return _KINDS[error.case](text)


def kept(text: str, most: int) -> tuple[str, bool]:
    """The beginning of a text that takes at most so many bytes, and whether there was more."""
    if len(text) * 4 <= most:
        return text, False
    data = text[: most + 1].encode()
    if len(data) <= most:
        return text, False
    return data[:most].decode("utf-8", "ignore"), True
