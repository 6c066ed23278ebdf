"""A session: snippets that find what those before them defined, and states to go back to by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.engine import CannotKeep
from orchestrator.errors import RunError, Trapped
from orchestrator.pipeline import arguments
from orchestrator.runtime.clean import MOST_NAMED
from orchestrator.sandbox._limits import kept_output
from orchestrator.sandbox._pool import Pool
from orchestrator.sandbox._snippets import Snippets
from orchestrator.sandbox._stay import Stay
from orchestrator.sandbox._work import Work

if TYPE_CHECKING:
    from orchestrator.engine import Snapshot
    from orchestrator.manifest.model import Limits
    from orchestrator.sandbox._call import Call, Log
    from orchestrator.sandbox._carrier import Carrier
    from orchestrator.sandbox._guests import Guest, Guests
    from orchestrator.sandbox._pool import Place
    from orchestrator.sandbox.outcome import Outcome

_CLOSED = "the session was closed"


class _Turns(Pool):
    """Whose turn it is in a session. Its instance stays, whatever a snippet made of it, until one cannot be ended."""

    closed, late, own = (
        _CLOSED,
        "the session was in use for {seconds:g} s",
        "a tool of a snippet uses the session that the snippet runs in: it would wait for itself",
    )
    keeps = True


class SandboxSession(Snippets):
    """Snippets in one instance, one after the other, in the order of asking; made by `Sandbox.session`.

    An instance that ended, by a trap or because its time was up, runs nothing any more: `reset` and `revert` give the
    session another one in that state. So do they where a tool did not return in time, and was left behind in it. A
    context manager.
    """

    def __init__(
        self, guests: Guests, carrier: Carrier, limits: Limits, log: Log, sessions: set[SandboxSession]
    ) -> None:
        self._guests, self._carrier, self._limits, self._log, self._sessions = guests, carrier, limits, log, sessions
        self._pool = _Turns(1)
        self._states: dict[str, Snapshot] = {}
        self._latest: Snapshot | None = None
        """The state that was kept or gone back to last: the next one that is kept shares with it what is the same."""
        sessions.add(self)
        try:
            self._carried(self._make)
        except BaseException:  # a ctrl-C among them, when there is an instance already
            self.close()
            raise

    def __enter__(self) -> SandboxSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(self, call: Call, place: Place) -> Outcome:
        return call.carried_out(_living(place), kept_output(self._limits), keep=True)

    # States

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of the states that were kept."""
        return tuple(self._states)

    def snapshot(self, name: str) -> None:
        """Keeps the present state under a name.

        Arguments:
            name: in its place, whatever had that name before.

        Raises:
            RunError: nobody could bring the state back, the instance has ended, or too many states are kept.
            ClosedError: the session or its sandbox was closed.
        """
        arguments.text(name, "the name of a state")
        self._carried(partial(self._keep, name))

    def _keep(self, name: str, stay: Stay, place: Place) -> None:
        guest = _living(place)
        if name not in self._states and len(self._states) >= MOST_NAMED:
            raise RunError(f"{MOST_NAMED} states of the session are kept, as many as may be: `forget` one")
        try:
            state = guest.keep(stay, self._latest)
        except CannotKeep as problem:
            raise RunError(f"the state cannot be kept: {problem}") from None
        self._states[name] = self._latest = state

    def revert(self, name: str) -> None:
        """Goes back to a state that was kept, any number of times; also after the instance has ended.

        Arguments:
            name: of the state.

        Raises:
            ValueError: no state has that name.
            RunError: the instance has ended, and the state is one of it alone.
            ClosedError: the session or its sandbox was closed.
        """
        self._carried(partial(self._go_back, arguments.text(name, "the name of a state")))

    def _go_back(self, name: str, stay: Stay, place: Place) -> None:
        state = self._state(name)
        if place.guest is None or not place.guest.back(stay, state):
            if not state.portable:
                raise RunError("the session's instance has ended, and that state is one of it alone: `reset` it")
            self._pool.made(place, self._like(stay, state))
        self._latest = state

    def _like(self, stay: Stay, state: Snapshot) -> Guest:
        """An instance in a state that another one had."""
        fresh = self._guests.make(stay)
        try:
            if not fresh.back(stay, state):
                raise RunError("no instance can be given that state: `reset` the session")
        except BaseException:
            fresh.close()
            raise
        return fresh

    def _state(self, name: str) -> Snapshot:
        if name not in self._states:
            known = ", ".join(f"`{each}`" for each in self._states) or "none"
            raise ValueError(f"the session kept no state `{name:.60}`; it kept {known}")
        return self._states[name]

    def forget(self, name: str) -> None:
        """Gives a state up; harmless where there is none.

        Arguments:
            name: of the state.
        """
        self._states.pop(arguments.text(name, "the name of a state"), None)

    def reset(self) -> None:
        """Goes back to the state before the first snippet; what was kept by name stays.

        Raises:
            RunError: an instance cannot be made.
            ClosedError: the session or its sandbox was closed.
        """
        self._carried(self._begin_anew)

    def _begin_anew(self, stay: Stay, place: Place) -> None:
        if place.guest is None or not place.guest.back(stay):
            self._make(stay, place)
        self._latest = None

    def _make(self, stay: Stay, place: Place) -> None:
        """Makes an instance, which takes the place of the one that there was."""
        self._pool.made(place, self._guests.make(stay))

    def _carried(self, do: Callable[[Stay, Place], object]) -> None:
        """Does something else with the instance than to run a snippet."""
        stay = Stay(self._limits.timeout)
        self._carrier.run(Work(self._pool, stay, do, stay))

    def close(self) -> None:
        """Ends the session, what runs in it, and its instance. Harmless when repeated."""
        self._pool.close(_CLOSED)
        self._states.clear()
        self._sessions.discard(self)


def _living(place: Place) -> Guest:
    """The session's instance.

    Raises:
        Trapped: a snippet that could not be ended was left behind in it.
    """
    if place.guest is None:
        raise Trapped(
            "the instance answers no further call: what ran in it did not end in time, and was left behind; "
            "`reset` or `revert` the session"
        )
    return place.guest
