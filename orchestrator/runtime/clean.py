"""Instances that are taken back to how they were when they were ready, instead of being ended.

The state `after-init` is that in which an instance is ready (see `ready`). When nobody needs an instance any more it is
taken back to it, and serves the next call or run as a fresh one would, in a fraction of the time. Where a component
cannot be taken back (`Component.way`), or what an instance holds cannot for certain, it is ended, and a fresh one is
made: nothing is lost but speed.

Who is taken back when, `homes` and `crossing` decide.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import printable
from orchestrator.engine import CannotKeep, Frame, take
from orchestrator.errors import OrchestratorError, RunError
from orchestrator.runtime.ready import Ready, reseed_of
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.capability import Authority
    from orchestrator.engine import Contents, Instance, Snapshot
    from orchestrator.link.model import Reverts
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.stores import Store

MOST_IDLE = 16
"""Clean instances of a home that are kept while nobody needs them."""
WARM_UP = 10.0
"""Seconds that a warm-up may take, where its node has no timeout."""
MOST_NAMED = 128
"""States of a node that are kept by name."""
AFTER_INIT = "after-init"
_STEP = "step-"


class Warming(Visit):
    """A stay for the warm-up: what it uses of the host is told of in the run, and it can call over no edge."""

    __slots__ = ()

    def __init__(self, visit: Visit, seconds: float) -> None:
        super().__init__(visit.run, visit.node, visit)
        self.span, self.parent, self.start = visit.span, visit.parent, visit.start
        self.within(seconds, f"the warm-up of `{visit.node}` took longer than {seconds:g} s")
        del self.inner  # an edge that looks for its visit here finds that there is none


class Clean:
    """The clean instances of one home.

    Arguments:
        store: what they are made of.
        rules: of the node that they serve.
        timeout: seconds that a call of the node may take.
        secure: whether its guests are given random numbers that nobody can foretell.
    """

    def __init__(self, store: Store, rules: Reverts, timeout: float | None, *, secure: bool = False) -> None:
        self.rules = rules
        self.ready = _ready(store, rules.warm_up, secure=secure)
        self.named: dict[str, Snapshot] = {}
        """States that were kept beside it, by name; of an instance that outlives runs, and of steps of the last run."""
        self.next: Snapshot | None = None
        """What the next instance begins with, where that is another state."""
        self._seconds = min(WARM_UP, math.inf if timeout is None else timeout)
        self._idle: list[tuple[Authority, Instance]] = []
        self._past: deque[Authority] = deque(maxlen=MOST_IDLE)
        """Those of runs that ended last: what is left of these comes late."""
        self._lock = threading.Lock()
        self._closed = False

    @property
    def after_init(self) -> Snapshot | None:
        """The state of that name, if one is kept: that of the instance which was made last."""
        return self.ready.latest

    def idle(self, authority: Authority) -> Instance | None:
        """A clean instance that nobody needs, of that very authority; whoever takes it dismisses it."""
        with self._lock:
            places = (at for at in range(len(self._idle) - 1, -1, -1) if self._idle[at][0] is authority)
            place = next(places, None)
            return None if place is None else self._idle.pop(place)[1]

    def settle(self, instance: Instance, visit: Visit, authority: Authority, *, heir: bool) -> None:
        """Has a fresh instance be as it is after its init.

        Arguments:
            authority: that it has.
            heir: whether it serves others who have that when it is dismissed.

        Raises:
            RunError: the warm-up failed.
        """
        with instance.entered(Warming(visit, self._seconds)):
            self.ready.settle(instance, authority)
            self._begin(instance)
        if heir:
            instance.heir = partial(self.inherit, authority=authority)

    def _begin(self, instance: Instance) -> None:
        """Puts an instance into the state that the next one is to begin with, if there is such a one."""
        begins = self.next
        if begins is None:
            return
        try:
            self.ready.back(instance, begins)
        except (CannotKeep, OSError) as problem:
            raise RunError(f"the instance cannot be put into the state that it is to begin with: {problem}") from None
        self.next = None

    def names(self) -> tuple[str, ...]:
        """The names of the states that are kept."""
        return (*([AFTER_INIT] if self.after_init is not None else ()), *self.named)

    def state(self, name: str) -> Snapshot:
        """The state of a name.

        Raises:
            OrchestratorError: there is none.
        """
        found = self.after_init if name == AFTER_INIT else self.named.get(name)
        if found is None:
            known = ", ".join(f"`{one}`" for one in self.names()) or "none"
            raise OrchestratorError(f"no state `{printable(name)}` is kept; there are: {known}")
        return found

    def keep(self, instance: Instance, name: str) -> None:
        """Keeps the present state of an entered instance.

        Raises:
            CannotKeep, ClosedError, OSError: see `engine.take`.
            OrchestratorError: too many states are kept, or the name is that of the first.
        """
        self._refuse(name)
        before = next(reversed(self.named.values()), self.after_init)
        self.named[name] = take(instance, before)

    def take_up(self, name: str, state: Snapshot) -> None:
        """Takes up a state that was kept elsewhere.

        Raises:
            OrchestratorError: too many states are kept, or the name is that of the first.
        """
        self._refuse(name)
        self.named[name] = state

    def _refuse(self, name: str) -> None:
        if name == AFTER_INIT:
            raise OrchestratorError(f"`{AFTER_INIT}` is the state that the engine keeps itself: choose another name")
        if name not in self.named and len(self.named) >= MOST_NAMED:
            raise OrchestratorError(f"{MOST_NAMED} states of the node are kept, as many as may be: forget one")

    def step(self, instance: Instance, number: int) -> None:
        """Keeps the state after an execution of the node, the last few of a run; what cannot be kept is left out.

        Arguments:
            number: of the execution in its run, from 1.
        """
        steps = [name for name in self.named if name.startswith(_STEP)]
        for name in steps if number == 1 else steps[: max(0, len(steps) + 1 - self.rules.steps)]:
            del self.named[name]
        with contextlib.suppress(CannotKeep, OSError, OrchestratorError):
            self.keep(instance, f"{_STEP}{number}")

    def inherit(self, instance: Instance, frame: Frame | None, authority: Authority) -> None:
        """Takes an instance that was dismissed: back to its state, for whoever comes next with that authority."""
        began, now = time.perf_counter_ns(), Frame(deadline=time.monotonic())
        try:
            with instance.entered(now):
                now.deadline += self._seconds
                pages = self.ready.back(instance)
        except (CannotKeep, RunError, OSError):
            instance.close()
            return
        except BaseException:
            instance.close()
            raise
        if isinstance(frame, Visit):
            told(frame.run, frame, frame.node, f"revert-after: {self.rules.after}", pages, began)
        with self._lock:
            past = self._closed or any(one is authority for one in self._past)
            kept = not past and len(self._idle) < MOST_IDLE
            if kept:
                self._idle.append((authority, instance))
        if not kept:
            instance.close()

    def forget(self, authority: Authority) -> None:
        """Nobody comes with that authority any more: those that have it end."""
        with self._lock:
            gone = [instance for its, instance in self._idle if its is authority]
            self._idle = [one for one in self._idle if one[0] is not authority]
            self._past.append(authority)
        for instance in gone:
            instance.close()

    def close(self) -> None:
        """Ends those that nobody needs; those that somebody does are ended when they are dismissed."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, instance in idle:
            instance.close()


def told(
    run: Run, visit: Visit | None, node: str, rule: str, pages: int, began: int, contents: Contents | None = None
) -> None:
    """Records that a node was taken back, and keeps what it was taken back from.

    Arguments:
        rule: what had it taken back.
        pages: of its memories that had changed; -1 where a fresh instance takes its place.
        began: when that began, `time.perf_counter_ns()`.
        contents: what its memories held before, to be kept.
    """
    took = time.perf_counter_ns() - began
    run.reverted(visit, node, rule, pages, took, run.quarantine.keep(run, node, rule, contents))


def _ready(store: Store, warm_up: tuple[Any, tuple[Any, ...]] | None, *, secure: bool) -> Ready:
    """What makes the instances of a store ready."""
    node = store.nodes[-1].name
    export, values = warm_up or (None, ())
    calls = [] if export is None else [(store.exported(node, export.interface, export.function), values)]
    reseed = reseed_of(store.component) if secure else None
    return Ready(calls, None if reseed is None else store.exported(node, *reseed))
