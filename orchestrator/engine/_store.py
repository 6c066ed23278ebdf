"""Python values -> canonical memory: a function compiled for each type.

A storer writes the fixed part of a value at an offset that was taken for it, and what the value points to where free
room begins; it returns where free room begins then. Nobody else is told: who called it says so in the memory when all
is written, so that a value that does not fit takes nothing. Values have passed `interface.check`.

For the elements of a `list<record { a: u8, b: string }>` this is the function:

    def store(value, memory, free):
        end = len(memory)
        first = at = free + 3 & -4
        free = at + len(value) * 12
        if free > end:
            raise full(free - end, memory)
        for item in value:
            x0 = item
            x1 = x0['b'].encode()
            x2 = len(x1)
            x3 = free
            free += x2
            if free > end:
                raise full(free - end, memory)
            memory[x3:free] = x1
            write_0(memory, at, x0['a'], x3, x2)
            at += 12
        return first, free
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Any

from orchestrator.engine._arena import full
from orchestrator.engine._flat import flat
from orchestrator.engine._leaves import Overlap, Places, Row, Slots, inlined, sides
from orchestrator.engine._written import FunctionText
from orchestrator.errors import UnsupportedType
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

Store = Callable[[Any, memoryview, int, int], int]
"""(a checked value, the memory, the offset for its fixed part, where free room begins) -> where it begins then."""
StoreMany = Callable[[Any, memoryview, int], tuple[int, int]]
"""(a list, the memory, where free room begins) -> (the offset of its first element, where free room begins then)."""

_NAMES: dict[str, Any] = {"full": full, "array": array, "memoryview": memoryview}


class Storing:
    """Writes the lines that bring a value's leaves to their places.

    Arguments:
        code: the function they come to stand in.
    """

    def __init__(self, code: FunctionText) -> None:
        self.code = code
        self.lines: list[str] = []
        self.later: list[str] = []
        """Lines for when the block is written: payloads that lie over each other are stored into it."""
        self.takes = False
        """Whether the lines take room."""

    def add(self, *lines: str) -> None:
        """Lines for before the block is written."""
        self.lines += lines

    def room(self, name: str, size: int, align: int) -> None:
        """Lines that take room for a fixed part; its offset is in a variable of that name."""
        self.takes = True
        self.add(f"{name} = free + {align - 1} & -{align}", f"free = {name} + {size}")
        self.add("if free > end:", "    raise full(free - end, memory)")

    def local(self, expression: str) -> str:
        """A variable that holds the value of an expression."""
        name = self.code.fresh()
        self.add(f"{name} = {expression}")
        return name

    def value(self, type_: Type, value: str, places: Places, at: int) -> None:
        """Lines for the value that an expression gives, for its place."""
        match type_:
            case Primitive("string"):
                self._bytes(f"{value}.encode()", places, at)
            case Primitive("char"):
                places.put("I", at, f"ord({value})")
            case Primitive(name):
                places.put(CODES[name], at, value)
            case List(element):
                self._list(element, value, places, at)
            case Record(fields):
                inner = tuple(field.type for field in fields)
                self._parts(inner, [f"[{field.name!r}]" for field in fields], value, places, at)
            case Tuple(items):
                self._parts(items, [f"[{index}]" for index in range(len(items))], value, places, at)
            case Enum(names):
                numbers = self.code.bind({name: number for number, name in enumerate(names)}, "numbers")
                places.put(places.discriminant(len(names)), at, f"{numbers}[{value}]")
            case Flags(names):
                self._flags(names, value, places, at)
            case Option() | Result() | Variant():
                self._choice(type_, value, places, at)
            case _:
                raise UnsupportedType(f"no value of type {type_!r} can cross in memory")

    def _parts(self, types: tuple[Type, ...], keys: list[str], value: str, places: Places, at: int) -> None:
        whole = self.local(value) if len(keys) > 1 else value
        for key, (type_, place) in zip(keys, places.inside(types, at), strict=True):
            if isinstance(places, Row) and not inlined(type_):
                part = self.local(whole + key)
                self._call(f"{self.code.bind(storer(type_), 'store')}({part}, memory, at + {place}, free)")
            else:
                self.value(type_, whole + key, places, place)

    def _call(self, call: str) -> None:
        """A call that stores into the block when it is written."""
        self.takes = True
        self.later.append(f"free = {call}")

    # What lies outside of the block

    def _room(self, size: str) -> str:
        """Lines that take room; the variable with its offset."""
        self.takes = True
        at = self.local("free")
        self.add(f"free += {size}", "if free > end:", "    raise full(free - end, memory)")
        return at

    def _bytes(self, value: str, places: Places, at: int) -> None:
        data = self.local(value)
        size = self.local(f"len({data})")
        start = self._room(size)
        self.add(f"memory[{start}:free] = {data}")
        self._pointer(start, size, places, at)

    def _pointer(self, start: str, size: str, places: Places, at: int) -> None:
        places.put("I", at, start)
        places.put("I", places.second(at), size)

    def _list(self, element: Type, value: str, places: Places, at: int) -> None:
        code = number_code(element)
        if element == U8:
            return self._bytes(value, places, at)
        if element == BOOL:
            return self._bytes(f"bytes({value})", places, at)
        items = self.local(value)
        if code:
            data = self.local(f"{items} if type({items}) is memoryview else memoryview(array({code!r}, {items}))")
            self.add(f"free = free + {layout(element)[1] - 1} & -{layout(element)[1]}")
            start = self._room(f"{data}.nbytes")
            self.add(f"memory[{start}:free] = {data}.cast('B')")
            return self._pointer(start, f"len({items})", places, at)
        self.takes = True
        start = self.code.fresh()
        self.add(f"{start}, free = {self.code.bind(many_storer(element), 'many')}({items}, memory, free)")
        return self._pointer(start, f"len({items})", places, at)

    def _flags(self, names: tuple[str, ...], value: str, places: Places, at: int) -> None:
        bits = f"{self.code.bind(flag_writer(names), 'flags')}({value})"
        codes = places.flags(len(names))
        if len(codes) == 1:
            return places.put(codes[0], at, bits)
        whole = self.local(bits)
        for index, code in enumerate(codes):
            places.put(code, at, f"{whole} >> {32 * index} & 0xFFFFFFFF" if index else f"{whole} & 0xFFFFFFFF")
            at = places.second(at)
        return None

    # Cases

    def _choice(self, type_: Type, value: str, places: Places, at: int) -> None:
        whole = self.local(value)
        if not isinstance(type_, Variant) and inlined(type_):
            known = len(places.held())
            try:
                return self._branches(type_, whole, places, at)
            except Overlap:
                places.undo(known)
        return self._dispatch(type_, whole, places, at)

    def _branches(self, type_: Type, value: str, places: Places, at: int) -> None:
        """The two cases of an option or result as the branches of an `if`; a place that only one has is zero else."""
        condition, *payloads = _branching(type_, value)
        made = [
            self._branch(case, payload, places.empty(), places.payload(type_, at))
            for (_, case), payload in zip(sides(type_), payloads, strict=True)
        ]
        number = self.code.fresh()
        names = {key: self.code.fresh() for _, inner in made for key in inner.held()}
        for key, name in names.items():
            places.hold(key, name)
        places.put(places.discriminant(2), at, number)
        for index, (branch, inner) in enumerate(made):
            values = inner.held()
            self.add("else:" if index else f"if {condition}:", f"    {number} = {index}")
            self.add(*_indented(branch.lines))
            self.add(*[f"    {name} = {values.get(key, places.zero(key))}" for key, name in names.items()])
            if branch.later:
                self.later += [f"if {number} == {index}:", *_indented(branch.later)]
            self.takes |= branch.takes

    def _branch(self, case: Type | None, payload: str, places: Places, at: int) -> tuple[Storing, Places]:
        branch = Storing(self.code)
        if case is not None:
            branch.value(case, payload, places, at)
        return branch, places

    def _dispatch(self, type_: Type, value: str, places: Places, at: int) -> None:
        """By a table of functions, one for each case."""
        name, payload = self._selected(type_, value)
        if isinstance(places, Slots):
            return self._dispatch_slots(type_, name, payload, places, at)
        number, store = self.code.fresh(), self.code.fresh()
        self.add(f"{number}, {store} = {self.code.bind(_block_cases(type_), 'cases')}[{name}]")
        places.put(places.discriminant(len(sides(type_))), at, number)
        if any(case is not None for _, case in sides(type_)):
            self._call(f"{store}({payload}, memory, at + {places.payload(type_, at)}, free) if {store} else free")
        return None

    def _dispatch_slots(self, type_: Type, name: str, payload: str, places: Slots, at: int) -> None:
        cores = places.cores[at : at + len(flat((type_,)))]
        names = [self.code.fresh() for _ in cores]
        cases = self.code.bind(_slot_cases(type_, cores), "cases")
        self.takes = True
        self.add(f"{', '.join([*names, 'free'])} = {cases}[{name}]({payload}, memory, free)")
        for index, each in enumerate(names):
            places.hold(at + index, each)

    def _selected(self, type_: Type, value: str) -> tuple[str, str]:
        """Expressions for the name of a value's case and for what it carries."""
        if isinstance(type_, Variant):
            return f"{value}.case", f"{value}.value"
        if isinstance(type_, Result):
            side = self.local(f"next(iter({value}))")
            return side, f"{value}[{side}]"
        nested = isinstance(type_, Option) and isinstance(type_.some, Option)
        return f"'none' if {value} is None else 'some'", f"({value} and {value}['some'])" if nested else value

    # Blocks

    def block(self, row: Row, size: int = 0, at: str = "at") -> None:
        """Lines that write the row at an offset, and then what is stored into it."""
        if row.leaves:
            write = self.code.bind(row.format(size).pack_into, "write")
            self.add(f"{write}(memory, {at}, {', '.join(row.ordered())})")
        self.add(*self.later)
        self.later = []

    def function(self, head: str, result: str) -> Any:
        """The function with these lines."""
        if self.takes:
            self.code.add("end = len(memory)")
        self.code.add(*self.lines, f"return {result}")
        return self.code.function(head)


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _branching(type_: Type, value: str) -> tuple[str, str, str]:
    """For an option or result the condition of its first case, and expressions for what either case carries."""
    if isinstance(type_, Result):
        return f"'ok' in {value}", f"{value}['ok']", f"{value}['err']"
    nested = isinstance(type_, Option) and isinstance(type_.some, Option)
    return f"{value} is None", "None", f"{value}['some']" if nested else value


