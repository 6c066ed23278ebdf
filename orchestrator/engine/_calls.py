"""How an exported function of an instance is called from Python or over an edge: one class for each way its values go.

By C values as they come (`CarriedCall`), by C values with handles among them (`HandleCall`), or through the memory of
the instance's shim (`BulkCall`). An instance is entered by one thread at a time and never again while it calls out, so
each has room for one call and serves one after the other. Made by `Instance.ready`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine import _native as c
from orchestrator.engine._arena import ROOM, Arena, advance, following
from orchestrator.engine._chosen import function_key
from orchestrator.engine._flat import is_cheap
from orchestrator.engine._layouts import Lower, layout_of
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbers import Number, Row
from orchestrator.engine._plan import Plan, plan
from orchestrator.engine._reflat import reflat
from orchestrator.engine.carried import Block, Carried, CValue, Owned, points, python_of
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Field, Function, Name, Type

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


class _ByValue:
    """What the two ways by C values share.

    Arguments:
        address: of the function.
    """

    def __init__(self, instance: Instance, target: Exported, address: int) -> None:
        function = target.function
        self._instance, self._plan = instance, target.plan
        self._function, self._count = address, len(function.params)
        self._room = (ctypes.c_uint64 * (c.VALUE // 8 * max(1, self._count)))()
        self._arguments = ctypes.addressof(self._room)
        self._owns = tuple(points(field.type) for field in function.params)
        self._result, self._results = function.result, int(function.result is not None)
        self._owns_result = function.result is not None and points(function.result)

    def _made(self, values: Sequence[Any]) -> Owned:
        """Calls; where the result stands."""
        owned, made = Owned(self._owns_result), self._fill(values)
        try:
            self._instance.run(
                c.call, self._function, self._instance.context, self._arguments, self._count, owned.at, self._results
            )
        finally:
            if made:
                _free(made)
        return owned

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
                    MEMORY[at : at + c.VALUE] = lower(python_of(value), handles)
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


class CarriedCall(_ByValue):
    """By C values: the result is carried as it came."""

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        owned = self._made(values)
        if self._result is None:
            return None, 0
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


class BulkCall:
    """Through the memory of the shim: values are laid out there, and only plain numbers are passed.

    Arguments:
        address: of the shim's function.
        arena: the memory.
    """

    def __init__(self, instance: Instance, target: Exported, address: int, arena: Arena) -> None:
        self._instance, self._function, self.arena = instance, address, arena
        self._layout = layout_of(target.function)
        flats = self._layout.signature
        self._by_pointer, self._spilled = flats.by_pointer, flats.spilled
        self._arguments = Row((*flats.params, "i32") if flats.by_pointer else flats.params)
        self._answer = Row((flats.result,) if flats.result else ())
        self._types = tuple(field.type for field in target.function.params)
        self._result = target.function.result
        self._room = layout(self._result) if self._result is not None else (0, 1)
        self._detached = self._result is not None and flats.by_pointer and not is_cheap(self._result)

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        memory = self.arena.memory
        advance(memory, ROOM)
        number = self.run(self._lowered(values, memory))
        size = self._layout.response_size(number, memory)
        if self._detached:
            result = self._taken(int(number), memory)
        else:
            result = self._layout.load_result_arrays(number, memory)
        self.arena.clear()
        return result, size

    def run(self, numbers: Sequence[Number]) -> Number:
        """Calls with the numbers of values that lie in the memory; the number of the result."""
        self.arena.mark()
        self._arguments.fill(numbers)
        self._instance.run(
            c.call, self._function, self._instance.context, self._arguments.at, self._arguments.count,
            self._answer.at, self._answer.count,
        )  # fmt: skip
        if self._by_pointer:
            return numbers[-1]
        return self._answer.read()[0] if self._answer.count else 0

    def through(self, source: Arena, numbers: Sequence[Number]) -> tuple[Number, int]:
        """Calls with values that lie in another shim's memory, and brings the result there.

        They are copied as they are, to the same place, since what they point to is told from the start of the memory:
        this one is empty, and there the room behind them is free. The result comes back in the same way.
        """
        theirs, mine = source.memory, self.arena.memory
        start, end = source.marked, following(theirs)
        mine[start:end] = theirs[start:end]
        advance(mine, max(end, ROOM))
        numbers = (*numbers, self.arena.take(*self._room)) if self._by_pointer else numbers
        number = self.run(numbers)
        size = self._layout.response_size(number, mine)
        if self._by_pointer:
            start, end = int(number), following(mine)
            theirs[start:end] = mine[start:end]
            advance(theirs, end)
        self.arena.clear()
        return number, size

    def _lowered(self, values: Sequence[Any], memory: memoryview) -> tuple[Number, ...]:
        """Lays the arguments out; a block goes back to the place that it was copied from, if that is free."""
        if not any(isinstance(value, Carried) for value in values):
            return self._layout.lower(values, memory)
        first = next((value for value in values if value.__class__ is Block), None)
        if first is None or self._spilled:
            return self._layout.lower([python_of(value) for value in values], memory)
        memory[first.start : first.start + len(first.data)] = first.data
        advance(memory, first.start + len(first.data))
        numbers: list[Number] = []
        for type_, value in zip(self._types, values, strict=True):
            numbers += (
                reflat(type_)(memory, first.at) if value is first else _argument(type_)([python_of(value)], memory)
            )
        if self._by_pointer:
            numbers.append(self.arena.take(*self._room))
        return tuple(numbers)

    def _taken(self, at: int, memory: memoryview) -> Block:
        """The result, copied out with all that it points to, which was written behind it."""
        assert self._result is not None
        return Block(self._result, at, at, bytes(memory[at : following(memory)]))


@lru_cache(maxsize=4096)
def _argument(type_: Type) -> Lower:
    """What lays one argument of a type out, and gives its numbers."""
    return layout_of(Function("", (Field("value", type_),))).lower
