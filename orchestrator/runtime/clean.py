"""Instances that are taken back to how they were when they were ready, instead of being ended.

The state `after-init` is that in which an instance is ready (see `ready`). When nobody needs an instance any more it is
taken back to it, and serves the next call or run as a fresh one would, in a fraction of the time. Where a component
cannot be taken back (`Component.way`), or what an instance holds cannot for certain, it is ended, and a fresh one is
made: nothing is lost but speed.

Who is taken back when, `rooms` and `crossing` decide.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.audit import trace_id
from orchestrator.diagnostics import printable
from orchestrator.engine import CannotKeep, Frame, take
from orchestrator.errors import OrchestratorError, RunError
from orchestrator.runtime.ready import FAILURES, Ready, reseed_of
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.audit import Event
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
_STEP = re.compile(r"step-[1-9][0-9]*")
"""The names of the states after steps."""


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
        self._steps_of: object = None
        """The run that these steps are of."""
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
            try:
                self.ready.settle(instance, authority)
            except RunError as problem:
                problem.causes = (*problem.causes, "in the warm-up of the node, before it was called")
                raise
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
        with self._lock:
            return (*([AFTER_INIT] if self.after_init is not None else ()), *self.named)

    def state(self, name: str) -> Snapshot:
        """The state of a name.

        Raises:
            OrchestratorError: there is none.
        """
        with self._lock:
            found = self.after_init if name == AFTER_INIT else self.named.get(name)
        if found is None:
            known = ", ".join(f"`{one}`" for one in self.names()) or "none"
            raise OrchestratorError(f"no state `{printable(name)}` is kept; there are: {known}")
        return found

    def keep(self, instance: Instance, name: str) -> None:
        """Keeps the present state of an entered instance.

        Raises:
            CannotKeep, ClosedError, OSError: see `engine.take`.
            OrchestratorError: too many states are kept, or the name is one of the engine's own.
        """
        self.take_up(name, take(instance, self._last(name)))

    def take_up(self, name: str, state: Snapshot) -> None:
        """Takes up a state that was kept, here or elsewhere.

        Raises:
            OrchestratorError: too many states are kept, or the name is one of the engine's own.
        """
        with self._lock:
            self._refuse(name)
            self.named[name] = state

    def give_up(self, name: str) -> None:
        """Gives a state up; harmless where there is none of that name."""
        with self._lock:
            self.named.pop(name, None)

    def _last(self, name: str) -> Snapshot | None:
        """What a state that is to have that name shares its pages with: the one that was kept last."""
        with self._lock:
            self._refuse(name)
            return next(reversed(self.named.values()), self.after_init)

    def _refuse(self, name: str) -> None:
        if name == AFTER_INIT or _STEP.fullmatch(name):
            raise OrchestratorError(f"`{name}` is a name of the states that the engine keeps itself: choose another")
        given = sum(not _STEP.fullmatch(one) for one in self.named)  # those of steps have a bound of their own
        if name not in self.named and given >= MOST_NAMED:
            raise OrchestratorError(f"{MOST_NAMED} states of the node are kept, as many as may be: forget one")

    def step(self, instance: Instance, number: int, run: object) -> None:
        """Keeps the state after an execution of the node, the last few of a run; what cannot be kept is left out.

        Where runs go on at once, those of the one are kept that began with it last.

        Arguments:
            number: of the execution in its run, from 1.
            run: stands for the run.
        """
        with self._lock:
            before = next(reversed(self.named.values()), self.after_init)
            if number == 1:
                self._steps_of = run
                self._leave_steps(0)
        try:
            state = take(instance, before)
        except (CannotKeep, OSError):
            return
        with self._lock:
            if self._steps_of is run:
                self._leave_steps(self.rules.steps - 1)
                self.named[f"step-{number}"] = state

    def _leave_steps(self, count: int) -> None:
        """Gives the states after steps up, but for the last ones."""
        steps = [name for name in self.named if _STEP.fullmatch(name)]
        for name in steps[: max(0, len(steps) - count)]:
            del self.named[name]

    def inherit(self, instance: Instance, frame: Frame | None, authority: Authority) -> None:
        """Takes an instance that was dismissed: back to its state, for whoever comes next with that authority."""
        began, now = time.perf_counter_ns(), Frame(deadline=time.monotonic())
        try:
            with instance.entered(now):
                now.deadline += self._seconds
                pages = self.ready.back(instance)
        except FAILURES:
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
            self.named.clear()
        self.ready.close()
        for _, instance in idle:
            instance.close()


def told(
    run: Run,
    visit: Visit | None,
    node: str,
    rule: str,
    pages: int,
    began: int,
    held: Contents | str | None = None,
    to: str = AFTER_INIT,
) -> None:
    """Records that a node was taken back, and keeps what it was taken back from; then as soon as that is written.

    Arguments:
        rule: what had it taken back.
        pages: of its memories that had changed; -1 where a fresh instance takes its place.
        began: when that began, `time.perf_counter_ns()`.
        held: what its memories held before, to be kept; why it cannot be; None where it is not to be.
        to: the state that it was taken back to.
    """
    event = run.reverting(visit, node, rule, pages, time.perf_counter_ns() - began)
    calls = run.quarantine.calls(node)
    if held is None or isinstance(held, str):
        _tell(run, event, {} if held is None else {"not-kept": held})
        return
    from orchestrator.snapshots import About

    component = run.graph.nodes[node].component
    name = component.name if component else ""
    about = About(node, name, run.graph.name, rule, to, trace_id(run.id), calls)
    run.quarantine.keep(held, about, run.frame, partial(_tell, run, event))


def _tell(run: Run, event: Event, kept: Mapping[str, str]) -> None:
    if "not-kept" in kept:
        run.program.unkept(event.node, kept["not-kept"])
    run.record(event._replace(detail={**(event.detail or {}), **kept}))


def _ready(store: Store, warm_up: tuple[Any, tuple[Any, ...]] | None, *, secure: bool) -> Ready:
    """What makes the instances of a store ready."""
    node = store.nodes[-1].name
    export, values = warm_up or (None, ())
    calls = [] if export is None else [(store.exported(node, export.interface, export.function), values)]
    reseed = reseed_of(store.component) if secure else None
    return Ready(calls, None if reseed is None else store.exported(node, *reseed))
