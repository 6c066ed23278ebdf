"""What tests share: one engine for the whole session, with a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose cache is this session's."""
    with Engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine
