"""How an instance is taken back while a run goes on, and what is told of one that ends by itself.

Wherever a dirty instance is taken back or ends, its memory is copied first, where the node asks for that. So what a
guest did is there to be looked at whatever its lifetime: an instance that serves one call is dismissed only when the
edge has judged what it gave. Not for whose instance it is: see `rooms`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.engine import Frame
from orchestrator.errors import Cancelled
from orchestrator.runtime.clean import told
from orchestrator.runtime.ready import FAILURES
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine import Instance
    from orchestrator.runtime.clean import Clean


def take_back(instance: Instance, clean: Clean, node: str, rule: str, visit: Visit) -> None:
    """Takes an instance back that this thread has not entered; where that cannot be done, ends it.

    Arguments:
        rule: what has it taken back.
        visit: the stay in which that happened.
    """
    began, frame = time.perf_counter_ns(), Frame(visit.stop, visit.deadline, visit.limit)
    pages, held = -1, None
    try:
        with instance.entered(frame):
            held = visit.run.quarantine.captured(node, instance)
            pages = clean.ready.back(instance)
    except FAILURES:
        instance.close()
    told(visit.run, visit, node, rule, pages, began, held)


def taint(instance: Instance, clean: Clean, node: str, rule: str, visit: Visit, stay: Visit) -> None:
    """Has an instance be taken back as soon as it is left, or now where this thread is not in it.

    Arguments:
        stay: that of the node.
    """
    if not instance.turn.mine():
        take_back(instance, clean, node, rule, visit)
        disown(stay, instance)
    elif not isinstance(instance.left, _Tainted):
        instance.left = _Tainted(instance, clean, node, rule, visit)


class _Tainted:
    """Takes an instance back that is about to be left, after whatever else is done then."""

    def __init__(self, instance: Instance, clean: Clean, node: str, rule: str, visit: Visit) -> None:
        self._instance, self._clean, self._node, self._rule, self._visit = instance, clean, node, rule, visit
        self._before = instance.left

    def __call__(self) -> None:
        instance = self._instance
        instance.left = self._before
        if instance.left is not None:
            instance.left()
        if not instance.gone:  # of one that ended meanwhile that was told
            self._cleanse()

    def _cleanse(self) -> None:
        instance, run, began, pages = self._instance, self._visit.run, time.perf_counter_ns(), -1
        held = run.quarantine.captured(self._node, instance)
        ending, instance.ending = instance.ending, None  # what ends it now is told below
        try:
            pages = self._clean.ready.back(instance)
        except FAILURES:
            pass
        finally:
            instance.ending = ending
            if pages < 0:
                instance.closing = instance.gone = True  # it is closed as soon as it is left
        disown(instance.frame, instance)
        told(run, self._visit, self._node, self._rule, pages, began, held)


def ended(instance: Instance, problem: BaseException) -> None:
    """Tells that an instance ended in a stay of a run, and keeps what its memory holds.

    That all guests of a run end when it is cancelled is nothing that they did: nothing is kept of them then.
    """
    stay = instance.frame
    if not isinstance(stay, Visit):
        return
    began, held = time.perf_counter_ns(), None
    if not isinstance(problem, Cancelled):
        held = stay.run.quarantine.captured(stay.node, instance)
    told(stay.run, stay, stay.node, f"the instance ended: {type(problem).__name__}", -1, began, held)


def dismissed(instance: Instance, frame: Frame | None, heir: Callable[[Instance, Frame | None], None] | None) -> None:
    """Dismisses an instance that served one call; where its edge has yet to judge that, `judged` does it.

    Arguments:
        heir: takes it; None where it ends.
    """
    if isinstance(frame, Visit) and frame.holds:
        frame.held = instance
        return
    found = frame if disown(frame, instance) else None  # what was taken back already is not told of again
    if heir is None:
        instance.close()
    else:
        heir(instance, found)


def disown(frame: Frame | None, instance: Instance) -> bool:
    """Notes that an instance which was made for a stay is nothing that could be taken back any more."""
    if not isinstance(frame, Visit) or frame.own is not instance:
        return False
    frame.own = None
    return True


def judged(visit: Visit) -> None:
    """The edge has judged a call: the instance that was made for it is dismissed."""
    visit.holds = False
    held, visit.held = visit.held, None
    if held is not None:
        held.dismiss(visit)
