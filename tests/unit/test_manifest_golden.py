"""Every golden manifest: the whole message of each refused one, the whole model of each accepted one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator import manifest
from orchestrator.errors import InvalidPipeline
from orchestrator.interface import show_type
from orchestrator.manifest import model
from tests.support.goldens import cases, matches

ENV = {"ALLOWED": "allowed/value"}


def _named(path: Path) -> str:
    return path.stem


def check(path: Path) -> manifest.Reading:
    allow_python = not path.stem.startswith("python-not-allowed")
    return manifest.check_file(path, name=path.name, env=ENV, allow_python=allow_python)


@pytest.mark.parametrize("path", cases("invalid/manifest"), ids=_named)
def test_a_refused_manifest_gives_all_its_errors(path: Path) -> None:
    reading = check(path)
    with pytest.raises(InvalidPipeline) as caught:
        reading.result()
    assert caught.value.diagnostics == reading.diagnostics
    matches(path.with_suffix(".txt"), f"{caught.value}\n")


@pytest.mark.parametrize("path", cases("valid"), ids=_named)
def test_an_accepted_manifest_gives_its_model(path: Path) -> None:
    reading = check(path)
    assert [str(diagnostic) for diagnostic in reading.diagnostics] == []
    matches(path.with_suffix(".json"), json.dumps(dump(reading.result()), indent=1, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("path", cases("component/invalid"), ids=_named)
def test_a_refused_component_gives_all_its_errors(path: Path) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.read_component(path, name=path.name)
    matches(path.with_suffix(".txt"), f"{caught.value}\n")


@pytest.mark.parametrize("path", cases("component/valid"), ids=_named)
def test_an_accepted_component_gives_its_model(path: Path) -> None:
    found = json.dumps(dump(manifest.read_component(path)), indent=1, ensure_ascii=False)
    matches(path.with_suffix(".json"), found + "\n")


@pytest.mark.parametrize("path", cases("ceiling/invalid"), ids=_named)
def test_a_refused_ceiling_gives_all_its_errors(path: Path) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.read_ceiling(path, name=path.name)
    matches(path.with_suffix(".txt"), f"{caught.value}\n")


@pytest.mark.parametrize("path", cases("ceiling/valid"), ids=_named)
def test_an_accepted_ceiling_gives_its_model(path: Path) -> None:
    found = json.dumps(dump(manifest.read_ceiling(path)), indent=1, ensure_ascii=False)
    matches(path.with_suffix(".json"), found + "\n")


def test_every_code_has_a_meaning_and_a_case() -> None:
    outside_of_files = {"file", "yaml-size", "too-many-errors", "not-writable"}
    of_components = {"version", "world-name", "module-name"}
    of_ceilings = {"variable", "address-range"}
    found = {one.code for path in cases("invalid/manifest") for one in check(path).diagnostics}
    assert found == set(manifest.CODES) - outside_of_files - of_components - of_ceilings


def dump(value: Any) -> Any:
    """A value of the model as JSON: fields at their default and places left out, texts for types and references."""
    match value:
        case model.Ref() | model.Port():
            return str(value)
        case tuple() if value and all(
            isinstance(one, model.FieldStep | model.IndexStep | model.SomeStep) for one in value
        ):
            return model.show_steps(value)
        case model.Input() | model.ConfigKey():
            return {"name": value.name, "type": show_type(value.type, full=True)} | dump_fields(value, {"name", "type"})
        case Path():
            return str(value.name)
        case Mapping():
            return {key: dump(inner) for key, inner in value.items()}
        case tuple() | list():
            return [dump(inner) for inner in value]
        case _:
            return dump_fields(value) if is_dataclass(value) else value


def dump_fields(value: Any, without: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    found = {} if without else {"is": type(value).__name__}
    for one in fields(value):
        inner = getattr(value, one.name)
        if one.compare and one.name not in without and inner != one.default:
            found[one.name] = dump(inner)
    return found
