"""A pipeline as a graph to draw, before and after it is linked."""

from __future__ import annotations

import pytest

from orchestrator.graph import Arc
from orchestrator.link.drawing import draw
from orchestrator.manifest.model import CallEdge, Contract, Manifest, Node, Port
from tests.support.link_worlds import linked, reading

TEXT = """
pipeline: p
inputs: {text: string, unused: path}
outputs: {out: b.text, failed: b.err}
nodes:
  a:
    component: step-tools
    run: test:worlds/steps.make-many
    limits: {memory: 64MiB, timeout: 1.5s}
    lifetime: session
  b: {component: ping-runner, run: test:worlds/steps.make, retry: {times: 2}}
  c: {component: caller, run: test:worlds/steps.sure}
  d: {python: {function: "os.path:basename", signature: "func(path: string) -> string"}}
edges:
  - data: inputs.text -> a
  - data: a.0.text -> b.text
    when: value != ''
  - data: a.0.tags -> c
    each: {parallel: 2}
    contract: {max-bytes: 64KiB}
  - data: a.0.text -> d.path
  - call: c -> gone
  - tool: a -> d.basename
"""


def arcs(text: str, *, link: bool) -> dict[str, Arc]:
    if not link:
        return {arc.id: arc for arc in draw(reading(text).result()).arcs}
    graph = linked(text).graph
    assert graph is not None
    return {arc.id: arc for arc in draw(graph).arcs}


def test_a_manifest_is_drawn_as_it_is_written() -> None:
    graph = draw(reading(TEXT).result())
    assert [(vertex.id, vertex.kind, vertex.type) for vertex in graph.vertices] == [
        ("inputs.text", "input", "string"),
        ("inputs.unused", "input", "path"),
        ("a", "node", ""),
        ("b", "node", ""),
        ("c", "node", ""),
        ("d", "python", ""),
        ("outputs.out", "output", ""),
        ("outputs.failed", "output", ""),
    ]
    details = graph.vertices[2].detail
    assert details == (
        "step-tools",
        "run test:worlds/steps.make-many",
        "lifetime session",
        "memory 64MiB",
        "timeout 1.5s",
    )
    found = {arc.id: arc for arc in graph.arcs}
    assert "c -> gone" not in found
    assert found["a.0.tags -> c"] == Arc(
        "a.0.tags -> c", "a", "c", "data", "0.tags", "", ("max-bytes: 64KiB",), "", "each, 2 at a time"
    )
    assert found["a.0.text -> b.text"].condition == "value != ''"
    assert found["b.err -> outputs.failed"].label == "err"
    assert found["d -> a (runs first)"].kind == "implied"


def test_a_linked_graph_is_drawn_with_its_types() -> None:
    text = TEXT.replace("call: c -> gone", "call: c -> b").replace("tool: a -> d.basename", "call: c.x -> b")
    text = text.replace("  - call: c.x -> b\n", "").replace("{out: b.text, failed: b.err}", "{out: b.text}")
    found = arcs(text, link=True)
    call = found["c -> b (test:worlds/ping)"]
    assert (call.kind, call.label, call.types) == ("call", "test:worlds/ping", "ping")
    assert found["a.0.tags -> c"].types == "string"
    assert found["b -> c (runs first)"].kind == "implied"
    assert found.keys() - arcs(text, link=False).keys() == {"c -> b (test:worlds/ping)"}


FUSED = """
pipeline: p
nodes:
  a: {component: wants-both, run: test:worlds/steps.sure, args: {text: hi}, bulk: never}
  b: {component: pinger, bulk: never}
  c: {component: both}
edges:
  - {call: a -> b, fuse: true}
  - {call: a -> c, interface: test:worlds/pong}
  - {call: b -> c, interface: test:worlds/pong}
"""


@pytest.mark.parametrize("link", [False, True], ids=["as written", "linked"])
def test_a_fused_edge_and_the_group_that_it_makes_are_drawn(link: bool) -> None:
    graph = linked(FUSED).graph if link else reading(FUSED).result()
    assert graph is not None
    drawn = draw(graph)
    assert {vertex.id: (vertex.group, vertex.detail[-1]) for vertex in drawn.vertices} == {
        "a": ("b", "bulk never"),
        "b": ("b", "bulk never"),
        "c": ("", "both"),
    }
    assert [arc.fused for arc in drawn.arcs] == [True, False, False]


