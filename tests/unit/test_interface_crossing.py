"""By which types values cross in bulk; that the engine is of the same mind."""

from __future__ import annotations

import pytest
from hypothesis import given

from orchestrator.engine._chosen import chosen
from orchestrator.interface import types as t
from orchestrator.interface.crossing import Carried, carried
from tests.support.strategies import all_types

HAND = t.Resource("hand", "test:hands/hands")


def function(result: t.Type | None, *params: t.Type) -> t.Function:
    return t.Function("f", tuple(t.Field(f"p{at}", type_) for at, type_ in enumerate(params)), result)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (function(None), "values"),
        (function(t.STRING, t.STRING, t.U32), "values"),
        (function(t.List(t.U8)), "bulk"),
        (function(None, t.U32, t.List(t.STRING)), "bulk"),
        (function(None, t.Option(t.Record((t.Field("all", t.List(t.F64)),), "r"))), "bulk"),
        (function(t.List(t.U8), t.Borrow(HAND)), "values"),
        (function(t.List(t.Own(HAND))), "values"),
    ],
)
def test_lists_without_handles_cross_in_bulk(signature: t.Function, expected: Carried) -> None:
    assert carried(signature) == expected


@given(all_types(), all_types())
def test_the_engine_is_of_the_same_mind(one: t.Type, other: t.Type) -> None:
    for handle in (t.U8, t.Own(HAND), t.Borrow(HAND)):
        signature = function(other, one, handle)
        in_bulk, _ = chosen(t.World(exports=(signature,)), "auto")
        assert carried(signature) == ("bulk" if in_bulk else "values")
