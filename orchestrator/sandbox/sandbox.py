"""Sandboxes: snippets of code that nobody has read, each run from the same clean state.

with Sandbox("python", tools={"search": search}) as sandbox:
    found = sandbox.run("len(tools.search(query))", inputs={"query": "a snapshot"})
    print(found.value, found.printed)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine import Component
from orchestrator.engine.component import Way
from orchestrator.errors import ClosedError
from orchestrator.manifest.model import Grants
from orchestrator.pipeline import arguments
from orchestrator.pipeline.base import Base
from orchestrator.pipeline.operating import operator
from orchestrator.sandbox._call import Call, Log
from orchestrator.sandbox._carrier import GRACE, Carrier
from orchestrator.sandbox._limits import MEMORY, OUTPUT, TIMEOUT, asked, kept_output
from orchestrator.sandbox._limits import size as instances
from orchestrator.sandbox._pool import CLOSED, Place, Pool
from orchestrator.sandbox._snippets import Snippets
from orchestrator.sandbox._source import guests_of
from orchestrator.sandbox._tools import Toolbox
from orchestrator.sandbox.session import SandboxSession

if TYPE_CHECKING:
    from orchestrator.audit import Recorder
    from orchestrator.engine import Engine
    from orchestrator.pipeline.operating import Given
    from orchestrator.sandbox.outcome import Outcome

UNSEEDED = "`random: secure` is granted, and it exports no `agent:code/reseed`: its random numbers would come again"
"""Why an instance is not taken back though that could be."""


class Sandbox(Snippets):
    """Runs snippets of code, each from the same clean state, any number of them at once.

    It keeps instances of the interpreter that are ready. Each is taken back to the state in which it became ready after
    every snippet, before the next one gets it: nothing of a snippet is there for another. `session` gives one that
    keeps what its snippets define.

    Arguments:
        what: `python`, `javascript`, or a component that exports `agent:code/interpreter`: a file, a source folder, or
            one that the engine loaded.
        tools: functions that snippets may call as `tools.name(…)`, by name; they run here, trusted. Their annotations
            say what they take and give: what WIT has a type for, `dict`, `list`, `Any`. `PermissionError` is a denial.
            They may be asynchronous.
        grants: what snippets may reach of the host; nothing by default.
        memory: bytes that an instance may have.
        timeout: seconds that a snippet may take, waiting for an instance included; None for no end.
        fuel: instructions that a snippet may execute, about one unit each; None for no bound.
        output: bytes that are kept of what a snippet prints, at most 1 MiB.
        size: instances that there may be at a time; as many as there are processors by default.
        engine: loads the component; one of its own by default.
        recorder: takes what snippets do as events, each snippet a run of its own; one of its own by default, with the
            exporters that the environment names, as of `Pipeline.link`.
        secrets, addresses, ceiling: as of `Pipeline.link`.

    Raises:
        ComponentError: there is no such component, or it runs no snippets.
        BuildError: its source does not build.
        InvalidPipeline: a grant or a limit is refused.
        RunError: a folder that is granted cannot be read.
        TypeError, ValueError: an argument is of another type or out of its range, or a function cannot be a tool.
    """

    _closed = True  # until it is made

    def __init__(
        self,
        what: str | Path | Component = "python",
        *,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        grants: Grants | None = None,
        memory: int | None = MEMORY,
        timeout: float | None = TIMEOUT,
        fuel: int | None = None,
        output: int | None = OUTPUT,
        size: int | None = None,
        engine: Engine | None = None,
        recorder: Recorder | None = None,
        secrets: Mapping[str, str] | None = None,
        addresses: Any = (),
        ceiling: Given | Any | None = None,
    ) -> None:
        arguments.component(what)
        box = Toolbox(arguments.mapping(tools or {}, "`tools`"))
        limits = asked(memory, timeout, fuel, output)
        granted = Grants() if grants is None else arguments.instance(grants, Grants, "`grants`")
        by = operator(secrets, addresses, ceiling)
        self._pool = Pool(instances(size))
        self._base = Base(engine, recorder)
        try:
            self._guests, self._limits = guests_of(what, self._base.engine, by, granted, limits, box)
        except BaseException:
            self._base.close()
            raise
        self._most = kept_output(self._limits)
        component = self._guests.linker.component
        self._log = Log(component, self._base.recorder)
        self._carrier = Carrier(component.stack, blocks=bool(len(box)) or granted.stdio == "inherit")
        self._sessions: set[SandboxSession] = set()
        self._closed = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Ends the instances of a sandbox that nobody closed."""
        if not self._closed:
            self._pool.close(CLOSED)
            self._guests.linker.close()

    # Running

    @property
    def way(self) -> Way:
        """How an instance is taken back after a snippet; `fresh` where each snippet gets a new one, with the reason.

        A new instance is as clean, and takes many times as long to make as another takes to be taken back.
        """
        component = self._guests.linker.component
        return component.way if component.variant.kept else Way("fresh", component.way.reason or UNSEEDED)

    @property
    def recorder(self) -> Recorder:
        """Takes what snippets do: add exporters to it, or subscribe."""
        return self._base.recorder

    def _outcome(self, call: Call, place: Place) -> Outcome:
        guest = place.guest or self._pool.made(place, self._guests.make(call.stay))
        return call.carried_out(guest, self._most, keep=False)

    def session(self) -> SandboxSession:
        """A session: what a snippet defines is there for the next. It has an instance of its own, beside `size`.

        Raises:
            RunError: an instance cannot be made.
            ClosedError: the sandbox or its engine was closed.
        """
        self._check()
        found = SandboxSession(self._guests, self._carrier, self._limits, self._log, self._sessions)
        if self._closed:  # meanwhile, so that it may not have seen this one
            found.close()
        self._check()
        return found

    def _within(self, timeout: float | None) -> float | None:
        self._check()
        return super()._within(timeout)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(CLOSED)
        if self._base.engine.closed:
            raise ClosedError("the engine was closed")

    # Ending

    def close(self) -> tuple[str, ...]:
        """Ends what runs, every instance and session, and an engine and a recorder of its own. Harmless when repeated.

        Returns:
            What went wrong with exporters, a line each.
        """
        if self._closed:
            return ()
        self._closed = True
        sessions = list(self._sessions)
        pools = [self._pool, *(each._pool for each in sessions)]
        for pool in pools:
            pool.close(CLOSED)
        until = time.monotonic() + 2 * GRACE
        for pool in pools:
            pool.emptied(until)
        self._carrier.threads.close()
        for each in sessions:
            each.close()
        self._guests.linker.close()
        return self._base.close()
