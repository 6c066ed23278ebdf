"""What the command line says as the one who runs a pipeline: `--secret`, `--secret-file`, `--allow-address`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command, Done

VALUE = "hunter2-hunter2"

ONES = """
(component
  (core module $m (func (export "one") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $one (result u32) (canon lift (core func $i "one")))
  (instance $ones (export "one" (func $one)))
  (export "demo:ones/ones" (instance $ones)))
"""

PIPELINE = """\
pipeline: asks
outputs: {one: a}
nodes:
  a:
    component: ones.wat
    run: demo:ones/ones.one
    grants:
      http: [{url: "http://127.0.0.1:1/**"}]
      secrets: [{name: API_KEY, to: "http://127.0.0.1:1", header: "Authorization: Bearer {}"%s}]
"""


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("API_KEY", raising=False)
    (tmp_path / "ones.wat").write_text(ONES)
    (tmp_path / "asks.yaml").write_text(PIPELINE % "")
    (tmp_path / "may.yaml").write_text(PIPELINE % ", optional: true")
    return tmp_path / "asks.yaml"


def ran(done: Done) -> bool:
    assert VALUE not in done.out + done.err
    return (done.code, done.out) == (0, '{\n  "one": 1\n}\n')


def test_a_secret_is_a_variable_of_its_name_or_of_another(
    command: Command, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", VALUE)
    monkeypatch.setenv("OTHER", VALUE)
    assert ran(command("run", pipeline, "-q", "--secret", "API_KEY"))
    monkeypatch.delenv("API_KEY")
    assert ran(command("run", pipeline, "-q", "--secret", "API_KEY=OTHER", "--allow-address", "127.0.0.0/8"))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_a_file_without_its_line_end(command: Command, pipeline: Path, end: str) -> None:
    file = pipeline.parent / "key"
    file.write_bytes(f"{VALUE}{end}".encode())
    assert ran(command("run", pipeline, "-q", "--secret-file", f"API_KEY={file}"))


def test_a_secret_that_is_not_given_ends_the_run_and_not_the_check(command: Command, pipeline: Path) -> None:
    assert command("validate", pipeline).code == 0
    done = command("run", pipeline, "-q")
    assert done.code == 1
    assert done.err.startswith(
        "error: the secret `API_KEY` has no value: give it with `--secret API_KEY` (node `a`, trace "
    )
    assert ran(command("run", pipeline.with_name("may.yaml"), "-q"))


def test_a_secret_that_cannot_be_used_is_not_shown(
    command: Command, pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "tiny-42")
    done = command("run", pipeline, "--secret", "API_KEY", "--tree")
    assert done.code == 1
    assert "the secret `API_KEY` has 7 characters" in done.err
    assert "tiny-42" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--secret", "API_KEY"), "`--secret API_KEY`: the environment has no variable `API_KEY`"),
        (("--secret", "API_KEY=NONE"), "`--secret API_KEY`: the environment has no variable `NONE`"),
        (("--secret", "API_KEY="), "`--secret API_KEY` is not NAME or NAME=VARIABLE"),
        (("--secret", "=X"), "`--secret ` is not NAME or NAME=VARIABLE"),
        (("--secret", "PATH", "--secret", "PATH=HOME"), "the secret `PATH` is given twice"),
        (("--secret-file", "API_KEY"), "`--secret-file API_KEY` is not NAME=FILE"),
        (
            ("--secret-file", "K=/no/such"),
            "`--secret-file K`: cannot read /no/such: No such file or directory",
        ),
        (("--secret-file", "K=/dev/zero"), "`--secret-file K`: /dev/zero has over 64 KiB"),
        (
            ("--allow-address", "local"),
            "`--allow-address`: `local` is no range of addresses such as `127.0.0.0/8`: 'local' does not appear to be"
            " an IPv4 or IPv6 network",
        ),
        (
            ("--allow-address", "10.0.0.1/8"),
            "`--allow-address`: `10.0.0.1/8` is no range of addresses such as `127.0.0.0/8`: 10.0.0.1/8 has host bits"
            " set",
        ),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(
    command: Command, pipeline: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = command("run", pipeline, *arguments)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {message}")
