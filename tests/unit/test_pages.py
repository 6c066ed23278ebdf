"""The pages of the repository are right: commands, examples, links, targets."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from orchestrator import Engine, resources
from orchestrator.cli import COMMANDS
from orchestrator.engine import _python_builder
from orchestrator.engine._config import WASMTIME

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(page: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_pipeline_of_the_readme_is_what_new_makes() -> None:
    made = (resources.templates() / "pipeline" / "pipeline.yaml").read_text().replace("my-name", "hello")
    assert blocks("README.md", "yaml") == [made.partition("\n")[2]]


def test_the_python_of_the_readme_names_what_there_is() -> None:
    example, sandboxed = blocks("README.md", "python")
    compile(example, "README.md", "exec")
    compile(sandboxed, "README.md", "exec")
    assert "from orchestrator import Engine, Pipeline" in example
    assert "from orchestrator import Sandbox" in sandboxed
    assert hasattr(Engine, "load")


def test_the_readme_names_every_command_and_no_other() -> None:
    assert set(re.findall(r"`(?:\.venv/bin/)?orchestrator (\w+)", text("README.md"))) == set(COMMANDS)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_has_every_target_that_is_named(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text(page), re.MULTILINE)) != set()
    named = {a or b for a, b in re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text(page), re.MULTILINE)}
    assert named <= targets
    assert {"setup", "demo", "test", "lint", "bench", "bless", "clean"} <= targets


def test_every_room_is_in_the_architecture_and_in_the_layers() -> None:
    here = {path.name for path in (ROOT / "orchestrator").iterdir() if path.suffix == ".py" or path.is_dir()}
    rooms = {name for name in here if not name.startswith("_")} | {"__init__.py"}
    drawn = blocks("ARCHITECTURE.md")[0]
    assert {name for name in rooms if not re.search(rf"^  {re.escape(name)}/? ", drawn, re.MULTILINE)} == set()


def test_the_exact_pins_are_the_versions_that_the_engine_is_written_for() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    pins = {f"wasmtime=={WASMTIME}", f"{_python_builder.NAME}=={_python_builder.VERSION}"}
    assert {line for line in project["dependencies"] if "==" in line} == pins
    assert all(f"\n{pin} \\\n" in text("requirements.lock") for pin in pins)


def test_the_lock_has_hashes_and_names_no_index() -> None:
    lock = text("requirements.lock")
    packages = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(packages) > 40
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in lock


def test_the_lock_has_every_dependency() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= set(re.findall(r"^([a-z0-9-]+)==", text("requirements.lock"), re.MULTILINE))


def test_the_ci_script_is_one_that_bash_reads() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
