"""`orchestrator inspect` and what `orchestrator build` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.interface.parse import parse_packages
from tests.cli.conftest import Command

ADDER = """
(component
  (import "demo:math/rounding@0.1.0" (instance (export "round" (func (param "value" f64) (result s64)))))
  (core module $m (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (instance $numbers (export "add" (func $add)))
  (export "demo:math/numbers@0.1.0" (instance $numbers))
  (export "plus" (func $add)))
"""


@pytest.fixture
def adder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "adder.wat").write_text(ADDER)
    return tmp_path / "adder.wat"


def test_a_component_on_a_page(command: Command, adder: Path) -> None:
    done = command("inspect", adder)
    digest, size = (line.split(maxsplit=1)[1] for line in done.out.splitlines()[2:4])
    assert done.out == (
        f"adder\n\ndigest   {digest}\nsize     {size}\norigin   {adder}\n\n"
        "imports\n  demo:math/rounding@0.1.0\n    round: func(value: f64) -> s64\n\n"
        "exports\n  demo:math/numbers@0.1.0\n    add: func(a: u32, b: u32) -> u32\n"
        "  plus: func(a: u32, b: u32) -> u32\n\n"
        "--wit prints the whole world as WIT, --json all of this as data\n"
    )


def test_a_component_as_json(command: Command, adder: Path) -> None:
    found = command("inspect", adder, "--json").json
    add = {"name": "add", "parameters": [{"name": "a", "type": "u32"}, {"name": "b", "type": "u32"}], "result": "u32"}
    assert found["exports"] == [
        {"kind": "interface", "name": "demo:math/numbers@0.1.0", "functions": [add]},
        {"kind": "function", "name": "plus", "functions": [add | {"name": "plus"}]},
    ]
    assert (found["name"], found["version"], found["origin"], found["config"]) == ("adder", None, str(adder), [])
    assert found["digest"].startswith("sha256:")


def test_the_wit_of_a_component_is_wit(command: Command, adder: Path) -> None:
    wit = command("inspect", adder, "--wit").out
    assert wit == command("inspect", adder, "--json").json["wit"]
    assert "import demo:math/rounding@0.1.0;" in wit
    parse_packages([wit])


@pytest.mark.parametrize("arguments", [["inspect"], ["build"]])
def test_what_is_not_there(command: Command, adder: Path, arguments: list[str]) -> None:
    done = command(*arguments, adder.parent / "nothing")
    assert (done.code, done.out) == (1, "")
    assert str(adder.parent / "nothing") in done.err
    assert "Traceback" not in done.err


def test_what_is_no_component(command: Command, adder: Path) -> None:
    (adder.parent / "broken.wasm").write_bytes(b"\0asm garbage")
    done = command("inspect", adder.parent / "broken.wasm", "--json")
    assert (done.code, done.err) == (1, "")
    assert done.json["error"]["type"] == "ComponentError"


def test_a_source_folder_that_is_refused(command: Command, adder: Path) -> None:
    (adder.parent / "component.yaml").write_text("name: x\nlanguage: cobol\n")
    done = command("build", adder.parent, "--json")
    assert done.code == 1
    assert done.json["error"]["type"] == "InvalidPipeline"
    assert {each["where"]["line"] for each in done.json["error"]["diagnostics"]} >= {2}
