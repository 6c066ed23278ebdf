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
  (export "plus" (func $add))
  (core module $s (memory (export "memory") 1)
    (func (export "sum") (param i32 i32) (result i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $j (instantiate $s))
  (func (export "sum") (param "all" (list u32)) (result u32)
    (canon lift (core func $j "sum") (memory (core memory $j "memory")) (realloc (core func $j "realloc")))))
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
        f"adder\n\ndigest   {digest}\nsize     {size}\norigin   {adder}\n"
        "reverts  in place: nothing but its memories can change\n\n"
        "imports\n  demo:math/rounding@0.1.0\n    values  round: func(value: f64) -> s64\n\n"
        "exports\n  demo:math/numbers@0.1.0\n    values  add: func(a: u32, b: u32) -> u32\n"
        "  values  plus: func(a: u32, b: u32) -> u32\n  bulk    sum: func(all: list<u32>) -> u32\n\n"
        "bulk: values get in and out through memory that the host owns; values: one by one; `bulk:` of a node decides\n"
        "--wit prints the whole world as WIT, --json all of this as data\n"
    )


def test_a_component_as_json(command: Command, adder: Path) -> None:
    found = command("inspect", adder, "--json").json
    parameters = [{"name": "a", "type": "u32"}, {"name": "b", "type": "u32"}]
    add = {"name": "add", "parameters": parameters, "result": "u32", "carried": "values"}
    all_ = [{"name": "all", "type": "list<u32>"}]
    total = {"name": "sum", "parameters": all_, "result": "u32", "carried": "bulk"}
    assert found["exports"] == [
        {"kind": "interface", "name": "demo:math/numbers@0.1.0", "functions": [add]},
        {"kind": "function", "name": "plus", "functions": [add | {"name": "plus"}]},
        {"kind": "function", "name": "sum", "functions": [total]},
    ]
    assert (found["name"], found["version"], found["origin"], found["config"]) == ("adder", None, str(adder), [])
    assert found["digest"].startswith("sha256:")


def test_what_the_host_serves_of_wasi_is_not_said_to_be_carried(command: Command, adder: Path) -> None:
    (adder.parent / "random.wat").write_text(
        """(component (import "wasi:random/random@0.2.0" (instance
          (export "get-random-bytes" (func (param "len" u64) (result (list u8)))))))"""
    )
    ((item,),) = [command("inspect", adder.parent / "random.wat", "--json").json["imports"]]
    assert [(function["name"], function["carried"]) for function in item["functions"]] == [("get-random-bytes", None)]
    assert "  wasi:random@0.2.0: random\n" in command("inspect", adder.parent / "random.wat").out


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
