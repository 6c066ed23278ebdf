"""What a pipeline becomes when it is linked: types, order, bindings."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InvalidPipeline
from orchestrator.interface import show_type
from orchestrator.link.linker import link
from orchestrator.link.model import LinkedGraph
from orchestrator.manifest import check as check_text
from orchestrator.wasi import answers
from tests.support.link_worlds import linked, linking, load, reading, shipped, shown

STEP = "component: step, run: test:worlds/steps"


def graph(text: str) -> LinkedGraph:
    found = linked(text)
    assert found.graph is not None, shown(found)
    return found.graph


def test_types_and_order_follow_the_edges() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
outputs: {{text: b.text, size: b.place.0, first: b.tags.0, kind: b.kind.named}}
nodes:
  b: {{{STEP}.sure}}
  a: {{{STEP}.make}}
edges:
  - data: inputs.text -> a
  - data: a.text -> b
""")
    assert found.order == ("a", "b")
    assert [show_type(output.type) for output in found.outputs] == ["string", "u32", "string", "string"]
    assert not any(output.optional for output in found.outputs)
    assert [edge.id for edge in found.data] == ["a.text -> b", "inputs.text -> a"]
    assert found.nodes["b"].after == {"a"}
    assert found.warnings == ()


def test_an_option_takes_what_is_inside_it_and_may_be_left_open() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string, maybe: option<string>}}
nodes:
  a: {{{STEP}.maybe}}
  b: {{{STEP}.maybe}}
  c: {{{STEP}.maybe}}
edges:
  - data: inputs.text -> a.text
  - data: inputs.maybe -> b.text
""")
    (a,), (b,), (c,) = (found.nodes[name].bindings for name in "abc")
    assert a.edges[0].wrap
    assert not b.edges[0].wrap
    assert (c.constant, c.edges) == (None, ())


def test_a_node_that_runs_once_an_element_gives_a_list() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
outputs: {{all: b, last: c}}
nodes:
  a: {{{STEP}.make-many}}
  b: {{{STEP}.make}}
  c: {{{STEP}.sure}}
edges:
  - data: inputs.text -> a
  - data: a.0.tags -> b.text
    each: {{parallel: 3}}
    when: size(value) > 1
  - data: b.0.text -> c
""")
    edge = found.nodes["b"].bindings[0].edges[0]
    assert (show_type(edge.source_type), show_type(edge.type)) == ("list<string>", "string")
    assert edge.when is not None
    assert (edge.when(["x"]), edge.when(["x", "y"])) == (False, True)
    assert [show_type(output.type) for output in found.outputs] == ["list<part>", "part"]
    assert [output.optional for output in found.outputs] == [True, True]


def test_a_node_that_runs_and_answers_calls_runs_before_its_callers() -> None:
    found = graph("""
pipeline: p
inputs: {text: string}
nodes:
  a: {component: caller, run: test:worlds/steps.sure, args: {text: hi}}
  between: {component: ping-pong}
  b: {component: ping-runner, run: test:worlds/steps.sure}
edges:
  - call: a -> between
  - call: between -> b
  - data: inputs.text -> b
""")
    assert found.order == ("b", "a")
    assert found.nodes["a"].after == {"b"}
    assert {name: node.depth for name, node in found.nodes.items()} == {"a": 3, "between": 2, "b": 1}
    assert found.depth == 3
    assert [call.id for call in found.calls] == [
        "a -> between (test:worlds/ping)",
        "between -> b (test:worlds/ping)",
    ]


def test_a_fallback_runs_after_what_it_stands_in_for_and_before_what_waits_for_that() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
outputs: {{out: c}}
nodes:
  c: {{{STEP}.sure}}
  a: {{{STEP}.make, fallback: b}}
  b: {{{STEP}.sure}}
edges:
  - data: inputs.text -> a
  - data: a.err -> b
  - data: a.text -> c
