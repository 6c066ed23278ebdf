"""A component that was loaded: what it is, what it asks for and offers. Its machine code stays inside the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

from orchestrator.engine._config import STACK
from orchestrator.interface.types import World
from orchestrator.manifest.model import Bulk, ComponentManifest

if TYPE_CHECKING:
    from orchestrator.engine._direct import Direct

_MOST = 1 << 20
"""No count grows beyond this: nested instantiations multiply."""


@dataclass(frozen=True, slots=True)
class Parts:
    """How many linear memories and tables one instance has, its modules and nested components together.

    `instances` counts those modules and components, each as often as it is instantiated.
    """

    memories: int
    tables: int
    instances: int = 1

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            min(_MOST, self.memories + other.memories),
            min(_MOST, self.tables + other.tables),
            min(_MOST, self.instances + other.instances),
        )


Size = tuple[int, int | None]
"""Elements that a table has at first, and at most; None where nothing bounds it."""


NOT_OURS = "on this system the engine does not own the memories of guests"
"""Why nothing is taken back in place where that is so."""


class Variant(NamedTuple):
    """How a component's machine code was made.

    Arguments:
        bulk: which of its functions pass their values through memory that the host owns.
        metered: whether it counts what it executes, so that its instances can have a limit of fuel.
        kept: whether it has a keeper, where it can, so that its instances can be taken back: see `_keep`.
    """

    bulk: Bulk = "auto"
    metered: bool = False
    kept: bool = False


WayName = Literal["proven", "instrumented", "fresh"]


class Way(NamedTuple):
    """How an instance of a component is taken back to an earlier state.

    Arguments:
        name: `proven` where nothing but memories can change, `instrumented` where globals can, which a keeper saves;
            `fresh` where only a fresh instance is certain to be clean.
        reason: why it is `fresh`; empty for the others.
    """

    name: WayName
    reason: str = ""


def way_from(data: Sequence[str]) -> Way:
    """What the cache keeps of one.

    Raises:
        TypeError, ValueError: it is not that.
    """
    name, reason = map(str, data)
    if name not in get_args(WayName):
        raise ValueError(f"there is no way `{name}`")
    return Way(cast("WayName", name), reason)


@dataclass(frozen=True, slots=True)
class Component:
    """A loaded component, immutable.

    Arguments:
        name: how messages call it: a file's or folder's name.
        digest: SHA-256 of the binary, in hexadecimal.
        size: of the binary, bytes.
        origin: the file or folder it came from (None: from bytes or text in memory).
        world: its imports and exports.
        manifest: its `component.yaml`, where it has one.
        parts: what its instances are made of.
        tables: how large each of their tables is.
        shimmed: whether a shim was written around it for that: off Linux, and where nothing needs one, none was.
        direct: how exported functions are called that need none, by `function_key`.
        lanes: which imported functions have lanes, by `function_key`: see `_lay.Laid`.
        way: how an instance is taken back to an earlier state.
        keeper: bytes of its keeper's memory; 0 where it has none.
        stack: bytes of the host's stack that its guest may use.
        variant: how its machine code was made.
    """

    name: str
    digest: str
    size: int
    origin: Path | None
    world: World
    manifest: ComponentManifest | None = None
    parts: Parts = Parts(1, 1)
    tables: tuple[Size, ...] = ()
    shimmed: bool = False
    direct: Mapping[str, Direct] = field(default_factory=dict, hash=False)
    lanes: Mapping[str, int] = field(default_factory=dict, hash=False)
    way: Way = Way("fresh", NOT_OURS)
    keeper: int = 0
    stack: int = STACK
    variant: Variant = Variant()
