"""The instances of nodes: made when first needed, and ended with what they belong to: a call, a run, or the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.capability import Authority, Operator, prepare, prepare_once
from orchestrator.diagnostics import printable
from orchestrator.engine import CannotKeep
from orchestrator.engine.frame import Frame
from orchestrator.engine.purse import Purse
from orchestrator.engine.turn import Turn
from orchestrator.errors import Cancelled, ClosedError, OrchestratorError, RunError, Trapped
from orchestrator.runtime.clean import AFTER_INIT, Clean, told
from orchestrator.runtime.desk import DESK
from orchestrator.runtime.hosting import settings_of
from orchestrator.runtime.labels import Memory
from orchestrator.runtime.output import Printed
from orchestrator.runtime.pool import Pool
from orchestrator.runtime.ready import FAILURES
from orchestrator.runtime.reverting import dismissed, disown, ended, taint, take_back
from orchestrator.runtime.trail import RUN_SPAN
from orchestrator.runtime.visit import Visit
from orchestrator.wasi import Account, Session, is_served

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.engine import Instance, Linker, Snapshot
    from orchestrator.runtime.pool import Filler
    from orchestrator.runtime.program import Program
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.stores import Store


class Home:
    """Where the instances of one store come from.

    Arguments:
        store: of one node, or of several that are fused: what they may do is the same.
        linker: with every import of theirs answered.
        filler: fills its pool, if it comes to have one.
        operator: what whoever runs it says.
    """

    def __init__(self, store: Store, linker: Linker, filler: Filler, operator: Operator) -> None:
        self.store, self.linker = store, linker
        self.node = node = store.nodes[-1]
        self.lifetime, limits = node.lifetime, node.limits
        self.authority = prepare_once(node.grants, node.name, operator, node.bounds, node.places)
        """What the node may reach, where that is the same in every run."""
        self.counted = limits.fuel is not None or limits.host_calls is not None
        """Whether something bounds what its instances use in a run of fuel, or of calls of the host."""
        self.names = [node.name for node in store.nodes]
        # An instance that a run could tell apart, or that uses the terminal before there is a run, is not made ahead.
        alike = self.lifetime != "session" and self.authority is not None and self.authority.stdio != "inherit"
        rules = next((one.reverts for one in store.nodes if one.reverts is not None), None)
        self.clean = (
            None if rules is None else Clean(store, rules, limits.timeout, secure=node.grants.random == "secure")
        )
        """Those of its instances that are taken back, where some are."""
        self._pool = Pool(filler) if alike and rules is None else None
        self._settings = settings_of(limits)
        uses_host = any(map(is_served, store.component.world.imports))
        self._silent = None if uses_host or self.counted else self._settings()
        """What each instance is given that can neither print nor reach anything."""
        self.memory = Memory() if self.lifetime == "session" else None
        """What an instance that outlives runs may remember; no revert takes anything of that away, see `Memory`."""
        self._session: Instance | None = None
        self._authority: Authority | None = None
        self._users = 1
        self._lock = threading.Lock()
        self._making = Turn()
        """Held while a session is made: others wait for it, each no longer than its own run goes on."""
        self._maker: Run | None = None

    def fresh(self, visit: Visit, authority: Authority) -> Instance:
        """An instance that nobody used, or that is as if nobody had; whoever asked dismisses it."""
        if self.clean is not None:
            return self._settled(self.clean, visit, authority)
        pool = self._pool
        ready = None if pool is None else pool.take()
        if ready is not None:
            return ready
        quotes, begun = visit.run.program.hushed.isdisjoint(self.names), time.perf_counter()
        made = self._made(visit, visit.run, authority, quotes)
        if pool is not None:
            ahead = partial(self._made, run=None, authority=authority, quotes=quotes)
            pool.missed(time.perf_counter() - begun, ahead)
            if pool.off:
                self._pool = None
        return made

    def _settled(self, clean: Clean, visit: Visit, authority: Authority) -> Instance:
        """One that is as it was after its init."""
        idle = clean.idle(authority)
        if idle is not None:
            return idle
        made = self._made(visit, visit.run, authority, visit.run.program.hushed.isdisjoint(self.names))
        try:
            # Folders are opened for a run: what has some serves no other one.
            on = clean.rules.after == "call" or (clean.rules.after == "run" and authority is self.authority)
            clean.settle(made, visit, authority, heir=on)
        except BaseException:
            made.close()
            raise
        made.ending = self._ended
        if self.lifetime == "call":
            made.heir = partial(dismissed, heir=made.heir)
        return made

    def _ended(self, instance: Instance, problem: BaseException) -> None:
        """An instance ended by itself: told, where another one takes its place."""
        if self.lifetime == "session" or not isinstance(problem, Cancelled):  # with its run every other one ends
            ended(instance, problem)

    def _made(self, frame: Frame, run: Run | None, authority: Authority, quotes: bool) -> Instance:
        """An instance for a run, or without one for a run that is to come."""
        most = self.node.limits.output
        printed, session = Printed(self.names, run, most), Session(authority, DESK, most)
        purse = None if run is None else run.rooms.purse(self)
        settings = self._silent
        if settings is None:
            settings = self._settings(host=session, output=printed, quotes=quotes, ahead=run is None, purse=purse)
        made = self.linker.instantiate(frame, settings)
        printed.instance = made
        self.store.watch(made)
        return made

    def kept(self) -> Instance | None:
        """The instance that outlives runs, where it can be told at once that it serves this one too."""
        kept = self._session
        return kept if kept is not None and not kept.gone and self.authority is not None else None

    def session(self, visit: Visit, authority: Authority) -> Instance:
        """The instance that outlives runs; a new one when it trapped, or when its grants mean other folders.

        Raises:
            ClosedError: nothing uses this home any more.
        """
        turn = self._making
        turn.acquire(visit)
        try:
            kept = self._kept(visit.run, authority)
            return self._keep(self.fresh(visit, authority), authority, turn) if kept is None else kept
        finally:
            turn.release()

    def _kept(self, run: Run, authority: Authority) -> Instance | None:
        with self._lock:
            if not self._users:
                raise ClosedError("the linked pipeline was closed")
            kept = self._session
            if kept is not None and not kept.gone and authority == self._authority:
                return kept
            self._session, self._maker = None, run
        if kept is not None:
            kept.close()
        return None

    def _keep(self, made: Instance, authority: Authority, turn: Turn) -> Instance:
        with self._lock:
            self._maker = None
            kept = self._users > 0 and turn is self._making
            if kept:
                self._session, self._authority = made, authority
        if not kept:
            made.close()
        return made

    def keep(self, name: str, seconds: float) -> None:
        """Keeps the state of the instance that outlives runs.

        Arguments:
            seconds: that a run which is in it is waited for.

        Raises:
            OrchestratorError: there is no such instance, or no state of it can be kept.
            TimedOut: a run was in it for longer.
        """
        clean, kept = self._kept_states(), self._alive()
        if kept is None:
            raise OrchestratorError(f"node `{self.node.name}` has no instance: it gets one when it is first used")
        try:
            with kept.entered(_waiting(self.node.name, seconds)):
                clean.keep(kept, name)
        except (CannotKeep, OSError) as problem:
            raise OrchestratorError(f"the state of node `{self.node.name}` cannot be kept: {problem}") from None

    def revert(self, name: str, seconds: float, within: Callable[[], AbstractContextManager[Run]]) -> int | None:
        """Takes the instance that outlives runs back to a state, or has the next one begin with it.

        Arguments:
            seconds: that a run which is in it is waited for.
            within: gives the run in which it is told that the instance is taken back.

        Returns:
            How many pages had changed; None where a fresh instance takes its place.

        Raises:
            OrchestratorError: there is no such state, or it can be put on no other instance.
        """
        clean, kept = self._kept_states(), self._alive()
        state = None if name == AFTER_INIT else clean.state(name)  # a fresh instance is as it is after its init
        if kept is not None:
            with within() as run:
                pages = self._revert(run, kept, state, name, seconds)
            if pages >= 0:
                return pages
        if state is not None and not state.portable:
            message = (
                f"the state `{name}` of node `{self.node.name}` holds handles, and the instance that had them is gone"
            )
            raise OrchestratorError(message)
        clean.next = state
        return None

    def _revert(self, run: Run, kept: Instance, state: Snapshot | None, name: str, seconds: float) -> int:
        """The pages that had changed; -1 where the instance could not be taken back, and has ended."""
        clean, node, began = self._kept_states(), self.node.name, time.perf_counter_ns()
        pages, held = -1, None
        try:
            with kept.entered(_waiting(node, seconds)):
                held = run.quarantine.captured(node, kept)
                pages = clean.ready.back(kept, state)
        except FAILURES:
            kept.close()
        told(run, None, node, f"by hand: {printable(name)}", pages, began, held, name)
        return pages

    def save(self, name: str, path: Path) -> None:
        """Writes a state into a file.

        Raises:
            OrchestratorError: there is no such state.
            SnapshotError: the file cannot be written.
        """
        from orchestrator.engine import saved

        about: dict[str, Any] = {"node": self.node.name, "component": self.linker.component.name, "name": name}
        if self.memory is not None:
            about["labels"] = self.memory.told()
        saved.save(self._kept_states().state(name), path, about)

    def load(self, path: Path, name: str) -> None:
        """Takes up a state from a file under a name.

        Raises:
            SnapshotError: the file holds no state of this component.
            OrchestratorError: no state of the node is kept, or too many are.
        """
        from orchestrator.engine import saved

        clean = self._kept_states()
        found = saved.read(path)
        state = saved.restored(found, self.linker.component, most=self._settings().memory)
        if self.memory is not None:  # before it can be gone back to
            self.memory.take_in(self.node.name, found.about.get("labels"))
        clean.take_up(name, state)

    def _kept_states(self) -> Clean:
        name = self.node.name
        if self.lifetime != "session":
            raise OrchestratorError(f"node `{name}` has no instance between runs: give it `lifetime: session`")
        if self.clean is None:
            raise OrchestratorError(f"no state of node `{name}` is kept: give it `snapshot: {{}}`")
        return self.clean

    def _alive(self) -> Instance | None:
        with self._lock:
            if not self._users:
                raise ClosedError("the linked pipeline was closed")
            return None if self._session is None or self._session.gone else self._session

    def shared(self) -> Home | None:
        """This home, for one more program: it closes with the last of them. None when it is closed."""
        with self._lock:
            if not self._users:
                return None
            self._users += 1
        return self

    def abandon(self, run: Run) -> None:
        """Gives the session up if a guest of the run is still in it, or makes it: the next call gets a new one."""
        with self._lock:
            kept = self._session
            frame = kept.frame if kept is not None else None
            if self._maker is run:
                self._making, self._maker = Turn(), None
            if not (isinstance(frame, Visit) and frame.run is run):
                return
            self._session = None
        if kept is not None:
            kept.close()

    def close(self) -> None:
        """Ends the session, when no other program shares it, and what was made ahead; its filler is closed before."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            kept, self._session = self._session, None
        if kept is not None:
            kept.close()
        if self._pool is not None:
            self._pool.close()
        if self.clean is not None:
            self.clean.close()
        self.linker.close()


def _waiting(node: str, seconds: float) -> Frame:
    """A stay in a node's instance that waits so long for its turn."""
    return Frame(deadline=time.monotonic() + seconds, limit=f"a run was in node `{node}` for more than {seconds:g} s")


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
