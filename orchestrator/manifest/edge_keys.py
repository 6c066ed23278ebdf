"""Every key of an edge and of its contract, once."""

from __future__ import annotations

from orchestrator.manifest import pipeline_build as build
from orchestrator.manifest.container_shapes import Key, ListOf, Object, OneOrMore
from orchestrator.manifest.forms import (
    CEL,
    DURATION,
    LABEL_NAME,
    NODE_NAME,
    PORT_PATTERN,
    RATE,
    REF_PATTERN,
    SIZE,
    TARGET_PATTERN,
    TEXT,
)
from orchestrator.manifest.paths import FUNCTION, INTERFACE, LABEL, NAME
from orchestrator.manifest.scalar_shapes import Choice, Flag, Parsed, Text, Whole

_CONTRACTS = "tests/behaviour/test_contracts.py"
_CONTROL = "tests/behaviour/test_control.py"
_DETECT = "tests/behaviour/test_detect.py"
_FLOW = "tests/unit/test_link_flow.py"
_RULES = "tests/unit/test_contract_rules.py"

REJECT = Object(
    "an item of `reject`",
    (
        Key(
            "path",
            Text("a path from `args`, `result` or `value`"),
            "Where to look: `args.messages`, `result.ok.text`, `value`.",
            required=True,
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "pattern",
            Text("a regular expression", longest=1000),
            "A regular expression (RE2) that must not match in any string there.",
            required=True,
            enforced="contract",
            proof=_RULES,
        ),
    ),
    build.read_reject,
    title="Reject",
)

_FUNCTION = rf"{LABEL}|\[(?:method|static)\]{LABEL}\.{LABEL}|\[constructor\]{LABEL}"
"""A function of an interface; one of a resource has its kind in brackets, as in the binary."""
_CALLS = ("call", "tool")

_BYTES = {"data": "a data edge carries one value: use `max-bytes`"}

CONTRACT = Object(
    "a contract",
    (
        Key(
            "functions",
            ListOf(
                Text("a function's name", _FUNCTION, "name", "names of WIT are in kebab-case"),
                "a list of functions",
                unique=True,
            ),
            "Only these may be called.",
            "all",
            only=("call",),
            instead={"data": "no function is called over a data edge", "tool": "a tool edge is one function"},
            enforced="contract",
            proof=_RULES,
        ),
        Key("max-calls", Whole(), "How many crossings a run may make.", "no bound", enforced="contract", proof=_RULES),
        Key("rate", RATE, "How many crossings in a time.", "no bound", enforced="contract", proof=_RULES),
        Key(
            "timeout",
            DURATION,
            "Of one call, what it calls included.",
            "none",
            only=_CALLS,
            instead={"data": "bound the node itself: `limits: {timeout: 5s}`"},
            enforced="runtime",
            proof=_CONTRACTS,
        ),
        Key(
            "max-request",
            SIZE,
            "Of the arguments, in canonical form.",
            "no bound",
            only=_CALLS,
            instead=_BYTES,
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "max-response",
            SIZE,
            "Of the result, in canonical form.",
            "no bound",
            only=_CALLS,
            instead=_BYTES,
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "max-bytes",
            SIZE,
            "Of one value that crosses, in canonical form: on a call edge of the request and of the response.",
            "no bound",
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "require",
            ListOf(CEL, "a list of CEL expressions"),
            "Conditions over `args`, or `value` on a data edge, before it crosses.",
            "none",
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "ensure",
            ListOf(CEL, "a list of CEL expressions"),
            "Conditions over `result`, or `value` on a data edge.",
            "none",
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "reject",
            ListOf(REJECT, "a list of `{path, pattern}`"),
            "Patterns that must not match.",
            "none",
            enforced="contract",
            proof=_RULES,
        ),
        Key(
            "redact",
            ListOf(Text("a path from `args`, `result` or `value`"), "a list of paths"),
            "Values that never reach spans or logs.",
            "none",
            enforced="audit",
            proof=_CONTRACTS,
        ),
        Key(
            "detect",
            OneOrMore(NODE_NAME, "a node's name, or a list of them"),
            "Nodes that export `agent:core/detector` and judge what crosses, as JSON: the value on a data edge; on the"
            " others the arguments before the call, and the result after it.",
            "none",
            enforced="link, runtime",
            proof=_DETECT,
        ),
        Key(
            "on-violation",
            Choice(("fail", "deny", "revert")),
            "`fail` ends the run; `deny` gives the caller an error, and on a data edge skips the consumer; `revert`"
            " does as `deny`, and takes the node that is called, or whose value it is, back to its snapshot"
            " `after-init`.",
            "`fail`",
            enforced="runtime",
            proof=_CONTRACTS,
        ),
    ),
    build.read_contract,
    title="Contract",
)

