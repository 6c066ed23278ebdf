"""`on-violation: deny`: the error that the caller gets in place of an answer, where its type has room for one."""

from __future__ import annotations

from typing import Any

from orchestrator.interface.types import STRING, Function, Result, Variant
from orchestrator.interface.values import Variant as VariantValue

_CASE = "denied"


def can_deny(function: Function) -> bool:
    """Whether the function's error type is `string` or a variant with the case `denied(string)`."""
    return isinstance(function.result, Result) and _has_room(function.result)


def denial(function: Function, message: str) -> dict[str, Any]:
    """The result that tells the caller it was denied, in its Python form.

    Raises ValueError for a function without room for it (see `can_deny`): the caller then traps.
    """
    if not can_deny(function):
        raise ValueError(f"the error type of `{function.name}` has no room for a denial")
    assert isinstance(function.result, Result)
    return {"err": message if function.result.err == STRING else VariantValue(_CASE, message)}


def _has_room(result: Result) -> bool:
    if isinstance(result.err, Variant):
        return any(case.name == _CASE and case.type == STRING for case in result.err.cases)
    return result.err == STRING
