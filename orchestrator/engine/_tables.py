"""How large each table of an instance may get, so that all of them together keep to one limit.

A store's limiter has one number for every table. Most tables never grow, and say so in the binary: they take what they
have, and what is left is shared evenly by those that may.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.errors import LimitExceeded

if TYPE_CHECKING:
    from orchestrator.engine.component import Size


@lru_cache(maxsize=1024)
def each_table(tables: tuple[Size, ...], limit: int) -> int:
    """The number of elements that no table may exceed: the largest for which no more than `limit` come together.

    Raises:
        LimitExceeded: a table begins with more.
    """
    needed = _together(tables, max((least for least, _ in tables), default=0))
    if needed > limit:
        raise LimitExceeded(
            f"the component's tables need {needed} elements from the start, and their limit is {limit}", limit="tables"
        )
    return _shared(tables, limit)


def _together(tables: tuple[Size, ...], each: int) -> int:
    """Elements of all tables, if none had more than `each`."""
    return sum(each if most is None else min(most, each) for _, most in tables)


def _shared(tables: tuple[Size, ...], limit: int) -> int:
    left = limit
    for number, most in enumerate(sorted(limit if most is None else most for _, most in tables)):
        share = left // (len(tables) - number)
        if most > share:
            return share
        left -= most
    return limit