""")
    assert found.order == ("a", "b", "c")
    assert found.nodes["b"].fallback_for == "a"
    assert found.nodes["c"].after == {"a", "b"}
    assert not found.outputs[0].optional


def test_what_a_skipped_or_failed_node_gives_is_optional() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
outputs: {{a: a, b: b, c: c, d: d, e: e, error: a.err}}
nodes:
  a: {{{STEP}.make}}
  b: {{{STEP}.sure}}
  c: {{{STEP}.sure}}
  d: {{{STEP}.sure, args: {{text: hi}}}}
  e: {{{STEP}.sure}}
edges:
  - data: inputs.text -> a
  - data: a.err -> b
  - data: a.text -> c
  - data: d.text -> e
    contract: {{max-bytes: 10B, on-violation: deny}}
""")
    optional = {output.name: output.optional for output in found.outputs}
    assert optional == {"a": True, "b": True, "c": True, "d": False, "e": True, "error": True}
    assert found.nodes["e"].bindings[0].edges[0].checks is not None


def test_a_result_and_an_error_share_a_parameter() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
nodes:
  a: {{{STEP}.make}}
  b: {{{STEP}.sure}}
edges:
  - data: inputs.text -> a
  - data: a.text -> b.text
  - data: a.err -> b.text
""")
    assert len(found.nodes["b"].bindings[0].edges) == 2
    assert found.warnings == ()


def test_constants_take_their_python_form_and_inputs_their_defaults() -> None:
    found = graph(f"""
pipeline: p
inputs:
  place: {{type: path, default: docs}}
  big: {{type: u64, default: "18446744073709551615"}}
nodes:
  a: {{{STEP}.read, args: {{bytes: aGk=}}}}
  b: {{component: step-env, run: test:worlds/steps.say}}
edges:
  - data: inputs.place -> b.text
""")
    assert found.nodes["a"].bindings[0].constant == b"hi"
    place, big = found.inputs
    assert place.is_path
    assert str(place.default).endswith("/folder/docs")
    assert big.default == 2**64 - 1
    assert [warning.code for warning in found.warnings] == ["unused-input"]


def test_repeat_is_compiled_over_the_unwrapped_result() -> None:
    found = graph("""
pipeline: p
nodes:
  a:
    component: step
    run: test:worlds/steps.make
    args: {text: hi}
    repeat: {until: size(value.text) > 3, max: 4, feed: {text: text}}
""")
    until = found.nodes["a"].until
    assert until is not None
    part: dict[str, object] = {"text": "long", "tags": [], "size": None, "place": (1, ""), "kind": None}
    assert until(part)


def test_two_edges_with_one_text_have_different_ids() -> None:
    found = graph(f"""
pipeline: p
inputs: {{text: string}}
nodes:
  a: {{{STEP}.sure}}
edges:
  - {{data: inputs.text -> a, when: value == 'x'}}
  - {{data: inputs.text -> a, when: value != 'x'}}
""")
    assert [edge.id for edge in found.data] == ["inputs.text -> a", "inputs.text -> a #2"]


def test_link_raises_every_diagnostic() -> None:
    manifest = reading("pipeline: p\nnodes:\n  a: {component: nowhere}\n  b: {component: caller}").result()
    with pytest.raises(InvalidPipeline) as caught:
        link(manifest, load, packages=shipped(), host=answers)
    codes = [diagnostic.code for diagnostic in caught.value.diagnostics]
    assert codes == ["component", "unreachable", "unanswered-import", "unreachable"]


def partly(text: str) -> list[str]:
    read = reading(f"pipeline: p\n{text}")
    assert read.manifest is not None
    assert read.diagnostics
    found = linking(read.manifest, partial=True)
    assert found.graph is None
    return [f"{diagnostic.code}: {diagnostic.message}" for diagnostic in found.diagnostics]


def test_a_faulty_manifest_is_looked_at_without_missing_what_was_left_out() -> None:
    assert partly(f"""
inputs: {{text: strin}}
nodes:
  a: {{{STEP}.sure}}
  b: {{{STEP}.mak}}
  c: {{component: caller}}
edges:
  - data: c => a
  - data: inputs.text -> b.text
  - data: d -> b
""") == [
        "unknown-export: `b` exports no function `test:worlds/steps.mak`",
        "unknown-node: there is no node `d`",
    ]


def test_what_was_left_out_of_a_node_is_not_missed() -> None:
    assert partly("""
nodes:
  a: {component: step, run: "test worlds"}
  b: {component: step, run: test:worlds/steps.join, args: {left: a, right_: b}}
  c: {component: [step], run: test:worlds/steps.sure}
  d: {python: nowhere}
