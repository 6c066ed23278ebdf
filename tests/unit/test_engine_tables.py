"""One number for every table: all of them together keep to the limit, and none could have had more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine._tables import each_table
from orchestrator.engine.component import Size
from orchestrator.errors import LimitExceeded

_NUMBERS = st.integers(0, 50)
_SIZES = st.tuples(_NUMBERS, st.none() | _NUMBERS).map(
    lambda pair: (pair[0], None if pair[1] is None else pair[0] + pair[1])
)


def together(tables: tuple[Size, ...], each: int) -> int:
    """Elements of tables that grow as far as they can."""
    return sum(each if most is None else min(most, each) for _, most in tables)


@pytest.mark.parametrize(
    ("tables", "limit", "each"),
    [
        ((), 5, 5),
        (((1, None),), 100, 100),
        (((1, None), (1, None)), 101, 50),
        (((10, 10), (20, 30), (1, None)), 1000, 960),
        (((5, 5), (5, 5)), 10, 10),
        (((0, 0),), 0, 0),
    ],
)
def test_what_each_may_have(tables: tuple[Size, ...], limit: int, each: int) -> None:
    assert each_table(tables, limit) == each


@given(st.lists(_SIZES, max_size=6).map(tuple), st.integers(0, 300))
def test_it_is_the_most_under_which_the_limit_holds(tables: tuple[Size, ...], limit: int) -> None:
    least = max((least for least, _ in tables), default=0)
    if together(tables, least) > limit:
        with pytest.raises(LimitExceeded):
            each_table(tables, limit)
        return
    each = each_table(tables, limit)
    assert each >= least
    assert together(tables, each) <= limit
    assert each >= limit or together(tables, each + 1) > limit


def test_what_is_needed_is_told() -> None:
    with pytest.raises(LimitExceeded) as caught:
        each_table(((10, 10), (1, None), (2, 5)), 24)
    assert caught.value.message == "the component's tables need 25 elements from the start, and their limit is 24"
