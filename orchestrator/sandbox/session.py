"""A session: snippets that find what those before them defined, and states to go back to by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.engine import CannotKeep
from orchestrator.engine.turn import Turn
from orchestrator.errors import ClosedError, RunError
from orchestrator.pipeline import arguments
from orchestrator.sandbox._call import Call, Log
from orchestrator.sandbox._limits import kept_output, within
from orchestrator.sandbox._stay import Stay

if TYPE_CHECKING:
    from orchestrator.engine import Snapshot
    from orchestrator.manifest.model import Limits
    from orchestrator.sandbox._carrier import Carrier
    from orchestrator.sandbox._guests import Guest, Guests
    from orchestrator.sandbox.outcome import Outcome

T = TypeVar("T")

_CLOSED = "the session was closed"


class SandboxSession:
    """Snippets in one instance, one after the other, in the order of asking; made by `Sandbox.session`.

    An instance that ended, by a trap or because its time was up, runs nothing any more: `reset` and `revert` give the
    session another one in that state. A context manager.
    """

    def __init__(
        self, guests: Guests, carrier: Carrier, limits: Limits, log: Log, closed: Callable[[SandboxSession], None]
    ) -> None:
        self._guests, self._carrier, self._limits, self._log, self._ended = guests, carrier, limits, log, closed
        self._turn = Turn()
        self._closed = False
        self._states: dict[str, Snapshot] = {}
        self._latest: Snapshot | None = None
        """The state that was kept or gone back to last: the next one that is kept shares with it what is the same."""
        stay = Stay(limits.timeout)
        self._guest: Guest = carrier.run(stay, lambda: guests.make(stay), lambda: None)

    def __enter__(self) -> SandboxSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        source: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Outcome:
        """Runs a snippet; what it defines stays. Arguments and errors as of `Sandbox.run`."""
        call = Call(self._log, source, inputs, within(timeout, self._limits), traceparent)
        with call:
            return self._carried(call.stay, lambda guest: self._outcome(call, guest))

    async def arun(
        self,
        source: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Outcome:
        """`run`, awaited; cancelling the task ends the snippet, and with it the instance."""
        loop = asyncio.get_running_loop()
        call = Call(self._log, source, inputs, within(timeout, self._limits), traceparent, loop)
        with call:
            work = self._work(call.stay, lambda guest: self._outcome(call, guest))
            return await self._carrier.arun(call.stay, work, self._give_up)

    def _outcome(self, call: Call, guest: Guest) -> Outcome:
        return call.carried_out(guest, kept_output(self._limits), keep=True)

    # States

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of the states that were kept."""
        return tuple(self._states)

    def snapshot(self, name: str) -> None:
        """Keeps the present state under a name; one of that name is forgotten.

        Raises:
            RunError: nobody could bring the state back, or the instance has ended.
            ClosedError: the session or its sandbox was closed.
        """
        arguments.text(name, "the name of a state")
        stay = Stay(self._limits.timeout)

        def keep(guest: Guest) -> None:
            try:
                state = guest.keep(stay, self._latest)
            except CannotKeep as problem:
                raise RunError(f"the state cannot be kept: {problem}") from None
            self._states[name] = self._latest = state

        self._carried(stay, keep)

    def revert(self, name: str) -> None:
        """Goes back to a state that was kept, any number of times; also after the instance has ended.

        Raises:
            ValueError: no state has that name.
            RunError: the instance has ended, and the state is one of it alone.
            ClosedError: the session or its sandbox was closed.
        """
        arguments.text(name, "the name of a state")
        if name not in self._states:
            known = ", ".join(f"`{each}`" for each in self._states) or "none"
            raise ValueError(f"the session kept no state `{name:.60}`; it kept {known}")
        stay = Stay(self._limits.timeout)
        self._carried(stay, lambda guest: self._go_back(stay, guest, self._states[name]))

    def reset(self) -> None:
        """Goes back to the state before the first snippet; what was kept by name stays.

        Raises:
            RunError: an instance cannot be made.
            ClosedError: the session or its sandbox was closed.
        """
        stay = Stay(self._limits.timeout)
        self._carried(stay, lambda guest: self._begin_anew(stay, guest))

    def _begin_anew(self, stay: Stay, guest: Guest) -> None:
        if guest.back(stay):
            self._latest = None
            return
        self._replace(self._guests.make(stay))
        self._latest = None

    def _go_back(self, stay: Stay, guest: Guest, state: Snapshot) -> None:
        if not guest.back(stay, state):
            if not state.portable:
                raise RunError("the session's instance has ended, and that state is one of it alone: `reset` it")
            fresh = self._guests.make(stay)
            if not fresh.back(stay, state):
                fresh.close()
                raise RunError("no instance can be given that state: `reset` the session")
            self._replace(fresh)
        self._latest = state

    def _replace(self, guest: Guest) -> None:
        self._guest.close()
        self._guest = guest
        if self._closed:
            guest.close()

    # Carrying out

    def _carried(self, stay: Stay, work: Callable[[Guest], T]) -> T:
        return self._carrier.run(stay, self._work(stay, work), self._give_up)

    def _work(self, stay: Stay, work: Callable[[Guest], T]) -> Callable[[], T]:
        """The work in the session's turn."""
        self._check()
        if self._guest.holder == get_ident():
            raise RunError("a tool of a snippet uses the session that the snippet runs in: it would wait for itself")

        def carried() -> T:
            self._turn.acquire(stay)
            guest = self._guest
            try:
                self._check()
                guest.holder = get_ident()
                return work(guest)
            finally:
                guest.holder = 0
                self._turn.release()

        return carried

    def _give_up(self) -> None:
        """A snippet does not return: its instance is lost."""
        self._guest.close()

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(_CLOSED)

    def close(self) -> None:
        """Ends the session and its instance. Harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._states.clear()
            self._guest.close()
            self._ended(self)
