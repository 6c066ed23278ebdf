"""100,000 calls on each path, some of them failing in the middle: nothing leaks, nothing is freed twice or late."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.wasm.many_calls import PATHS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", PATHS)
def test_very_many_calls_leave_nothing_behind(tmp_path: Path, path: str) -> None:
    program = [sys.executable, "-X", "faulthandler", "-m", "tests.wasm.many_calls", str(tmp_path), path]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=280)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
