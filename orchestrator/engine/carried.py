"""A value that a call gave, as it came: none of it becomes a Python object until something asks for that.

It goes into the next call as it is. Not for handles, which mean something in one store only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from orchestrator.engine import _native as c
from orchestrator.engine._memory import MEMORY, QUADS
from orchestrator.engine._sizes import sizer
from orchestrator.engine._values import Lift, lifter
from orchestrator.interface.types import Primitive, Result, Type

if TYPE_CHECKING:
    from orchestrator.engine._resources import Handles

_NONE = object()
_NO_HANDLES = cast("Handles", None)


class Carried:
    """A value outside of Python.

    Arguments:
        type_: its type, without handles.
        at: the address of its C value.
        owner: keeps what stands there alive.
    """

    __slots__ = ("_python", "_size", "at", "owner", "type")

    def __init__(self, type_: Type, at: int, owner: Owned) -> None:
        self.type, self.at, self.owner = type_, at, owner
        self._python: Any = _NONE
        self._size = -1

    def python(self) -> Any:
        """The value in its Python form; made once."""
        found = self._python
        if found is _NONE:
            found = self._python = _reading(self.type)[0](self.at, _NO_HANDLES)
        return found

    def size(self) -> int:
        """Its size in canonical form, bytes."""
        if self._size < 0:
            self._size = _reading(self.type)[1](self.at)
        return self._size

    def side(self) -> tuple[bool, Carried | None]:
        """Of a result: whether it is ok, and what it carries, if it carries something."""
        type_ = self.type
        assert isinstance(type_, Result)
        is_ok = MEMORY[self.at + 8] != 0
        payload = type_.ok if is_ok else type_.err
        return is_ok, None if payload is None else Carried(payload, QUADS[(self.at >> 3) + 2], self.owner)


class Owned:
    """The place of one C value, and what that points to; freed with it.

    Arguments:
        frees: whether values of its type point to anything.
    """

    __slots__ = ("_free", "_place", "at")

    def __init__(self, frees: bool) -> None:
        self._place = _Place()
        self.at = ctypes.addressof(self._place)
        self._free: Callable[[int], None] | None = c.value_delete if frees else None

    def __del__(self) -> None:
        if self._free is not None:
            self._free(self.at)


@lru_cache(maxsize=4096)
def _reading(type_: Type) -> tuple[Lift, Callable[[int], int]]:
    """What lifts and what measures values of a type."""
    return lifter(type_), sizer((type_,))


_Place = ctypes.c_uint64 * (c.VALUE // 8)


def python_of(value: Any) -> Any:
    """The Python form of a value that may be carried."""
    return value.python() if value.__class__ is Carried else value


def points(type_: Type) -> bool:
    """Whether C values of a type point to something that is freed with them: all but plain numbers do."""
    return not isinstance(type_, Primitive) or type_.name == "string"
