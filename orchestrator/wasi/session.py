"""The host's side of one instance: what it may reach, and what of the host it has open.

Every function that the host serves is given the session of the instance that calls. Each power asks its grant where it
is used, and tells what was decided (`told`), which becomes an event.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine.host import CannotKeep
from orchestrator.wasi.account import Account
from orchestrator.wasi.clocks import Clock
from orchestrator.wasi.random import Numbers
from orchestrator.wasi.waiting import Waiting

if TYPE_CHECKING:
    from orchestrator.capability import Authority
    from orchestrator.capability.cover import Cover
    from orchestrator.engine import Frame, Instance
    from orchestrator.errors import RunError
    from orchestrator.wasi._files import Files
    from orchestrator.wasi._kept import Keeper
    from orchestrator.wasi._line import Line

_CONSTANT = 0x5EED
"""The seed of the numbers that everyone gets who was granted none."""


class Desk(Protocol):
    """Who is told what a session decides, and knows what it belongs to."""

    def decided(self, frame: Frame | None, operation: str, subject: str, rule: str, allowed: bool) -> None:
        """A power was used or refused; called on the guest's thread, at every use.

        Arguments:
            frame: the stay in which it was.
            operation: the power and what was done with it: `storage open`, `http GET`.
            subject: upon what, as the guest may know it: a path of its own, an address without its query.
            rule: the grant that allows it, or what denies it.
        """

    def exchanged(
        self, frame: Frame | None, operation: str, subject: str, rule: str, began: int, detail: dict[str, Any]
    ) -> None:
        """What was allowed, and took time, is over; arguments as for `decided`.

        Arguments:
            began: `time.perf_counter_ns()`.
            detail: what came of it.
        """

    def began(self, frame: Frame | None) -> int:
        """When the run began that the stay is part of, nanoseconds since the epoch; 0 where it is part of none."""

    def traceparent(self, frame: Frame | None) -> str:
        """The W3C header by which what is asked of others is part of the trace; empty where there is none."""

    def account(self, frame: Frame | None) -> Account | None:
        """What the stay shares with others of what may be used; None where the session has that for itself."""


class Nobody:
    """A desk that keeps nothing."""

    def decided(self, frame: Frame | None, operation: str, subject: str, rule: str, allowed: bool) -> None:
        """Says nothing to anybody."""

    def exchanged(
        self, frame: Frame | None, operation: str, subject: str, rule: str, began: int, detail: dict[str, Any]
    ) -> None:
        """Says nothing to anybody."""

    def began(self, frame: Frame | None) -> int:
        """The epoch."""
        return 0

    def traceparent(self, frame: Frame | None) -> str:
        """None."""
        return ""

    def account(self, frame: Frame | None) -> Account | None:
        """None."""
        return None


class Session:
    """See the module.

    Arguments:
        authority: what the instance may reach.
        desk: who is told.
        output: bytes that it may print in a run to the process's own output; None for no bound.
    """

    def __init__(self, authority: Authority, desk: Desk | None = None, output: int | None = None) -> None:
        self.authority, self.stdio = authority, authority.stdio
        self.desk: Desk = desk or Nobody()
        self._decided = self.desk.decided
        self._instance: Instance | None = None
        self._output, self._account = output, Account()
        self.denials = 0
        """How much was told of that was not allowed."""
        self.tells_time = authority.clock.mode == "wall"
        """Whether the guest may know what time it is, also from what happened when."""
        self.clock_rule = f"grants.clock: {authority.clock.mode}"
        self.random_rule = f"grants.random: {authority.random.mode}"
        self.stdio_rule = f"grants.stdio: {authority.stdio}"

    def attach(self, instance: Instance) -> None:
        """See `engine.host.Host`."""
        self._instance = instance
        self.say: Callable[[str, bytes], None] = instance.say
        self.exited: Callable[[int], RunError] = instance.exited
        """What a guest ends with that ended itself with a code."""
        if self.authority.preopens:
            self.files.open_roots()

    def close(self) -> None:
        """See `engine.host.Host`."""
        if self.authority.http:
            self.line.close()
        if self.authority.preopens:
            self.files.close()

    def state(self) -> Any:
        """See `engine.host.Host`. What was written into folders is no part of it: it is not the guest's alone."""
        if self.authority.http and not self.line.is_idle:
            raise CannotKeep("a request of the guest is on its way")
        return self.clock.state(), self.random.state(), self.files.state() if self.authority.preopens else None

    def restore(self, state: Any) -> None:
        """See `engine.host.Host`."""
        try:
            clock, random, files = state
            self.clock.restore(clock)
            self.random.restore(random)
            if self.authority.preopens:
                self.files.restore(files or ())
        except (TypeError, ValueError, OverflowError):
            raise CannotKeep("the state of the host's side has another form") from None
        if self.authority.http:
            self._hang_up()

    def _hang_up(self) -> None:
        """Ends what goes on by itself; what others still hold of it for a while counts against nobody any more."""
        line: Line | None = self.__dict__.pop("line", None)
        if line is not None:
            line.end(lambda _frame: True)
            line.close()
        self.__dict__.pop("keeper", None)

    def end_run(self, is_of: Callable[[Frame | None], bool]) -> None:
        """Ends what goes on by itself of a run that is over, from any thread: nothing of it is seen any more.

        Arguments:
            is_of: whether a stay was one of the run.
        """
        if self.authority.http:
            self.line.end(is_of)

    @cached_property
    def clock(self) -> Clock:
        """The guest's clock."""
        return Clock(self.authority.clock.mode)

    @property
    def stands(self) -> int:
        """The time of day at which a fixed clock stands in the present stay, nanoseconds since the epoch."""
        time = self.authority.clock
        # A float has microseconds of today's seconds, and no nanoseconds.
        return self.desk.began(self.frame) if time.at is None else round(time.at * 1e6) * 1000

    @cached_property
    def random(self) -> Numbers:
        """The guest's random numbers."""
        mode, seed = self.authority.random.mode, self.authority.random.seed
        return Numbers(None if mode == "secure" else seed if mode == "seeded" else _CONSTANT)

    @cached_property
    def waiting(self) -> Waiting:
        """The guest's waits."""
        assert self._instance is not None
        return Waiting(self.clock, self._instance.check, self._remaining)

    @cached_property
    def files(self) -> Files:
        """What the guest has of the host's files."""
        from orchestrator.wasi._files import Files

        return Files(self)

    @cached_property
    def line(self) -> Line:
        """What the guest asks of others over HTTP."""
        from orchestrator.wasi._line import Line

        return Line()

    @cached_property
    def cover(self) -> Cover:
        """What covers the secrets that the guest was granted."""
        from orchestrator.capability.cover import Cover

        return Cover(self.authority.secrets)

    @cached_property
    def keeper(self) -> Keeper:
        """What counts that which the host keeps for the guest."""
        from orchestrator.wasi._kept import Keeper

        return Keeper()

    @property
    def frame(self) -> Frame | None:
        """The stay that the guest is in."""
        return None if self._instance is None else self._instance.frame

    @property
    def account(self) -> Account:
        """What is left of what the guest may use in this run; of the last one, where it belongs to none."""
        found = self.desk.account(self.frame)
        if found is not None:
            self._account = found
        return self._account

    @property
    def memory(self) -> int:
        """Bytes that the guest's memories may have together."""
        assert self._instance is not None
        return self._instance.settings.memory

    def _remaining(self) -> float:
        frame = self.frame
        return math.inf if frame is None else frame.remaining()

    def printable(self, data: bytes) -> bytes:
        """What of some output may still be printed in this run; that something is cut is told once."""
        most = self._output
        if most is None:
            return data
        before = self.account.printed("", len(data))
        room = max(0, most - before)
        if len(data) > room and before <= most:
            self.told("stdio print", self.stdio, f"limits.output: {most} bytes", False)
        return data[:room]

    def told(self, operation: str, subject: str, rule: str, allowed: bool = True) -> None:
        """Tells what was decided: see `Desk.decided`."""
        instance = self._instance
        self.denials += not allowed
        self._decided(None if instance is None else instance.frame, operation, subject, rule, allowed)
