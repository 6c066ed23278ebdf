"""The Python API: built by hand, changed, linked anew, written, shown, awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator import (
    Allowed,
    Ceiling,
    ClosedError,
    Contract,
    Each,
    Engine,
    Grants,
    Http,
    InvalidPipeline,
    Limits,
    Pipeline,
    Reject,
    Repeat,
    Retry,
    Storage,
    Trapped,
)
from orchestrator.audit import Recorder
from orchestrator.engine import Component
from orchestrator.link.model import LinkedGraph
from tests.support.audit_events import Collected
from tests.support.goldens import PROJECT, ROOT
from tests.support.parts import NUM, NUMBERS, relay

A = "test:a/a"

YAML = f"""\
pipeline: both
description: The same twice.
inputs:
  n: u32
  names: {{type: list<string>, default: [a, b], description: Some names.}}
  folder: {{type: path, default: .}}
outputs:
  out: caller
  spread: each
limits: {{timeout: 30s, calls: 100}}
nodes:
  caller:
    component: caller.wat
    run: {A}.go
    limits: {{memory: 1MiB, timeout: 5s}}
    retry: {{times: 2, wait: 10ms, on: [trap]}}
    fallback: spare
  numbers:
    component: numbers.wat
    lifetime: session
    grants:
      storage: [{{path: "${{inputs.folder}}", at: /data, access: read}}]
      environment: {{A: b}}
      stdio: none
  spare:
    component: numbers.wat
    run: {NUM}.double
    args: {{n: 4}}
  each:
    component: numbers.wat
    run: {NUM}.double
    repeat: {{until: value > 100u, feed: {{n: .}}, max: 20}}
  list:
    python: {{function: "os.path:basename", signature: "func(a: string) -> string"}}
    description: Not used.
edges:
  - data: inputs.n -> caller.n
    when: value > 0u
    contract: {{require: ["value < 1000u"], on-violation: deny}}
    description: The number.
  - call: caller -> numbers
    interface: {NUM}
    contract: {{functions: [double], max-calls: 8, rate: 5/s, timeout: 5s, max-request: 1KiB, redact: [args.n]}}
  - data: inputs.n -> each.n
  - data: inputs.names.0 -> list.a
