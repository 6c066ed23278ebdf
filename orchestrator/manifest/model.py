"""A pipeline as frozen data, with every value's place in the text it came from.

Not for what the values mean together: names are looked up, types compared and grants checked in `link`. Durations are
seconds, sizes bytes. Built by `manifest.read` from YAML and by the facade (`orchestrator.pipeline`) from Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from orchestrator.diagnostics import Span
from orchestrator.interface.types import Type

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Missing:
    """The type of `MISSING`: no value was given, where null is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Where:
    """Where a value stands, and where the values inside it stand.

    Arguments:
        span: of the value itself (None for one built in Python).
        place: what to call it when it has no span: "node `x`", "edge `a -> b`".
        inner: of each value inside, by key or index.
        keys: the span of each key itself.
    """

    span: Span | None = None
    place: str = ""
    inner: Mapping[str | int, Where] = field(default_factory=dict)
    keys: Mapping[str, Span] = field(default_factory=dict)

    def at(self, *path: str | int) -> Where:
        """Where the value at that path stands; the nearest one around it that is known."""
        here = self
        for step in path:
            if step not in here.inner:
                break
            here = here.inner[step]
        return here


NOWHERE = Where()

Lifetime = Literal["run", "call", "session"]
Bulk = Literal["auto", "always", "never"]
Access = Literal["read", "write"]
Clock = Literal["none", "fixed", "monotonic", "wall"]
Random = Literal["none", "seeded", "secure"]
Stdio = Literal["none", "captured", "inherit"]
METHODS = ("GET", "HEAD")
"""What an http grant allows where it does not say."""
Violation = Literal["fail", "deny", "revert"]
RevertAfter = Literal["never", "call", "run"]
Cause = Literal["timeout", "trap", "err"]
Sort = Literal["untrusted", "private"]
Side = Literal["", "arguments", "results"]

UNTRUSTED: Sort = "untrusted"
PRIVATE: Sort = "private"
OUTBOUND = "outbound"
BUILT_IN = (UNTRUSTED, PRIVATE, OUTBOUND)
"""The labels that every pipeline has: content from outside, data that was granted, and a way out."""
MOST_LABELS = 64
"""How many a pipeline may declare: the check takes its time for each of them."""


@dataclass(frozen=True, slots=True)
class FieldStep:
    """Into a field of a record (or a case of a variant, which fails the run when it is another case)."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class IndexStep:
    """Into a place of a tuple or an element of a list."""

    index: int

    def __str__(self) -> str:
        return f".{self.index}"


@dataclass(frozen=True, slots=True)
class SomeStep:
    """Into an option; a missing value there ends the run."""

    def __str__(self) -> str:
        return "?"


Step = FieldStep | IndexStep | SomeStep
Steps = tuple[Step, ...]


def show_steps(steps: Steps) -> str:
    """The path as the language writes it, without the leading dot of its first step."""
    return "".join(map(str, steps)).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a value comes from: an input (`inputs.x.path`), a result (`node.path`), an error (`node.err.path`)."""

    kind: Literal["input", "result", "error"]
    name: str
    steps: Steps = ()

    def __str__(self) -> str:
        head = {"input": f"inputs.{self.name}", "result": self.name, "error": f"{self.name}.err"}[self.kind]
        return head + "".join(map(str, self.steps))


