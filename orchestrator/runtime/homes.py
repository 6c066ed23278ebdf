"""The instances of nodes: made when first needed, and ended with what they belong to: a call, a run, or the program."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator.capability import Authority, prepare
from orchestrator.engine.settings import DEFAULT_MEMORY, InstanceSettings
from orchestrator.runtime.output import Printed
from orchestrator.runtime.visit import Visit
from orchestrator.wasi import settings

if TYPE_CHECKING:
    from orchestrator.engine import Instance, Linker
    from orchestrator.link.model import LinkedNode
    from orchestrator.runtime.run import Run


class Home:
    """Where the instances of one node come from.

    Arguments:
        node: a node with a component.
        linker: with every import of it answered.
    """

    def __init__(self, node: LinkedNode, linker: Linker) -> None:
        self.node, self.linker = node, linker
        self._session: Instance | None = None
        self._authority: Authority | None = None
        self._printed: Printed | None = None
        self._users = 1
        self._lock = threading.Lock()

    def fresh(self, visit: Visit) -> Instance:
        """A new instance; whoever asked closes it."""
        return self._make(visit, self._authorised(visit.run), Printed(visit.run, self.node.name))

    def session(self, visit: Visit) -> Instance:
        """The instance that outlives runs; a new one when it trapped, or when its grants mean other folders."""
        authority = self._authorised(visit.run)
        with self._lock:
            kept = self._session
            if kept is None or kept.ended or kept.closed or authority != self._authority:
                if kept is not None:
                    kept.close()
                self._printed = Printed(visit.run, self.node.name)
                kept = self._session = self._make(visit, authority, self._printed)
                self._authority = authority
            elif self._printed is not None:
                self._printed.run = visit.run
            return kept

    def _authorised(self, run: Run) -> Authority:
        return prepare(self.node.grants, run.inputs, run.graph.manifest.folder, self.node.name)

    def _make(self, visit: Visit, authority: Authority, printed: Printed) -> Instance:
        memory = self.node.limits.memory or DEFAULT_MEMORY
        wasi = settings(authority)
        instance = self.linker.instantiate(visit, InstanceSettings(memory, wasi=wasi, output=printed))
        printed.instance = instance
        return instance

    def shared(self) -> Home:
        """This home, for one more program: it closes with the last of them."""
        with self._lock:
            self._users += 1
        return self

    def abandon(self, run: Run) -> None:
        """Gives the session up if a guest of the run is still in it: the next call gets a new one."""
        with self._lock:
            kept = self._session
            frame = kept.frame if kept is not None else None
            if kept is not None and isinstance(frame, Visit) and frame.run is run:
                kept.close()
                self._session = None

    def close(self) -> None:
        """Ends the session, when no other program shares it."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            kept, self._session = self._session, None
        if kept is not None:
            kept.close()
        self.linker.close()


class Rooms:
    """The instances that belong to one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.instances: dict[str, Instance] = {}
        """By node, those that serve the whole run; one that has ended is replaced by `instance`."""
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._all: list[Instance] = []
        self._closed = False

    def instance(self, visit: Visit) -> Instance:
        """The instance that a call of the visit's node runs in; the visit notes a fresh one, to be closed after it."""
        found = self.instances.get(visit.node)
        if found is not None and not found.ended:
            return found
        home = self._run.program.homes[visit.node]
        return self.fresh(visit) if home.node.lifetime == "call" else self._make(visit, home)

    def fresh(self, visit: Visit) -> Instance:
        """An instance for one call only."""
        visit.fresh = True
        return self._run.program.homes[visit.node].fresh(visit)

    def _make(self, visit: Visit, home: Home) -> Instance:
        with self._lock:
            lock = self._locks.setdefault(visit.node, threading.Lock())
        with lock:
            found = self.instances.get(visit.node)
            if found is not None and not found.ended:
                return found
            if home.node.lifetime == "session":
                found = home.session(visit)
            else:
                found = home.fresh(visit)
                self._keep(found)
            self.instances[visit.node] = found
            return found

    def _keep(self, instance: Instance) -> None:
        with self._lock:
            self._all.append(instance)
            closed = self._closed
        if closed:
            instance.close()

    def close(self) -> None:
        """Ends every instance of the run; one in which a guest still runs, when that guest returns."""
        with self._lock:
            self._closed = True
            every, self._all = self._all, []
        for instance in every:
            instance.close()
