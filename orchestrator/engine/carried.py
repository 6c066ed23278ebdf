"""A value that a call gave, as it came: none of it becomes a Python object until something asks for that.

It goes into the next call as it is. Not for handles, which mean something in one store only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from orchestrator.engine import _native as c
from orchestrator.engine._memory import MEMORY, QUADS
from orchestrator.engine._resources import without_handles
from orchestrator.engine._sizes import sizer
from orchestrator.engine._values import Lift, lifter
from orchestrator.interface.allowance import Allowance, Check, no_room
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Primitive, Result, Type

_NONE = object()
_SMALL = 64 << 10
"""Bytes up to which memory is made by copying rather than by mapping it."""


class Carried:
    """A value outside of Python, of one of the classes below.

    It is no abstract base class: asking whether a value is an instance of one takes ten times as long.

    Arguments:
        type_: its type, without handles.
    """

    __slots__ = ("_python", "_size", "type")

    def __init__(self, type_: Type) -> None:
        self.type = type_
        self._python: Any = _NONE
        self._size = -1

    def python(self, check: Check) -> Any:
        """The value in a Python form; made once. Lists of numbers may be memoryviews.

        Arguments:
            check: asked now and then whether to go on.

        Raises:
            LimitExceeded: it would be more objects than it may.
            RunError: what the check raises.
        """
        found = self._python
        if found is _NONE:
            try:
                found = self._python = self._made(check)
            except MemoryError:
                raise no_room() from None
        return found

    def size(self) -> int:
        """Its size in canonical form, bytes."""
        if self._size < 0:
            self._size = self._measured()
        return self._size

    def side(self) -> tuple[bool, Carried | None]:
        """Of a result: whether it is ok, and what it carries, if it carries something."""
        raise NotImplementedError

    def _made(self, check: Check) -> Any:
        """The Python form."""
        raise NotImplementedError

    def _measured(self) -> int:
        """The size."""
        raise NotImplementedError


class CValue(Carried):
    """A value of the C API.

    Arguments:
        at: the address of its C value.
        owner: keeps what stands there alive.
    """

    __slots__ = ("_owner", "at")

    def __init__(self, type_: Type, at: int, owner: Owned) -> None:
        self.type, self.at, self._owner = type_, at, owner
        self._python = _NONE
        self._size = -1

    def side(self) -> tuple[bool, Carried | None]:
        """See `Carried`."""
        type_ = self.type
        assert isinstance(type_, Result)
        is_ok = MEMORY[self.at + 8] != 0
        payload = type_.ok if is_ok else type_.err
        return is_ok, None if payload is None else CValue(payload, QUADS[(self.at >> 3) + 2], self._owner)

    def _made(self, check: Check) -> Any:
        return _reading(self.type)[0](self.at, without_handles(check))

    def _measured(self) -> int:
        return _reading(self.type)[1](self.at)


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


class Block(Carried):
    """A value laid out in memory by the canonical ABI, copied out of the memory of a shim.

    Arguments:
        at: its offset in that memory.
        start: the offset there of what was copied: the value and all it points to.
        data: what was copied.
        most: objects that it may become.
    """

    __slots__ = ("_memory", "_most", "at", "data", "start")

    def __init__(self, type_: Type, at: int, start: int, data: bytes, most: int) -> None:
        super().__init__(type_)
        self._most = most
        self.at, self.start, self.data = at, start, data
        self._memory: memoryview | None = None

    @property
    def memory(self) -> memoryview:
        """The memory as it was, as far as the copy goes; zeros in front of that."""
        if self._memory is None:
            whole = self.start + len(self.data)
            if whole <= _SMALL:
                self._memory = memoryview(bytes(self.start) + self.data)
            else:
                from mmap import mmap

                mapped = mmap(-1, whole)  # what is in front of the copy takes no memory
                mapped[self.start :] = self.data
                self._memory = memoryview(mapped)
        return self._memory

    def side(self) -> tuple[bool, Carried | None]:
        """See `Carried`."""
        type_ = self.type
        assert isinstance(type_, Result)
        is_ok = not self.data[self.at - self.start]
        payload = type_.ok if is_ok else type_.err
        if payload is None:
            return is_ok, None
        # Behind the discriminant, a byte, as the side that is aligned widest asks for.
        align = max(layout(one)[1] for one in (type_.ok, type_.err) if one is not None)
        found = Block(payload, self.at + align, self.start, self.data, self._most)
        found._memory = self._memory
        return is_ok, found

    def _made(self, check: Check) -> Any:
        from orchestrator.engine._load import loader

        return loader(self.type, True)(self.memory, self.at, Allowance(self._most, check))

    def _measured(self) -> int:
        from orchestrator.engine._block_sizes import extra

        return layout(self.type)[0] + extra(self.type)(self.memory, self.at, Allowance())


def python_of(value: Any, check: Check) -> Any:
    """The Python form of a value that may be carried; lists of numbers in it may be memoryviews.

    Arguments, Raises: as of `Carried.python`.
    """
    return value.python(check) if isinstance(value, Carried) else value


def owns(type_: Type) -> bool:
    """Whether C values of a type own something that is freed with them: all but plain numbers do."""
    return not isinstance(type_, Primitive) or type_.name == "string"


@lru_cache(maxsize=4096)
def _reading(type_: Type) -> tuple[Lift, Callable[[int], int]]:
    """What lifts and what measures C values of a type."""
    return lifter(type_), sizer((type_,))


_Place = ctypes.c_uint64 * (c.VALUE // 8)
