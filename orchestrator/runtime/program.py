"""A linked pipeline, ready to run: a linker for each store, the instances that outlive runs, the threads.

Runs of one program may go on at once in any number of threads.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.audit import Recorder, trace_id
from orchestrator.diagnostics import printable
from orchestrator.engine import Engine, Linker
from orchestrator.engine.frame import Frame
from orchestrator.engine.stack import has_frames, needed_stack, stack_left
from orchestrator.errors import (
    Cancelled,
    ClosedError,
    InvalidPipeline,
    LimitExceeded,
    RunError,
    TimedOut,
    ValueMismatch,
)
from orchestrator.interface.convert import check, has_json
from orchestrator.interface.sizes import sizer
from orchestrator.interface.types import Function, Interface, Name
from orchestrator.link.answers import TOOLS
from orchestrator.runtime.crossing import Crossing, denied_by
from orchestrator.runtime.gates import EdgeGate, python_host
from orchestrator.runtime.homes import Home
from orchestrator.runtime.hosting import config_functions, define
from orchestrator.runtime.interrupts import Interrupts, on_main_thread, only_interrupts
from orchestrator.runtime.judging import Judge, Judges, edge_of, shown_of
from orchestrator.runtime.labels import Labels
from orchestrator.runtime.pool import Filler
from orchestrator.runtime.run import Outcome, Run
from orchestrator.runtime.schedule import GRACE, Schedule
from orchestrator.runtime.states import SKIPPED, source_value
from orchestrator.runtime.steps import steps_of
from orchestrator.runtime.stores import Store, stores_of
from orchestrator.runtime.threads import Threads
from orchestrator.runtime.tools import Tool, denied, tool_functions
from orchestrator.runtime.trail import ending
from orchestrator.wasi import is_config_store, is_served, serve

if TYPE_CHECKING:
    from orchestrator.contract import Checks
    from orchestrator.interface.types import Type
    from orchestrator.link.model import (
        Detector,
        LinkedCall,
        LinkedData,
        LinkedGraph,
        LinkedNode,
        LinkedOutput,
        LinkedTool,
    )
    from orchestrator.runtime.states import States

_CLOSED = "the linked pipeline was closed"
_LOOK = 0.05
"""Seconds between two looks of a node that waits for its elements at whether it should go on."""
_MOST_PROBLEMS = 20
"""What went wrong that is told when a program is closed; more is left out."""


class Program:
    """A linked pipeline, ready to run.

    Arguments:
        graph: what to run.
        engine: that loaded its components; it outlives the program.
        recorder: takes the events of every run; outlives the program.
    """

    def __init__(self, graph: LinkedGraph, engine: Engine, recorder: Recorder) -> None:
        self.graph, self.engine, self.recorder = graph, engine, recorder
        self.stores = stores_of(graph, engine)
        """By node, the store that it lives in."""
        self._stack = needed_stack(graph.depth, [one.component.stack for one in dict.fromkeys(self.stores.values())])
        self.threads = Threads(self._stack)
        self._running: set[Run] = set()
        self._filler = Filler(self.threads, self._running)
        self._spread = {edge.target for edge in graph.data if edge.each is not None}
        homes = {
            store: Home(store, self._linker(store), self._filler, graph.operator)
            for store in dict.fromkeys(self.stores.values())
        }
        self.homes = {name: homes[store] for name, store in self.stores.items()}
        self._labels = Labels(graph)
        self._remember()
        self.steps = steps_of(graph, self.stores)
        """The nodes that run."""
        judged = ((e.id, self._judges_of(e, e.target, e.checks, {"value": e.type})) for e in graph.data)
        self.judges = {id_: judges for id_, judges in judged if judges is not None}
        """By data edge, the detectors that judge its value."""
        self._declared = {item.name: item for item in graph.inputs}
        self._measured = tuple((item.name, sizer(item.type)) for item in graph.inputs if has_json(item.type))
        self.needs = {name: len(graph.nodes[name].after) for name in self.steps}
        """How many nodes each of them waits for."""
        self.hushed = _hushed(graph)
        """Nodes that are given or give what an edge redacts: what they say of a failure is not shown."""
        rules = {name: node.reverts for name, node in graph.nodes.items() if node.reverts is not None}
        self.most_violations = {name: one.violations for name, one in rules.items() if one.violations is not None}
        self.most_denials = {name: one.denials for name, one in rules.items() if one.denials is not None}
        """Of nodes that are taken back for that: after how many violations of contracts, and denials, in a run."""
        self.most_quarantined = {name: one.quarantine for name, one in rules.items() if one.quarantine}
        self._unblocked = all(
            node.component is not None and node.grants.stdio != "inherit" for node in graph.nodes.values()
        )
        self.problems: list[str] = []
        """What went wrong beside the runs, a line each, for people."""
        self._closed = False
        self._ended = threading.Condition()

    def is_spread(self, home: Home) -> bool:
        """Whether a run may have several instances of a home at a time: for each element, or for each call."""
        return home.lifetime == "call" or not self._spread.isdisjoint(home.names)

    def _remember(self) -> None:
        """Notes what the instances that outlive runs remember in."""
        memories = ((name, home.memory) for name, home in self.homes.items())
        self._labels.remember({name: memory for name, memory in memories if memory is not None})

    # Linking

    def _linker(self, store: Store) -> Linker:
        """The linker of a store, with every import of its nodes answered."""
        linker = self.engine.linker(store.component)
        for node in store.nodes:
            self._answer_all(linker, store, node)
        return linker

    def _answer_all(self, linker: Linker, store: Store, node: LinkedNode) -> None:
        """Answers the imports of a node."""
        assert node.component is not None
        for edge in node.calls:
            if not edge.fused:
                self._answer(linker, store, edge)
        answered = [edge.wanted for edge in node.calls]
        for item in node.component.world.imports:
            if not isinstance(item, Interface) or item in answered:
                continue
            if is_served(item):
                _serve(linker, store.imported(node.name, item))
            elif is_config_store(item):
                define(linker, store.imported(node.name, item), config_functions(node.config))
            elif item.name.base == TOOLS:
                tools = tool_functions([self._tool(edge) for edge in node.tools])
                define(linker, store.imported(node.name, item), tools)

    def _answer(self, linker: Linker, store: Store, edge: LinkedCall) -> None:
        callee = self.graph.nodes[edge.callee]
        interface, functions = _functions(store.imported(edge.caller, edge.wanted))
        target, _ = _functions(edge.offered)
        for wanted, named in zip(functions, _functions(edge.wanted)[1], strict=True):
            offered, checks = _offered(edge, named), edge.checks.get(named.name)
            crossing = Crossing(
                edge.id,
                edge.caller,
                edge.callee,
                f"{target or callee.name}.{offered.name}",
                denied_by(named),
                checks,
                callee.limits.timeout,
                declassify=edge.declassify,
                noted=_is_noted(callee),
                single=_is_single(callee),
                judges=self._judges_of(edge, edge.caller, checks, shown_of(named)),
            )
            if callee.python is not None:
                linker.answer(interface, wanted, python_host(crossing, wanted, callee.python))
            else:
                answer = self.stores[callee.name].exported(callee.name, target, offered)
                linker.forward(interface, wanted, answer.interface, answer.function, EdgeGate(crossing))

    def _tool(self, edge: LinkedTool) -> Tool:
        callee = self.graph.nodes[edge.callee]
        timeout = callee.limits.timeout
        where = (edge.id, edge.caller, edge.callee, str(edge.export))
        store = self.stores.get(callee.name)
        target = None if store is None else store.exported(callee.name, edge.export.interface, edge.export.function)
        judges = self._judges_of(edge, edge.caller, edge.checks, shown_of(edge.export.function))
        crossing = Crossing(
            *where, denied, edge.checks, timeout, edge.name, edge.declassify, judges,
            noted=_is_noted(callee), single=_is_single(callee),
        )  # fmt: skip
        return Tool(edge, crossing, callee, target)

    def _judges_of(
        self,
        edge: LinkedData | LinkedCall | LinkedTool,
        asking: str,
        checks: Checks | None,
        shown: Mapping[str, Type],
    ) -> Judges | None:
        """The detectors of an edge, shown values of those types; None where its rules ask for none."""
        if checks is None or not checks.detects:
            return None
        return Judges([self._judge(edge, asking, each) for each in edge.detectors], shown)

    def _judge(self, edge: LinkedData | LinkedCall | LinkedTool, asking: str, detector: Detector) -> Judge:
        node, export = self.graph.nodes[detector.node], detector.export
        crossing = Crossing(
            edge_of(edge.id, node.name), asking, node.name, str(export), denied_by(export.function), None,
            node.limits.timeout,
        )  # fmt: skip
        store = self.stores.get(node.name)
        target = None if store is None else store.exported(node.name, export.interface, export.function)
        return Judge(crossing, node, export.function, target, bool(edge.contract.redact))

    # Running

    def begin(
        self,
        inputs: Mapping[str, Any],
        traceparent: str = "",
        labels: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> Run:
        """A run that has not begun; `carry_out` does, `Run.cancel` ends it.

        Arguments:
            inputs: in their Python forms; those with a default may be absent.
            traceparent: the W3C header of the caller, if it has one.
            labels: those that inputs have in this run, beside those of the pipeline.

        Raises:
            ValueMismatch: an input is missing, unknown, or does not fit its type; a label is unknown.
            InvalidPipeline: labels would meet where they may not.
        """
        if self._closed:
            raise ClosedError(_CLOSED)
        given = self._given(labels) if labels else frozenset[tuple[str, str]]()
        run = Run(self, self._inputs(inputs), traceparent)
        try:
            self._labels.admit(run, given)
        except InvalidPipeline as problem:
            run.refused(problem.diagnostics[0])
            raise
        return run

    def _given(self, labels: Mapping[str, Collection[str]]) -> frozenset[tuple[str, str]]:
        sorts = self.graph.flow.sorts
        for name, its in labels.items():
            if name not in self._declared:
                raise self._unknown_input(f"labels.{name}", name)
            for label in its:
                if label not in sorts:
                    raise ValueMismatch(f"labels.{name}", f"labels of data ({', '.join(sorts)})", f"`{label}`")
        return frozenset((name, label) for name, its in labels.items() for label in its)

    def _unknown_input(self, path: str, name: str) -> ValueMismatch:
        known = ", ".join(self._declared) or "none"
        return ValueMismatch(path, f"one of the pipeline's inputs ({known})", "an unknown input")

    def _inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._declared
        for name in given:
            if name not in declared:
                raise self._unknown_input(f"inputs.{name}", name)
        found: dict[str, Any] = {}
        for name, item in declared.items():
            if name in given:
                value = check(item.type, given[name], f"inputs.{name}")
                found[name] = str(Path(value).absolute()) if item.is_path else value
            elif item.has_default:
                folder = self.graph.manifest.folder.absolute()
                found[name] = str(folder / item.default) if item.is_path else item.default
            else:
                raise ValueMismatch(f"inputs.{name}", "a value: it has no default", "none")
        return found

    def carry_out(self, run: Run) -> Outcome:
        """Carries a run out, on this thread and those of the program.

        Raises:
            RunError: it did not end well.
            KeyboardInterrupt: ctrl-C; the guests were stopped and the events recorded.
        """
        with Interrupts(lambda: run.cancel(Cancelled("the run was interrupted"))):
            self._running.add(run)
            if self._closed:
                run.cancel(Cancelled(_CLOSED))
            try:
                return self._carried_out(run)
            finally:
                self._running.discard(run)
                self._labels.leave(run)
                if self._closed:
                    with self._ended:
                        self._ended.notify_all()

    def _carried_out(self, run: Run) -> Outcome:
        detail: dict[str, Any] = {"inputs": {name: measure(run.inputs[name]) for name, measure in self._measured}}
        how = ending(None)
        run.begin()
        try:
            states = Schedule(run).carry_out()
            outputs = {o.name: _output(o, run, states) for o in self.graph.outputs}
            return Outcome(outputs, trace_id(run.id), (time.perf_counter_ns() - run.start) / 1e9)
        except RunError as problem:
            how = ending(problem)
            if isinstance(problem, TimedOut | LimitExceeded) and not problem.node:
                run.limited(problem)
            raise run.placed(problem) from problem.__cause__
        except BaseException as problem:
            how = ending(problem)
            raise
        finally:
            run.rooms.close(run)
            run.end(how[0], {**detail, **how[1]})

    def can_run_here(self) -> bool:
        """Whether guests may run on the calling thread: handing a run over costs more than a small one.

        Only where none of them can block in the host, so that a deadline or an interrupt ends each at its next tick:
        what is printed to the process's own output may have to wait for its reader.
        """
        if not self._unblocked or stack_left() < self._stack or not has_frames(self.graph.depth):
            return False
        return not on_main_thread() or only_interrupts()

    def spread(self, work: Callable[[int], None], count: int, parallel: int, frame: Frame) -> None:
        """Does `work` for 0 … count-1, `parallel` at a time, until the frame has a problem.

        What is blocked in the host when it has one is waited for a little, then left behind.
        """
        numbers, done = itertools.count(), threading.Semaphore(0)

        def worker() -> None:
            while (index := next(numbers)) < count and frame.problem() is None:
                work(index)
            done.release()

        workers = min(parallel, count)
        for _ in range(workers):
            self.threads.start(worker)
        for _ in range(workers):
            if not _acquired(done, frame):
                return

    def abandon(self, run: Run) -> None:
        """Guests of the run are still blocked in the host: sessions that they hold are not waited for again."""
        for home in dict.fromkeys(self.homes.values()):
            home.abandon(run)

    def share_sessions(self, other: Program) -> None:
        """Shares with another program the homes of the session stores that are the same in both.

        Raises:
            InvalidPipeline: what their instances remember may not be where this pipeline would bring it.
        """
        renewed: dict[Home, Home] = {}
        for home in dict.fromkeys(self.homes.values()):
            names = home.names
            same = home.lifetime == "session" and all(self._same(other, name) for name in names)
            theirs = other.homes.get(names[0]) if same else None
            if theirs is None or theirs.names != names:
                continue
            kept = theirs.shared()
            if kept is not None:
                home.close()
                renewed[home] = kept
        self.homes = {name: renewed.get(home, home) for name, home in self.homes.items()}
        self._remember()
        self._labels.check()

    def _same(self, other: Program, name: str) -> bool:
        """Whether a node's instances may serve both programs: component, powers, and answers to its imports."""
        if name not in other.homes:
            return False
        mine, theirs = (_identity(program, name) for program in (self, other))
        return mine == theirs

    def unkept(self, node: str, why: str) -> None:
        """Notes that what a node held when it was taken back was not kept: to be told at the end."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"what `{node}` held when it was taken back was not kept: {printable(why)}")

    def close(self) -> None:
        """Cancels what still runs; ends the session instances, linkers and idle threads. Harmless when repeated."""
        with self._ended:
            if self._closed:
                return
            self._closed = True
            for run in list(self._running):
                run.cancel(Cancelled(_CLOSED))
            self._ended.wait_for(lambda: not self._running, 2 * GRACE)
        with Interrupts(lambda: None):
            self._labels.remember({})
            self._filler.close()
            for home in dict.fromkeys(self.homes.values()):
                home.close()
        self.threads.close()


def _acquired(done: threading.Semaphore, frame: Frame) -> bool:
    """Waits for a worker to end; False when it does not, though the frame has a problem."""
    while not done.acquire(timeout=_LOOK):
        if frame.problem() is not None:
            return done.acquire(timeout=GRACE)
    return True


def _identity(program: Program, name: str) -> tuple[Any, ...]:
    """What an instance of a node depends on."""
    graph = program.graph
    node = graph.nodes[name]
    callees = {edge.callee for edge in node.calls} | {edge.callee for edge in node.tools}
    callees |= {detector.node for detector in _detectors(node)}
    called = sorted((callee, graph.nodes[callee].limits.timeout or 0.0) for callee in callees)
    pythons = {item.name: item.python for item in graph.manifest.nodes if item.name in callees}
    kept = (node.lifetime, node.reverts)
    own = (node.component, node.bulk, node.grants, node.limits, *kept, dict(node.config), graph.operator)
    return (*own, node.calls, node.tools, called, _answers(program, node), pythons, graph.manifest.folder)


def _answers(program: Program, node: LinkedNode) -> list[str]:
    """What the components that a node calls name what answers it: another name where they are fused."""
    stores = program.stores
    calls = [stores[e.callee].offered(e.callee, e.offered).name for e in node.calls if e.callee in stores]
    found = [(e.callee, e.export) for e in node.tools] + [(each.node, each.export) for each in _detectors(node)]
    keys = [stores[c].exported(c, e.interface, e.function).key for c, e in found if c in stores]
    return [*map(str, calls), *keys]


def _detectors(node: LinkedNode) -> list[Detector]:
    """The detectors of what a node calls."""
    edges: list[LinkedCall | LinkedTool] = [*node.calls, *node.tools]
    return [detector for edge in edges for detector in edge.detectors]


def _is_noted(node: LinkedNode) -> bool:
    """Whether it is remembered what of a node is called."""
    return node.reverts is not None and node.reverts.quarantine > 0


def _is_single(node: LinkedNode) -> bool:
    """Whether a node has an instance for each call, which may be taken back."""
    return node.reverts is not None and node.lifetime == "call"


def _hushed(graph: LinkedGraph) -> frozenset[str]:
    """The nodes at either end of an edge that redacts something, and those that judge what crosses it."""
    found = {edge.target for edge in graph.data if edge.contract.redact}
    found |= {edge.source.name for edge in graph.data if edge.contract.redact and edge.source.kind != "input"}
    crossings: list[LinkedCall | LinkedTool] = [*graph.calls, *graph.tools]
    found.update(*((edge.caller, edge.callee) for edge in crossings if edge.contract.redact))
    every: list[LinkedData | LinkedCall | LinkedTool] = [*graph.data, *crossings]
    found.update(*(edge.contract.detect for edge in every if edge.contract.redact))
    return frozenset(found)


def _serve(linker: Linker, item: Interface | Function) -> None:
    assert isinstance(item, Interface)
    serve(linker, item)


def _functions(item: Interface | Function) -> tuple[Name | None, tuple[Function, ...]]:
    return (item.name, item.functions) if isinstance(item, Interface) else (None, (item,))


def _offered(edge: LinkedCall, wanted: Function) -> Function:
    """The function that answers: of the same name, or the one that was named."""
    if isinstance(edge.offered, Function):
        return edge.offered
    found = edge.offered.function(wanted.name)
    assert found is not None, f"{edge.id}: link let {wanted.name} through without an answer"
    return found


def _output(output: LinkedOutput, run: Run, states: States) -> Any:
    source = output.source
    value = source_value(source, run, states)
    return None if value is SKIPPED else run.python(value, "" if source.kind == "input" else source.name)
