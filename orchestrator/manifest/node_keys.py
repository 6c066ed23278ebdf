"""Every key of a node, once, but those of its grants and limits: its component or function, lifetime, repeat, retry."""

from __future__ import annotations

from orchestrator.manifest import pipeline_build as build
from orchestrator.manifest.container_shapes import Anything, Either, Key, ListOf, MapOf, Object
from orchestrator.manifest.forms import CEL, LABEL_NAME, MODULE_PATTERN, NODE_NAME, STEPS, TEXT, WAIT
from orchestrator.manifest.grant_keys import GRANTS, LIMITS
from orchestrator.manifest.paths import FUNCTION, LABEL
from orchestrator.manifest.scalar_shapes import Choice, Parsed, Text, Whole

_CONTROL = "tests/behaviour/test_control.py"
_GRANTS = "tests/unit/test_capability_grants.py"
_LIMITS = "tests/behaviour/test_limits.py"
_PYTHON = "tests/unit/test_link_python.py"
_REVERTS = "tests/behaviour/test_reverts.py"

REPEAT = Object(
    "`repeat`",
    (
        Key(
            "until",
            CEL,
            "A condition over `value`, the node's result; the node runs again until it holds.",
            required=True,
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "max",
            Whole(1, 1_000_000),
            "How often it runs at most.",
            required=True,
            enforced="runtime",
            proof=_CONTROL,
        ),
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
            proof=_CONTROL,
        ),
        Key(
            "at-max",
            Choice(("error", "accept")),
            "Whether reaching `max` ends the run, or its last result is taken.",
            "`error`",
            enforced="runtime",
            proof=_CONTROL,
        ),
    ),
    build.read_repeat,
    title="Repeat",
)

RETRY = Object(
    "`retry`",
    (
        Key(
            "times",
            Whole(1, 1000),
            "How many more tries.",
            required=True,
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "wait",
            WAIT,
            "Between two tries.",
            "`0s`",
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "on",
            ListOf(Choice(("timeout", "trap", "err")), "a list of causes", unique=True, empty=False),
            "After which failures.",
            "all",
            enforced="runtime",
            proof=_CONTROL,
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
                rf"{MODULE_PATTERN}:{MODULE_PATTERN}",
                "python-function",
                "write the module, a colon, the function",
            ),
            "The module and the function.",
            required=True,
            enforced="link",
            proof=_PYTHON,
        ),
        Key(
            "signature",
            Text("a WIT signature, `func(question: string) -> string`"),
            "Its WIT type.",
            "its annotations",
            enforced="link",
            proof=_PYTHON,
        ),
    ),
    build.read_python,
    title="Python function",
)

WARM_UP = Object(
    "`warm-up`",
    (
        Key(
            "call",
            Text(
                "a function, `package:name/interface.function`",
                FUNCTION,
                "function-name",
                "write the export's interface, a dot and the function; a version has three numbers: `@0.1.0`",
            ),
            "The export that is called.",
            required=True,
            enforced="link",
            proof=_REVERTS,
        ),
        Key(
            "args",
            MapOf(
                "a map from parameter to value",
                Text("a parameter's name", LABEL, "name", "names of WIT are in kebab-case"),
                Anything(),
            ),
            "Constants for its parameters.",
            "none",
            enforced="link",
            proof=_REVERTS,
        ),
    ),
    build.read_warm_up,
    title="Warm-up",
)

SNAPSHOT = Object(
    "`snapshot`",
    (
        Key(
            "warm-up",
            WARM_UP,
            "A call that an instance answers before `after-init` is kept, so that what a guest does only at its first"
            " call is done by then; it reaches no edge.",
            "of an interpreter of `agent:code` an empty snippet, else none",
            enforced="runtime",
            proof=_REVERTS,
        ),
        Key(
            "steps",
            Whole(1, 100),
            "How many of the states after the node's last executions are kept in each run: `step-1`, `step-2`, …. They"
            " are gone back to by hand, so the node has to have `lifetime: session`.",
            "none",
            enforced="link, runtime",
            proof=_REVERTS,
        ),
        Key(
            "quarantine",
            Whole(1, 1000),
            "How many dirty states of a run are kept on disk, to be looked at, when it ends by itself or is taken"
            " back for a misbehaviour.",
            "none",
            enforced="runtime",
            proof=_REVERTS,
        ),
    ),
    build.read_snapshots,
    title="Snapshot",
)

REVERT_ON = Object(
    "`revert-on`",
    (
        Key(
            "violations",
            Whole(1, 1_000_000),
            "So many violations of contracts that are its own: of what it asks as a caller, of what it gives when it is"
            " called.",
            "any number is let be",
            enforced="runtime",
            proof=_REVERTS,
        ),
        Key(
            "denials",
            Whole(1, 1_000_000),
            "So many uses of powers that it was refused; the call in which that happens ends.",
            "any number is let be",
            enforced="runtime",
            proof=_REVERTS,
        ),
    ),
    build.read_revert_on,
    title="Revert on",
)

