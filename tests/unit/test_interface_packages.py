"""Packages read from a folder, worlds made whole, and written as WIT that the component tools accept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.interface import (
    Packages,
    parse_package,
    show_function,
    show_interface,
    show_world,
    world_from_data,
    world_to_data,
)
from orchestrator.interface import types as t

FOLDER = Path(__file__).parents[1] / "data" / "wit"


@pytest.fixture(scope="module")
def packages() -> Packages:
    return Packages.read([FOLDER])


def _sorted(item: t.Interface | t.Function) -> t.Interface | t.Function:
    if isinstance(item, t.Function):
        return item
    types, functions = sorted(item.types, key=lambda d: d.name), sorted(item.functions, key=lambda f: f.name)
    return replace(item, types=tuple(types), functions=tuple(functions))


def _orderless(world: t.World) -> t.World:
    imports, exports = ([_sorted(item) for item in side] for side in (world.imports, world.exports))
    return replace(world, imports=tuple(imports), exports=tuple(exports))


def test_an_interface_is_read_with_docs_and_without_unstable_parts(packages: Packages) -> None:
    kinds = packages.interface("local:shapes/kinds")
    assert str(kinds.name) == "local:shapes/kinds@1.2.0"
    assert kinds.docs == "Every kind of type."
    assert [show_function(f) for f in kinds.functions] == [
        "[constructor]pen: func(colour: colour) -> own<pen>",
        "[method]pen.draw: func(self: borrow<pen>, at: point, %with: borrow<thing>) -> result<_, shape>",
        "[static]pen.merge: func(a: own<pen>, b: own<pen>) -> own<pen>",
        "all: func(a: list<u8>, b: rights, c: char, d: tuple<u8, s8, u16, s16, u64, s64>, e: string) "
        "-> result<point, string>",
        "nothing: func() -> result",
    ]
    everything = kinds.function("all")
    assert everything is not None
    assert everything.docs == "Everything at once.\nIn two lines."


def test_unstable_parts_are_there_when_their_feature_is_named() -> None:
    kinds = Packages.read([FOLDER], features=["ink"]).interface("local:shapes/kinds")
    assert {"later", "[method]pen.refill"} <= {f.name for f in kinds.functions}


def test_a_world_has_what_its_interfaces_need(packages: Packages) -> None:
    world = packages.world("local:shapes/whole")
    assert [str(item.name) for item in world.imports] == [
        "other:base/things@0.3.1",
        "local:shapes/kinds@1.2.0",
        "write-line",
        "tool",
    ]
    assert [str(item.name) for item in world.exports] == ["local:shapes/kinds@1.2.0", "run"]
    exported = world.exports[0]
    assert isinstance(exported, t.Interface)
    resources = {d.name: d.type for d in exported.types if isinstance(d.type, t.Resource)}
    assert resources == {
        "thing": t.Resource("thing", "other:base/things"),
        "pen": t.Resource("pen", "local:shapes/kinds"),
    }
    assert [resource.imported for resource in resources.values()] == [True, False]


def test_the_newest_version_is_meant_where_none_is_named(packages: Packages) -> None:
    assert packages.type("other:base/things", "label") == t.STRING
    assert packages.type("other:base/things@0.2.0", "label") == t.U32
    assert packages.type("other:base/things@0.3.0", "label") == t.STRING


@pytest.mark.parametrize("name", ["local:shapes/whole", "local:shapes/base"])
def test_a_world_written_as_wit_reads_back_the_same(packages: Packages, name: str) -> None:
    world = packages.world(name)
    again = Packages([parse_package(show_world(world))]).world(world.name)
    assert _orderless(again) == _orderless(world)
    assert world_from_data(json.loads(json.dumps(world_to_data(world)))) == world


@pytest.mark.parametrize("name", ["whole", "base"])
def test_componentize_py_reads_what_is_written(packages: Packages, name: str, tmp_path: Path) -> None:
    (tmp_path / "world.wit").write_text(show_world(packages.world(f"local:shapes/{name}")))
    _bindings(tmp_path, name)


def test_clashing_and_missing_names_are_arranged(tmp_path: Path) -> None:
    one, other = t.Record((t.Field("list", t.U8),), "result"), t.Record((t.Field("b", t.U8),), "result")
    anonymous = t.Enum(("x", "world"))
    lent = t.Borrow(t.Resource("run", "far:away/home"))
    types: dict[str, t.Type] = {"a": one, "b": other, "import": anonymous, "c": lent}
    function = t.Function("run", tuple(t.Field(name, type_) for name, type_ in types.items()))
    offered = t.Interface(t.Name("root", "root", "component"), (), (function,))
    world = t.World(imports=(function,), exports=(offered,))
    text = show_world(world)
    again = Packages([parse_package(text)])
    assert again.interface("root:component/root").functions == offered.functions
    assert function in again.world("root:component/root-world").imports
    assert show_interface(offered) == (
        "package root:component;\n\ninterface root {\n  use far:away/home.{run as run-2};\n"
        "  record %result {\n    %list: u8,\n  }\n  record result-2 {\n    b: u8,\n  }\n"
        "  enum enum-1 {\n    x,\n    %world,\n  }\n"
        "  run: func(a: %result, b: result-2, %import: enum-1, c: borrow<run-2>);\n}\n\n"
        "package far:away {\n  interface home {\n    resource run;\n  }\n}\n"
    )
    (tmp_path / "world.wit").write_text(text)
    _bindings(tmp_path, "root-world")


def _bindings(folder: Path, world: str) -> None:
    tool = Path(sys.executable).with_name("componentize-py")
    found = str(tool) if tool.exists() else shutil.which("componentize-py")
    if found is None:
        pytest.skip("componentize-py is not installed")
    command = [found, "-q", "-d", str(folder), "-w", world, "bindings", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
