"""What tests share: one engine for the whole session, with a cache of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from orchestrator.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose cache is this session's."""
    with Engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


def pytest_configure() -> None:
    """A process that was started in the background by a shell ignores ctrl-C, and so would every command it tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
