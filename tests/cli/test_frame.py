"""Help, version, usage errors, and what happens to an exception that no command expected."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from orchestrator import __version__
from orchestrator.cli import COMMANDS, help_text, main
from orchestrator.cli._app import application
from tests.cli.conftest import Command


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(command: Command, flag: str) -> None:
    done = command(flag)
    assert (done.code, done.out, done.err) == (0, help_text(), "")
    assert all(f"\n  {name:<12}{summary}\n" in done.out for name, summary in COMMANDS.items())


def test_help_imports_neither_click_nor_rich() -> None:
    asked = "print('click' in sys.modules, 'rich' in sys.modules)"
    code = f"import sys; from orchestrator.cli import main; main(['--help']); {asked}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")


def test_the_help_of_click_is_the_same_text(command: Command) -> None:
    assert command("--help", "run").out == help_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_file_that_agrees_with_the_table(command: Command, name: str) -> None:
    found = import_module(f"orchestrator.cli.{name}").command
    assert isinstance(found, click.Command)
    assert (found.name, found.short_help) == (name, COMMANDS[name])
    for one in found.commands.values() if isinstance(found, click.Group) else [found]:
        assert "--json" in {option for parameter in one.params for option in parameter.opts}
    shown = command(name, "--help")
    assert shown.code == 0
    assert COMMANDS[name] in shown.out


def test_version(command: Command) -> None:
    assert command("--version").out == f"orchestrator {__version__}\n"


def test_no_arguments_shows_help_as_wrong_usage(command: Command) -> None:
    done = command()
    assert (done.code, done.out) == (2, "")
    assert done.err.strip() == help_text().strip()


def test_a_misspelt_command_is_answered_with_the_one_meant(command: Command) -> None:
    done = command("valdate")
    assert done.code == 2
    assert done.err == (
        "error: no command `valdate`; did you mean `validate`\n  = help: `orchestrator --help` says what it takes\n"
    )


def test_an_unknown_command_is_escaped_and_answered_with_all(command: Command) -> None:
    done = command("\x1b[31mxyzzy")
    assert done.code == 2
    assert done.err.startswith("error: no command `\\x1b[31mxyzzy`; there are run, exec, validate, plan, graph,")


def test_a_missing_argument_is_told_in_a_line(command: Command) -> None:
    assert command("new").err.startswith(
        "error: Missing argument '{pipeline|component}'. Choose from: pipeline, component\n  = help: "
    )


def test_a_wrong_option_is_wrong_usage(command: Command) -> None:
    done = command("schema", "--nonsense")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("  = help: `orchestrator schema --help` says what it takes\n")


def test_an_unexpected_exception_is_one_line_and_a_file(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(kind: str) -> None:
        raise LookupError("deep inside\nsecond line")

    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path))
    monkeypatch.setattr("orchestrator.cli._session.schema", fail)
    done = command("schema")
    (kept,) = (tmp_path / "crashes").iterdir()
    assert done.code == 1
    assert done.err == (f"internal error: LookupError: deep inside; the traceback is in {kept}, please report it\n")
    assert "LookupError: deep inside\nsecond line" in kept.read_text()


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    def interrupt(kind: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.cli._session.schema", interrupt)
    assert (command("schema").code, command("schema").err) == (130, "interrupted\n")
    assert command("schema", "--json").json == {"error": {"type": "Cancelled", "message": "interrupted"}}


def test_a_reader_that_closes_the_pipe_is_no_traceback() -> None:
    script = f"{sys.executable} -m orchestrator schema | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "{\n"


def test_a_closed_standard_output_is_no_traceback() -> None:
    script = f"{sys.executable} -m orchestrator schema >&-"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_told_and_is_no_internal_error() -> None:
    script = f"{sys.executable} -m orchestrator schema > /dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    message = "error: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_completion_of_a_shell_knows_every_command() -> None:
    names = [item.value for item in application().shell_complete(click.Context(application()), "")]
    assert names == list(COMMANDS)


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --no-")])
def test_completion_scripts(command: Command, shell: str, mark: str) -> None:
    done = command("completion", shell)
    assert done.code == 0
    assert mark in done.out
    assert command("completion", shell, "--json").json == {"shell": shell, "script": done.out}


def test_main_takes_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["orchestrator", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"orchestrator {__version__}\n"
