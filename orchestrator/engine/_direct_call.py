"""Calls an exported function in plain numbers, its lists laid out in the guest's own memory by the host.

What the engine's adapter does for a call is done here: the guest's `realloc` gives room for each string and list, which
is copied there whole; the core function is called; its result is read where it stands; post-return has the guest free
it. Like the adapter this trusts nothing that the guest says: whatever it gives that is not in its memory, or not as it
must be, is a trap, and ends its instance. Where the memory is and what the exports are called is told by `_direct`.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._arena import Arena
from orchestrator.engine._direct import Direct
from orchestrator.engine._flat import flat
from orchestrator.engine._layouts import Lower, alone, layout_of
from orchestrator.engine._load import broken, outside
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbers import Number, Numbers, kind, writer
from orchestrator.engine.carried import python_of
from orchestrator.errors import LimitExceeded, Trapped
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.numbers import number_code
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import STRING, U8, List, Type

if TYPE_CHECKING:
    from orchestrator.engine._calls import Exported
    from orchestrator.engine._memories import Memory
    from orchestrator.engine.instance import Instance

MOST = (1 << 32) - 1
"""Bytes that a length in a guest's memory can say."""

Data = tuple[Any, int]
"""A string or list as it is to lie in memory, bytes or a view of them, and how many bytes or items it says it has."""
Part = Data | tuple[Number, ...]
"""One parameter: data, or the number it is passed as, or the several of large flags."""
_NOWHERE = memoryview(b"")
_NO_ANSWER = Numbers(())
_PAIR = 8, 4
"""Bytes and alignment of the two words of a string or list."""
_BEHIND = 8
"""Bytes from a pair to the data that is put behind it: at a multiple of that any number stands well."""
_words, _put_pair = struct.Struct("<II").unpack_from, struct.Struct("<II").pack_into
_put_wanted, _U32 = writer(("i32", "i32")).pack_into, kind("i32")


class DirectCall:
    """Through the guest's own memory: see `_calls.Call`.

    Arguments:
        place: how the function is called.
        memory: where its values lie.
    """

    def __init__(self, instance: Instance, target: Exported, place: Direct, memory: Memory) -> None:
        self._instance, self._memory = instance, memory
        self._function = instance.find(None, place.function)
        self._post_return = instance.find(None, place.post_return) if place.post_return else 0
        self._realloc = _Realloc(instance, instance.find(None, place.realloc), memory) if place.realloc else None
        self._layout = layout_of(target.function)
        flats = self._layout.signature
        self._arguments = Numbers(flats.params)
        self._answer = Numbers((flats.returned,) if flats.returned else ())
        types = tuple(field.type for field in target.function.params)
        self._encoders = tuple(map(_encoder, types))
        self._units = tuple(map(_unit, types))
        ends = list(accumulate((len(flat((type_,))) for type_ in types), initial=0))
        self._spots = tuple(zip(self._units, ends[:-1], ends[1:], strict=True))
        self._result = target.function.result
        self._result_unit = 0 if self._result is None else _unit(self._result)

    def call(self, values: Sequence[Any]) -> tuple[Any, int]:
        """See `Call`."""
        check = self._instance.check
        parts = [encode(python_of(value, check)) for encode, value in zip(self._encoders, values, strict=True)]
        return self._done(parts, self._layout.load_result_arrays)

    def through(self, source: Arena, numbers: Sequence[Number]) -> tuple[Number, int]:
        """Calls with values that lie in another shim's memory, and brings the result there."""
        theirs = source.memory
        return self._done(
            self._lying(numbers, theirs), lambda number, mine, _allowed: self._brought(number, mine, source)
        )

    def _done(self, parts: Sequence[Part], take: Callable[[Number, memoryview, Allowance], Any]) -> tuple[Any, int]:
        """Calls, has `take` read the result out of the memory, and the guest free it.

        A call that does not come to its end leaves the guest in a state that nobody knows: so its instance ends too.
        """
        try:
            number = self._run(self._placed(parts))
            view = self._memory.view()
            allowed = self._instance.allowed
            result = take(number, view, allowed)
            size = self._layout.response_size(number, view, allowed)
            if self._post_return:
                self._enter(self._post_return, self._answer, _NO_ANSWER)
        except BaseException as problem:
            self._instance.end(problem)
            raise
        return result, size

    def _placed(self, parts: Sequence[Part]) -> list[Number]:
        """The numbers of the call, the data of each string and list copied into room that the guest gives."""
        numbers: list[Number] = []
        for unit, part in zip(self._units, parts, strict=True):
            numbers += (self._copied(part[0], unit), part[1]) if unit else part
        return numbers

    def _copied(self, data: Any, align: int) -> int:
        assert self._realloc is not None
        size = len(data)
        at = self._realloc.room(size, align)
        start = self._memory.base + at
        MEMORY[start : start + size] = data
        return at

    def _run(self, numbers: Sequence[Number]) -> Number:
        """Calls the core function; the number of the result."""
        self._arguments.fill(numbers)
        self._enter(self._function, self._arguments, self._answer)
        return self._answer.read()[0] if self._answer.count else 0

    def _enter(self, function: int, arguments: Numbers, answer: Numbers) -> None:
        self._instance.run(
            c.call, function, self._instance.context, arguments.at, arguments.count, answer.at, answer.count
        )

    def _lying(self, numbers: Sequence[Number], theirs: memoryview) -> list[Part]:
        """The parameters, of which numbers say where they lie in another memory."""
        return [
            (_span(theirs, int(numbers[at]), int(numbers[at + 1]), unit), int(numbers[at + 1]))
            if unit
            else tuple(numbers[at:end])
            for unit, at, end in self._spots
        ]

    def _brought(self, number: Number, mine: memoryview, source: Arena) -> Number:
        """Brings the result into another memory; the number of it there."""
        if not self._result_unit:
            value = self._layout.load_result_arrays(number, mine, self._instance.allowed)
            return self._layout.store_result(value, source.memory)
        start, count = _pair(int(number), mine)
        data = _span(mine, start, count, self._result_unit, self._result_unit)
        if self._result == STRING:
            _decoded(data)
        theirs, size = source.memory, len(data)
        pair = source.take(_BEHIND + size, _BEHIND)
        at = pair + _BEHIND
        theirs[at : at + size] = data
        _put_pair(theirs, pair, at, count)
        return pair


