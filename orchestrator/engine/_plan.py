"""How one function is called: its parameters' lowerers, its result's lifter and its sizers, compiled once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.engine._sizes import sizer
from orchestrator.engine._values import Lift, Lower, imported, lifter, lowerer
from orchestrator.interface.types import Function, Type


@dataclass(frozen=True, slots=True)
class Plan:
    """A function, ready to be called or served."""

    function: Function
    lower: tuple[Lower, ...]
    lift: tuple[Lift, ...]
    lower_result: Lower | None
    lift_result: Lift | None
    request_size: Callable[[int], int]
    response_size: Callable[[int], int]
    has_handles: bool


def plan(function: Function) -> Plan:
    """The plan of a function.

    Raises:
        UnsupportedType: when a type of it cannot cross.
    """
    types = tuple(field.type for field in function.params)
    results = () if function.result is None else (function.result,)
    return _plan(function, types, results, tuple(flag for type_ in types + results for flag in imported(type_)))


@lru_cache(maxsize=4096)
def _plan(function: Function, params: tuple[Type, ...], results: tuple[Type, ...], handles: tuple[bool, ...]) -> Plan:
    return Plan(
        function,
        tuple(map(lowerer, params)),
        tuple(map(lifter, params)),
        lowerer(results[0]) if results else None,
        lifter(results[0]) if results else None,
        sizer(params),
        sizer(results),
        bool(handles),
    )
