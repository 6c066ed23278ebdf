"""Carries out a linked pipeline: instances and their lifetimes, calls over edges, values along edges, control, limits.

    program.py     a linked pipeline, ready to run: a linker for each node, what outlives a run
    run.py         one run: its time, spans, counters, instances
    schedule.py    the order of nodes, independent ones at once
    node.py        one node: its arguments, `each`, `retry`, `repeat`, `fallback`
    states.py      how nodes ended, and the values that references to them stand for
    crossing.py    one call over an edge: rules, deadline, event
    gates.py       call edges between components, as the engine asks them
    tools.py       `agent:core/tools`
    homes.py       the instances of a node
    pool.py        fresh instances made ahead
    paths.py       a path into a value
    threads.py     threads with stack enough

Everything that could be refused was refused by `link`: what goes wrong here is an `errors.RunError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.runtime.program import Program as Program
    from orchestrator.runtime.run import Outcome as Outcome

__all__, __getattr__, __dir__ = lazily(__name__, {"program": ["Program"], "run": ["Outcome"]})
