"""How one function is called through a shim: its values brought to flat numbers and memory, and back, and measured.

The numbers are those of the shim's functions (`_flat.signature`): unsigned integers and floats. An exported function
whose result goes through memory gets a last one, where the result is to be written, which its caller takes room for.
Functions are compiled when they are first used, once for all functions of the same types.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

from orchestrator.engine._arena import WORD, full
from orchestrator.engine._block_sizes import Measuring, claims, extra
from orchestrator.engine._flat import MAX_PARAMS, MAX_RESULTS, Signature, flat, points, signature
from orchestrator.engine._leaves import Row, Slots, refuse
from orchestrator.engine._load import Loading
from orchestrator.engine._numbers import Number
from orchestrator.engine._store import Storing
from orchestrator.engine._written import FunctionText, tuple_of
from orchestrator.interface.allowance import Allowance, counts
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Field, Function, Tuple, Type

Lower = Callable[[Sequence[Any], memoryview], tuple[Number, ...]]
"""(checked values, the memory) -> the numbers of the call; room is taken for what they point to."""
Lift = Callable[[Sequence[Number], memoryview, Allowance], tuple[Any, ...]]
"""(the numbers of a call, the memory, what may be made) -> the values."""
LoadResult = Callable[[Number, memoryview, Allowance], Any]
"""(a core result, or the offset of the result; the memory; what may be made) -> the value."""
StoreResult = Callable[[Any, memoryview], Number]
"""(a checked value, the memory) -> the core result, or the offset of the result, for which room is taken."""
RequestSize = Callable[[Sequence[Number], memoryview, Allowance], int]
ResponseSize = Callable[[Number, memoryview, Allowance], int]
"""The same -> bytes; nothing is made of the allowance, which looks at the time."""


class Layout:
    """The conversions of one function.

    Arguments:
        function: no handle is in its types.

    Raises:
        UnsupportedType: a type of it does not cross in memory.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.signature: Signature = signature(function)
        self._params = tuple(field.type for field in function.params)
        self._result = function.result
        refuse(function.types)

    @cached_property
    def lower(self) -> Lower:
        """Brings checked arguments into numbers, with the offset for the result last where it goes through memory."""
        return _lower(self._params, self._result if self.signature.by_pointer else None)

    @cached_property
    def lift(self) -> Lift:
        """Reads the arguments of a served import; lists of numbers as lists."""
        return _lift(self._params, False)

    @cached_property
    def lift_arrays(self) -> Lift:
        """The same; lists of numbers as read-only memoryviews of their type."""
        return _lift(self._params, True)

    @cached_property
    def load_result(self) -> LoadResult:
        """Reads the result of an export; lists of numbers as lists."""
        return _load_result(self._result, False)

    @cached_property
    def load_result_arrays(self) -> LoadResult:
        """The same; lists of numbers as read-only memoryviews of their type."""
        return _load_result(self._result, True)

    @cached_property
    def store_result(self) -> StoreResult:
        """Brings the checked result of a served import into a number."""
        return _store_result(self._result)

    @cached_property
    def request_size(self) -> RequestSize:
        """The size in canonical form of the arguments, bytes."""
        return _request_size(self._params)

    @cached_property
    def response_size(self) -> ResponseSize:
        """The size in canonical form of the result, bytes."""
        return _response_size(self._result)


@lru_cache(maxsize=4096)
def layout_of(function: Function) -> Layout:
    """The conversions of a function; equal functions share them.

    Raises:
        UnsupportedType: a type of it does not cross in memory.
    """
    return Layout(function)


@lru_cache(maxsize=4096)
def alone(type_: Type) -> Layout:
    """The conversions of one argument of that type by itself.

    Raises:
        UnsupportedType: the type does not cross in memory.
    """
    return layout_of(Function("", (Field("value", type_),)))


# Into memory


def _storing() -> Storing:
    return Storing(
        FunctionText(
            {"full": full, "array": array, "memoryview": memoryview, "word": WORD.unpack_from, "put": WORD.pack_into}
        )
    )


def _finished(writing: Storing, head: str, result: str) -> Any:
    """The function that takes room if the lines do, and tells the memory when all of them are done."""
    if writing.takes:
        writing.lines.insert(0, "(free,) = word(memory, 0)")
        writing.add("put(memory, 0, free)")
    return writing.function(head, result)


@lru_cache(maxsize=4096)
def _lower(params: tuple[Type, ...], result: Type | None) -> Lower:
    writing = _storing()
    numbers = _lower_spilled(writing, params) if _spilled(params) else _lower_flat(writing, params)
    if result is not None:
        writing.room("result", *layout(result))
        numbers.append("result")
    found: Lower = _finished(writing, "lower(values, memory)", tuple_of(numbers))
    return found


def _lower_flat(writing: Storing, params: tuple[Type, ...]) -> list[str]:
    slots = Slots(flat(params))
    names = [writing.code.fresh() for _ in params]
    writing.add(f"{tuple_of(names)} = values")
    for name, (type_, place) in zip(names, slots.inside(params, 0), strict=True):
        writing.value(type_, name, slots, place)
    return slots.passed()


