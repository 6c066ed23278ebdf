"""`reject: [{path, pattern}]`: a regular expression that must not match in any string under the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.contract.checks import Ledger, Look, Violation
from orchestrator.contract.paths import strings, values_at
from orchestrator.interface.types import Type
from orchestrator.manifest.model import Reject, Steps


def reject(spec: Reject, type_: Type, steps: Steps, matches: Callable[[str], bool]) -> Look:
    """The rule for one pattern; its values are those of the variable that the path starts from.

    The message names the path and the pattern, never the string.
    """
    violation = Violation("reject", f"a string under `{spec.path}` matches `{spec.pattern}`")

    def rule(_ledger: Ledger, _size: int, value: Any) -> Violation | None:
        texts = (text for part in values_at(value, type_, steps) for text in strings(part))
        return violation if any(map(matches, texts)) else None

    return rule
