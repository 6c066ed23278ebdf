"""What a command costs before it does anything, as multiples of `python -c pass`.

Each round runs every command once, one after the other, so that a machine that is busy for a while is busy for all of
them; the figures are ratios of medians. The pipeline is the smallest that runs: one component.
Compiled modules and the component are in their caches before the first round.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15

COMPONENT = """
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
  (core instance $i (instantiate $m))
  (func $double (param "value" u32) (result u32) (canon lift (core func $i "double")))
  (instance $numbers (export "double" (func $double)))
  (export "demo:numbers/numbers" (instance $numbers)))
"""

PIPELINE = """
pipeline: small
inputs:
  value: u32
outputs:
  result: doubler
nodes:
  doubler:
    component: doubler.wasm
    run: demo:numbers/numbers.double
edges:
  - data: inputs.value -> doubler.value
"""


def run() -> dict[str, object]:
    """The medians in milliseconds, and `help_ratio`, `validate_ratio`, `run_ratio`."""
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        environment = {**os.environ, "ORCHESTRATOR_CACHE": str(Path(folder, "cache"))}
        # Where it is set, every start compiles every module: that is not what a user has.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            _seconds(command, environment)
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(_seconds(command, environment))
    medians = {name: statistics.median(each) for name, each in times.items()}
    figures: dict[str, object] = {f"{name}_ratio": round(medians[name] / medians["pass"], 2) for name in medians}
    del figures["pass_ratio"]
    return figures | {f"{name}_ms": round(seconds * 1e3, 2) for name, seconds in medians.items()}


def _commands(folder: Path) -> dict[str, list[str]]:
    from wasmtime import wat2wasm

    (folder / "doubler.wasm").write_bytes(wat2wasm(COMPONENT))
    pipeline = folder / "small.yaml"
    pipeline.write_text(PIPELINE)
    command = str(Path(sys.executable).with_name("orchestrator"))
    return {
        "pass": [sys.executable, "-c", "pass"],
        "help": [command, "--help"],
        "validate": [command, "validate", str(pipeline)],
        "run": [command, "run", str(pipeline), "--input", "value=21", "--quiet"],
    }


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return seconds
