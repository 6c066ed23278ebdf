"""Call edges and tool edges that link: what answers what, under which name; configuration as texts."""

from __future__ import annotations

import pytest

from orchestrator.link.model import LinkedGraph
from tests.support.link_worlds import linked, shown

RUN = "run: test:worlds/steps.sure, args: {text: hi}"


def graph(text: str) -> LinkedGraph:
    found = linked(f"pipeline: p\n{text}")
    assert found.graph is not None, shown(found)
    return found.graph


def answers(found: LinkedGraph) -> list[str]:
    return [f"{call.caller}.{call.wanted.name} <- {call.callee}.{call.offered.name}" for call in found.calls]


def test_a_newer_export_with_more_functions_answers() -> None:
    found = graph(f"""
nodes:
  a: {{component: buyer, {RUN}}}
  b: {{component: shop}}
edges:
  - call: a -> b
""")
    assert answers(found) == ["a.test:shop/goods@1.0.0 <- b.test:shop/goods@1.2.0"]


def test_of_several_versions_the_very_one_answers() -> None:
    found = graph(f"""
nodes:
  a: {{component: buyer, {RUN}}}
  b: {{component: shop-both}}
edges:
  - call: a -> b
""")
    assert answers(found) == ["a.test:shop/goods@1.0.0 <- b.test:shop/goods@1.0.0"]


def test_an_export_may_be_chosen_by_its_version() -> None:
    found = graph(f"""
nodes:
  a: {{component: buyer, {RUN}}}
  b: {{component: shop-both}}
edges:
  - call: a -> b.test:shop/goods@1.2.0
""")
    assert answers(found) == ["a.test:shop/goods@1.0.0 <- b.test:shop/goods@1.2.0"]


def test_two_versions_of_an_import_are_two_edges() -> None:
    found = graph(f"""
nodes:
  a: {{component: buyer-two, {RUN}}}
  b: {{component: shop}}
  c: {{component: shop-next}}
edges:
  - call: a -> b
  - call: a -> c
""")
    assert answers(found) == [
        "a.test:shop/goods@1.0.0 <- b.test:shop/goods@1.2.0",
        "a.test:shop/goods@2.0.0 <- c.test:shop/goods@2.0.0",
    ]
    assert [call.id for call in found.calls] == ["a -> b (test:shop/goods)", "a -> c (test:shop/goods)"]


@pytest.mark.parametrize(
    "edges",
    [
        ["call: a.fast -> b.test:worlds/ping", "call: a.slow -> c.test:worlds/ping", "call: a.shout -> d.shout"],
        ["call: a.fast -> b", "call: a.slow -> c", "call: a -> d"],
        ["{call: a.fast -> b, interface: test:worlds/ping}", "call: a.slow -> c", "call: a -> d.shout"],
    ],
)
def test_named_imports_and_functions_are_answered_by_port(edges: list[str]) -> None:
    lines = "\n".join(f"  - {edge}" for edge in edges)
    found = graph(f"""
nodes:
  a: {{component: named, {RUN}}}
  b: {{component: ping-only}}
  c: {{component: both}}
  d: {{component: shouter}}
edges:
{lines}
""")
    assert answers(found) == ["a.fast <- b.test:worlds/ping", "a.slow <- c.test:worlds/ping", "a.shout <- d.shout"]


def test_a_resource_reaches_two_nodes_from_one() -> None:
    found = graph(f"""
nodes:
  a: {{component: job-both, {RUN}}}
  b: {{component: job-maker}}
  c: {{component: job-finisher}}
edges:
  - call: a -> b
  - call: a -> c
  - call: c -> b
""")
    assert len(found.calls) == 3
    assert found.nodes["a"].depth == 3


def test_rules_are_compiled_for_each_function_of_an_edge() -> None:
    found = graph(f"""
nodes:
  a: {{component: buyer, {RUN}}}
  b: {{component: shop}}
edges:
  - call: a -> b
    contract: {{functions: [find], require: ["args.name != ''"], max-calls: 2}}
""")
    checks = found.calls[0].checks
    assert {name: check.needs_args for name, check in checks.items()} == {"find": True, "list": False}


def test_the_host_the_engine_and_types_alone_need_no_edge() -> None:
    for component in ("step-env", "step-config", "step-tools", "step-types"):
        config = ", config: {name: x}" if component == "step-config" else ""
        assert graph(f"nodes:\n  a: {{component: {component}, {RUN}{config}}}").calls == ()


def test_tools_have_names_of_their_own_schemas_and_descriptions() -> None:
    found = graph(f"""
nodes:
  a: {{component: step-tools, {RUN}}}
  b: {{component: many-tools}}
  c: {{component: step}}
  d: {{component: shop}}
edges:
  - tool: a -> b.test:worlds/steps.make
    description: Makes a part.
  - tool: a -> b.test:worlds/more-steps.make
  - tool: a -> c.test:worlds/steps.make
  - tool: a -> c.test:worlds/steps.maybe
  - tool: a -> d.test:shop/goods.find
    contract: {{max-calls: 1}}
""")
    tools = {tool.name: tool for tool in found.nodes["a"].tools}
    assert list(tools) == ["b-steps-make", "b-more-steps-make", "c-make", "maybe", "find"]
    assert tools["b-steps-make"].description == "Makes a part."
    assert tools["maybe"].schema["properties"] == {"text": {"anyOf": [{"type": "null"}, {"type": "string"}]}}
    assert tools["find"].schema["required"] == ["name"]
    assert (tools["find"].checks is None, tools["maybe"].checks) == (False, None)


def test_docs_of_a_tool_come_from_the_wit_that_ships() -> None:
    found = graph(f"""
nodes:
  a: {{component: step-tools, {RUN}}}
  b: {{component: asker}}
edges:
  - tool: a -> b.agent:core/answer.run
""")
    assert found.tools[0].description == "Answers the question from the documents alone."


def test_configuration_becomes_texts_with_defaults() -> None:
    found = graph(f"""
nodes:
  a: {{component: step-config, {RUN}, config: {{name: "3", tags: [x, "é"], hint: null}}}}
""")
    expected = {"name": "3", "sentences": "3", "big": "1152921504606846976", "tags": '["x","é"]'}
    assert dict(found.nodes["a"].config) == expected
