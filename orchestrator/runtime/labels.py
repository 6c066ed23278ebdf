"""Labels that only a run brings: those that its inputs are given with, and those that a kept instance remembers.

What the graph itself has was checked when it was linked. Here a run is let in or refused before anything of it runs:
with its own labels, with what the memory of each instance that outlives runs has come to hold, and with what it adds to
that for the runs that go on, of this program and of those that share such instances.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import Diagnostic, printable
from orchestrator.errors import InvalidPipeline, OrchestratorError
from orchestrator.graph.flow import ORIGINS, Held, Seed, spread
from orchestrator.link.flow import diagnostic, meetings, of_node
from orchestrator.link.folders import places
from orchestrator.manifest.model import PRIVATE, UNTRUSTED

if TYPE_CHECKING:
    from orchestrator.link.model import Flow, LinkedGraph
    from orchestrator.manifest.model import Sort
    from orchestrator.runtime.run import Run

Given = frozenset[tuple[str, str]]
"""What inputs of a run were given with: (input, label)."""
_Kept = tuple[str, str, str]
"""A node, a label and its origin."""
_NONE: Given = frozenset()
_MOST_SEEN = 64
_MOST_TOLD, _LONGEST = 256, 500
"""Labels that a file of a state may bring, and characters of what it says of each."""
_admitting = threading.Lock()
"""Held while a run is let in: what two of them add to one memory is seen by the later one."""


class Memory:
    """What the memory of an instance that outlives runs may hold: whatever came to its nodes in a run that began.

    It is not forgotten when the instance is replaced or taken back: states that were kept of it may hold what came, and
    may be gone back to. Who links anew begins with a clean one.
    """

    def __init__(self) -> None:
        self.version = 0
        """Grows with it."""
        self.users: weakref.WeakSet[Labels] = weakref.WeakSet()
        """The programs that use the instance."""
        self._kept: dict[_Kept, tuple[Seed, Sort]] = {}

    def seeds(self, flow: Flow, more: Mapping[_Kept, tuple[Seed, Sort]]) -> Iterator[Seed]:
        """What it holds, with `more`, as labels that begin in a pipeline; one that it does not have is what it is."""
        for seed, sort in (*self._kept.values(), *more.values()):
            known = flow.sorts.get(seed.label) == sort
            yield seed if known else Seed(seed.vertex, sort, seed.origin, seed.why, seed.before)

    def lacks(self, kept: _Kept, more: Mapping[_Kept, tuple[Seed, Sort]]) -> bool:
        """Whether it would grow by that label."""
        if kept in self._kept or kept in more:
            return False
        alike = [other for other in (*self._kept, *more) if other[:2] == kept[:2]]
        return len(alike) < ORIGINS

    def grow(self, more: Mapping[_Kept, tuple[Seed, Sort]]) -> None:
        """Takes in what was found to be lacking."""
        if more:
            self._kept |= more
            self.version += 1

    def told(self) -> list[dict[str, str]]:
        """What it holds, as JSON has it: it goes with a state into a file. One of each label is enough."""
        with _admitting:
            found = {(seed.label, sort): seed for seed, sort in reversed(self._kept.values())}
        return [
            {"label": label, "sort": sort, "origin": seed.origin, "why": seed.why}
            for (label, sort), seed in found.items()
        ]

    def take_in(self, node: str, told: Any) -> None:
        """Takes in what was told with a state that a node takes up; whatever has another form is none.

        Raises:
            OrchestratorError: there are too many; or a run goes on that was let in without them.
        """
        found: dict[tuple[str, Sort], Seed] = {}
        for one in told if isinstance(told, list) else ():
            if isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("label", "origin", "why")):
                label, origin, why = (printable(one[key][:_LONGEST]) for key in ("label", "origin", "why"))
                sort = one.get("sort")
                if sort in (UNTRUSTED, PRIVATE):
                    found[label, sort] = Seed(node, label, origin, f"`{node}` has it from a file: {why}")
        if len(found) > _MOST_TOLD:
            raise OrchestratorError(f"the state brings {len(found)} labels; {_MOST_TOLD} are taken")
        with _admitting:
            there = {(seed.label, sort) for (whose, *_), (seed, sort) in self._kept.items() if whose == node}
            more: dict[_Kept, tuple[Seed, Sort]] = {
                (node, seed.label, f"{sort}, {seed.origin}"): (seed, sort)
                for (label, sort), seed in found.items()
                if (label, sort) not in there
            }
            if more and any(user.going_on() for user in self.users):
                raise OrchestratorError(
                    f"the state brings labels to node `{node}`, and a run goes on that was let in without them: "
                    "load it when no run goes on"
                )
            self.grow(more)


class Labels:
    """The labels of one program's runs.

    Arguments:
        graph: what it runs.
    """

    def __init__(self, graph: LinkedGraph) -> None:
        self._graph, self._flow = graph, graph.flow
        # Where nothing is written, or nobody can send, it does not matter what a folder is.
        written = any(each.grant.access == "write" for each in graph.flow.folders)
        self._moves = written and len(graph.flow.folders) > 1 and bool(graph.flow.senders)
        """Whether folders are looked at for each run."""
        self._memories: dict[str, Memory] = {}
        self._running: weakref.WeakSet[Run] = weakref.WeakSet()
        """The runs that were let in and have not ended, where they share something with others."""
        self._seen: dict[Given, tuple[tuple[int, ...], tuple[Seed, ...]]] = {}
        """By what runs were given, with which memories they were let in, and what these had brought."""

    def remember(self, memories: Mapping[str, Memory]) -> None:
        """Notes the nodes whose instances outlive runs, by name, and what each remembers in."""
        with _admitting:
            for memory in self._memories.values():
                memory.users.discard(self)
            self._memories = dict(memories)
            for memory in self._memories.values():
                memory.users.add(self)

    def check(self) -> None:
        """Refuses a pipeline that was linked anew, for what its kept instances hold. Raises InvalidPipeline."""
        with _admitting:
            _, problems = self._spread(_NONE, {})
        if problems:
            raise InvalidPipeline(problems)

    def admit(self, run: Run, given: Given) -> None:
        """Lets a run in.

        Raises:
            InvalidPipeline: labels would meet where they may not, in it or in a run that goes on.
        """
        if not given and not self._memories and not self._moves:
            return
        run.given = given
        with _admitting:
            if self._moves:
                self._look(run)
            if not given and not self._memories:
                return
            versions = tuple(memory.version for memory in self._memories.values())
            seen = self._seen.get(given)
            if seen is None or seen[0] != versions:
                seen = self._settle(given)
            run.brought = seen[1]
            if self._memories:
                self._running.add(run)

    def _look(self, run: Run) -> None:
        """Looks at where folders are now: what one node writes another may read since the pipeline was linked."""
        run.folders = places(self._flow.folders, self._flow.start)
        run.flow = self._flow.now()
        if run.flow is self._flow:
            return
        before, self._flow = self._flow, run.flow
        _, problems = self._spread(_NONE, {})
        if problems:
            self._flow = before
            raise InvalidPipeline(_moved(problems))
        self._seen.clear()

    def leave(self, run: Run) -> None:
        """The run has ended."""
        if self._memories:
            with _admitting:
                self._running.discard(run)

    def _settle(self, given: Given) -> tuple[tuple[int, ...], tuple[Seed, ...]]:
        """Works out what memories come to hold with one more run, and refuses it where that may not be."""
        more: dict[Memory, dict[_Kept, tuple[Seed, Sort]]] = {}
        others = [(each, theirs) for each in self._sharing() for theirs in each.going_on()]
        grows = True
        while grows:
            grows = False
            for number, (labels, theirs) in enumerate(((self, given), *others)):
                held, problems = labels._spread(theirs, more)
                if problems:
                    raise InvalidPipeline(_elsewhere(problems) if number else problems)
                grows = labels._remembered(held, more) or grows
        for memory, found in more.items():
            memory.grow(found)
        brought = tuple(self._brought(given, {}))
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        found_now = tuple(memory.version for memory in self._memories.values()), brought
        self._seen[given] = found_now
        return found_now

    def going_on(self) -> set[Given]:
        """What the runs that go on were given."""
        return {run.given for run in self._running}

    def _sharing(self) -> set[Labels]:
        """This and all that share a memory with it, at however many removes."""
        found: set[Labels] = {self}
        left = [self]
        while left:
            for memory in left.pop()._memories.values():
                new = set(memory.users) - found
                found |= new
                left += new
        return found

    def _spread(
        self, given: Given, more: Mapping[Memory, Mapping[_Kept, tuple[Seed, Sort]]]
    ) -> tuple[Mapping[str, tuple[Held, ...]], list[Diagnostic]]:
        """What comes where in a run, and where it may not."""
        held = spread((*self._flow.seeds, *self._brought(given, more)), self._flow.passages)
        nodes = self._graph.nodes
        problems = [diagnostic(self._flow, each, nodes[each.node].where) for each in meetings(self._flow, held)]
        return of_node(self._flow, held), problems

    def _brought(self, given: Given, more: Mapping[Memory, Mapping[_Kept, tuple[Seed, Sort]]]) -> Iterator[Seed]:
        for name, label in sorted(given):
            why = f"the input `{name}` was given to the run with the label `{label}`"
            yield Seed(f"inputs.{name}", label, f"inputs.{name} of a run", why)
        for memory in dict.fromkeys(self._memories.values()):
            yield from memory.seeds(self._flow, more.get(memory, {}))

    def _remembered(
        self, held: Mapping[str, Sequence[Held]], more: dict[Memory, dict[_Kept, tuple[Seed, Sort]]]
    ) -> bool:
        """Notes what memories lack of what comes to their nodes; whether there was any."""
        grown = False
        for name, memory in self._memories.items():
            for one in held.get(name, ()):
                seed = _kept(name, one, own=self._flow.places.get(one.seed.vertex) == name)
                key = (name, seed.label, seed.origin)
                if memory.lacks(key, more.get(memory, {})):
                    more.setdefault(memory, {})[key] = seed, self._flow.sorts[one.label]
                    grown = True
        return grown


def _kept(name: str, held: Held, *, own: bool) -> Seed:
    """What came to a node, as it stays in its memory. What it opened itself stays its own, wherever it is linked."""
    origin = held.seed.origin if own or held.seed.origin.startswith("kept ") else f"kept {held.seed.origin}"
    why = f"`{name}` has kept it in its memory since an earlier run: it has `lifetime: session`"
    return Seed(name, held.label, origin, why, before=held.story)


def _moved(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The same, where it is so only since folders lead elsewhere than when the pipeline was linked."""
    line = "folders lead elsewhere than when the pipeline was linked: a symbolic link was changed"
    return [replace(problem, help=(line, *problem.help)) for problem in problems]


def _elsewhere(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The same, of another run: of one that goes on and would come to hold what this one brings."""
    line = "that is in a run that goes on, with which this one shares an instance; run this one when it has ended"
    return [replace(problem, help=(line, *problem.help)) for problem in problems]
