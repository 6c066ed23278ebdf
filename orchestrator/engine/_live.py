"""The callbacks that the C API keeps, and the tables by which they find what they are for.

A callback that is collected while a store still has it aborts the process; these live as long as the module. A
callback is given the address of a store's context: `LIVE` maps it to the instance, from before the guest's first
instruction until the store is freed.
"""

from __future__ import annotations

import ctypes
import itertools
from typing import TYPE_CHECKING

from orchestrator.engine import _native as c
from orchestrator.engine._ticker import ending

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance
    from orchestrator.engine.settings import Output

LIVE: dict[int, Instance] = {}

_OUTPUTS: dict[int, Output] = {}
_keys = itertools.count(2, 2)
"""Keys are even and never 0, which a callback would be given as None; the odd one after a key is its stderr."""


@c.EpochCallback  # type: ignore[untyped-decorator]
def _epoch(context: int, _env: int, ticks: int, kind: int) -> int | None:
    """At each tick of a running guest: let it go on to the next one, or end it."""
    instance = LIVE.get(context)
    ctypes.c_uint64.from_address(ticks).value = 1
    ctypes.c_uint8.from_address(kind).value = 0
    frame = instance.frame if instance is not None else None
    problem: BaseException | None = ending[0] if ending else None
    try:
        if problem is None and frame is not None:
            problem = frame.problem()
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


@c.OutputCallback  # type: ignore[untyped-decorator]
def _print(key: int, address: int, size: int) -> int:
    """A guest printed; it is told that all of it was taken, whatever became of it."""
    try:
        _OUTPUTS[key & ~1]("stderr" if key & 1 else "stdout", ctypes.string_at(address, size))
    except BaseException:
        return size
    return size


def watch(store: int, context: int) -> None:
    """Has the store ask `_epoch` at every tick while its guest computes."""
    c.store_epoch_callback(store, _epoch, None, None)
    c.context_set_epoch_deadline(context, 1)


def capture(wasi: int, output: Output) -> int:
    """Has a WASI configuration print into `output`; the key to release it by."""
    key = next(_keys)
    _OUTPUTS[key] = output
    c.wasi_stdout(wasi, _print, key, None)
    c.wasi_stderr(wasi, _print, key + 1, None)
    return key


def release(key: int) -> None:
    """Forgets where a closed store printed to; harmless for 0."""
    _OUTPUTS.pop(key, None)
