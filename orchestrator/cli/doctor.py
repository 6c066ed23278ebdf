"""`orchestrator doctor`: whether this installation can do its work, and what of the machine it can use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orchestrator.cli import EXIT_FAILED, EXIT_OK
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from orchestrator.cli._checks import Check

_MARKS = {"ok": ("good", "ok  "), "warning": ("warning", "warn"), "error": ("error", "fail"), "info": ("dim", "    ")}


@define("doctor", "Nothing is changed and no network is used. Fails when something that is needed is missing.")
def command(as_json: bool) -> int:
    """Checks everything, and fails if something that is needed is missing."""
    from orchestrator.cli._checks import all_checks

    checks = list(all_checks())
    if as_json:
        terminal.put_json({"ok": not _failed(checks), "checks": [check.to_json() for check in checks]})
    else:
        width = max(len(check.name) for check in checks)
        terminal.put("\n".join(_line(check, width) for check in checks))
    return EXIT_FAILED if _failed(checks) else EXIT_OK


def _failed(checks: list[Check]) -> bool:
    return any(check.status == "error" for check in checks)


def _line(check: Check, width: int) -> str:
    paint = terminal.paint_for(sys.stdout)
    role, mark = _MARKS[check.status]
    line = f"{paint(role, mark)}  {check.name:<{width}}  {printable(check.found)}"
    return line + (f"\n{'':{width + 8}}{paint('help', 'help:')} {printable(check.help)}" if check.help else "")
