"""What fused edges make of a linked pipeline: groups, limits, depth and order; what is compared, and what is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from orchestrator.graph.order import clusters
from orchestrator.link.model import LinkedGraph
from orchestrator.manifest.model import CallEdge, Limits, Manifest, Node, Port, PythonFunction
from tests.support.link_worlds import linked, linking, reading, shown

RUN = "run: test:worlds/steps.sure, args: {text: hi}"


def graph(text: str) -> LinkedGraph:
    found = linked(text)
    assert found.graph is not None, shown(found)
    return found.graph


THREE = f"""
pipeline: p
nodes:
  a: {{component: wants-both, {RUN}, limits: {{timeout: 5s}}, config: {{}}}}
  b: {{component: pinger}}
  c: {{component: both, limits: {{memory: 64MiB}}}}
  d: {{component: caller, {RUN}}}
  e: {{component: ping-pong}}
  f: {{component: ping-only}}
edges:
  - {{call: a -> b, fuse: true, contract: {{redact: [args.text]}}}}
  - {{call: a -> c, interface: test:worlds/pong, fuse: true}}
  - {{call: b -> c, interface: test:worlds/pong, fuse: true}}
  - {{call: d -> e, fuse: true}}
  - {{call: e -> f, fuse: false}}
"""


def test_a_group_is_what_fused_edges_join_with_callees_before_callers() -> None:
    found = graph(THREE)
    assert found.groups == (("c", "b", "a"), ("e", "d"))
    assert {name: node.group for name, node in found.nodes.items()} == {
        "a": "c", "b": "c", "c": "c", "d": "e", "e": "e", "f": "",
    }  # fmt: skip
    assert {call.id: call.fused for call in found.calls} == {
        "a -> b (test:worlds/ping)": True,
        "a -> c (test:worlds/pong)": True,
        "b -> c (test:worlds/pong)": True,
        "d -> e (test:worlds/ping)": True,
        "e -> f (test:worlds/ping)": False,
    }
    assert found.warnings == ()


def test_a_limit_that_one_of_a_group_states_holds_for_its_store() -> None:
    found = graph(THREE)
    assert {found.nodes[name].limits for name in "abc"} == {Limits(64 << 20, timeout=5.0)}
    assert {found.nodes[name].limits for name in "def"} == {Limits()}


def test_a_group_is_one_store_in_a_chain_of_calls() -> None:
    found = graph(THREE)
    assert {name: node.depth for name, node in found.nodes.items()} == {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 1}
    assert found.depth == 2
    assert graph(THREE.replace("fuse: true", "fuse: false")).depth == 3


def test_a_chain_that_is_too_deep_fits_when_it_is_fused() -> None:
    names = ["a", "n1", "n2", "n3", "n4", "n5", "z"]
    kinds = {"a": f"component: caller, {RUN}", "z": "component: ping-only"}
    nodes = "".join(f"  {name}: {{{kinds.get(name, 'component: ping-pong')}}}\n" for name in names)
    edges = "".join(f"  - {{call: {a} -> {b}, fuse: true}}\n" for a, b in pairwise(names))
    found = graph(f"pipeline: p\nnodes:\n{nodes}edges:\n{edges}")
    assert (found.groups, found.depth) == ((tuple(reversed(names)),), 1)


def test_a_node_that_runs_and_is_called_runs_first_in_one_store_too() -> None:
    text = f"""
pipeline: p
inputs: {{text: string}}
nodes:
  a: {{component: caller, {RUN}}}
  b: {{component: ping-runner, run: test:worlds/steps.sure}}
edges:
  - data: inputs.text -> b
  - {{call: a -> b, fuse: true}}
"""
    found = graph(text)
    assert (found.order, found.groups) == (("b", "a"), (("b", "a"),))
    assert found.nodes["a"].after == {"b"}
    circle = text.replace("args: {text: hi}}", "}").replace("inputs.text -> b", "a.text -> b")
    assert "error[cycle]: nodes wait for each other" in shown(linked(circle.replace("sure, }", "sure}")))


def test_fused_calls_that_lead_in_a_circle_are_recursion_and_nothing_else() -> None:
    found = linked("""
pipeline: p
nodes:
  a: {component: ping-pong, run: test:worlds/steps.sure, args: {text: hi}}
  b: {component: ping-pong}
edges:
  - {call: a -> b, fuse: true}
  - {call: b -> a, fuse: true}
""")
    assert [diagnostic.message for diagnostic in found.diagnostics] == [
        "calls lead back to where they began: `a` -> `b` -> `a`"
    ]


def test_two_callers_that_are_fused_may_share_a_callee() -> None:
    found = graph(f"""
pipeline: p
nodes:
  a: {{component: caller, {RUN}}}
  b: {{component: caller, {RUN}}}
  c: {{component: ping-only}}
edges:
  - {{call: a -> c, fuse: true}}
  - {{call: b -> c, fuse: true}}
""")
    assert found.groups == (("c", "a", "b"),)


def test_two_interfaces_between_two_nodes_are_fused_together() -> None:
    found = graph(f"""
