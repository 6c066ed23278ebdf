"""Names in types that know where in their text they stand; apart from `syntax`, which reading a type does not need."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.interface.types import Named, Resource


@dataclass(frozen=True, slots=True, eq=False)
class NamedAt(Named):
    """A name for a type, and where it stands."""

    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class ResourceAt(Resource):
    """A name inside `own` or `borrow`, and where it stands."""

    at: int = field(default=0, compare=False)
