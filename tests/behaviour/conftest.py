"""What the tests of whole pipelines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator import Engine, Sandbox
from orchestrator.engine import Component
from orchestrator.engine._live import LIVE
from tests.support import parts
from tests.support.interpreters import interpreter

MakeSandbox = Callable[..., Sandbox]


@pytest.fixture
def numbers(engine: Engine) -> Component:
    """`parts.NUMBERS`."""
    return engine.from_text(parts.NUMBERS, "numbers")


@pytest.fixture
def texts(engine: Engine) -> Component:
    """`parts.TEXTS`."""
    return engine.from_text(parts.TEXTS, "texts")


@pytest.fixture
def sleeper(engine: Engine) -> Component:
    """`parts.SLEEPER`."""
    return engine.from_text(parts.SLEEPER, "sleeper")


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Every instance that the test makes is gone at its end."""
    before = set(LIVE)
    yield
    assert set(LIVE) - before == set()


@pytest.fixture
def make(engine: Engine, nothing_left: None) -> Iterator[MakeSandbox]:
    """Makes a sandbox of `interpreter(...)`, closed at the end."""
    made = list[Sandbox]()

    def sandbox(*, fresh: bool = False, reseed: bool = False, tools: Any = None, **options: Any) -> Sandbox:
        component = engine.from_text(interpreter(tools=tools is not None, fresh=fresh, reseed=reseed), "letters")
        made.append(Sandbox(component, engine=engine, tools=tools, **options))
        return made[-1]

    yield sandbox
    for each in made:
        each.close()