def _lower_spilled(writing: Storing, params: tuple[Type, ...]) -> list[str]:
    _store_block(writing, Tuple(params), "values")
    return ["at"]


def _store_block(writing: Storing, type_: Type, value: str) -> None:
    """Lines that take room for a value at `at` and store it there."""
    writing.room("at", *layout(type_))
    row = Row(writing.code.numbers)
    writing.value(type_, value, row, 0)
    writing.block(row)


@lru_cache(maxsize=4096)
def _store_result(result: Type | None) -> StoreResult:
    if result is None:
        return lambda _value, _memory: 0
    writing, cores = _storing(), flat((result,))
    if len(cores) > MAX_RESULTS:
        _store_block(writing, result, "value")
        number = "at"
    else:
        slots = Slots(cores)
        writing.value(result, "value", slots, 0)
        (number,) = slots.passed()
    found: StoreResult = _finished(writing, "store_result(value, memory)", number)
    return found


# Out of memory


def again(types: tuple[Type, ...]) -> list[str]:
    """Lines in front of those that read the values of a call: all of the allowance is for these, if they need any."""
    return ["allowed.again()"] if counts(types) else []


def _spilled(params: tuple[Type, ...]) -> bool:
    return len(flat(params)) > MAX_PARAMS


@lru_cache(maxsize=4096)
def _lift(params: tuple[Type, ...], arrays: bool) -> Lift:
    writing = Loading(arrays)
    lines = _block_lines(writing, Tuple(params), "numbers[0]") if _spilled(params) else _flat_lines(writing, params)
    lines[:0] = again(params)
    found: Lift = writing.function("lift(numbers, memory, allowed)", *lines)
    return found


def _flat_lines(writing: Loading, params: tuple[Type, ...]) -> list[str]:
    """Lines that read values out of the numbers they are passed as."""
    cores = flat(params)
    names = [f"p{index}" for index in range(len(cores))]
    slots = Slots(cores, tuple(names))
    values = [writing.value(type_, slots, place) for type_, place in slots.inside(params, 0)]
    lines = [f"{tuple_of(names)} = numbers[:{len(names)}]", f"return {tuple_of(values)}"]
    if claims(params):
        lines.insert(0, f"{writing.code.bind(_request_size(params), 'measure')}(numbers, memory, allowed)")
    return lines


def _block_lines(writing: Loading, type_: Type, number: str) -> list[str]:
    """Lines that read a value by its offset, once it is known not to claim more than there is."""
    size, align = layout(type_)
    row = Row(writing.code.numbers)
    expression = writing.value(type_, row, 0)
    lines = [f"at = {number}", f"if at & {align - 1}:", f"    outside(at, {size}, memory, {align})"]
    if claims((type_,)):
        lines.append(f"{writing.code.bind(_response_size(type_), 'measure')}(at, memory, allowed)")
    return lines + [f"{tuple_of(row.ordered())} = {writing.reads(row)}(memory, at)", f"return {expression}"]


@lru_cache(maxsize=4096)
def _load_result(result: Type | None, arrays: bool) -> LoadResult:
    if result is None:
        return lambda _number, _memory, _allowed: None
    writing, cores = Loading(arrays), flat((result,))
    if len(cores) > MAX_RESULTS:
        lines = _block_lines(writing, result, "number")
    else:
        lines = [f"return {writing.value(result, Slots(cores, ('number',)), 0)}"]
    lines[:0] = again((result,))
    found: LoadResult = writing.function("load_result(number, memory, allowed)", *lines)
    return found


# Sizes


def _bounded(writing: Measuring, head: str, fixed: int, expression: str) -> Any:
    """The function that adds up a size, which cannot be more than the memory and what was passed beside it."""
    if expression == "0":
        return writing.function(head, f"return {fixed}")
    return writing.function(
        head,
        f"size = {expression}",
        "if size > len(memory):",
        "    raise too_much(size, memory)",
        f"return {fixed} + size",
    )


@lru_cache(maxsize=4096)
def _request_size(params: tuple[Type, ...]) -> RequestSize:
    writing, fixed = Measuring(), sum(layout(type_)[0] for type_ in params)
    if _spilled(params):
        expression = f"{writing.code.bind(extra(Tuple(params)), 'extra')}(memory, numbers[0], allowed)"
    else:
        cores = flat(params)
        slots = Slots(cores, tuple(f"numbers[{index}]" for index in range(len(cores))))
        parts = [writing.extra(type_, slots, place) for type_, place in slots.inside(params, 0)]
        expression = " + ".join(filter(None, parts)) or "0"
    found: RequestSize
    found = _bounded(writing, "request_size(numbers, memory, allowed)", fixed, expression)
    return found


@lru_cache(maxsize=4096)
def _response_size(result: Type | None) -> ResponseSize:
    if result is None:
        return lambda _number, _memory, _allowed: 0
    writing = Measuring()
    expression = f"{writing.code.bind(extra(result), 'extra')}(memory, number, allowed)" if points(result) else "0"
    found: ResponseSize
    found = _bounded(writing, "response_size(number, memory, allowed)", layout(result)[0], expression)
    return found
