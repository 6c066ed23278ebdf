"""`stdio`: where the guest's standard output and error go: nowhere, into the trace, or to the terminal."""

from __future__ import annotations

from typing import get_args

from orchestrator.capability._place import refuse
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Stdio, Where

_MODES: tuple[str, ...] = get_args(Stdio)


def validate(mode: str, node: str, where: Where) -> tuple[Diagnostic, ...]:
    """Refuses a mode that does not exist (a pipeline built in Python may name one)."""
    if mode in _MODES:
        return ()
    return (refuse(f"`stdio` is `{mode}`, expected one of {', '.join(_MODES)}", node, where),)
