"""Information flow while pipelines live: declassified crossings are told, labels of a run, what sessions remember."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator import (
    Contract,
    Declassify,
    Engine,
    Grants,
    InvalidPipeline,
    Pipeline,
    RunError,
    Storage,
    ValueMismatch,
)
from orchestrator.audit import Recorder
from orchestrator.audit.spans import SpanMaker
from orchestrator.engine import Component
from orchestrator.manifest import check
from orchestrator.manifest.model import Lifetime
from tests.behaviour.stories import play, staged
from tests.behaviour.test_tools import agent as agent
from tests.support.audit_events import Collected
from tests.support.parts import AGENT, NUM, relay

COUNT, DOUBLE = f"{NUM}.count", f"{NUM}.double"


def plus(n: int) -> int:
    return n + 1


def numbers_in(name: str, numbers: Component) -> Pipeline:
    return Pipeline(name).input("n", "u32").node("a", numbers, run=DOUBLE).data("inputs.n", "a.n").output("out", "a")


# At link time, from Python


def test_a_graph_built_in_python_is_refused_and_mended(engine: Engine, numbers: Component) -> None:
    def built(declassify: Declassify | None = None) -> Pipeline:
        return (
            Pipeline("built")
            .label("payroll", "private")
            .input("n", "u32", labels=["payroll"])
            .node("a", numbers, run=DOUBLE)
            .node("b", numbers, run=DOUBLE, labels=("outbound", "untrusted"))
            .data("inputs.n", "a.n")
            .data("a", "b.n", declassify=declassify)
            .output("out", "b")
        )

    with pytest.raises(InvalidPipeline) as caught:
        built().link(engine)
    assert str(caught.value) == (
        "error[flow]: untrusted content and private data meet in `b`, which can send\n"
        " --> node `b`\n"
        " = untrusted: `b` has the label `untrusted`\n"
        " = payroll (private): the input `n` has the label `payroll`\n"
        " = payroll (private): the input `n` goes to `a` by `inputs.n -> a.n`\n"
        " = payroll (private): `a` gives it to `b` by `a -> b.n`\n"
        " = outbound: `b` has the label `outbound`\n"
        " = help: where an edge may carry it, say why: `declassify: {labels: ..., reason: ...}`, labels `[payroll]`\n"
        " = help: or divide the work between nodes, so that none that can send has both"
    )
    with built(Declassify(("payroll",), "A sum over everybody.")).link(engine) as linked:
        assert linked.run(n=2)["out"] == 8
        assert [str(warning).splitlines()[0] for warning in linked.warnings] == [
            "warning[declassified]: `a -> b.n` declassifies `payroll`: A sum over everybody."
        ]


def test_what_a_program_says_of_labels_is_checked_where_it_says_it(numbers: Component) -> None:
    pipeline, out, odd = Pipeline("p").node("a", numbers), cast(Any, "outbound"), cast(Any, "x")
    wrong: list[tuple[type[Exception], Callable[[], object], str]] = [
        (TypeError, lambda: pipeline.input("n", labels="private"), "`labels` is a tuple, not of type str"),
        (TypeError, lambda: pipeline.replace("a", labels=[1]), "what stands in `labels` is a text, not of type int"),
        (ValueError, lambda: pipeline.replace("a", labels=["x", "x"]), "`labels` names a label twice: x, x"),
        (ValueError, lambda: pipeline.label("x", out), "a label stands for untrusted or private, not for `outbound`"),
        (TypeError, lambda: pipeline.data("a", "a.n", declassify=odd), "`declassify` is a Declassify, not of type str"),
        (
            ValueError,
            lambda: pipeline.data("a", "a.n", declassify=Declassify(("private",), " ")),
            "a declassification has at least one label, and a reason",
        ),
        (
            ValueError,
            lambda: pipeline.call("a", "a", declassify=Declassify((), "why not")),
            "a declassification has at least one label, and a reason",
        ),
        (
            ValueError,
            lambda: pipeline.data("a", "a.n", declassify=Declassify(("private",), "why not", "results")),
            "`of` of a declassification is `results`; expected nothing: a data edge carries one value",
        ),
        (
            ValueError,
            lambda: pipeline.tool("a", "a.x", declassify=Declassify(("private",), "why not", odd)),
            "`of` of a declassification is `x`; expected `arguments` or `results`",
        ),
    ]  # fmt: skip
    for kind, act, message in wrong:
        with pytest.raises(kind) as caught:
            act()
        assert str(caught.value) == message


def test_labels_are_written_as_yaml_and_read_again() -> None:
    pipeline = (
        Pipeline("p")
        .label("payroll", "private", description="Who earns what")
        .input("n", "u32", labels=["payroll"])
        .node("a", "a.wasm", run=DOUBLE, labels=["outbound"])
        .data("inputs.n", "a.n", declassify=Declassify(("payroll",), "It is ${nothing}."))
        .call("a", "a", declassify=Declassify(("private",), "No.", "results"))
    )
    assert check(pipeline.to_yaml(), "p.yaml", Path()).result() == pipeline.manifest


# Crossings that declassify


RULE = Declassify(("private", "untrusted"), "Numbers alone.")


def test_a_declassified_crossing_is_told_once_an_edge_and_run(engine: Engine, numbers: Component) -> None:
    pipeline = (
        numbers_in("told", numbers)
        .node("caller", engine.from_text(relay("own:own/own", times=5), "caller"), run="own:own/own.go")
        .node("callee", numbers, labels=["private"])
        .data("a", "caller.n", declassify=RULE)
        .call("caller", "callee", declassify=Declassify(("private",), "One number.", "results"))
    )
    with staged(pipeline, engine) as stage:
        for _ in range(2):
            went = stage.run(n=1)
            assert [(e.edge, e.node, e.rule, e.decision, e.detail) for e in went.of("declassify")] == [
                (
                    "a -> caller.n", "caller", "declassify", "allowed",
                    {"labels": ["private", "untrusted"], "reason": "Numbers alone.", "of": ""},
                ),
                (
                    "caller -> callee (test:num/num)", "callee", "declassify", "allowed",
                    {"labels": ["private"], "reason": "One number.", "of": "results"},
                ),
            ]  # fmt: skip
            data, call = went.of("declassify")
            spans = {event.span: event for event in went.events}
            assert (spans[data.parent].kind, spans[data.parent].edge) == ("data", "a -> caller.n")
            assert (spans[call.parent].kind, spans[call.parent].edge) == ("call", call.edge)
            assert len(went.of("call")) == 5


def test_what_is_not_let_through_is_not_told_to_be_declassified(engine: Engine, numbers: Component) -> None:
    strict = Contract(max_bytes=1, on_violation="deny")
    pipeline = numbers_in("denied", numbers).node("b", numbers, run=DOUBLE)
    pipeline.data("a", "b.n", contract=strict, declassify=RULE).output("end", "b")
    went = play(pipeline, engine, n=1)
    assert went.outputs == {"out": 2, "end": None}
    assert went.of("declassify") == []


def test_each_element_crosses_the_same_edge(engine: Engine, numbers: Component) -> None:
    pipeline = Pipeline("each").input("ns", "list<u32>").node("a", numbers, run=DOUBLE).output("out", "a")
    pipeline.data("inputs.ns", "a.n", each=3, declassify=RULE)
    went = play(pipeline, engine, ns=[1, 2, 3, 4])
    assert went.outputs == {"out": [2, 4, 6, 8]}
    assert len(went.of("declassify")) == 1


def test_a_tool_and_a_python_node_that_are_called_are_told_of_too(
    engine: Engine, numbers: Component, agent: Component
) -> None:
    pipeline = (
        Pipeline("tools")
        .node("agent", agent, run=f"{AGENT}.call", args={"name": "add", "arguments": '{"a": 1, "b": 2}'})
        .node("numbers", numbers)
        .tool("agent", f"numbers.{NUM}.add", declassify=RULE)
        .output("out", "agent")
    )
    assert [e.edge for e in play(pipeline, engine).of("declassify")] == [f"agent -> numbers.{NUM}.add"]
    single = engine.from_text(
        """(component
          (import "plus" (func $plus (param "n" u32) (result u32)))
          (core func $f (canon lower (func $plus)))
          (core module $m (import "in" "f" (func $f (param i32) (result i32)))
            (func (export "go") (param i32) (result i32) (call $f (local.get 0))))
          (core instance $i (instantiate $m (with "in" (instance (export "f" (func $f))))))
          (func (export "go") (param "n" u32) (result u32) (canon lift (core func $i "go"))))""",
        "single",
    )
    pipeline = (
        Pipeline("python")
        .node("caller", single, run="go", args={"n": 1})
        .node("callee", python=plus, signature="func(n: u32) -> u32")
        .call("caller.plus", "callee.plus", declassify=RULE)
        .output("out", "caller")
    )
    went = play(pipeline, engine)
    assert went.outputs == {"out": 2}
    assert [e.node for e in went.of("declassify")] == ["callee"]


def test_a_declassified_crossing_stands_in_the_tree_and_in_the_spans(engine: Engine, numbers: Component) -> None:
    pipeline = numbers_in("shown", numbers).node("b", numbers, run=DOUBLE).data("a", "b.n", declassify=RULE)
    went = play(pipeline, engine, n=1)
    assert went.result is not None
    (line,) = [line for line in went.result.tree.splitlines() if "declassifies" in line]
    assert line.strip(" │└├─") == "! declassifies private, untrusted: Numbers alone."
    (event,) = [event for span in SpanMaker().spans(went.events) for event in span.events]
    assert event.name == "edge.declassified"
    assert dict(event.attributes or {}) == {
        "wasm.node": "b",
        "wasm.edge": "a -> b.n",
        "wasm.rule": "declassify",
        "wasm.decision": "allowed",
        "wasm.declassify.labels": "private, untrusted",
        "wasm.declassify.reason": "Numbers alone.",
    }


# Labels of a run


def sender(numbers: Component, **more: str) -> Pipeline:
    """`n` goes to a node that can send and has private data."""
    return (
        Pipeline("sender")
        .label("mail", "untrusted")
        .input("n", "u32")
        .input("a-b", "u32", default=1)
        .node("send", numbers, run=DOUBLE, labels=["outbound", "private"])
        .node("other", numbers, run=DOUBLE)
        .data("inputs.n", "send.n")
        .data("inputs.a-b", "other.n")
        .output("out", "send")
        .output("other", "other")
    )


def test_a_run_whose_inputs_have_labels_that_may_not_meet_is_refused_before_anything_runs(
    engine: Engine, numbers: Component
) -> None:
    with staged(sender(numbers), engine) as stage:
        went = stage.run(n=1, labels={"n": ["mail"]})
        assert isinstance(went.error, InvalidPipeline)
        assert str(went.error) == (
            "error[flow]: untrusted content and private data meet in `send`, which can send\n"
            " --> node `send`\n"
            " = mail (untrusted): the input `n` was given to the run with the label `mail`\n"
            " = mail (untrusted): the input `n` goes to `send` by `inputs.n -> send.n`\n"
            " = private: `send` has the label `private`\n"
            " = outbound: `send` has the label `outbound`\n"
            " = help: where an edge may carry it, say why: `declassify: {labels: ..., reason: ...}`, labels `[mail]`\n"
            " = help: or divide the work between nodes, so that none that can send has both"
        )
        (event,) = went.events
        assert (event.kind, event.decision, event.rule) == ("run", "denied", "flow")
        assert event.detail == {
            "pipeline": "sender",
            "outcome": "denied",
            "error": "untrusted content and private data meet in `send`, which can send",
            "calls": 0,
        }
        assert stage.run(n=1, labels={"a_b": ("untrusted",), "n": ("private",)}).outputs == {"out": 2, "other": 2}
        assert stage.run(n=1).outputs == {"out": 2, "other": 2}


def test_start_and_arun_take_labels_too(engine: Engine, numbers: Component) -> None:
    with sender(numbers).link(engine) as linked:
        with pytest.raises(InvalidPipeline):
            linked.start(n=1, labels={"n": ["untrusted"]})
        with pytest.raises(InvalidPipeline):
            asyncio.run(linked.arun(n=1, labels={"n": ["untrusted"]}))
        assert linked.start(n=1, labels={"n": ["private"]}).result(30)["out"] == 2


def test_labels_and_inputs_that_are_not_there_are_told(engine: Engine, numbers: Component) -> None:
    with sender(numbers).link(engine) as linked:
        wrong: tuple[tuple[Mapping[str, Sequence[str]], str], ...] = (
            ({"m": ["private"]}, "labels.m: expected one of the pipeline's inputs (n, a-b), found an unknown input"),
            ({"n": ["outbound"]}, "labels.n: expected labels of data (untrusted, private, mail), found `outbound`"),
        )
        for labels, message in wrong:
            with pytest.raises(ValueMismatch) as caught:
                linked.run(n=1, labels=labels)
            assert str(caught.value) == message
        with pytest.raises(TypeError, match=r"^`labels` of `n` is a tuple, not of type str$"):
            linked.run(n=1, labels={"n": "private"})


def test_outputs_say_what_they_are_to_be_taken_for(engine: Engine, numbers: Component) -> None:
    first = numbers_in("first", numbers).node("b", numbers, run=DOUBLE, args={"n": 1}, labels=["private"])
    with first.output("own", "b").link(engine) as linked, sender(numbers).link(engine) as other:
        result = linked.run(n=1, labels={"n": ["untrusted"]})
        assert result.labels == {"out": ("untrusted",), "own": ("private",)}
        assert linked.run(n=1).labels == {"out": (), "own": ("private",)}
        with pytest.raises(InvalidPipeline):
            other.run(n=result["out"], labels={"n": result.labels["out"]})
        assert other.run(n=result["own"], labels={"n": result.labels["own"]})["out"] == 4


# What sessions remember


def remembering(numbers: Component, lifetime: Lifetime = "session") -> Pipeline:
    """What `n` was goes on from `memory` to `send`, which can send."""
    return (
        Pipeline("remembering")
        .label("payroll", "private")
        .input("n", "u32")
        .node("memory", numbers, run=COUNT, lifetime=lifetime)
        .node("send", numbers, run=DOUBLE, labels=["outbound"])
        .data("inputs.n", "memory.n")
        .data("memory", "send.n")
        .output("out", "send")
    )


def test_a_session_remembers_what_a_run_before_brought(engine: Engine, numbers: Component) -> None:
    with remembering(numbers).link(engine) as linked:
        assert linked.run(n=1, labels={"n": ["payroll"]})["out"] == 2
        assert linked.run(n=1)["out"] == 4
        with pytest.raises(InvalidPipeline) as caught:
            linked.run(n=1, labels={"n": ["untrusted"]})
        (problem,) = caught.value.diagnostics
        assert problem.causes == (
            "untrusted: the input `n` was given to the run with the label `untrusted`",
            "untrusted: the input `n` goes to `memory` by `inputs.n -> memory.n`",
            "untrusted: `memory` gives it to `send` by `memory -> send.n`",
            "payroll (private): the input `n` was given to the run with the label `payroll`",
            "payroll (private): the input `n` goes to `memory` by `inputs.n -> memory.n`",
            "payroll (private): `memory` has kept it in its memory since an earlier run: it has `lifetime: session`",
            "payroll (private): `memory` gives it to `send` by `memory -> send.n`",
            "outbound: `send` has the label `outbound`",
        )
        # What was refused left nothing behind.
        assert linked.run(n=1, labels={"n": ["payroll"]})["out"] == 6


def test_an_instance_of_the_run_remembers_nothing(engine: Engine, numbers: Component) -> None:
    with remembering(numbers, "run").link(engine) as linked:
        for label in ("private", "untrusted", "payroll"):
            assert linked.run(n=1, labels={"n": [label]})["out"] == 2


def test_a_session_that_is_linked_anew_keeps_its_labels(engine: Engine, numbers: Component) -> None:
    pipeline = remembering(numbers)
    manifest = pipeline.manifest
    with pipeline.link(engine) as old:
        pipeline.disconnect("inputs.n -> memory.n").input("page", "u32", labels=["untrusted"])
        pipeline.data("inputs.page", "memory.n")
        with old.relink() as new:
            assert new.run(n=0, page=1)["out"] == 2
        assert old.run(n=1)["out"] == 4
        with pytest.raises(InvalidPipeline) as caught:
            old.run(n=1, labels={"n": ["private"]})
        assert "untrusted: `memory` has kept it in its memory since an earlier run: it has `lifetime: session`" in (
            caught.value.diagnostics[0].causes
        )
        assert old.model.manifest == manifest


def test_linking_anew_is_refused_for_what_a_kept_session_holds(engine: Engine, numbers: Component) -> None:
    pipeline = remembering(numbers)
    with pipeline.link(engine) as old:
        old.run(n=1, labels={"n": ["payroll"]})
        # The new pipeline has no label `payroll`: it counts as what it stands for.
        changed = Pipeline("changed").input("n", "u32", labels=["untrusted"])
        changed.node("memory", numbers, run=COUNT, lifetime="session").data("inputs.n", "memory.n")
        changed.node("send", numbers, run=DOUBLE, labels=["outbound"]).data("memory", "send.n").output("send", "send")
        with pytest.raises(InvalidPipeline) as caught:
            old.relink(changed)
        (problem,) = caught.value.diagnostics
        assert problem.causes[3:] == (
            "private: the input `n` was given to the run with the label `payroll`",
            "private: the input `n` goes to `memory` by `inputs.n -> memory.n`",
            "private: `memory` has kept it in its memory since an earlier run: it has `lifetime: session`",
            "private: `memory` gives it to `send` by `memory -> send.n`",
            "outbound: `send` has the label `outbound`",
        )
        assert old.run(n=1)["out"] == 4
        # Another instance remembers nothing.
        changed.replace("memory", config={}, bulk="never")
        with old.relink(changed) as new:
            assert new.run(n=1)["send"] == 2
        with changed.replace("memory", bulk="auto").link(engine) as fresh:
            assert fresh.run(n=1)["send"] == 2


def test_a_session_that_was_never_entered_has_nothing_to_remember(engine: Engine, numbers: Component) -> None:
    """The run that comes second is the one that is refused, whichever pipeline it is of."""
    private = remembering(numbers).replace("memory", labels=["private"])
    page = remembering(numbers).replace("memory", labels=["private"])
    page.disconnect("memory -> send.n").disconnect("inputs.n -> memory.n").input("page", "u32", labels=["untrusted"])
    page.data("inputs.page", "memory.n").data("inputs.n", "send.n")
    with private.link(engine) as old, old.relink(page) as new:
        assert old.run(n=1)["out"] == 2
        assert new.run(n=1, page=1)["out"] == 2
        with pytest.raises(InvalidPipeline):
            old.run(n=1)
        assert new.run(n=1, page=1)["out"] == 2


def test_a_run_is_not_let_in_while_another_one_goes_on_that_would_send_what_it_brings(
    engine: Engine, numbers: Component
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def wait(n: int) -> int:
        entered.set()
        assert go_on.wait(60)
        return n

    pipeline = (
        Pipeline("two-runs")
        .input("mine", "u32")
        .input("page", "u32")
        .node("wait", python=wait, signature="func(n: u32) -> u32")
        .node("memory", numbers, run=COUNT, lifetime="session")
        .node("send", numbers, run=f"{NUM}.add", labels=["outbound"])
        .data("inputs.mine", "memory.n")
        .data("inputs.page", "wait.n")
        .data("wait", "send.a")
        .data("memory", "send.b")
        .output("out", "send")
    )
    with pipeline.link(engine) as linked:
        first = linked.start(mine=1, page=2, labels={"page": ["untrusted"]})
        assert entered.wait(60)
        with pytest.raises(InvalidPipeline) as caught:
            linked.run(mine=1, page=1, labels={"mine": ["private"]})
        assert caught.value.diagnostics[0].help[0] == (
            "that is in a run that goes on, with which this one shares an instance; run this one when it has ended"
        )
        go_on.set()
        assert first.result(60)["out"] == 3
        assert linked.run(mine=1, page=1, labels={"mine": ["private"]})["out"] == 3
        with pytest.raises(InvalidPipeline):
            linked.run(mine=1, page=1, labels={"page": ["untrusted"]})


def test_of_many_runs_at_once_no_two_are_let_in_that_may_not_meet(engine: Engine, numbers: Component) -> None:
    labels = [["untrusted"], ["private"]] * 40

    with remembering(numbers).link(engine) as linked:

        def attempt(label: list[str]) -> str:
            try:
                linked.run(n=0, labels={"n": label})
            except InvalidPipeline:
                return ""
            return label[0]

        with ThreadPoolExecutor(8) as pool:
            let_in = list(pool.map(attempt, labels))
    assert sorted({label for label in let_in if label}) in (["private"], ["untrusted"])
    assert sum(map(bool, let_in)) == 40


def test_a_run_that_fails_is_forgotten_and_what_it_brought_is_not(engine: Engine, numbers: Component) -> None:
    pipeline = remembering(numbers).node("trap", numbers, run=f"{NUM}.trap").data("inputs.n", "trap.n")
    with pipeline.link(engine) as linked:
        with pytest.raises(RunError):
            linked.run(n=1, labels={"n": ["private"]})
        with pytest.raises(InvalidPipeline):
            linked.run(n=1, labels={"n": ["untrusted"]})


def test_what_fused_nodes_remember_is_remembered_in_their_store(engine: Engine, numbers: Component) -> None:
    caller = engine.from_text(relay("own:own/own", function="count"), "caller")
    pipeline = (
        Pipeline("fused")
        .input("n", "u32")
        .node("caller", caller, run="own:own/own.go", lifetime="session")
        .node("counter", numbers, lifetime="session")
        .node("send", numbers, run=DOUBLE, labels=["outbound"])
        .call("caller", "counter", fuse=True)
        .data("inputs.n", "caller.n")
        .data("caller", "send.n")
        .output("out", "send")
    )
    with pipeline.link(engine) as linked:
        assert linked.run(n=1, labels={"n": ["private"]})["out"] == 2
        with pytest.raises(InvalidPipeline):
            linked.run(n=1, labels={"n": ["untrusted"]})


def test_a_run_that_was_refused_is_a_line_of_the_record(engine: Engine, numbers: Component) -> None:
    seen = Collected()
    with Recorder([seen]) as recorder, sender(numbers).link(engine, recorder=recorder) as linked:
        with pytest.raises(InvalidPipeline):
            linked.run(n=1, labels={"n": ["untrusted"]})
        assert recorder.flush(60)
    (span,) = SpanMaker().spans(seen.events)
    attributes = json.loads(span.to_json())["attributes"]
    assert [attributes[f"wasm.{key}"] for key in ("decision", "rule", "outcome")] == ["denied", "flow", "denied"]


# Folders that are others than when the pipeline was linked


def through_folders(numbers: Component, folder: Path, gate: Callable[[int], int] = plus) -> Pipeline:
    """`w` writes what is untrusted to `out`; `r` reads `alias` and hands on to `s`, which can send."""
    write, read = Storage(str(folder / "out"), "/d", "write"), Storage(str(folder / "alias"), "/d")
    return (
        Pipeline("folders")
        .input("n", "u32", labels=["untrusted"])
        .node("w", numbers, run=DOUBLE, grants=Grants(storage=(write,)))
        .node("gate", python=gate, signature="func(n: u32) -> u32")
        .node("r", numbers, run=DOUBLE, grants=Grants(storage=(read,)))
        .node("s", numbers, run=DOUBLE, labels=("outbound",))
        .data("inputs.n", "w.n")
        .node("first", numbers, run=DOUBLE, args={"n": 1})
        .data("first", "gate.n")
        .data("gate", "r.n")
        .data("r", "s.n")
        .output("out", "s")
    )


def lead(folder: Path, name: str) -> None:
    """Has `alias` lead to a folder."""
    (folder / "alias").unlink(missing_ok=True)
    (folder / "alias").symlink_to(name)


def folders(tmp_path: Path) -> Path:
    for name in ("in", "out", "other"):
        (tmp_path / name).mkdir()
    lead(tmp_path, "in")
    return tmp_path


MEET = "untrusted content and private data meet in `s`, which can send"
MOVED = "folders lead elsewhere than when the pipeline was linked: a symbolic link was changed"


def test_folders_are_looked_at_for_each_run(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    folder = folders(tmp_path)
    with staged(through_folders(numbers, folder), engine) as stage:
        assert stage.run(n=1).outputs == {"out": 12}
        lead(folder, "out")
        for _ in range(2):
            went = stage.run(n=1)
            assert isinstance(went.error, InvalidPipeline)
            (problem,) = went.error.diagnostics
            assert (problem.code, problem.message, problem.help[0]) == ("flow", MEET, MOVED)
            assert "untrusted: `w` may write to" in "\n".join(problem.causes)
            assert [event.decision for event in went.of("run")] == ["denied"]
            assert went.of("node") == []
        lead(folder, "other")
        assert stage.run(n=1).outputs == {"out": 12}


def test_a_folder_that_is_another_within_a_run_is_not_opened(
    engine: Engine, numbers: Component, tmp_path: Path
) -> None:
    folder = folders(tmp_path)

    def gate(n: int) -> int:
        lead(folder, "out")
        return n + 1

    with staged(through_folders(numbers, folder, gate), engine) as stage:
        went = stage.run(n=1)
        assert went.message == (
            f"the folder granted at `/d` leads elsewhere: {folder / 'out'}: "
            "a symbolic link was changed since the run began"
        )
        assert getattr(went.error, "node", "") == "r"
        why = "grants.storage[0]: a symbolic link was changed since the run began"
        assert [(e.function, e.rule) for e in went.of("access") if e.decision == "denied"] == [("storage grant", why)]


def test_what_a_run_gives_is_labelled_by_the_folders_of_the_run(
    engine: Engine, numbers: Component, tmp_path: Path
) -> None:
    folder = folders(tmp_path)
    pipeline = through_folders(numbers, folder).output("read", "r")
    pipeline = pipeline.replace("s", labels=()).node("t", numbers, run=DOUBLE, args={"n": 1}, labels=("outbound",))
    with staged(pipeline, engine) as stage:
        for name, label in (("in", ("private",)), ("out", ("untrusted", "private")), ("in", ("private",))):
            lead(folder, name)
            result = stage.run(n=1).result
            assert result is not None
            assert result.labels["read"] == label
