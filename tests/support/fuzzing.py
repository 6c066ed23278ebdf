"""How hard fuzzing tries: briefly with the tests, and `FUZZ` times as much with `make fuzz`."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("FUZZ", "1"))


def examples(count: int) -> int:
    """So many examples, or a multiple of them."""
    return count * FACTOR
