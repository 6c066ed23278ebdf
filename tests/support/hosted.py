"""Instances that the host serves WASI, for tests of what it grants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.capability import Authority
from orchestrator.engine import Component, Engine, Frame, Instance, InstanceSettings
from orchestrator.engine.settings import DEFAULT_MEMORY, Output
from orchestrator.interface.types import Interface
from orchestrator.wasi import Account, Session, is_served, serve

NOTHING = Authority()


@dataclass
class Notes:
    """A desk that keeps what it is told."""

    decisions: list[tuple[str, str, str, bool]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    start: int = 0
    parent: str = ""

    def decided(self, frame: Frame | None, operation: str, subject: str, rule: str, allowed: bool) -> None:
        self.decisions.append((operation, subject, rule, allowed))

    def exchanged(
        self, frame: Frame | None, operation: str, subject: str, rule: str, began: int, detail: dict[str, Any]
    ) -> None:
        self.decisions.append((operation, subject, rule, True))
        self.exchanges.append({"operation": operation, "subject": subject, "rule": rule, **detail})

    def traceparent(self, frame: Frame | None) -> str:
        return self.parent

    def account(self, frame: Frame | None) -> Account | None:
        return None

    def began(self, frame: Frame | None) -> int:
        return self.start


@contextmanager
def hosted(
    engine: Engine,
    guest: str | Component,
    authority: Authority = NOTHING,
    desk: Notes | None = None,
    *,
    output: Output | None = None,
    host_calls: int | None = None,
    memory: int = DEFAULT_MEMORY,
    frame: Frame | None = None,
) -> Iterator[Instance]:
    """An instance of a component, given as text or loaded, all of whose imports are of WASI."""
    component = engine.from_text(guest) if isinstance(guest, str) else guest
    assert component.world.refused == ()
    linker = engine.linker(component)
    for item in component.world.imports:
        assert isinstance(item, Interface)
        assert is_served(item)
        serve(linker, item)
    session = Session(authority, desk)
    settings = InstanceSettings(host=session, output=output, host_calls=host_calls, memory=memory)
    made = linker.instantiate(frame or Frame(), settings)
    try:
        yield made
    finally:
        made.close()
        linker.close()
