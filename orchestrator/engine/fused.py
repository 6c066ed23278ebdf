"""Components that share a store: fused into one binary, which is loaded as any other; under which names it has what.

The fused binary is put together once; a note in the cache says which one it is, so that what was compiled is found
without reading a part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ComponentError
from orchestrator.interface.types import Function, Interface

if TYPE_CHECKING:
    from orchestrator.engine._fuse import Fused
    from orchestrator.engine.component import Component

_FORMAT = "2"


@dataclass(frozen=True, slots=True)
class Link:
    """An edge that is to be inside.

    Arguments:
        caller, callee: which parts.
        wanted: what the caller imports, as its world has it.
        offered: what answers it, as the callee's world exports it: an interface may have more functions, a function
            another name.
    """

    caller: int
    wanted: Interface | Function
    callee: int
    offered: Interface | Function

    def functions(self) -> Sequence[tuple[Function, Function]]:
        """The functions of the edge, as they are wanted and as they are offered."""
        if isinstance(self.wanted, Function) and isinstance(self.offered, Function):
            return ((self.wanted, self.offered),)
        assert isinstance(self.wanted, Interface)
        assert isinstance(self.offered, Interface)
        offered = {function.name: function for function in self.offered.functions}
        return [(function, offered[function.name]) for function in self.wanted.functions]


@dataclass(frozen=True, slots=True)
class FusedComponent:
    """Components in one, loaded.

    Arguments:
        component: the whole.
        imports, exports: what a part's imports and exports are called there: (part, the item's name) -> name.
        counters: where calls are counted: (link, the function's name as it is wanted) -> the memory and the offset of a
            number of 64 bits, as `Instance.count` takes them.
    """

    component: Component
    imports: Mapping[tuple[int, str], str]
    exports: Mapping[tuple[int, str], str]
    counters: Mapping[tuple[int, str], tuple[int, int]]

    def imported(self, part: int, item: Interface | Function) -> Interface | Function:
        """What a part imports, as the whole does."""
        return _named(self.component.world.imports, self.imports[part, str(item.name)])

    def exported(self, part: int, item: Interface | Function) -> Interface | Function:
        """What a part exports, as the whole does."""
        return _named(self.component.world.exports, self.exports[part, str(item.name)])


def _named(items: Sequence[Interface | Function], name: str) -> Interface | Function:
    return next(item for item in items if str(item.name) == name)


def key_of(parts: Sequence[Component], links: Sequence[Link]) -> str:
    """What a fused binary depends on, as a name for the note about it."""
    joined = [(link.caller, str(link.wanted.name), link.callee, str(link.offered.name)) for link in links]
    text = json.dumps([_FORMAT, [part.digest for part in parts], joined])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def to_note(fused: Fused) -> dict[str, Any]:
    """What the cache keeps of a fused binary."""
    maps = {"imports": fused.imports, "exports": fused.exports, "counters": fused.counters}
    rows = {name: [[*key, value] for key, value in found.items()] for name, found in maps.items()}
    return {"digest": hashlib.sha256(fused.binary).hexdigest(), "size": len(fused.binary), **rows}


def from_note(component: Component, note: Mapping[str, Any]) -> FusedComponent:
    """The loaded component with what the note says of it.

    Raises:
        ComponentError: the note is damaged.
    """
    try:
        imports, exports = ({(int(n), str(name)): str(v) for n, name, v in note[key]} for key in ("imports", "exports"))
        counters = {(int(n), str(name)): (int(memory), int(at)) for n, name, (memory, at) in note["counters"]}
        return FusedComponent(component, imports, exports, counters)
    except (KeyError, TypeError, ValueError) as problem:
        raise ComponentError(f"what the cache keeps of {component.name} is damaged: {problem}") from None
