"""The functions of wasmtime's C API that this engine calls, with prototypes that pass addresses as plain integers.

Imported when a component first runs: it loads the shared library. Everything here can abort the process when it is
misused; only this room's modules call it, and each says which owner keeps an address alive.

Source: the headers of wasmtime 50, `wasmtime/component/*.h`; `wasmtime._bindings` declares the same functions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime import _ffi

PTR, SIZE, BOOL, U32, U64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_bool, ctypes.c_uint32, ctypes.c_uint64

VALUE = 32
"""Bytes of a `wasmtime_component_val_t`: its kind at 0, its data at 8."""
ENTRY = 48
"""Bytes of a `wasmtime_component_valrecord_entry_t`: a name of two words, then a value."""
NAME = 16
"""Bytes of a `wasm_name_t`: size and address."""

HostCallback = ctypes.CFUNCTYPE(PTR, PTR, PTR, PTR, PTR, SIZE, PTR, SIZE)
"""(env, context, type, arguments, their number, results, their number) -> error or null."""
DropCallback = ctypes.CFUNCTYPE(PTR, PTR, PTR, U32)
"""(env, context, representation) -> error or null."""
EpochCallback = ctypes.CFUNCTYPE(PTR, PTR, PTR, PTR, PTR)
"""(context, env, ticks to go on for, kind of update) -> error or null."""


def _function(name: str, result: Any, *parameters: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *parameters)((name, _ffi.dll))


config_memory_creator = _function("wasmtime_config_host_memory_creator_set", None, PTR, PTR)

error_new = _function("wasmtime_error_new", PTR, ctypes.c_char_p)
error_delete = _function("wasmtime_error_delete", None, PTR)
error_message = _function("wasmtime_error_message", None, PTR, PTR)

bytes_new = _function("wasm_byte_vec_new", None, PTR, SIZE, ctypes.c_char_p)
bytes_delete = _function("wasm_byte_vec_delete", None, PTR)
list_new = _function("wasmtime_component_vallist_new_uninit", None, PTR, SIZE)
tuple_new = _function("wasmtime_component_valtuple_new_uninit", None, PTR, SIZE)
record_copy = _function("wasmtime_component_valrecord_copy", None, PTR, PTR)
flags_copy = _function("wasmtime_component_valflags_copy", None, PTR, PTR)
value_new = _function("wasmtime_component_val_new", PTR, PTR)
value_delete = _function("wasmtime_component_val_delete", None, PTR)

call = _function("wasmtime_component_func_call", PTR, PTR, PTR, PTR, SIZE, PTR, SIZE)

store_new = _function("wasmtime_store_new", PTR, PTR, PTR, PTR)
store_delete = _function("wasmtime_store_delete", None, PTR)
store_context = _function("wasmtime_store_context", PTR, PTR)
store_limiter = _function("wasmtime_store_limiter", None, PTR, *[ctypes.c_int64] * 5)
store_epoch_callback = _function("wasmtime_store_epoch_deadline_callback", None, PTR, EpochCallback, PTR, PTR)
context_set_fuel = _function("wasmtime_context_set_fuel", PTR, PTR, U64)
context_get_fuel = _function("wasmtime_context_get_fuel", PTR, PTR, PTR)
context_set_epoch_deadline = _function("wasmtime_context_set_epoch_deadline", None, PTR, U64)
increment_epoch = _function("wasmtime_engine_increment_epoch", None, PTR)

instantiate = _function("wasmtime_component_linker_instantiate", PTR, PTR, PTR, PTR, PTR)
component_export_index = _function("wasmtime_component_get_export_index", PTR, PTR, PTR, ctypes.c_char_p, SIZE)
export_index_delete = _function("wasmtime_component_export_index_delete", None, PTR)
instance_function = _function("wasmtime_component_instance_get_func", BOOL, PTR, PTR, PTR, PTR)

linker_new = _function("wasmtime_component_linker_new", PTR, PTR)
linker_delete = _function("wasmtime_component_linker_delete", None, PTR)
linker_root = _function("wasmtime_component_linker_root", PTR, PTR)
linker_instance_delete = _function("wasmtime_component_linker_instance_delete", None, PTR)
linker_add_instance = _function("wasmtime_component_linker_instance_add_instance", PTR, PTR, ctypes.c_char_p, SIZE, PTR)
linker_add_function = _function(
    "wasmtime_component_linker_instance_add_func", PTR, PTR, ctypes.c_char_p, SIZE, HostCallback, PTR, PTR
)
linker_add_module = _function("wasmtime_component_linker_instance_add_module", PTR, PTR, ctypes.c_char_p, SIZE, PTR)
linker_add_resource = _function(
    "wasmtime_component_linker_instance_add_resource", PTR, PTR, ctypes.c_char_p, SIZE, PTR, DropCallback, PTR, PTR
)

resource_type_new = _function("wasmtime_component_resource_type_new_host", PTR, U32)
resource_type_delete = _function("wasmtime_component_resource_type_delete", None, PTR)
resource_drop = _function("wasmtime_component_resource_any_drop", PTR, PTR, PTR)
resource_delete = _function("wasmtime_component_resource_any_delete", None, PTR)
resource_clone = _function("wasmtime_component_resource_any_clone", PTR, PTR)
host_resource_new = _function("wasmtime_component_resource_host_new", PTR, BOOL, U32, U32)
host_resource_number = _function("wasmtime_component_resource_host_rep", U32, PTR)
host_resource_delete = _function("wasmtime_component_resource_host_delete", None, PTR)
any_to_host = _function("wasmtime_component_resource_any_to_host", PTR, PTR, PTR, PTR)
host_to_any = _function("wasmtime_component_resource_host_to_any", PTR, PTR, PTR, PTR)


def address(pointer: Any) -> int:
    """The address a ctypes pointer of `wasmtime._bindings` holds; its owner must outlive every use."""
    return ctypes.cast(pointer, PTR).value or 0


def take_message(error: int) -> str:
    """The text of an error, which is freed."""
    words = (ctypes.c_uint64 * 2)()
    error_message(error, ctypes.addressof(words))
    text = ctypes.string_at(words[1], words[0]).decode("utf-8", "replace") if words[0] else ""
    bytes_delete(ctypes.addressof(words))
    error_delete(error)
    return text
