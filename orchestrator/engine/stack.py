"""How much stack a thread needs so that no chain of calls can run off its end.

Each store that is entered lets its guest use `MAX_WASM_STACK` below where it was entered. Between two stores lie a
callback of the C API and the interpreter's frames: 4.1 KiB were measured, with a gate, over an edge that forwards, one
that translates and one to a Python function alike (CPython 3.11, x86-64). What evaluates a contract's rules comes on
top of the deepest only. A chain that is deeper than `MAX_DEPTH` is refused when a pipeline is linked.
"""

from __future__ import annotations

from orchestrator.engine._config import MAX_WASM_STACK

MAX_DEPTH = 64
"""Stores that one chain of calls may enter."""
_CROSSING = 256 << 10
"""Bytes between two stores, with room for what evaluates expressions and regular expressions."""
_BASE = 2 << 20
"""Bytes for what a thread does before it enters the first store: building, compiling, converting values."""


def thread_stack(depth: int) -> int:
    """Bytes of stack for a thread on which chains of `depth` stores run."""
    return _BASE + (min(depth, MAX_DEPTH) + 1) * (MAX_WASM_STACK + _CROSSING)
