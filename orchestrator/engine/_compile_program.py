"""The program that compiles: `_compiler` asks it on its standard input, and it answers on its standard output.

Compiling 19 MB of guest takes seconds and 250 MB that a process never gives back, and the binary is not trusted: so it
happens here. The system ends this process when a component takes too much; it ends by itself when it has grown, and
when nobody asks it any more. An answer is what is known of a component as JSON, or `{"error": …}`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from wasmtime import Engine, WasmtimeError, wat2wasm

from orchestrator.engine._compile import compile_binary, compile_module
from orchestrator.engine._config import new_engine
from orchestrator.errors import ComponentError

if sys.platform != "win32":  # where only the clock ends a compilation
    import resource

IDLE = 10.0
"""Seconds after which a process ends that is not asked anything."""
GROWN = 256 << 20
"""Bytes of memory with which a process ends after its answer: it never gives them back."""


def serve() -> None:
    """Does what it is asked to, a JSON object a line, until nobody asks any more; answers with a line each."""
    questions: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(questions,), daemon=True).start()
    engines: dict[bool, Engine] = {}
    with contextlib.suppress(Empty):
        while question := questions.get(timeout=IDLE):
            sys.stdout.buffer.write(json.dumps(_answer(json.loads(question), engines)).encode() + b"\n")
            sys.stdout.buffer.flush()
            if _grown():
                return


def _read(questions: SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        questions.put(line)
    questions.put(b"")


def _answer(wanted: Mapping[str, Any], engines: dict[bool, Engine]) -> dict[str, Any]:
    _bound(wanted["seconds"], wanted["memory"])
    begun, target = time.process_time(), Path(wanted["target"])
    try:
        if "text" in wanted:
            return _assembled(Path(wanted["text"]), target)
        metered = wanted["metered"]
        if metered not in engines:
            engines[metered] = new_engine(metered)
        known = _compiled(wanted, engines[metered], target)
    except (ComponentError, OSError) as problem:
        return {"error": str(problem)}
    return {**known, "seconds": time.process_time() - begun}


def _compiled(wanted: Mapping[str, Any], engine: Engine, target: Path) -> dict[str, Any]:
    """Writes the machine code of a component, or of a module; what is known of it."""
    if "module" in wanted:
        target.write_bytes(compile_module(engine, Path(wanted["module"]).read_bytes()))
        return {}
    compiled = compile_binary(engine, Path(wanted["source"]).read_bytes(), wanted["bulk"], kept=wanted["kept"])
    compiled.write(target)
    return compiled.known


def _assembled(text: Path, target: Path) -> dict[str, Any]:
    """Writes the binary of a component's text."""
    try:
        target.write_bytes(wat2wasm(text.read_text(encoding="utf-8")))
    except WasmtimeError as problem:
        return {"error": f"is not valid WAT: {problem}"}
    return {}


def _bound(seconds: float, memory: int) -> None:
    """Has the system end this process when it takes more processor time from now on, or more memory.

    Counted is memory that can be written to: mappings of addresses alone, which allocators make, cost nothing.
    """
    if sys.platform == "win32":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))
    _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, wanted: int) -> None:
    """Sets a limit of this process, as far as the one allows that it was started under."""
    assert sys.platform != "win32"
    _, most = resource.getrlimit(limit)
    resource.setrlimit(limit, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _grown() -> bool:
    """Whether this process has taken memory that it should give back by ending; where that cannot be told, it has."""
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return True
    return resident * resource.getpagesize() > GROWN


if __name__ == "__main__":
    try:
        serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # a thread that still reads would have Python abort, and that hide what was printed
    os._exit(0)  # nothing is left to do, and tearing down wasmtime's compiler state takes long