_CONFIG_OF_PYTHON = {"python": "a Python function takes its values as parameters: use `args` or an edge"}

_NO_SANDBOX = {"python": "a Python function runs in the host, without a sandbox: nothing would enforce it"}

_BULK_OF_PYTHON = {"python": "the values of a Python function are Python's own already: remove it"}

_ITS_FUNCTION = {"python": "the function is what it runs"}

NODE = Object(
    "a node",
    (
        Key(
            "component",
            Parsed("a path of a component", "path", build.read_component),
            "A source folder (built when stale) or a `.wasm` file, from the file's folder.",
            enforced="engine",
            proof="tests/behaviour/test_python_api.py",
        ),
        Key(
            "python",
            Either(PYTHON.keys[0].shape, PYTHON),
            "A Python function, run in the host and trusted; needs `--allow-python`.",
            enforced="manifest",
            proof="tests/golden/invalid/manifest/python-not-allowed.yaml",
        ),
        Key(
            "run",
            Text(
                "a function, `package:name/interface.function`",
                FUNCTION,
                "function-name",
                "write the export's interface, a dot and the function; a version has three numbers: `@0.1.0`",
            ),
            "The export that runs when the node's data is there; a node without one only answers calls.",
            only=("component",),
            instead=_ITS_FUNCTION,
            enforced="link",
            proof="tests/unit/test_link_graph.py",
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
            proof="tests/behaviour/test_data_edges.py",
        ),
        Key(
            "config",
            MapOf("a map from key to value", Text("a key"), Anything()),
            "What the component reads from `wasi:config/store`; its `component.yaml` declares the keys.",
            "none",
            only=("component",),
            instead=_CONFIG_OF_PYTHON,
            enforced="link",
            proof="tests/unit/test_link_calls.py",
        ),
        Key(
            "grants",
            GRANTS,
            "What it may reach beyond its edges.",
            "nothing",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="capability",
            proof=_GRANTS,
        ),
        Key(
            "limits",
            LIMITS,
            "What it may use.",
            "the engine's",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="engine, runtime",
            proof=_LIMITS,
        ),
        Key(
            "lifetime",
            Choice(("run", "call", "session")),
            "How long an instance lives: one run, one call, or as long as the linked pipeline.",
            "`run`",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="runtime",
            proof="tests/behaviour/test_call_edges.py",
        ),
        Key(
            "bulk",
            Choice(("auto", "always", "never")),
            "How values get in and out of it: through memory that the host owns, or one by one. `auto`: through memory"
            " where a function has lists and no handles; `always`: wherever it has no handles; `never`: one by one.",
            "`auto`",
            only=("component",),
            instead=_BULK_OF_PYTHON,
            enforced="engine",
            proof="tests/behaviour/test_bulk.py",
        ),
        Key(
            "repeat",
            REPEAT,
            "Run it again until a condition holds.",
            "once",
            needs=("run", "python"),
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "retry",
            RETRY,
            "Run it again after a failure.",
            "never",
            needs=("run", "python"),
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "fallback",
            NODE_NAME,
            "The node whose result stands in when this one fails.",
            "none",
            needs=("run", "python"),
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "labels",
            ListOf(LABEL_NAME, "a list of labels", unique=True, empty=False),
            "What it is, beside what its grants say: `untrusted` (it takes content from outside), `private` (it reads"
            " what is not for everybody), `outbound` (it can send), or a label that `labels` of the pipeline declares.",
            "what its grants say",
            enforced="link",
            proof="tests/unit/test_link_flow.py",
        ),
        Key(
            "snapshot",
            SNAPSHOT,
            "Which states of its instances are kept; `after-init` is wherever the key stands, even an empty one: `{}`.",
            "none, unless something takes it back",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="runtime",
            proof=_REVERTS,
        ),
        Key(
            "revert-after",
            Choice(("never", "call", "run")),
            "After what its instances are taken back to `after-init`, to serve the next call or run, instead of being"
            " ended.",
            "`never`",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="runtime",
            proof=_REVERTS,
        ),
        Key(
            "revert-on",
            REVERT_ON,
            "How much of what it may not do takes it back to `after-init` in a run.",
            "nothing",
            only=("component",),
            instead=_NO_SANDBOX,
            enforced="runtime",
            proof=_REVERTS,
        ),
        Key("description", TEXT, "What it is for, for a person."),
    ),
    build.read_node,
    kinds=("component", "python"),
    title="Node",
)
