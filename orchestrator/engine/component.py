"""A component that was loaded: what it is, what it asks for and offers, and (inside the engine) its machine code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.interface.types import World
from orchestrator.manifest.model import ComponentManifest


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
    """

    name: str
    digest: str
    size: int
    origin: Path | None
    world: World
    manifest: ComponentManifest | None = None
    code: Any = field(default=None, compare=False, repr=False)
    """The engine's own; no other room touches it."""
