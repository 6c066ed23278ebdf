"""The guide is right: its pipelines, its commands, its Python and the messages that it shows.

A block of code with a name behind its language (```yaml each.yaml) is a file of its page; one of Python with the word
`run` is run, all of a page in one namespace.
"""

from __future__ import annotations

import ast
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import orchestrator
from orchestrator import errors
from orchestrator.capability.ceiling import load as load_ceiling
from orchestrator.cli import COMMANDS, main
from orchestrator.cli._app import application
from orchestrator.diagnostics import render
from orchestrator.manifest import check_file, read_component
from orchestrator.manifest.model import Manifest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [*GUIDE, ROOT / "README.md", ROOT / "docs" / "performance.md"]
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^\$ |^|`)(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?orchestrator (\w.*?)(?:`|#|$)", re.MULTILINE)


class Block(NamedTuple):
    """A block of code of a page."""

    page: str
    language: str
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(page.name, *each) for each in found]


ALL = [block for page in GUIDE for block in blocks(page)]
FILES = [block for block in ALL if block.name and block.name != "run"]


def shown(block: Block) -> str:
    return f"{block.page}:{block.name or block.text.splitlines()[0][:60]}"


def of_kind(language: str, *, ending: str = "") -> list[Block]:
    return [block for block in ALL if block.language == language and block.name.endswith(ending)]


def write(page: str, folder: Path) -> None:
    """Writes the files of a page."""
    for block in FILES:
        if block.page == page:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def is_right(block: Block) -> bool:
    return not block.name.startswith("wrong")


PIPELINES = [block for block in of_kind("yaml", ending=".yaml") if "nodes:" in block.text]


@pytest.mark.parametrize("block", [block for block in PIPELINES if is_right(block)], ids=shown)
def test_a_pipeline_of_the_guide_reads_without_an_error(block: Block, tmp_path: Path) -> None:
    write(block.page, tmp_path)
    reading = check_file(tmp_path / block.name, allow_python=True)
    assert reading.diagnostics == ()
    assert isinstance(reading.manifest, Manifest)


CEILINGS = [block for block in of_kind("yaml", ending=".yaml") if block.text.startswith("ceiling:")]


@pytest.mark.parametrize("block", CEILINGS, ids=shown)
def test_a_ceiling_of_the_guide_reads_without_an_error(block: Block, tmp_path: Path) -> None:
    write(block.page, tmp_path)
    assert load_ceiling(tmp_path / block.name).grants.storage


def test_the_claims_of_the_guide_are_those_of_a_component(tmp_path: Path) -> None:
    (block,) = [block for block in of_kind("yaml") if block.text.startswith("claims:")]
    head = "name: guest\nversion: 1.0.0\nlanguage: python\nworld: demo:guest/guest\n"
    (tmp_path / "component.yaml").write_text(head + block.text, encoding="utf-8")
    assert read_component(tmp_path).claims is not None


@pytest.mark.parametrize("block", of_kind("yaml", ending="component.yaml"), ids=shown)
def test_a_component_of_the_guide_reads_without_an_error(block: Block, tmp_path: Path) -> None:
    write(block.page, tmp_path)
    found = read_component(tmp_path / block.name)
    assert found.name == Path(block.name).parent.name
    ending = {"python": ".py", "javascript": ".js"}[found.language]
    assert (tmp_path / block.name).with_name(f"{found.module}{ending}").is_file()


def test_the_errors_that_the_guide_shows_are_those_of_its_wrong_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = [at for at, block in enumerate(ALL) if not is_right(block)]
    assert wrong
    for at in wrong:
        write(ALL[at].page, tmp_path)
        found = check_file(ALL[at].name).diagnostics
        assert "\n\n".join(map(render, found)) + "\n" == ALL[at + 1].text


def _is_python_only(block: Block) -> bool:
    run = re.match(r"\$ orchestrator run (\S+\.yaml)", block.text)
    files = {file.name: file.text for file in FILES if file.page == block.page}
    return run is not None and "component:" not in files.get(run[1], "component:")


RUNNABLE = [block for block in of_kind("console") if _is_python_only(block)]


@pytest.mark.parametrize("block", RUNNABLE, ids=shown)
def test_a_command_of_the_guide_prints_what_stands_there(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write(block.page, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_COLOR", "1")
    command, _, expected = block.text.partition("\n")
    main(shlex.split(command.removeprefix("$ orchestrator ")))
    sys.modules.pop("steps", None)  # each page has one of its own
    out, err = capfd.readouterr()
    pattern = ".*".join(map(re.escape, expected.split("…")))
    assert re.fullmatch(pattern, out + err), out + err


def test_the_guide_has_commands_that_are_run() -> None:
    assert len(RUNNABLE) >= 6


COMMANDS_OF_PAGES = sorted({found for page in PAGES for found in _COMMAND.findall(page.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("text", COMMANDS_OF_PAGES)
def test_a_command_that_is_named_has_that_name_and_those_options(text: str) -> None:
    name, *words = text.split()
    assert name in COMMANDS
    command = application().get_command(click.Context(click.Group()), name)
    if isinstance(command, click.Group) and words:
        command = command.commands[words[0]]
    assert command is not None
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    known |= {"--help", "-h", "--json"}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known


def test_commands_are_found() -> None:
    assert {text.split()[0] for text in COMMANDS_OF_PAGES} == set(COMMANDS)


@pytest.mark.parametrize("block", of_kind("python"), ids=shown)
def test_the_python_of_the_guide_compiles_and_imports_what_there_is(block: Block) -> None:
    tree = ast.parse(block.text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "orchestrator"]
    assert {alias.name for node in imports for alias in node.names} <= set(orchestrator.__all__)


PRINTED = {"python.md": "shout", "speed.md": "float32 0.5\n"}
"""What the Python of a page prints, or a part of it."""


def test_the_pages_with_python_that_is_run_are_known() -> None:
    assert {block.page for block in ALL if block.name == "run"} == set(PRINTED)


@pytest.mark.parametrize("page", PRINTED)
def test_the_python_of_the_guide_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if any("import numpy" in block.text for block in ALL if block.page == page):
        pytest.importorskip("numpy", reason=f"numpy is not installed: what {page} shows is not run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, object] = {"__name__": "guide"}
    for block in ALL:
        if (block.page, block.language, block.name) == (page, "python", "run"):
            exec(compile(block.text, f"{page}", "exec"), namespace)
    assert PRINTED[page] in capsys.readouterr().out


def test_the_guide_names_every_exception() -> None:
    text = (ROOT / "docs" / "guide" / "python.md").read_text(encoding="utf-8")
    every = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert {name for name in every if f"`{name}`" not in text} == set()


def test_every_code_that_the_guide_names_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    named = {code for page in GUIDE for code in re.findall(r"error\[([a-z-]+)\]", page.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert {code for code in named if f"| `{code}` |" not in reference} == set()


def test_every_page_of_the_guide_is_in_the_list_of_pages() -> None:
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in GUIDE if f"(guide/{page.name})" not in listed] == []


@pytest.mark.slow
def test_the_components_of_the_guide_build_and_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write("components.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in of_kind("console") if "shouting.yaml" in block.text]
    command, _, expected = block.text.partition("\n")
    assert main(shlex.split(command.removeprefix("$ orchestrator "))) == 0
    assert capfd.readouterr().out == expected
