"""How much stack a thread needs so that no chain of calls can run off its end, and how much the present one has left.

Each store that is entered lets its guest use `Component.stack` below where it was entered. Between two stores lie a
callback of the C API and the interpreter's frames: 4.1 KiB were measured, with a gate, over an edge that forwards, one
that translates and one to a Python function alike (CPython 3.11, x86-64). What evaluates a contract's rules comes on
top of the deepest only. A chain that is deeper than `MAX_DEPTH` is refused when a pipeline is linked.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any

from orchestrator.engine._config import STACK

MAX_DEPTH = 64
"""Stores that one chain of calls may enter."""
_CROSSING = 16 << 10
"""Bytes between two stores."""
_DEEPEST = 1 << 20
"""Bytes for what a thread does below all stores: evaluating expressions and regular expressions, converting values."""
_SPARE = 4 << 20
"""Bytes more for a thread that is made, which costs nothing until it is used."""
_FRAMES, _DEEPEST_FRAMES = 12, 150
"""What counts against Python's recursion limit between two stores, and below all of them."""
_STACK_POINTER = {"x86_64": 20, "aarch64": 54}.get(platform.machine())
"""Which word of glibc's `ucontext_t` is the stack pointer. Source: `sys/ucontext.h` of glibc for each processor."""


def needed_stack(depth: int, stacks: Iterable[int]) -> int:
    """Bytes of stack that chains of calls need below where the first store is entered.

    Arguments:
        depth: how many stores the longest of them enters.
        stacks: what each store's guest may use (`Component.stack`).
    """
    count = min(depth, MAX_DEPTH)
    deepest = sorted(stacks, reverse=True)[:count]
    guests = sum(deepest) + (count + 1 - len(deepest)) * STACK
    return _DEEPEST + guests + (count + 1) * _CROSSING


def thread_stack(needed: int) -> int:
    """Bytes of stack for a thread on which chains of calls run that need so much of it."""
    return _SPARE + needed


def stack_left() -> int:
    """Bytes of stack that the calling thread has left; 0 where that cannot be told."""
    get_context = _get_context()
    if _STACK_POINTER is None or get_context is None or get_context(_local.address):
        return 0
    return max(0, int(_local.context[_STACK_POINTER]) - _local.end)


def has_frames(depth: int) -> bool:
    """Whether Python's recursion limit lets the calling thread go as deep as chains of `depth` stores do.

    A callback that the interpreter refuses to enter gives wasmtime whatever stands where its result goes: the process
    ends. What a frame was called by in C may count as one more.
    """
    most = sys.getrecursionlimit() - _DEEPEST_FRAMES - (min(depth, MAX_DEPTH) + 1) * _FRAMES
    if most <= 0:
        return False
    try:
        sys._getframe(most // 2)
    except ValueError:  # there are not so many
        return True
    return False


class _Local(threading.local):
    """Of each thread the end of its stack, which does not change, and room for its context."""

    def __init__(self) -> None:
        self.context = (ctypes.c_uint64 * 512)()
        self.address = ctypes.addressof(self.context)
        self.end = _end_of_stack()


@cache
def _get_context() -> Any:
    """The C library's `getcontext`; None where it has none."""
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return None
    found = ctypes.CDLL(None).getcontext
    found.argtypes, found.restype = [ctypes.c_void_p], ctypes.c_int
    return found


def _end_of_stack() -> int:
    """The lowest address of the calling thread's stack; above every stack where it cannot be told."""
    libc = ctypes.CDLL(None)
    attributes = (ctypes.c_uint64 * 64)()
    start, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_self.restype = ctypes.c_void_p
    if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
        return sys.maxsize
    try:
        if libc.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size)):
            return sys.maxsize
    finally:
        libc.pthread_attr_destroy(attributes)
    return start.value or sys.maxsize


_local = _Local()
