"""What storing, loading and measuring have in common: where the plain numbers of a value stand.

A value's fixed part comes down to plain numbers, its leaves: a string is two of them, an option of a u32 two as well.
They stand at offsets in a block of memory (`Row`), read or written by one `struct` for all of them, or are passed as
the parameters of a core function (`Slots`), where cases of a variant share parameters and numbers change their kind.

Source: CanonicalABI.md, sections Alignment, Loading, Flattening and Flat Lifting,
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

from orchestrator.engine._flat import CORES, flat
from orchestrator.errors import UnsupportedType
from orchestrator.interface.numbers import CODES
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import (
    Borrow,
    List,
    Option,
    Own,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
    children,
    walk,
)

SIZES = {code: struct.calcsize(f"<{code}") for code in CODES.values()}
_CORES = {CODES[name]: core for name, core in CORES.items()}
_HEAVY, _DEEP = 40, 8
"""Parts, and levels, up to which a type inside another is written out where it stands; larger ones are called."""


def refuse(types: tuple[Type, ...]) -> None:
    """Refuses what does not cross in memory.

    Raises:
        UnsupportedType: a handle, which means something in its store only; a stream or its like; a type of no size.
    """
    for part in (part for type_ in types for part in walk(type_)):
        if isinstance(part, Own | Borrow):
            raise UnsupportedType(f"a handle of `{part.resource.name}` does not cross in memory")
        if isinstance(part, Tuple | Record) and not children(part):
            raise UnsupportedType("a record or tuple without fields has no place in memory")
        flat((part,))


def core(code: str) -> str:
    """The core type as which a leaf is passed."""
    return _CORES.get(code, "i32")


@lru_cache(maxsize=4096)
def weight(type_: Type) -> tuple[int, int]:
    """How many parts a type has when it is written out, and how many levels; a list is one, being a call anyway."""
    parts = () if isinstance(type_, List) else children(type_)
    inner = [weight(part) for part in parts]
    return 1 + sum(size for size, _ in inner), 1 + max((levels for _, levels in inner), default=0)


def inlined(type_: Type) -> bool:
    """Whether a type inside another is written out where it stands."""
    parts, levels = weight(type_)
    return parts <= _HEAVY and levels <= _DEEP


# Types with cases


def sides(type_: Type) -> tuple[tuple[str, Type | None], ...]:
    """The cases of an option, result or variant, in the order of their numbers."""
    match type_:
        case Option(some):
            return ("none", None), ("some", some)
        case Result(ok, err):
            return ("ok", ok), ("err", err)
        case Variant(cases):
            return tuple((case.name, case.type) for case in cases)
        case _:
            raise AssertionError(f"{type_} has no cases")


def discriminant_code(number: int) -> str:
    """The code of the number that says which of so many cases a value is."""
    return "B" if number <= 1 << 8 else "H" if number <= 1 << 16 else "I"


def flag_codes(number: int) -> tuple[str, ...]:
    """The codes of the words that hold so many flags."""
    return ("B",) if number <= 8 else ("H",) if number <= 16 else ("I",) * -(-number // 32)


# Places


class Overlap(Exception):
    """Two leaves lie over each other: cases whose payloads differ cannot be read in one go."""


class Places(Protocol):
    """Where leaves stand: at offsets in memory, or among parameters."""

    def inside(self, types: tuple[Type, ...], at: int) -> Iterator[tuple[Type, int]]:
        """The parts of a record or tuple that stands at `at`, each with its own place."""

    def payload(self, type_: Type, at: int) -> int:
        """The place of what the cases of a type carry."""

    def discriminant(self, number: int) -> str:
        """The code of the number in front of it, of so many cases."""

    def flags(self, number: int) -> tuple[str, ...]:
        """The codes of the words of so many flags."""

    def second(self, at: int) -> int:
        """The place of the word after the one at `at`."""

    def leaf(self, code: str, at: int) -> str:
        """The expression that reads a leaf."""

    def put(self, code: str, at: int, expression: str) -> None:
        """Says what a leaf is to be."""

    def empty(self) -> Places:
        """Places for one of several cases, with nothing in them."""

    def held(self) -> dict[Any, str]:
        """What was put, by a key for `hold` and `zero`."""

    def hold(self, key: Any, expression: str) -> None:
        """Puts what stands at the key of a case's places."""

    def zero(self, key: Any) -> str:
        """What stands there for a case that does not use it."""

    def undo(self, count: int) -> None:
        """Forgets all that is held but the first so many."""


