"""A manifest, its components and the host -> a linked graph, or every reason why not.

    linker.py            link and check: the one pass           model.py       the linked graph
    nodes.py, items.py   components, exports, what each runs    inputs.py, outputs.py
    calls.py             call edges                             matching.py    which import, which export
    answers.py           every import answered once             carried.py     types that no crossing carries
    data.py, sources.py, paths.py                               data edges and the paths into values
    bindings.py, exclusive.py                                   each parameter one source
    detectors.py         nodes that judge what crosses
    control.py           repeat, fallback                       tools.py       tool edges
    reverts.py           what takes nodes back
    config.py            configuration                          grants.py      grants and limits
    python_nodes.py, annotations.py, signature.py               Python functions as nodes
    fusing.py            nodes that share a store               shape.py       order, cycles, depth, reach
    drawing.py           a pipeline as a graph to draw

Everything that can be refused is refused here, before anything runs. Not for running, and not for text: places come
with the manifest. What is named below is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.link.drawing import draw as draw
    from orchestrator.link.linker import Linking as Linking
    from orchestrator.link.linker import check as check
    from orchestrator.link.linker import link as link

__all__, __getattr__, __dir__ = lazily(__name__, {"drawing": ["draw"], "linker": ["Linking", "check", "link"]})
