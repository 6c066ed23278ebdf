"""One exported function of one instance, ready to be called: where it is, and room for its arguments.

An instance is entered by one thread at a time and never again while it calls out, so the room serves one call after
the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._plan import Plan, plan
from orchestrator.engine.carried import Carried, points
from orchestrator.interface.types import Function, Name

if TYPE_CHECKING:
    from orchestrator.engine._resources import Handles


class Exported:
    """An exported function as a caller names it, with what calling it takes. Made by `exported`.

    Arguments:
        interface: the exported interface the function is in; None for the world's own.
    """

    __slots__ = ("function", "interface", "key", "plan")

    def __init__(self, interface: Name | None, function: Function) -> None:
        self.interface, self.function = interface, function
        self.key = function_key(interface, function.name)
        self.plan: Plan = plan(function)


def exported(interface: Name | None, function: Function) -> Exported:
    """The exported function of that name.

    Raises:
        UnsupportedType: when a type of it cannot cross.
    """
    return _exported(interface, function, plan(function))


@lru_cache(maxsize=4096)
def _exported(interface: Name | None, function: Function, _plan: Plan) -> Exported:
    return Exported(interface, function)


@lru_cache(maxsize=4096)
def function_key(interface: Name | None, name: str) -> str:
    """What an exported function is looked up by in an instance: a text, whose hash is known."""
    return f"{interface or ''}#{name}"


class Prepared:
    """Made when an instance's function is first called.

    Arguments:
        address: of the function.
    """

    __slots__ = ("_lower", "_owns", "_room", "arguments", "count", "function", "owns_result", "result", "results")

    def __init__(self, target: Exported, address: int) -> None:
        function = target.function
        self.function, self.count = address, len(function.params)
        self._room = (ctypes.c_uint64 * (c.VALUE // 8 * max(1, self.count)))()
        self.arguments = ctypes.addressof(self._room)
        self._lower = target.plan.lower
        self._owns = tuple(points(field.type) for field in function.params)
        self.result, self.results = function.result, int(function.result is not None)
        self.owns_result = function.result is not None and points(function.result)

    def fill(self, values: Sequence[Any], handles: Handles) -> list[int]:
        """Puts the arguments into their places, carried ones as they are; the places of what is to be freed after.

        On an error in the middle, what was made so far is freed.
        """
        made: list[int] = []
        at = self.arguments
        try:
            for lower, owns, value in zip(self._lower, self._owns, values, strict=True):
                if value.__class__ is Carried:
                    MEMORY[at : at + c.VALUE] = MEMORY[value.at : value.at + c.VALUE]
                else:
                    MEMORY[at : at + c.VALUE] = lower(value, handles)
                    if owns:
                        made.append(at)
                at += c.VALUE
        except BaseException:
            free(made)
            raise
        return made


def free(places: list[int]) -> None:
    """Frees what the values at those places point to."""
    for at in places:
        c.value_delete(at)
