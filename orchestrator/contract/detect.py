"""`detect: [node]`: nodes that judge what crosses, each shown the whole of it as JSON. The runtime asks them.

What a detector finds is said in its own words, for whoever reads errors and traces: they are bounded, and made safe to
print. No guest is told them, since they may hold what it must not know: the value itself, or what the detector knows.
"""

from __future__ import annotations

from orchestrator.contract.checks import Violation
from orchestrator.contract.redact import HIDDEN
from orchestrator.diagnostics import printable

DETECTOR = "agent:core/detector"
FUNCTION = "detect"
MOST = 16 << 20
"""Bytes of JSON that a detector is shown of one crossing."""
_LONGEST = 300
"""Characters of a reason."""


def found(node: str, what: str, reason: str, *, hidden: bool = False) -> Violation:
    """The violation that a detector found.

    Arguments:
        what: what it was shown: `arguments`, `result`, `value`.
        reason: in its own words.
        hidden: the edge redacts something: the words are not shown.
    """
    told = f"`{node}` found something in the {what}"
    said = HIDDEN if hidden else _printed(reason)
    return Violation("detect", f"{told}: {said}" if said else told, told)


def too_large(what: str) -> Violation:
    """The violation of a value that no detector can be shown."""
    return Violation("detect", f"the {what} has over {MOST >> 20} MiB as JSON, more than a detector is shown")


def _printed(reason: str) -> str:
    """The words on one line, cut to a readable length, with an escape for whatever is not seen."""
    line = printable(" ".join(reason[: 2 * _LONGEST].split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
