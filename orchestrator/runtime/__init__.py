"""Carries out a linked pipeline: instances and their lifetimes, calls over edges, values along edges, control, limits.

    program.py     a linked pipeline, ready to run: a linker for each store, what outlives a run
    run.py         one run: its time, spans, counters, instances
    schedule.py    the order of nodes, independent ones at once
    steps.py       what is the same in every execution of a node
    node.py        one node: `each`, `retry`, `repeat`, `fallback`
    binding.py     its arguments, across the edges that carry them
    once.py        one execution of it
    states.py      how nodes ended, and the values that references to them stand for
    crossing.py    one call over an edge: rules, deadline, event
    gates.py       call edges between components, as the engine asks them
    tools.py       `agent:core/tools`
    stores.py      which nodes share a store, and what is called how there
    homes.py       the instances of a store
    pool.py        fresh instances made ahead
    paths.py       a path into a value
    threads.py     threads with stack enough
    interrupts.py  signals while guests run on the main thread

Everything that could be refused was refused by `link`: what goes wrong here is an `errors.RunError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.runtime.program import Program as Program
    from orchestrator.runtime.run import Outcome as Outcome

__all__, __getattr__, __dir__ = lazily(__name__, {"program": ["Program"], "run": ["Outcome"]})
