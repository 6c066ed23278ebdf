"""`stdio`: where what a guest prints goes, and that it cannot do more with it."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from orchestrator.capability import Authority
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