pipeline: p
nodes:
  a: {{component: wants-both, {RUN}}}
  b: {{component: both}}
edges:
  - {{call: a -> b, interface: test:worlds/ping, fuse: true}}
  - {{call: a -> b, interface: test:worlds/pong, fuse: true}}
""")
    assert found.groups == (("b", "a"),)


def test_a_grant_that_one_of_a_group_can_use_is_not_called_unused() -> None:
    text = f"""
pipeline: p
nodes:
  a: {{component: caller, {RUN}, grants: {{environment: {{LANG: en}}}}}}
  b: {{component: ping-files, grants: {{environment: {{LANG: en}}}}}}
edges:
  - {{call: a -> b, fuse: true}}
"""
    assert graph(text).warnings == ()
    apart = graph(text.replace("true", "false")).warnings
    assert [(warning.code, warning.message) for warning in apart] == [
        (
            "unused-grant",
            "`a` is granted `environment` and cannot use it: it does not import `wasi:cli/environment`",
        )
    ]


def test_grants_in_another_order_are_the_same_grants() -> None:
    folders = ["{path: a, at: /a}", "{path: b, at: /b, access: write}"]
    found = linked(f"""
pipeline: p
nodes:
  a: {{component: caller, {RUN}, grants: {{storage: [{", ".join(folders)}]}}}}
  b: {{component: ping-only, grants: {{storage: [{", ".join(reversed(folders))}]}}}}
edges:
  - {{call: a -> b, fuse: true}}
""")
    assert {diagnostic.code for diagnostic in found.diagnostics} == {"unused-grant"}


def test_what_was_faulty_in_a_text_is_not_said_to_differ() -> None:
    read = reading(f"""
pipeline: p
nodes:
  a: {{component: caller, {RUN}, lifetime: session, bulk: never, limits: {{memory: 64MiB}}}}
  b: {{component: ping-only, lifetime: sesion, bulk: nevr, limits: {{memory: 128Mb}}}}
edges:
  - {{call: a -> b, fuse: true}}
""")
    assert read.manifest is not None
    assert linking(read.manifest, partial=True).diagnostics == ()


def test_a_linked_graph_says_by_comparison_whether_a_group_is_the_same() -> None:
    one, same = graph(THREE), graph(THREE)
    bare = [{name: replace(node, component=None) for name, node in found.nodes.items()} for found in (one, same)]
    assert (one.groups, bare[0]) == (same.groups, bare[1])
    other = graph(THREE.replace("interface: test:worlds/pong, fuse: true", "interface: test:worlds/pong"))
    assert other.groups == (("b", "a"), ("e", "d"))
    assert other.nodes["a"].calls != one.nodes["a"].calls


def test_bulk_of_a_node_is_in_the_linked_graph() -> None:
    text = f"pipeline: p\nnodes:\n  a: {{component: step, {RUN}, bulk: always}}\n  b: {{component: step, {RUN}}}\n"
    assert {name: node.bulk for name, node in graph(text).nodes.items()} == {"a": "always", "b": "auto"}


def test_a_python_function_that_was_given_bulk_is_refused() -> None:
    function = PythonFunction("os.path:basename", "func(path: string) -> string")
    node = Node("a", python=function, args={"path": "x"}, bulk="never")
    assert shown(linking(Manifest("built", nodes=(node,)), python_nodes=True)) == (
        "error[python-node]: `bulk` of `a` is about a component's values, and those of a function are Python's own\n"
        " --> node `a`\n"
        " = help: remove it\n\n"
    )


def test_a_pair_that_was_built_in_python_is_refused_in_words() -> None:
    manifest = Manifest(
        "built",
        nodes=(
            Node("a", "caller", run="test:worlds/steps.sure", args={"text": "x"}, limits=Limits(memory=1 << 20)),
            Node("b", "ping-only", limits=Limits(memory=1 << 21)),
        ),
        edges=(CallEdge(Port("a"), Port("b"), fuse=True),),
    )
    assert shown(linking(manifest)) == (
        "error[fuse-node]: `a` and `b` are fused and have different limits of `memory`\n"
        " --> node `b`\n"
        " = `a` has 1MiB, `b` has 2MiB\n"
        " = help: state one for their store: the same, or with one of them; or remove `fuse`\n\n"
    )


def test_handles_cross_a_fused_edge_within_any_other_value() -> None:
    found = graph(f"""
pipeline: p
outputs: {{}}
nodes:
  a: {{component: hand-user, {RUN}}}
  b: {{component: hand-maker}}
edges:
  - {{call: a -> b, fuse: true}}
""")
    assert found.groups == (("b", "a"),)


def test_clusters_are_what_arrows_join_either_way() -> None:
    pairs = [("c", "a"), ("c", "e"), ("b", "b"), ("x", "a"), ("d", "f")]
    assert clusters(list("abcdefg"), pairs) == (("a", "c", "e"), ("b",), ("d", "f"), ("g",))
    assert clusters([], pairs) == ()
