"""What each node of a linked pipeline may do, before anything runs: as data, as text, and held against a saved plan.

    model.py      the data, and its JSON form
    making.py     from a linked pipeline to its plan
    comparing.py  what widened and what narrowed since a plan was saved
    saved.py      a saved plan, read
    showing.py    the plan and its changes as text

Not for what is refused: `link` has said that before there is a plan. What is named below is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator._lazy import lazily

if TYPE_CHECKING:
    from orchestrator.plan.comparing import Change as Change
    from orchestrator.plan.comparing import compare as compare
    from orchestrator.plan.making import plan_of as plan_of
    from orchestrator.plan.model import Plan as Plan
    from orchestrator.plan.saved import read_saved as read_saved
    from orchestrator.plan.showing import show as show
    from orchestrator.plan.showing import show_changes as show_changes

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "comparing": ["Change", "compare"],
        "making": ["plan_of"],
        "model": ["Plan"],
        "saved": ["read_saved"],
        "showing": ["show", "show_changes"],
    },
)
