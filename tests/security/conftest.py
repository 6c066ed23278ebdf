"""The attacker: a guest in Python that does what a test tells it, with every interface that the host serves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.engine import Engine, Frame, Instance, Stop
from orchestrator.interface.types import Function
from tests.support.hosted import NOTHING, Notes, hosted
from tests.support.reach import SECRET, Reach, reached

COMPONENTS = Path(__file__).resolve().parent.parent / "components"


class Refused(Exception):
    """What the guest's code raised, as the last line of its traceback."""


@dataclass
class Attacker:
    """An instance of it.

    Arguments:
        desk: what was decided.
        printed: what it printed, (stream, bytes) each.
    """

    instance: Instance
    desk: Notes
    printed: list[tuple[str, bytes]]

    def run(self, code: str, *, seconds: float = 30, stop: Stop | None = None) -> Any:
        """Runs the code; what it left in `result`.

        Raises:
            Refused: it raised.
            RunError: the guest ended.
        """
        world = self.instance.linker.component.world
        function = next(item for item in world.exports if isinstance(item, Function))
        frame = Frame(stop, time.monotonic() + seconds, "the test's time is up")
        with self.instance.entered(frame):
            outcome = self.instance.call(None, function, [code])
        if "err" in outcome:
            raise Refused(outcome["err"])
        return json.loads(outcome["ok"])

    def denied(self) -> list[tuple[str, str, str]]:
        """What was refused: operation, subject, rule."""
        return [(what, subject, rule) for what, subject, rule, allowed in self.desk.decisions if not allowed]


@pytest.fixture(scope="session")
def hostile_engine() -> Iterator[Engine]:
    """An engine with the user's cache: the component is built once."""
    with Engine() as engine:
        yield engine


Attack = Callable[..., Attacker]


@pytest.fixture
def attack(hostile_engine: Engine) -> Iterator[Attack]:
    """Makes attackers with an authority: (authority, host_calls=None) -> an attacker, closed with the test."""
    component = hostile_engine.load(COMPONENTS / "attacker")
    with ExitStack() as stack:

        def make(authority: Authority = NOTHING, **settings: Any) -> Attacker:
            desk, printed = Notes(), list[tuple[str, bytes]]()
            made = stack.enter_context(
                hosted(
                    hostile_engine,
                    component,
                    authority,
                    desk,
                    output=lambda stream, data: printed.append((stream, data)),
                    **settings,
                )
            )
            return Attacker(made, desk, printed)

        yield make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to grant, beside a secret."""
    granted = tmp_path / "granted"
    (granted / "in" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text(SECRET)
    (granted / "text").write_text("text")
    (granted / "in" / "deep" / "text").write_text("deep")
    (granted / ".hidden").write_text(SECRET)
    return granted


@pytest.fixture
def reach(folder: Path) -> Iterator[Reach]:
    """A session that may write it."""
    with reached(folder) as made:
        yield made


@pytest.fixture
def reader(folder: Path) -> Iterator[Reach]:
    """A session that may read it."""
    with reached(folder, False, place="grants.storage[2]") as made:
        yield made