@dataclass(frozen=True, slots=True)
class Port:
    """A node and, where it is written, one of its imports or exports: `small-model.agent:llm/chat`."""

    node: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.node}.{self.name}" if self.name else self.node


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the pipeline's own: a narrower word for one of the two that data can have."""

    name: str
    sort: Sort
    description: str = ""
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of the pipeline. A `path` is a string with `is_path`; its default starts from the file's folder.

    `labels` say what its values are taken for wherever they come.
    """

    name: str
    type: Type
    is_path: bool = False
    default: Any = MISSING
    description: str = ""
    labels: tuple[str, ...] = ()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Output:
    """A value that the run gives back."""

    name: str
    source: Ref
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder of the host that the guest sees at `at`.

    Arguments:
        quota: bytes that the guest may add to it in one run; None for no bound.
        files: files and folders that it may add in one run; None for no bound.
        hidden: whether names that begin with a dot are there for the guest.
        optional: the node can live without it where a ceiling forbids it, or with less.
    """

    path: str
    at: str
    access: Access = "read"
    quota: int | None = None
    files: int | None = None
    hidden: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Http:
    """Addresses that the guest may send requests to.

    Arguments:
        url: `scheme://host[:port]/path`, where `*` stands for one label of the host or one part of the path and `**`,
            at the end of the path, for any number of parts.
        methods: in capitals.
        max_request, max_response: bytes of a body.
        timeout: seconds of a whole exchange.
        optional: see `Storage`.
        trace: whether requests say which trace they are part of.
    """

    url: str
    methods: tuple[str, ...] = METHODS
    max_request: int | None = None
    max_response: int | None = None
    timeout: float | None = None
    optional: bool = False
    trace: bool = True


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that the host adds to requests, and that the guest never sees.

    Arguments:
        name: by which the operator gives its value.
        to: `scheme://host[:port]` of the only requests that get it.
        header: `Name: text`, where `{}` stands for the value.
        optional: see `Storage`.
    """

    name: str
    to: str
    header: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Grants:
    """What a node may reach beyond its edges; nothing by default.

    Arguments:
        clock: `none` is 1970 and a virtual clock, `fixed` stands still at `clock_at` (the run's begin where that is
            None), `monotonic` measures durations, `wall` tells the time too.
        clock_at: seconds since the epoch.
        random: `none` is a constant stream, `seeded` repeats with `random_seed`, `secure` is the host's own.
        optional: any of them may be narrowed where a ceiling forbids it.
    """

    storage: tuple[Storage, ...] = ()
    http: tuple[Http, ...] = ()
    secrets: tuple[Secret, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    clock: Clock = "none"
    clock_at: float | None = None
    random: Random = "none"
    random_seed: int = 0
    stdio: Stdio = "captured"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a node may use at most; None for what nothing but the engine bounds.

    Arguments:
        memory: bytes, of all its memories together.
        tables: elements, of all its tables together.
        timeout: seconds, of one call of it.
        fuel: instructions, about one unit each, of all its instances in one run.
        host_calls: calls of what the host serves, by all its instances in one run.
        output: bytes that all its instances print in one run; more is cut.
        handles: resources that it holds at a time.
        optional: the node can live with less where a ceiling forbids so much.
    """

    memory: int | None = None
    tables: int | None = None
    timeout: float | None = None
    fuel: int | None = None
    host_calls: int | None = None
    output: int | None = None
    handles: int | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a whole run may use at most. timeout: seconds. calls: over call and tool edges together."""

    timeout: float | None = None
    calls: int | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Run a node again until a condition over `value` (its result) holds, its result feeding its parameters."""

    until: str
    feed: Mapping[str, Steps] = field(default_factory=lambda: EMPTY)
    max: int = 1
    at_max: Literal["error", "accept"] = "error"


@dataclass(frozen=True, slots=True)
class Retry:
    """Run a node again after a failure: `times` more tries, `wait` seconds between them, after these causes."""

    times: int
    wait: float = 0.0
    on: tuple[Cause, ...] = ("timeout", "trap", "err")


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """What a Python node runs: `module:function`, or a callable of a pipeline that was built in Python."""

    target: str | Callable[..., Any]
    signature: str = ""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A call that is made before the state `after-init` is kept: what it has settled need not be settled again.

    Arguments:
        call: an export, as `run` names one.
        args: constants for its parameters.
    """

    call: str
    args: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Which states of a node's instances are kept, beside `after-init`.

    Arguments:
        steps: so many of the last executions of the node, in each run.
        quarantine: so many dirty ones, from which it was taken back for a misbehaviour.
    """

    warm_up: WarmUp | None = None
    steps: int = 0
    quarantine: int = 0


@dataclass(frozen=True, slots=True)
class RevertOn:
    """How much of what a node may not do takes it back, in one run; None for any number.

    Arguments:
        violations: contracts that it broke: by what it asked as a caller, by what it gave when it was called.
        denials: uses of powers that it was refused.
    """

    violations: int | None = None
    denials: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A component (or a Python function) in the pipeline, with its grants and limits.

    `bulk` says how values get in and out of its component: through memory that the host owns where its functions have
    lists and no handles (`auto`), wherever they have no handles (`always`), or one by one (`never`). `labels` are those
    that it has beside the ones that its grants give it.
    """

    name: str
    component: str = ""
    python: PythonFunction | None = None
    run: str = ""
    args: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    config: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    grants: Grants = Grants()
    limits: Limits = Limits()
    lifetime: Lifetime = "run"
    bulk: Bulk = "auto"
    repeat: Repeat | None = None
    retry: Retry | None = None
    fallback: str = ""
    labels: tuple[str, ...] = ()
    snapshot: Snapshots | None = None
    revert_after: RevertAfter = "never"
    revert_on: RevertOn | None = None
    description: str = ""
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reject:
    """A regular expression that must not match in any string under the path."""

    path: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Contract:
    """The rules on an edge; None or empty where a rule is not asked for. Sizes in bytes of the canonical form."""

    functions: tuple[str, ...] | None = None
    max_calls: int | None = None
    rate: tuple[int, float] | None = None
    """So many calls in so many seconds."""
    timeout: float | None = None
    max_request: int | None = None
    max_response: int | None = None
    max_bytes: int | None = None
    require: tuple[str, ...] = ()
    ensure: tuple[str, ...] = ()
    reject: tuple[Reject, ...] = ()
    redact: tuple[str, ...] = ()
    detect: tuple[str, ...] = ()
    """The nodes that judge what crosses."""
    on_violation: Violation = "fail"


@dataclass(frozen=True, slots=True)
class Each:
    """Run the consumer once for each element of the list, at most `parallel` at a time."""

    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Declassify:
    """That labels do not cross an edge, and why that is right.

    Arguments:
        labels: which; one of the three that are built in stands for all of its sort.
        reason: for whoever reads the pipeline, its plan or its trace.
        of: of a call, what is meant: its arguments or its results; both where it is empty.
    """

    labels: tuple[str, ...]
    reason: str
    of: Side = ""


@dataclass(frozen=True, slots=True)
class DataEdge:
    """A value that flows from a result, an error or an input to a node's parameter (None: its only open one)."""

    source: Ref
    node: str
    parameter: str | None
    when: str = ""
    each: Each | None = None
    contract: Contract = Contract()
    declassify: Declassify | None = None
    description: str = ""
    where: Where = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.source} -> {self.node}" + (f".{self.parameter}" if self.parameter else "")


