"""The facade: pipelines loaded from YAML or built in Python, linked, run, changed, and shown.

    with Engine() as engine, Pipeline.load("pipelines/docs-answer.yaml").link(engine) as linked:
        result = linked.run(question="What is a contract?")

Everything it does, a room below does; this file only puts them together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import Cancelled, ClosedError, InvalidPipeline, OrchestratorError
from orchestrator.interface.parse import parse_type
from orchestrator.manifest.model import (
    MISSING,
    CallEdge,
    Contract,
    DataEdge,
    Each,
    Edge,
    Grants,
    Input,
    Lifetime,
    Limits,
    Manifest,
    Node,
    Output,
    PythonFunction,
    Repeat,
    Retry,
    RunLimits,
    ToolEdge,
    Where,
)
from orchestrator.manifest.paths import read_port, read_ref, read_target, read_tool, whole

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio import Event as AsyncEvent

    from orchestrator.audit import Event, Recorder, Subscription
    from orchestrator.engine import Component, Engine
    from orchestrator.graph import Graph
    from orchestrator.graph.form import Networkx
    from orchestrator.interface.types import Type
    from orchestrator.link.model import LinkedGraph
    from orchestrator.runtime import Outcome, Program
    from orchestrator.runtime.run import Run

__all__ = ["Execution", "LinkedPipeline", "Pipeline", "Result"]


class Pipeline:
    """A pipeline that can be changed: nodes and edges added, removed, rewired. `link` gives what can be run.

    Arguments:
        name: kebab-case.
        folder: where relative component paths start; the current folder by default.
    """

    def __init__(self, name: str, description: str = "", folder: str | Path = ".") -> None:
        self._manifest = Manifest(name, description, folder=Path(folder))
        self._components: dict[str, Component] = {}
        self._found: tuple[Diagnostic, ...] = ()
        self._allow_python = True

    @classmethod
    def load(cls, path: str | Path, *, env: Mapping[str, str] | None = None, allow_python: bool = False) -> Pipeline:
        """The pipeline of a YAML file.

        What is wrong in it is kept, in `diagnostics`, and raised by `link` together with what linking finds.

        Arguments:
            env: the variables that `${NAME}` may name, with their values.
            allow_python: whether nodes may be Python functions, which run in the host, trusted.

        Raises:
            InvalidPipeline: it is not YAML, or nothing of it can be read.
        """
        from orchestrator.manifest import check_file

        reading = check_file(path, env=env or {}, allow_python=allow_python)
        if reading.manifest is None:
            raise InvalidPipeline(reading.diagnostics)
        found = cls(reading.manifest.name)
        found._manifest, found._found, found._allow_python = reading.manifest, reading.diagnostics, allow_python
        return found

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong in the file it was loaded from."""
        return self._found

    @property
    def manifest(self) -> Manifest:
        """The pipeline as frozen data."""
        return self._manifest

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self._manifest.name

    # Building. Each of these gives the pipeline itself, so that they can be written in a row.

    def input(
        self, name: str, type: str | Type = "string", *, default: Any = MISSING, description: str = ""
    ) -> Pipeline:
        """Adds an input.

        Arguments:
            type: a WIT type, or `path` for a folder or file of the host.
            default: in its JSON form; without one the input is required.

        Raises:
            WitError: the type is none.
        """
        is_path = type == "path"
        parsed = parse_type("string" if is_path else type) if isinstance(type, str) else type
        added = Input(name, parsed, is_path, default, description, Where(place=f"input `{name}`"))
        return self._with(inputs=(*self._manifest.inputs, added))

    def output(self, name: str, source: str) -> Pipeline:
        """Adds an output: `node`, `node.path`, `node.err` or `inputs.name`."""
        ref = _read(read_ref, source).ref
        return self._with(outputs=(*self._manifest.outputs, Output(name, ref, Where(place=f"output `{name}`"))))

    def node(
        self,
        name: str,
        component: str | Path | Component = "",
        *,
        python: str | Callable[..., Any] | None = None,
        signature: str = "",
        run: str = "",
        args: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        grants: Grants | None = None,
        limits: Limits | None = None,
        lifetime: Lifetime = "run",
        repeat: Repeat | None = None,
        retry: Retry | None = None,
        fallback: str = "",
        description: str = "",
    ) -> Pipeline:
        """Adds a node.

        Arguments:
            component: a path as in YAML, or a component that the engine loaded.
            python: a function, or `module:function`, in place of a component.
            signature: the function's WIT signature, `func(a: string) -> u32`; from its annotations by default.
            args: constants for parameters, in their JSON forms.
        """
        if not isinstance(component, str | Path):
            self._components[name] = component
            component = str(component.origin or component.name)
        added = Node(
            name, str(component), self._function(python, signature), run, dict(args or {}), dict(config or {}),
            grants or Grants(), limits or Limits(), lifetime, repeat, retry, fallback, description,
            Where(place=f"node `{name}`"),
        )  # fmt: skip
        return self._with(nodes=(*self._manifest.nodes, added))

    def _function(self, python: str | Callable[..., Any] | None, signature: str) -> PythonFunction | None:
        """A Python node's function. Whoever names it in a program trusts it; only a file has to be allowed to."""
        if python is None:
            return None
        self._allow_python = self._allow_python or not self._found
        return PythonFunction(python, signature)

    def data(
        self,
        source: str,
        target: str,
        *,
        when: str = "",
        each: int | Each | None = None,
        contract: Contract | None = None,
        description: str = "",
    ) -> Pipeline:
        """Adds a data edge, `data("files.documents", "answerer.documents")`.

        Arguments:
            when: a condition over `value`; the target runs only if it holds.
            each: the source is a list: the target runs once an element, so many at a time.
        """
        ref, (node, parameter) = _read(read_ref, source).ref, _read(read_target, target)
        spread = Each(each) if isinstance(each, int) else each
        edge = DataEdge(ref, node, parameter, when, spread, contract or Contract(), description)
        return self._edge(edge)

    def call(
        self, caller: str, callee: str, *, interface: str = "", contract: Contract | None = None, description: str = ""
    ) -> Pipeline:
        """Adds a call edge, `call("answerer", "model", interface="agent:llm/chat")`; a port is written `node.port`."""
        ports = _read(read_port, caller), _read(read_port, callee)
        return self._edge(CallEdge(*ports, interface, contract or Contract(), description))

    def tool(self, caller: str, function: str, *, contract: Contract | None = None, description: str = "") -> Pipeline:
        """Adds a tool edge, `tool("agent", "search.agent:data/retrieval.search")`."""
        return self._edge(ToolEdge(caller, _read(read_tool, function), contract or Contract(), description))

    def limit(self, *, timeout: float | None = None, calls: int | None = None) -> Pipeline:
        """Sets what a whole run may use: seconds, and calls over call and tool edges."""
        return self._with(limits=RunLimits(timeout, calls))

    # Changing

    def remove(self, name: str) -> Pipeline:
        """Removes a node and every edge and output that names it.

        Raises:
            KeyError: there is no such node.
        """
        self._existing(name)
        self._components.pop(name, None)
        manifest = self._manifest
        return self._with(
            nodes=tuple(node for node in manifest.nodes if node.name != name),
            edges=tuple(edge for edge in manifest.edges if name not in _ends(edge)),
            outputs=tuple(o for o in manifest.outputs if o.source.kind == "input" or o.source.name != name),
        )

    def disconnect(self, edge: str) -> Pipeline:
        """Removes the edge that is written so: `files -> answerer.documents`.

        Raises:
            KeyError: there is no such edge.
        """
        wanted = " ".join(edge.split())
        kept = tuple(other for other in self._manifest.edges if str(other) != wanted)
        if len(kept) == len(self._manifest.edges):
            known = "; ".join(map(str, self._manifest.edges)) or "none"
            raise KeyError(f"no edge `{wanted}`; there is {known}")
        return self._with(edges=kept)

    def replace(self, name: str, **changes: Any) -> Pipeline:
        """Changes what is given of a node, as `node` takes it; its edges stay.

        Raises:
            KeyError: there is no such node.
        """
        old = self._existing(name)
        position = self._manifest.nodes.index(old)
        component = changes.pop("component", None)
        if component is not None and not isinstance(component, str | Path):
            self._components[name], component = component, str(component.origin or component.name)
        elif component is not None:
            self._components.pop(name, None)
        if component is not None:
            changes |= {"component": str(component), "python": None}
        python, signature = changes.get("python"), changes.pop("signature", None)
        if python is None and signature is not None and old.python is not None:
            changes["python"] = replace(old.python, signature=signature)
        elif python is not None:
            self._components.pop(name, None)
            changes = {"run": "", **changes, "python": self._function(python, signature or ""), "component": ""}
        nodes = list(self._manifest.nodes)
        nodes[position] = replace(old, **changes)
        return self._with(nodes=tuple(nodes))

    def _existing(self, name: str) -> Node:
        found = next((node for node in self._manifest.nodes if node.name == name), None)
        if found is None:
            known = ", ".join(node.name for node in self._manifest.nodes) or "none"
            raise KeyError(f"no node `{name}`; there is {known}")
        return found

    def _edge(self, edge: Edge) -> Pipeline:
        placed = replace(edge, where=Where(place=f"edge `{edge}`"))
        return self._with(edges=(*self._manifest.edges, placed))

    def _with(self, **changes: Any) -> Pipeline:
        self._manifest = replace(self._manifest, **changes)
        return self

    # Showing and writing

    def to_yaml(self) -> str:
        """The pipeline as YAML that reads as the same pipeline.

        Raises:
            InvalidPipeline: a node is a Python function that is not `module:function`, or a component in memory.
        """
        from orchestrator.manifest import write

        in_memory = [name for name, component in self._components.items() if component.origin is None]
        if in_memory:
            message = "a component that was made in memory cannot be written as YAML"
            help_ = ("save it in a file, and give the node the path",)
            places = [f"node `{name}`" for name in in_memory]
            raise InvalidPipeline([Diagnostic("not-writable", message, place=place, help=help_) for place in places])
        return write(self._manifest)

    def drawing(self) -> Graph:
        """The pipeline as a graph to draw, as it is written: without the types that linking finds."""
        from orchestrator.link import draw

        return draw(self._manifest)

    @property
    def graph(self) -> Networkx:
        """A networkx graph of the nodes, inputs and outputs, with the edges as written."""
        from orchestrator.graph.form import to_networkx

        return to_networkx(self.drawing())

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}: {len(self._manifest.nodes)} nodes, {len(self._manifest.edges)} edges>"

    def _repr_svg_(self) -> str:
        from orchestrator.graph import draw

        return draw(self.drawing(), "svg")

    # Linking

    def link(self, engine: Engine | None = None, *, recorder: Recorder | None = None) -> LinkedPipeline:
        """Checks everything that can be checked, and gives what can be run. The pipeline may be changed after it.

        Arguments:
            engine: loads the components; one of its own by default, closed with the linked pipeline.
            recorder: takes the events; by default one with the exporters of the OTEL_* variables, closed likewise.

        Raises:
            InvalidPipeline: every reason why not.
            ComponentError: the cache cannot be used.
        """
        return LinkedPipeline(self, _Base(engine, recorder))

    def linked(self, engine: Engine) -> LinkedGraph:
        """The linked graph: what `link` checks, without anything that runs."""
        from orchestrator.engine.stack import MAX_DEPTH
        from orchestrator.link import check
        from orchestrator.wasi import answers

        found = check(
            self._manifest,
            self._load(engine),
            packages=_packages(),
            host=answers,
            python_nodes=self._allow_python,
            stack_budget=MAX_DEPTH,
            partial=bool(self._found),
        )
        if found.graph is None or self._found:
            raise InvalidPipeline(sorted((*self._found, *found.diagnostics), key=_position))
        return found.graph

    def _load(self, engine: Engine) -> Callable[[Node, Path], Component]:
        """What gives `link` the component of a node; all that come from files are loaded here, side by side."""
        folder = self._manifest.folder
        given = self._components
        files = [folder / node.component for node in self._manifest.nodes if node.component and node.name not in given]
        loaded = engine.load_all(files)

        def load(node: Node, folder: Path) -> Component:
            path = folder / node.component
            return given.get(node.name) or loaded.get(path) or engine.load(path)

        return load


