"""Child processes that do the heavy work, and never outlive what waits for them: a builder, a compiler.

Each runs in a session of its own, so that a ctrl-C at the terminal reaches it through its parent, which ends it whole.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_running: set[subprocess.Popen[bytes]] = set()


def run(
    command: Sequence[str], *, timeout: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command to its end, without standard input; its output is captured.

    Raises:
        subprocess.TimeoutExpired: it was ended after `timeout` seconds.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _running.add(process)
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException:
        _end(process)
        process.communicate()
        raise
    finally:
        _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


@atexit.register
def _end_all() -> None:
    """Ends what threads that are left behind still wait for."""
    for process in list(_running):
        _end(process)
