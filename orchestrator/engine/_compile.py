"""Compiles a component and says what is known of it; as a program, in a process of its own: `python -m … IN OUT`.

Compiling 19 MB of guest takes seconds and 250 MB that a process never gives back, and the binary is not trusted: so it
happens in a process that ends after it. Prints what is known as JSON; an error as `{"error": …}`, exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from wasmtime import Engine, WasmtimeError
from wasmtime import component as cm

from orchestrator.engine._binary import MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES, parts
from orchestrator.engine._config import new_engine
from orchestrator.engine._reflect import reflect
from orchestrator.engine._wasi_check import wasi_problems
from orchestrator.engine.imports import unserved
from orchestrator.errors import ComponentError
from orchestrator.interface.serial import world_to_data

_COMPONENT = b"\0asm\x0d\0\1\0"


def compile_binary(engine: Engine, binary: bytes) -> tuple[cm.Component, dict[str, Any]]:
    """The compiled component and what is known of it.

    Raises:
        ComponentError: the binary is no component, or not one that this engine takes.
    """
    if not binary.startswith(_COMPONENT):
        raise ComponentError(_not_a_component(binary))
    _refuse_bomb(binary)
    try:
        component = cm.Component(engine, binary)
        world = reflect(engine, component)
    except WasmtimeError as problem:
        raise ComponentError(f"not a valid component: {_first_lines(str(problem))}") from None
    found = parts(binary)
    refused = (*world.refused, *unserved(world), *wasi_problems(engine, component, world))
    known = {"memories": found.memories, "tables": found.tables, "instances": found.instances}
    return component, {**known, "refused": list(refused), "world": world_to_data(world)}


def _refuse_bomb(binary: bytes) -> None:
    """Refuses what takes too much of the compiler or of every store; a form not known is first judged by wasmtime."""
    try:
        found = parts(binary)
    except ComponentError:
        return
    for count, most, what in (
        (found.instances, MAX_INSTANCES, "instances of modules and components"),
        (found.memories, MAX_MEMORIES, "memories"),
        (found.tables, MAX_TABLES, "tables"),
    ):
        if count > most:
            raise ComponentError(f"it consists of {count} {what}, and {most} are allowed")


def _not_a_component(binary: bytes) -> str:
    if binary.startswith(b"\0asm\1\0\0\0"):
        return "it is a core module, not a component; make one of it with `wasm-tools component new`"
    return f"it is not a component: it starts with {binary[:8].hex(' ') or 'nothing'}, not with {_COMPONENT.hex(' ')}"


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() not in ("", "Caused by:")]
    return "; ".join(lines[:4])[:600]


def main(source: str, target: str) -> int:
    """Compiles the file `source` into `target`."""
    try:
        component, known = compile_binary(new_engine(), Path(source).read_bytes())
        Path(target).write_bytes(component.serialize())
    except (ComponentError, OSError) as problem:
        sys.stdout.write(json.dumps({"error": str(problem)}))
        return 1
    sys.stdout.write(json.dumps(known))
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2])
    sys.stdout.flush()
    os._exit(code)  # nothing is left to do, and tearing down wasmtime's compiler state takes long