@dataclass(frozen=True, slots=True)
class CallEdge:
    """A node's import answered by another node's export; with `fuse` the two nodes share one store."""

    caller: Port
    callee: Port
    interface: str = ""
    contract: Contract = Contract()
    fuse: bool = False
    declassify: Declassify | None = None
    description: str = ""
    where: Where = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.caller} -> {self.callee}"


@dataclass(frozen=True, slots=True)
class ToolEdge:
    """A function of another node (`node.interface.function`) that the caller finds through `agent:core/tools`."""

    caller: str
    callee: Port
    contract: Contract = Contract()
    declassify: Declassify | None = None
    description: str = ""
    where: Where = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.caller} -> {self.callee}"


Edge = DataEdge | CallEdge | ToolEdge


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole pipeline. `folder` is what relative component paths and defaults of path inputs start from.

    `labels` are those of its own that its nodes, inputs and edges may name.
    """

    name: str
    description: str = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    limits: RunLimits = RunLimits()
    labels: tuple[Label, ...] = ()
    folder: Path = Path()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The most that any node may be granted; what is not listed cannot be.

    Arguments:
        storage: folders, from the ceiling's own, and what may be done beneath each.
        http: addresses and methods; the rest of each grant is not looked at.
        secrets: names, and the origin that each may go to.
        environment: names of variables; one that ends with `*` stands for all that begin so.
    """

    storage: tuple[tuple[str, Access], ...] = ()
    http: tuple[Http, ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    environment: tuple[str, ...] = ()
    clock: Clock = "none"
    random: Random = "none"
    stdio: Stdio = "captured"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What no pipeline gets past, as whoever runs pipelines says it.

    Arguments:
        grants: of any node.
        limits: of each node; a node that states none has these.
        run: of a whole run.
        addresses: ranges of addresses, `127.0.0.0/8`, that are no public ones and that requests may go to; None where
            it says nothing of them.
        python: whether nodes may be Python functions.
        folder: where its relative paths start.
    """

    name: str
    grants: Allowed = Allowed()
    limits: Limits = Limits()
    run: RunLimits = RunLimits()
    addresses: tuple[str, ...] | None = None
    python: bool = True
    description: str = ""
    folder: Path = Path()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Claims:
    """The most that a component asks for; what is not listed it does without.

    Arguments:
        storage: what it does in folders; None where it needs none.
        http: addresses, as in a grant.
        secrets: names.
        environment: as in `Allowed`.
    """

    storage: Access | None = None
    http: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    clock: Clock = "none"
    random: Random = "none"
    stdio: Stdio = "captured"
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ComponentManifest:
    """A `component.yaml`: how a source folder is built and what the component says of itself.

    Arguments:
        language: `python` (built by componentize-py) or `javascript` (by componentize-js).
        world: the WIT world, `package:name/world` or a world's name of the folder's own `wit/`.
        module: the module that implements it, without `.py` or `.js`.
        wit: folders of WIT, relative to this one; the WIT packages that ship are always on the path.
        config: each key the component reads from `wasi:config/store`, with its type, description and default.
        claims: the most that it asks for; None where it says nothing of that.
    """

    name: str
    version: str
    language: Literal["python", "javascript"]
    world: str
    module: str = "app"
    wit: tuple[str, ...] = ()
    description: str = ""
    config: tuple[ConfigKey, ...] = ()
    claims: Claims | None = None
    folder: Path = Path()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key of a component's configuration: a WIT type, and a default (MISSING: the key is required)."""

    name: str
    type: Type
    default: Any = MISSING
    description: str = ""
