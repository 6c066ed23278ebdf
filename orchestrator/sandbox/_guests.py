"""Instances that run snippets: how one is made, and taken back to the state it had when it was ready.

The first instance is called once, so that whatever it puts in order at its first call is done. The state it then has is
kept; an instance goes back to it after each snippet, and further ones are given it when they are made. A component of
which no state can be kept gets a fresh instance for each snippet, which is as clean and takes longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.engine import CannotKeep, Instance, InstanceSettings, exported, put, python_of, take
from orchestrator.engine.turn import Turn
from orchestrator.errors import ClosedError, RunError
from orchestrator.runtime.desk import starved
from orchestrator.wasi import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.engine import Exported, Frame, Linker, Snapshot
    from orchestrator.interface.types import Function, Name
    from orchestrator.manifest.model import Limits
    from orchestrator.sandbox._stay import Stay

_WARM = ("", "")
"""Snippets that an instance runs before it is ready: of every language, and none that counts."""
_ENDLESS = (1 << 64) - 1
"""Fuel for what an instance does before it is ready."""
Inputs = list[dict[str, str]]


class Guests:
    """Makes instances for snippets.

    Arguments:
        linker: with every import answered.
        run: the interpreter's function, and the interface that it is in.
        reseed: what has the language's own random numbers begin anew; None where they need not.
        limits: of each snippet.
        host: makes the host's side of an instance.
    """

    def __init__(
        self,
        linker: Linker,
        run: tuple[Name, Function],
        reseed: tuple[Name, Function] | None,
        limits: Limits,
        host: Callable[[], Session],
    ) -> None:
        self.linker, self.limits, self._host = linker, limits, host
        self.run: Exported = exported(*run)
        self.reseed: Exported | None = exported(*reseed) if reseed else None
        self.keeps = linker.component.variant.kept
        """Whether instances are taken back; each serves one snippet otherwise."""
        self._settings = partial(InstanceSettings, **_bounds(limits), starved=starved)
        self._ready: Snapshot | None = None
        self._making = Turn()

    def make(self, frame: Frame) -> Guest:
        """An instance that is ready; whoever asked closes it.

        Raises:
            RunError: it could not be made.
        """
        ready = self._ready
        if ready is not None or not self.keeps:
            return self._like(ready, frame)
        self._making.acquire(frame)
        try:
            return self._first(frame) if self._ready is None else self._like(self._ready, frame)
        finally:
            self._making.release()

    def _like(self, ready: Snapshot | None, frame: Frame) -> Guest:
        """An instance in a state that another one had; a fresh one where there is none."""
        instance = self._instance(frame)
        if ready is None:
            return Guest(self, instance, None)
        try:
            with instance.entered(frame):
                put(instance, ready)
        except CannotKeep:
            instance.close()
            return self._first(frame)
        except BaseException:
            instance.close()
            raise
        return Guest(self, instance, ready)

    def _first(self, frame: Frame) -> Guest:
        """An instance made ready by calling it; the others are given its state, where that is no other's."""
        instance = self._instance(frame)
        try:
            with instance.entered(frame):
                self._warm(instance)
                state = take(instance)
        except (CannotKeep, OSError):
            self.keeps = False
            instance.close()
            return Guest(self, self._instance(frame), None)
        except BaseException:
            instance.close()
            raise
        if state.portable:
            self._ready = state
        return Guest(self, instance, state)

    def _warm(self, instance: Instance) -> None:
        if self.limits.fuel is not None:
            instance.refuel(_ENDLESS)
        for source in _WARM:
            instance.call_carried(self.run, (source, []))

    def _instance(self, frame: Frame) -> Instance:
        return self.linker.instantiate(frame, self._settings(host=self._host()))


def _bounds(limits: Limits) -> dict[str, Any]:
    found = {"memory": limits.memory, "table_elements": limits.tables, "fuel": limits.fuel}
    found |= {"handles": limits.handles, "host_calls": limits.host_calls}
    return {name: limit for name, limit in found.items() if limit is not None}


class Guest:
    """An instance, entered for one snippet after the other.

    Arguments:
        state: the one that it is taken back to; None where none can be kept.
    """

    __slots__ = ("_guests", "_instance", "_unseeded", "fresh", "holder", "state")

    def __init__(self, guests: Guests, instance: Instance, state: Snapshot | None) -> None:
        self._guests, self._instance, self.state = guests, instance, state
        self.holder = 0
        """The thread that is in it."""
        self.fresh = True
        """Whether it can serve a snippet that knows nothing of others."""
        self._unseeded = guests.reseed is not None

    def run(self, stay: Stay, source: str, inputs: Inputs, *, keep: bool) -> Mapping[str, Any]:
        """What the interpreter answers; what the snippet left behind is undone.

        Arguments:
            keep: it is for the next snippet to find.

        Raises:
            RunError: the snippet met a limit, its time was up, or it trapped.
        """
        instance = self._instance
        instance.enter(stay)
        self.fresh = False
        try:
            return self._answer(instance, source, inputs)
        finally:
            if not keep:
                began, pages = time.perf_counter_ns(), self._back(self.state)
                if stay.run.told:
                    stay.run.reverted(stay, stay.node, "after each snippet", pages, time.perf_counter_ns() - began)
            instance.leave()

    def _answer(self, instance: Instance, source: str, inputs: Inputs) -> Mapping[str, Any]:
        fuel, run = instance.settings.fuel, self._guests.run
        if fuel is not None:
            instance.refuel(fuel)
        instance.host_left = instance.settings.most_calls
        if self._unseeded:
            self._reseed(instance)
        answer = instance.call_carried(run, (source, inputs))[0]
        with instance.allowed:  # no list of numbers is in it that would have to be made a plain one
            found: Mapping[str, Any] = python_of(answer, instance.check)
        return found

    def _reseed(self, instance: Instance) -> None:
        reseed = self._guests.reseed
        assert reseed is not None
        instance.call_carried(reseed, ())
        self._unseeded = False

    def _back(self, state: Snapshot | None) -> int:
        """Takes it, which is entered, back to a state, if that can be.

        Returns:
            How many pages of its memories had changed; -1 where it could not be.
        """
        instance = self._instance
        if state is None or instance.gone:
            return -1
        try:
            pages = put(instance, state)
        except (CannotKeep, OSError, RunError, ClosedError):
            return -1  # another instance does as well
        self.fresh, self._unseeded = True, self._guests.reseed is not None
        return pages

    @property
    def gone(self) -> bool:
        """Whether it answers no further call."""
        return self._instance.gone

    # For sessions

    def keep(self, frame: Frame, before: Snapshot | None) -> Snapshot:
        """Its present state.

        Arguments:
            before: an earlier one, with which it shares what did not change since.

        Raises:
            CannotKeep: it is one that nobody could bring back.
            RunError: it ended.
        """
        with self._instance.entered(frame):
            return take(self._instance, before)

    def back(self, frame: Frame, state: Snapshot) -> bool:
        """Takes it back to a state; whether that could be."""
        self.fresh = False
        if not self.gone:
            with self._instance.entered(frame):
                self._back(state)
        return self.fresh

    def close(self) -> None:
        """Ends it: at once, or when whoever is in it leaves."""
        self._instance.close()


def only(function: Callable[[Sequence[Any]], Any]) -> Callable[[Instance, Sequence[Any]], Any]:
    """A host function that does not care who calls, as one that counts the calls."""

    def host(caller: Instance, values: Sequence[Any]) -> Any:
        caller.count_call()
        return function(values)

    return host
