"""Guests in JavaScript, built by componentize-js where node and npm are; kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from orchestrator import resources
from orchestrator.engine import Component, Engine

BUILDER = "@bytecodealliance/componentize-js@0.23.0"
_BUILD = """
import { componentize } from "@bytecodealliance/componentize-js";
import { writeFile } from "node:fs/promises";
const { component } = await componentize(SOURCE, { witPath: WIT, worldName: WORLD, disableFeatures: OFF });
await writeFile(OUT, component);
"""


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
