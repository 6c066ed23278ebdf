"""Canonical memory -> Python values: a function compiled for each type, in two flavours of lists of numbers.

What lies in the memory was written by a guest. A loader reads only through the view it is given, at offsets that are
checked against its length; discriminants, chars and texts are checked; whatever is wrong with them is `Trapped`. Bits
that mean nothing are ignored, as the canonical ABI has it. What a value claims to hold in all, where parts of it may
be claimed many times over, is measured first: see `_block_sizes`. The objects of a list are counted before they are
made: every loader is handed the `Allowance` of the values.

For the elements of a `list<record { a: u8, b: string }>` this is the function, but for its `except`:

    def load(memory, at, count, allowed):
        stop = at + count * 12
        if stop > len(memory) or at & 3:
            outside(at, count * 12, memory, 4)
        end = len(memory)
        return [{'a': v0, 'b': (str(memory[v1:v1 + v2], 'utf-8') if v1 + v2 <= end else outside(v1, v2, memory, 1))}
                for (v0, v1, v2) in allowed.walk(rows_0(memory[at:stop]), count, 3)]
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from operator import add
from typing import Any

from orchestrator.engine._leaves import Overlap, Places, Row, Slots, inlined, sides
from orchestrator.engine._written import FunctionText, tuple_of
from orchestrator.errors import RunError, Trapped, UnsupportedType
from orchestrator.interface.allowance import LOOK, Allowance, no_room, objects
from orchestrator.interface.numbers import CODES, number_code
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import (
    BOOL,
    CHAR,
    STRING,
    U8,
    Enum,
    Flags,
    List,
    Option,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)
from orchestrator.interface.values import Variant as VariantValue
from orchestrator.interface.values import variant

Load = Callable[[memoryview, int, Allowance], Any]
"""(the memory, an offset, what may be made) -> the value whose fixed part stands there."""
LoadMany = Callable[[memoryview, int, int, Allowance], list[Any]]
"""(the memory, the offset of the first, how many, what may be made) -> a list's values."""

BROKEN = (struct.error, UnicodeDecodeError, IndexError, MemoryError, RunError)
"""What is raised where a loader meets memory that holds no value, or one that may not be made."""
FAILING = ("except BROKEN as problem:", "    raise broken(problem) from None")
"""Lines behind the `try` of a function that reads memory."""


def broken(problem: Exception) -> RunError:
    """What a call ends with for one of them; no traceback of it keeps the memory that was read."""
    problem.__traceback__ = None
    if isinstance(problem, RunError):
        return problem
    if isinstance(problem, MemoryError):
        return no_room()
    if isinstance(problem, UnicodeDecodeError):
        return Trapped(f"a guest passed a string that is not UTF-8: {problem.reason} at byte {problem.start}")
    if isinstance(problem, IndexError):
        return Trapped("a guest passed a case that its type does not have")
    return Trapped("a guest passed a value that lies outside of its memory")


def outside(at: int, size: int, memory: memoryview, align: int = 1) -> Any:
    """Raises the trap for a string or list that does not lie in the memory as it must."""
    if at + size > len(memory):
        raise Trapped(f"a guest passed {size} bytes at {at}, outside of the {len(memory)} bytes of its memory")
    raise Trapped(f"a guest passed {size} bytes at {at}, which is no multiple of {align}")


def no_case(found: int) -> Any:
    """Raises the trap for a discriminant that stands for nothing."""
    raise Trapped(f"a guest passed the case {found}, which its type does not have")


def char(code: int) -> str:
    """The character of a code point."""
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Trapped(f"a guest passed {code:#x} for a char, which is no Unicode scalar value")
    return chr(code)


_NAMES: dict[str, Any] = {
    "BROKEN": BROKEN,
    "broken": broken,
    "outside": outside,
    "no_case": no_case,
    "char": char,
    "variant": variant,
}


