"""Work that one process does while others wait."""

from __future__ import annotations

import errno
import multiprocessing
import time
from pathlib import Path

import pytest

from orchestrator.engine._alone import alone

fcntl = pytest.importorskip("fcntl")


def test_a_process_that_was_forked_meanwhile_keeps_nobody_waiting(tmp_path: Path) -> None:
    with alone(tmp_path / "lock"):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
        child.start()
    try:
        waited = list[int]()
        with alone(tmp_path / "lock", lambda: waited.append(1)):
            assert waited == []
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_lets_everybody_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", flock)
    done = False
    with alone(tmp_path / "lock"):
        done = True
    assert done


def test_a_lock_that_fails_otherwise_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="the disk is gone"), alone(tmp_path / "lock"):
        pass
