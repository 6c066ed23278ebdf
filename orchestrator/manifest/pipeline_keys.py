"""Every key of the pipeline language, once: the reader, the JSON Schema and the reference page are made from this.

To add a key, add it here; to take one into force, drop its `later`.
"""

from __future__ import annotations

from orchestrator.manifest import pipeline_build as build
from orchestrator.manifest import scalars
from orchestrator.manifest.paths import FUNCTION, INTERFACE, LABEL, NAME, RESERVED
from orchestrator.manifest.shapes import (
    Anything,
    Choice,
    Either,
    Key,
    ListOf,
    MapOf,
    Name,
    Object,
    Parsed,
    Quantity,
    Text,
    Whole,
)

_STEPS = rf"(?:\.(?:{LABEL}|[0-9]+)|\?)*"
_REF = rf"(?:inputs\.)?{NAME}{_STEPS}"
_PORT = rf"{NAME}(?:\.(?:{INTERFACE}|{LABEL}))?"
_TARGET = rf"{NAME}(?:\.{LABEL})?"
_MODULE = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"

DURATION = Quantity(
    "duration", scalars.read_duration, scalars.DURATION, "5s", "`us`, `ms`, `s`, `m`, `h`", scalars.LONGEST_DURATION
)
WAIT = Quantity(
    "duration",
    scalars.read_duration,
    scalars.DURATION,
    "200ms",
    "`us`, `ms`, `s`, `m`, `h`",
    scalars.LONGEST_DURATION,
    zero=True,
)
SIZE = Quantity(
    "size", scalars.read_size, scalars.SIZE, "64MiB", "`B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`", scalars.LARGEST_SIZE
)
RATE = Quantity("rate", scalars.read_rate, scalars.RATE, "10/s", "`/s`, `/min`, `/h`", scalars.LARGEST_RATE)
TEXT = Text(empty=True)
CEL = Text("a CEL expression")
NODE_NAME = Name("a node's name", (RESERVED,))
WIT_TYPE = Parsed("a WIT type", "wit-type", build.read_type)
INPUT_TYPE = Parsed("a WIT type, or `path`", "wit-type", build.read_type)
STEPS = Parsed("a path into the result", "path", build.read_steps, rf"\.|(?:{LABEL}|[0-9]+|\?){_STEPS}")

INPUT = Object(
    "an input",
    (
        Key(
            "type",
            INPUT_TYPE,
            "The input's type; `path` is a path of the host, for a storage grant.",
            required=True,
            enforced="link",
        ),
        Key(
            "default",
            Anything(),
            "The value when none is given; a relative path is taken from the file's folder.",
            enforced="link",
        ),
        Key("description", TEXT, "What it is, for a person."),
    ),
    build.read_input,
    title="Input",
)

STORAGE = Object(
    "a storage grant",
    (
        Key(
            "path",
            Text("a path of the host", template=True),
            "The folder of the host; `${inputs.x}` is an input of type `path` or an enum.",
            required=True,
            enforced="capability, for each run",
        ),
        Key(
            "at", Text("a path in the guest, `/docs`"), "Where the guest sees it.", required=True, enforced="capability"
        ),
        Key("access", Choice(("read", "write")), "What the guest may do there.", "`read`", enforced="wasi"),
    ),
    build.read_storage,
    title="Storage grant",
)

GRANTS = Object(
    "a node's grants",
    (
        Key(
            "storage",
            ListOf(STORAGE, "a list of storage grants"),
            "Folders of the host that the guest sees.",
            "none",
            enforced="wasi",
        ),
        Key(
            "environment",
            MapOf("a map of texts", Text("a variable's name"), TEXT),
            "Variables that the guest finds in its environment.",
            "none",
            enforced="wasi",
        ),
        Key(
            "stdio",
            Choice(("none", "captured", "inherit")),
            "Where what the guest prints goes; `captured`: into the trace.",
            "`captured`",
            enforced="wasi",
        ),
        *(
            Key(name, Anything(), "", later=True)
            for name in ("http", "secrets", "clock", "random", "models", "sockets")
        ),
    ),
    build.read_grants,
    title="Grants",
)

