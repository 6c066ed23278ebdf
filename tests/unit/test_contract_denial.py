"""`on-violation: deny`: which functions have room for a denial, and the error that their caller gets."""

from __future__ import annotations

import pytest

from orchestrator.contract import can_deny, denial
from orchestrator.interface.types import STRING, U32, Case, Function, Result, Type, Variant
from orchestrator.interface.values import Variant as Value

ERROR = Variant((Case("busy"), Case("denied", STRING)))


@pytest.mark.parametrize(
    ("error", "value"),
    [(STRING, {"err": "too many calls"}), (ERROR, {"err": Value("denied", "too many calls")})],
)
def test_a_function_with_room_for_a_denial_answers_with_one(error: Type, value: object) -> None:
    function = Function("ask", (), Result(U32, error))
    assert can_deny(function) is True
    assert denial(function, "too many calls") == value


@pytest.mark.parametrize(
    "result",
    [
        None,
        STRING,
        Result(STRING, None),
        Result(STRING, U32),
        Result(STRING, Variant((Case("denied"),))),
        Result(STRING, Variant((Case("denied", U32),))),
        Result(STRING, Variant((Case("refused", STRING),))),
    ],
)
def test_a_function_without_room_for_a_denial_has_none(result: Type | None) -> None:
    function = Function("ask", (), result)
    assert can_deny(function) is False
    with pytest.raises(ValueError) as caught:
        denial(function, "no")
    assert str(caught.value) == "the error type of `ask` has no room for a denial"