"""


def folder_of(tmp_path: Path) -> Path:
    (tmp_path / "numbers.wat").write_text(NUMBERS)
    (tmp_path / "caller.wat").write_text(relay(A))
    (tmp_path / "pipeline.yaml").write_text(YAML)
    return tmp_path


def test_what_is_said_of_secrets_and_addresses_holds_for_what_is_linked_anew(engine: Engine) -> None:
    pipeline = Pipeline("p").input("n", "u32").output("n", "inputs.n")
    with pipeline.link(engine, secrets={"KEY": "hunter2-hunter2"}, addresses=["127.0.0.0/8"]) as linked:
        with linked.relink() as again:
            assert again.model.operator == linked.model.operator
        assert linked.model.operator.secrets == {"KEY": "hunter2-hunter2"}
        assert [str(network) for network in linked.model.operator.networks] == ["127.0.0.0/8"]
        assert "hunter2" not in repr(linked.model) + repr(linked)


def test_a_ceiling_is_given_as_what_it_is_or_as_its_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_CEILING", raising=False)
    (tmp_path / "ops.yaml").write_text("ceiling: ops\nlimits: {memory: 2MiB}\nrun: {calls: 5}\n")
    made = Ceiling("made", Allowed(clock="monotonic"), Limits(memory=1 << 20, timeout=5.0))
    pipeline = Pipeline("p").node("a", engine.from_text(NUMBERS), grants=Grants(clock="wall", optional=True))
    cases: list[tuple[Any, Limits, str]] = [
        (made, Limits(1 << 20, timeout=5.0), "monotonic"),
        (tmp_path / "ops.yaml", Limits(2 << 20), "none"),
        ([str(tmp_path / "ops.yaml"), made], Limits(1 << 20, timeout=5.0), "none"),
    ]
    for given, limits, clock in cases:
        with pipeline.link(engine, ceiling=given) as linked:
            node = linked.model.nodes["a"]
            assert (node.limits, node.grants.clock) == (limits, clock)
            with linked.relink() as again:
                assert again.model.nodes["a"].limits == limits
    monkeypatch.setenv("ORCHESTRATOR_CEILING", str(tmp_path / "ops.yaml"))
    with pipeline.link(engine) as linked:
        assert linked.model.nodes["a"].limits == Limits(2 << 20)
        assert linked.model.limits.calls == 5
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine, ceiling=Ceiling("c", Allowed(http=(Http("nowhere"),))))
    assert str(caught.value) == (
        "error[ceiling]: `nowhere` is no address that can be granted: it has no path: write `nowhere/**` for every one"
        "\n --> ceiling `c`"
    )


def by_hand(folder: Path) -> Pipeline:
    storage = Storage("${inputs.folder}", "/data")
    return (
        Pipeline("both", "The same twice.", folder)
        .input("n", "u32")
        .input("names", "list<string>", default=["a", "b"], description="Some names.")
        .input("folder", "path", default=".")
        .output("out", "caller")
        .output("spread", "each")
        .limit(timeout=30, calls=100)
        .node("caller", "caller.wat", run=f"{A}.go", limits=Limits(1 << 20, timeout=5.0),
              retry=Retry(2, 0.01, ("trap",)), fallback="spare")
        .node("numbers", "numbers.wat", lifetime="session",
              grants=Grants((storage,), environment={"A": "b"}, stdio="none"))
        .node("spare", "numbers.wat", run=f"{NUM}.double", args={"n": 4})
        .node("each", "numbers.wat", run=f"{NUM}.double", repeat=Repeat("value > 100u", {"n": ()}, 20))
        .node("list", python="os.path:basename", signature="func(a: string) -> string", description="Not used.")
        .data("inputs.n", "caller.n", when="value > 0u", description="The number.",
              contract=Contract(require=("value < 1000u",), on_violation="deny"))
        .call("caller", "numbers", interface=NUM,
              contract=Contract(functions=("double",), max_calls=8, rate=(5, 1.0), timeout=5.0, max_request=1024,
                                redact=("args.n",)))
        .data("inputs.n", "each.n")
        .data("inputs.names.0", "list.a")
    )  # fmt: skip


def structure(model: LinkedGraph) -> Any:
    """A linked graph as what can be compared."""
    bare = {name: replace(node, python=None, until=None) for name, node in model.nodes.items()}
    digests = {name: node.component and node.component.digest for name, node in bare.items()}
    nodes = {name: replace(node, component=None) for name, node in bare.items()}
    return (model.name, model.inputs, model.outputs, model.order, model.limits, model.depth, digests, nodes)


def test_yaml_and_python_give_the_same_linked_graph(engine: Engine, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    loaded = Pipeline.load(folder / "pipeline.yaml", allow_python=True)
    hand = by_hand(folder)
    assert loaded.diagnostics == ()
    assert loaded.manifest == hand.manifest
    assert structure(loaded.linked(engine)) == structure(hand.linked(engine))
    with loaded.link(engine) as one, hand.link(engine) as other:
        assert one.run(n=5).outputs == other.run(n=5).outputs == {"out": 10, "spread": 160}


def test_what_is_built_by_hand_is_written_as_yaml(engine: Engine, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    hand = by_hand(folder)
    (folder / "written.yaml").write_text(hand.to_yaml())
    again = Pipeline.load(folder / "written.yaml", allow_python=True)
    assert again.diagnostics == ()
    assert again.manifest == hand.manifest
    assert structure(again.linked(engine)) == structure(hand.linked(engine))


ENVIRONMENT = {"ALLOWED": "allowed/value"}
WRITTEN = sorted([*(PROJECT / "pipelines").glob("*.yaml"), *(ROOT / "valid").glob("*.yaml")])


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_every_pipeline_survives_being_written(path: Path, tmp_path: Path) -> None:
    loaded = Pipeline.load(path, allow_python=True, env=ENVIRONMENT)
    (tmp_path / "copy.yaml").write_text(loaded.to_yaml())
    again = Pipeline.load(tmp_path / "copy.yaml", allow_python=True, env=ENVIRONMENT)
    assert (loaded.diagnostics, again.diagnostics) == ((), ())
    assert replace(again.manifest, folder=loaded.manifest.folder) == loaded.manifest


def test_what_cannot_be_written_is_refused(engine: Engine, numbers: Component) -> None:
    closure = Pipeline("closure").node("it", python=lambda: 1, signature="func() -> u32")
    with pytest.raises(InvalidPipeline, match="it"):
        closure.to_yaml()
    with pytest.raises(InvalidPipeline) as caught:
        Pipeline("memory").node("it", numbers, run=f"{NUM}.double").to_yaml()
    assert str(caught.value) == (
        "error[not-writable]: a component that was made in memory cannot be written as YAML\n"
        " --> node `it`\n"
        " = help: save it in a file, and give the node the path"
    )


def test_a_file_with_a_python_node_needs_leave(engine: Engine, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    refused = Pipeline.load(folder / "pipeline.yaml")
    with pytest.raises(InvalidPipeline, match="--allow-python"):
        refused.link(engine)
    with pytest.raises(InvalidPipeline, match="--allow-python"):
        refused.node("mine", python="os.path:basename", signature="func(a: string) -> string").link(engine)


# Changing


def small(numbers: Component) -> Pipeline:
    return (
        Pipeline("small")
        .input("n", "u32")
        .node("a", numbers, run=f"{NUM}.double")
        .node("b", numbers, run=f"{NUM}.count")
        .data("inputs.n", "a.n")
        .data("a", "b.n")
        .output("out", "b")
    )


def test_a_linked_pipeline_stays_as_it_was(engine: Engine, numbers: Component, nothing_left: None) -> None:
    pipeline = small(numbers)
    with pipeline.link(engine) as old:
        pipeline.disconnect("a -> b.n").node("c", numbers, run=f"{NUM}.double").data("a", "c").data("c", "b.n")
        with old.relink() as new:
            assert (old.run(n=1)["out"], new.run(n=1)["out"]) == (2, 4)
            pipeline.remove("c").data("inputs.n", "b.n")
            with new.relink() as newest:
                assert (old.run(n=1)["out"], new.run(n=1)["out"], newest.run(n=1)["out"]) == (2, 4, 1)
        pipeline.replace("b", run=f"{NUM}.trap")
        assert old.run(n=1)["out"] == 2
        pipeline.replace("b", run=f"{NUM}.nothing")
        with pytest.raises(InvalidPipeline):
            old.relink()
        assert old.run(n=1)["out"] == 2


def test_removing_a_node_takes_what_names_it(numbers: Component) -> None:
    pipeline = small(numbers).call("a", "b").tool("a", "b.x.f").remove("b")
    assert [str(edge) for edge in pipeline.manifest.edges] == ["inputs.n -> a.n"]
    assert pipeline.manifest.outputs == ()
    with pytest.raises(KeyError, match="no node `b`; there is a"):
        pipeline.remove("b")
    with pytest.raises(KeyError, match="no node `b`; there is a"):
        pipeline.replace("b", run="x")
    with pytest.raises(KeyError, match=r"no edge `a -> b`; there is inputs\.n -> a\.n"):
        pipeline.disconnect("a -> b")


def test_a_node_becomes_python_and_back(engine: Engine, numbers: Component) -> None:
    pipeline = small(numbers)
    pipeline.replace("a", python=lambda n: n + 1, signature="func(n: u32) -> u32")
    with pipeline.link(engine) as linked:
        assert linked.run(n=1)["out"] == 2
    pipeline.replace("a", component=numbers, run=f"{NUM}.double")
    with pipeline.link(engine) as linked:
        assert linked.run(n=4)["out"] == 8


def test_what_is_made_for_a_pipeline_lives_as_long_as_what_it_gave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_left: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "numbers.wat").write_text(NUMBERS)
    pipeline = Pipeline("own", folder=tmp_path).input("n", "u32").node("a", "numbers.wat", run=f"{NUM}.double")
    pipeline.data("inputs.n", "a").output("out", "a")
    old = pipeline.link()
    new = old.relink()
    assert old.close() == ()
    assert old.close() == ()
    assert new.run(n=2)["out"] == 4
    with pytest.raises(ClosedError):
        old.run(n=2)
    with pytest.raises(ClosedError):
        old.relink()
    new.close()


@pytest.mark.parametrize("text", ["a.b -> c", "", "a b", "a..b", "\x00", "inputs", "-a"])
def test_a_reference_that_is_none(text: str) -> None:
    builders: list[Callable[[Pipeline], Pipeline]] = [
        lambda pipeline: pipeline.data(text, "b.n"),
        lambda pipeline: pipeline.output("o", text),
        lambda pipeline: pipeline.call(text, "b"),
        lambda pipeline: pipeline.tool("a", text),
    ]
    for build in builders:
        with pytest.raises(InvalidPipeline):
            build(Pipeline("p"))


# Running


def test_names_of_inputs_that_python_has_otherwise(engine: Engine) -> None:
    pipeline = Pipeline("names")
    for name in ("with-dashes", "timeout", "traceparent", "values", "self"):
        pipeline.input(name, "string").output(name, f"inputs.{name}")
    given = {"timeout": "t", "traceparent": "p"}
    with pipeline.link(engine) as linked:
        outputs = linked.run(given, with_dashes="d", values="v", self="s").outputs
    assert outputs == {"with-dashes": "d", "timeout": "t", "traceparent": "p", "values": "v", "self": "s"}


def test_inputs_of_every_kind_and_their_json(engine: Engine) -> None:
    types = {
        "text": ("string", "é", "é"),
        "bytes": ("list<u8>", b"\x00\xff", "AP8="),
        "large": ("u64", 2**64 - 1, str(2**64 - 1)),
        "float": ("f64", float("inf"), "inf"),
        "char": ("char", "x", "x"),
        "flags": ("flags { a, b }", frozenset({"b"}), ["b"]),
        "enum": ("enum { a, b }", "b", "b"),
        "option": ("option<option<u8>>", {"some": None}, {"some": None}),
        "result": ("result<u8, string>", {"err": "no"}, {"err": "no"}),
        "tuple": ("tuple<u8, bool>", (1, True), [1, True]),
    }
    pipeline = Pipeline("kinds")
    for name, (type_, _, _) in types.items():
        pipeline.input(name, type_).output(name, f"inputs.{name}")
    with pipeline.link(engine) as linked:
        result = linked.run({name: value for name, (_, value, _) in types.items()})
    assert result.outputs == {name: value for name, (_, value, _) in types.items()}
    assert result.to_json() == {name: json for name, (_, _, json) in types.items()}


def test_paths_given_and_by_default(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = Pipeline("paths", folder=tmp_path / "home").input("p", "path", default="data").output("p", "inputs.p")
    with pipeline.link(engine) as linked:
        assert linked.run()["p"] == str(tmp_path / "home" / "data")
        assert linked.run(p="here")["p"] == str(tmp_path / "here")


def test_awaited_runs_go_on_at_once(engine: Engine) -> None:
    async def scene() -> list[int]:
        meet = threading.Barrier(5)

        def wait(n: int) -> int:
            meet.wait(60)
            return n

        pipeline = Pipeline("wait").input("n", "s64").node("it", python=wait).data("inputs.n", "it").output("out", "it")
        with pipeline.link(engine) as linked:
            return [result["out"] for result in await asyncio.gather(*(linked.arun(n=n) for n in range(5)))]

    assert asyncio.run(scene()) == [0, 1, 2, 3, 4]


def test_awaiting_a_run_that_fails(engine: Engine, numbers: Component) -> None:
    failing = small(numbers).replace("b", run=f"{NUM}.trap")
    with failing.link(engine) as linked, pytest.raises(Trapped, match="the guest trapped"):
        asyncio.run(linked.arun(n=1))


def test_a_runs_events_as_they_happen_and_afterwards(engine: Engine, numbers: Component) -> None:
    with small(numbers).link(engine) as linked:
        execution = linked.start(n=1)
        seen = list(execution)
        result = execution.result(60)
        assert tuple(seen) == result.events
        assert [event.kind for event in seen] == ["start", "data", "start", "node", "data", "start", "node", "run"]
        assert {event.run for event in seen} == {execution.trace_id} == {result.trace_id}
        assert result.duration > 0
        assert result.tree.startswith(f"small ok trace {result.trace_id}")
        assert list(execution) == []


# Showing


def test_pipelines_and_runs_show_themselves(engine: Engine, numbers: Component) -> None:
    pipeline = small(numbers)
    with pipeline.link(engine) as linked:
        result = linked.run(n=2)
        assert [repr(pipeline), repr(linked)] == [
            "<Pipeline small: 2 nodes, 2 edges>",
            "<LinkedPipeline small: 2 nodes>",
        ]
        assert repr(result) == f"<Result {result.trace_id}: out>"
        for shown in (pipeline, linked):
            assert ElementTree.fromstring(shown._repr_svg_()).tag.endswith("svg")
            graph = shown.graph
            assert {"a", "b"} <= {str(data.get("label", name)) for name, data in graph.nodes(data=True)} | set(graph)
            assert graph.number_of_edges() >= 3
        html = result._repr_html_()
        assert "&quot;out&quot;: 4" in html
        assert "small ok" in html


def test_what_a_run_shows_is_escaped(engine: Engine) -> None:
    pipeline = Pipeline("script").input("s", "string").output("s", "inputs.s")
    with pipeline.link(engine) as linked:
        assert "<script>" not in linked.run(s="<script>")._repr_html_()


def test_an_engine_a_recorder_and_a_pipeline_are_context_managers(engine: Engine, numbers: Component) -> None:
    seen = Collected()
    with Recorder([seen]) as recorder, small(numbers).link(engine, recorder=recorder) as linked:
        linked.run(n=1)
    assert seen.closed
    assert [event.kind for event in seen.events][-1] == "run"


def test_the_typed_objects_say_what_they_are() -> None:
    assert Contract(max_calls=1) == Contract(max_calls=1) != Contract(max_calls=2)
    assert (Limits(memory=1).memory, Each(3).parallel, Retry(2).times) == (1, 3, 2)
    assert Reject("value", "x").pattern == "x"
