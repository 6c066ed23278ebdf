"""Calls an exported function through the memory of its instance's shim: values are laid out there by the host.

See `_calls` for the other ways, `_shim` for the shim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._arena import Arena, advance, following, full
from orchestrator.engine._flat import copied_whole
from orchestrator.engine._layouts import alone, layout_of
from orchestrator.engine._libc import ROOM
from orchestrator.engine._numbers import Number, Numbers
from orchestrator.engine._reflat import reflat
from orchestrator.engine._store import storer
from orchestrator.engine.carried import Block, Carried, python_of
from orchestrator.interface.sizes import layout, offsets
from orchestrator.interface.types import Tuple

if TYPE_CHECKING:
    from orchestrator.engine._calls import Exported
    from orchestrator.engine.instance import Instance


class BulkCall:
    """Through the memory of the shim: values are laid out there, and only plain numbers are passed.

    Arguments:
        address: of the shim's function.
        arena: the memory.
    """

    def __init__(self, instance: Instance, target: Exported, address: int, arena: Arena) -> None:
        self._instance, self._function, self.arena = instance, address, arena
        self._allowed, self._check = instance.allowed, instance.check
        self._layout = layout_of(target.function)
        flats = self._layout.signature
        self._by_pointer, self._spilled = flats.by_pointer, flats.spilled
        self._arguments = Numbers((*flats.params, "i32") if flats.by_pointer else flats.params)
        self._answer = Numbers((flats.result,) if flats.result else ())
        self._types = tuple(field.type for field in target.function.params)
        self._result = target.function.result
        self._room = layout(self._result) if self._result is not None else (0, 1)
        self._detached = self._result is not None and flats.by_pointer and not copied_whole(self._result)

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        memory = self.arena.memory
        advance(memory, ROOM)
        try:
            number = self.run(self._lowered(values, memory))
            size = self._layout.response_size(number, memory, self._allowed)
            if self._detached:
                result = self._taken(int(number), memory)
            else:
                result = self._layout.load_result_arrays(number, memory, self._allowed)
        except BaseException:
            self.arena.wipe()
            raise
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
        try:
            found = self._copied(source, numbers)
        except BaseException:
            self.arena.wipe()
            raise
        self.arena.clear()
        return found

    def _copied(self, source: Arena, numbers: Sequence[Number]) -> tuple[Number, int]:
        theirs, mine = source.memory, self.arena.memory
        start, end = source.marked, following(theirs)
        _copy(theirs, mine, start, end)
        advance(mine, max(end, ROOM))
        numbers = (*numbers, self.arena.take(*self._room)) if self._by_pointer else numbers
        number = self.run(numbers)
        size = self._layout.response_size(number, mine, self._allowed)
        if self._by_pointer:
            start, end = int(number), following(mine)
            _copy(mine, theirs, start, end)
            advance(theirs, end)
        return number, size

    def _lowered(self, values: Sequence[Any], memory: memoryview) -> tuple[Number, ...]:
        """Lays the arguments out; a block goes back to the place that it was copied from, if that is free."""
        if not any(isinstance(value, Carried) for value in values):
            return self._layout.lower(values, memory)
        first = next((value for value in values if value.__class__ is Block), None)
        if first is None:
            return self._layout.lower([python_of(value, self._check) for value in values], memory)
        end = first.start + len(first.data)
        if end > len(memory):
            raise full(end - len(memory), memory)
        memory[first.start : end] = first.data
        advance(memory, end)
        numbers = self._spilled_around(first, values) if self._spilled else self._flat_around(first, values)
        if self._by_pointer:
            numbers.append(self.arena.take(*self._room))
        return tuple(numbers)

    def _flat_around(self, first: Block, values: Sequence[Any]) -> list[Number]:
        """The numbers of the arguments, of which one lies in the memory already."""
        numbers: list[Number] = []
        memory = self.arena.memory
        for type_, value in zip(self._types, values, strict=True):
            numbers += (
                reflat(type_)(memory, first.at)
                if value is first
                else alone(type_).lower([python_of(value, self._check)], memory)
            )
        return numbers

    def _spilled_around(self, first: Block, values: Sequence[Any]) -> list[Number]:
        """The same where all of them are passed by one pointer: what lies there is put among the others.

        What it points to stays where it is.
        """
        memory = self.arena.memory
        start = self.arena.take(*layout(Tuple(self._types)))
        for type_, place, value in zip(self._types, offsets(self._types), values, strict=True):
            at, size = start + place, layout(type_)[0]
            if value is first:
                memory[at : at + size] = memory[first.at : first.at + size]
            else:
                advance(memory, storer(type_)(python_of(value, self._check), memory, at, following(memory)))
        return [start]

    def _taken(self, at: int, memory: memoryview) -> Block:
        """The result, copied out with all that it points to, which was written behind it."""
        assert self._result is not None
        return Block(self._result, at, at, bytes(memory[at : following(memory)]), self._instance.settings.objects)


def _copy(source: memoryview, target: memoryview, start: int, end: int) -> None:
    """Copies what lies there to the same place in another memory.

    Raises:
        LimitExceeded: that is smaller.
    """
    if end > len(target):
        raise full(end - len(target), target)
    target[start:end] = source[start:end]
