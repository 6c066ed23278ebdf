"""The size in canonical form of values that lie in memory: the number `interface.size` gives for the Python value.

No value is made. Lists whose elements point to nothing but texts and plain lists are measured by sums over their
lengths alone. What a guest claims is not believed: pointers that are followed are checked, and a value that would be
larger than the memory it is in, as when many elements point to the same text, is `Trapped`. Nothing is counted of the
`Allowance` that is handed on: who waits for a size may stop to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from orchestrator.engine._flat import is_pair, points
from orchestrator.engine._leaves import Overlap, Places, Row, Slots, inlined, sides
from orchestrator.engine._load import BROKEN, FAILING, broken, outside
from orchestrator.engine._written import FunctionText, tuple_of
from orchestrator.errors import Trapped
from orchestrator.interface.allowance import LOOK, Allowance
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import List, Option, Primitive, Record, Result, Tuple, Type, Variant, children, walk

Extra = Callable[[memoryview, int, Allowance], int]
"""(the memory, an offset, what looks at the time) -> the bytes outside of the fixed part that stands there."""
ExtraMany = Callable[[memoryview, int, int, Allowance], int]
"""(the memory, the offset of the first, how many, what looks at the time) -> the bytes of a list's elements, and of
what they point to."""


def too_much(size: int, memory: memoryview) -> Trapped:
    """The trap for a value that cannot be what it claims."""
    return Trapped(f"a guest passed a value of {size} bytes in a memory of {len(memory)} bytes: parts of it overlap")


def in_parts(many: ExtraMany, memory: memoryview, at: int, count: int, size: int, allowed: Allowance) -> int:
    """The bytes of a long list, with a look now and then at the time."""
    total = 0
    for first in range(0, count, LOOK):
        allowed.look()
        total += many(memory, at + first * size, min(LOOK, count - first), allowed)
    if total > len(memory):
        raise too_much(total, memory)
    return total


_NAMES: dict[str, Any] = {
    "BROKEN": BROKEN,
    "broken": broken,
    "in_parts": in_parts,
    "outside": outside,
    "too_much": too_much,
}


class Measuring:
    """Writes the expression for the bytes outside of a fixed part whose leaves stand in some places."""

    def __init__(self) -> None:
        self.code = FunctionText(_NAMES)
        self.placed = False
        """Whether the expression names `at`, the offset of the block."""

    def extra(self, type_: Type, places: Places, at: int) -> str:
        """The expression for the value of a type that stands at a place; empty where there is nothing to add."""
        match type_:
            case Primitive("string"):
                return places.leaf("I", places.second(at))
            case List(element):
                return self._list(element, places, at)
            case Record() | Tuple():
                parts = [self._part(part, places, place) for part, place in places.inside(children(type_), at)]
                return " + ".join([part for part in parts if part])
            case Option() | Result() | Variant() if points(type_):
                return self._choice(type_, places, at)
            case _:
                return ""

    def _part(self, type_: Type, places: Places, at: int) -> str:
        if points(type_) and isinstance(places, Row) and not inlined(type_):
            self.placed = True
            return f"{self.code.bind(extra(type_), 'extra')}(memory, at + {at}, allowed)"
        return self.extra(type_, places, at)

    def _list(self, element: Type, places: Places, at: int) -> str:
        size, width = places.leaf("I", places.second(at)), layout(element)[0]
        if not points(element):
            return size if width == 1 else f"{size} * {width}"
        return f"{self.code.bind(many_extra(element), 'many')}(memory, {places.leaf('I', at)}, {size}, allowed)"

    def _choice(self, type_: Type, places: Places, at: int) -> str:
        cases = sides(type_)
        number, payload = places.leaf(places.discriminant(len(cases)), at), places.payload(type_, at)
        if inlined(type_) and len(cases) <= 2:
            known = len(places.held())
            try:
                parts = [(index, self._case(case, places, payload)) for index, (_, case) in enumerate(cases)]
                written = "".join(f"{part} if {number} == {index} else " for index, part in parts if part)
                return f"({written}0)"
            except Overlap:
                places.undo(known)
        return self._dispatch(type_, places, number, payload)

    def _case(self, case: Type | None, places: Places, at: int) -> str:
        return "" if case is None else self.extra(case, places, at)

    def _dispatch(self, type_: Type, places: Places, number: str, at: int) -> str:
        """By a table of functions, one for each case."""
        if isinstance(places, Slots):
            table = self.code.bind(_slot_cases(type_, places.cores[at:]), "cases")
            return f"{table}[{number}]({', '.join(['memory', 'allowed', *places.names[at:]])})"
        self.placed = True
        return f"{self.code.bind(_block_cases(type_), 'cases')}[{number}](memory, at + {at}, allowed)"

    def function(self, head: str, *lines: str) -> Any:
        """The function that has those lines."""
        self.code.add("try:")
        self.code.add(*lines, depth=2)
        self.code.add(*FAILING)
        return self.code.function(head)


@lru_cache(maxsize=4096)
def extra(type_: Type | None) -> Extra:
    """The function for what lies outside of the fixed part at an offset."""
    if type_ is None or not points(type_):
        return lambda _memory, _at, _allowed: 0
    writing = Measuring()
    row = Row(writing.code.numbers)
    expression = writing.extra(type_, row, 0)
    read = writing.code.bind(row.format().unpack_from, "read")
    found: Extra = writing.function(
        "extra(memory, at, allowed)", f"{tuple_of(row.ordered())} = {read}(memory, at)", f"return {expression}"
    )
    return found


@lru_cache(maxsize=4096)
def many_extra(element: Type) -> ExtraMany:
    """The function for the elements of a list."""
    size, align = layout(element)
    writing = Measuring()
    code = writing.code
    code.add(f"stop = at + count * {size}")
    code.add(f"if stop > len(memory) or at & {align - 1}:", f"    outside(at, count * {size}, memory, {align})")
    strides = _strides(element, 0)
    if strides:
        code.add(f"if count > {LOOK}:", f"    return in_parts(extra, memory, at, count, {size}, allowed)")
    lines = _summed(strides, size // 4) if strides else _looped(writing, element, size)
    lines += ["if total > len(memory):", "    raise too_much(total, memory)", "return total"]
    found: ExtraMany = writing.function("extra(memory, at, count, allowed)", f"total = count * {size}", *lines)
    return found


def _strides(type_: Type, at: int) -> list[tuple[int, int]] | None:
    """Where in a fixed part lengths stand, and how many bytes each stands for; None where it takes more than a sum."""
    match type_:
        case Primitive("string"):
            return [(at + 4, 1)]
        case List(element):
            return None if points(element) else [(at + 4, layout(element)[0])]
        case Record() | Tuple():
            inner = [_strides(part, place) for part, place in Row(iter(())).inside(children(type_), at)]
            return None if None in inner else [each for found in inner for each in found or ()]
        case _:
            return None if points(type_) else []


def _summed(strides: list[tuple[int, int]], step: int) -> list[str]:
    sums = [f"sum(words[{at // 4}::{step}])" + (f" * {unit}" if unit > 1 else "") for at, unit in strides]
    return ["words = memory[at:stop].cast('I')", *[f"total += {each}" for each in sums]]


def _looped(writing: Measuring, element: Type, size: int) -> list[str]:
    """Element by element, and no further once it is too much: elements may claim the same list many times over."""
    row = Row(writing.code.numbers)
    expression = writing.extra(element, row, 0)
    rows = f"{writing.code.bind(row.format(size).iter_unpack, 'rows')}(memory[at:stop])"
    each = tuple_of(row.ordered())
    if writing.placed:
        each, rows = f"{each}, at", f"zip({rows}, range(at, stop, {size}))"
    head = f"for {each} in allowed.passing({rows}, count):"
    return ["end = len(memory)", head, f"    total += {expression}", "    if total > end:", "        break"]


@lru_cache(maxsize=4096)
def _block_cases(type_: Type) -> tuple[Extra, ...]:
    """For each case the function for what it points to, by the offset of its payload."""
    return tuple(extra(case) for _, case in sides(type_))


@lru_cache(maxsize=4096)
def _slot_cases(type_: Type, cores: tuple[str, ...]) -> tuple[Callable[..., int], ...]:
    """For each case the function for what it points to, by the parameters of its payload."""
    return tuple(_slot_case(case, cores) for _, case in sides(type_))


def _slot_case(case: Type | None, cores: tuple[str, ...]) -> Callable[..., int]:
    writing = Measuring()
    names = tuple(f"p{index}" for index in range(len(cores)))
    expression = "" if case is None else writing.extra(case, Slots(cores, names), 0)
    found: Callable[..., int] = writing.function(
        f"extra({', '.join(['memory', 'allowed', *names])})", f"return {expression or '0'}"
    )
    return found


def claims(types: tuple[Type, ...]) -> bool:
    """Whether values of the types could claim more than there is: they have more than one pointer."""
    return sum(is_pair(part) for type_ in types for part in walk(type_)) > 1
