"""How a function's values get in and out of a component by default, as its types alone say: `bulk: auto` of a node.

Not for carrying them: that is the engine's.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.interface.types import Borrow, Function, List, Own, walk

Carried = Literal["bulk", "values"]


def carried(function: Function) -> Carried:
    """`bulk`, through memory that the host owns, where there are lists and no handles; else `values`, one by one."""
    return "bulk" if has_lists(function) and not has_handles(function) else "values"


def has_lists(function: Function) -> bool:
    """Whether a list is among a function's parameters or in its result."""
    return any(isinstance(part, List) for type_ in function.types for part in walk(type_))


def has_handles(function: Function) -> bool:
    """Whether a handle is among a function's parameters or in its result."""
    return any(isinstance(part, Own | Borrow) for type_ in function.types for part in walk(type_))