LIMITS = Object(
    "a node's limits",
    (
        Key("memory", SIZE, "Of all its memories together.", "the engine's", enforced="engine"),
        Key("timeout", DURATION, "Of one call of it, what it calls included.", "none", enforced="runtime"),
        *(Key(name, Anything(), "", later=True) for name in ("fuel", "host-calls", "output")),
    ),
    build.read_limits,
    title="Limits of a node",
)

REPEAT = Object(
    "`repeat`",
    (
        Key(
            "until",
            CEL,
            "A condition over `value`, the node's result; the node runs again until it holds.",
            required=True,
            enforced="runtime",
        ),
        Key("max", Whole(1, 1_000_000), "How often it runs at most.", required=True, enforced="runtime"),
        Key(
            "feed",
            MapOf(
                "a map from parameter to path",
                Text("a parameter's name", LABEL, "name", "names of WIT are in kebab-case"),
                STEPS,
            ),
            "What of its result goes into its parameters the next time; `.` is the whole result.",
            "nothing",
            enforced="link",
        ),
        Key(
            "at-max",
            Choice(("error", "accept")),
            "Whether reaching `max` ends the run, or its last result is taken.",
            "`error`",
            enforced="runtime",
        ),
    ),
    build.read_repeat,
    title="Repeat",
)

RETRY = Object(
    "`retry`",
    (
        Key("times", Whole(1, 1000), "How many more tries.", required=True, enforced="runtime"),
        Key("wait", WAIT, "Between two tries.", "`0s`", enforced="runtime"),
        Key(
            "on",
            ListOf(Choice(("timeout", "trap", "err")), "a list of causes", unique=True, empty=False),
            "After which failures.",
            "all",
            enforced="runtime",
        ),
    ),
    build.read_retry,
    title="Retry",
)

PYTHON = Object(
    "a Python function",
    (
        Key(
            "function",
            Text(
                "a Python function, `package.module:function`",
                rf"{_MODULE}:{_MODULE}",
                "python-function",
                "write the module, a colon, the function",
            ),
            "The module and the function.",
            required=True,
            enforced="link",
        ),
        Key(
            "signature",
            Text("a WIT signature, `func(question: string) -> string`"),
            "Its WIT type.",
            "its annotations",
            enforced="link",
        ),
    ),
    build.read_python,
    title="Python function",
)

_CONFIG_OF_PYTHON = {"python": "a Python function takes its values as parameters: use `args` or an edge"}
_NO_SANDBOX = {"python": "a Python function runs in the host, without a sandbox: nothing would enforce it"}
_ITS_FUNCTION = {"python": "the function is what it runs"}

NODE = Object(
    "a node",
    (
        Key(
            "component",
            Parsed("a path of a component", "path", build.read_component),
            "A source folder (built when stale) or a `.wasm` file, from the file's folder.",
            enforced="engine",
        ),
        Key(
            "python",
            Either(PYTHON.keys[0].shape, PYTHON),
            "A Python function, run in the host and trusted; needs `--allow-python`.",
            enforced="manifest",
        ),
        Key(
            "run",
            Text(
                "a function, `package:name/interface.function`",
                FUNCTION,
                "function-name",
                "write the export's interface, a dot and the function",
            ),
            "The export that runs when the node's data is there; a node without one only answers calls.",
            only=("component",),
            instead=_ITS_FUNCTION,
            enforced="link",
        ),
        Key(
            "args",
            MapOf(
                "a map from parameter to value",
                Text("a parameter's name", LABEL, "name", "names of WIT are in kebab-case"),
                Anything(),
            ),
            "Constants for parameters.",
            "none",
            needs=("run", "python"),
            enforced="link",
        ),
        Key(
            "config",
            MapOf("a map from key to value", Text("a key"), Anything()),
            "What the component reads from `wasi:config/store`; its `component.yaml` declares the keys.",
            "none",
            only=("component",),
            instead=_CONFIG_OF_PYTHON,
            enforced="link",
        ),
        Key(
            "grants",
            GRANTS,
            "What it may reach beyond its edges.",
            "nothing",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="capability",
        ),
        Key(
            "limits",
            LIMITS,
            "What it may use.",
            "the engine's",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="engine, runtime",
        ),
        Key(
            "lifetime",
            Choice(("run", "call", "session")),
            "How long an instance lives: one run, one call, or as long as the linked pipeline.",
            "`run`",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="runtime",
        ),
        Key(
            "repeat",
            REPEAT,
            "Run it again until a condition holds.",
            "once",
            needs=("run", "python"),
            enforced="runtime",
        ),
        Key("retry", RETRY, "Run it again after a failure.", "never", needs=("run", "python"), enforced="runtime"),
        Key(
            "fallback",
            NODE_NAME,
            "The node whose result stands in when this one fails.",
            "none",
            needs=("run", "python"),
            enforced="runtime",
        ),
        Key("description", TEXT, "What it is for, for a person."),
        *(Key(name, Anything(), "", later=True) for name in ("labels", "snapshot", "revert-after")),
    ),
    build.read_node,
    kinds=("component", "python"),
    title="Node",
)

