"""What the tests of whole pipelines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator import Engine
from orchestrator.engine import Component
from orchestrator.engine._live import LIVE
from tests.support import parts


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
