"""What linked pipelines stand on: an engine and a recorder, closed with the last that uses them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.audit import Recorder
    from orchestrator.engine import Engine


class Base:
    """What a linked pipeline and those that `relink` gives stand on: an engine and a recorder.

    Those that were not given are made here, and closed with the last user.
    """

    def __init__(self, engine: Engine | None, recorder: Recorder | None) -> None:
        from orchestrator.audit import Recorder, exporters_from_environment
        from orchestrator.engine import Engine

        self._made_engine, self._made_recorder = engine is None, recorder is None
        self.engine = engine if engine is not None else Engine()
        self.recorder = recorder if recorder is not None else Recorder(exporters_from_environment())
        self._users = 1
        self._lock = threading.Lock()

    def shared(self) -> Base:
        """This, for one more user."""
        with self._lock:
            self._users += 1
        return self

    def close(self) -> tuple[str, ...]:
        """One user less; what went wrong with exporters, a line each."""
        with self._lock:
            self._users -= 1
            if self._users:
                return ()
        problems = self.recorder.close() if self._made_recorder else ()
        if self._made_engine:
            self.engine.close()
        return problems
