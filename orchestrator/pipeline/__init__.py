"""The facade: pipelines loaded from YAML or built in Python, linked, run, changed, and shown.

    with Engine() as engine, Pipeline.load("pipelines/docs-answer.yaml").link(engine) as linked:
        result = linked.run(question="What is a contract?")

    building.py     Pipeline: what can be changed
    arguments.py    what a program gives, checked where it is given
    operating.py    what it gives as the one who runs the pipeline: secrets, addresses, ceilings
    files.py        which file a path means
    linking.py      the manifest and its components, linked
    reasons.py      what is wrong with the text and with the links, as one report
    linked.py       LinkedPipeline: what can be run
    base.py         the engine and the recorder it stands on
    execution.py    Execution: a run in the background
    result.py       Result: what a run gave

Everything it does, a room below does; this room only puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.pipeline.building import Pipeline as Pipeline
    from orchestrator.pipeline.execution import Execution as Execution
    from orchestrator.pipeline.linked import LinkedPipeline as LinkedPipeline
    from orchestrator.pipeline.result import Result as Result

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {"building": ["Pipeline"], "execution": ["Execution"], "linked": ["LinkedPipeline"], "result": ["Result"]},
)
