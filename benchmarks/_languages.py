"""Guests of each kind, for benchmarks: a small one, one in Python, one in JavaScript, with what their imports need."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._guests import echo, text
from orchestrator.engine import Component, Engine, Linker
from orchestrator.engine.cache import default_folder
from orchestrator.engine.imports import is_wasi
from orchestrator.interface.types import Function

PYTHON = Path(__file__).parent.parent / "components" / "embedder-hashing"
BUILDER = "@bytecodealliance/componentize-js@0.23.0"
_WIT = "package bench:javascript;\nworld guest { export run: func(code: string) -> string; }\n"
_SOURCE = "export function run(code) { return String((0, eval)(code)); }\n"
_BUILD = """
import { componentize } from "@bytecodealliance/componentize-js";
import { writeFile } from "node:fs/promises";
const { component } = await componentize(SOURCE, {
  witPath: WIT, worldName: "guest", disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile(OUT, component);
"""


def kinds(engine: Engine) -> dict[str, tuple[Component, bytes] | None]:
    """Each kind of guest, loaded, and its binary; None for one whose builder is not here, which standard error says."""
    return {"small": _small(engine), "python": _python(engine), "javascript": _javascript(engine)}


def _small(engine: Engine) -> tuple[Component, bytes]:
    from wasmtime import wat2wasm

    binary = bytes(wat2wasm(echo(text(10))))
    return engine.from_binary(binary, "small"), binary


def _python(engine: Engine) -> tuple[Component, bytes]:
    from orchestrator.engine.build import build

    component = engine.load(PYTHON)
    assert component.manifest is not None
    return component, build(component.manifest, engine.cache.builds).read_bytes()


def _javascript(engine: Engine) -> tuple[Component, bytes] | None:
    """A guest of componentize-js without features, which imports nothing. Built once, in the user's cache folder."""
    folder = default_folder() / "benchmarks"
    made = folder / "javascript.wasm"
    try:
        if not made.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _build_javascript(folder, made)
    except (OSError, subprocess.CalledProcessError) as problem:
        said = problem.stderr.decode(errors="replace") if isinstance(problem, subprocess.CalledProcessError) else ""
        print(f"no JavaScript guest: it needs node, npm and {BUILDER} ({problem}) {said}", file=sys.stderr)
        return None
    return engine.load(made), made.read_bytes()


def _build_javascript(folder: Path, made: Path) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, capture_output=True, check=True)

    run("npm", "install", "--no-audit", "--no-fund", "--silent", BUILDER)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        (work / "world.wit").write_text(_WIT)
        names = {"SOURCE": _SOURCE, "WIT": str(work / "world.wit"), "OUT": str(work / "out.wasm")}
        script = "".join(f"const {key} = {value!r};\n" for key, value in names.items()) + _BUILD
        (work / "build.mjs").write_text(script)
        run("node", str(work / "build.mjs"))
        (work / "out.wasm").replace(made)


def linked(engine: Engine, component: Component) -> Linker:
    """A linker with stand-ins for what a pipeline would answer."""

    def never(*_: Any) -> Any:
        raise AssertionError("nothing is called")

    linker = engine.linker(component)
    for item in component.world.imports:
        if is_wasi(item):
            continue
        if isinstance(item, Function):
            linker.define(None, item, never)
            continue
        for function in item.functions:
            linker.define(item.name, function, never)
    linker.prepare()
    return linker
