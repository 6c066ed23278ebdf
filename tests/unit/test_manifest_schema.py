"""The JSON Schemas say what the reader does, and the committed pages and schemas are those of the keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator import manifest
from orchestrator.manifest.scalars import plain_value, read_integer
from tests.support.goldens import PROJECT, cases, matches

BEYOND_A_SCHEMA = {
    "contract-pattern-long": "editors need not count characters",
    "input-path-default": "two keys are compared",
    "input-type-unsupported": "WIT has a grammar of its own",
    "input-type-words": "WIT has a grammar of its own",
    "path-index": "editors need not read numbers in a text",
    "python-not-allowed": "it depends on the command line",
    "substitution-form": "a text with a substitution is any text",
    "substitution-input": "a text with a substitution is any text",
    "substitution-not-allowed": "it depends on the command line",
    "substitution-value": "a text with a substitution is any text",
}


SCHEMAS = {
    "pipeline": manifest.schema(),
    "component": manifest.component_schema(),
    "ceiling": manifest.ceiling_schema(),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_the_schema_is_one_and_describes_every_key(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    described = [(path, "description" in inner) for path, inner in properties(schema)]
    assert described
    assert [path for path, found in described if not found] == []


@pytest.mark.parametrize("path", cases("valid"), ids=lambda path: path.stem)
def test_the_schema_takes_what_the_reader_takes(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(manifest.schema())
    assert [error.message for error in validator.iter_errors(data(path))] == []


@pytest.mark.parametrize("path", cases("component/valid"), ids=lambda path: path.stem)
def test_the_component_schema_takes_what_the_reader_takes(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(manifest.component_schema())
    assert [error.message for error in validator.iter_errors(data(path))] == []


@pytest.mark.parametrize("path", cases("ceiling/valid"), ids=lambda path: path.stem)
def test_the_ceiling_schema_takes_what_the_reader_takes(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(manifest.ceiling_schema())
    assert [error.message for error in validator.iter_errors(data(path))] == []


SHIPPED = [
    *((path, "pipeline") for path in sorted(PROJECT.glob("pipelines/*.yaml"))),
    *((path, "component") for path in sorted(PROJECT.glob("components/*/component.yaml"))),
    *((path, "pipeline") for path in sorted(PROJECT.glob("templates/**/pipeline.yaml"))),
    *((path, "component") for path in sorted(PROJECT.glob("templates/**/component.yaml"))),
]


@pytest.mark.parametrize(("path", "kind"), SHIPPED, ids=[str(path.relative_to(PROJECT)) for path, _ in SHIPPED])
def test_the_examples_fit_the_schema_that_they_name(path: Path, kind: str) -> None:
    schema = manifest.schema() if kind == "pipeline" else manifest.component_schema()
    found = jsonschema.Draft202012Validator(schema).iter_errors(data(path))
    assert [error.message for error in found] == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)", path.read_text(encoding="utf-8"))
    if path.is_relative_to(PROJECT / "templates"):
        return
    assert named is not None
    assert json.loads((path.parent / named[1]).read_text(encoding="utf-8")) == schema


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    validator = jsonschema.Draft202012Validator(manifest.schema())
    of_json = [path for path in cases("invalid/manifest") if is_json(path)]
    assert len(of_json) > 50
    assert {path.stem for path in of_json if validator.is_valid(data(path))} == set(BEYOND_A_SCHEMA)


def test_the_component_schema_refuses_what_the_reader_refuses() -> None:
    validator = jsonschema.Draft202012Validator(manifest.component_schema())
    assert [path.stem for path in cases("component/invalid") if validator.is_valid(data(path))] == []


def test_the_ceiling_schema_refuses_what_the_reader_refuses() -> None:
    validator = jsonschema.Draft202012Validator(manifest.ceiling_schema())
    assert [path.stem for path in cases("ceiling/invalid") if validator.is_valid(data(path))] == []


def test_the_committed_schemas_are_those_of_the_keys() -> None:
    for name, schema in SCHEMAS.items():
        matches(PROJECT / f"docs/{name}.schema.json", json.dumps(schema, indent=1) + "\n")


def test_the_committed_reference_is_that_of_the_keys() -> None:
    matches(PROJECT / "docs/reference/pipeline.md", manifest.reference())
    matches(PROJECT / "docs/reference/component.md", manifest.component_reference())
    matches(PROJECT / "docs/reference/ceiling.md", manifest.ceiling_reference())


def test_the_tests_that_the_reference_names_are_there() -> None:
    pages = manifest.reference() + manifest.component_reference() + manifest.ceiling_reference()
    named = set(re.findall(r"`(tests/[^`]*)`", pages))
    assert named
    assert [name for name in named if not (PROJECT / name).is_file()] == []


def is_json(path: Path) -> bool:
    """Whether the reader's fault is not already one of the YAML itself."""
    codes = {one.code for one in manifest.check_file(path).diagnostics}
    return not any(code.startswith("yaml-") or code == "duplicate-key" for code in codes)


def data(path: Path) -> Any:
    """What an editor would check: the document as JSON, substitutions as they are written."""
    return _json(yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader))


def _json(node: yaml.Node | None) -> Any:
    match node:
        case yaml.MappingNode():
            return {key.value: _json(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [_json(item) for item in node.value]
        case yaml.ScalarNode() if node.style is None:
            grouped = read_integer(node.value) if "_" in node.value else None
            return _number(node.value) if grouped is None else grouped
        case _:
            return node.value if node else None


def _number(text: str) -> Any:
    try:
        return plain_value(text)
    except ValueError:
        return text


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from properties(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from properties(schema[key], f"{path}[]")
    for option in schema.get("anyOf", []):
        yield from properties(option, path)
