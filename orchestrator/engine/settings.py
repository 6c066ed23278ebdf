"""What an instance is given when it is made: its limits, and its side of the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.interface.allowance import MOST

if TYPE_CHECKING:
    from orchestrator.engine.host import Host
    from orchestrator.engine.instance import Instance
    from orchestrator.engine.purse import Purse

Output = Callable[[str, bytes], None]
"""Takes what a guest printed: ("stdout" or "stderr", the bytes). Called on the guest's thread."""

DEFAULT_MEMORY = 1 << 30
"""Bytes of all memories of an instance together, where no limit is given."""
TABLE_ELEMENTS = 1 << 20
"""Elements of all tables of an instance together: 8 bytes each on the host."""
HANDLES = 100_000
"""Handles that one guest may hold at a time: a guest that never drops them must not fill the host."""

_LEAST_MEMORY, _BYTES = 64 << 20, 16
"""Bytes of memory that are counted even of a guest that may have less; and for how many of them there is an object."""


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """What one instance is given.

    Arguments:
        memory: bytes of all its linear memories together.
        table_elements: elements of all its tables together.
        fuel: what it may execute, its start functions included, until it is given more: an instruction takes one, a few
            take none. None for no bound; else the component has to be a metered one (`Engine.variant`).
        handles: resources of others, the host's among them, that it may hold at a time.
        host_calls: how often it may call what the host serves; None for no bound.
        purse: what pays for fuel and calls of the host, also for other instances; None where it has those for itself.
        host: its side of the host, given to every function that the host serves it; None where it is served none.
        output: takes what it prints.
        starved: told of the instance, before it is left, that it was refused memory in that stay, and goes on.
        quotes: whether an error quotes what the guest printed about its end.
        ahead: whether it is made before there is anybody to call it: a start function that calls what the host serves
            ends it, since nobody could be told.
    """

    memory: int = DEFAULT_MEMORY
    table_elements: int = TABLE_ELEMENTS
    fuel: int | None = None
    handles: int = HANDLES
    host_calls: int | None = None
    purse: Purse | None = None
    host: Host | None = None
    output: Output | None = None
    starved: Callable[[Instance], None] | None = None
    quotes: bool = True
    ahead: bool = False

    @property
    def objects(self) -> int:
        """How many objects of Python the values of one call of it may become: one for 16 bytes of its memory."""
        return min(max(self.memory, _LEAST_MEMORY) // _BYTES, MOST)

    @property
    def most_calls(self) -> float:
        """How often it may call what the host serves; infinite where nothing bounds that."""
        return math.inf if self.host_calls is None else self.host_calls
