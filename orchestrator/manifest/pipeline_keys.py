"""Every key of the pipeline language, once: the reader, the JSON Schema and the reference page are made from this.

To add a key, add it here or in `node_keys`, `grant_keys` or `edge_keys`; to take one into force, drop its `later`.
"""

from __future__ import annotations

from orchestrator.manifest import pipeline_build as build
from orchestrator.manifest.container_shapes import Anything, Either, Key, ListOf, MapOf, Object
from orchestrator.manifest.edge_keys import EDGE
from orchestrator.manifest.forms import DURATION, INPUT_TYPE, LABEL_NAME, NODE_NAME, REF_PATTERN, TEXT
from orchestrator.manifest.node_keys import NODE
from orchestrator.manifest.scalar_shapes import Choice, Name, Parsed, Whole

_API = "tests/behaviour/test_python_api.py"
_DATA = "tests/behaviour/test_data_edges.py"
_FLOW = "tests/unit/test_link_flow.py"
_LIMITS = "tests/behaviour/test_limits.py"
_LINKING = "tests/unit/test_link_graph.py"

INPUT = Object(
    "an input",
    (
        Key(
            "type",
            INPUT_TYPE,
            "The input's type; `path` is a path of the host, for a storage grant.",
            required=True,
            enforced="link",
            proof=_DATA,
        ),
        Key(
            "default",
            Anything(),
            "The value when none is given; a relative path is taken from the file's folder.",
            enforced="link",
            proof=_API,
        ),
        Key(
            "labels",
            ListOf(LABEL_NAME, "a list of labels", unique=True, empty=False),
            "What its values are taken for: `untrusted`, `private`, or a label that `labels` of the pipeline declares.",
            "none",
            enforced="link",
            proof=_FLOW,
        ),
        Key("description", TEXT, "What it is, for a person."),
    ),
    build.read_input,
    title="Input",
)

LABEL_SORT = Choice(("untrusted", "private"))

LABEL = Object(
    "a label",
    (
        Key(
            "is",
            LABEL_SORT,
            "Which of the two it is a narrower word for.",
            required=True,
            enforced="link",
            proof=_FLOW,
        ),
        Key("description", TEXT, "What it stands for, for a person."),
    ),
    build.read_label,
    title="Label",
)

RUN_LIMITS = Object(
    "the limits of a run",
    (
        Key(
            "timeout",
            DURATION,
            "Of the whole run.",
            "none",
            enforced="runtime",
            proof=_LIMITS,
        ),
        Key(
            "calls",
            Whole(),
            "Over all call and tool edges together.",
            "no bound",
            enforced="runtime",
            proof=_LIMITS,
        ),
    ),
    build.read_run_limits,
    title="Limits of a run",
)

OUTPUT = Parsed("a node's result or a path into it", "path", build.read_output, REF_PATTERN)

PIPELINE = Object(
    "a pipeline",
    (
        Key(
            "pipeline",
            Name("the pipeline's name"),
            "Its name.",
            required=True,
            enforced="manifest",
            proof="tests/golden/invalid/manifest/name-case.yaml",
        ),
        Key("description", TEXT, "What it does, for a person."),
        Key(
            "inputs",
            MapOf("a map of inputs", Name("an input's name"), Either(INPUT_TYPE, INPUT), "input"),
            "What a run is given: a type, or a map with `type`, `default`, `labels`, `description`.",
            "none",
            enforced="link",
            proof=_DATA,
        ),
        Key(
            "outputs",
            MapOf("a map of outputs", Name("an output's name"), OUTPUT, "output"),
            "What a run gives: a node, then a path into its result.",
            "none",
            enforced="link",
            proof=_DATA,
        ),
        Key(
            "nodes",
            MapOf("a map of nodes", NODE_NAME, NODE, "node", empty=False),
            "The components and functions.",
            required=True,
            enforced="link",
            proof=_LINKING,
        ),
        Key(
            "edges",
            ListOf(EDGE, "a list of edges"),
            "How they are joined.",
            "none",
            enforced="link",
            proof=_LINKING,
        ),
        Key(
            "limits",
            RUN_LIMITS,
            "What a whole run may use.",
            "none",
            enforced="runtime",
            proof=_LIMITS,
        ),
        Key(
            "labels",
            MapOf("a map of labels", LABEL_NAME, Either(LABEL_SORT, LABEL), "label"),
            "Labels of its own, each a narrower word for `untrusted` or `private`: `payroll: private`. An edge can"
            " declassify one of them and leave the others.",
            "none",
            enforced="link",
            proof=_FLOW,
        ),
        Key("models", Anything(), "", later=True),
    ),
    build.read_pipeline,
    title="Pipeline",
)
