"""A node with what a test grants it, read from YAML."""

from __future__ import annotations

from pathlib import Path

from orchestrator import manifest
from orchestrator.manifest.model import Node


def granted(keys: str) -> Node:
    """The node whose YAML has those keys beside its component: `grants: {…}, limits: {…}`.

    Raises `InvalidPipeline`.
    """
    return manifest.read(f"pipeline: p\nnodes: {{a: {{component: a.wasm, {keys}}}}}\n", "p.yaml", Path()).nodes[0]


def faults(keys: str) -> list[str]:
    """What is said of such a node that is written wrong, in a line each."""
    reading = manifest.check(f"pipeline: p\nnodes: {{a: {{component: a.wasm, {keys}}}}}\n", "p.yaml", Path())
    return [f"{found.code}: {found.message}" for found in reading.diagnostics]
