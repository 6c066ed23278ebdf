"""What an instance is given when it is made: its limits, and what WASI serves it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from orchestrator.errors import ComponentError

Output = Callable[[str, bytes], None]
"""Takes what a guest printed: ("stdout" or "stderr", the bytes). Called on the guest's thread."""

DEFAULT_MEMORY = 1 << 30
"""Bytes of all memories of an instance together, where no limit is given."""
TABLE_ELEMENTS = 1 << 20
"""Elements of all tables of an instance together: 8 bytes each on the host."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the host that a guest sees at `at`."""

    path: str
    at: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class WasiSettings:
    """What wasmtime's own WASI serves an instance: nothing but what stands here, the clock and random numbers.

    Arguments:
        stdio: `captured` prints into the instance's output, `inherit` is the process's own, `none` goes nowhere.
    """

    folders: tuple[Folder, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    stdio: Literal["none", "captured", "inherit"] = "captured"

    def apply(self, context: int, output: Output | None) -> int:
        """Configures a store; the key of its captured output, 0 where none is captured.

        Raises:
            ComponentError: a folder cannot be opened, or the environment is no text.
        """
        from orchestrator.engine import _native as c

        wasi = c.wasi_new()
        try:
            self._environment(wasi)
            for folder in self.folders:
                path, at = os.fsencode(folder.path), _text(folder.at)
                if b"\0" in path or at is None or not c.wasi_folder(wasi, path, at, folder.writable):
                    raise ComponentError(f"cannot open the folder {folder.path}, granted at {folder.at}")
        except BaseException:
            c.wasi_delete(wasi)
            raise
        key = self._stdio(wasi, output)
        error = c.context_set_wasi(context, wasi)
        if error:
            raise ComponentError(f"cannot set up WASI: {c.take_message(error)}")
        return key

    def _environment(self, wasi: int) -> None:
        from orchestrator.engine import _native as c

        count = len(self.environment)
        texts = [[_text(pair[side]) for pair in self.environment] for side in (0, 1)]
        if None in texts[0] or None in texts[1]:
            raise ComponentError("cannot set the environment: a name or a value has a NUL or is not Unicode")
        names, values = ((ctypes.c_char_p * count)(*side) for side in texts)
        if count and not c.wasi_environment(wasi, count, ctypes.addressof(names), ctypes.addressof(values)):
            raise ComponentError("cannot set the environment")

    def _stdio(self, wasi: int, output: Output | None) -> int:
        from orchestrator.engine import _native as c
        from orchestrator.engine._live import capture

        if self.stdio == "inherit":
            for inherit in (c.wasi_inherit_stdin, c.wasi_inherit_stdout, c.wasi_inherit_stderr):
                inherit(wasi)
        return capture(wasi, output) if self.stdio == "captured" and output is not None else 0


def _text(text: str) -> bytes | None:
    """The text for the C API; None for one that would be cut at a NUL, or that is not Unicode."""
    try:
        return None if "\0" in text else text.encode()
    except UnicodeEncodeError:
        return None


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """What one instance is given.

    Arguments:
        memory: bytes of all its linear memories together.
        table_elements: elements of all its tables together.
        output: takes what it prints, if `wasi.stdio` is captured.
        quotes: whether an error quotes what the guest printed about its end.
    """

    memory: int = DEFAULT_MEMORY
    table_elements: int = TABLE_ELEMENTS
    wasi: WasiSettings = WasiSettings()
    output: Output | None = None
    quotes: bool = True
