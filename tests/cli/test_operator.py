"""What the command line says as the one who runs a pipeline: `--secret`, `--allow-address`, `--ceiling`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command, Done

VALUE = "hunter2-hunter2"

ONES = """
(component
  (import "wasi:http/types@0.2.0" (instance))
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


# Ceilings


@pytest.fixture
def ceilings(pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the pipeline, with two ceilings: `wide` allows what it asks, `tight` less memory and no secrets."""
    monkeypatch.setenv("API_KEY", VALUE)
    monkeypatch.delenv("ORCHESTRATOR_CEILING", raising=False)
    folder = pipeline.parent
    http = 'http: [{url: "http://127.0.0.1:1/**"}]'
    (folder / "wide.yaml").write_text(
        f'ceiling: wide\ngrants: {{{http}, secrets: [{{name: API_KEY, to: "http://127.0.0.1:1"}}]}}\n'
    )
    (folder / "tight.yaml").write_text(f"ceiling: tight\ngrants: {{{http}}}\naddresses: [127.0.0.1/32]\n")
    return folder


TOO_MUCH = "error[ceiling]: `a` is granted more `secrets` than the ceiling `tight` allows: `API_KEY` to `http://127.0."


def test_a_ceiling_holds_for_a_run_and_a_check(command: Command, ceilings: Path) -> None:
    wide, tight = ("--ceiling", ceilings / "wide.yaml"), ("--ceiling", ceilings / "tight.yaml")
    asks = ceilings / "asks.yaml"
    assert ran(command("run", asks, "-q", "--secret", "API_KEY", *wide))
    assert command("validate", asks, *wide).code == 0
    assert command("graph", asks, *wide).code == 0
    for given in (tight, (*wide, *tight)):
        done = command("run", asks, "-q", "--secret", "API_KEY", *given)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(TOO_MUCH)
        assert f"\n  = the ceiling `tight` allows nothing ({ceilings}/tight.yaml:2:9)\n" in done.err.replace(
            "   =", "  ="
        )
        for looks in ("validate", "graph"):
            checked = command(looks, asks, *given)
            assert checked.code == 1
            assert TOO_MUCH in checked.err
    assert ran(command("run", ceilings / "may.yaml", "-q", *tight))


def test_the_ceiling_of_the_environment_holds_beside_the_one_that_is_given(
    command: Command, ceilings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = ceilings / "asks.yaml"
    monkeypatch.setenv("ORCHESTRATOR_CEILING", str(ceilings / "tight.yaml"))
    assert command("run", asks, "-q", "--secret", "API_KEY").err.startswith(TOO_MUCH)
    done = command("run", asks, "-q", "--secret", "API_KEY", "--ceiling", ceilings / "wide.yaml")
    assert done.err.startswith(TOO_MUCH)
    assert done.err.count("error[ceiling]") == 1
    assert command("graph", asks).code == 1
    monkeypatch.setenv("ORCHESTRATOR_CEILING", "")
    empty = "error[ceiling]: ORCHESTRATOR_CEILING is set and empty\n"
    help_ = " = help: have it name the file of a ceiling, or unset it\n"
    assert command("run", asks, "-q", "--secret", "API_KEY").err.startswith(empty + help_)
    monkeypatch.delenv("ORCHESTRATOR_CEILING")
    assert ran(command("run", asks, "-q", "--secret", "API_KEY"))
    monkeypatch.setenv("ORCHESTRATOR_CEILING", str(ceilings / "none.yaml"))
    assert command("run", asks, "-q").err.startswith("error[file]: cannot read the file: there is no such file\n")


def test_no_address_is_allowed_beyond_the_ceiling(command: Command, ceilings: Path) -> None:
    tight, may = ("--ceiling", ceilings / "tight.yaml"), ceilings / "may.yaml"
    assert ran(command("run", may, "-q", *tight, "--allow-address", "127.0.0.1/32"))
    done = command("run", may, "-q", *tight, "--allow-address", "127.0.0.0/8")
    assert done.code == 1
    assert done.err.startswith(
        "error[ceiling]: `127.0.0.0/8` is allowed to requests, and the ceiling `tight` does not list it\n"
    )


def test_a_ceiling_that_is_wrong_is_told_with_its_places(command: Command, ceilings: Path) -> None:
    (ceilings / "wrong.yaml").write_text("ceiling: wrong\ngrant: {}\nlimits: {memory: 5}\n")
    done = command("run", ceilings / "may.yaml", "--ceiling", ceilings / "wrong.yaml")
    assert done.code == 1
    assert f"error[unknown-key]: the document has no key `grant`\n --> {ceilings}/wrong.yaml:2:1\n" in done.err
    assert f"error[size]: `limits.memory` must be a size (`64MiB`), not the number 5\n --> {ceilings}" in done.err
    as_json = command("validate", ceilings / "may.yaml", "--ceiling", ceilings / "wrong.yaml", "--json")
    assert (as_json.code, as_json.json["error"]["type"]) == (1, "InvalidPipeline")


def test_the_schema_of_a_ceiling(command: Command) -> None:
    done = command("schema", "ceiling")
    assert (done.code, done.json["title"], "addresses" in done.json["properties"]) == (0, "Ceiling", True)
