"""How values cross between a component and its core module: as so many numbers, or by a pointer to them.

Source: CanonicalABI.md, section Flattening,
https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.errors import UnsupportedType
from orchestrator.interface.numbers import number_code
from orchestrator.interface.types import (
    STRING,
    Borrow,
    Enum,
    Flags,
    Function,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
    walk,
)

MAX_PARAMS, MAX_RESULTS = 16, 1
"""Numbers that are passed as such; what takes more goes through memory."""

CORES = {"s64": "i64", "u64": "i64", "f32": "f32", "f64": "f64"}
"""By the name of a primitive its core type, where that is not `i32`."""
CROSSES_AS = {"i32": "u32", "i64": "u64", "f32": "f32", "f64": "f64"}
"""By core type the primitive as which a plain number of it crosses: it flattens to that."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The core signature of a function.

    Arguments:
        params: core types (`i32`, `i64`, `f32`, `f64`) of the parameters; one `i32`, a pointer to all of them as a
            tuple, where they do not fit.
        result: core type of the result; empty where it has none, or goes through memory.
        spilled: whether the parameters go through memory.
        by_pointer: whether the result goes through memory: a function that is lifted returns its address, and one that
            is lowered takes the address as a last parameter.
    """

    params: tuple[str, ...]
    result: str
    spilled: bool
    by_pointer: bool

    @property
    def returned(self) -> str:
        """The core type that a function that is lifted returns: its result's, or an address; empty for nothing."""
        return "i32" if self.by_pointer else self.result


@lru_cache(maxsize=4096)
def signature(function: Function) -> Signature:
    """The core signature of a function.

    Raises:
        UnsupportedType: a type of it cannot cross.
    """
    params = flat(field.type for field in function.params)
    result = () if function.result is None else flat((function.result,))
    spilled, by_pointer = len(params) > MAX_PARAMS, len(result) > MAX_RESULTS
    return Signature(
        ("i32",) if spilled else params, "" if by_pointer or not result else result[0], spilled, by_pointer
    )


def numbers(params: Sequence[str], result: str) -> str:
    """A function of plain numbers of those core types as the text of a component has its type; empty for no result."""
    shown = [f'(param "p{n}" {CROSSES_AS[core]})' for n, core in enumerate(params)]
    return " ".join(shown + ([f"(result {CROSSES_AS[result]})"] if result else []))


def flat(types: Iterable[Type]) -> tuple[str, ...]:
    """The core types of values of those types, one after the other."""
    return tuple(core for type_ in types for core in _flat(type_))


@lru_cache(maxsize=4096)
def _flat(type_: Type) -> tuple[str, ...]:
    match type_:
        case Primitive("string") | List():
            return "i32", "i32"
        case Primitive(name):
            return (CORES.get(name, "i32"),)
        case Record(fields):
            return flat(field.type for field in fields)
        case Tuple(items):
            return flat(items)
        case Variant(cases):
            return _joined(case.type for case in cases)
        case Option(some):
            return _joined((some,))
        case Result(ok, err):
            return _joined((ok, err))
        case Flags(names):
            return ("i32",) * (1 if len(names) <= 32 else -(-len(names) // 32))
        case Enum() | Own() | Borrow():
            return ("i32",)
        case _:
            raise UnsupportedType(f"no value of type {type_!r} can cross the engine")


def _joined(payloads: Iterable[Type | None]) -> tuple[str, ...]:
    """A discriminant, then for each place what holds the values of every case."""
    found: list[str] = []
    for payload in payloads:
        for index, core in enumerate(() if payload is None else _flat(payload)):
            if index == len(found):
                found.append(core)
            elif found[index] != core:
                found[index] = "i32" if {found[index], core} == {"i32", "f32"} else "i64"
    return ("i32", *found)


def points(type_: Type) -> bool:
    """Whether values of a type point to anything: strings and lists do."""
    return any(map(is_pair, walk(type_)))


def is_pair(type_: Type) -> bool:
    """Whether a value of a type is itself a pointer to what it holds, and how much that is."""
    return isinstance(type_, List) or type_ == STRING


@lru_cache(maxsize=4096)
def copied_whole(type_: Type) -> bool:
    """Whether the lists in a type are of plain numbers: each is copied whole, not item by item."""
    return all(number_code(part.element) != "" for part in walk(type_) if isinstance(part, List))
