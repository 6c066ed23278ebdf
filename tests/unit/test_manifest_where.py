"""Each value, key, side of an edge and step of a path knows its place, through quotes, escapes and folded lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator import manifest
from orchestrator.diagnostics import Source, Span
from orchestrator.manifest.document import Unreadable, parse
from orchestrator.manifest.offsets import offsets
from orchestrator.manifest.report import Report
from orchestrator.manifest.tree import Entries, Scalar

TEXT = """\
pipeline: p
inputs: {q: string}
outputs: {o: b.items.0.name?}
nodes:
  a: {component: a.wasm, run: run, args: {n: [1, {deep: 2}]}}
  b:
    component: b.wasm
    limits:
      memory: 64MiB
edges:
  - data: "inputs.q   ->  a.\\x74ext"
  - call: >-
      a.fast-chat
      -> b.agent:llm/chat
  - tool: 'a -> b.f'
"""


def shown(span: Span | None) -> str:
    assert span is not None
    lines = span.source.text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


def test_values_and_keys() -> None:
    pipeline = manifest.read(TEXT, "x.yaml", Path())
    where = pipeline.where
    assert shown(where.at("nodes", "b", "limits", "memory").span) == "64MiB"
    assert shown(where.at("nodes", "b", "limits").keys["memory"]) == "memory"
    assert shown(where.at("nodes").keys["b"]) == "b"
    assert shown(where.at("nodes", "a", "args", "n", 1, "deep").span) == "2"
    assert shown(where.at("nodes", "a", "args", "n", 0, "no", "such").span) == "1"
    assert where.at("nodes", "a", "args").span == pipeline.nodes[0].where.at("args").span
    assert (pipeline.nodes[0].where.place, pipeline.edges[2].where.place) == ("node `a`", "edge `a -> b.f`")
    assert (pipeline.inputs[0].where.place, pipeline.outputs[0].where.place) == ("input `q`", "output `o`")
    assert shown(pipeline.inputs[0].where.span) == "string"


def test_what_follows_a_refused_item_of_a_list_keeps_its_place() -> None:
    text = """
pipeline: p
nodes:
  a:
    component: a.wasm
    grants: {storage: [{path: ""}, {path: /tmp, at: /docs}]}
edges:
  - {data: b -> a.x, contract: {require: ["", "first", 3, "second"]}}
"""
    pipeline = manifest.check(text, "x.yaml", Path()).manifest
    assert pipeline is not None
    contract, node = pipeline.edges[0].where.at("contract"), pipeline.nodes[0]
    assert pipeline.edges[0].contract.require == ("first", "second")
    assert [shown(contract.at("require", index).span) for index in range(2)] == ['"first"', '"second"']
    assert len(node.grants.storage) == 1
    assert shown(node.where.at("grants", "storage", 0, "at").span) == "/docs"


def test_inputs_in_their_short_form_have_their_own_places() -> None:
    names = [f"i{number}" for number in range(50)]
    lines = "".join(f"  {name}: a:b/c.{name}\n" for name in names)
    pipeline = manifest.read(f"pipeline: p\ninputs:\n{lines}nodes:\n  a: {{component: x}}\n", "x.yaml", Path())
    assert [shown(one.where.span) for one in pipeline.inputs] == [f"a:b/c.{name}" for name in names]


def test_sides_of_edges_and_steps_of_paths() -> None:
    pipeline = manifest.read(TEXT, "x.yaml", Path())
    data, call, tool = (edge.where for edge in pipeline.edges)
    assert shown(data.at("data", "source").span) == "inputs.q"
    assert shown(data.at("data", "target").span) == "a.\\x74ext"
    assert shown(call.at("call", "source").span) == "a.fast-chat"
    assert shown(call.at("call", "target").span) == "b.agent:llm/chat"
    assert shown(tool.at("tool", "target").span) == "b.f"
    steps = pipeline.outputs[0].where
    assert [shown(steps.at(index).span) for index in range(4)] == [".items", ".0", ".name", "?"]


def test_columns_count_characters_not_bytes() -> None:
    (one,) = manifest.check(
        "pipeline: p\ndescription: 日本語 😀\n日本: 3\nnodes: {a: {component: é, rnu: x}}\n", "x", Path()
    ).diagnostics[1:]
    assert one.span is not None
    assert (one.span.line, one.span.column, one.span.end_column) == (4, 27, 30)


def test_substituted_texts_are_marked_whole() -> None:
    text = 'pipeline: p\nnodes: {a: {component: a.wasm}}\nedges:\n  - data: "${X}.Bad -> a.x"\n'
    (one,) = manifest.check(text, "x", Path(), env={"X": "abc"}).diagnostics
    assert shown(one.span) == '"${X}.Bad -> a.x"'


WORDS = st.text("ab é日\n\t'\"\\:#-", max_size=12)


@given(WORDS, st.sampled_from(["single", "double", "literal", "folded", "plain"]))
def test_every_character_is_found_where_it_stands(text: str, style: str) -> None:
    document = "k: " + STYLES[style](text) + "\n"
    report = Report(Source("x", document))
    try:
        tree = parse(report, ())
    except Unreadable:
        return
    if not isinstance(tree, Entries) or len(tree.entries) != 1 or not isinstance(tree.entries[0][1], Scalar):
        return
    scalar = tree.entries[0][1]
    found = offsets(document, scalar)
    assert found is not None
    assert len(found) == len(scalar.text) + 1
    assert found == sorted(found)
    written = [(char, document[at]) for char, at in zip(scalar.text, found, strict=False) if at < len(document)]
    assert all(char == there or there == "\\" or char in " \n\t" for char, there in written)


def _block(mark: str, text: str) -> str:
    return f"{mark}-\n" + "\n".join("  " + line for line in text.split("\n"))


STYLES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: "x" + text.replace("\n", "\n  ") + "x",
    "single": lambda text: "'" + text.replace("'", "''").replace("\n", "\n  ") + "'",
    "double": lambda text: (
        '"'
        + text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\t", "\\t")
        .replace("é", "\\xe9")
        .replace("\n", "\n  ")
        + '"'
    ),
    "literal": lambda text: _block("|", "x" + text),
    "folded": lambda text: _block(">", "x" + text),
}
