"""Offers functions of a component in plain numbers, so that the host itself lays their lists out in the guest's memory.

The engine's adapters copy a list number by number. The host owns the guests' memories: it can have the guest take
room, copy a whole list there, call the core function with plain numbers, read the result where it stands, and have the
guest free it, as the canonical ABI has an adapter do it. For that, core functions are lifted a second time, without
options, in sections behind all that the component has; no index in it changes. Not for the calls: see `_direct_call`.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.engine._binary import Place, made
from orchestrator.engine._flat import CROSSES_AS, MAX_PARAMS, copied_whole, flat, is_pair, signature
from orchestrator.engine._lifts import Lift, Lifts, lifts
from orchestrator.engine._sections import Section, section, text, unsigned, vector
from orchestrator.errors import ComponentError
from orchestrator.interface.crossing import has_handles, has_lists
from orchestrator.interface.numbers import number_code
from orchestrator.interface.types import Enum, Flags, Function, List, Name, Primitive, Type

PREFIX = "orchestrator-direct-"
"""How the names of all added exports begin; behind it stand their kind and the index of the core function."""

_PRIMITIVES = {"u32": b"\x79", "u64": b"\x77", "f32": b"\x76", "f64": b"\x75"}
_FUNCTION_TYPE, _FUNCTION = b"\x40", b"\x01"
_REALLOC = ("old", "old-size", "align", "size")


class Direct(NamedTuple):
    """How one function is called in plain numbers.

    Arguments:
        memory: which memory its values lie in, by number among those that an instance makes with a page or more.
        function, realloc, post_return: the names of exports; empty where it has none.
    """

    memory: int
    function: str
    realloc: str
    post_return: str


def from_data(data: Mapping[str, Sequence[Any]]) -> dict[str, Direct]:
    """What the cache keeps of some, by `function_key`.

    Raises:
        AttributeError, TypeError, ValueError: it is not that.
    """
    return {key: Direct(int(number), *map(str, names)) for key, (number, *names) in data.items()}


@dataclass(frozen=True, slots=True)
class Exposed:
    """A component with such exports.

    Arguments:
        functions: by number in what was given; those are missing that cannot be called so.
    """

    binary: bytes
    functions: Mapping[int, Direct]


def qualifies(function: Function) -> bool:
    """Whether the host can lay a function's arguments out by itself: numbers, strings, lists of numbers, and no more.

    Lists in the result are of plain numbers too: what has others is better carried as it lies than made into Python
    objects, and for that it has to lie in one piece (see `_bulk_call`). A function without a list gains nothing.
    """
    params = tuple(field.type for field in function.params)
    return (
        has_lists(function)
        and not has_handles(function)
        and (function.result is None or copied_whole(function.result))
        and all(map(_is_simple, params))
        and len(flat(params)) <= MAX_PARAMS
    )


def _is_simple(type_: Type) -> bool:
    match type_:
        case List(element):
            return number_code(element) != ""
        case _:
            return isinstance(type_, Primitive | Enum | Flags)


def expose(binary: bytes, functions: Sequence[tuple[Name | None, Function]]) -> Exposed:
    """The component with what its functions are made of exported too, under names that begin with `PREFIX`.

    Only what is certain is exposed: where it cannot be told from the binary what lies behind a function, or its memory
    is not one that a module defines with a page or more and that is made once, the function is left out.

    Arguments:
        functions: exported functions that qualify, each with its interface; None for the world's own.
    """
    try:
        found, places = lifts(binary), made(binary).memories
    except (ValueError, IndexError, ComponentError):
        return Exposed(binary, {})
    if any(name.startswith(PREFIX) for name in found.exports):
        return Exposed(binary, {})
    added, direct = _Added(found), dict[int, Direct]()
    for number, (interface, function) in enumerate(functions):
        lift = found.find(interface, function.name)
        if lift is not None and _is_certain(lift, function, places):
            direct[number] = added.direct(lift, function, places)
    return Exposed(binary + added.sections(), direct) if direct else Exposed(binary, {})


def _is_certain(lift: Lift, function: Function, places: Sequence[Place]) -> bool:
    takes = any(is_pair(field.type) for field in function.params)
    return (
        lift.plain
        and lift.memory is not None
        and places.count(lift.memory) == 1
        and (lift.realloc is not None or not takes)
    )


class _Added:
    """The sections that come behind a component's own: types, lifted functions, their exports.

    Arguments:
        found: what its index spaces are so far.
    """

    def __init__(self, found: Lifts) -> None:
        self._first_type, self._first_function = found.types, len(found.functions)
        self._types: dict[bytes, int] = {}
        self._lifted: list[bytes] = []
        self._exports: list[bytes] = []
        self._names: set[str] = set()

    def direct(self, lift: Lift, function: Function, places: Sequence[Place]) -> Direct:
        """Adds what a function is made of."""
        assert lift.memory is not None
        flats = signature(function)
        params = tuple((f"p{number}", core) for number, core in enumerate(flats.params))
        result = flats.returned
        returned = (("p0", result),) if result else ()
        return Direct(
            places.index(lift.memory),
            self._add("f", lift.function, params, result),
            self._add("r", lift.realloc, tuple((name, "i32") for name in _REALLOC), "i32"),
            self._add("p", lift.post_return, returned, ""),
        )

    def _add(self, kind: str, core: int | None, params: Sequence[tuple[str, str]], result: str) -> str:
        """The name under which a core function is exported as one of that kind; empty for none."""
        if core is None:
            return ""
        name = f"{PREFIX}{kind}{core}"
        if name not in self._names:
            self._names.add(name)
            self._export(name, core, function_type(params, result))
        return name

    def _export(self, name: str, core: int, type_: bytes) -> None:
        index = self._types.setdefault(type_, self._first_type + len(self._types))
        function = self._first_function + len(self._lifted)
        self._lifted.append(b"\0\0" + unsigned(core) + b"\0" + unsigned(index))
        self._exports.append(b"\0" + text(name) + _FUNCTION + unsigned(function) + b"\0")

    def sections(self) -> bytes:
        """The sections."""
        entries = (
            (Section.TYPES, list(self._types)),
            (Section.CANONS, self._lifted),
            (Section.EXPORTS, self._exports),
        )
        return b"".join(section(kind, vector(each)) for kind, each in entries)


def function_type(params: Sequence[tuple[str, str]], result: str) -> bytes:
    """The type of a function of plain numbers, which have names and core types, as the binary has it."""
    shown = vector([text(name) + _number(core) for name, core in params])
    return _FUNCTION_TYPE + shown + (b"\0" + _number(result) if result else b"\1\0")


def _number(core: str) -> bytes:
    return _PRIMITIVES[CROSSES_AS[core]]
