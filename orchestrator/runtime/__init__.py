"""Carries out a linked pipeline: instances and their lifetimes, calls over edges, values along edges, control, limits.

    program.py     a linked pipeline, ready to run: a linker for each store, what outlives a run
    run.py         one run: its time, counters, instances
    trail.py       what is told of a run, and of a stay in a guest
    visit.py       a stay of a run in a node
    schedule.py    the order of nodes, independent ones at once
    steps.py       what is the same in every execution of a node
    node.py        one node: `each`, `retry`, `repeat`, `fallback`
    binding.py     its arguments, across the edges that carry them
    once.py        one execution of it
    states.py      how nodes ended, and the values that references to them stand for
    crossing.py    one call over an edge: rules, deadline, event
    gates.py       call edges between components, as the engine asks them
    tools.py       `agent:core/tools`
    judging.py     detectors on edges
    labels.py      labels that only a run brings
    stores.py      which nodes share a store, and what is called how there
    homes.py       where the instances of a store come from
    rooms.py       those that serve one run
    pool.py        fresh instances made ahead
    ready.py       the state in which instances are ready
    clean.py       instances that are taken back to it, and states by name
    reverting.py   taking an instance back in a run, and what is told of one that ends
    quarantine.py  dirty states, kept to be looked at
    hosting.py     what the host gives to instances
    desk.py        what the host decided, as events
    output.py      what guests print
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
