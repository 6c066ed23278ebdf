"""`orchestrator build`: what it says, and where it copies to. Not the builder: see tests/unit/test_engine_build.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli import _session as session
from orchestrator.manifest.model import ComponentManifest
from tests.cli.conftest import Command

MANIFEST = "name: greeter\nversion: 0.1.0\nlanguage: python\nworld: demo:greeter/greeter\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder whose build is a file of five bytes."""
    (tmp_path / "greeter").mkdir()
    (tmp_path / "greeter" / "component.yaml").write_text(MANIFEST)
    built = tmp_path / "greeter-0123.wasm"
    built.write_bytes(b"built")

    def build(source: ComponentManifest) -> Path:
        assert source.name == "greeter"
        return built

    monkeypatch.setattr(session, "build", build)
    return tmp_path / "greeter"


def test_the_build_in_the_cache_is_named(command: Command, source: Path) -> None:
    built = source.parent / "greeter-0123.wasm"
    assert command("build", source).out == f"{built}\n"
    assert command("build", source, "--json").json == {
        "name": "greeter",
        "version": "0.1.0",
        "path": str(built),
        "size": 5,
    }


def test_a_copy_to_a_file_is_named(command: Command, source: Path, tmp_path: Path) -> None:
    done = command("build", source, "-o", tmp_path / "out.wasm")
    assert (done.code, done.out) == (0, f"{tmp_path / 'out.wasm'}\n")
    assert (tmp_path / "out.wasm").read_bytes() == b"built"


def test_a_copy_into_a_folder_has_the_name_of_the_build(command: Command, source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = command("build", source, "-o", tmp_path / "out")
    assert (done.code, done.out) == (0, f"{tmp_path / 'out' / 'greeter-0123.wasm'}\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["greeter-0123.wasm"]


def test_a_place_that_cannot_be_written_is_told(command: Command, source: Path, tmp_path: Path) -> None:
    done = command("build", source, "-o", tmp_path / "nowhere" / "out.wasm")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"error: cannot write {tmp_path / 'nowhere' / 'out.wasm'}: No such file or directory\n"
