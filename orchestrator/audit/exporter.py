"""What a consumer of events is: anything that takes batches of them off the hot path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.audit.events import Event


class Exporter(Protocol):
    """Takes events in batches, in the order in which they were recorded, from the recorder's own thread.

    An exporter that raises harms nothing but its own output: the recorder counts it and says so when it closes.
    One that is slow holds up the recorder's thread, not a run; what does network calls has a thread of its own.
    """

    def export(self, events: Sequence[Event]) -> None:
        """Takes a batch. Batches never overlap, and hold events of any number of runs."""

    def flush(self, timeout: float) -> bool:
        """Brings what was taken to where it goes, from any thread, in at most `timeout` seconds.

        Returns:
            Whether everything taken so far has arrived.
        """

    def close(self, timeout: float) -> list[str]:
        """Flushes and lets go of files, threads and connections, in at most `timeout` seconds.

        Returns:
            What went wrong since the exporter was made, a line each, for people to read.
        """