@pytest.mark.parametrize(
    ("contract", "line"),
    [
        (Contract(max_bytes=3 << 20), "max-bytes: 3MiB"),
        (Contract(max_request=1025), "max-request: 1025B"),
        (Contract(rate=(5, 60.0)), "rate: 5/min"),
        (Contract(rate=(5, 7.0)), "rate: 5 in 7s"),
        (Contract(timeout=0.25), "timeout: 0.25s"),
    ],
)
def test_rules_are_shown_as_the_manifest_writes_them(contract: Contract, line: str) -> None:
    nodes = (Node("a", "step", run="test:worlds/steps.make"), Node("b", "step"))
    manifest = Manifest("p", nodes=nodes, edges=(CallEdge(Port("a"), Port("b"), contract=contract),))
    (arc,) = draw(manifest).arcs
    assert arc.contract == (line,)


JUDGED = """
pipeline: p
inputs: {text: string}
nodes:
  a: {component: tool-caller, run: test:worlds/steps.sure}
  b: {component: both}
  guard: {component: guard-runner, run: test:worlds/steps.sure, args: {text: hi}}
  other: {component: guard}
edges:
  - {data: inputs.text -> a.text, contract: {detect: [guard, other]}}
  - {call: a -> b, contract: {detect: other}}
  - {tool: a -> b.test:worlds/steps.sure, contract: {detect: other}}
"""


@pytest.mark.parametrize("link", [False, True], ids=["as written", "linked"])
def test_detectors_are_drawn_with_what_they_judge(link: bool) -> None:
    drawn = arcs(JUDGED, link=link)
    call = "a -> b (test:worlds/ping)" if link else "a -> b"
    judged = {id_: (arc.source, arc.target, arc.label) for id_, arc in drawn.items() if arc.kind == "detect"}
    assert judged == {
        "detect: inputs.text -> a.text -> guard": ("inputs.text", "guard", "what crosses to a"),
        "detect: inputs.text -> a.text -> other": ("inputs.text", "other", "what crosses to a"),
        f"detect: {call} -> other": ("a", "other", "calls of b"),
        "detect: a -> b.test:worlds/steps.sure -> other": ("a", "other", "calls of b"),
    }
    assert drawn["inputs.text -> a.text"].contract == ("detect: guard", "detect: other")
    assert [arc.id for arc in drawn.values() if arc.kind == "implied"] == ["guard -> a (runs first)"]


LABELLED = """
pipeline: p
labels: {payroll: private}
inputs:
  page: {type: string, labels: [untrusted]}
  folder: path
outputs: {out: sender.text}
nodes:
  files:
    component: step-files
    run: test:worlds/steps.sure
    args: {text: all}
    labels: [payroll]
    grants: {storage: [{path: "${inputs.folder}", at: /docs}]}
  asker: {component: caller, run: test:worlds/steps.join}
  shared: {component: ping-only, lifetime: call}
  sender: {component: step, run: test:worlds/steps.sure, labels: [outbound]}
edges:
  - data: inputs.page -> asker.left
  - data: files.text -> asker.right
  - call: asker -> shared
  - data: asker -> sender
"""
STOPS = "    declassify: {labels: [payroll], reason: A sum., of: results}"


def test_labels_and_where_they_may_not_meet_are_drawn_of_what_is_refused() -> None:
    drawn = draw(reading(LABELLED).result())
    assert {vertex.id: vertex.labels for vertex in drawn.vertices} == {
        "inputs.page": "labels untrusted",
        "inputs.folder": "",
        "files": "labels payroll",
        "asker": "gets untrusted, payroll",
        "shared": "gets untrusted, payroll",
        "sender": "labels outbound; gets untrusted, payroll",
        "outputs.out": "gets untrusted, payroll",
    }
    assert {vertex.id: vertex.alarm for vertex in drawn.vertices if vertex.alarm} == {
        "sender": "untrusted content and private data meet here, and it can send"
    }
    assert {arc.id: arc.carries for arc in drawn.arcs if arc.alarm} == {
        "inputs.page -> asker.left": "carries untrusted",
        "files.text -> asker.right": "carries payroll",
        "asker -> sender": "carries untrusted, payroll",
    }


def test_a_declassified_edge_is_drawn_with_its_reason() -> None:
    text = LABELLED.replace("labels: [outbound]", "description: No way out.")
    text = text.replace("asker -> shared", f"asker -> shared\n{STOPS}")
    graph = linked(text).graph
    assert graph is not None
    (call,) = [arc for arc in draw(graph).arcs if arc.kind == "call"]
    assert (call.stops, call.side, call.reason) == (("payroll",), "results", "A sum.")
    assert call.terms == ("declassifies payroll of its results: A sum.",)
