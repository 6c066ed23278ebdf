"""A contract compiled for one function or one data edge: what runs at each crossing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken: its key in the manifest, and what was found (never with a redacted value)."""

    rule: str
    message: str


class Ledger:
    """What the rules of one edge count during one run. Shared by threads; each rule locks what it writes."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The compiled rules of one edge for one function (or for the value of a data edge).

    Arguments:
        needs_args, needs_result: whether a rule wants the values themselves; where none does they are never lifted.
        timeout: seconds for one call, what it calls included, or None; the runtime enforces it.
        denies: on a violation the caller gets an error instead of the run's end.
        before: asked before the call with (ledger, size of the request, arguments by name or None).
        after: asked after it with (ledger, size of the response, result or None).
    """

    needs_args: bool
    needs_result: bool
    timeout: float | None
    denies: bool
    before: Callable[[Ledger, int, Mapping[str, Any] | None], Violation | None]
    after: Callable[[Ledger, int, Any], Violation | None]
