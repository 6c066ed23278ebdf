"""Instances that are taken back to earlier states, as tests of leaks have them."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.capability import Authority
from orchestrator.engine import Component, Engine, Frame, Instance, InstanceSettings, Linker, Snapshot, put, take
from orchestrator.engine.saved import MAGIC, read, restored
from orchestrator.interface.types import Function, Interface
from orchestrator.manifest.model import Bulk
from orchestrator.wasi import Session, is_served, serve
from tests.support.hosted import NOTHING

MEMORY = 64 << 20
"""Bytes that a guest here may have."""


@dataclass(frozen=True)
class Kept:
    """An instance that can be taken back, if any of its component can."""

    instance: Instance

    def call(self, name: str, *values: Any) -> Any:
        """Calls an exported function, in a stay of its own."""
        function, place = self._function(name)
        with self.instance.entered(Frame()):
            return self.instance.call(place, function, list(values))

    def _function(self, name: str) -> tuple[Function, Any]:
        for item in self.instance.linker.component.world.exports:
            if isinstance(item, Function) and item.name == name:
                return item, None
            if isinstance(item, Interface):
                for function in item.functions:
                    if function.name == name:
                        return function, item.name
        raise KeyError(name)

    def take(self, before: Snapshot | None = None) -> Snapshot:
        """Its state."""
        with self.instance.entered(Frame()):
            return take(self.instance, before)

    def put(self, snapshot: Snapshot) -> int:
        """Takes it to a state; the pages that changed."""
        with self.instance.entered(Frame()):
            return put(self.instance, snapshot)

    def memories(self) -> list[bytes]:
        """What its memories hold, without the keeper's."""
        bank, component = self.instance.bank, self.instance.linker.component
        assert bank is not None
        return [bytes(one.view()) for one in (bank.own[:-1] if component.keeper else bank.own)]


@dataclass(frozen=True)
class Keeping:
    """A component, and what makes instances of it.

    Arguments:
        component: as it is compiled, with a keeper where it can have one.
    """

    component: Component
    linker: Linker
    fresh: Callable[[], Kept]


@contextmanager
def keeping(
    engine: Engine,
    guest: str | Component,
    bulk: Bulk = "auto",
    *,
    metered: bool = False,
    authority: Authority = NOTHING,
    host: Callable[[], Any] | None = None,
    answers: Callable[[Linker], None] | None = None,
    memory: int = MEMORY,
    output: Callable[[str, bytes], None] | None = None,
) -> Iterator[Keeping]:
    """Makes instances of a component, which are closed in the end.

    Arguments:
        host: makes the host's side of an instance; a session with the authority by default.
        answers: answers what it imports; the host's WASI by default.
    """
    loaded = engine.from_text(guest) if isinstance(guest, str) else guest
    component = engine.variant(loaded, bulk, metered=metered, kept=True)
    linker, made = engine.linker(component), list[Instance]()
    (answers or _serving)(linker)

    def fresh() -> Kept:
        side = host() if host is not None else Session(authority)
        settings = InstanceSettings(memory=memory, host=side, fuel=10**9 if metered else None, output=output)
        made.append(linker.instantiate(Frame(), settings))
        return Kept(made[-1])

    try:
        yield Keeping(component, linker, fresh)
    finally:
        for instance in made:
            instance.close()
        linker.close()


def _serving(linker: Linker) -> None:
    for item in linker.component.world.imports:
        if isinstance(item, Interface) and is_served(item):
            serve(linker, item)


def component(modules: str, lifted: Sequence[str], of: str = "i", before: str = "") -> str:
    """A component of core modules in WAT whose functions, of numbers of 32 bits, are those of a core instance.

    Arguments:
        lifted: functions that it exports, each with how many parameters it has: `get/0`; all give a number.
        before: what stands before the modules, for what it imports.
    """
    out = []
    for one in lifted:
        name, _, count = one.partition("/")
        params = " ".join(f'(param "p{number}" u32)' for number in range(int(count or 0)))
        out.append(f'(func (export "{name}") {params} (result u32) (canon lift (core func ${of} "{name}")))')
    return f"(component {before} {modules} {' '.join(out)})"


def one_module(body: str, lifted: Sequence[str] = ("set/1", "get/0")) -> str:
    """A component of one core module."""
    return component(f"(core module $m {body}) (core instance $i (instantiate $m))", lifted)


def load(path: Path, component: Component, **more: int) -> Snapshot:
    """The state in a file; arguments as of `saved.restored`."""
    return restored(read(path), component, **more)


def rewritten(path: Path, change: Callable[[dict[str, Any]], None], body: bytes | None = None) -> None:
    """The file with another header, or other pages, and a digest that is right: what somebody hostile would write."""
    data = path.read_bytes()[40:]
    (size,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + size])
    change(header)
    text = json.dumps(header).encode()
    rest = struct.pack("<I", len(text)) + text + (data[4 + size :] if body is None else body)
    path.write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