REJECT = Object(
    "an item of `reject`",
    (
        Key(
            "path",
            Text("a path from `args`, `result` or `value`"),
            "Where to look: `args.messages`, `result.ok.text`, `value`.",
            required=True,
            enforced="contract",
        ),
        Key(
            "pattern",
            Text("a regular expression", longest=1000),
            "A regular expression (RE2) that must not match in any string there.",
            required=True,
            enforced="contract",
        ),
    ),
    build.read_reject,
    title="Reject",
)

_CALLS = ("call", "tool")
_BYTES = {"data": "a data edge carries one value: use `max-bytes`"}

CONTRACT = Object(
    "a contract",
    (
        Key(
            "functions",
            ListOf(
                Text("a function's name", LABEL, "name", "names of WIT are in kebab-case"),
                "a list of functions",
                unique=True,
            ),
            "Only these may be called.",
            "all",
            only=("call",),
            instead={"data": "no function is called over a data edge", "tool": "a tool edge is one function"},
            enforced="contract",
        ),
        Key("max-calls", Whole(), "How many crossings a run may make.", "no bound", enforced="contract"),
        Key("rate", RATE, "How many crossings in a time.", "no bound", enforced="contract"),
        Key(
            "timeout",
            DURATION,
            "Of one call, what it calls included.",
            "none",
            only=_CALLS,
            instead={"data": "bound the node itself: `limits: {timeout: 5s}`"},
            enforced="runtime",
        ),
        Key(
            "max-request",
            SIZE,
            "Of the arguments, in canonical form.",
            "no bound",
            only=_CALLS,
            instead=_BYTES,
            enforced="contract",
        ),
        Key(
            "max-response",
            SIZE,
            "Of the result, in canonical form.",
            "no bound",
            only=_CALLS,
            instead=_BYTES,
            enforced="contract",
        ),
        Key(
            "max-bytes",
            SIZE,
            "Of one value that crosses, in canonical form: on a call edge of the request and of the response.",
            "no bound",
            enforced="contract",
        ),
        Key(
            "require",
            ListOf(CEL, "a list of CEL expressions"),
            "Conditions over `args`, or `value` on a data edge, before it crosses.",
            "none",
            enforced="contract",
        ),
        Key(
            "ensure",
            ListOf(CEL, "a list of CEL expressions"),
            "Conditions over `result`, or `value` on a data edge.",
            "none",
            enforced="contract",
        ),
        Key(
            "reject",
            ListOf(REJECT, "a list of `{path, pattern}`"),
            "Patterns that must not match.",
            "none",
            enforced="contract",
        ),
        Key(
            "redact",
            ListOf(Text("a path from `args`, `result` or `value`"), "a list of paths"),
            "Values that never reach spans or logs.",
            "none",
            enforced="audit",
        ),
        Key(
            "on-violation",
            Choice(("fail", "deny"), later=("revert",)),
            "`fail` ends the run; `deny` gives the caller an error, and on a data edge skips the consumer.",
            "`fail`",
            enforced="runtime",
        ),
    ),
    build.read_contract,
    title="Contract",
)

EACH = Object(
    "`each`",
    (Key("parallel", Whole(1, 256), "How many elements at a time.", "`1`", enforced="runtime"),),
    build.read_each,
    title="Each",
)

