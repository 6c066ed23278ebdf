"""Spans sent to an OpenTelemetry collector, from a thread of its own.

A collector that is dead, slow or refuses costs its spans and a line at the end, never a run's time. What to send is
made in `spans`; where to send it is read from the environment in `environment`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.audit._hush import Hush
from orchestrator.audit.spans import MOMENTS, SpanMaker
from orchestrator.diagnostics import printable
from orchestrator.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

    from orchestrator.audit.events import Event

_BATCH = 512
_TICK = 1.0
"""Seconds between two batches that nobody asked for, and between two looks for a collector that is not there."""
_KNOCK = 1.0
"""Seconds to wait for a connection before a collector counts as not there."""


class Otlp:
    """Makes spans of events and sends them.

    While nobody listens at `address`, spans wait, the newest `room` of them. A batch that the collector refuses, or
    does not take within OTEL_EXPORTER_OTLP_TIMEOUT, is lost. `close` says how many spans did not arrive, and why.

    Arguments:
        make: makes the OpenTelemetry exporter; called in the thread that sends, with the first batch.
        where: the collector's address as people know it, for messages.
        address: host and port to look for before a batch is sent; None where only `make` knows the way (a proxy).
        room: how many events, and how many spans, wait at most.
    """

    def __init__(
        self, make: Callable[[], SpanExporter], where: str, address: tuple[str, int] | None = None, room: int = 16_384
    ) -> None:
        self._make, self._where, self._address, self._room = make, where, address, room
        self._events: deque[Event] = deque()
        self._spans: deque[ReadableSpan] = deque()
        self._lost = 0
        self._reason = ""
        self._maker: SpanMaker | None = None
        self._sender: SpanExporter | None = None
        self._thread: threading.Thread | None = None
        self._state = threading.Condition()
        self._asked = self._answered = 0
        self._sending_since = 0.0
        self._closed = False
        self._hush = Hush()

    def export(self, events: Sequence[Event]) -> None:
        """Takes a batch; what finds no room is lost and counted."""
        with self._state:
            free = 0 if self._closed else self._room - len(self._events)
            self._events.extend(events[:free])
            if len(events) > free:
                self._lose(_count(events[free:]), "it takes spans more slowly than they are made")
            self._start()

    def flush(self, timeout: float) -> bool:
        """Sends everything now; whether all of it, and all before, has arrived.

        Returns at once when the collector has already kept a batch waiting for longer than `timeout` seconds.
        """
        with self._state:
            if self._thread is None:
                return not self._lost
            self._asked += 1
            ticket = self._asked
            self._state.notify_all()
            self._state.wait_for(lambda: self._answered >= ticket, self._patience(timeout))
            return self._answered >= ticket and not self._lost and not self._spans

    def close(self, timeout: float) -> list[str]:
        """Sends what is left, in at most `timeout` seconds, and says what did not arrive."""
        deadline = time.monotonic() + timeout
        self.flush(timeout)
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._end(deadline)
        lost = self._lost + _count(self._events) + len(self._spans)
        if not lost:
            return []
        return [
            printable(f"{counted(lost, 'span')} did not reach {self._where}: {self._reason or 'no answer in time'}")
        ]

    def _end(self, deadline: float) -> None:
        """Ends the thread; one that waits for an answer is left behind, to end with the process."""
        if self._sending_since:
            self._reason = self._reason or "no answer in time"
            self._shut()
        if self._thread is not None:
            self._thread.join(max(0.1, deadline - time.monotonic()))

    def _patience(self, timeout: float) -> float:
        waited = time.monotonic() - self._sending_since if self._sending_since else 0.0
        return 0.0 if waited > timeout else timeout

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._serve, name="orchestrator-otlp", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        with self._hush.this_thread(), _uninstrumented():
            while not self._closed:
                asked = self._asked
                self._make_spans()
                self._send_all()
                with self._state:
                    self._answered = asked
                    self._state.notify_all()
                    self._state.wait_for(self._called, _TICK)
            self._shut()

    def _called(self) -> bool:
        return self._closed or self._asked > self._answered or len(self._events) >= _BATCH

    def _make_spans(self) -> None:
        with self._state:
            events = list(self._events)
            self._events.clear()
        for event in events:
            try:
                if self._maker is None:
                    self._maker = SpanMaker()
                    self._hush.loggers()
                self._spans.extend(self._maker.spans((event,)))
            except Exception as error:
                self._lose(1, f"{type(error).__name__}: {error}")
        while len(self._spans) > self._room:
            self._spans.popleft()
            self._lose(1, "it takes spans more slowly than they are made")

    def _send_all(self) -> None:
        while self._spans and not self._closed:
            self._sending_since = time.monotonic()
            batch = list(islice(self._spans, _BATCH))
            try:
                self._knock()
                delivered = self._send(batch)
            except OSError as error:
                # Nobody is there: the spans wait for the next look.
                self._reason = _why(error)
                return
            finally:
                self._sending_since = 0.0
            for _ in batch:
                self._spans.popleft()
            if not delivered:
                self._lose(len(batch), self._hush.first)

    def _knock(self) -> None:
        """Looks whether somebody listens, since OpenTelemetry's exporters keep trying for seconds where nobody does."""
        if self._address is not None:
            socket.create_connection(self._address, _KNOCK).close()

    def _send(self, batch: list[ReadableSpan]) -> bool:
        from opentelemetry.sdk.trace.export import SpanExportResult

        try:
            if self._sender is None:
                self._sender = self._make()
                self._hush.loggers()
            return self._sender.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:
            self._reason = self._reason or f"{type(error).__name__}: {error}"
            return False

    def _lose(self, count: int, reason: str) -> None:
        self._lost += count
        self._reason = self._reason or reason

    def _shut(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.shutdown()


@contextmanager
def _uninstrumented() -> Iterator[None]:
    """Keeps instrumentation that the process may have from tracing the sending of traces."""
    from opentelemetry import context

    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        context.detach(token)


def _count(events: Iterable[Event]) -> int:
    """How many spans the events make."""
    return sum(event.kind != "start" and event.kind not in MOMENTS for event in events)


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "nobody answers there"
    return (error.strerror or str(error)).lower()