@lru_cache(maxsize=4096)
def storer(type_: Type) -> Store:
    """The function that writes a value whose fixed part has its offset."""
    writing = Storing(FunctionText(_NAMES))
    row = Row(writing.code.numbers)
    writing.value(type_, "value", row, 0)
    writing.block(row)
    found: Store = writing.function("store(value, memory, at, free)", "free")
    return found


@lru_cache(maxsize=4096)
def many_storer(element: Type) -> StoreMany:
    """The function that writes the elements of a list, next to each other, and what they point to."""
    if element == STRING:
        return _store_strings
    if element == CHAR:
        return _store_chars
    size, align = layout(element)
    code = FunctionText(_NAMES)
    each = Storing(code)
    row = Row(code.numbers)
    each.value(element, "item", row, 0)
    each.block(row, size)
    whole = Storing(code)
    whole.takes = True
    whole.add(f"first = at = free + {align - 1} & -{align}", f"free = at + len(value) * {size}")
    whole.add("if free > end:", "    raise full(free - end, memory)")
    whole.add("for item in value:", *_indented(each.lines), f"    at += {size}")
    found: StoreMany = whole.function("store(value, memory, free)", "first, free")
    return found


def _store_strings(value: list[str], memory: memoryview, free: int) -> tuple[int, int]:
    """All texts as one, and their places by sums over their lengths."""
    joined = "".join(value)
    if joined.isascii():
        data, sizes = joined.encode(), list(map(len, value))
    else:
        parts = [text.encode() for text in value]
        data, sizes = b"".join(parts), list(map(len, parts))
    first = free + 3 & -4
    texts = first + 8 * len(value)
    free = texts + len(data)
    if free > len(memory):
        raise full(free - len(memory), memory)
    pointers = array("I", bytes(8 * len(value)))
    pointers[0::2] = array("I", list(accumulate(sizes, initial=texts))[:-1])
    pointers[1::2] = array("I", sizes)
    memory[first:texts] = memoryview(pointers).cast("B")
    memory[texts:free] = data
    return first, free


