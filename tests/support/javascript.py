"""Guests in JavaScript, built by the project's own builder where node and npm are; kept in the user's cache.

Most tests need one alone, which runs the code that it is handed.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.engine import Component, Engine, Frame
from orchestrator.engine._javascript_builder import missing
from orchestrator.engine.settings import Output
from orchestrator.interface.types import Function
from tests.support.hosted import Notes, hosted

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


def javascript(engine: Engine, source: str, wit: str, world: str) -> Component:
    """A component of JavaScript source; skips the test, saying so, where it cannot be built.

    Arguments:
        wit: the text of its package.
    """
    if why := missing():
        pytest.skip(f"no guest in JavaScript is tried: {why}")
    package = re.match(r"package ([^@;]+)", wit)
    assert package is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wit").mkdir()
        (folder / "wit" / "world.wit").write_text(wit)
        (folder / "app.js").write_text(source)
        (folder / "component.yaml").write_text(
            f"name: javascript\nversion: 0.1.0\nlanguage: javascript\nworld: {package[1]}/{world}\n"
        )
        return engine.load(folder, "javascript")
