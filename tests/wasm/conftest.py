"""What every test of the engine begins with."""

from __future__ import annotations

import pytest

from tests.support import leftovers


@pytest.fixture(autouse=True)
def nothing_counted_that_was_there() -> None:
    """`left_alive` tells what this test leaves, not what others left."""
    leftovers.remember()
