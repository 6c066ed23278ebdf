"""Where the engine does not own the memories, everything else can be imported: fresh instances replace reverts."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from importlib import import_module
from pkgutil import walk_packages

sys.modules["resource"] = None  # it cannot be imported, as on Windows
import_module("orchestrator.engine._config").HOST_MEMORY = False
room = import_module(sys.argv[1])
for name in dir(room):
    getattr(room, name)
for module in walk_packages(room.__path__, f"{room.__name__}.") if sys.argv[2:] else ():
    import_module(module.name)
print([name for name in ("_base", "_memories", "_posix") if f"orchestrator.engine.{name}" in sys.modules])
"""


def done(*arguments: str) -> tuple[str, str]:
    found = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return found.stdout, found.stderr


@pytest.mark.parametrize("room", ["orchestrator", "orchestrator.engine", "orchestrator.cli"])
def test_what_a_room_shows_can_be_imported(room: str) -> None:
    assert done(room) == ("[]\n", "")


@pytest.mark.parametrize("room", ["link", "runtime", "snapshots", "sandbox", "pipeline", "plan"])
def test_all_of_a_room_above_the_engine_can_be_imported(room: str) -> None:
    assert done(f"orchestrator.{room}", "all") == ("[]\n", "")
