"""The instances that serve one run: which of them a call goes to, and what is left of what they may use.

Where they come from, and those that outlive a run: see `homes`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.capability import Authority, prepare
from orchestrator.engine.purse import Purse
from orchestrator.engine.turn import Turn
from orchestrator.errors import ClosedError, RunError, Trapped
from orchestrator.runtime.clean import Clean, told
from orchestrator.runtime.desk import DESK
from orchestrator.runtime.reverting import disown, taint, take_back
from orchestrator.runtime.trail import RUN_SPAN
from orchestrator.runtime.visit import Visit
from orchestrator.wasi import Account, Session

if TYPE_CHECKING:
    from orchestrator.engine import Instance
    from orchestrator.runtime.homes import Home
    from orchestrator.runtime.program import Program
    from orchestrator.runtime.run import Run


def _check_folders(authority: Authority, visit: Visit) -> None:
    """Refuses folders that are others than when the run was let in, where that was looked at."""
    settled = visit.run.folders.get(visit.node)
    if settled is None:
        return
    for preopen in authority.preopens:
        if preopen.host not in settled:
            why = "a symbolic link was changed since the run began"
            DESK.decided(visit, "storage grant", preopen.guest, f"{preopen.place}: {why}", False)
            message = f"the folder granted at `{preopen.guest}` leads elsewhere: {preopen.host}: {why}"
            raise RunError(message, node=visit.node)


class Taint(NamedTuple):
    """That a node was taken back for what it did: how often by now; in which instance, and by what rule, the last time.

    So that every instance of an element of `each` is replaced when another one's deeds were those too many.
    """

    times: int = 0
    instance: Instance | None = None
    rule: str = ""


class Rooms:
    """The instances that serve one run.

    Arguments:
        program: what is run.
        inputs: of the run.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Any]) -> None:
        self._program, self._inputs = program, inputs  # not the run itself: it would be freed by the collector only
        self.instances: dict[Home, Instance] = {}
        """Those that serve the whole run; one that is gone is replaced by `instance`."""
        self._authorities: dict[Home, Authority] = {}
        self._purses: dict[Home, Purse] = {}
        self._accounts: dict[Home, Account] = {}
        self._making: dict[Home, Turn] = {}
        self._lock = threading.Lock()
        self._all: list[tuple[str, Instance]] = []
        self._steps: dict[str, int] = {}
        self._of = object()
        """Stands for the run where something outlives it."""
        self._closed = False
        self.taints: dict[str, Taint] = {}
        """By node, that it was taken back for what it did."""

    def entered(self, visit: Visit, *, nested: bool = False) -> Instance:
        """The instance that a call of the visit's node runs in, entered; the visit notes a fresh one, to be closed.

        An instance that trapped, or was replaced, while this call waited for it, is no answer: the next one is.

        Arguments:
            nested: the call comes out of an instance that is entered; it is then left by `leave_nested`.
        """
        while True:
            instance = self.instance(visit)
            try:
                self.enter(visit, instance, nested=nested)
            except (Trapped, ClosedError):
                self._refused(visit, instance)
                if visit.fresh or not instance.gone:
                    raise
            except BaseException:
                self._refused(visit, instance)
                raise
            else:
                return instance

    def enter(self, visit: Visit, instance: Instance, *, nested: bool = False) -> None:
        """Enters an instance of the visit's node, which the run pays for from then on."""
        if nested:
            instance.enter_nested(visit)
        else:
            instance.enter(visit)
        home = self._program.homes[visit.node]
        purse = self.purse(home) if home.counted else None
        if purse is None:
            return
        try:
            purse.lend(instance, visit)
        except BaseException:
            if nested:
                instance.leave_nested()
            else:
                instance.leave()
            raise

    def budgeted(self, node: str) -> bool:
        """Whether the node's instances have to be entered by `enter`, each time."""
        home = self._program.homes[node]
        return home.counted and (home.lifetime == "session" or self._program.is_spread(home))

    def purse(self, home: Home) -> Purse | None:
        """What pays in this run for what the instances of a home use; None where nothing bounds that."""
        if not home.counted:
            return None
        with self._lock:
            found = self._purses.get(home)
            if found is None:
                limits, at_once = home.node.limits, self._program.is_spread(home)
                found = self._purses[home] = Purse(limits.fuel, limits.host_calls, at_once=at_once)
            return found

    def account(self, node: str) -> Account:
        """What the instances of a node share in this run."""
        home = self._program.homes[node]
        return self._accounts.get(home) or self._accounts.setdefault(home, Account())

    @staticmethod
    def _refused(visit: Visit, instance: Instance) -> None:
        if visit.fresh:
            visit.own = None
            instance.dismiss()

    def outlives(self, node: str) -> bool:
        """Whether the node's instance serves every run, until it is gone."""
        home = self._program.homes[node]
        return home.lifetime == "session" and home.authority is not None

    def at_hand(self, node: str) -> Instance | None:
        """The instance that serves the node's calls in this run, where nothing has to be made or waited for."""
        home = self._program.homes[node]
        found = self.instances.get(home)
        if found is None and not self._closed:
            found = home.kept()
            if found is not None:
                self.instances[home] = found
        return None if found is None or found.gone else found

    def instance(self, visit: Visit) -> Instance:
        """The instance for a call of the visit's node; the visit notes a fresh one, to be closed after it."""
        found = self.at_hand(visit.node)
        if found is not None:
            return found
        home = self._program.homes[visit.node]
        return self.fresh(visit) if home.lifetime == "call" else self._make(visit, home)

    def fresh(self, visit: Visit) -> Instance:
        """An instance for one call only."""
        visit.fresh = True
        home = self._program.homes[visit.node]
        made = home.fresh(visit, self._authority(home, visit))
        if home.clean is not None:
            visit.own = made
        return made

    def _authority(self, home: Home, visit: Visit) -> Authority:
        """What the node may reach in this run, looked up once."""
        if home.authority is not None:
            return home.authority
        found = self._authorities.get(home)
        if found is None:
            graph, node = self._program.graph, home.node
            folder, bound = graph.manifest.folder, (graph.operator, node.bounds, node.places)
            told = partial(DESK.decided, visit)
            found = prepare(node.grants, self._inputs, folder, node.name, *bound, told)
            _check_folders(found, visit)
            self._authorities[home] = found
        return found

    def _make(self, visit: Visit, home: Home) -> Instance:
        with self._lock:
            turn = self._making.setdefault(home, Turn())
        turn.acquire(visit)
        try:
            before = self.instances.get(home)
            if before is not None and not before.gone:
                return before
            if self._closed:
                raise ClosedError("the run has ended")
            if home.lifetime == "session":
                found = home.session(visit, self._authority(home, visit))
            else:
                found = home.fresh(visit, self._authority(home, visit))
                self._keep(visit.node, found)
            self.instances[home] = found
            return found
        finally:
            turn.release()

    def _keep(self, node: str, instance: Instance) -> None:
        with self._lock:
            self._all.append((node, instance))
            closed = self._closed
        if closed:
            instance.close()

    def step(self, node: str, instance: Instance) -> None:
        """An execution of a node in an entered instance is over: its state is kept, where that is asked for."""
        clean = self._program.homes[node].clean
        if clean is not None and clean.rules.steps:
            with self._lock:
                number = self._steps[node] = self._steps.get(node, 0) + 1
            clean.step(instance, number, self._of)

    def take_back(self, node: str, rule: str, visit: Visit) -> None:
        """Takes the instance that serves a node in this run back to how it was after its init.

        It is not entered by this thread. Where it cannot be taken back it is ended, and the next call has a fresh one.

        Arguments:
            rule: what has it taken back.
            visit: the stay in which that happened.
        """
        clean, instance = self._serving(node, visit)
        if clean is not None and instance is not None:
            take_back(instance, clean, node, rule, visit)
            disown(visit, instance)

    def taint(self, node: str, rule: str, visit: Visit, stay: Visit) -> None:
        """Has the instance that serves a node be taken back as soon as it is left, or now where nobody is in it.

        Arguments:
            stay: that of the node.
        """
        clean, instance = self._serving(node, stay)
        with self._lock:
            self.taints[node] = Taint(self.taints.get(node, Taint()).times + 1, instance, rule)
        if clean is not None and instance is not None:
            taint(instance, clean, node, rule, visit, stay)

    def _serving(self, node: str, stay: Visit) -> tuple[Clean | None, Instance | None]:
        """The instance in which a node is, or was, in a stay; None where nothing is left that could be taken back."""
        home = self._program.homes.get(node)
        if home is None or home.clean is None:
            return None, None
        own = stay.own if stay.node == node else None
        return home.clean, self.at_hand(node) if own is None or own.gone else own

    def replaced(self, instance: Instance, visit: Visit, rule: str) -> None:
        """Tells that a fresh instance takes the place of an element's own, for what others did.

        Arguments:
            rule: what has it taken back.
        """
        clean = self._program.homes[visit.node].clean
        if clean is not None and instance.heir is None and not instance.gone:  # else that is, or was, told elsewhere
            told(visit.run, visit, visit.node, rule, -1, time.perf_counter_ns())

    def close(self, run: Run) -> None:
        """Ends every instance of the run; one in which a guest still runs, when that guest returns.

        What the run began in an instance that outlives it ends too.
        """
        with self._lock:
            self._closed = True
            every, self._all = self._all, []
        for node, instance in every:
            last = Visit(run, node, run.frame)
            last.span = last.parent = RUN_SPAN
            instance.dismiss(last)
        for home, authority in self._authorities.items():
            if home.clean is not None:
                home.clean.forget(authority)
        for home, instance in list(self.instances.items()):
            if home.lifetime == "session" and isinstance(instance.host, Session):
                instance.host.end_run(lambda frame: isinstance(frame, Visit) and frame.run is run)
