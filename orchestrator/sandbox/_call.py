"""A snippet that somebody asks for, checked: its source, its inputs as JSON, its time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ValueMismatch
from orchestrator.pipeline import arguments
from orchestrator.sandbox._stay import Stay
from orchestrator.sandbox.outcome import Outcome, outcome

if TYPE_CHECKING:
    import asyncio

    from orchestrator.sandbox._guests import Guest, Inputs

MOST_SOURCE = 16 << 20
"""Characters of a snippet."""


class Call:
    """A snippet that is to be run.

    Arguments:
        timeout: seconds that it may take, with what it waits before; None for no end.
        loop: the one that awaits it.

    Raises:
        TypeError: the source is no text, the inputs no mapping, or the timeout no number.
        ValueMismatch: an input has no form in JSON.
        ValueError: the source is too long, or no text of Unicode; the timeout is not above zero.
    """

    __slots__ = ("inputs", "source", "stay")

    def __init__(
        self,
        source: str,
        inputs: Mapping[str, Any] | None,
        timeout: float | None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.source = _text(source)
        self.inputs: Inputs = [] if inputs is None else given(inputs)
        self.stay = Stay(timeout, loop)

    def carried_out(self, guest: Guest, most: int, *, keep: bool) -> Outcome:
        """What becomes of it in an instance; arguments as of `Guest.run` and `outcome`."""
        began = time.perf_counter()
        answer = guest.run(self.stay, self.source, self.inputs, keep=keep)
        return outcome(answer, most, time.perf_counter() - began)


def _text(source: Any) -> str:
    text = arguments.text(source, "a snippet")
    if len(text) > MOST_SOURCE:
        raise ValueError(f"a snippet has {len(text)} characters; it may have {MOST_SOURCE}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            raise ValueError(f"a snippet is no text of Unicode: half of a pair at {problem.start}") from None
    return text


def given(inputs: Mapping[str, Any]) -> Inputs:
    """The inputs of a snippet as the interpreter takes them.

    Raises:
        TypeError: they are no mapping of names.
        ValueMismatch: a value has no form in JSON.
    """
    pairs = arguments.mapping(inputs, "`inputs`").items()
    return [
        {"name": arguments.text(name, "the name of an input"), "value": _json(name, value)} for name, value in pairs
    ]


def _json(name: str, value: Any) -> str:
    wanted = "a value that JSON has a form for"
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if not (text.isascii() and name.isascii()):
            f"{name}{text}".encode()
    except RecursionError:
        raise ValueMismatch(f"inputs.{name}", wanted, "one that nests too deep, or holds itself") from None
    except UnicodeEncodeError:
        raise ValueMismatch("inputs", wanted, "a text with half of a pair of UTF-16") from None
    except (TypeError, ValueError) as problem:
        raise ValueMismatch(f"inputs.{name}", wanted, str(problem)) from None
    return text