class LinkedPipeline:
    """A pipeline that was checked and can be run, any number of times, by any number of threads at once.

    Made by `Pipeline.link`; a context manager. It stays as it is whatever becomes of the pipeline it was made from.
    """

    def __init__(self, pipeline: Pipeline, base: _Base) -> None:
        from orchestrator.runtime import Program

        self._pipeline, self._base = pipeline, base
        self._closed = False
        try:
            self.model: LinkedGraph = pipeline.linked(base.engine)
            """What was linked, as immutable data."""
            self.recorder: Recorder = base.recorder
            """Takes the events of every run: add exporters to it, or subscribe."""
            self._program: Program = Program(self.model, base.engine, self.recorder)
        except BaseException:
            base.close()
            raise

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.model.name

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What linking found worth saying and did not refuse."""
        return self.model.warnings

    # Running

    def run(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, traceparent: str = "",
            **inputs: Any) -> Result:  # fmt: skip
        """Runs the pipeline to its end.

        Arguments:
            values, inputs: the inputs by name, in their Python forms; `values` for names that are no Python names.
            timeout: seconds, if less than the pipeline's own.
            traceparent: the W3C header of the caller, whose trace the run then belongs to.

        Raises:
            ValueMismatch: an input is missing, unknown, or does not fit.
            RunError: it did not end well; see the exception tree.
            KeyboardInterrupt: ctrl-C; the guests were stopped and the events recorded.
        """
        return self._begin(values, inputs, timeout, traceparent).carry_out()

    def start(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, traceparent: str = "",
              **inputs: Any) -> Execution:  # fmt: skip
        """Begins a run in the background; arguments as of `run`. Iterate over it for its events."""
        execution = self._begin(values, inputs, timeout, traceparent)
        execution.begin()
        return execution

    async def arun(self, values: Mapping[str, Any] | None = None, /, *, timeout: float | None = None,
                   traceparent: str = "", **inputs: Any) -> Result:  # fmt: skip
        """`run`, awaited; cancelling the task cancels the run."""
        import asyncio

        execution = self.start(values, timeout=timeout, traceparent=traceparent, **inputs)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        execution.when_done(lambda: _tell(loop, ended))
        try:
            await ended.wait()
        except asyncio.CancelledError:
            execution.cancel()
            await asyncio.shield(ended.wait())
            raise
        return execution.result()

    def _begin(
        self, values: Mapping[str, Any] | None, inputs: Mapping[str, Any], timeout: float | None, traceparent: str
    ) -> Execution:
        given = {**{_kebab(name, self.model): value for name, value in inputs.items()}, **(values or {})}
        run = self._program.begin(given, traceparent)
        if timeout is not None:
            run.limit(timeout)
        return Execution(self, self._program, run)

    # Changing

    def relink(self, pipeline: Pipeline | None = None) -> LinkedPipeline:
        """The pipeline as it is now, linked anew; unchanged nodes with `lifetime: session` keep their instances.

        This one stays as it was and can still be run; instances that both have are closed with the last of them.

        Raises:
            InvalidPipeline: every reason why not.
            ClosedError: this one was closed.
        """
        if self._closed:
            raise ClosedError("the linked pipeline was closed")
        renewed = LinkedPipeline(pipeline or self._pipeline, self._base.shared())
        renewed._program.share_sessions(self._program)
        return renewed

    # Showing

    def drawing(self) -> Graph:
        """The pipeline as a graph to draw, with its types."""
        from orchestrator.link import draw

        return draw(self.model)

    @property
    def graph(self) -> Networkx:
        """A networkx graph of the nodes, inputs and outputs, with types and contracts as attributes."""
        from orchestrator.graph.form import to_networkx

        return to_networkx(self.drawing())

    def __repr__(self) -> str:
        return f"<LinkedPipeline {self.name}: {len(self.model.nodes)} nodes>"

    def _repr_svg_(self) -> str:
        from orchestrator.graph import draw

        return draw(self.drawing(), "svg")

    # Ending

    def __enter__(self) -> LinkedPipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> tuple[str, ...]:
        """Cancels what still runs, and ends the instances that outlive runs. Harmless when repeated.

        An engine and a recorder that were made for it are closed with it, or with the last that `relink` gave.

        Returns:
            What went wrong with exporters, a line each.
        """
        if self._closed:
            return ()
        self._closed = True
        self._program.close()
        return self._base.close()


class _Base:
    """What a linked pipeline and those that `relink` gives stand on: an engine and a recorder.

    Those that were not given are made here, and closed with the last user.
    """

    def __init__(self, engine: Engine | None, recorder: Recorder | None) -> None:
        from orchestrator.audit import Recorder, exporters_from_environment
        from orchestrator.engine import Engine

        self._made_engine, self._made_recorder = engine is None, recorder is None
        self.engine = engine if engine is not None else Engine()
        self.recorder = recorder if recorder is not None else Recorder(exporters_from_environment())
        self._users = 1
        self._lock = threading.Lock()

    def shared(self) -> _Base:
        """This, for one more user."""
        with self._lock:
            self._users += 1
        return self

    def close(self) -> tuple[str, ...]:
        """One user less; what went wrong with exporters, a line each."""
        with self._lock:
            self._users -= 1
            if self._users:
                return ()
        problems = self.recorder.close() if self._made_recorder else ()
        if self._made_engine:
            self.engine.close()
        return problems


class Execution:
    """A run in the background: wait for its `result`, `cancel` it, iterate over its events while it goes on."""

    def __init__(self, linked: LinkedPipeline, program: Program, run: Run) -> None:
        self._linked, self._program, self._run = linked, program, run
        self._events = linked.recorder.subscribe(run.id)
        self._watched: Subscription | None = None
        self._done = threading.Event()
        self._after: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._result: Result | None = None
        self._problem: BaseException | None = None

    @property
    def trace_id(self) -> str:
        """The trace of the run, 32 hexadecimal digits."""
        from orchestrator.audit import trace_id

        return trace_id(self._run.id)

    def begin(self) -> None:
        """Begins the run on a thread of its own."""
        self._watched = self._linked.recorder.subscribe(self._run.id)
        threading.Thread(target=self._carry_out_here, name="orchestrator-run", daemon=True).start()

    def carry_out(self) -> Result:
        """Carries the run out on this thread."""
        outcome = self._program.carry_out(self._run)
        return Result(self._linked.model, outcome, self._events, self._linked.recorder)

    def _carry_out_here(self) -> None:
        try:
            self._result = self.carry_out()
        except BaseException as problem:
            self._problem = problem
        with self._lock:
            self._done.set()
            after, self._after = self._after, []
        for tell in after:
            tell()

    def when_done(self, tell: Callable[[], None]) -> None:
        """Has `tell` called when the run has ended, on its thread; at once if it has."""
        with self._lock:
            if not self._done.is_set():
                self._after.append(tell)
                return
        tell()

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Ends the run: its guests stop, its result raises `Cancelled`. Harmless when it has ended."""
        self._run.cancel(Cancelled(reason))

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self._done.is_set()

    def result(self, timeout: float | None = None) -> Result:
        """Waits for the run.

        Raises:
            TimeoutError: it has not ended after `timeout` seconds; it goes on.
            RunError: it did not end well.
        """
        if not self._done.wait(timeout):
            raise TimeoutError(f"the run has not ended after {timeout} s")
        if self._problem is not None:
            raise self._problem
        assert self._result is not None
        return self._result

    def __iter__(self) -> Iterator[Event]:
        """The run's events as they happen, each once; ends with the run's own."""
        return iter(self._watched or ())


