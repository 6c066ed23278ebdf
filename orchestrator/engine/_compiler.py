"""Turns a binary into machine code in the cache: in this process when it is small, else in one that ends after it.

Images are put into the cache before the code that needs them, and notes (by `Cache.keep`) after both.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _children
from orchestrator.engine.cache import images_of, unwritten
from orchestrator.errors import ComponentError

if TYPE_CHECKING:
    from wasmtime import Engine

    from orchestrator.manifest.model import Bulk

TIMEOUT = 300.0
"""Seconds that compiling one component may take."""


def here(engine: Engine, binary: bytes, target: Path, name: str, bulk: Bulk) -> dict[str, Any]:
    """Compiles in this process; what is known of the component."""
    from orchestrator.engine._compile import compile_binary

    try:
        compiled = compile_binary(engine, binary, bulk)
    except ComponentError as problem:
        raise ComponentError(f"{name}: {problem}") from None
    with _workspace(target) as made:
        compiled.write(made)
    return compiled.known


def in_another_process(binary: bytes, target: Path, name: str, bulk: Bulk) -> dict[str, Any]:
    """Compiles in a process of its own; what is known of the component.

    Raises:
        ComponentError: it is no component, or compiling it took too long or more memory than there is.
        OSError: the cache cannot be written.
    """
    with _workspace(target) as made:
        source = made.with_suffix(".wasm")
        source.write_bytes(binary)
        answer = _run(source, made, name, bulk)
        if "error" in answer:
            raise ComponentError(f"{name}: {answer['error']}")
    return answer


@contextlib.contextmanager
def _workspace(target: Path) -> Iterator[Path]:
    """Where machine code is written, in a folder of its own; what lies there at the end is put in its place."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-", ignore_cleanup_errors=True) as folder:
        made = Path(folder, target.name)
        yield made
        try:
            if images_of(made).exists():
                images_of(made).replace(images_of(target))
            made.replace(target)
        except OSError as problem:
            raise unwritten(target, problem) from problem


def _run(source: Path, made: Path, name: str, bulk: Bulk) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "orchestrator.engine._compile", str(source), str(made), bulk]
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
