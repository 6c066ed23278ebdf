"""Lists of numbers that are given as buffers: arrays of numpy or `array`, memoryviews, anything with the protocol.

A buffer is taken as it is, without a look at its numbers, so its items must be exactly of the list's element type. Its
normal form is a contiguous memoryview whose format is the one code of that type.
"""

from __future__ import annotations

import sys
from typing import Any

from orchestrator.interface import types as t
from orchestrator.interface._mismatch import Mismatch
from orchestrator.interface.numbers import number_code

_NATIVE = ("@", "=", "<") if sys.byteorder == "little" else ("@", "=", ">", "!")
_KINDS = dict.fromkeys("bhilqn", "s") | dict.fromkeys("BHILQN", "u") | dict.fromkeys("efd", "f")


def is_buffer(value: Any) -> bool:
    """Whether a value has the buffer protocol."""
    try:
        memoryview(value).release()
    except (TypeError, BufferError):
        return False
    return True


def numbers(type_: t.Primitive, shown: str, value: Any) -> memoryview:
    """The normal form of a buffer.

    Arguments:
        type_: the type of its items, one that has a `number_code`.
        shown: the list's type, for a message.

    Raises:
        Mismatch: its items are not exactly of that type, or do not stand in one row.
    """
    code: Any = number_code(type_)
    view = memoryview(value)
    if view.ndim != 1:
        raise _mismatch(type_, shown, f"a buffer of {view.ndim} dimensions")
    item = view.format
    if item != code:
        name = _item(view)
        if name != type_.name:
            raise _mismatch(type_, shown, f"a buffer of {name} ('{item[:20]}')")
    if not view.contiguous or item[:1] in _NATIVE:
        # Python casts no view whose format has a byte order, and none with gaps.
        view = memoryview(view.tobytes())
    return view if view.format == code else view.cast("B").cast(code)


def _item(view: memoryview) -> str:
    """What the items are, named as WIT does where it can."""
    form = view.format[1:] if view.format[:1] in _NATIVE else view.format
    if form in _KINDS:
        return f"{_KINDS[form]}{8 * view.itemsize}"
    if form[:1] in ("<", ">", "!") and form[1:] in _KINDS:
        return f"{_KINDS[form[1:]]}{8 * view.itemsize} in another byte order"
    return "bool" if form == "?" else "other items"


def _mismatch(type_: t.Primitive, shown: str, found: str) -> Mismatch:
    return Mismatch(f"{shown} (a list, or a one-dimensional buffer of {type_.name} in native byte order)", found)
