"""`orchestrator exec`, with an interpreter of one-letter commands; the languages themselves are tested elsewhere."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.interpreters import interpreter


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "letters.wat"
    file.write_text(interpreter())
    return file


def test_what_it_prints_and_then_its_value(command: Command, letters: Path) -> None:
    done = command("exec", "--lang", letters, 'v {"a": [1, "é"]}')
    assert (done.code, done.err) == (0, "")
    assert done.out == '{\n  "a": [\n    1,\n    "é"\n  ]\n}\n'
    assert command("exec", "-l", letters, "p hello").out == "hello\n"
    assert command("exec", "-l", letters, "nothing").out == "11\n"
    assert command("exec", "-l", letters, "").out == ""


def test_the_code_comes_from_a_file_or_standard_input(
    command: Command, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = letters.parent / "code"
    file.write_text("v 5")
    assert command("exec", "-l", letters, "--file", file).out == "5\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"v 6")))
    assert command("exec", "-l", letters, "-").out == "6\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("[1, 2]", [1, 2]), ("null", None), ('"5"', "5"), ("plain", "plain"), ("", ""), ("@@x", "@x"),
     ("NaN", "NaN"), ("1=2", "1=2")],
)  # fmt: skip
def test_an_input_is_json_where_it_is_some(command: Command, letters: Path, text: str, value: object) -> None:
    assert command("exec", "-l", letters, "j", "--input", f"x={text}", "--json").json["value"] == value


def test_an_input_is_the_text_of_a_file(command: Command, letters: Path) -> None:
    (letters.parent / "x").write_text("[1]\n")
    assert command("exec", "-l", letters, "j", "-i", f"x=@{letters.parent / 'x'}").out == '"[1]\\n"\n'


def test_all_of_it_as_json(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "p hello", "--json")
    found = done.json
    assert found.pop("duration") > 0
    assert found == {"value": None, "printed": "hello", "cut": False, "calls": 0, "trace-id": ""}


def test_an_error_is_told_with_its_traceback_after_what_was_printed(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "e boo")
    assert (done.code, done.out, done.err) == (1, "before\n", "error: boo\n  at line 1\n")
    failed = command("exec", "-l", letters, "e boo", "--json")
    assert (failed.code, failed.err) == (1, "")
    assert failed.json["error"] == {
        "type": "SnippetFailed", "message": "boo", "node": "", "edge": "", "trace-id": "", "causes": [],
        "traceback": "at line 1", "printed": "before",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("s no letter", "error: no letter\n"),
        ("s line 1\nbad\nSyntaxError: bad", "error: SyntaxError: bad\n  line 1\n  bad\n"),
        ("d not to you", "error: not to you\n"),
        ("r too large", "error: too large\n"),
        ("e \x1b[31mred", "error: \\x1b[31mred\n  at line 1\n"),
    ],
)
def test_what_comes_to_nothing_is_told(command: Command, letters: Path, source: str, told: str) -> None:
    done = command("exec", "-l", letters, source)
    assert (done.code, done.err) == (1, told)


def test_code_that_never_ends_is_ended(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "l", "--timeout", "100ms")
    assert (done.code, done.out, done.err) == (1, "", "error: the snippet took longer than 0.1 s\n")
    spent = command("exec", "-l", letters, "l", "--fuel", "10000", "--json")
    assert (spent.code, spent.json["error"]["type"]) == (1, "LimitExceeded")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "the code is one of CODE, `-` for standard input, and --file FILE"),
        (("n", "--file", "x"), "the code is one of CODE, `-` for standard input, and --file FILE"),
        (("--file", "/no/such"), "--file: cannot read /no/such: No such file or directory"),
        (("n", "-i", "x"), "`--input x` is not NAME=VALUE"),
        (("n", "-i", "x=1", "-i", "x=2"), "input `x` is given twice"),
        (("n", "-i", "x=@/no/such"), "input `x`: cannot read /no/such: No such file or directory"),
        (("n", "--timeout", "soon"), "`--timeout soon` is no duration; write it like 30s, 500ms or 2m"),
        (("n", "--memory", "much"), "`--memory much` is no size; write it like 64MiB or 1GiB"),
    ],
)
def test_wrong_usage_is_said(command: Command, letters: Path, arguments: tuple[str, ...], told: str) -> None:
    done = command("exec", "-l", letters, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {told}\n  = help: `orchestrator exec --help` says what it takes\n"


def test_a_file_that_is_no_text_is_wrong_usage(command: Command, letters: Path) -> None:
    file = letters.parent / "code"
    file.write_bytes(b"ab\xff")
    done = command("exec", "-l", letters, "--file", file)
    assert done.code == 2
    assert done.err.startswith("error: --file: expected text in UTF-8; byte 2 is none\n")


def test_a_component_that_runs_no_code(command: Command, letters: Path) -> None:
    (letters.parent / "other.wat").write_text("(component)")
    done = command("exec", "-l", letters.parent / "other.wat", "n")
    assert (done.code, done.err) == (
        1, "error: other runs no snippets: it does not export `agent:code/interpreter`\n"
    )  # fmt: skip


def test_an_interrupt_ends_it(letters: Path) -> None:
    run = [sys.executable, "-m", "orchestrator", "exec", "-l", str(letters), "l"]
    subprocess.run([*run[:-1], "n"], check=True, capture_output=True)  # compiles it
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not _runs(process.pid):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


def _runs(pid: int) -> bool:
    """Whether a process has begun to run a guest, whose memories it has mapped by then."""
    try:
        return "orchestrator-snapshot" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def test_what_is_printed_is_obeyed_by_no_terminal(letters: Path) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    code = "p a\tb\x1b[2J"
    try:
        run = [sys.executable, "-m", "orchestrator", "exec", "-l", str(letters), code]
        subprocess.run(run, stdout=slave, stderr=subprocess.PIPE, check=True, env={**os.environ, "TERM": "xterm"})
        assert os.read(master, 1000) == b"a    b\\x1b[2J\r\n"
    finally:
        os.close(master)
        os.close(slave)
    piped = subprocess.run(run, stdout=subprocess.PIPE, check=True)
    assert piped.stdout == b"a\tb\x1b[2J\n"


def test_json_has_its_failures_too(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "v {", "--json")
    assert json.loads(done.out)["error"]["type"] == "RunError"


def test_the_trace_is_shown_and_kept(command: Command, letters: Path) -> None:
    file = letters.parent / "trace.jsonl"
    done = command("exec", "-l", letters, "v 1", "--tree", "--trace", file)
    assert (done.code, done.out) == (0, "1\n")
    run, revert = done.err.splitlines()
    assert re.fullmatch(r"letters ok trace [0-9a-f]{32} +\S+ [um]?s", run)
    assert revert == "└─ ! sandbox taken back (after each snippet): 1 pages"
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["kind"] for event in events] == ["start", "revert", "run"]


def test_the_trace_is_there_where_the_code_fails(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "e boo", "--tree", "--json")
    assert done.code == 1
    trace = done.json["error"]["trace-id"]
    assert f"letters failed: the snippet came to nothing trace {trace}" in done.err


def test_a_trace_that_cannot_be_written_is_told(command: Command, letters: Path) -> None:
    done = command("exec", "-l", letters, "v 1", "--trace", letters.parent / "no" / "file")
    assert done.code == 2
    assert "--trace" in done.err
    assert "No such file or directory" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the code is one of CODE, `-` for standard input, and --file FILE"),
        (["v 1", "--input", "x=@/no/such"], "/no/such"),
        (["v 1", "--memory", "much"], "`--memory much` is no size; write it like 64MiB or 1GiB"),
    ],
)
def test_a_wrong_use_is_json_where_that_is_asked_for(
    command: Command, letters: Path, arguments: list[str], message: str
) -> None:
    done = command("exec", "-l", letters, *arguments, "--json")
    assert (done.code, done.err) == (2, "")
    error = done.json["error"]
    assert error["type"] == "UsageError"
    assert message in error["message"]