class Result:
    """What a run gave.

    `outputs` by name, in their Python forms; None for one whose node was skipped.
    """

    def __init__(self, model: LinkedGraph, outcome: Outcome, events: Subscription, recorder: Recorder) -> None:
        self._model, self._subscription, self._recorder = model, events, recorder
        self.outputs: Mapping[str, Any] = outcome.outputs
        self.trace_id: str = outcome.trace_id
        """32 hexadecimal digits."""
        self.duration: float = outcome.duration
        """Seconds."""
        self._events: tuple[Event, ...] | None = None

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]

    def to_json(self) -> dict[str, Any]:
        """The outputs in their JSON forms."""
        from orchestrator.interface.convert import to_json

        found: dict[str, Any] = {}
        for output in self._model.outputs:
            value = self.outputs[output.name]
            found[output.name] = None if value is None else to_json(output.type, value, output.name)
        return found

    @property
    def events(self) -> tuple[Event, ...]:
        """The run's events, of a long run the latest; waits for the last of them."""
        if self._events is None:
            self._recorder.flush()
            found = []
            while (event := self._subscription.next(timeout=0)) is not None:
                found.append(event)
            self._events = tuple(found)
        return self._events

    @property
    def tree(self) -> str:
        """The run as a tree of text: nodes, calls, values, what was refused."""
        from orchestrator.audit import tree

        return "\n".join(tree(self.events))

    def __repr__(self) -> str:
        return f"<Result {self.trace_id}: {', '.join(self.outputs) or 'no outputs'}>"

    def _repr_html_(self) -> str:
        import html
        import json

        try:
            shown = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        except OrchestratorError as problem:
            shown = str(problem)
        parts = (shown if len(shown) <= 20_000 else shown[:20_000] + "…", self.tree)
        return "".join(f"<pre>{html.escape(part)}</pre>" for part in parts)


