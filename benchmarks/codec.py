"""What it costs to bring values into a guest's memory and back: through the bulk path, and as C values.

`store` brings the arguments of a function into memory, `load` makes Python values of a result there, `size` counts what
crosses; no guest is called. `c_` is the same through the values of wasmtime's C API, which are freed again. A ratio is
how many times the bulk path's time the C values take.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks._ways import Effort, Maker, Way, expect, joined, measure, medians, ratio, repeated

if TYPE_CHECKING:
    from orchestrator.interface.types import Type

EFFORT = Effort(seconds=0.3, rounds=9)
ACTS = ("store", "load", "size")
_ROOM = 1 << 24

Acts = Mapping[str, Callable[[], object]]
Making = Callable[["Type", Any, ExitStack], Acts]


def run(effort: Effort = EFFORT, names: tuple[str, ...] = ()) -> dict[str, object]:
    """The medians of each value's ways, and C values as multiples of the bulk path.

    Arguments:
        names: of the values that are measured; all by default.
    """
    parts = []
    for name, (type_, value) in _cases().items():
        if names and name not in names:
            continue
        makers: dict[str, Maker] = {f"{name}_{act}": partial(_way, _bulk, act, type_, value) for act in ACTS}
        makers |= {f"{name}_c_{act}": partial(_way, _c_values, act, type_, value) for act in ACTS}
        found = measure(makers, effort)
        parts += [medians(found), {f"{name}_{act}_ratio": ratio(found, f"{name}_c_{act}", f"{name}_{act}")
                                   for act in ACTS}]  # fmt: skip
    return joined(parts)


def _cases() -> dict[str, tuple[Type, Any]]:
    from orchestrator.interface import parse_type

    record = "record { a: u8, b: u32, c: u64, d: f64, e: bool, f: string, g: s16, h: option<u32> }"
    value = {"a": 1, "b": 70_000, "c": 1 << 40, "d": 0.5, "e": True, "f": "some text", "g": -3, "h": 7}
    floats = [index / 8 for index in range(1 << 18)]
    return {
        "string_10": (parse_type("string"), "0123456789"),
        "record_of_8": (parse_type(record), value),
        "100_records": (parse_type(f"list<{record}>"), [value] * 100),
        "1000_strings": (parse_type("list<string>"), [f"text {index}" for index in range(1000)]),
        "bytes_1mb": (parse_type("list<u8>"), bytes(1 << 20)),
        "f32_list_1mb": (parse_type("list<f32>"), floats),
        "f32_buffer_1mb": (parse_type("list<f32>"), memoryview(array("f", floats))),
    }


def _way(acts: Making, act: str, type_: Type, value: Any, stack: ExitStack) -> Way:
    every = acts(type_, value, stack)
    loaded = every["load"]()
    expect(list(loaded) if isinstance(value, memoryview) else loaded, _plain(value), "what was stored")  # type: ignore[call-overload]
    return repeated(every[act])


def _plain(value: Any) -> object:
    return list(value) if isinstance(value, memoryview) else value


def _keep(owner: object, stack: ExitStack) -> None:
    """Has the owner of memory that is used by its address live as long as the stack is open."""
    stack.callback(lambda: owner)


def _bulk(type_: Type, value: Any, stack: ExitStack) -> Acts:
    """What the bulk path does, in a block that stands for a shim's memory."""
    from orchestrator.engine._arena import Arena, advance
    from orchestrator.engine._layouts import layout_of
    from orchestrator.engine._libc import ROOM
    from orchestrator.interface.allowance import Allowance
    from orchestrator.interface.types import Field, Function

    block = (ctypes.c_uint8 * _ROOM)()
    _keep(block, stack)
    memory = Arena(ctypes.addressof(block), _ROOM).memory
    allowed = Allowance(sys.maxsize)
    found = layout_of(Function("f", (Field("x", type_),), type_))
    values, load = (value,), found.load_result_arrays if isinstance(value, memoryview) else found.load_result

    advance(memory, ROOM)
    number = found.store_result(value, memory)
    advance(memory, at := memory.nbytes // 2)
    numbers = found.lower(values, memory)

    def store() -> None:
        advance(memory, at)
        found.lower(values, memory)

    return {
        "store": store,
        "load": lambda: load(number, memory, allowed),
        "size": lambda: found.request_size(numbers, memory, allowed),
    }


def _c_values(type_: Type, value: Any, stack: ExitStack) -> Acts:
    """What a call without a shim does."""
    from orchestrator.engine import _native as c
    from orchestrator.engine._resources import without_handles
    from orchestrator.engine._sizes import sizer
    from orchestrator.engine._values import lifter, lowerer
    from orchestrator.interface.allowance import go_on

    lower, lift, size = lowerer(type_), lifter(type_), sizer((type_,))
    kept = ctypes.create_string_buffer(lower(value, None), c.VALUE)  # type: ignore[arg-type]
    _keep(kept, stack)
    place, none = ctypes.addressof(kept), without_handles(go_on)

    def store() -> None:
        made = ctypes.create_string_buffer(lower(value, None), c.VALUE)  # type: ignore[arg-type]
        c.value_delete(ctypes.addressof(made))

    return {
        "store": store,
        "load": lambda: lift(place, none),
        "size": lambda: size(place),
    }
