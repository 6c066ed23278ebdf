"""A wheel, installed into an environment of its own, away from the checkout, is the whole command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from orchestrator.engine._javascript_builder import missing

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's folder of commands.

    No index is asked: the dependencies are those of this environment, seen through a path file. A path file in a folder
    that is reached that way is not read, so that this checkout, which is installed here, is not seen.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    paths = {
        name: sysconfig.get_path(name, "venv", {"base": str(home), "platbase": str(home)})
        for name in ("purelib", "scripts")
    }
    pip = [sys.executable, "-m", "pip", "--python", str(Path(paths["scripts"], "python"))]
    install = [*pip, "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    Path(paths["purelib"], "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Path(paths["scripts"])


def run(installed: Path, folder: Path, *arguments: str, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = kept | variables
    command = [str(installed / "orchestrator"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_wheel_holds_what_ships(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = ("wit", "templates", "components/sandbox-python", "components/sandbox-javascript")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    shipped = [path for path in files if "__pycache__" not in path.parts]
    assert {f"orchestrator/_data/{path.relative_to(ROOT).as_posix()}" for path in shipped} <= names
    assert {"orchestrator/py.typed", "orchestrator/cli/advisories.json"} <= names
    assert not {name for name in names if name.startswith(("tests/", "components/", "benchmarks/"))}


@pytest.fixture(scope="module")
def without_node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which there is no Node."""
    return str(tmp_path_factory.mktemp("nothing"))


@pytest.mark.skipif(bool(missing()), reason="a wheel has the sandbox for JavaScript built where there is Node")
def test_the_sandbox_for_javascript_needs_no_node(
    wheel: Path, installed: Path, without_node: str, tmp_path: Path
) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("orchestrator/_data/built/")]
    assert len(names) == 1
    folder = installed.parent / "lib" / _python() / "site-packages/orchestrator/_data/components/sandbox-javascript"
    cache = str(tmp_path / "cache")
    found = json.loads(
        run(installed, tmp_path, "build", str(folder), "--json", PATH=without_node, ORCHESTRATOR_CACHE=cache)
    )
    assert Path(found["path"]).name == Path(names[0]).name


def test_a_wheel_made_without_node_says_what_it_lacks(without_node: str, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    environment = os.environ | {"PATH": without_node, "ORCHESTRATOR_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(build, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    (built,) = tmp_path.glob("*.whl")
    assert "LEFT OUT of this wheel: `sandbox-javascript`, built. componentize-js" in done.stdout + done.stderr
    assert "needs Node 20 or later" in done.stdout + done.stderr
    assert not [name for name in zipfile.ZipFile(built).namelist() if "_data/built" in name]


def test_the_package_that_runs_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run(installed, tmp_path, "doctor", "--json"))
    checks = {check["name"]: check["found"] for check in found["checks"]}
    assert found["ok"]
    assert checks["WIT packages"].endswith(f"{installed.parent}/lib/{_python()}/site-packages/orchestrator/_data/wit")


def test_a_new_pipeline_runs(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "new", "pipeline", "demo")
    assert json.loads(run(installed, tmp_path, "validate", "demo", "--json"))["ok"]
    assert json.loads(run(installed, tmp_path, "run", "demo", "--input", "name=Ada")) == {"greeting": "Hello, Ada!"}


def _python() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"
