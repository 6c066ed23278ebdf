"""Turns a binary into machine code in the cache, in a process that is bounded, and ended where it breaks its bounds.

A binary is not trusted, and a few kilobytes of it can keep the compiler busy for hours (see `_bounds`): so none is
compiled here. A process that compiles is kept for the next component, some seconds long, unless it has grown: starting
one takes longer than a small component does.

Images are put into the cache before the code that needs them, and notes (by `Cache.keep`) after both.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _bounds
from orchestrator.engine._children import Worker
from orchestrator.engine.cache import images_of, module_beside, unwritten
from orchestrator.errors import ComponentError
from orchestrator.manifest.scalars import show_duration, show_size

if TYPE_CHECKING:
    from orchestrator.engine._bounds import Bounds
    from orchestrator.engine.component import Variant

PATIENCE = 5
"""How many times its processor time a compilation may last by the clock: others may be using the processors."""
_KEPT = 2
"""Processes that are kept for the next component."""
_NO_MEMORY = ("memory allocation of", "MemoryError", "Cannot allocate memory")
"""How a process says that it got no more memory: Rust, Python, the system."""


Sharing = Callable[[str, Path, float], float]
"""Given the digest of a module that a component shares with others, the file of its binary, and the processor time that
was spent on the component, has it compiled if need be, and gives the seconds that this took."""


def compiled(
    binary: bytes, target: Path, name: str, variant: Variant, bounds: Bounds, sharing: Sharing
) -> dict[str, Any]:
    """Compiles a component; what is known of it.

    Arguments:
        sharing: sees to the modules that are not compiled with it.

    Raises:
        ComponentError: it is no component, or compiling it takes more time or memory than the bounds allow.
        OSError: the cache cannot be written, or no process be started.
    """
    with _workspace(target) as made:
        source = made.with_suffix(".wasm")
        source.write_bytes(binary)
        wanted = {"source": str(source), "target": str(made), **variant._asdict()}
        answer = _answered(wanted, name, bounds)
        spent = _spent(answer, name)
        for digest in answer["modules"]:
            spent += sharing(digest, module_beside(made, digest), spent)
    return answer


def compiled_module(binary: Path, target: Path, name: str, bounds: Bounds, *, metered: bool, spent: float) -> float:
    """Compiles a module that components share; the processor time that this took, in seconds.

    Arguments:
        binary: the file of its binary.
        name: of the component that needs it.
        spent: what of the time that the bounds allow is spent already, in seconds.

    Raises:
        ComponentError, OSError: as `compiled`.
    """
    with _workspace(target) as made:
        wanted = {"module": str(binary), "target": str(made), "metered": metered}
        return _spent(_answered(wanted, name, bounds, spent), name)


def _spent(answer: dict[str, Any], name: str) -> float:
    """The processor time that an answer took, which is taken out of it."""
    if "error" in answer:
        raise ComponentError(f"{name}: {answer['error']}")
    return float(answer.pop("seconds"))


def assembled(text: str, folder: Path, name: str, bounds: Bounds) -> bytes:
    """The binary of a component's text.

    Arguments:
        folder: where it may be written meanwhile.

    Raises:
        ComponentError, OSError: as `compiled`; it is not valid.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".compiling-", ignore_cleanup_errors=True) as inner:
        source, made = Path(inner, "text.wat"), Path(inner, "binary.wasm")
        source.write_text(text, encoding="utf-8")
        answer = _answered({"text": str(source), "target": str(made)}, name, bounds)
        if "error" in answer:
            raise ComponentError(f"{name} {answer['error']}")
        return made.read_bytes()


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


def _answered(wanted: dict[str, Any], name: str, bounds: Bounds, spent: float = 0.0) -> dict[str, Any]:
    """What a process answers; one that ended by itself, having waited in vain, is asked no more."""
    seconds = max(0.0, bounds.seconds - spent)
    question = json.dumps({**wanted, "seconds": seconds, "memory": bounds.memory}).encode() + b"\n"
    while True:
        kept = _idle.take(bounds)
        worker = kept or _started()
        try:
            answer = worker.ask(question, PATIENCE * bounds.seconds)
        except BaseException:
            worker.end()
            raise
        if answer.endswith(b"\n"):
            _idle.put(bounds, worker)
            found: dict[str, Any] = json.loads(answer)
            return found
        code, said = worker.end()
        if kept is None or code or worker.timed_out:
            raise ComponentError(f"{name} cannot be compiled: {_why(code, said, worker.timed_out, bounds)}")


def _why(code: int, said: str, timed_out: bool, bounds: Bounds) -> str:
    """Why a process ended without an answer."""
    if timed_out or code == -getattr(signal, "SIGXCPU", 0):
        most = show_duration(bounds.seconds)
        return f"it takes more than {most} of processor time; {_bounds.TIMEOUT} may allow more"
    if any(mark in said for mark in _NO_MEMORY):
        return f"it takes more than {show_size(bounds.memory)} of memory; {_bounds.MEMORY} may allow more"
    if code < 0:
        return f"the compiler was ended by signal {-code}"
    return said.strip().splitlines()[-1] if said.strip() else f"the compiler ended with exit code {code}"


class _Idle:
    """Processes that wait for the next component, those that were used lately last."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """In a forked child: it starts processes of its own."""
        self._kept: list[tuple[Bounds, Worker]] = []
        self._lock = threading.Lock()

    def take(self, bounds: Bounds) -> Worker | None:
        """One that compiles within those bounds; None where there is none."""
        with self._lock:
            for kept in [kept for kept in self._kept if kept[0] == bounds]:
                self._kept.remove(kept)
                if kept[1].alive:
                    return kept[1]
                kept[1].end()
        return None

    def put(self, bounds: Bounds, worker: Worker) -> None:
        """Keeps one, in the place of another where there are too many."""
        with self._lock:
            self._kept.append((bounds, worker))
            surplus = self._kept[:-_KEPT]
            del self._kept[:-_KEPT]
        for _, each in surplus:
            each.end()


_idle = _Idle()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.after_fork)


def _started() -> Worker:
    command = [sys.executable, "-P", "-m", "orchestrator.engine._compile_program"]
    return Worker(command, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
