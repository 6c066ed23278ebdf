"""Fused nodes: a pipeline gives the same with `fuse` and without it, in values, state, errors and resources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Contract, Engine, InvalidPipeline, Limits, Pipeline
from orchestrator.manifest.model import Bulk, Lifetime
from tests.behaviour.stories import play, staged
from tests.support.parts import NUM, NUMBERS, TALKER, TEXT, TEXTS, checker, relay
from tests.support.resource_guests import API, HOLDER, OWNER, PASSER

A, B, C = "test:a/a", "test:b/b", "test:c/c"

Change = Callable[[Pipeline], object]

both = pytest.mark.parametrize("fuse", [False, True], ids=["apart", "fused"])


def counted(engine: Engine, fuse: bool, lifetime: Lifetime = "run") -> Pipeline:
    """`caller` has `counter` add `n` twice; the result is the sum of what it answers."""
    return (
        Pipeline("counted")
        .input("n", "u32")
        .node("caller", engine.from_text(relay(A, NUM, "count", 2), "caller"), run=f"{A}.go", lifetime=lifetime)
        .node("counter", engine.from_text(NUMBERS, "numbers"), lifetime=lifetime)
        .data("inputs.n", "caller")
        .call("caller", "counter", fuse=fuse)
        .output("sum", "caller")
    )


@both
def test_an_instance_serves_a_run_and_no_longer(engine: Engine, fuse: bool, nothing_left: None) -> None:
    with staged(counted(engine, fuse), engine) as stage:
        assert [stage.run(n=5).outputs for _ in range(2)] == [{"sum": 15}, {"sum": 15}]


@both
def test_an_instance_for_a_session(engine: Engine, fuse: bool, nothing_left: None) -> None:
    with staged(counted(engine, fuse, "session"), engine) as stage:
        assert [stage.run(n=5).outputs for _ in range(3)] == [{"sum": 15}, {"sum": 35}, {"sum": 55}]


@both
def test_a_nodes_own_run_comes_before_its_callers(engine: Engine, fuse: bool) -> None:
    pipeline = counted(engine, fuse).replace("counter", run=f"{NUM}.count", args={"n": 100})
    went = play(pipeline.output("first", "counter"), engine, n=5)
    assert went.outputs == {"sum": 105 + 110, "first": 100}


@both
def test_two_callers_share_an_instance(engine: Engine, fuse: bool) -> None:
    other = engine.from_text(relay(B, NUM, "count"), "other")
    pipeline = counted(engine, fuse).node("other", other, run=f"{B}.go").data("caller", "other")
    went = play(pipeline.call("other", "counter", fuse=fuse).output("other", "other"), engine, n=5)
    assert went.outputs == {"sum": 15, "other": 25}


@pytest.mark.parametrize("fused", ["", "1", "2", "3", "12", "23", "13", "123"])
def test_a_chain_of_which_some_are_fused(engine: Engine, fused: str, nothing_left: None) -> None:
    pipeline = (
        Pipeline("deep")
        .input("n", "u32")
        .node("one", engine.from_text(relay(A, B, "go"), "one"), run=f"{A}.go")
        .node("two", engine.from_text(relay(B, C, "go", 2), "two"))
        .node("three", engine.from_text(relay(C), "three"))
        .node("four", engine.from_text(NUMBERS, "numbers"))
        .data("inputs.n", "one")
        .call("one", "two", fuse="1" in fused)
        .call("two", "three", fuse="2" in fused)
        .call("three", "four", fuse="3" in fused)
        .output("out", "one")
    )
    assert play(pipeline, engine, n=5).outputs == {"out": 20}


@both
@pytest.mark.parametrize("text", ["", "é", "x" * 100_000])
def test_texts_cross(engine: Engine, fuse: bool, text: str) -> None:
    pipeline = (
        Pipeline("talk")
        .input("text", "string")
        .node("talker", engine.from_text(TALKER, "talker"), run="test:talk/talk.echo")
        .node("texts", engine.from_text(TEXTS, "texts"))
        .data("inputs.text", "talker")
        .call("talker", "texts", interface=TEXT, fuse=fuse)
        .output("text", "talker")
    )
    assert play(pipeline, engine, text=text).outputs == {"text": text}


def filled(text: str) -> str:
    """A component whose memory begins with more data than is copied in: an image is made of it."""
    memory = f'(memory (export "memory") 2) (data (i32.const 8192) "{"x" * 70_000}")'
    return text.replace('(memory (export "memory") 1)', memory).replace("i32.const 4096", "i32.const 98304")


@pytest.mark.parametrize("bulk", ["never", "always"])
@pytest.mark.parametrize(
    ("talker", "texts"),
    [(TALKER, TEXTS), (filled(TALKER), TEXTS), (TALKER, filled(TEXTS))],
    ids=["no-image", "image-of-the-caller", "image-of-the-callee"],
)
def test_calls_are_counted_whatever_memories_there_are(engine: Engine, bulk: Bulk, talker: str, texts: str) -> None:
    pipeline = (
        Pipeline("talk")
        .input("text", "string")
        .node("talker", engine.from_text(talker, "talker"), run="test:talk/talk.echo", bulk=bulk)
        .node("texts", engine.from_text(texts, "texts"), bulk=bulk)
        .data("inputs.text", "talker")
        .call("talker", "texts", interface=TEXT, fuse=True)
        .output("text", "talker")
    )
    went = play(pipeline, engine, text="é" * 1000)
    told = [(event.function, event.detail) for event in went.events if event.kind == "rest"]
    calls = {"of": "call", "count": 1, "busy": 0, "why": "fused"}
    assert (went.outputs, told) == ({"text": "é" * 1000}, [(f"{TEXT}.echo", calls)])


@both
def test_an_err_is_a_value_to_the_caller(engine: Engine, fuse: bool) -> None:
    pipeline = (
        Pipeline("checked")
        .input("n", "u32")
        .node("checker", engine.from_text(checker(A), "checker"), run=f"{A}.checked")
        .node("numbers", engine.from_text(NUMBERS, "numbers"))
        .data("inputs.n", "checker")
        .call("checker", "numbers", fuse=fuse)
        .output("n", "checker")
        .output("problem", "checker.err")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=4).outputs == {"n": 4, "problem": None}
        assert stage.run(n=0).outputs == {"n": None, "problem": "it is zero"}


@both
def test_resources_of_the_edges_own_interface_cross(engine: Engine, fuse: bool, nothing_left: None) -> None:
    """`holder` makes counters in `owner`, and keeps their handles."""
    pipeline = (
        Pipeline("resources")
        .input("n", "u32")
        .node("holder", engine.from_text(HOLDER, "holder"), run="make")
        .node("owner", engine.from_text(OWNER, "owner"))
        .data("inputs.n", "holder")
        .call("holder", "owner", interface=API, fuse=fuse)
        .output("handle", "holder")
    )
    assert play(pipeline, engine, n=5).outputs == play(pipeline, engine, n=7).outputs == {"handle": 1}


@both
def test_a_handle_is_dropped_after_the_instance_that_owned_it(engine: Engine, fuse: bool, nothing_left: None) -> None:
    """The store of `owner` is made, and ends, before that of `later`, which holds a counter."""
    holder = engine.from_text(HOLDER, "holder")
    pipeline = (
        Pipeline("resources")
        .input("n", "u32")
        .node("first", holder, run="make")
        .node("later", holder, run="make")
        .node("owner", engine.from_text(OWNER, "owner"))
        .data("inputs.n", "first")
        .data("first", "later")
        .call("first", "owner", interface=API, fuse=fuse)
        .call("later", "owner", interface=API)
        .output("handle", "later")
    )
    assert play(pipeline, engine, n=5).outputs == {"handle": 1}


def test_a_kept_caller_calls_what_answers_it_after_relinking(engine: Engine, nothing_left: None) -> None:
    def pipeline(fuse: bool) -> Pipeline:
        return (
            Pipeline("relinked")
            .input("n", "u32")
            .node("caller", engine.from_text(relay(A, B, "go"), "caller"), run=f"{A}.go", lifetime="session")
            .node("middle", engine.from_text(relay(B), "middle"))
            .node("numbers", engine.from_text(NUMBERS, "numbers"))
            .data("inputs.n", "caller")
            .call("caller", "middle")
            .call("middle", "numbers", fuse=fuse)
            .output("out", "caller")
        )

    with pipeline(True).link(engine) as old, old.relink(pipeline(False)) as new, new.relink(pipeline(True)) as newest:
        assert [linked.run(n=5)["out"] for linked in (old, new, newest, old)] == [10, 10, 10, 10]


def test_resources_of_another_node_do_not(engine: Engine) -> None:
    pipeline = (
        Pipeline("resources")
        .node("passer", engine.from_text(PASSER, "passer"), run="show", args={"n": 1})
        .node("holder", engine.from_text(HOLDER, "holder"))
        .node("owner", engine.from_text(OWNER, "owner"))
        .call("passer", "owner", interface=API)
        .call("holder", "owner", interface=API)
        .call("passer.take", "holder.take")
        .call("passer.peek", "holder.peek", fuse=True)
        .call("passer.give", "holder.give")
    )
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    said = [(found.code, found.place, found.causes[0]) for found in caught.value.diagnostics]
    resource = "function `peek`, parameter `c`: resource `counter` of `test:res/api`"
    between = "`passer` calls `holder` over `passer.{0} -> holder.{0}`"
    assert said == [
        ("fuse-type", "edge `passer.peek -> holder.peek`", resource),
        ("fuse-return", "edge `passer.take -> holder.take`", between.format("take")),
        ("fuse-return", "edge `passer.give -> holder.give`", between.format("give")),
    ]


@both
def test_a_trap_ends_the_run_and_the_next_one_begins_anew(engine: Engine, fuse: bool, nothing_left: None) -> None:
    caller = engine.from_text(relay(A, NUM, "odd-traps", 2), "caller")
    with staged(counted(engine, fuse).replace("caller", component=caller), engine) as stage:
        failed = stage.run(n=1)
        assert (failed.outputs, type(failed.error).__name__) == (None, "Trapped")
        assert stage.run(n=2).outputs == {"sum": 4}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda pipeline: pipeline.replace("counter", lifetime="session"), "fuse-node"),
        (lambda pipeline: pipeline.replace("counter", bulk="never"), "fuse-node"),
        (
            lambda pipeline: pipeline.replace("caller", limits=Limits(timeout=1.0)).replace(
                "counter", limits=Limits(timeout=2.0)
            ),
            "fuse-node",
        ),
        (lambda pipeline: pipeline.limit(calls=10), "fuse-contract"),
    ],
    ids=["lifetime", "bulk", "limits", "calls"],
)
def test_what_a_store_cannot_hold_is_refused_before_anything_runs(engine: Engine, change: Change, code: str) -> None:
    pipeline = counted(engine, True)
    change(pipeline)
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    assert [found.code for found in caught.value.diagnostics] == [code]


def test_yaml_and_python_say_the_same(tmp_path: Path) -> None:
    hand = (
        Pipeline("fused", folder=tmp_path)
        .node("a", "a.wasm", run="run", bulk="always")
        .node("b", "b.wasm", bulk="always")
        .call("a", "b", contract=Contract(redact=("args.x",)), fuse=True, description="Close together.")
    )
    (tmp_path / "fused.yaml").write_text(hand.to_yaml())
    assert Pipeline.load(tmp_path / "fused.yaml").manifest == hand.manifest


@pytest.mark.parametrize("wrong", [1, "true", None])
def test_fuse_is_true_or_false(wrong: Any) -> None:
    kind = "None" if wrong is None else f"of type {type(wrong).__name__}"
    with pytest.raises(TypeError, match=rf"^`fuse` is True or False, not {kind}$"):
        Pipeline("p").node("a", "a.wasm").node("b", "b.wasm").call("a", "b", fuse=wrong)
