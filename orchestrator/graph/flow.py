"""Labels that spread: each begins at vertices and goes wherever passages lead, with the way that it came.

Vertices, labels and origins are strings. A passage lets every label through but those that it stops. Cycles are no
trouble. Not for what a label means, nor for whether it may be where it came: see `link.flow`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ORIGINS = 2
"""Of how many origins a vertex keeps a label: with two it can be told of each whether there is another one."""


@dataclass(frozen=True, slots=True)
class Seed:
    """Where a label begins.

    Arguments:
        vertex: where it is held.
        label: which.
        origin: what tells this beginning from others; two seeds of one origin count as one wherever they come.
        why: in words, for a person.
        before: what led to it, a line each, where it began in another graph.
    """

    vertex: str
    label: str
    origin: str
    why: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """One way on which whatever is held at the source comes to the target.

    Arguments:
        why: in words, for a person; empty for a step that nobody needs to be told of.
        id: what it belongs to, an edge for example; several passages may have one.
        stops: the labels that do not come through.
    """

    source: str
    target: str
    why: str
    id: str = ""
    stops: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A label at a vertex.

    Arguments:
        seed: where it began.
        over: the passage by which it came here; None where it began.
        before: the label where that passage begins.
    """

    vertex: str
    label: str
    seed: Seed
    over: Passage | None = None
    before: Held | None = field(default=None, repr=False)

    @property
    def way(self) -> tuple[Passage, ...]:
        """The passages from where it began to here, one of the shortest ways."""
        found: list[Passage] = []
        here: Held | None = self
        while here is not None and here.over is not None:
            found.append(here.over)
            here = here.before
        return tuple(reversed(found))

    @property
    def story(self) -> tuple[str, ...]:
        """Where it began and how it came here, a line each."""
        return (*self.seed.before, self.seed.why, *(passage.why for passage in self.way if passage.why))


def spread(seeds: Iterable[Seed], passages: Iterable[Passage]) -> Mapping[str, tuple[Held, ...]]:
    """What each vertex holds when nothing moves any more; a vertex that holds nothing is absent.

    Of each label the nearest beginning comes first, then the nearest of another origin; further ones are left out. It
    takes time in proportion to the passages, for each label.
    """
    onward: dict[str, list[Passage]] = {}
    for passage in passages:
        onward.setdefault(passage.source, []).append(passage)
    found: dict[str, dict[str, list[Held]]] = {}
    began = (Held(seed.vertex, seed.label, seed) for seed in seeds)
    left = deque(held for held in began if _kept(found, held))
    while left:
        here = left.popleft()
        for passage in onward.get(here.vertex, ()):
            if here.label not in passage.stops:
                held = Held(passage.target, here.label, here.seed, passage, here)
                if _kept(found, held):
                    left.append(held)
    return {vertex: tuple(held for its in labels.values() for held in its) for vertex, labels in found.items()}


def _kept(found: dict[str, dict[str, list[Held]]], held: Held) -> bool:
    """Keeps a label where it is new, or of another origin than the one that is there."""
    there = found.setdefault(held.vertex, {}).setdefault(held.label, [])
    if len(there) >= ORIGINS or any(other.seed.origin == held.seed.origin for other in there):
        return False
    there.append(held)
    return True
