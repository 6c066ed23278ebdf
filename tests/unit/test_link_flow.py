"""Information flow at link time: where labels begin, over what they travel, where they may not meet, what mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.capability import Operator
from orchestrator.capability.narrowing import Narrowed
from orchestrator.graph.flow import Seed
from orchestrator.interface.types import STRING
from orchestrator.link.flow import refused
from orchestrator.link.labels import MOST_CALLERS, flow_of
from orchestrator.link.linker import Linking
from orchestrator.link.model import LinkedGraph, LinkedNode
from orchestrator.manifest.model import (
    MOST_LABELS,
    CallEdge,
    DataEdge,
    Declassify,
    Grants,
    Http,
    Input,
    Label,
    Limits,
    Manifest,
    Node,
    Port,
    Ref,
    Storage,
)
from tests.support.ceilings import ceiling
from tests.support.link_worlds import linked, linking, reading, shown

RUN = "run: test:worlds/steps.sure, args: {text: hi}"
PART = "test:worlds/steps.part"
NEXT = "run: test:worlds/steps.sure"
FILES = f"files: {{component: step-files, {RUN}, grants: {{storage: [{{path: docs, at: /docs}}]}}}}"
WEB = f"web: {{component: step-http, {RUN}, grants: {{http: [{{url: 'https://news.example/**'}}]}}}}"


def pipeline(nodes: list[str], edges: list[str], *more: str) -> Linking:
    lines = ["pipeline: p", *more, "nodes:", *(f"  {node}" for node in nodes)]
    return linked("\n".join([*lines, "edges:" if edges else "", *(f"  - {edge}" for edge in edges), ""]))


def graph(found: Linking) -> LinkedGraph:
    assert found.graph is not None, shown(found)
    return found.graph


def refusals(found: Linking) -> dict[str, tuple[str, ...]]:
    """The nodes in which what may not meet does, each with the lines that say how it came there."""
    assert {one.code for one in found.diagnostics if one.severity == "error"} <= {"flow"}
    return {one.message.split("`")[1]: one.causes for one in found.diagnostics if one.code == "flow"}


def labels(node: LinkedNode) -> set[str]:
    return {held.label for held in node.labels}


# Where labels begin


@pytest.mark.parametrize(
    ("grants", "expected", "sends"),
    [
        (Grants(), set(), False),
        (Grants(storage=(Storage("docs", "/docs"),)), {"private"}, False),
        (Grants(storage=(Storage("docs", "/docs", "write"),)), {"private"}, False),
        (Grants(http=(Http("https://a.example/**"),)), {"untrusted"}, True),
        (
            Grants(environment={"TOKEN": "as written"}, clock="wall", random="secure", stdio="inherit"),
            set(),
            False,
        ),
    ],
    ids=["none", "storage to read", "storage to write", "http", "environment, clock, random, stdio"],
)
def test_grants_give_labels(grants: Grants, expected: set[str], sends: bool) -> None:
    manifest = Manifest(
        "p", nodes=(Node("a", "step-both", run="test:worlds/steps.sure", args={"text": ""}, grants=grants),)
    )
    found = graph(linking(manifest)).nodes["a"]
    assert labels(found) == expected
    assert bool(found.sends) is sends


def test_a_secret_makes_private_what_it_opens_but_not_for_the_node_that_opens_it() -> None:
    api = f"""api:
    component: step-http
    {RUN.replace(", ", chr(10) + "    ")}
    grants:
      http: [{{url: "https://api.example/v1/**"}}]
      secrets: [{{name: KEY, to: "https://api.example", header: "Authorization: Bearer {{}}"}}]"""
    found = graph(pipeline([api, "after: {component: step, run: test:worlds/steps.sure}"], ["data: api.text -> after"]))
    assert labels(found.nodes["after"]) == {"untrusted", "private"}
    assert [held.story for held in found.nodes["api"].labels] == [
        ("`api` takes what `https://api.example/v1/**` answers (http, line 8)",),
        ("`api` takes what the secret `KEY` opens (secrets, line 9)",),
    ]
    # What it gives to another that can send is refused there, and what is private from elsewhere is refused here.
    sender = "sender: {component: step, run: test:worlds/steps.sure, labels: [outbound]}"
    assert [*refusals(pipeline([api, sender], ["data: api.text -> sender"]))] == ["sender"]
    open_ = api.replace("\n    args: {text: hi}", "")
    assert [*refusals(pipeline([FILES, open_], ["data: files.text -> api.text"]))] == ["api"]


def test_what_a_secret_opened_may_come_back_to_where_it_was_opened() -> None:
    found = pipeline(
        [
            "api: {component: caller, run: test:worlds/steps.sure, args: {text: x}, grants: {http: [{url: 'https://a.example/'}],"
            " secrets: [{name: K, to: 'https://a.example', header: 'X: {}'}]}}",
            "parser: {component: ping-only}",
        ],
        ["call: api -> parser"],
    )
    assert labels(graph(found).nodes["parser"]) == {"untrusted", "private"}


def warnings_of(http: str, to: str = "https://a.example") -> list[str]:
    secrets = f"secrets: [{{name: K, to: '{to}', header: 'X: {{}}'}}]"
    node = f"api: {{component: step-http, {RUN}, grants: {{http: {http}, {secrets}}}}}"
    found = linked(f"pipeline: p\ninputs: {{which: test:worlds/steps.mood}}\nnodes:\n  {node}\n")
    assert found.graph is not None
    return [one.message for one in found.diagnostics if one.code != "unused-input"]


@pytest.mark.parametrize(
    "url",
    [
        "https://b.example/",
        "http://a.example/",
        "https://a.example:444/",
        "https://*.example/",
        "https://${inputs.which}.example/",
    ],
)
def test_a_secret_of_one_origin_beside_a_way_to_another_is_pointed_out(url: str) -> None:
    http = f"[{{url: 'https://a.example/v1/**'}}, {{url: '{url}'}}]"
    assert warnings_of(http) == [f"`api` may send what the secret `K` opens to `{url}` too"]


def test_a_secret_beside_ways_to_its_own_origin_alone_is_not() -> None:
    assert (
        warnings_of("[{url: 'https://a.example/v1/**'}, {url: 'https://A.example:443/y'}]", "https://a.example/") == []
    )


def test_labels_by_hand_are_added_to_those_of_grants() -> None:
    found = graph(pipeline([FILES.replace(", grants", ", labels: [untrusted], grants")], []))
    assert [held.story for held in found.nodes["files"].labels] == [
        ("`files` has the label `untrusted` (line 3)",),
        ("`files` reads `docs` (storage, line 3)",),
    ]


def test_a_label_of_its_own_is_a_narrower_word_for_what_the_grants_say() -> None:
    nodes = [
        FILES.replace(", grants", ", labels: [payroll], grants"),
        f"b: {{component: step, {NEXT}}}",
    ]
    found = graph(pipeline(nodes, ["data: files.text -> b"], "labels: {payroll: private}"))
    assert labels(found.nodes["b"]) == {"payroll"}
    sender = nodes[1].replace("sure}", "sure, labels: [outbound, untrusted]}")
    causes = refusals(pipeline([nodes[0], sender], ["data: files.text -> b"], "labels: {payroll: private}"))["b"]
    assert causes[1] == "payroll (private): `files` has the label `payroll` (line 4)"


def test_inputs_carry_their_labels_wherever_they_are_used() -> None:
    more = (
        "inputs: {text: {type: string, labels: [untrusted]}, folder: {type: path, labels: [untrusted]},"
        " host: {type: test:worlds/steps.mood, labels: [private]}}"
    )
    nodes = [
        "a: {component: step, run: test:worlds/steps.sure}",
        f"b: {{component: step-files, {RUN}, grants: {{storage: [{{path: '${{inputs.folder}}', at: /x}}]}}}}",
        f"c: {{component: step-http, {RUN}, grants: {{http: [{{url: 'https://${{inputs.host}}.example/'}}]}}}}",
    ]
    found = pipeline(nodes, ["data: inputs.text -> a"], more)
    assert refusals(found) == {
        "c": (
            "untrusted: `c` takes what `https://${inputs.host}.example/` answers (http, line 6)",
            "private: the input `host` has the label `private` (line 2)",
            "private: the input `host` is part of a grant of `c`: `https://${inputs.host}.example/`",
            "outbound: `c` may send to `https://${inputs.host}.example/` (http, line 6)",
        )
    }
    found = pipeline(
        nodes[:2],
        ["data: inputs.text -> a"],
        more.replace(" host: {type: test:worlds/steps.mood, labels: [private]}", ""),
    )
    assert {name: labels(node) for name, node in graph(found).nodes.items()} == {
        "a": {"untrusted"},
        "b": {"private", "untrusted"},
    }


def test_a_python_node_is_trusted_and_passes_labels_on() -> None:
    python = "clean: {python: {function: 'os.path:basename', signature: 'func(path: string) -> string'}}"
    nodes = [FILES, python, f"b: {{component: step, {NEXT}}}"]
    found = graph(pipeline(nodes, ["data: files.text -> clean", "data: clean -> b.text"]))
    assert [labels(node) for node in found.nodes.values()] == [{"private"}] * 3
    assert found.nodes["clean"].sends == ""
    sender = python.replace("}}", "}, labels: [outbound, untrusted]}")
    assert [*refusals(pipeline([FILES, sender], ["data: files.text -> clean"]))] == ["clean"]


# Over what they travel


def both(edge: str, nodes: list[str], *edges: str) -> dict[str, tuple[str, ...]]:
    """Refusals where `a` holds private data and `b` can send and has content from outside."""
    return refusals(pipeline(nodes, [edge, *edges]))


A = "labels: [private]"
B = "labels: [outbound, untrusted]"


@pytest.mark.parametrize(
    ("nodes", "edges", "said"),
    [
        (
            [f"a: {{component: step, {RUN}, {A}}}", f"b: {{component: step, run: test:worlds/steps.sure, {B}}}"],
            ["{data: a.text -> b, when: 'size(value) > 3'}"],
            ["`a` gives it to `b` by `a.text -> b` (line 6)"],
        ),
        (
            [
                f"a: {{component: step, run: test:worlds/steps.make-many, args: {{text: x}}, {A}}}",
                f"b: {{component: step, run: test:worlds/steps.sure, {B}}}",
            ],
            ["{data: a -> m, each: {parallel: 2}}", "data: m -> b"],
            None,
        ),
        (
            [
                f"a: {{component: step, run: test:worlds/steps.make, args: {{text: x}}, {A}}}",
                f"b: {{component: step, run: test:worlds/steps.sure, {B}}}",
            ],
            ["data: a.err -> b"],
            ["`a` gives it to `b` by `a.err -> b` (line 6)"],
        ),
        (
            [f"a: {{component: caller, {RUN}, {A}}}", f"b: {{component: ping-only, {B}}}"],
            ["call: a -> b"],
            ["`a` passes it to `b` in a call by `a -> b` (line 6)"],
        ),
        (
            [f"b: {{component: caller, {RUN}, {B}}}", f"a: {{component: ping-only, {A}}}"],
            ["call: b -> a"],
            ["`a` gives it back to `b` from a call by `b -> a` (line 6)"],
        ),
        (
            [f"a: {{component: step-tools, {RUN}, {A}}}", f"b: {{component: ping-only, {B}}}"],
            ["tool: a -> b.test:worlds/ping.ping"],
            ["`a` passes it to `b` in a call by `a -> b.test:worlds/ping.ping` (line 6)"],
        ),
        (
            [f"b: {{component: step-tools, {RUN}, {B}}}", f"a: {{component: ping-only, {A}}}"],
            ["tool: b -> a.test:worlds/ping.ping"],
            ["`a` gives it back to `b` from a call by `b -> a.test:worlds/ping.ping` (line 6)"],
        ),
    ],
    ids=["when", "each", "error", "arguments", "results", "tool's arguments", "tool's results"],
)
def test_labels_travel_over_every_kind_of_edge(nodes: list[str], edges: list[str], said: list[str] | None) -> None:
    if said is None:
        middle = (
            "m: {python: {function: 'os.path:basename', signature: 'func(part: test:worlds/steps.part) -> string'}}"
        )
        edges[1] = "data: m -> join.words"
        join = "join: {python: {function: 'os.path:basename', signature: 'func(words: list<string>) -> string'}}"
        found = pipeline([*nodes, middle, join], [*edges, "data: join -> b"])
        assert [*refusals(found)["b"]][1:5] == [
            "private: `a` has the label `private` (line 3)",
            "private: `a` gives it to `m` by `a -> m` (line 8)",
            "private: `m` gives it to `join` by `m -> join.words` (line 9)",
            "private: `join` gives it to `b` by `join -> b` (line 10)",
        ]
        return
    (causes,) = [causes for name, causes in refusals(pipeline(nodes, edges)).items() if name == "b"]
    assert [line for line in causes if line.startswith("private")][1:] == [f"private: {line}" for line in said]


def test_what_is_called_by_a_node_gets_what_that_node_has_and_gives_it_to_its_other_callers() -> None:
    nodes = [
        f"a: {{component: caller, {RUN}, {A}}}",
        f"c: {{component: caller, {RUN}}}",
        "shared: {component: ping-only}",
        "b: {component: step, run: test:worlds/steps.sure, " + B + "}",
    ]
    edges = ["call: a -> shared", "call: c -> shared", "data: c.text -> b"]
    assert refusals(pipeline(nodes, edges))["b"][1:5] == (
        "private: `a` has the label `private` (line 3)",
        "private: `a` passes it to `shared` in a call by `a -> shared` (line 8)",
        "private: `shared` gives it back to `c` from a call by `c -> shared` (line 9)",
        "private: `c` gives it to `b` by `c.text -> b` (line 10)",
    )
    # An instance for each call remembers nothing of the one before.
    apart = [node.replace("ping-only}", "ping-only, lifetime: call}") for node in nodes]
    found = graph(pipeline(apart, edges))
    assert labels(found.nodes["shared"]) == {"private"}
    assert labels(found.nodes["c"]) == set()


def test_calls_that_are_told_apart_meet_in_what_is_called_in_turn_and_in_a_folder() -> None:
    nodes = [
        f"a: {{component: caller, {RUN}, {A}}}",
        f"c: {{component: caller, {RUN}}}",
        "shared: {component: pinger, lifetime: call}",
        "deep: {component: ponger-only}",
    ]
    edges = ["call: a -> shared", "call: c -> shared", "call: shared -> deep"]
    text = [node.replace("ponger-only", "both") for node in nodes]
    found = graph(pipeline(text, [edge.replace("shared -> deep", "shared -> deep.test:worlds/pong") for edge in edges]))
    assert labels(found.nodes["c"]) == {"private"}
    writes = "grants: {storage: [{path: out, at: /out, access: write}]}"
    nodes = [
        f"a: {{component: caller, {RUN}, labels: [untrusted]}}",
        f"c: {{component: caller, {RUN}}}",
        f"shared: {{component: ping-only, lifetime: call, {writes}}}",
    ]
    found = graph(pipeline(nodes, ["call: a -> shared", "call: c -> shared"]))
    assert labels(found.nodes["c"]) == {"private", "untrusted"}
    reads = [node.replace("access: write", "access: read") for node in nodes]
    found = graph(pipeline(reads, ["call: a -> shared", "call: c -> shared"]))
    assert labels(found.nodes["c"]) == {"private"}


def test_of_a_node_with_very_many_callers_no_call_is_told_apart() -> None:
    many = MOST_CALLERS + 1
    nodes = [f"n{at}: {{component: caller, {RUN}}}" for at in range(many)]
    nodes[0] = nodes[0].replace("hi}", "hi}, labels: [private]")
    edges = [f"call: n{at} -> shared" for at in range(many)]
    shared = "shared: {component: ping-only, lifetime: call}"
    assert labels(graph(pipeline([*nodes, shared], edges)).nodes["n5"]) == {"private"}
    assert labels(graph(pipeline([*nodes[:-1], shared], edges[:-1])).nodes["n5"]) == set()


def test_a_call_without_a_result_gives_nothing_back() -> None:
    nodes = [f"a: {{component: ringer, {RUN}}}", "b: {component: bells-only, labels: [private]}"]
    assert labels(graph(pipeline(nodes, ["call: a -> b"])).nodes["a"]) == {"private"}
    found = graph(pipeline(nodes, ["{call: a -> b, contract: {functions: [ring]}}"]))
    assert labels(found.nodes["a"]) == set()
    # What it is called with goes there all the same.
    one = [f"a: {{component: ringer, {RUN}, labels: [private]}}", "b: {component: bells-only, " + B + "}"]
    assert [*refusals(pipeline(one, ["{call: a -> b, contract: {functions: [ring]}}"]))] == ["b"]


def test_a_fallback_gives_what_its_node_would_and_is_told_that_it_failed() -> None:
    nodes = [
        f"a: {{component: step, {RUN}, fallback: c, labels: [untrusted]}}",
        f"c: {{component: step, {RUN}, fallback: d}}",
        f"d: {{component: step, {RUN}, {A}}}",
        f"b: {{component: step, {NEXT}}}",
    ]
    found = graph(pipeline(nodes, ["data: a.text -> b"], "outputs: {o: a.text}"))
    assert {name: labels(node) for name, node in found.nodes.items()} == {
        "a": {"untrusted"},
        "c": {"untrusted"},
        "d": {"private", "untrusted"},
        "b": {"private", "untrusted"},
    }
    assert {held.label for held in found.outputs[0].labels} == {"private", "untrusted"}
    story = next(held.story for held in found.nodes["b"].labels if held.label == "private")
    assert story[1] == "`d`, standing in for `a`, gives it to `b` by `a.text -> b` (line 9)"
    told = next(held.story for held in found.nodes["d"].labels if held.label == "untrusted")
    assert told[1:] == (
        "`c` is told that `a` failed: it is its fallback",
        "`d` is told that `c` failed: it is its fallback",
    )


def test_fallbacks_in_a_circle_are_refused_for_that_and_nothing_else() -> None:
    nodes = [f"a: {{component: step, {RUN}, fallback: c}}", f"c: {{component: step, {RUN}, fallback: a}}"]
    assert [one.code for one in pipeline(nodes, []).diagnostics] == ["fallback", "cycle"]


# Folders


def folders(write: str, read: str, *more: str) -> LinkedGraph:
    nodes = [
        f"w: {{component: step-files, {RUN}, labels: [untrusted],"
        f" grants: {{storage: [{{path: {write}, at: /w, access: write}}]}}}}",
        f"r: {{component: step-files, {RUN}, grants: {{storage: [{{path: {read}, at: /r}}]}}}}",
    ]
    return graph(pipeline(nodes, [], *more))


@pytest.mark.parametrize(
    ("write", "read"),
    [("out", "out"), ("out", "./x/../out/"), ("out/deep/er", "out"), ("out", "out/deep"), ("/", "out"), ("out", "/")],
)
def test_what_one_writes_another_reads(write: str, read: str) -> None:
    assert labels(folders(write, read).nodes["r"]) == {"private", "untrusted"}


@pytest.mark.parametrize(("write", "read"), [("out", "in"), ("out", "outer"), ("a/b", "a/c"), ("a/b/c", "a/c")])
def test_folders_apart_are_no_way(write: str, read: str) -> None:
    assert labels(folders(write, read).nodes["r"]) == {"private"}


def test_two_that_only_read_tell_each_other_nothing() -> None:
    nodes = [
        f"w: {{component: step-files, {RUN}, labels: [untrusted], grants: {{storage: [{{path: x, at: /w}}]}}}}",
        f"r: {{component: step-files, {RUN}, grants: {{storage: [{{path: x, at: /r}}]}}}}",
    ]
    assert labels(graph(pipeline(nodes, [])).nodes["r"]) == {"private"}


@pytest.mark.parametrize(
    ("write", "read"), [("${inputs.f}", "out"), ("out", "${inputs.f}"), ("${inputs.f}", "${inputs.g}/x")]
)
def test_a_folder_that_an_input_names_may_be_any(write: str, read: str) -> None:
    found = folders(f"'{write}'", f"'{read}'", "inputs: {f: path, g: {type: path, default: .}}")
    (held,) = [held for held in found.nodes["r"].labels if held.label == "untrusted"]
    assert held.story[1:] == (
        f"`w` may write to `{write}` (storage, line 4)",
        "an input says which folder it is, and it may be the same one",
        f"`r` may read it: `{read}` (storage, line 5)",
    )


def test_a_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = folders(str(tmp_path / "link"), str(tmp_path / "real"))
    assert labels(found.nodes["r"]) == {"private", "untrusted"}


# What mends it

TWO = [
    FILES,
    "send: {component: step-http, run: test:worlds/steps.sure, grants: {http: [{url: 'https://a.example/'}]}}",
]


def test_an_edge_that_declassifies_with_a_reason_lets_the_pipeline_link() -> None:
    assert [*refusals(pipeline(TWO, ["data: files.text -> send"]))] == ["send"]
    found = pipeline(TWO, ["{data: files.text -> send, declassify: {labels: [private], reason: It is published.}}"])
    assert labels(graph(found).nodes["send"]) == {"untrusted"}
    assert shown(found) == (
        "warning[declassified]: `files.text -> send` declassifies `private`: It is published.\n"
        " --> pipeline.yaml:6:44\n"
        "  |\n"
        "6 |   - {data: files.text -> send, declassify: {labels: [private], reason: It is published.}}\n"
        "  |                                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n\n"
    )
    assert found.diagnostics == graph(found).warnings
    assert graph(found).data[0].declassify == Declassify(("private",), "It is published.")


def test_a_label_that_nobody_takes_off_comes_by_another_way() -> None:
    stops = "declassify: {labels: [private], reason: It is short.}"
    nodes = [*TWO, "m: {component: step, run: test:worlds/steps.join}"]
    nodes[1] = nodes[1].replace("steps.sure", "steps.join")
    edges = [f"{{data: files.text -> send.left, {stops}}}", "data: files.text -> m.left", "data: files.text -> m.right"]
    assert [*refusals(pipeline(nodes, [*edges, "data: m -> send.right"]))] == ["send"]
    assert refusals(pipeline(nodes, [*edges, f"{{data: m -> send.right, {stops}}}"])) == {}


@pytest.mark.parametrize(
    ("of", "caller", "callee"),
    [("", set(), set()), (", of: arguments", {"untrusted"}, set()), (", of: results", set(), {"private"})],
)
def test_of_a_call_both_sides_or_one_are_declassified(of: str, caller: set[str], callee: set[str]) -> None:
    nodes = [f"a: {{component: caller, {RUN}, labels: [private]}}", "b: {component: ping-only, labels: [untrusted]}"]
    rule = f"declassify: {{labels: [private, untrusted], reason: Numbers alone{of}}}"
    found = graph(pipeline(nodes, [f"{{call: a -> b, {rule}}}"]))
    assert labels(found.nodes["a"]) == {"private"} | caller
    assert labels(found.nodes["b"]) == {"untrusted"} | callee


def test_a_built_in_label_stands_for_all_of_its_sort_and_one_of_its_own_for_itself() -> None:
    more = "labels: {payroll: private, mail: untrusted}"
    nodes = [
        f"a: {{component: step, {RUN}, labels: [private, payroll, mail]}}",
        f"b: {{component: step, {NEXT}}}",
    ]

    def left(named: str) -> set[str]:
        edge = f"{{data: a.text -> b, declassify: {{labels: [{named}], reason: Why not.}}}}"
        return labels(graph(pipeline(nodes, [edge], more)).nodes["b"])

    assert left("private") == {"mail"}
    assert left("payroll") == {"private", "mail"}
    assert left("mail, payroll") == {"private"}
    assert left("untrusted") == {"private", "payroll"}


def test_a_label_that_does_not_come_over_the_edge_is_pointed_out() -> None:
    edge = "{data: files.text -> b, declassify: {labels: [private, untrusted], reason: Why not.}}"
    found = pipeline([FILES, f"b: {{component: step, {NEXT}}}"], [edge])
    (note,) = found.diagnostics
    assert note.help == ("remove `untrusted` from it: nothing with that label comes there",)


def test_a_declassification_that_was_refused_as_it_stands_is_no_second_error() -> None:
    text = f"""
