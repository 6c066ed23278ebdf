"""Lets bytes cross between a guest's memory and what the host serves without an adapter, which copies one at a time.

The host owns the guests' memories: it reads what a guest writes where it lies, and puts what a guest reads where the
guest itself takes room for it. What calls the host for that, a lane, has to stand inside the component, where the
guest's allocator can be called. Components as `wit-component` makes them, which is to say nearly all, call what they
import through a table, which a module of its own fills in the end. So sections behind all that a component has put
lanes into places of that table; no index in it changes. A lane that finds that the host has no bytes for it, or an
error, calls what was in its place, which goes through the shim and can give handles. Other components have no lanes,
nor has what a component calls before it is all there.

Here: which functions have a lane. Where a component calls them tells `_lane_sites`; `_lay` adds the lanes.

Source: https://github.com/bytecodealliance/wasm-tools/blob/main/crates/wit-component/src/encoding.rs
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.engine._flat import points, signature
from orchestrator.interface.crossing import has_handles
from orchestrator.interface.types import U8, Borrow, Function, Interface, List, Name, Resource, Result, Tuple, Type

LANES = Name.parse("orchestrator:shim/lanes")
"""The instance that a component with lanes imports: `h0`, `h1`, …, what serves each; `put`; and for each resource
`n0`, `n1`, …, which gives a handle's number."""
BYTES = List(U8)


class Lane(NamedTuple):
    """A function that has a lane, and its interface."""

    interface: Interface
    function: Function


def given(function: Function) -> Type | None:
    """What holds the bytes that a function gives where all went well: the list, or a tuple with one; None for none."""
    result = function.result
    found = result.ok if isinstance(result, Result) else result
    parts = found.items if isinstance(found, Tuple) else (found,)
    return found if BYTES in parts and all(map(_is_plain, (part for part in parts if part != BYTES))) else None


def takes(function: Function) -> bool:
    """Whether a function takes bytes."""
    return any(field.type == BYTES for field in function.params)


def qualifies(function: Function) -> bool:
    """Whether a lane can be made for a function: it takes bytes or gives some, and else numbers and lent handles."""
    flats, result = signature(function), function.result
    others = [field.type for field in function.params if field.type != BYTES]
    if flats.spilled or not flats.by_pointer or not all(isinstance(t, Borrow) or _is_plain(t) for t in others):
        return False
    if given(function) is not None:
        return not takes(function)
    return takes(function) and _is_plain(result.ok if isinstance(result, Result) else result)


def _is_plain(type_: Type | None) -> bool:
    """Whether values of a type are neither handles nor point anywhere."""
    return type_ is None or not (points(type_) or has_handles(Function("", (), type_)))


def lent(lanes: Iterable[Lane]) -> list[tuple[Interface, Resource]]:
    """The resources whose handles functions are lent, in the order in which a component with lanes has them.

    Each as one interface shows it: to the component, those of another version of it are others.
    """
    found = ((lane.interface, field.type) for lane in lanes for field in lane.function.params)
    return list(dict.fromkeys((item, type_.resource) for item, type_ in found if isinstance(type_, Borrow)))


def signature_of(function: Function) -> tuple[str, ...]:
    """The core types that the host is given for a lane; where it takes bytes, at last where its result goes."""
    params = signature(function).params
    return (*params, "i32") if takes(function) else params
