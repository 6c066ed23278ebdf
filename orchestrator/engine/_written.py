"""Functions written as text, one for a type, and compiled by Python.

A loop over a list of records is then one comprehension without a call for each field: several times as fast as
functions that call each other. Names that guests chose come into the text as `repr` writes them, as strings alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import count
from typing import Any

# Numbers that change their kind in a parameter that cases share

_I32, _I64 = struct.Struct("<I"), struct.Struct("<Q")
_F32, _F64 = struct.Struct("<f"), struct.Struct("<d")


def _recast(write: struct.Struct, read: struct.Struct) -> Callable[[Any], Any]:
    pack, unpack = write.pack, read.unpack
    return lambda value: unpack(pack(value))[0]


RECASTS = {
    "f32_bits": _recast(_F32, _I32), "f64_bits": _recast(_F64, _I64),
    "f32_of": _recast(_I32, _F32), "f64_of": _recast(_I64, _F64),
}  # fmt: skip
"""Floats as the integers of the same bits, and back."""


class FunctionText:
    """A function as text, and the objects that it names.

    Arguments:
        names: what it may name from the start.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = RECASTS | names
        self.lines: list[str] = []
        self.numbers = count()
        self._bound: dict[int, str] = {}

    def bind(self, value: Any, word: str) -> str:
        """The name under which the function finds an object."""
        name = self._bound.get(id(value))
        if name is None:
            name = self._bound[id(value)] = f"{word}_{len(self._bound)}"
            self.names[name] = value
        return name

    def fresh(self) -> str:
        """A variable that is not used yet."""
        return f"x{next(self.numbers)}"

    def add(self, *lines: str, depth: int = 1) -> None:
        """Lines at a depth of blocks, the function's body being 1."""
        self.lines += [f"{'    ' * depth}{line}" for line in lines]

    def function(self, head: str) -> Any:
        """The function whose first line is `def` and `head`, and whose body is the lines."""
        text = "\n".join([f"def {head}:", *self.lines])
        exec(compile(text, f"<{head}>", "exec"), self.names)
        return self.names[head.partition("(")[0]]


def tuple_of(expressions: list[str]) -> str:
    """A tuple, or the names it is unpacked into."""
    return f"({', '.join(expressions)}{',' if len(expressions) == 1 else ''})"
