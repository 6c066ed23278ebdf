"""Turns a binary into machine code in the cache: in this process when it is small, else in one that ends after it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _children
from orchestrator.engine.cache import write
from orchestrator.errors import ComponentError

if TYPE_CHECKING:
    from wasmtime import Engine

TIMEOUT = 300.0
"""Seconds that compiling one component may take."""


def here(engine: Engine, binary: bytes, target: Path, name: str) -> dict[str, Any]:
    """Compiles in this process; what is known of the component."""
    from orchestrator.engine._compile import compile_binary

    try:
        component, known = compile_binary(engine, binary)
    except ComponentError as problem:
        raise ComponentError(f"{name}: {problem}") from None
    write(target, bytes(component.serialize()))
    return known


def in_another_process(binary: bytes, target: Path, name: str) -> dict[str, Any]:
    """Compiles in a process of its own; what is known of the component.

    Raises:
        ComponentError: it is no component, or compiling it took too long or more memory than there is.
        OSError: the cache cannot be written.
    """
    _sweep(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-", ignore_cleanup_errors=True) as folder:
        source, made = Path(folder, "component.wasm"), Path(folder, "component.cwasm")
        source.write_bytes(binary)
        answer = _run(source, made, name)
        if "error" in answer:
            raise ComponentError(f"{name}: {answer['error']}")
        made.replace(target)
        return answer


def _sweep(folder: Path) -> None:
    """Removes what compilers left that were killed outright: older than any that still runs."""
    for left in folder.glob(".compiling-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 2 * TIMEOUT:
                shutil.rmtree(left, ignore_errors=True)


def _run(source: Path, made: Path, name: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "orchestrator.engine._compile", str(source), str(made)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = _children.run(command, timeout=TIMEOUT, env=environment)
    except subprocess.TimeoutExpired:
        raise ComponentError(f"{name} cannot be compiled: it takes more than {TIMEOUT:.0f} s") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ComponentError(f"{name} cannot be compiled: {last[0]}") from None
    return answer
