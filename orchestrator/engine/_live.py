"""The callbacks that the C API keeps, and the tables by which they find what they are for.

A callback that is collected while a store still has it aborts the process; these live as long as the module. A
callback is given the address of a store's context: `LIVE` maps it to the instance, from before the guest's first
instruction until the store is freed.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from orchestrator.engine import _native as c
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbers import reader
from orchestrator.engine._ticker import ending

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance

LIVE: dict[int, Instance] = {}
_number = reader(("i32",)).unpack_from


def problem_of(instance: Instance | None) -> BaseException | None:
    """Why an instance's guest should not go on, now; None where nothing is against it."""
    if ending:
        return ending[0]
    frame = instance.frame if instance is not None else None
    return None if frame is None else frame.problem()


@c.EpochCallback  # type: ignore[untyped-decorator]
def _epoch(context: int, _env: int, ticks: int, kind: int) -> int | None:
    """At each tick of a running guest: let it go on to the next one, or end it."""
    instance = LIVE.get(context)
    ctypes.c_uint64.from_address(ticks).value = 1
    ctypes.c_uint8.from_address(kind).value = 0
    problem: BaseException | None = None
    try:
        problem = problem_of(instance)
    except BaseException as raised:  # what leaves a callback by being raised ends the process
        problem = raised
    if problem is None or instance is None:
        return None
    return instance.raise_in_guest(problem)


@c.DropCallback  # type: ignore[untyped-decorator]
def dropped(_env: int, context: int, number: int) -> int | None:
    """A guest dropped a handle."""
    instance = LIVE.get(context)
    if instance is None:
        return None
    try:
        instance.handles.dropped(number)
    except BaseException as problem:
        return instance.raise_in_guest(problem)
    return None


@c.HostCallback  # type: ignore[untyped-decorator]
def let_go(_env: int, context: int, _type: int, arguments: int, *_: int) -> int | None:
    """A guest dropped a handle of a resource that its shim made: a plain number is the argument."""
    instance = LIVE[context]
    try:
        instance.handles.dropped(_number(MEMORY, arguments)[0])
    except BaseException as problem:
        return instance.raise_in_guest(problem)
    return None


def watch(store: int, context: int) -> None:
    """Has the store ask `_epoch` at every tick while its guest computes."""
    c.store_epoch_callback(store, _epoch, None, None)
    c.context_set_epoch_deadline(context, 1)
