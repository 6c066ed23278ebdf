"""What it costs to bring values into a guest's memory and back, by the bulk path and by C values."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable
from timeit import Timer
from typing import Any

_ROOM = 1 << 24


def run() -> dict[str, object]:
    """Microseconds, or milliseconds for a megabyte, of storing and loading; `c_` is the same through C values."""
    figures: dict[str, object] = {}
    for name, (type_, value) in _cases().items():
        large = name.endswith("mb")
        for way, act in _ways(type_, value).items():
            figures[f"{name}_{way}_{'ms' if large else 'us'}"] = round(_seconds(act) * (1e3 if large else 1e6), 2)
    return figures


def _cases() -> dict[str, tuple[Any, Any]]:
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


def _ways(type_: Any, value: Any) -> dict[str, Callable[[], object]]:
    from orchestrator.engine import _native as c
    from orchestrator.engine._arena import ROOM, Arena, advance
    from orchestrator.engine._layouts import layout_of
    from orchestrator.engine._sizes import sizer
    from orchestrator.engine._values import lifter, lowerer
    from orchestrator.interface.types import Field, Function

    block = (ctypes.c_uint8 * _ROOM)()
    memory = Arena(ctypes.addressof(block), _ROOM).memory
    found = layout_of(Function("f", (Field("x", type_),), type_))
    arrays, values = isinstance(value, memoryview), (value,)

    advance(memory, ROOM)
    number = found.store_result(value, memory)
    advance(memory, at := memory.nbytes // 2)
    numbers, load = found.lower(values, memory), found.load_result_arrays if arrays else found.load_result

    def store() -> None:
        advance(memory, at)
        found.lower(values, memory)

    block_ways: dict[str, Callable[[], object]] = {
        "store": store,
        "load": lambda: load(number, memory),
        "size": lambda: (block, found.request_size(numbers, memory))[1],
    }
    c_lower, c_lift, c_size = lowerer(type_), lifter(type_), sizer((type_,))
    kept = ctypes.create_string_buffer(c_lower(value, None), c.VALUE)  # type: ignore[arg-type]
    place = ctypes.addressof(kept)

    def c_store() -> None:
        made = ctypes.create_string_buffer(c_lower(value, None), c.VALUE)  # type: ignore[arg-type]
        c.value_delete(ctypes.addressof(made))

    c_ways: dict[str, Callable[[], object]] = {
        "c_store": c_store,
        "c_load": lambda: (kept, c_lift(place, None))[1],  # type: ignore[arg-type]
        "c_size": lambda: c_size(place),
    }
    return block_ways | c_ways


def _seconds(act: Callable[[], object]) -> float:
    timer = Timer(act)
    number, taken = timer.autorange()
    return min([taken, *timer.repeat(4, number)]) / number
