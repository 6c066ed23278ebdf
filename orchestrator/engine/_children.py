"""Child processes that do the heavy work, and never outlive what waits for them: a builder, a compiler.

Each runs in a session of its own, so that a ctrl-C at the terminal reaches it through its parent, which ends it whole.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_SAID = 64 << 10
"""Bytes of the end of what a worker said on its standard error that are looked at."""


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


class Worker:
    """A process that is asked something on its standard input and answers on its standard output, a line each.

    One thread at a time may ask. A worker may end by itself whenever it is not asked anything.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.timed_out = False
        """Whether it was ended since an answer took too long."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `end`
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, env=env, stdin=pipe, stdout=pipe, stderr=self._said, start_new_session=True
            )
        except BaseException:
            self._said.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        _workers.add(self)

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return not self.timed_out and self._process.poll() is None

    def ask(self, question: bytes, timeout: float) -> bytes:
        """The answer, or nothing where the worker ended instead.

        Arguments:
            question: a line.
            timeout: seconds after which it is ended.
        """
        timer = threading.Timer(timeout, self._late)
        timer.daemon = True
        timer.start()
        try:
            self._questions.write(question)
            self._questions.flush()
            return self._answers.readline()
        except BrokenPipeError:
            return b""
        finally:
            timer.cancel()

    def _late(self) -> None:
        self.timed_out = True
        _end(self._process)

    def kill(self) -> int:
        """Ends its process, whoever else does so or waits for it; its exit code, negative for a signal's."""
        _end(self._process)  # which changes nothing about one that ended
        return self._process.wait()

    def end(self) -> tuple[int, str]:
        """Ends it; its exit code and the end of what it said on its standard error. Called by the one who asks it."""
        code = self.kill()
        _workers.discard(self)
        with contextlib.suppress(OSError):  # what it did not take any more
            self._questions.close()
        self._answers.close()
        with self._said as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
            return code, said.read().decode("utf-8", "replace")

    def forget(self) -> None:
        """In a forked child: the process is its parent's. Nothing is closed, since locks may be held for good."""
        self._process.returncode = 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return  # its number may be another's by now
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


_running: set[subprocess.Popen[bytes]] = set()
_workers: set[Worker] = set()
_inherited: list[Worker] = []
"""Those of the parent, in a forked child: kept, so that nothing of them is closed."""


def _after_fork() -> None:
    """A forked child ends none of its parent's processes."""
    _running.clear()
    _inherited.extend(_workers)
    _workers.clear()
    for worker in _inherited:
        worker.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _end_all() -> None:
    """Ends what threads that are left behind still wait for, and workers that nobody asks any more."""
    for process in list(_running):
        _end(process)
    for worker in list(_workers):
        worker.kill()
