"""Contracts on both kinds of edges: each rule, what a violation does, and the events of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Contract, Engine, Grants, Limits, Pipeline
from orchestrator.audit import JsonLines, Recorder
from orchestrator.engine import Component
from orchestrator.manifest.model import Reject
from tests.behaviour.stories import play, staged
from tests.support.parts import CHOICE, CHOICE_USER, CHOOSER, NUM, SLEEP, TALKER, TEXT, checker, relay

A, B = "test:a/a", "test:b/b"
SECRET = "hunter2-very-secret"


def calling(
    engine: Engine, numbers: Component, contract: Contract, function: str = "double", times: int = 1
) -> Pipeline:
    """`caller` calls `function` of `callee` so often over an edge with the contract."""
    caller = engine.from_text(relay(A, NUM, function, times), "caller")
    return (
        Pipeline("calling")
        .input("n", "u32")
        .node("caller", caller, run=f"{A}.go")
        .node("callee", numbers)
        .data("inputs.n", "caller")
        .call("caller", "callee", contract=contract)
        .output("out", "caller")
    )


def talking(engine: Engine, texts: Component, contract: Contract, function: str = "refuse") -> Pipeline:
    """`talker` hands a text on to `texts` over an edge with the contract, and gives what it is answered."""
    return (
        Pipeline("talking")
        .input("s", "string")
        .node("talker", engine.from_text(TALKER, "talker"), run=f"test:talk/talk.{function}")
        .node("texts", texts)
        .data("inputs.s", "talker")
        .call("talker", "texts", contract=contract)
        .output("out", "talker")
    )


@pytest.mark.parametrize(
    ("contract", "message", "after"),
    [
        (Contract(max_calls=1), "max-calls", False),
        (Contract(rate=(1, 3600.0)), "rate", False),
        (Contract(max_request=3), "max-request", False),
        (Contract(max_response=3), "max-response", True),
        (Contract(max_bytes=3), "max-bytes", False),
        (Contract(require=("args.n < 3u",)), "require", False),
        (Contract(ensure=("result < 6u",)), "ensure", True),
    ],
)
def test_a_rule_of_a_call_edge_that_is_broken_ends_the_run(
    engine: Engine, numbers: Component, contract: Contract, message: str, after: bool
) -> None:
    went = play(calling(engine, numbers, contract, times=2), engine, n=5)
    error = went.error
    assert type(error).__name__ == "ContractViolated"
    assert (getattr(error, "rule", ""), getattr(error, "node", ""), getattr(error, "edge", "")) == (
        message, "callee", "caller -> callee (test:num/num)",
    )  # fmt: skip
    assert went.message.startswith(f"the contract's rule `{message}` is broken: ")
    assert getattr(error, "causes", ()) == ("in a call of test:num/num.double",)
    allowed = ["    call caller -> callee (test:num/num) double"] if message in ("max-calls", "rate") else []
    assert went.story == [
        "run failed",
        "  data inputs.n -> caller",
        "  node caller failed",
        *allowed,
        f"    call caller -> callee (test:num/num) double failed by {message}",
        f"      violation caller -> callee (test:num/num) failed by {message}",
    ]
    broken = went.of("call")[-1]
    assert (broken.request, broken.response) == (4, 4 if after else -1)
    assert (went.of("violation")[0].detail or {})["message"] in went.message


def test_a_function_that_may_not_be_called(engine: Engine, texts: Component) -> None:
    with staged(talking(engine, texts, Contract(functions=("echo",)), "echo"), engine) as stage:
        assert stage.run(s="yes").outputs == {"out": "yes"}
    went = play(talking(engine, texts, Contract(functions=("echo",))), engine, s="no")
    assert (type(went.error).__name__, getattr(went.error, "rule", "")) == ("ContractViolated", "functions")
    denied = play(talking(engine, texts, Contract(functions=("echo",), on_violation="deny")), engine, s="no")
    assert str(getattr(denied.error, "value", "")).startswith("functions: ")


def test_a_rule_holds_for_a_function_that_is_called_otherwise_than_it_is_exported(engine: Engine) -> None:
    caller = engine.from_text(
        """(component
          (import "shout" (func $f (param "n" u32) (result u32)))
          (core func $g (canon lower (func $f)))
          (core module $m (import "in" "f" (func $f (param i32) (result i32)))
            (func (export "go") (param i32) (result i32) (call $f (local.get 0))))
          (core instance $i (instantiate $m (with "in" (instance (export "f" (func $g))))))
          (func (export "go") (param "n" u32) (result u32) (canon lift (core func $i "go"))))""",
        "shouter",
    )
    pipeline = (
        Pipeline("named")
        .input("n", "u32")
        .node("caller", caller, run="go")
        .node("callee", python=lambda n: n + 1, signature="func(n: u32) -> u32")
        .data("inputs.n", "caller")
        .call("caller.shout", "callee.run", contract=Contract(require=("args.n < 5",)))
        .output("out", "caller")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=4).outputs == {"out": 5}
        assert getattr(stage.run(n=5).error, "rule", "") == "require"


def test_a_rule_that_is_kept_is_seen_by_nobody(engine: Engine, numbers: Component) -> None:
    contract = Contract(
        functions=("double",), max_calls=3, rate=(3, 1.0), timeout=60.0, max_request=4, max_response=4, max_bytes=4,
        require=("args.n > 0u",), ensure=("result > 0",),
    )  # fmt: skip
    went = play(calling(engine, numbers, contract, times=3), engine, n=5)
    assert went.outputs == {"out": 30}
    assert went.of("violation") == []


def test_counters_are_of_an_edge_and_a_run(engine: Engine, numbers: Component) -> None:
    other = engine.from_text(relay(B, NUM, "double", 2), "other")
    pipeline = calling(engine, numbers, Contract(max_calls=2), times=2).node("other", other, run=f"{B}.go")
    pipeline.data("inputs.n", "other").call("other", "callee", contract=Contract(max_calls=2)).output("two", "other")
    with staged(pipeline, engine) as stage:
        assert [stage.run(n=1).outputs for _ in range(3)] == [{"out": 4, "two": 4}] * 3


@pytest.mark.parametrize("rule", [{"require": ("args.s != 'no'",)}, {"reject": (Reject("args.s", "^no$"),)}])
def test_a_denial_is_an_err_for_the_caller(engine: Engine, texts: Component, rule: dict[str, Any]) -> None:
    went = play(talking(engine, texts, Contract(**rule, on_violation="deny")), engine, s="no")
    (name,) = rule
    assert type(went.error).__name__ == "ComponentFailed"
    assert str(getattr(went.error, "value", "")).startswith(f"{name}: ")
    assert went.story == [
        "run failed",
        "  data inputs.s -> talker",
        "  node talker failed",
        f"    call talker -> texts (test:text/text) refuse denied by {name}",
        f"      violation talker -> texts (test:text/text) denied by {name}",
    ]


def test_a_denial_after_the_call_hides_its_result(engine: Engine, texts: Component) -> None:
    contract = Contract(functions=("refuse",), reject=(Reject("result.err", "very"),), on_violation="deny")
    went = play(talking(engine, texts, contract), engine, s=SECRET)
    assert "very-secret" not in str(went.error)
    assert str(getattr(went.error, "value", "")).startswith("reject: ")


def test_a_denial_is_the_case_denied_of_a_variant(engine: Engine) -> None:
    pipeline = (
        Pipeline("choice")
        .input("n", "u32")
        .node("user", engine.from_text(CHOICE_USER, "user"), run="test:user/user.go")
        .node("chooser", engine.from_text(CHOOSER, "chooser"))
        .data("inputs.n", "user")
        .call("user", "chooser", interface=CHOICE, contract=Contract(require=("args.n < 5u",), on_violation="deny"))
        .output("out", "user")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=3).outputs == {"out": 3}
        assert stage.run(n=0).outputs == {"out": 1000}
        denied = stage.run(n=7)
    assert denied.outputs is not None
    assert denied.outputs["out"] == 2000 + len("require: " + (denied.of("violation")[0].detail or {})["message"])


def test_where_there_is_no_room_for_a_denial_the_caller_traps(engine: Engine, numbers: Component) -> None:
    contract = Contract(require=("args.n < 3u",), on_violation="deny")
    pipeline = calling(engine, numbers, contract)
    went = play(pipeline, engine, n=5)
    assert type(went.error).__name__ == "Trapped"
    assert went.message.startswith("the call was denied by the rule `require`: ")
    assert getattr(went.error, "node", "") == "caller"
    assert type(went.error.__cause__).__name__ == "ContractViolated" if went.error else False
    assert went.story[-2:] == [
        "    call caller -> callee (test:num/num) double denied by require",
        "      violation caller -> callee (test:num/num) denied by require",
    ]
    # It is a trap like any other: a fallback makes it good.
    pipeline.replace("caller", fallback="spare").node("spare", numbers, run=f"{NUM}.double").data("inputs.n", "spare")
    assert play(pipeline, engine, n=5).outputs == {"out": 10}


# Timeouts


def test_an_edges_timeout_is_a_violation_what_it_called_included(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("timeout")
        .input("n", "u32")
        .node("one", engine.from_text(relay(A, B, "go"), "one"), run=f"{A}.go")
        .node("two", engine.from_text(relay(B, NUM, "spin"), "two"))
        .node("three", numbers)
        .data("inputs.n", "one")
        .call("one", "two", contract=Contract(timeout=0.1))
        .call("two", "three")
        .output("out", "one")
    )
    went = play(pipeline, engine, n=1)
    assert (type(went.error).__name__, getattr(went.error, "rule", "")) == ("ContractViolated", "timeout")
    assert getattr(went.error, "edge", "") == "one -> two (test:b/b)"
    assert went.story == [
        "run failed",
        "  data inputs.n -> one",
        "  node one failed",
        "    call one -> two (test:b/b) go failed by timeout",
        "      call two -> three (test:num/num) spin failed",
        "        limit two -> three (test:num/num) failed",
        "      violation one -> two (test:b/b) failed by timeout",
    ]


def test_a_denied_timeout_leaves_the_caller_alive(engine: Engine, numbers: Component) -> None:
    spinner = engine.from_text(
        f"""(component
          (import "{NUM}" (instance $in (export "spin" (func (param "n" u32) (result u32)))))
          (core func $spin (canon lower (func $in "spin")))
          (core module $m
            (import "in" "spin" (func $spin (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "go") (param i32) (result i32)
              (i32.store (i32.const 0) (i32.const 0))
              (i32.store (i32.const 4) (call $spin (local.get 0)))
              (i32.const 0)))
          (core instance $i (instantiate $m (with "in" (instance (export "spin" (func $spin))))))
          (func $go (param "n" u32) (result (result u32 (error string)))
            (canon lift (core func $i "go") (memory (core memory $i "memory"))))
          (instance $out (export "checked" (func $go)))
          (export "{NUM}" (instance $out)))""",
        "spinner",
    )
    caller = engine.from_text(checker(A), "caller")
    pipeline = (
        Pipeline("timeout")
        .input("n", "u32")
        .node("caller", caller, run=f"{A}.checked")
        .node("middle", spinner)
        .node("callee", numbers)
        .data("inputs.n", "caller")
        .call("caller", "middle", contract=Contract(timeout=0.1, on_violation="deny"))
        .call("middle", "callee")
        .node("sorry", python=lambda s: s, signature="func(s: string) -> string")
        .data("caller.err", "sorry")
        .output("why", "sorry")
    )
    with staged(pipeline, engine) as stage:
        for _ in range(2):
            went = stage.run(n=1)
            assert went.outputs == {"why": "timeout: the call took longer than the 0.1 s that its edge allows"}


def test_a_call_that_sleeps_too_long_is_refused(engine: Engine, sleeper: Component) -> None:
    caller = engine.from_text(relay(A, SLEEP, "sleep"), "caller")
    pipeline = (
        Pipeline("late")
        .node("caller", caller, run=f"{A}.go", args={"n": 100})
        .node("sleeper", sleeper, grants=Grants(clock="monotonic"))
        .call("caller", "sleeper", contract=Contract(timeout=0.02))
        .output("out", "caller")
    )
    assert getattr(play(pipeline, engine).error, "rule", "") == "timeout"


def test_a_nodes_timeout_is_of_each_call_of_it(engine: Engine, numbers: Component) -> None:
    pipeline = calling(engine, numbers, Contract(), "spin").replace("callee", limits=Limits(timeout=0.05))
    went = play(pipeline, engine, n=1)
    assert type(went.error).__name__ == "TimedOut"
    assert went.message == "node `callee` took longer than its timeout, 0.05 s"
    assert (getattr(went.error, "node", ""), getattr(went.error, "edge", "")) == (
        "callee",
        "caller -> callee (test:num/num)",
    )
    assert went.story == [
        "run failed",
        "  data inputs.n -> caller",
        "  node caller failed",
        "    call caller -> callee (test:num/num) spin failed",
        "      limit caller -> callee (test:num/num) failed",
    ]


def test_the_deadline_of_a_caller_reaches_what_it_calls(engine: Engine, numbers: Component) -> None:
    pipeline = calling(engine, numbers, Contract(), "spin").replace("caller", limits=Limits(timeout=0.05))
    went = play(pipeline, engine, n=1)
    assert went.message == "node `caller` took longer than its timeout, 0.05 s"


# Data edges


def carrying(contract: Contract, type_: str = "string") -> Pipeline:
    return (
        Pipeline("carrying")
        .input("s", type_)
        .node("take", python=lambda s: s, signature=f"func(s: {type_}) -> {type_}")
        .node("after", python=lambda s: s, signature=f"func(s: {type_}) -> {type_}")
        .data("inputs.s", "take", contract=contract)
        .data("take", "after")
        .output("take", "take")
        .output("after", "after")
    )


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"max_bytes": 9}, "max-bytes"),
        ({"require": ("size(value) < 3",)}, "require"),
        ({"ensure": ("size(value) < 3",)}, "ensure"),
        ({"reject": (Reject("value", "quit"),)}, "reject"),
    ],
)
def test_a_rule_of_a_data_edge(engine: Engine, rule: dict[str, Any], name: str) -> None:
    with staged(carrying(Contract(**rule)), engine) as stage:
        assert stage.run(s="a").outputs == {"take": "a", "after": "a"}
        failed = stage.run(s="quite long")
    denied = play(carrying(Contract(**rule, on_violation="deny")), engine, s="quite long")
    assert (type(failed.error).__name__, getattr(failed.error, "rule", "")) == ("ContractViolated", name)
    assert (getattr(failed.error, "node", ""), getattr(failed.error, "edge", "")) == ("take", "inputs.s -> take")
    assert denied.outputs == {"take": None, "after": None}
    for went, ending, run in ((failed, "failed", " failed"), (denied, "denied", "")):
        assert went.story == [
            f"run{run}",
            f"  data inputs.s -> take {ending} by {name}",
            f"    violation inputs.s -> take {ending} by {name}",
        ]


# What cannot be evaluated


def test_a_rule_that_cannot_be_evaluated_is_broken(engine: Engine, numbers: Component) -> None:
    went = play(carrying(Contract(require=("value[3] == 'x'",)), "list<string>"), engine, s=["a"])
    assert (type(went.error).__name__, getattr(went.error, "rule", "")) == ("ContractViolated", "require")
    called = play(calling(engine, numbers, Contract(require=("1 / (args.n - 5) == 1",))), engine, n=5)
    assert (type(called.error).__name__, getattr(called.error, "rule", "")) == ("ContractViolated", "require")


def test_a_when_that_cannot_be_evaluated_names_its_edge(engine: Engine) -> None:
    pipeline = (
        Pipeline("when")
        .input("s", "list<string>")
        .node("take", python=lambda s: s, signature="func(s: list<string>) -> list<string>")
        .data("inputs.s", "take", when="value[3] == 'x'")
        .output("out", "take")
    )
    went = play(pipeline, engine, s=["a"])
    assert type(went.error).__name__ == "ConditionFailed"
    assert (getattr(went.error, "node", ""), getattr(went.error, "edge", "")) == ("take", "inputs.s -> take")
    assert went.story == ["run failed"]


# Redaction


def everywhere(pipeline: Pipeline, engine: Engine, folder: Path, **inputs: Any) -> str:
    """All that a run leaves to be read: its error, its tree, its lines."""
    recorder = Recorder([JsonLines(folder / "lines.jsonl")])
    with recorder, pipeline.link(engine, recorder=recorder) as linked:
        execution = linked.start(**inputs)
        said = [str(event) for event in execution]
        try:
            said.append(execution.result(60).tree)
        except Exception as problem:
            said += [str(problem), repr(problem), str(getattr(problem, "value", ""))]
    lines = (folder / "lines.jsonl").read_text()
    assert all(json.loads(line) for line in lines.splitlines())
    return "\n".join([*said, lines])


def blurt(s: str) -> str:
    raise ValueError(f"cannot do {s}")


def wrong(s: str) -> Any:
    return {"not": s}


def test_what_an_edge_redacts_is_in_no_error_and_no_event(engine: Engine, texts: Component, tmp_path: Path) -> None:
    redact = Contract(redact=("value",))
    pipelines = []
    for python in (blurt, wrong):
        pipeline = Pipeline("redact").input("s", "string")
        pipeline.node("take", python=python, signature="func(s: string) -> u32")
        pipelines.append(pipeline.data("inputs.s", "take", contract=redact).output("out", "take"))
    refusing = Pipeline("redact").input("s", "string").node("take", texts, run=f"{TEXT}.refuse")
    pipelines.append(refusing.data("inputs.s", "take", contract=redact).output("out", "take"))
    pipelines.append(talking(engine, texts, Contract(redact=("args.s",))))
    pipelines.append(talking(engine, texts, Contract(redact=("args.s",), require=("args.s == 'x'",))))
    for pipeline in pipelines:
        said = everywhere(pipeline, engine, tmp_path, s=SECRET)
        assert "failed" in said
        assert SECRET not in said


def test_an_err_is_shown_and_stands_in_no_event(engine: Engine, texts: Component, tmp_path: Path) -> None:
    pipeline = Pipeline("shown").input("s", "string").node("take", texts, run=f"{TEXT}.refuse")
    pipeline.data("inputs.s", "take").output("out", "take")
    with staged(pipeline, engine) as stage:
        went = stage.run(s=SECRET)
    assert SECRET in str(went.error)
    assert SECRET not in str(went.events)
