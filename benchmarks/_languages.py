"""Guests of each kind, for benchmarks: a small one, one in Python, one in JavaScript, with what their imports need."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks._guests import echo, text
from benchmarks._ways import Missing
from orchestrator.engine import Component, Engine, Linker
from orchestrator.errors import BuildError
from orchestrator.interface.types import Function, Interface
from orchestrator.wasi import is_served, serve

PYTHON = Path(__file__).parent.parent / "components" / "embedder-hashing"
_WIT = "package bench:javascript;\nworld guest { export run: func(code: string) -> string; }\n"
_SOURCE = "export function run(code) { return String((0, eval)(code)); }\n"
_MANIFEST = """
name: bench-javascript
version: 0.1.0
language: javascript
world: bench:javascript/guest
claims: {stdio: none}
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
    from orchestrator.engine.build import build

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wit").mkdir()
        (folder / "wit" / "world.wit").write_text(_WIT)
        (folder / "app.js").write_text(_SOURCE)
        (folder / "component.yaml").write_text(_MANIFEST)
        try:
            component = engine.load(folder, "javascript")
        except BuildError as problem:
            raise Missing(f"no JavaScript guest: {problem}") from None
        assert component.manifest is not None
        return component, build(component.manifest, engine.cache.builds).read_bytes()


_KINDS = {"small": _small, "python": _python, "javascript": _javascript}
KINDS = tuple(_KINDS)


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