class Loading:
    """Writes the expression for a value whose leaves stand in some places.

    Arguments:
        arrays: whether lists of numbers become arrays, read-only memoryviews; else they become lists.
    """

    def __init__(self, arrays: bool) -> None:
        self.arrays = arrays
        self.code = FunctionText(_NAMES)
        self.placed = self.bounded = False
        """Whether the expression names `at`, the offset of the block, and `end`, that of the memory."""

    def function(self, head: str, *lines: str) -> Any:
        """The function that has those lines, the last of them with the expression."""
        if self.bounded:
            self.code.add("end = len(memory)")
        self.code.add("try:")
        self.code.add(*lines, depth=2)
        self.code.add(*FAILING)
        return self.code.function(head)

    def reads(self, row: Row) -> str:
        """The name of the function that reads a row's leaves at an offset."""
        return self.code.bind(row.format().unpack_from, "read")

    def value(self, type_: Type, places: Places, at: int) -> str:
        """The expression for the value of a type that stands at a place."""
        match type_:
            case Primitive("string"):
                start, size = places.leaf("I", at), places.leaf("I", places.second(at))
                return self._lying("str({}, 'utf-8')", start, size)
            case Primitive("char"):
                return f"char({places.leaf('I', at)})"
            case Primitive(name):
                return places.leaf(CODES[name], at)
            case List(element):
                return self._list(element, places.leaf("I", at), places.leaf("I", places.second(at)))
            case Record(fields):
                inner = self._parts(tuple(field.type for field in fields), places, at)
                return f"{{{', '.join(f'{f.name!r}: {part}' for f, part in zip(fields, inner, strict=True))}}}"
            case Tuple(items):
                return tuple_of(self._parts(items, places, at))
            case Enum(names):
                number = places.leaf(places.discriminant(len(names)), at)
                return f"{self.code.bind(names, 'names')}[{number}]"
            case Flags(names):
                return self._flags(names, places, at)
            case Option() | Result() | Variant():
                return self._choice(type_, places, at)
            case _:
                raise UnsupportedType(f"no value of type {type_!r} can cross in memory")

    def _parts(self, types: tuple[Type, ...], places: Places, at: int) -> list[str]:
        return [self.part(type_, places, place) for type_, place in places.inside(types, at)]

    def part(self, type_: Type, places: Places, at: int) -> str:
        """A type inside another: written out, or called where it is large."""
        if isinstance(places, Row) and not inlined(type_):
            return self._call(loader(type_, self.arrays), at)
        return self.value(type_, places, at)

    def _call(self, load: Load, at: int) -> str:
        self.placed = True
        return f"{self.code.bind(load, 'load')}(memory, at + {at}, allowed)"

    def _list(self, element: Type, start: str, size: str) -> str:
        code, width = number_code(element), layout(element)[0]
        if element == U8:
            return self._lying("bytes({})", start, size)
        if element == BOOL:
            return self._lying(f"[byte != 0 for byte in allowed.walk({{}}, {size})]", start, size)
        if code:
            form = f"memoryview(bytes({{}})).cast({code!r})" if self.arrays else f"allowed.listed({{}}.cast({code!r}))"
            return self._lying(form, start, size if width == 1 else f"{size} * {width}", width)
        many = self.code.bind(many_loader(element, self.arrays), "many")
        return f"{many}(memory, {start}, {size}, allowed)"

    def _flags(self, names: tuple[str, ...], places: Places, at: int) -> str:
        words, step = [], 0
        for code in places.flags(len(names)):
            words.append(places.leaf(code, at) + (f" << {step}" if step else ""))
            at, step = places.second(at), step + 32
        return f"{self.code.bind(flag_reader(names), 'flags')}({' | '.join(words)})"

    def _choice(self, type_: Type, places: Places, at: int) -> str:
        cases = sides(type_)
        number = places.leaf(places.discriminant(len(cases)), at)
        payload = places.payload(type_, at)
        if not isinstance(type_, Variant) and inlined(type_):
            known = len(places.held())
            try:
                first, second = [self.case(type_, case, places, payload) for case in cases]
                return f"({first} if {number} == 0 else {second} if {number} == 1 else no_case({number}))"
            except Overlap:
                places.undo(known)
        return self._dispatch(type_, places, number, payload)

    def case(self, type_: Type, case: tuple[str, Type | None], places: Places, at: int) -> str:
        """The expression for one of a type's cases, whose payload stands at a place."""
        name, carried = case
        if carried is None and isinstance(type_, Variant):
            return self.code.bind(VariantValue(name), "bare")
        inner = "None" if carried is None else self.value(carried, places, at)
        if isinstance(type_, Option):
            return f"{{'some': {inner}}}" if carried is not None and isinstance(carried, Option) else inner
        return f"variant({name!r}, {inner})" if isinstance(type_, Variant) else f"{{{name!r}: {inner}}}"

    def _lying(self, form: str, start: str, size: str, align: int = 1) -> str:
        """An expression over the bytes of the memory at `start`, or the trap where they are none."""
        self.bounded = True
        aligned = f" and not {start} & {align - 1}" if align > 1 else ""
        part = form.format(f"memory[{start}:{start} + {size}]")
        return f"({part} if {start} + {size} <= end{aligned} else outside({start}, {size}, memory, {align}))"

    def _dispatch(self, type_: Type, places: Places, number: str, at: int) -> str:
        """By a table of functions, one for each case."""
        if isinstance(places, Slots):
            names = places.names[at:]
            table = self.code.bind(_slot_cases(type_, places.cores[at:], self.arrays), "cases")
            return f"{table}[{number}]({', '.join(['memory', 'allowed', *names])})"
        self.placed = True
        return f"{self.code.bind(_block_cases(type_, self.arrays), 'cases')}[{number}](memory, at + {at}, allowed)"


@lru_cache(maxsize=4096)
def loader(type_: Type, arrays: bool) -> Load:
    """The function that reads a value whose fixed part stands at an offset."""
    writing = Loading(arrays)
    row = Row(writing.code.numbers)
    expression = writing.value(type_, row, 0)
    return _block_function(writing, row, expression)


