"""Guests of each kind, for benchmarks: a small one, one in Python, one in JavaScript, with what their imports need."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._guests import echo, text
from benchmarks._ways import Missing, say
from orchestrator.engine import Component, Engine, Linker
from orchestrator.errors import BuildError
from orchestrator.interface.types import Function, Interface
from orchestrator.wasi import is_served, serve

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


def guest(kind: str, engine: Engine) -> tuple[Component, bytes]:
    """A guest of a kind of `KINDS`, loaded, and its binary; one that takes building is built once, in the user's cache.

    Raises:
        Missing: its builder is not here.
    """
    return _KINDS[kind](engine)


def _small(engine: Engine) -> tuple[Component, bytes]:
    from wasmtime import wat2wasm

    binary = bytes(wat2wasm(echo(text(10))))
    return engine.from_binary(binary, "small"), binary


def _python(engine: Engine) -> tuple[Component, bytes]:
    from orchestrator.engine.build import build

    try:
        component = engine.load(PYTHON)
    except BuildError as problem:
        raise Missing(f"no Python guest: {problem}") from None
    assert component.manifest is not None
    return component, build(component.manifest, engine.cache.builds).read_bytes()


def _javascript(engine: Engine) -> tuple[Component, bytes]:
    """A guest of componentize-js without features, which imports nothing."""
    folder = engine.cache.folder / "benchmarks"
    made = folder / "javascript.wasm"
    try:
        if not made.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _build_javascript(folder, made)
    except (OSError, subprocess.CalledProcessError) as problem:
        said = problem.stderr.decode(errors="replace") if isinstance(problem, subprocess.CalledProcessError) else ""
        raise Missing(f"no JavaScript guest: it needs node, npm and {BUILDER} ({problem}) {said}".rstrip()) from None
    return engine.load(made), made.read_bytes()


_KINDS = {"small": _small, "python": _python, "javascript": _javascript}
KINDS = tuple(_KINDS)


def _build_javascript(folder: Path, made: Path) -> None:
    say(f"building the JavaScript guest with {BUILDER} from npm, once")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)

        def run(*command: str) -> None:
            subprocess.run(command, cwd=work, capture_output=True, check=True)

        run("npm", "install", "--no-audit", "--no-fund", "--silent", BUILDER)
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
        if isinstance(item, Interface) and is_served(item):
            serve(linker, item)
            continue
        if isinstance(item, Function):
            linker.define(None, item, never)
            continue
        for function in item.functions:
            linker.define(item.name, function, never)
    linker.prepare()
    return linker