edges:
  - data: a -> c.text
  - data: d -> e.text
""") == ["unknown-node: there is no node `e`"]


def test_a_large_hostile_pipeline_is_answered() -> None:
    many = 2000
    nodes = "\n".join(f"  n{at}: {{{STEP}.sure}}" for at in range(many))
    edges = "\n".join(f"  - data: x{at}.tetx -> n{at + 1}.txt\n  - call: n{at} -> y" for at in range(many))
    found = linked(f"pipeline: p\nnodes:\n{nodes}\nedges:\n{edges}")
    assert found.graph is None
    assert len(found.diagnostics) == 201
    assert found.diagnostics[-1].code == "too-many-errors"


def test_what_the_manifest_refuses_is_not_refused_again() -> None:
    assert partly(f"""
nodes:
  "": {{{STEP}.sure, args: {{text: x}}}}
  a: {{}}
  b: {{{STEP}.sure, args: {{text: x}}, <<: x}}
  c: {{<<: x}}
  d: {{component: step, retry: {{times: 1}}, fallback: b}}
  e: {{component: caller, run: test:worlds/steps.sure, args: {{text: x}}}}
  f: {{component: ping-only}}
edges:
  - {{call: e -> f.test:worlds/ping, interface: test:worlds/ping}}
""") == [f"unreachable: `{name}` is never used: it runs nothing, and nothing that runs calls it" for name in "acd"]


def test_python_that_is_not_allowed_is_refused_once() -> None:
    read = check_text("pipeline: p\nnodes: {a: {python: os:getcwd}}\n", "x.yaml", Path())
    assert read.manifest is not None
    assert [diagnostic.code for diagnostic in read.diagnostics] == ["python-not-allowed"]
    assert linking(read.manifest, partial=True).diagnostics == ()


def test_warnings_do_not_crowd_out_an_error() -> None:
    unused = "".join(f"  i{number}: string\n" for number in range(300))
    found = linked(f"pipeline: p\ninputs:\n{unused}nodes:\n  a: {{{STEP}.nope}}\n")
    errors = [diagnostic.code for diagnostic in found.diagnostics if diagnostic.severity == "error"]
    assert (len(found.diagnostics), errors) == (201, ["unknown-export", "too-many-errors"])


def test_a_detector_runs_before_what_it_judges_for_and_counts_twice_where_it_is_called() -> None:
    found = graph(
        """
pipeline: p
inputs: {text: string}
nodes:
  a: {component: caller, run: test:worlds/steps.sure}
  b: {component: ping-pong}
  c: {component: ping-only}
  alone: {component: step, run: test:worlds/steps.sure}
  guard: {component: guard-runner, run: test:worlds/steps.sure, args: {text: hi}}
  plain: {python: {function: "tests.unit.test_link_graph:judge", signature: "SIGNATURE"}}
edges:
  - {data: inputs.text -> alone.text, contract: {detect: [plain, guard]}}
  - {data: inputs.text -> a.text}
  - {call: a -> b}
  - {call: b -> c, contract: {detect: guard}}
""".replace(
            "SIGNATURE",
            "func(value: string) -> result<agent:core/detector.verdict, agent:core/detector.detector-error>",
        )
    )
    assert {name: node.depth for name, node in found.nodes.items()} == {
        "a": 4, "b": 3, "c": 1, "alone": 1, "guard": 1, "plain": 1,
    }  # fmt: skip
    assert found.nodes["a"].after == found.nodes["alone"].after == {"guard"}
    assert found.order == ("guard", "a", "alone")
    assert found.nodes["plain"].run is None
    assert found.warnings == ()
    detectors = {edge.id: [str(each.export) for each in edge.detectors] for edge in found.data}
    detectors |= {edge.id: [str(each.export) for each in edge.detectors] for edge in found.calls}
    ours = "agent:core/detector@0.1.0.detect"
    assert detectors == {
        "inputs.text -> alone.text": ["judge", ours],
        "inputs.text -> a.text": [],
        "a -> b (test:worlds/ping)": [],
        "b -> c (test:worlds/ping)": [ours],
    }


def judge(value: str) -> object:
    """The function of a detector, which no test here calls."""
    return value
