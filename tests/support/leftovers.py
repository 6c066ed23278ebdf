"""What a test leaves alive in the engine, told from what was alive before: guests that an earlier test left blocked."""

from __future__ import annotations

from orchestrator.engine._live import LIVE

_before: set[object] = set()


def remember() -> None:
    """What is alive now is not the coming test's."""
    _before.clear()
    _before.update(LIVE.values())


def left_alive() -> list[object]:
    """Instances that began since and did not end."""
    return [each for each in LIVE.values() if each not in _before]
