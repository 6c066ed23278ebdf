"""`redact: [path]`: what never appears in spans, logs or errors. The values that cross the edge stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.contract.paths import BadPath, parse_path, rewrite
from orchestrator.interface.types import Type
from orchestrator.manifest.model import Contract, Steps

HIDDEN = "[redacted]"


def redactor(contract: Contract, root: str, type_: Type) -> Callable[[Any], Any]:
    """What hides the redacted parts of a value before it is shown.

    Arguments:
        root: what the value is: `args` (the arguments by name, a record), `result` or `value`.
        type_: its type.
    """
    paths = _paths(contract, root, type_)

    def hide(value: Any) -> Any:
        for steps in paths:
            value = rewrite(value, type_, steps, _hidden)
        return value

    return hide if paths else _shown


def _paths(contract: Contract, root: str, type_: Type) -> list[Steps]:
    """The paths that start from that root, the deepest first: what hides more comes last."""
    found = []
    for text in contract.redact:
        try:
            found.append(parse_path(text, {root: type_})[1])
        except BadPath:
            continue
    return sorted(found, key=len, reverse=True)


def _hidden(_value: Any) -> str:
    return HIDDEN


def _shown(value: Any) -> Any:
    return value