class _Realloc:
    """The function by which a guest gives room in its memory."""

    def __init__(self, instance: Instance, function: int, memory: Memory) -> None:
        self._instance, self._function, self._memory = instance, function, memory
        self._arguments, self._answer = Numbers(("i32",) * 4), Numbers(("i32",))
        self._arguments.fill((0, 0, 1, 0))
        self._wanted = self._arguments.at + 2 * c.VALUE

    def room(self, size: int, align: int) -> int:
        """The offset of so many bytes, at a multiple of `align`; the memory may have grown for them.

        Raises:
            Trapped: the guest trapped, or gave what is not there.
        """
        _put_wanted(MEMORY, self._wanted, _U32, align, _U32, size)
        self._instance.run(
            c.call, self._function, self._instance.context, self._arguments.at, 4, self._answer.at, 1
        )  # fmt: skip
        at = int(self._answer.read()[0])
        if at + size > self._memory.size or at & align - 1:
            raise Trapped(
                f"the guest's realloc gave {at} for {size} bytes at a multiple of {align}, "
                f"in a memory of {self._memory.size} bytes"
            )
        return at


# Out of memory


def _pair(at: int, memory: memoryview) -> tuple[int, int]:
    """Where a string or list lies whose two words stand at an offset, and how many bytes or items it has."""
    size, align = _PAIR
    if at + size > len(memory) or at & align - 1:
        outside(at, size, memory, align)
    start, count = _words(memory, at)
    return start, count


def _span(memory: memoryview, start: int, count: int, unit: int, align: int = 1) -> memoryview:
    """The bytes of so many items."""
    size = count * unit
    if start + size > len(memory) or start & align - 1:
        outside(start, size, memory, align)
    return memory[start : start + size]


def _decoded(data: memoryview) -> str:
    """The text of a string, if it is one."""
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as problem:
        raise broken(problem) from None


# Into memory


@lru_cache(maxsize=4096)
def _unit(type_: Type) -> int:
    """Bytes of an item, which are its alignment, of what is passed as a pointer and a length; 0 for other types."""
    if type_ == STRING:
        return 1
    return layout(type_.element)[0] if isinstance(type_, List) and number_code(type_.element) else 0


@lru_cache(maxsize=4096)
def _encoder(type_: Type) -> Callable[[Any], Part]:
    """What brings a checked argument into the form in which it crosses."""
    if type_ == STRING:
        return _encoded_text
    if type_ == List(U8):
        return _data
    if isinstance(type_, List):
        return partial(_encoded_numbers, number_code(type_.element))
    return partial(_passed, alone(type_).lower)


def _encoded_text(text: str) -> Data:
    return _data(text.encode())


def _encoded_numbers(code: Any, items: Any) -> Data:
    view = items if type(items) is memoryview else memoryview(array(code, items))
    return _data(view.cast("B"))[0], len(items)


def _passed(lower: Lower, value: Any) -> tuple[Number, ...]:
    return lower((value,), _NOWHERE)


def _data(data: Any) -> Data:
    """Bytes, if a guest's memory can be large enough for them.

    Raises:
        LimitExceeded: it cannot.
    """
    size = len(data)
    if size > MOST:
        message = f"a value of {size} bytes is larger than a guest's memory: pass it in several calls"
        raise LimitExceeded(message, limit="values")
    return data, size
