"""Sandboxes: snippets of code that nobody has read, each run from the same clean state, or in a session.

    sandbox.py     Sandbox: what a program uses
    session.py     SandboxSession: snippets that find what those before them defined
    outcome.py     Outcome: what a snippet came to

    _snippets      what both have in common: `run` and `arun`
    _source        the component that is meant, checked as a pipeline's only node is, and linked
    _guests        its instances: made ready, run, taken back
    _pool          who gets which instance when
    _work          something to do with one: its place asked for, used, given back
    _carrier       on which thread a snippet runs, and how it is waited for
    _call, _stay   a snippet that somebody asks for, and its time
    _tools, _forms functions of the program that snippets may call

Not for what a snippet may do: that is its component's. Not for pipelines, in which the same component is a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.sandbox.outcome import Outcome as Outcome
    from orchestrator.sandbox.sandbox import Sandbox as Sandbox
    from orchestrator.sandbox.session import SandboxSession as SandboxSession

__all__, __getattr__, __dir__ = lazily(
    __name__, {"outcome": ["Outcome"], "sandbox": ["Sandbox"], "session": ["SandboxSession"]}
)
