"""The states of one node's instance between runs: kept by name, and gone back to. Policies are the node's keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.diagnostics import printable
from orchestrator.errors import ClosedError, OrchestratorError
from orchestrator.pipeline import arguments

if TYPE_CHECKING:
    from orchestrator.runtime import Program

WAIT = 30.0
"""Seconds that a run which is in the instance is waited for."""


class NodeStates:
    """A node of a linked pipeline, as far as its states go. Made by `LinkedPipeline.node`.

    What is kept stays in memory as long as the linked pipeline; pages that did not change since an earlier state are
    shared with it. States are kept of a node that has a key for them: `snapshot`, `revert-on`, or an edge with
    `on-violation: revert`. Where none of these is needed, `snapshot: {}` is enough.

    Arguments:
        name: the node's.
    """

    def __init__(self, name: str, program: Program) -> None:
        self.name, self._program, self._home = name, program, program.homes[name]

    def __repr__(self) -> str:
        return f"<states of node {self.name}: {', '.join(self.snapshots) or 'none'}>"

    @property
    def way(self) -> str:
        """How it is taken back: `proven`, `instrumented` or `fresh` (by a fresh instance alone)."""
        return self._home.store.component.way.name

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of the states that are kept: `after-init`, those of `snapshot`, the `step-N` of the last run."""
        clean = self._home.clean
        return () if clean is None else clean.names()

    def snapshot(self, name: str, *, timeout: float = WAIT) -> None:
        """Keeps the present state of the node's instance, which has to outlive runs (`lifetime: session`).

        Arguments:
            name: in its place, whatever had that name before.
            timeout: seconds that a run which is in the instance is waited for.

        Raises:
            OrchestratorError: no state of it can be kept, or none now; the text says why.
            TimedOut: a run was in it for longer.
            ClosedError: the linked pipeline was closed.
        """
        self._home.keep(arguments.named(name, "a state"), arguments.seconds(timeout, "`timeout`") or WAIT)

    def revert(self, name: str = "after-init", *, timeout: float = WAIT) -> int | None:
        """Takes the node's instance back to a state; where it has none now, the next one will begin with it.

        That an instance is taken back is told to the recorder in a run of its own, in which nothing else happens; the
        node's `quarantine` keeps what the instance held. The labels of what came to the node stay.

        Arguments:
            name: of the state.
            timeout: seconds that a run which is in the instance is waited for; then the instance is given up, and ends
                when that run leaves it.

        Returns:
            How many pages of its memories were put back, all that it wrote to at any time; None where a fresh instance
            takes its place.

        Raises:
            OrchestratorError: there is no such state, or it can be put on no other instance and this one has ended.
            ClosedError: the linked pipeline was closed.
        """
        from orchestrator.runtime.run import by_hand

        seconds = arguments.seconds(timeout, "`timeout`") or WAIT
        return self._home.revert(name, seconds, partial(by_hand, self._program))

    def save(self, name: str, path: Path | str) -> None:
        """Writes a state into a file, for this component and no other. There is no native code in it.

        Arguments:
            name: of the state; a guest that held handles in it leaves it to its own instance.
            path: replaced if it is there; readable by its owner alone.

        Raises:
            OrchestratorError: there is no such state.
            SnapshotError: the file cannot be written.
        """
        self._home.save(name, Path(path))

    def load(self, path: Path | str, name: str) -> None:
        """Takes up a state from a file: `revert(name)` goes to it. Nothing that the file says is believed.

        Arguments:
            name: in its place, whatever had that name before.

        Raises:
            SnapshotError: the file holds no state, or another component's, or none that an instance can be brought to.
            OrchestratorError: no state of the node is kept.
        """
        self._home.load(Path(path), arguments.named(name, "a state"))

    def forget(self, name: str) -> None:
        """Gives a state up; harmless where there is none. `after-init` stays."""
        if self._home.clean is not None:
            self._home.clean.give_up(name)


def states_of(name: str, program: Program, *, closed: bool) -> NodeStates:
    """The states of a node.

    Raises:
        ClosedError: the linked pipeline was closed.
        OrchestratorError: it has no such node, or that is a Python function.
    """
    if closed:
        raise ClosedError("the linked pipeline was closed")
    arguments.text(name, "the name of a node")
    if name not in program.homes:
        known = ", ".join(program.homes) or "none"
        raise OrchestratorError(f"there is no node `{printable(name)}` with instances; those with some: {known}")
    return NodeStates(name, program)
