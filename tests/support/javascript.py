"""Guests in JavaScript, built by componentize-js where node and npm are; kept in the user's cache.

Most tests need one alone, which runs the code that it is handed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator import resources
from orchestrator.capability import Authority
from orchestrator.engine import Component, Engine, Frame
from orchestrator.engine.settings import Output
from orchestrator.interface.types import Function
from tests.support.hosted import Notes, hosted

BUILDER = "@bytecodealliance/componentize-js@0.23.0"
_BUILD = """
import { componentize } from "@bytecodealliance/componentize-js";
import { writeFile } from "node:fs/promises";
const { component } = await componentize(SOURCE, { witPath: WIT, worldName: WORLD, disableFeatures: OFF });
await writeFile(OUT, component);
"""
_RUNS_CODE_WIT = """package test:javascript@0.1.0;
world guest { export run: func(code: string) -> result<string, string>; }
"""
_RUNS_CODE = """
const AsyncFunction = Object.getPrototypeOf(async function () {}).constructor;
export async function run(code) {
  try { return JSON.stringify((await new AsyncFunction(code)()) ?? null); }
  catch (error) { throw `${error}`; }
}
"""


@dataclass(frozen=True)
class Scripts:
    """Runs code in JavaScript, each in a fresh instance.

    Arguments:
        component: the guest that runs what it is handed.
    """

    engine: Engine
    component: Component

    @classmethod
    def build(cls, engine: Engine) -> Scripts:
        """The guest, built once and kept in the user's cache."""
        return cls(engine, javascript(engine, _RUNS_CODE, _RUNS_CODE_WIT, "guest"))

    def run(
        self,
        code: str,
        authority: Authority,
        *,
        seconds: float = 60,
        desk: Notes | None = None,
        output: Output | None = None,
    ) -> Any:
        """What the code returns, by way of JSON; the code stands in an async function."""
        function = next(item for item in self.component.world.exports if isinstance(item, Function))
        with (
            hosted(self.engine, self.component, authority, desk, output=output) as made,
            made.entered(Frame(deadline=time.monotonic() + seconds)),
        ):
            outcome = made.call(None, function, [code])
        assert "ok" in outcome, outcome
        return json.loads(outcome["ok"])


def javascript(
    engine: Engine, source: str, wit: str, world: str, packages: tuple[str, ...] = (), off: str = ""
) -> Component:
    """A component of JavaScript source; skips the test, saying so, where it cannot be built.

    Arguments:
        wit: the text of its package.
        packages: folders of the WIT that ships which that uses.
        off: features of the builder that are turned off, divided by spaces.
    """
    folder = engine.cache.folder / "javascript"
    key = hashlib.sha256(json.dumps([BUILDER, source, wit, world, packages, off]).encode()).hexdigest()[:16]
    made = folder / f"{key}.wasm"
    if not made.is_file():
        if not shutil.which("node") or not shutil.which("npm"):
            pytest.skip("node and npm are not here: no guest in JavaScript is tried")
        folder.mkdir(parents=True, exist_ok=True)
        _build(folder, made, source, wit, world, packages, off)
    return engine.load(made, "javascript")


def _build(folder: Path, made: Path, source: str, wit: str, world: str, packages: tuple[str, ...], off: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent", BUILDER], cwd=work, check=True, timeout=280
        )
        (work / "wit").mkdir()
        (work / "wit" / "world.wit").write_text(wit)
        for package in packages:
            shutil.copytree(resources.wit() / package, work / "wit" / "deps" / package)
        names = {"SOURCE": source, "WIT": str(work / "wit"), "WORLD": world, "OUT": str(work / "out.wasm")}
        lines = [f"const {key} = {json.dumps(value)};\n" for key, value in names.items()]
        lines.append(f"const OFF = {json.dumps(off.split())};\n")
        (work / "build.mjs").write_text("".join(lines) + _BUILD)
        subprocess.run(["node", "build.mjs"], cwd=work, check=True, capture_output=True, timeout=280)
        (work / "out.wasm").replace(made)