_DATA_ONLY = {
    "call": "a condition belongs to a data edge; a call edge has `contract: {require: [...]}`",
    "tool": "a condition belongs to a data edge; a tool edge has `contract: {require: [...]}`",
}
_EACH_ONLY = dict.fromkeys(_CALLS, "only a data edge carries a list to take apart")
_INTERFACE_ONLY = {
    "data": "a data edge joins a result and a parameter: remove it",
    "tool": "write it in the edge: `tool: a -> b.package:name/interface.function`",
}

EDGE = Object(
    "an edge",
    (
        Key(
            "data",
            Parsed("`source -> node.parameter`", "edge", build.read_data, rf"\s*{_REF}\s*->\s*{_TARGET}\s*"),
            "A value from an input, a result or an error (`node.err`) to a parameter.",
            enforced="link",
        ),
        Key(
            "call",
            Parsed("`caller -> callee`", "edge", build.read_call, rf"\s*{_PORT}\s*->\s*{_PORT}\s*"),
            "An import of one node answered by an export of another.",
            enforced="link",
        ),
        Key(
            "tool",
            Parsed(
                "`caller -> node.interface.function`",
                "edge",
                build.read_tool,
                rf"\s*{NAME}\s*->\s*{NAME}\.{FUNCTION}\s*",
            ),
            "A function that the caller finds through `agent:core/tools`.",
            enforced="link",
        ),
        Key(
            "interface",
            Text(
                "an interface, `package:name/interface`",
                INTERFACE,
                "interface-name",
                "write `package:name/interface`, with a version if it matters: `@0.1.0`",
            ),
            "Which import it answers, where several fit.",
            "the one that fits",
            only=("call",),
            instead=_INTERFACE_ONLY,
            enforced="link",
        ),
        Key(
            "when",
            CEL,
            "A condition over `value`; where it does not hold, the consumer does not run.",
            "always",
            only=("data",),
            instead=_DATA_ONLY,
            enforced="runtime",
        ),
        Key(
            "each",
            EACH,
            "The source is a list; the consumer runs once for each element.",
            "no",
            only=("data",),
            instead=_EACH_ONLY,
            enforced="runtime",
        ),
        Key("contract", CONTRACT, "Rules on what crosses.", "none", enforced="contract"),
        Key("description", TEXT, "What it is for, for a person."),
        *(Key(name, Anything(), "", later=True) for name in ("fuse", "declassify")),
    ),
    build.read_edge,
    kinds=("data", "call", "tool"),
    owner="edge",
    title="Edge",
)

RUN_LIMITS = Object(
    "the limits of a run",
    (
        Key("timeout", DURATION, "Of the whole run.", "none", enforced="runtime"),
        Key("calls", Whole(), "Over all call and tool edges together.", "no bound", enforced="runtime"),
    ),
    build.read_run_limits,
    title="Limits of a run",
)

OUTPUT = Parsed("a node's result or a path into it", "path", build.read_output, _REF)

PIPELINE = Object(
    "a pipeline",
    (
        Key("pipeline", Name("the pipeline's name"), "Its name.", required=True, enforced="manifest"),
        Key("description", TEXT, "What it does, for a person."),
        Key(
            "inputs",
            MapOf("a map of inputs", Name("an input's name"), Either(INPUT_TYPE, INPUT), "input"),
            "What a run is given: a type, or a map with `type`, `default`, `description`.",
            "none",
            enforced="link",
        ),
        Key(
            "outputs",
            MapOf("a map of outputs", Name("an output's name"), OUTPUT, "output"),
            "What a run gives: a node, then a path into its result.",
            "none",
            enforced="link",
        ),
        Key(
            "nodes",
            MapOf("a map of nodes", NODE_NAME, NODE, "node", empty=False),
            "The components and functions.",
            required=True,
            enforced="link",
        ),
        Key("edges", ListOf(EDGE, "a list of edges"), "How they are joined.", "none", enforced="link"),
        Key("limits", RUN_LIMITS, "What a whole run may use.", "none", enforced="runtime"),
        *(Key(name, Anything(), "", later=True) for name in ("models", "labels")),
    ),
    build.read_pipeline,
    title="Pipeline",
)
