"""How an exported function of an instance is called from Python or over an edge: one class for each way its values go.

By C values as they come (`CarriedCall`, `NumberCall`) or with handles among them (`HandleCall`), through the memory of
the instance's shim (`_bulk_call.BulkCall`), or into the guest's own (`_direct_call.DirectCall`). An instance is entered
by one thread at a time and never again while it calls out, so each has room for one call and serves one after the
other. Made by `Instance.ready`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine import _native as c
from orchestrator.engine._chosen import function_key
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._plan import Plan, plan
from orchestrator.engine.carried import CValue, Owned, owns, python_of
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Function, Name

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance


class Call(Protocol):
    """A function of an instance, ready to be called. The instance is entered."""

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """Calls it.

        Arguments:
            values: checked Python values, or carried ones of the parameters' types.

        Returns:
            The result, carried or a Python value in which lists of numbers may be memoryviews, None for a function
            without one; and its size in canonical form, bytes.
        """


class Exported:
    """An exported function as a caller names it, with what calling it takes. Made by `exported`.

    Arguments:
        interface: the exported interface the function is in; None for the world's own.
    """

    __slots__ = ("function", "interface", "key", "owns", "owns_result", "plan", "room")

    def __init__(self, interface: Name | None, function: Function) -> None:
        self.interface, self.function = interface, function
        self.key = function_key(interface, function.name)
        self.plan: Plan = plan(function)
        self.room = ctypes.c_uint64 * (c.VALUE // 8 * max(1, len(function.params)))
        """The C type of its arguments."""
        self.owns = tuple(owns(field.type) for field in function.params)
        """Whether there is something to free of each of them, once it was lowered."""
        self.owns_result = function.result is not None and owns(function.result)


def exported(interface: Name | None, function: Function) -> Exported:
    """The exported function of that name.

    Raises:
        UnsupportedType: when a type of it cannot cross.
    """
    return _exported(interface, function, plan(function))


@lru_cache(maxsize=4096)
def _exported(interface: Name | None, function: Function, _plan: Plan) -> Exported:
    return Exported(interface, function)


class _ByValue:
    """What the two ways by C values share.

    Arguments:
        address: of the function.
    """

    def __init__(self, instance: Instance, target: Exported, address: int) -> None:
        function = target.function
        self._instance, self._plan = instance, target.plan
        self._function, self._count = address, len(function.params)
        self._room = target.room()
        self._arguments = ctypes.addressof(self._room)
        self._owns, self._owns_result = target.owns, target.owns_result
        self._result, self._results = function.result, int(function.result is not None)

    def _made(self, values: Sequence[Any]) -> Owned:
        """Calls; where the result stands."""
        owned = Owned(self._owns_result)
        self._run(values, owned.at)
        return owned

    def _run(self, values: Sequence[Any], at: int) -> None:
        """Calls, and has the result stand at an address."""
        made = self._fill(values)
        try:
            self._instance.run(
                c.call, self._function, self._instance.context, self._arguments, self._count, at, self._results
            )
        finally:
            if made:
                _free(made)

    def _fill(self, values: Sequence[Any]) -> list[int]:
        """Puts the arguments into their places, carried ones as they are; the places of what is to be freed after.

        On an error in the middle, what was made so far is freed.
        """
        made: list[int] = []
        at, handles = self._arguments, self._instance.handles
        try:
            for lower, owns, value in zip(self._plan.lower, self._owns, values, strict=True):
                if value.__class__ is CValue:
                    MEMORY[at : at + c.VALUE] = MEMORY[value.at : value.at + c.VALUE]
                else:
                    MEMORY[at : at + c.VALUE] = lower(python_of(value, self._instance.check), handles)
                    if owns:
                        made.append(at)
                at += c.VALUE
        except BaseException:
            _free(made)
            raise
        return made


def _free(places: list[int]) -> None:
    """Frees what the C values at those places point to."""
    for at in places:
        c.value_delete(at)


class NumberCall(_ByValue):
    """By C values, with a number for a result, or none: there is nothing to carry."""

    def __init__(self, instance: Instance, target: Exported, address: int) -> None:
        super().__init__(instance, target, address)
        self._place = Owned(False)
        self._lift = target.plan.lift_result
        self._size = 0 if self._result is None else layout(self._result)[0]

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        at = self._place.at
        self._run(values, at)
        return None if self._lift is None else self._lift(at, self._instance.handles), self._size


class CarriedCall(_ByValue):
    """By C values: the result is carried as it came."""

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        owned = self._made(values)
        assert self._result is not None
        carried = CValue(self._result, owned.at, owned)
        return carried, carried.size()


class HandleCall(_ByValue):
    """By C values, handles among them: they are told apart before the call is forgotten."""

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        handles = self._instance.handles
        try:
            owned = self._made(values)
            if self._plan.lift_result is None:
                return None, 0
            return self._plan.lift_result(owned.at, handles), self._plan.response_size(owned.at)
        finally:
            handles.end_of_call()


def by_value(instance: Instance, target: Exported, address: int) -> Call:
    """What calls a function by C values."""
    result = target.function.result
    if target.plan.has_handles:
        return HandleCall(instance, target, address)
    return (CarriedCall if result is not None and owns(result) else NumberCall)(instance, target, address)
