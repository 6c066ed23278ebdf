"""Plain wasmtime whose linear memories the test can see, in the order in which an instance makes them."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from wasmtime import Config, Engine, Store, WasiConfig, _bindings, _ffi
from wasmtime import component as cm

from orchestrator.engine._libc import NEXT, ROOM
from orchestrator.interface import types as t
from orchestrator.interface.sizes import layout
from tests.support.canonical import Reference

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_Finalizer: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_LAZY = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
"""With `MAP_NORESERVE`, which Python does not name."""


Answer = Callable[..., Any] | tuple[cm.ResourceType, Callable[[int], None]]


class Memory:
    """A linear memory."""

    def __init__(self, size: int, reserved: int, guard: int) -> None:
        self.size, self.reserved = size, max(size, reserved)
        self.total = self.reserved + guard
        self.base = _libc.mmap(None, self.total, 0, _LAZY, -1, 0)
        self.resize(size)

    def resize(self, size: int) -> int:
        """Makes that many bytes of it usable; not 0 where it cannot."""
        if size > self.reserved or _libc.mprotect(self.base, size, mmap.PROT_READ | mmap.PROT_WRITE):
            return 1
        self.size = size
        return 0

    def read(self, at: int, size: int) -> bytes:
        """Bytes of it."""
        assert 0 <= at <= at + size <= self.size
        return ctypes.string_at(self.base + at, size)

    def write(self, at: int, data: bytes) -> None:
        """Puts bytes into it."""
        assert 0 <= at <= at + len(data) <= self.size
        ctypes.memmove(self.base + at, data, len(data))

    def view(self) -> memoryview:
        """Its bytes as they are now, to be read and written."""
        return memoryview((ctypes.c_ubyte * self.size).from_address(self.base)).cast("B")

    def word(self, at: int) -> int:
        """Four bytes of it as a number."""
        return int.from_bytes(self.read(at, 4), "little")


_MEMORIES: dict[int, Memory] = {}
_made = 0


@_bindings.wasmtime_memory_get_callback_t  # type: ignore[untyped-decorator]
def _get(env: int, size: Any, most: Any) -> int:
    size[0], most[0] = _MEMORIES[env].size, _MEMORIES[env].reserved
    return int(_MEMORIES[env].base)


@_bindings.wasmtime_memory_grow_callback_t  # type: ignore[untyped-decorator]
def _grow(env: int, size: int) -> int:
    return _MEMORIES[env].resize(size)


@_Finalizer  # type: ignore[untyped-decorator]
def _free(env: int) -> None:
    memory = _MEMORIES.pop(env)
    _libc.munmap(memory.base, memory.total)


@_Finalizer  # type: ignore[untyped-decorator]
def _free_creator(_env: int) -> None:
    pass


@_bindings.wasmtime_new_memory_callback_t  # type: ignore[untyped-decorator]
def _new(_env: int, _type: Any, size: int, _most: int, reserved: int, guard: int, out: Any) -> int:
    global _made
    _made += 1
    _MEMORIES[_made] = Memory(size, reserved, guard)
    out.contents.env = _made
    out.contents.get_memory, out.contents.grow_memory, out.contents.finalizer = _get, _grow, _free
    return 0


def new_engine() -> Engine:
    """An engine that makes its memories here."""
    config = Config()
    config.memory_init_cow = False
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
    creator = _bindings.wasmtime_memory_creator_t()
    creator.new_memory = _new  # type: ignore[assignment]
    creator.finalizer = _free_creator
    _bindings.wasmtime_config_host_memory_creator_set(config.ptr(), ctypes.byref(creator))
    return Engine(config)


class Guest:
    """An instance of a component, with its memories.

    Arguments:
        own: what answers the functions that the world imports, by name.
        interfaces: what answers the functions of the interfaces that it imports, by name; a resource type with its
            destructor for a resource.
    """

    def __init__(
        self,
        engine: Engine,
        component: cm.Component | bytes,
        own: Mapping[str, Answer] | None = None,
        interfaces: Mapping[str, Mapping[str, Answer]] | None = None,
    ) -> None:
        self.store = Store(engine)
        self.store.set_wasi(WasiConfig())
        compiled = cm.Component(engine, component) if isinstance(component, bytes) else component
        before = set(_MEMORIES)
        linker = cm.Linker(engine)
        linker.add_wasip2()
        with linker.root() as root:
            _define(root, own or {})
            for interface, answers in (interfaces or {}).items():
                with root.add_instance(interface) as inner:
                    _define(inner, answers)
        self.instance = linker.instantiate(self.store, compiled)
        self.memories = [_MEMORIES[key] for key in sorted(set(_MEMORIES) - before)]

    def function(self, name: str, interface: str | None = None) -> Callable[..., Any]:
        """An exported function; each call ends with its post-return."""
        within = None if interface is None else self.instance.get_export_index(self.store, interface)
        index = self.instance.get_export_index(self.store, name, within)
        found = None if index is None else self.instance.get_func(self.store, index)
        assert found is not None, f"no function {name}"

        def call(*values: Any) -> Any:
            result = found(self.store, *values)
            found.post_return(self.store)
            return result

        return call

    def values(self) -> Values:
        """Reads and writes values in its first memory."""
        return Values(self.memories[0])


class Values(Reference):
    """Stores and loads values in a memory that may grow, in room that it takes from there as a shim's host does."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory.view(), ROOM)
        self._whole = memory

    def room(self, size: int, to: int) -> int:
        self.free = max(self._whole.word(NEXT), ROOM)
        at = super().room(size, to)
        self._whole.write(NEXT, self.free.to_bytes(4, "little"))
        return at

    def placed(self, type_: t.Type, value: Any) -> int:
        """Writes a value somewhere; where."""
        at = self.room(*layout(type_))
        self.store(type_, value, at)
        return at

    def load(self, type_: t.Type, at: int) -> Any:
        self.memory = self._whole.view()
        return super().load(type_, at)


def _define(linker: cm.LinkerInstance, answers: Mapping[str, Answer]) -> None:
    for name, answer in answers.items():
        if callable(answer):
            linker.add_func(name, _without_store(answer))
        else:
            kind, drop = answer
            linker.add_resource(name, kind, partial(_drop, drop))


def _drop(drop: Callable[[int], None], _store: Any, number: int) -> None:
    drop(number)


def _without_store(answer: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _store, *values: answer(*values)