pipeline: p
nodes:
  {TWO[0]}
  {TWO[1]}
edges:
  - {{data: files.text -> send, declassify: {{labels: [private]}}}}
"""
    read = reading(text)
    assert [one.code for one in read.diagnostics] == ["missing-key"]
    assert read.manifest is not None
    assert linking(read.manifest, partial=True).diagnostics == ()


def test_a_label_whose_declaration_was_refused_is_no_second_error() -> None:
    text = f"pipeline: p\nlabels: {{pay: secret}}\nnodes:\n  a: {{component: step, {RUN}, labels: [pay, pya]}}\n"
    read = reading(text)
    assert read.manifest is not None
    assert [one.message for one in linking(read.manifest, partial=True).diagnostics] == [
        "the pipeline has no label `pya`"
    ]


# Built in Python, and asked again


def test_a_pipeline_built_in_python_is_told_in_words() -> None:
    manifest = Manifest(
        "built",
        inputs=(Input("text", STRING, labels=("mail",)),),
        labels=(Label("mail", "untrusted"), Label("mail", "private"), Label("private", "private")),
        nodes=(
            Node("a", "step", run="test:worlds/steps.join", labels=("outbound", "private", "private", "new")),
            Node("b", "step", run="test:worlds/steps.sure"),
        ),
        edges=(
            DataEdge(Ref("input", "text"), "a", "left"),
            DataEdge(Ref("input", "text"), "a", "right", declassify=Declassify(("mail",), "  ")),
            DataEdge(Ref("input", "text"), "b", None, declassify=Declassify((), "a reason")),
        ),
    )
    assert shown(linking(manifest)) == (
        "error[duplicate-name]: there are two labels `mail`\n"
        " --> label `mail`\n"
        " = help: rename one\n\n"
        "error[duplicate-name]: the label `private` is one that every pipeline has\n"
        " --> label `private`\n"
        " = help: choose another name\n\n"
        "error[unknown-label]: the pipeline has no label `new`\n"
        " --> node `a`\n"
        " = help: its labels: `untrusted`, `private`, `mail`, `outbound`\n\n"
        "error[declassify]: `declassify` of `inputs.text -> a.right` has no reason\n"
        " --> edge `inputs.text -> a.right`\n"
        " = help: say which labels, and why it is right\n\n"
        "error[declassify]: `declassify` of `inputs.text -> b` has no label\n"
        " --> edge `inputs.text -> b`\n"
        " = help: say which labels, and why it is right\n\n"
        "error[flow]: untrusted content and private data meet in `a`, which can send\n"
        " --> node `a`\n"
        " = mail (untrusted): the input `text` has the label `mail`\n"
        " = mail (untrusted): the input `text` goes to `a` by `inputs.text -> a.left`\n"
        " = private: `a` has the label `private`\n"
        " = outbound: `a` has the label `outbound`\n"
        " = help: where an edge may carry it, say why: `declassify: {labels: ..., reason: ...}`, labels `[mail]`\n"
        " = help: or divide the work between nodes, so that none that can send has both\n\n"
    )


def test_labels_that_come_later_are_checked_with_the_same_flow() -> None:
    nodes = ["send: {component: step, run: test:worlds/steps.sure, labels: [outbound, private]}"]
    found = graph(pipeline(nodes, ["data: inputs.text -> send"], "inputs: {text: string}"))
    assert refused(found.flow, ()) == []
    seed = Seed("inputs.text", "untrusted", "caller", "whoever runs it calls `text` untrusted")
    (problem,) = refused(found.flow, [seed])
    assert problem.causes[:2] == (
        "untrusted: whoever runs it calls `text` untrusted",
        "untrusted: the input `text` goes to `send` by `inputs.text -> send` (line 6)",
    )


def test_grants_that_a_node_was_given_in_place_of_its_own_are_what_counts() -> None:
    manifest = Manifest("p", nodes=(Node("a", "step-both", grants=Grants(http=(Http("https://a.example/"),))),))
    assert [*flow_of(manifest).senders] == ["a"]
    assert [*flow_of(manifest, within={"a": Narrowed(Grants(), Limits())}).senders] == []


def test_a_pipeline_with_very_many_labels_is_refused() -> None:
    names = [f"l{at}" for at in range(MOST_LABELS + 1)]
    node = Node("a", "step", run="test:worlds/steps.sure", args={"text": ""}, labels=tuple(names))
    labels = tuple(Label(name, "private") for name in names)
    assert shown(linking(Manifest("p", nodes=(node,), labels=labels))) == (
        "error[flow-label]: there are 65 labels: at most 64 can be declared\n"
        " --> pipeline `p`\n"
        " = help: use one for what goes the same ways\n\n"
    )
    assert linking(Manifest("p", nodes=(replace(node, labels=tuple(names[1:])),), labels=labels[1:])).graph is not None


def test_grants_that_a_ceiling_takes_give_no_label(tmp_path: Path) -> None:
    limit = ceiling(tmp_path, "grants: {storage: [{path: docs}], http: [{url: 'https://b.example/**'}]}\n")
    storage = Storage("docs", "/docs")
    grants = Grants(storage=(storage,), http=(Http("https://a.example/**", optional=True), Http("https://b.example/")))
    node = Node("a", "step-both", run="test:worlds/steps.sure", args={"text": ""}, grants=grants)
    manifest = Manifest("p", nodes=(node,), folder=tmp_path)
    (problem,) = linking(manifest, operator=Operator(ceilings=(limit,))).diagnostics
    assert problem.causes[0] == "untrusted: `a` takes what `https://b.example/` answers (http)"
    manifest = replace(manifest, nodes=(replace(node, grants=replace(grants, http=grants.http[:1])),))
    assert labels(graph(linking(manifest, operator=Operator(ceilings=(limit,)))).nodes["a"]) == {"private"}


def test_a_hostile_pipeline_is_checked_in_time_in_proportion_to_its_edges() -> None:
    """Without a bound, ten thousand callers times ten thousand callees: a hundred million passages."""
    count = 3000
    callers = tuple(Node(f"n{at}", "caller") for at in range(count))
    hub = Node("hub", "ping-pong", lifetime="call", labels=("private",))
    edges = [
        CallEdge(Port(one), Port(other)) for node in callers for one, other in ((node.name, "hub"), ("hub", node.name))
    ]
    found = flow_of(Manifest("p", nodes=(*callers, hub), edges=tuple(edges)))
    assert len(found.passages) == 4 * count
