"""The JSON Schema of a pipeline, of a component.yaml and of a ceiling, for editors, made from the keys.

It takes every document that the reader takes. What needs two places at once (that an edge's node exists) it cannot say.
"""

from __future__ import annotations

from typing import Any

from orchestrator.manifest.container_shapes import Object
from orchestrator.manifest.shapes import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a pipeline."""
    from orchestrator.manifest.pipeline_keys import PIPELINE

    return _whole(PIPELINE)


def component_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a component.yaml."""
    from orchestrator.manifest.component_keys import COMPONENT

    return _whole(COMPONENT)


def ceiling_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a ceiling."""
    from orchestrator.manifest.ceiling_keys import CEILING

    return _whole(CEILING)


def _whole(shape: Object) -> Schema:
    return {"$schema": DIALECT, "title": shape.title} | shape.schema()