def _store_chars(value: list[str], memory: memoryview, free: int) -> tuple[int, int]:
    """A list of chars is text in UTF-32."""
    first = free + 3 & -4
    free = first + 4 * len(value)
    if free > len(memory):
        raise full(free - len(memory), memory)
    memory[first:free] = "".join(value).encode("utf-32-le")
    return first, free


def flag_writer(names: tuple[str, ...]) -> Callable[[frozenset[str]], int]:
    """The function from flags to their bits; what it gave last is kept."""
    bits = {name: 1 << index for index, name in enumerate(names)}
    return lru_cache(maxsize=256)(lambda flags: sum([bits[name] for name in flags]))


@lru_cache(maxsize=4096)
def _block_cases(type_: Type) -> dict[str, tuple[int, Store | None]]:
    """By the name of a case its number, and what stores what it carries."""
    return {name: (index, _payload_storer(case)) for index, (name, case) in enumerate(sides(type_))}


def _payload_storer(case: Type | None) -> Store | None:
    return None if case is None else storer(case)


@lru_cache(maxsize=4096)
def _slot_cases(type_: Type, cores: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
    """By the name of a case the function that gives every parameter of the type for it, and where free room begins."""
    return {name: _slot_case(index, case, cores) for index, (name, case) in enumerate(sides(type_))}


def _slot_case(index: int, case: Type | None, cores: tuple[str, ...]) -> Callable[..., Any]:
    writing, slots = Storing(FunctionText(_NAMES)), Slots(cores)
    slots.put("I", 0, str(index))
    if case is not None:
        writing.value(case, "value", slots, 1)
    found: Callable[..., Any] = writing.function("store(value, memory, free)", ", ".join([*slots.passed(), "free"]))
    return found
