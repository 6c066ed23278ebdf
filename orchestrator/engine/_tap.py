"""A tap: what stands in the edge between two components that are fused, and counts the calls of each function.

A tap is functions of a core module, each between a function of the callee that is lowered and one for the caller that
is lifted again. All taps of a fused component share one memory, that of `_libc`, which holds the counters and what is
on its way. Calls through several taps nest, so each keeps in `MARK` where the values of the calls around it end: room
is given back to there when the caller has its result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.engine._flat import Signature, flat, points, signature
from orchestrator.engine._libc import MARK, NEXT, ROOM
from orchestrator.errors import ComponentError
from orchestrator.interface.compare import title
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import (
    Borrow,
    Function,
    Record,
    Resource,
    Tuple,
    Type,
    children,
    walk,
)

COUNTER = 8
"""Bytes of a counter: a number of 64 bits, little-endian."""


class CannotFuse(ComponentError):
    """Components cannot be joined within one component; the message says why. Over an edge of the host they can."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are in the memory of the taps, in bytes.

    Arguments:
        counters: the counter of each function.
        returned: where results are put that are returned by their address: nothing else runs before they are read.
        room: where free room begins.
    """

    counters: Mapping[tuple[int, str], int]
    returned: int
    room: int


def places(functions: Mapping[tuple[int, str], Function]) -> Places:
    """The places for the taps of those functions, each known by its link and name."""
    counters = {key: ROOM + COUNTER * number for number, key in enumerate(functions)}
    returned = ROOM + COUNTER * len(counters)
    largest = max((layout(f.result)[0] for f in functions.values() if f.result is not None), default=0)
    return Places(counters, returned, -(-(returned + largest) // 16) * 16)


def borrowed(function: Function) -> tuple[tuple[int, Resource], ...]:
    """The handles that a function is lent, each with its place among the core parameters.

    Whoever is lent a handle must let it go before it returns, and a tap can do so only for those that it sees.

    Raises:
        CannotFuse: one is inside something that a tap does not look into.
    """
    found, at = list[tuple[int, Resource]](), 0
    for field in function.params:
        found += _lent(field.type, at, function)
        at += len(flat((field.type,)))
    if found and signature(function).spilled:
        raise CannotFuse(f"{title(function.name)} has a borrowed handle among more parameters than are passed as such")
    return tuple(found)


def _lent(type_: Type, at: int, function: Function) -> Iterator[tuple[int, Resource]]:
    match type_:
        case Borrow(resource):
            yield at, resource
        case Record() | Tuple():
            for inner in children(type_):
                yield from _lent(inner, at, function)
                at += len(flat((inner,)))
        case _:
            if any(isinstance(part, Borrow) for part in walk(type_)):
                raise CannotFuse(
                    f"{title(function.name)} has a borrowed handle inside a list, option, result or variant"
                )


def passes_memory(function: Function) -> bool:
    """Whether what a function gets or gives lies in memory while it is on its way."""
    return any(map(points, function.types)) or signature(function).spilled


def module(name: str, functions: Sequence[Function], counters: Sequence[int], returned: int) -> str:
    """The core module of one tap as text: `f0`, `f1`, … for its functions.

    It imports `memory`, the callee's functions as `f0`, `f1`, …, and for each handle that a function is lent the
    function that lets it go, `d0-1` for the second of the first.
    """
    wanted, made = list[str](), list[str]()
    for number, (function, counter) in enumerate(zip(functions, counters, strict=True)):
        core, lent = signature(function), borrowed(function)
        wanted.append(f'(import "" "f{number}" (func $f{number} {_type(core, called=True)}))')
        wanted += (f'(import "" "d{number}-{n}" (func $d{number}-{n} (param i32)))' for n in range(len(lent)))
        made.append(
            f'(func (export "f{number}") {_type(core, called=False)} (local $before i32)\n'
            + "\n".join(_body(function, core, number, counter, returned))
            + ")"
        )
    return f'(core module {name}\n(import "" "memory" (memory 0))\n' + "\n".join(wanted + made) + ")"


def _type(core: Signature, called: bool) -> str:
    """The core signature of a function as it is called, lowered, or as it is offered, to be lifted."""
    params = core.params + (("i32",) if core.by_pointer and called else ())
    result = core.result if called else core.returned
    shown = f"(param {' '.join(params)})" if params else ""
    return f"{shown} (result {result})" if result else shown


def _body(function: Function, core: Signature, number: int, counter: int, returned: int) -> Iterator[str]:
    """Counts, calls on, and lets go of what was lent. What the call gives stays on the stack meanwhile."""
    yield f"(i64.store (i32.const {counter}) (i64.add (i64.load (i32.const {counter})) (i64.const 1)))"
    outside = passes_memory(function)
    if outside:
        yield f"(local.set $before (i32.load (i32.const {MARK})))"
        yield f"(i32.store (i32.const {MARK}) (i32.load (i32.const {NEXT})))"
    given = [f"(local.get {n})" for n in range(len(core.params))]
    given += [f"(i32.const {returned})"] if core.by_pointer else []
    yield f"(call $f{number} {' '.join(given)})"
    if outside:
        yield f"(i32.store (i32.const {MARK}) (local.get $before))"
    for n, (place, _) in enumerate(borrowed(function)):
        yield f"(call $d{number}-{n} (local.get {place}))"
    if core.by_pointer:
        yield f"(i32.const {returned})"
