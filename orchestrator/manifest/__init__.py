"""YAML text -> a pipeline as frozen data, every value with its place; and back.

    model.py             the data: Manifest, Node, the edges, Contract, Where
    reader.py            check, read, read_file, read_component, read_ceiling
    pipeline_keys.py     every key of the language, once     component_keys.py    every key of component.yaml
    node_keys.py, grant_keys.py, edge_keys.py                those of nodes, of grants and limits, of edges
    ceiling_keys.py                                          those of a ceiling and of a component's claims
    shapes.py            the forms a value can have          pipeline_build.py    from what was read to the model
    document.py          YAML events -> tree.py              grant_build.py       the same of grants and limits
    scalars.py           numbers, durations, sizes, times
    paths.py             the small texts: `a.b -> c.d`       substitution.py      `${NAME}` and `${inputs.x}`
    report.py, context.py, offsets.py                        what was found wrong, and where
    schemas.py, pages.py                                     the JSON Schema and the reference page, made from the keys
    writer.py            a manifest -> YAML text             codes.py             what each error code means

Not for what the values mean together: no other file is opened, no component loaded, no name looked up. What is named
below is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.manifest.codes import CODES as CODES
    from orchestrator.manifest.pages import ceiling_reference as ceiling_reference
    from orchestrator.manifest.pages import component_reference as component_reference
    from orchestrator.manifest.pages import error_reference as error_reference
    from orchestrator.manifest.pages import reference as reference
    from orchestrator.manifest.reader import Reading as Reading
    from orchestrator.manifest.reader import check as check
    from orchestrator.manifest.reader import check_file as check_file
    from orchestrator.manifest.reader import read as read
    from orchestrator.manifest.reader import read_ceiling as read_ceiling
    from orchestrator.manifest.reader import read_component as read_component
    from orchestrator.manifest.reader import read_file as read_file
    from orchestrator.manifest.schemas import ceiling_schema as ceiling_schema
    from orchestrator.manifest.schemas import component_schema as component_schema
    from orchestrator.manifest.schemas import schema as schema
    from orchestrator.manifest.substitution import fill as fill
    from orchestrator.manifest.substitution import inputs_of as inputs_of
    from orchestrator.manifest.writer import write as write

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "codes": ["CODES"],
        "pages": ["ceiling_reference", "component_reference", "error_reference", "reference"],
        "reader": ["Reading", "check", "check_file", "read", "read_ceiling", "read_component", "read_file"],
        "schemas": ["ceiling_schema", "component_schema", "schema"],
        "substitution": ["fill", "inputs_of"],
        "writer": ["write"],
    },
)
