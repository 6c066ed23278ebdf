"""The state in which the instances of a component are ready, and the ways to it.

An instance is made ready by its warm-up: calls at which it puts in order whatever it does at its first ones. The state
it has then is kept; other instances are put into it, which spares them the warm-up, and every one is taken back to it.
Where that cannot be done with an instance, it has a warm-up of its own, and is followed by a fresh one.

Random numbers that a guest draws from a state of its own would come again after each revert. Where it was granted ones
that nobody can foretell it is asked, whenever it is ready, to begin with new ones (`agent:code/reseed`).

Not for when an instance is taken back: `clean` and the sandbox decide that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from orchestrator.engine import CannotKeep, put, take
from orchestrator.errors import ClosedError, RunError
from orchestrator.interface.types import Interface

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from orchestrator.engine import Component, Exported, Instance, Snapshot
    from orchestrator.interface.types import Function, Name

FAILURES = (CannotKeep, RunError, ClosedError, OSError, MemoryError)
"""Why an instance cannot be taken back: a fresh one takes its place then."""
RESEED, _FUNCTION = "agent:code/reseed", "reseed"
"""What a component exports whose random numbers can begin anew."""
_MOST_SHARED = 16
"""States that are kept for instances to come: of so many different reaches."""


def reseed_of(component: Component) -> tuple[Name, Function] | None:
    """The function by which a component's own random numbers begin anew, and its interface; None where it has none."""
    for item in component.world.exports:
        if isinstance(item, Interface) and item.name.base == RESEED:
            function = item.function(_FUNCTION)
            if function is not None and not function.params and function.result is None:
                return item.name, function
    return None


class Ready:
    """See the module.

    Arguments:
        warm_up: the calls that make an instance ready, each a function and its arguments.
        reseed: what has its random numbers begin anew; None where they need not.
    """

    def __init__(self, warm_up: Sequence[tuple[Exported, Sequence[Any]]], reseed: Exported | None) -> None:
        self._warm_up, self._reseed = warm_up, reseed
        self._shared: dict[Hashable, Snapshot] = {}
        """By what their warm-ups could look at, the least lately used first."""
        self._lock = threading.Lock()
        self.latest: Snapshot | None = None
        """The state of the instance that was made ready last; None as long as none was kept."""

    def settle(self, instance: Instance, reach: Hashable = None) -> None:
        """Has a fresh instance be ready; it is entered.

        Arguments:
            reach: what its warm-up may look at: it has the state of others that have the same, and of no other.

        Raises:
            RunError: its warm-up failed, or its reseeding.
        """
        if not self._given(instance, reach):
            with instance.at_nobodys_expense():
                for target, values in self._warm_up:
                    instance.call_carried(target, values)
            self._keep(instance, reach)
        self.latest = instance.ready_state or self.latest
        self.reseed(instance)

    def _given(self, instance: Instance, reach: Hashable) -> bool:
        """Puts an instance into the state of others, if there is one and it can be."""
        with self._lock:
            state = self._shared.pop(reach, None)
            if state is None:
                return False
            self._shared[reach] = state
        try:
            put(instance, state)
        except (CannotKeep, OSError) as problem:
            if instance.gone:
                raise RunError(f"the instance cannot be put into the state in which it is ready: {problem}") from None
            return False
        instance.ready_state = state
        return True

    def _keep(self, instance: Instance, reach: Hashable) -> None:
        """Keeps the state of an instance that is ready; where its guest holds handles, it is no other's."""
        try:
            found = instance.ready_state = take(instance)
        except (CannotKeep, OSError):
            return
        if not found.portable:
            return
        with self._lock:
            first = self._shared.setdefault(reach, found) is found
            while len(self._shared) > _MOST_SHARED:
                del self._shared[next(iter(self._shared))]
        if not first:
            self._given(instance, reach)  # others kept one meanwhile: all share the first

    def close(self) -> None:
        """Gives the states up; what is made ready later has one of its own."""
        with self._lock:
            self._shared.clear()
        self.latest = None

    def reseed(self, instance: Instance) -> None:
        """Has the random numbers of an entered instance begin anew, where that is asked for."""
        if self._reseed is not None:
            with instance.at_nobodys_expense():
                instance.call_carried(self._reseed, ())

    def back(self, instance: Instance, to: Snapshot | None = None) -> int:
        """Takes an entered instance back.

        Arguments:
            to: another state than that in which it was ready.

        Returns:
            How many pages of its memories had changed.

        Raises:
            CannotKeep: it cannot be taken back: it is to be closed.
            RunError: its reseeding failed.
            ClosedError, OSError: see `engine.put`.
        """
        state = to or instance.ready_state
        if state is None:
            raise CannotKeep(instance.linker.component.way.reason or "the state in which it was ready was not kept")
        pages = put(instance, state)
        self.reseed(instance)
        return pages