class Row:
    """Leaves in a block of memory: at each offset a code, and the expression or variable for it."""

    def __init__(self, names: Iterator[int]) -> None:
        self.leaves: dict[tuple[int, str], str] = {}
        self._covered: set[int] = set()
        self._names = names

    def inside(self, types: tuple[Type, ...], at: int) -> Iterator[tuple[Type, int]]:
        """Fields one after the other, each at a multiple of its alignment."""
        for type_ in types:
            size, align = layout(type_)
            at = (at + align - 1) & -align
            yield type_, at
            at += size

    def payload(self, type_: Type, at: int) -> int:
        """Behind the discriminant, where the widest case may stand."""
        cases = sides(type_)
        widest = max((layout(case)[1] for _, case in cases if case is not None), default=1)
        return at + (SIZES[self.discriminant(len(cases))] + widest - 1 & -widest)

    def discriminant(self, number: int) -> str:
        """As narrow as the number of cases allows."""
        return discriminant_code(number)

    def flags(self, number: int) -> tuple[str, ...]:
        """As narrow as the number of flags allows."""
        return flag_codes(number)

    def second(self, at: int) -> int:
        """Pointers and lengths take 4 bytes."""
        return at + 4

    def leaf(self, code: str, at: int) -> str:
        """The variable for the leaf at an offset; for one that another case has there too it is the same."""
        found = self.leaves.get((at, code))
        if found is None:
            found = f"v{next(self._names)}"
            self.put(code, at, found)
        return found

    def put(self, code: str, at: int, expression: str) -> None:
        """Says what stands at an offset.

        Raises:
            Overlap: something of another code is there.
        """
        places = range(at, at + SIZES[code])
        if not self._covered.isdisjoint(places):
            raise Overlap
        self._covered.update(places)
        self.leaves[at, code] = expression

    def undo(self, count: int) -> None:
        """Forgets all leaves but the first so many."""
        while len(self.leaves) > count:
            (at, code), _ = self.leaves.popitem()
            self._covered.difference_update(range(at, at + SIZES[code]))

    def empty(self) -> Row:
        """A row for one of several cases."""
        return Row(self._names)

    def held(self) -> dict[Any, str]:
        """The expression for each place that was put to, or read."""
        return dict(self.leaves)

    def hold(self, key: Any, expression: str) -> None:
        """Puts what `held` of another row gave."""
        at, code = key
        if self.leaves.get(key) is None:
            self.put(code, at, expression)

    def zero(self, key: Any) -> str:
        """What stands there for a case that does not use the place."""
        return "0"

    def ordered(self) -> list[str]:
        """The expressions in the order of their offsets, as `format` has them."""
        return [self.leaves[key] for key in sorted(self.leaves)]

    def format(self, size: int = 0) -> struct.Struct:
        """How they lie, filled up to `size`."""
        form, end = "<", 0
        for at, code in sorted(self.leaves):
            form += f"{at - end}x{code}" if at > end else code
            end = at + SIZES[code]
        return struct.Struct(f"{form}{size - end}x" if size > end else form)


_UNWRAPPED = {
    "?": "({} != 0)", "B": "({} & 0xFF)", "H": "({} & 0xFFFF)", "b": "(({} & 0xFF ^ 0x80) - 0x80)",
    "h": "(({} & 0xFFFF ^ 0x8000) - 0x8000)", "i": "(({} ^ 0x80000000) - 0x80000000)",
    "q": "(({} ^ 0x8000000000000000) - 0x8000000000000000)",
}  # fmt: skip
_WRAPPED = {"b": "({} & 0xFFFFFFFF)", "h": "({} & 0xFFFFFFFF)", "i": "({} & 0xFFFFFFFF)"} | {
    "q": "({} & 0xFFFFFFFFFFFFFFFF)", "?": "int({})",
}  # fmt: skip
_TO_CORE = {("i32", "i64"): "{}", ("f32", "i32"): "f32_bits({})", ("f32", "i64"): "f32_bits({})"} | {
    ("f64", "i64"): "f64_bits({})"
}
_FROM_CORE = {("i64", "i32"): "({} & 0xFFFFFFFF)", ("i32", "f32"): "f32_of({})"} | {
    ("i64", "f32"): "f32_of({} & 0xFFFFFFFF)", ("i64", "f64"): "f64_of({})",
}  # fmt: skip


class Slots:
    """Leaves among the parameters of a core function: at each index an expression.

    Arguments:
        cores: the core types of the parameters, what cases share among them already joined.
        names: the parameters, where they are read.
    """

    def __init__(self, cores: tuple[str, ...], names: tuple[str, ...] = ()) -> None:
        self.cores, self.names = cores, names
        self.filled: dict[int, str] = {}

    def inside(self, types: tuple[Type, ...], at: int) -> Iterator[tuple[Type, int]]:
        """Fields one after the other, as many parameters as each takes."""
        for type_ in types:
            yield type_, at
            at += len(flat((type_,)))

    def payload(self, type_: Type, at: int) -> int:
        """Behind the discriminant."""
        return at + 1

    def discriminant(self, number: int) -> str:
        """A whole parameter."""
        return "I"

    def flags(self, number: int) -> tuple[str, ...]:
        """A whole parameter for each 32."""
        return ("I",) * -(-max(number, 1) // 32)

    def second(self, at: int) -> int:
        """The next parameter."""
        return at + 1

    def leaf(self, code: str, at: int) -> str:
        """The expression that reads a leaf out of its parameter, bits that mean nothing left out."""
        held, wanted = self.cores[at], core(code)
        text = self.names[at]
        if held != wanted:
            text = _FROM_CORE[held, wanted].format(text)
        return _UNWRAPPED.get(code, "{}").format(text)

    def put(self, code: str, at: int, expression: str) -> None:
        """Says what is passed as a parameter."""
        text = _WRAPPED.get(code, "{}").format(expression)
        held = core(code)
        self.filled[at] = text if held == self.cores[at] else _TO_CORE[held, self.cores[at]].format(text)

    def empty(self) -> Slots:
        """The same parameters, for one of several cases."""
        return Slots(self.cores, self.names)

    def held(self) -> dict[Any, str]:
        """The expression for each parameter that was put."""
        return dict(self.filled)

    def hold(self, key: Any, expression: str) -> None:
        """Puts what `held` of the same parameters gave."""
        self.filled[key] = expression

    def zero(self, key: Any) -> str:
        """What is passed for a case that does not use the parameter."""
        return "0.0" if self.cores[key][0] == "f" else "0"

    def undo(self, count: int) -> None:
        """Nothing of the kind happens: parameters cannot lie over each other."""
        raise AssertionError("parameters do not overlap")

    def passed(self) -> list[str]:
        """The expressions of all parameters."""
        return [self.filled.get(index, self.zero(index)) for index in range(len(self.cores))]
