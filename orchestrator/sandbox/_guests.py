"""Instances that run snippets: how one is made, and taken back to the state it had when it was ready.

An instance goes back to that state after each snippet (see `runtime.ready`). A component of which no state can be kept
gets a fresh instance for each snippet, which is as clean and takes longer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.engine import exported, python_of, take
from orchestrator.runtime.hosting import settings_of
from orchestrator.runtime.ready import FAILURES, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.engine import Exported, Frame, Instance, Linker, Snapshot
    from orchestrator.interface.types import Function, Name
    from orchestrator.manifest.model import Limits
    from orchestrator.sandbox._stay import Stay
    from orchestrator.wasi import Session

_WARM = ("", "")
"""Snippets that an instance runs before it is ready. They do nothing in any language; what an interpreter makes only
once, or at its second call, is made then."""
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
        self.linker, self._host = linker, host
        self.run: Exported = exported(*run)
        sources = _WARM if linker.component.variant.kept else ()
        self.ready = Ready([(self.run, (source, [])) for source in sources], exported(*reseed) if reseed else None)
        self._settings = settings_of(limits)

    def make(self, frame: Frame) -> Guest:
        """An instance that is ready; whoever asked closes it.

        Raises:
            RunError: it could not be made.
        """
        instance = self.linker.instantiate(frame, self._settings(host=self._host()))
        try:
            with instance.entered(frame):
                self.ready.settle(instance)
        except BaseException:
            instance.close()
            raise
        return Guest(self, instance)


class Guest:
    """An instance, entered for one snippet after the other."""

    __slots__ = ("_guests", "_instance", "fresh")

    def __init__(self, guests: Guests, instance: Instance) -> None:
        self._guests, self._instance = guests, instance
        self.fresh = True
        """Whether it can serve a snippet that knows nothing of others."""

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
            try:
                return self._answer(instance, source, inputs)
            finally:
                if not keep:
                    self._clean(stay)
        finally:
            instance.leave()

    def _answer(self, instance: Instance, source: str, inputs: Inputs) -> Mapping[str, Any]:
        fuel = instance.settings.fuel
        if fuel is not None:
            instance.refuel(fuel)
        instance.host_left = instance.settings.most_calls
        answer = instance.call_carried(self._guests.run, (source, inputs))[0]
        with instance.allowed:  # no list of numbers is in it that would have to be made a plain one
            found: Mapping[str, Any] = python_of(answer, instance.check)
        return found

    def _clean(self, stay: Stay) -> None:
        """Takes it back after a snippet, and tells of it."""
        if not stay.run.told:
            self._back(None)
            return
        began, pages = time.perf_counter_ns(), self._back(None)
        stay.run.reverted(stay, stay.node, "after each snippet", pages, time.perf_counter_ns() - began)

    def _back(self, state: Snapshot | None) -> int:
        """Takes it, which is entered, back to a state, if that can be; None for that in which it was ready.

        Returns:
            How many pages of its memories had changed; -1 where it could not be.
        """
        if self.gone:
            return -1
        try:
            pages = self._guests.ready.back(self._instance, state)
        except FAILURES:
            return -1  # another instance does as well
        self.fresh = True
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

    def back(self, frame: Frame, state: Snapshot | None = None) -> bool:
        """Takes it back to a state, by default to that in which it was ready; whether that could be."""
        self.fresh = False
        if not self.gone:
            with self._instance.entered(frame):
                self._back(state)
        return self.fresh

    def close(self) -> None:
        """Ends it: at once, or when whoever is in it leaves."""
        self._instance.close()