EACH = Object(
    "`each`",
    (
        Key(
            "parallel",
            Whole(1, 256),
            "How many elements at a time.",
            "`1`",
            enforced="runtime",
            proof=_CONTROL,
        ),
    ),
    build.read_each,
    title="Each",
)

DECLASSIFY = Object(
    "`declassify`",
    (
        Key(
            "labels",
            ListOf(LABEL_NAME, "a list of labels", unique=True, empty=False),
            "Which: `untrusted`, `private`, each with every label of its sort, or one that the pipeline declares.",
            required=True,
            enforced="link",
            proof=_FLOW,
        ),
        Key(
            "reason",
            Text("a reason", longest=1000),
            "Why that is right, for whoever reads the pipeline, its plan, its picture or its trace.",
            required=True,
            enforced="link",
            proof=_FLOW,
        ),
        Key(
            "of",
            Choice(("arguments", "results")),
            "Of a call, which of the two: what the caller passes, or what it is given back.",
            "both",
            only=_CALLS,
            instead={"data": "a data edge carries one value, one way: remove it"},
            enforced="link",
            proof=_FLOW,
        ),
    ),
    build.read_declassify,
    title="Declassify",
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

_FUSE_ONLY = {
    "data": "a data edge hands over a value, and its two nodes run one after the other: there is nothing to fuse",
    "tool": "a tool is found by name while the caller runs; fuse a call edge, `call: a -> b`",
}

EDGE = Object(
    "an edge",
    (
        Key(
            "data",
            Parsed(
                "`source -> node.parameter`", "edge", build.read_data, rf"\s*{REF_PATTERN}\s*->\s*{TARGET_PATTERN}\s*"
            ),
            "A value from an input, a result or an error (`node.err`) to a parameter.",
            enforced="link",
            proof="tests/behaviour/test_data_edges.py",
        ),
        Key(
            "call",
            Parsed("`caller -> callee`", "edge", build.read_call, rf"\s*{PORT_PATTERN}\s*->\s*{PORT_PATTERN}\s*"),
            "An import of one node answered by an export of another.",
            enforced="link",
            proof="tests/behaviour/test_call_edges.py",
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
            proof="tests/behaviour/test_tools.py",
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
            proof="tests/unit/test_link_calls.py",
        ),
        Key(
            "when",
            CEL,
            "A condition over `value`; where it does not hold, the consumer does not run.",
            "always",
            only=("data",),
            instead=_DATA_ONLY,
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key(
            "each",
            EACH,
            "The source is a list; the consumer runs once for each element.",
            "no",
            only=("data",),
            instead=_EACH_ONLY,
            enforced="runtime",
            proof=_CONTROL,
        ),
        Key("contract", CONTRACT, "Rules on what crosses.", "none", enforced="contract", proof=_RULES),
        Key(
            "fuse",
            Flag(),
            "Whether the two nodes share one store, and with it memory, limits and fate, so that calls need no host.",
            "`false`",
            only=("call",),
            instead=_FUSE_ONLY,
            enforced="link, runtime",
            proof="tests/behaviour/test_fuse.py",
        ),
        Key(
            "declassify",
            DECLASSIFY,
            "Labels that do not cross this edge, and why that is right; the trace says so when it is crossed.",
            "every label crosses",
            enforced="link",
            proof=_FLOW,
        ),
        Key("description", TEXT, "What it is for, for a person."),
    ),
    build.read_edge,
    kinds=("data", "call", "tool"),
    owner="edge",
    title="Edge",
)
