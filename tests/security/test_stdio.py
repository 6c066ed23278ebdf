"""`stdio`: where what a guest prints goes, and that it cannot do more with it."""

from __future__ import annotations

import os
import pty
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.engine import Stop
from orchestrator.errors import Cancelled, TimedOut
from orchestrator.wasi import Session, cli
from tests.security.conftest import Attack

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\x08\x7f\x9b31m"


def test_what_is_captured_reaches_no_terminal(attack: Attack, capfd: pytest.CaptureFixture[str]) -> None:
    guest = attack()
    guest.run("print('out'); print('err', file=sys.stderr)")
    assert guest.printed == [("stdout", b"out\n"), ("stderr", b"err\n")]
    assert capfd.readouterr() == ("", "")


def test_none_takes_it_and_shows_it_nowhere(attack: Attack, capfd: pytest.CaptureFixture[str]) -> None:
    guest = attack(Authority(stdio="none"))
    guest.run("print('out' * 1000); print('err', file=sys.stderr)")
    assert guest.printed == []
    assert capfd.readouterr() == ("", "")
    assert ("stdio stdout", "none", "grants.stdio: none") in guest.denied()


def test_inherited_output_is_the_process_s_own(attack: Attack, capfd: pytest.CaptureFixture[str]) -> None:
    attack(Authority(stdio="inherit")).run("print('out'); print('err', file=sys.stderr)")
    assert capfd.readouterr() == ("out\n", "err\n")


def test_a_terminal_gets_nothing_that_steers_it(attack: Attack) -> None:
    main, terminal = pty.openpty()
    kept = os.dup(1)
    try:
        os.dup2(terminal, 1)
        attack(Authority(stdio="inherit")).run(f"sys.stdout.write({ESCAPES!r} + 'fine\\tstill\\n')")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(terminal)
    said = os.read(main, 4096)
    os.close(main)
    assert said == b"?]0;owned??[2J?[31mred?????31m".replace(b"?????", b"????") + b"fine\tstill\r\n"


def test_standard_input_is_empty(attack: Attack) -> None:
    assert attack().run("result = sys.stdin.read()") == ""


def test_why_inherited_input_cannot_be_read_is_told(attack: Attack, tmp_path: Path) -> None:
    code = """
from wit_world.imports import stdin, wasi_filesystem_types as files
try:
    stdin.get_stdin().blocking_read(1)
except Err as refused:
    result = files.filesystem_error_code(refused.value.value).name
"""
    kept, folder = os.dup(0), os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, 0)
    try:
        assert attack(Authority(stdio="inherit")).run(code) == "IS_DIRECTORY"
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(folder)


@pytest.mark.parametrize("how", ["deadline", "cancel"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_nobody_takes_keeps_no_guest(attack: Attack, stream: str, how: str) -> None:
    """The other end of a pipe may be slow, or stopped."""
    number, (takes, gives), stop, taken = {"stdout": 1, "stderr": 2}[stream], os.pipe(), Stop(), list[int]()
    late = threading.Timer(10, lambda: taken.append(_drained(takes)))
    guest, seconds = attack(Authority(stdio="inherit")), 60 if how == "cancel" else 0.3
    late.start()
    if how == "cancel":
        threading.Timer(0.3, lambda: stop.set(Cancelled("enough"))).start()
    kept = os.dup(number)
    try:
        os.dup2(gives, number)
        with pytest.raises(Cancelled if how == "cancel" else TimedOut):
            guest.run(f"sys.{stream}.write('x' * 1_000_000)", seconds=seconds, stop=stop)
    finally:
        os.dup2(kept, number)
        for each in (kept, gives):
            os.close(each)
        late.cancel()
        late.join()
    assert not taken, "it was kept until somebody took what it printed"
    _drained(takes)


def _drained(end: int) -> int:
    """Takes what is in a pipe, until nobody has its other end any more; how much there was."""
    size = 0
    with suppress(OSError), open(end, "rb") as file:
        while data := file.read(1 << 16):
            size += len(data)
    return size


def test_output_that_is_taken_slowly_arrives_whole(attack: Attack) -> None:
    takes, gives = os.pipe()
    kept, taken = os.dup(1), list[int]()
    reader = threading.Thread(target=lambda: taken.append(_drained(takes)))
    try:
        os.dup2(gives, 1)
        os.close(gives)
        threading.Timer(0.3, reader.start).start()
        attack(Authority(stdio="inherit")).run("sys.stdout.write('x' * 1_000_000)")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    reader.join(20)
    assert taken == [1_000_000]


def test_of_two_that_read_the_process_s_own_input_none_waits_for_what_the_other_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is something to read for both, then one of them reads it, and nobody could end the other."""
    kept, (takes, gives), both, read = os.dup(0), os.pipe(), threading.Barrier(2), list[bytes]()
    has_input = cli._has_input

    def look() -> bool:
        found = has_input()
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return found

    monkeypatch.setattr(cli, "_has_input", look)
    get = cli.INTERFACES["wasi:cli/stdin"]["get-stdin"]
    session: Any = Session(Authority(stdio="inherit"))
    try:
        os.dup2(takes, 0)
        os.write(gives, b"once")
        threads = [threading.Thread(target=lambda: read.append(get(session).read(session, 100))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert sorted(read) == [b"", b"once"]
    finally:
        os.write(gives, b"the end")
        os.dup2(kept, 0)
        for end in (kept, takes, gives):
            os.close(end)


def test_writing_more_than_a_stream_takes_ends_the_guest_alone(attack: Attack) -> None:
    code = """
from wit_world.imports import stdout
stream = stdout.get_stdout()
stream.check_write()
stream.write(b"x" * (2 << 20))
"""
    with pytest.raises(Exception, match="the guest wrote 2097152 bytes to a stream that takes 1048576"):
        attack().run(code)
    assert attack().run("result = 1") == 1
