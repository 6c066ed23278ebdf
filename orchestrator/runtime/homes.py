"""Where the instances of nodes come from, and those that outlive runs. Which of them serve one run: see `rooms`."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.capability import Authority, Operator, prepare_once
from orchestrator.diagnostics import printable
from orchestrator.engine import CannotKeep
from orchestrator.engine.frame import Frame
from orchestrator.engine.turn import Turn
from orchestrator.errors import Cancelled, ClosedError, OrchestratorError
from orchestrator.runtime.clean import AFTER_INIT, Clean, told
from orchestrator.runtime.desk import DESK
from orchestrator.runtime.hosting import settings_of
from orchestrator.runtime.labels import Memory
from orchestrator.runtime.output import Printed
from orchestrator.runtime.pool import Pool
from orchestrator.runtime.ready import FAILURES
from orchestrator.runtime.reverting import dismissed, ended
from orchestrator.runtime.visit import Visit
from orchestrator.wasi import Session, is_served

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.engine import Instance, Linker, Snapshot
    from orchestrator.runtime.pool import Filler
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
