"""The pipeline's outputs: where each comes from, and its type."""

from __future__ import annotations

from orchestrator.link.draft import Work
from orchestrator.link.model import LinkedOutput
from orchestrator.link.sources import source_type


def link_outputs(work: Work, skippable: frozenset[str]) -> tuple[LinkedOutput, ...]:
    """The outputs whose source is there.

    Arguments:
        skippable: the nodes that a run may leave out; an output from one may be null.
    """
    found: list[LinkedOutput] = []
    names: set[str] = set()
    for output in work.manifest.outputs:
        place = f"output `{output.name}`"
        if output.name in names:
            message = f"there are two outputs `{output.name}`"
            work.report.error("duplicate-name", message, output.where, place, help=("rename one",))
        names.add(output.name)
        type_ = source_type(work, output.source, output.where, place)
        if type_ is not None:
            kind = output.source.kind
            maybe = kind == "error" or (kind == "result" and output.source.name in skippable)
            found.append(LinkedOutput(output.name, output.source, type_, maybe))
    return tuple(found)
