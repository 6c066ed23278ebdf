"""Log records of OpenTelemetry's exporters, kept from the log when they come from our own sending thread."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOISY = ("opentelemetry", "urllib3")


class Hush(logging.Filter):
    """Drops what is logged in one thread by OpenTelemetry's exporters and what they use, and keeps the first message.

    Other threads' records pass: a program may use OpenTelemetry for itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = "refused"
        """The first warning or error that was dropped."""
        self._thread = 0
        self._said = False
        self._on: list[logging.Logger] = []

    @contextmanager
    def this_thread(self) -> Iterator[None]:
        """Drops the calling thread's records until the end of the block."""
        self._thread = threading.get_ident()
        self.loggers()
        try:
            yield
        finally:
            for logger in self._on:
                logger.removeFilter(self)

    def loggers(self) -> None:
        """Listens to every logger there is by now; a filter sees only its own logger's records."""
        for name in list(logging.root.manager.loggerDict):
            if name.split(".")[0] in _NOISY:
                logger = logging.getLogger(name)
                logger.addFilter(self)
                self._on.append(logger)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        if record.thread != self._thread:
            return True
        if not self._said and record.levelno >= logging.WARNING:
            self._said = True
            self.first = record.getMessage()
        return False
