"""`orchestrator new` and `orchestrator schema`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from orchestrator.engine.build import javascript
from orchestrator.manifest import read_component, read_file
from tests.cli.conftest import Command


def test_a_new_pipeline_reads_and_fits_its_schema(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    done = command("new", "pipeline", folder, "--json")
    assert done.code == 0
    assert sorted(done.json["files"]) == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    assert read_file(folder / "pipeline.yaml").name == "hello"
    assert read_component(folder / "components/greeter").world == "local:greeter/greeter"
    schema = json.loads((folder / "pipeline.schema.json").read_text())
    jsonschema.validate(yaml.safe_load((folder / "pipeline.yaml").read_text()), schema)


def test_a_new_component_reads_and_fits_its_schema(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "shouter"
    done = command("new", "component", folder, "--lang", "python")
    assert done.code == 0
    assert done.out.endswith(
        f"Build it:     orchestrator build {folder}\nLook at it:   orchestrator inspect {folder}\n"
    )
    assert read_component(folder).world == "local:shouter/component"
    assert "package local:shouter@0.1.0;" in (folder / "wit/world.wit").read_text()
    schema = command("schema", "component").json
    jsonschema.validate(yaml.safe_load((folder / "component.yaml").read_text()), schema)


@pytest.mark.parametrize(("kind", "place"), [("component", "."), ("pipeline", "components/greeter")])
def test_a_component_in_javascript(command: Command, tmp_path: Path, kind: str, place: str) -> None:
    folder = tmp_path / "shouter"
    done = command("new", kind, folder, "--lang", "javascript", "--json")
    assert (done.code, done.json["language"]) == (0, "javascript")
    source = read_component(folder / place)
    assert source.language == "javascript"
    assert sorted(path.name for path in (folder / place).iterdir()) == ["app.js", "component.yaml", "wit"]
    assert list(folder.rglob("*.py")) == []


@pytest.mark.slow
@pytest.mark.skipif(bool(javascript()[1]), reason="nothing is built from JavaScript here")
def test_a_pipeline_with_javascript_runs(command: Command, tmp_path: Path) -> None:
    command("new", "pipeline", tmp_path / "hello", "--lang", "javascript")
    command("new", "component", tmp_path / "shouter", "--lang", "javascript")
    assert command("build", tmp_path / "shouter").code == 0
    done = command("run", tmp_path / "hello", "--input", "name=Ada")
    assert (done.code, json.loads(done.out)) == (0, {"greeting": "Hello, Ada!"})


def test_nothing_is_overwritten(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/pipeline.yaml").write_text("mine")
    done = command("new", "pipeline", tmp_path / "mine")
    assert done.code == 1
    assert done.err == f"error: cannot make {tmp_path}/mine: it is already there and not an empty folder\n"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["pipeline.yaml"]
    assert (tmp_path / "mine/pipeline.yaml").read_text() == "mine"


def test_an_empty_folder_is_taken(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert command("new", "component", tmp_path / "empty").code == 0


@pytest.mark.parametrize("name", ["Hello", "1st", "a_b", "-x-", "a--b", "a" * 61])
def test_a_name_that_is_none_is_refused(command: Command, tmp_path: Path, name: str) -> None:
    done = command("new", "component", "--", tmp_path / name)
    assert done.code == 2
    assert done.err.startswith(f"error: `{name}` is no name: it takes lower-case words of letters and digits")
    assert not (tmp_path / name).exists()


def test_a_word_of_wit_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("new", "component", tmp_path / "list")
    assert done.code == 2
    assert done.err.startswith("error: `list` is a word of WIT's own; add another word to it, like `my-list`\n")


@pytest.mark.parametrize("kind", ["pipeline", "component"])
def test_schemas_are_schemas(command: Command, kind: str) -> None:
    done = command("schema", kind)
    assert done.code == 0
    jsonschema.Draft202012Validator.check_schema(done.json)
    assert command("schema", kind, "--json").out == done.out
