"""A pipeline that can be changed: built in Python or loaded from YAML; not for what running it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.interface.parse import parse_type
from orchestrator.manifest.model import (
    MISSING,
    Bulk,
    CallEdge,
    Contract,
    DataEdge,
    Declassify,
    Each,
    Edge,
    Grants,
    Input,
    Label,
    Lifetime,
    Limits,
    Manifest,
    Node,
    Output,
    PythonFunction,
    Repeat,
    Retry,
    RevertAfter,
    RevertOn,
    RunLimits,
    Snapshots,
    Sort,
    ToolEdge,
    Where,
)
from orchestrator.manifest.paths import read_node, read_port, read_ref, read_target, read_tool
from orchestrator.pipeline import arguments
from orchestrator.pipeline.files import pipeline_file

if TYPE_CHECKING:
    from orchestrator.audit import Recorder
    from orchestrator.capability import Operator
    from orchestrator.capability.addresses import Network
    from orchestrator.engine import Component, Engine
    from orchestrator.graph import Graph
    from orchestrator.graph.form import Networkx
    from orchestrator.interface.types import Type
    from orchestrator.link.model import LinkedGraph
    from orchestrator.pipeline.linked import LinkedPipeline
    from orchestrator.pipeline.operating import Given


class Pipeline:
    """A pipeline that can be changed: nodes and edges added, removed, rewired. `link` gives what can be run.

    Arguments:
        name: kebab-case.
        folder: where relative component paths start; the current folder by default.
    """

    def __init__(self, name: str, description: str = "", folder: str | Path = ".") -> None:
        if not isinstance(folder, str | Path):
            raise TypeError(f"the folder of a pipeline is a path, not of type {type(folder).__name__}")
        arguments.text(description, "`description`")
        self._manifest = Manifest(arguments.named(name, "a pipeline"), description, folder=Path(folder))
        self._components: dict[str, Component] = {}
        self._found: tuple[Diagnostic, ...] = ()
        self._allow_python = True

    @classmethod
    def load(cls, path: str | Path, *, env: Mapping[str, str] | None = None, allow_python: bool = False) -> Pipeline:
        """The pipeline of a YAML file, or of the `pipeline.yaml` in a folder.

        What is wrong in it is kept, in `diagnostics`, and raised by `link` together with what linking finds.

        Arguments:
            env: the variables that `${NAME}` may name, with their values.
            allow_python: whether nodes may be Python functions, which run in the host, trusted.

        Raises:
            InvalidPipeline: it is not YAML, or nothing of it can be read.
        """
        from orchestrator.manifest import check_file

        known = arguments.mapping({} if env is None else env, "`env`")
        reading = check_file(pipeline_file(path), env=known, allow_python=allow_python)
        if reading.manifest is None:
            raise InvalidPipeline(reading.diagnostics)
        found = cls("loaded")  # A name that is refused is among the diagnostics.
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
        self,
        name: str,
        type: str | Type = "string",
        *,
        default: Any = MISSING,
        description: str = "",
        labels: Sequence[str] = (),
    ) -> Pipeline:
        """Adds an input.

        Arguments:
            type: a WIT type, or `path` for a folder or file of the host.
            default: in its JSON form; without one the input is required.
            labels: what its values are taken for: `untrusted`, `private`, or labels of the pipeline's own.

        Raises:
            WitError: the type is none.
            InvalidPipeline: the name is not in kebab-case.
        """
        arguments.named(name, "an input")
        arguments.text(description, "`description`")
        type = arguments.wit(type)
        is_path = type == "path"
        parsed = parse_type("string" if is_path else type) if isinstance(type, str) else type
        known = arguments.labels(labels)
        added = Input(name, parsed, is_path, default, description, known, Where(place=f"input `{name}`"))
        return self._with(inputs=(*self._manifest.inputs, added))

    def output(self, name: str, source: str) -> Pipeline:
        """Adds an output: `node`, `node.path`, `node.err` or `inputs.name`."""
        arguments.named(name, "an output")
        ref = arguments.read(read_ref, source, "the source of an output").ref
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
        bulk: Bulk = "auto",
        repeat: Repeat | None = None,
        retry: Retry | None = None,
        fallback: str = "",
        labels: Sequence[str] = (),
        snapshot: Snapshots | None = None,
        revert_after: RevertAfter = "never",
        revert_on: RevertOn | None = None,
        description: str = "",
    ) -> Pipeline:
        """Adds a node.

        Arguments:
            component: a path as in YAML, or a component that the engine loaded.
            python: a function, or `module:function`, in place of a component.
            signature: the function's WIT signature, `func(a: string) -> u32`; from its annotations by default.
            args: constants for parameters, in their JSON forms.
            bulk: how values get in and out of the component: `auto`, `always` or `never`.
            repeat: the paths in its `feed` may be texts, `"path.0"`.
            labels: those that it has beside what its grants say: `untrusted`, `private`, `outbound`, or its pipeline's.
            snapshot: which states of its instances are kept.
            revert_after: after what they are taken back to how they were after their init: `call`, `run` or `never`.
            revert_on: how much of what it may not do takes it back.

        Raises:
            InvalidPipeline: the name is not in kebab-case, or a path in `repeat` is none.
        """
        arguments.named(name, "a node", reserved=True)
        given = arguments.node({
            "run": run, "args": args, "config": config, "grants": grants, "limits": limits, "lifetime": lifetime,
            "bulk": bulk, "repeat": repeat, "retry": retry, "fallback": fallback, "labels": labels,
            "snapshot": snapshot, "revert_after": revert_after, "revert_on": revert_on, "description": description,
        })  # fmt: skip
        called = None if python is None else self._function(python, signature)
        component = arguments.component(component)
        if not isinstance(component, str | Path):
            self._components[name] = component
            component = str(component.origin or component.name)
        added = Node(name, str(component), called, **given, where=Where(place=f"node `{name}`"))
        return self._with(nodes=(*self._manifest.nodes, added))

    def _function(self, python: str | Callable[..., Any], signature: str) -> PythonFunction:
        """A Python node's function. Whoever names it in a program trusts it; only a file has to be allowed to."""
        called = PythonFunction(arguments.function(python), arguments.text(signature, "`signature`"))
        self._allow_python = self._allow_python or not self._found
        return called

    def data(
        self,
        source: str,
        target: str,
        *,
        when: str = "",
        each: int | Each | None = None,
        contract: Contract | None = None,
        declassify: Declassify | None = None,
        description: str = "",
    ) -> Pipeline:
        """Adds a data edge, `data("files.documents", "answerer.documents")`.

        Arguments:
            when: a condition over `value`; the target runs only if it holds.
            each: the source is a list: the target runs once an element, so many at a time.
            declassify: labels that do not cross, and why that is right.
        """
        ref = arguments.read(read_ref, source, "the source of a data edge").ref
        node, parameter = arguments.read(read_target, target, "the target of a data edge")
        when, spread = arguments.text(when, "`when`"), arguments.each(each)
        rules, said = arguments.contract(contract), arguments.text(description, "`description`")
        stops = arguments.declassify(declassify)
        return self._edge(DataEdge(ref, node, parameter, when, spread, rules, stops, said))

    def call(
        self,
        caller: str,
        callee: str,
        *,
        interface: str = "",
        contract: Contract | None = None,
        fuse: bool = False,
        declassify: Declassify | None = None,
        description: str = "",
    ) -> Pipeline:
        """Adds a call edge, `call("answerer", "model", interface="agent:llm/chat")`; a port is written `node.port`.

        Arguments:
            fuse: whether the two nodes share one store, and with it memory, limits and fate.
            declassify: labels that do not cross, and why that is right.
        """
        source = arguments.read(read_port, caller, "the caller of a call edge")
        target = arguments.read(read_port, callee, "the callee of a call edge")
        arguments.text(interface, "`interface`")
        rules, said = arguments.contract(contract), arguments.text(description, "`description`")
        fused = arguments.instance(fuse, bool, "`fuse`")
        stops = arguments.declassify(declassify, calls=True)
        return self._edge(CallEdge(source, target, interface, rules, fused, stops, said))

    def tool(
        self,
        caller: str,
        function: str,
        *,
        contract: Contract | None = None,
        declassify: Declassify | None = None,
        description: str = "",
    ) -> Pipeline:
        """Adds a tool edge, `tool("agent", "search.agent:data/retrieval.search")`.

        Arguments:
            declassify: labels that do not cross, and why that is right.
        """
        source = arguments.read(read_node, caller, "the caller of a tool edge")
        target = arguments.read(read_tool, function, "the function of a tool edge")
        rules, said = arguments.contract(contract), arguments.text(description, "`description`")
        stops = arguments.declassify(declassify, calls=True)
        return self._edge(ToolEdge(source, target, rules, stops, said))

    def label(self, name: str, sort: Sort, *, description: str = "") -> Pipeline:
        """Declares a label of the pipeline's own, a narrower word for `untrusted` or `private`.

        Raises:
            InvalidPipeline: the name is not in kebab-case.
        """
        arguments.named(name, "a label")
        arguments.text(description, "`description`")
        added = Label(name, arguments.sort(sort), description, Where(place=f"label `{name}`"))
        return self._with(labels=(*self._manifest.labels, added))

    def limit(self, *, timeout: float | None = None, calls: int | None = None) -> Pipeline:
        """Sets what a whole run may use: seconds, and calls over call and tool edges."""
        within = arguments.seconds(timeout, "the timeout of a pipeline")
        return self._with(limits=RunLimits(within, arguments.count(calls, "`calls`")))

    # Changing

    def remove(self, name: str) -> Pipeline:
        """Removes a node and every edge and output that it is an end of.

        A contract that names it as a detector stays, and is refused: no edge is left unwatched by an oversight.

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
        wanted = " ".join(arguments.text(edge, "an edge").split())
        kept = tuple(other for other in self._manifest.edges if str(other) != wanted)
        if len(kept) == len(self._manifest.edges):
            known = "; ".join(map(str, self._manifest.edges)) or "none"
            raise KeyError(f"no edge `{wanted}`; there is {known}")
        return self._with(edges=kept)

    def replace(self, name: str, **changes: Any) -> Pipeline:
        """Changes what is given of a node, as `node` takes it; its edges stay.

        Raises:
            KeyError: there is no such node.
            InvalidPipeline, TypeError, ValueError: as of `node`.
        """
        old = self._existing(name)
        position = self._manifest.nodes.index(old)
        component, python = changes.pop("component", None), changes.pop("python", None)
        changes = arguments.node(changes)
        component = None if component is None else arguments.component(component)
        python = None if python is None else arguments.function(python)
        if component is not None and not isinstance(component, str | Path):
            self._components[name], component = component, str(component.origin or component.name)
        elif component is not None:
            self._components.pop(name, None)
        if component is not None:
            changes |= {"component": str(component), "python": None}
        signature = changes.pop("signature", None)
        if python is None and signature is not None and old.python is not None:
            changes["python"] = replace(old.python, signature=signature)
        elif python is not None:
            self._components.pop(name, None)
            changes = {
                "run": "",
                "bulk": "auto",
                **changes,
                "python": self._function(python, signature or ""),
                "component": "",
            }
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

    def link(
        self,
        engine: Engine | None = None,
        *,
        recorder: Recorder | None = None,
        secrets: Mapping[str, str] | None = None,
        addresses: Iterable[str | Network] = (),
        ceiling: Given | Iterable[Given] | None = None,
    ) -> LinkedPipeline:
        """Checks everything that can be checked, and gives what can be run. The pipeline may be changed after it.

        Arguments:
            engine: loads the components; one of its own by default, closed with the linked pipeline.
            recorder: takes the events; by default one with the exporters of the OTEL_* variables, closed likewise.
            secrets: the values of the secrets that are granted, by name. One that is lacking ends the run, not this.
            addresses: ranges of addresses, `127.0.0.0/8`, that are no public ones and that requests may go to.
            ceiling: what no node gets past, as a `Ceiling` or its file, or several; that of the variable
                ORCHESTRATOR_CEILING holds too.

        Raises:
            InvalidPipeline: every reason why not.
            ComponentError: the cache cannot be used.
            TypeError, ValueError: a secret or an address is none.
        """
        from orchestrator.audit import Recorder
        from orchestrator.engine import Engine
        from orchestrator.pipeline.base import Base
        from orchestrator.pipeline.linked import LinkedPipeline
        from orchestrator.pipeline.operating import operator

        if engine is not None:
            arguments.instance(engine, Engine, "`engine`")
        if recorder is not None:
            arguments.instance(recorder, Recorder, "`recorder`")
        said = operator(secrets, addresses, ceiling)
        return LinkedPipeline(self, Base(engine, recorder), said)

    def linked(self, engine: Engine, operator: Operator | None = None) -> LinkedGraph:
        """The linked graph: what `link` checks, without anything that runs; `operator` as `operating` makes it."""
        from orchestrator.pipeline import operating
        from orchestrator.pipeline.linking import linked

        return linked(
            self._manifest,
            self._found,
            self._components,
            engine,
            python_nodes=self._allow_python,
            operator=operator or operating.operator(),
        )


def _ends(edge: Edge) -> tuple[str, ...]:
    """The nodes that an edge names."""
    if isinstance(edge, DataEdge):
        return (edge.node,) if edge.source.kind == "input" else (edge.source.name, edge.node)
    caller = edge.caller.node if isinstance(edge, CallEdge) else edge.caller
    return (caller, edge.callee.node)
