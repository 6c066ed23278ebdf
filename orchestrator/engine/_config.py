"""wasmtime's configuration, one for every engine, and the key under which what it compiles is kept."""

from __future__ import annotations

import hashlib
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasmtime import Engine

STACK = 512 << 10
"""Bytes of stack that one store's guest may use; each store that a chain of calls enters has its own allowance."""
DEEP_STACK = 2 << 20
"""The same of a component with as much stack of its own in its memory as `DEEP`, or more.

The limit of CPython on recursion, a thousand calls that lead through C, fits into it. It is as much as wasmtime lets.
"""
DEEP = 1 << 20
WASMTIME = "50.0.1"
"""The version this engine is written against: the one that pyproject.toml pins."""
_FORMAT = "15"
"""Changes when what is kept beside the machine code changes."""
STATE_FORM = f"{WASMTIME};{_FORMAT}"
"""What the layout of a saved state depends on besides its component and how that was compiled."""
HOST_MEMORY = sys.platform == "linux"
"""Whether this engine owns the guests' memories (see `_memories`); elsewhere wasmtime does."""
_SETTINGS = f"epoch;no-concurrency;stack={STACK};{'host-memory' if HOST_MEMORY else 'cow'};cranelift"


def cache_key(bulk: str, metered: bool = False, kept: bool = False) -> str:
    """What machine code depends on besides the component: kept code of another key is never loaded.

    Arguments:
        bulk: which functions go through memory (see `_chosen`).
        metered: whether it counts what it executes.
        kept: whether it has a keeper (see `_keep`).
    """
    settings = _SETTINGS + ";fuel" * metered + ";kept" * kept
    text = ";".join((WASMTIME, _FORMAT, settings, bulk, platform.machine(), platform.system()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_engine(metered: bool = False, stack: int = STACK) -> Engine:
    """A wasmtime engine with this project's settings.

    Concurrency support is off: with it 50.0.1 traps on the second borrow in one call to the host.

    Arguments:
        metered: whether its guests use up fuel as they execute, which makes them slower.
        stack: bytes of it that a store's guest may use; machine code is the same for all.
    """
    from wasmtime import Config, Engine, _ffi

    config = Config()
    config.epoch_interruption = True
    config.consume_fuel = metered
    _ffi.wasmtime_config_max_wasm_stack_set(config.ptr(), stack)
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
    if HOST_MEMORY:
        from orchestrator.engine import _memories

        _memories.own(config)
    return Engine(config)
