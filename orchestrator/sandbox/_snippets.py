"""Running snippets, as a sandbox and a session do alike. What becomes of one in an instance each says for itself."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox._call import Call
from orchestrator.sandbox._limits import within
from orchestrator.sandbox._work import Work

if TYPE_CHECKING:
    from orchestrator.manifest.model import Limits
    from orchestrator.sandbox._call import Log
    from orchestrator.sandbox._carrier import Carrier
    from orchestrator.sandbox._pool import Place, Pool
    from orchestrator.sandbox.outcome import Outcome


class Snippets(ABC):
    """What runs snippets."""

    _pool: Pool
    _carrier: Carrier
    _limits: Limits
    _log: Log

    def run(
        self,
        source: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Outcome:
        """Runs a snippet: a sandbox from the clean state, a session where the ones before it left off.

        Arguments:
            source: the snippet, in the component's language: at most 16 Mi characters.
            inputs: its variables, by name: what JSON has a form for.
            timeout: seconds, if less than the sandbox's own.
            traceparent: the W3C header of the caller, whose trace the snippet then belongs to.

        Raises:
            SnippetFailed: it raised an error, or what a subclass says.
            TimedOut, LimitExceeded, Trapped, Cancelled: it was ended that way; or no instance was free in its time.
            RunError: no instance could be made, or no thread started; or a tool runs it that would wait for itself.
            ValueMismatch: an input has no form in JSON.
            ClosedError: the sandbox, its engine or the session was closed.
            TypeError, ValueError: an argument is of another type or out of its range.
            KeyboardInterrupt: ctrl-C; the snippet was stopped.
        """
        call = Call(self._log, source, inputs, self._within(timeout), traceparent)
        with call:
            return self._carrier.run(Work(self._pool, call.stay, self._outcome, call))

    async def arun(
        self,
        source: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Outcome:
        """`run`, awaited; cancelling the task ends the snippet, and with it a session's instance.

        Arguments and errors are those of `run`. What waits for an instance takes no thread. Neither waits for a tool
        that does not return: half a second after the time is up, or the task was cancelled, the instance is given up
        with the tool in it.
        """
        loop = asyncio.get_running_loop()
        call = Call(self._log, source, inputs, self._within(timeout), traceparent, loop)
        with call:
            return await self._carrier.arun(Work(self._pool, call.stay, self._outcome, call))

    def _within(self, timeout: float | None) -> float | None:
        """The seconds that a snippet has."""
        return within(timeout, self._limits)

    @abstractmethod
    def _outcome(self, call: Call, place: Place) -> Outcome:
        """What becomes of a snippet in the instance of a place."""
