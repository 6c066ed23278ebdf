"""Child processes, and what ends them."""

from __future__ import annotations

import os
import signal
import sys

from orchestrator.engine import _children
from orchestrator.engine._children import Worker

ECHO = "import sys\nprint('begun', file=sys.stderr)\nfor line in sys.stdin: print(line, end='', flush=True)"


def worker() -> Worker:
    found = Worker([sys.executable, "-I", "-S", "-c", ECHO], {**os.environ})
    assert found.ask(b"a question\n", 60) == b"a question\n"
    return found


def test_one_that_is_ended_says_what_it_said() -> None:
    assert worker().end() == (-signal.SIGKILL, "begun\n")


def test_at_exit_all_are_killed_though_one_is_just_being_ended() -> None:
    """By a thread that is left behind: it has the files closed, or is about to close them."""
    one, other = worker(), worker()
    one.end()
    _children._workers.add(one)
    try:
        _children._end_all()
        assert other.end() == (-signal.SIGKILL, "begun\n")
    finally:
        _children._workers.discard(one)
