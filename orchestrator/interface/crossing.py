"""How a function's values get in and out of a component by default, as its types alone say: `bulk: auto` of a node.

Not for carrying them: that is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from orchestrator.interface.types import Borrow, Function, List, Own, Type, walk

Carried = Literal["bulk", "values"]


def carried(function: Function) -> Carried:
    """`bulk`, through memory that the host owns, where there are lists and no handles; else `values`, one by one."""
    types = list(_types(function))
    lists = any(isinstance(type_, List) for type_ in types)
    return "bulk" if lists and not any(isinstance(type_, Own | Borrow) for type_ in types) else "values"


def _types(function: Function) -> Iterator[Type]:
    """Every type in a function's signature."""
    for field in function.params:
        yield from walk(field.type)
    if function.result is not None:
        yield from walk(function.result)