def _block_function(writing: Loading, row: Row, expression: str) -> Load:
    lines = [f"return {expression}"]
    if row.leaves:
        lines.insert(0, f"{tuple_of(row.ordered())} = {writing.reads(row)}(memory, at)")
    found: Load = writing.function("load(memory, at, allowed)", *lines)
    return found


@lru_cache(maxsize=4096)
def many_loader(element: Type, arrays: bool) -> LoadMany:
    """The function that reads the elements of a list: all their fixed parts in one pass."""
    if element in (CHAR, STRING):
        return _load_chars if element == CHAR else _load_strings
    writing = Loading(arrays)
    code, (size, align) = writing.code, layout(element)
    row = Row(code.numbers)
    expression = writing.value(element, row, 0)
    code.add(f"stop = at + count * {size}")
    code.add(f"if stop > len(memory) or at & {align - 1}:", f"    outside(at, count * {size}, memory, {align})")
    rows = f"{code.bind(row.format(size).iter_unpack, 'rows')}(memory[at:stop])"
    names = tuple_of(row.ordered())
    if writing.placed:
        names, rows = f"{names}, at", f"zip({rows}, range(at, stop, {size}))"
    each = f"for {names} in allowed.walk({rows}, count, {objects(element)})"
    found: LoadMany = writing.function("load(memory, at, count, allowed)", f"return [{expression} {each}]")
    return found


def _block(memory: memoryview, at: int, size: int, align: int) -> memoryview:
    """The bytes of a list's elements."""
    if at + size > len(memory) or at & align - 1:
        outside(at, size, memory, align)
    return memory[at : at + size]


def _load_chars(memory: memoryview, at: int, count: int, allowed: Allowance) -> list[str]:
    """A list of chars is text in UTF-32, whose decoder checks each."""
    block = _block(memory, at, count * 4, 4)
    allowed.take(count)
    try:
        return list(str(block, "utf-32-le"))
    except UnicodeDecodeError:
        return [char(code) for code in block.cast("I")]


def _load_strings(memory: memoryview, at: int, count: int, allowed: Allowance) -> list[str]:
    """As many at a time as are made between two looks."""
    allowed.take(count)
    if count <= LOOK:
        return _texts(memory, at, count)
    found: list[str] = []
    for first in range(0, count, LOOK):
        allowed.look()
        found += _texts(memory, at + first * 8, min(LOOK, count - first))
    return found


def _texts(memory: memoryview, at: int, count: int) -> list[str]:
    """Texts that stand close to each other, as the shim's allocator puts them, are decoded as one if they are ASCII."""
    words = _block(memory, at, count * 8, 4).cast("I")
    starts, sizes = words[0::2].tolist(), words[1::2].tolist()
    first, last = min(starts, default=0), max(map(add, starts, sizes), default=0)
    if last > len(memory):
        outside(first, last - first, memory)
    if last - first <= 2 * sum(sizes):
        whole = bytes(memory[first:last])
        if whole.isascii():
            text = whole.decode()
            return [text[start - first : start - first + size] for start, size in zip(starts, sizes, strict=True)]
    try:
        return [str(memory[start : start + size], "utf-8") for start, size in zip(starts, sizes, strict=True)]
    except BROKEN as problem:
        raise broken(problem) from None


def flag_reader(names: tuple[str, ...]) -> Callable[[int], frozenset[str]]:
    """The function from the bits of flags to their names; the sets it made last are kept."""
    return lru_cache(maxsize=256)(
        lambda bits: frozenset([name for index, name in enumerate(names) if bits >> index & 1])
    )


@lru_cache(maxsize=4096)
def _block_cases(type_: Type, arrays: bool) -> tuple[Load, ...]:
    """For each case the function that reads what it carries, from its offset."""
    return tuple(_block_case(type_, case, arrays) for case in sides(type_))


def _block_case(type_: Type, case: tuple[str, Type | None], arrays: bool) -> Load:
    writing = Loading(arrays)
    row = Row(writing.code.numbers)
    return _block_function(writing, row, writing.case(type_, case, row, 0))


@lru_cache(maxsize=4096)
def _slot_cases(type_: Type, cores: tuple[str, ...], arrays: bool) -> tuple[Callable[..., Any], ...]:
    """For each case the function that reads what it carries, from parameters of those core types."""
    return tuple(_slot_case(type_, case, cores, arrays) for case in sides(type_))


def _slot_case(type_: Type, case: tuple[str, Type | None], cores: tuple[str, ...], arrays: bool) -> Any:
    writing = Loading(arrays)
    names = tuple(f"p{index}" for index in range(len(cores)))
    expression = writing.case(type_, case, Slots(cores, names), 0)
    return writing.function(f"load({', '.join(['memory', 'allowed', *names])})", f"return {expression}")