def _read(read: Callable[[Any], Any], text: str) -> Any:
    """One of the small texts of the language; raises `InvalidPipeline` where it is none."""
    from orchestrator.manifest.paths import TextError

    try:
        return read(whole(text))
    except TextError as problem:
        raise InvalidPipeline([Diagnostic("reference", str(problem), place=f"`{text}`")]) from None


def _ends(edge: Edge) -> tuple[str, ...]:
    """The nodes that an edge names."""
    if isinstance(edge, DataEdge):
        return (edge.node,) if edge.source.kind == "input" else (edge.source.name, edge.node)
    caller = edge.caller.node if isinstance(edge, CallEdge) else edge.caller
    return (caller, edge.callee.node)


def _position(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return ("", 0, 0) if span is None else (span.source.name, span.line, span.column)


def _kebab(name: str, model: LinkedGraph) -> str:
    """The input that a keyword means: Python names have no dashes."""
    dashed = name.replace("_", "-")
    known = {item.name for item in model.inputs}
    return dashed if name not in known and dashed in known else name


def _tell(loop: AbstractEventLoop, ended: AsyncEvent) -> None:
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        return  # the loop was closed: nobody waits any more


def _packages() -> Any:
    """The WIT packages that ship."""
    from orchestrator import resources
    from orchestrator.interface import Packages

    return Packages.read(sorted(path for path in resources.wit().iterdir() if path.is_dir()))
