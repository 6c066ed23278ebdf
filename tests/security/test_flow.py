"""Ways round the check that untrusted content, private data and a way out do not meet: each is refused unrun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    Declassify,
    Engine,
    Grants,
    Http,
    InvalidPipeline,
    OrchestratorError,
    Pipeline,
    Secret,
    Snapshots,
    Storage,
)
from orchestrator.audit import Recorder
from orchestrator.engine import Component
from orchestrator.engine.saved import read
from tests.support.audit_events import Collected
from tests.support.keeping import rewritten
from tests.support.parts import NUM, NUMBERS, relay

DOUBLE, COUNT, GO = f"{NUM}.double", f"{NUM}.count", "own:own/own.go"
WEB = Grants(http=(Http("https://out.example/**"),))
REASON = "Numbers alone."


@pytest.fixture
def numbers(engine: Engine) -> Component:
    """`parts.NUMBERS`."""
    return engine.from_text(NUMBERS, "numbers")


@pytest.fixture
def caller(engine: Engine) -> Component:
    """What calls `double` of another."""
    return engine.from_text(relay("own:own/own"), "caller")


def folder(path: str, access: str = "read") -> Grants:
    return Grants(storage=(Storage(path, "/x", "write" if access == "write" else "read"),))


def base(name: str) -> Pipeline:
    return Pipeline(name).input("page", "u32", labels=["untrusted"])


def by_a_chain(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("chain").node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret"))
    previous = "files"
    for at in range(20):
        pipeline.node(f"n{at}", numbers, run=DOUBLE).data(previous, f"n{at}.n")
        previous = f"n{at}"
    return pipeline.node("send", numbers, run=DOUBLE, grants=WEB).data(previous, "send.n")


def by_the_result_of_a_call(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("result").node("send", caller, run=GO, args={"n": 1}, grants=WEB)
    return pipeline.node("files", numbers, grants=folder("secret")).call("send", "files")


def by_the_arguments_of_a_call(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("arguments").node("files", caller, run=GO, args={"n": 1}, grants=folder("secret"))
    return pipeline.node("send", numbers, grants=WEB).call("files", "send")


def by_a_node_that_both_call(numbers: Component, caller: Component) -> Pipeline:
    """The one tells it what the other is then told."""
    pipeline = base("shared").node("files", caller, run=GO, args={"n": 1}, grants=folder("secret"))
    pipeline.node("send", caller, run=GO, args={"n": 1}, grants=WEB).node("shared", numbers)
    return pipeline.call("files", "shared").call("send", "shared")


def by_a_folder(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("folder").node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret", "write"))
    return pipeline.node("send", numbers, run=DOUBLE, args={"n": 1}, grants=Grants(
        storage=(Storage("secret/../secret/inner", "/x"),), http=WEB.http
    ))  # fmt: skip


def by_a_fallback(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("fallback").node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret"))
    pipeline.node("first", numbers, run=f"{NUM}.trap", fallback="files").data("inputs.page", "first.n")
    return pipeline.node("send", numbers, run=DOUBLE, grants=WEB).data("first", "send.n")


def by_failing(numbers: Component, caller: Component) -> Pipeline:
    """That it fails is one bit of what it read."""
    pipeline = base("failing").node("files", numbers, run=f"{NUM}.odd-traps", grants=folder("secret"), fallback="send")
    pipeline.data("inputs.page", "files.n")
    return pipeline.node("send", numbers, run=DOUBLE, args={"n": 1}, grants=WEB)


def by_an_error(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("error").node("files", numbers, run=f"{NUM}.checked", grants=folder("secret"))
    pipeline.data("inputs.page", "files.n")
    pipeline.node("send", python=len, signature="func(text: string) -> u32", labels=["outbound"])
    return pipeline.data("files.err", "send.text")


def by_a_condition(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("condition").node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret"))
    return pipeline.node("send", numbers, run=DOUBLE, grants=WEB).data("files", "send.n", when="value > 1u")


def by_the_address_itself(numbers: Component, caller: Component) -> Pipeline:
    """Which address is asked tells what was chosen."""
    pipeline = base("address").input("host", "enum { a, b }", labels=["private"])
    grants = Grants(http=(Http("https://${inputs.host}.out.example/**"),))
    return pipeline.node("send", numbers, run=DOUBLE, grants=grants).data("inputs.page", "send.n")


def by_a_declassification_of_something_else(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("other").label("mail", "untrusted").label("payroll", "private")
    pipeline.node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret"))
    stops = Declassify(("payroll", "mail"), REASON)
    return pipeline.node("send", numbers, run=DOUBLE, grants=WEB).data("files", "send.n", declassify=stops)


def by_declassifying_one_of_two_ways(numbers: Component, caller: Component) -> Pipeline:
    pipeline = base("two-ways").node("files", numbers, run=DOUBLE, args={"n": 1}, grants=folder("secret"))
    pipeline.node("send", numbers, run=f"{NUM}.add", grants=WEB)
    pipeline.data("files", "send.a", declassify=Declassify(("private",), REASON))
    return pipeline.data("files", "send.b")


def by_declassifying_the_other_side_of_a_call(numbers: Component, caller: Component) -> Pipeline:
    pipeline = by_the_result_of_a_call(numbers, caller).disconnect("send -> files")
    return pipeline.call("send", "files", declassify=Declassify(("private",), REASON, "arguments"))


def by_what_a_secret_of_another_opened(numbers: Component, caller: Component) -> Pipeline:
    opens = Grants(http=WEB.http, secrets=(Secret("KEY", "https://out.example", "X: {}"),))
    pipeline = base("secret").node("api", numbers, run=DOUBLE, args={"n": 1}, grants=opens)
    return pipeline.node("send", numbers, run=DOUBLE, grants=WEB).data("api", "send.n")


def by_having_it_all(numbers: Component, caller: Component) -> Pipeline:
    grants = Grants(storage=folder("secret").storage, http=WEB.http)
    return base("all").node("send", numbers, run=DOUBLE, grants=grants).data("inputs.page", "send.n")


WAYS = (
    by_a_chain,
    by_the_result_of_a_call,
    by_the_arguments_of_a_call,
    by_a_node_that_both_call,
    by_a_folder,
    by_a_fallback,
    by_failing,
    by_an_error,
    by_a_condition,
    by_the_address_itself,
    by_a_declassification_of_something_else,
    by_declassifying_one_of_two_ways,
    by_declassifying_the_other_side_of_a_call,
    by_what_a_secret_of_another_opened,
    by_having_it_all,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_way_round_is_refused_before_anything_runs(
    engine: Engine, numbers: Component, caller: Component, way: Callable[[Component, Component], Pipeline]
) -> None:
    seen = Collected()
    with Recorder([seen]) as recorder:
        with pytest.raises(InvalidPipeline) as caught:
            way(numbers, caller).link(engine, recorder=recorder)
        assert recorder.flush(60)
    errors = [one for one in caught.value.diagnostics if one.severity == "error"]
    assert [one.code for one in errors] == ["flow"]
    assert any(line.startswith("private") for line in errors[0].causes)
    assert seen.events == []


def kept_and_sent(numbers: Component, labels: Sequence[str] = (), **keeper: Any) -> Pipeline:
    """A pipeline whose `keeper` remembers what it is given between runs, and gives it to a node that can send."""
    return (
        Pipeline("kept")
        .input("n", "u32", labels=labels)
        .node("keeper", numbers, run=COUNT, lifetime="session", **keeper)
        .node("send", numbers, run=DOUBLE, labels=["outbound"])
        .data("inputs.n", "keeper.n")
        .data("keeper", "send.n")
        .output("sent", "send")
    )


def test_what_was_read_in_one_run_is_not_sent_in_the_next(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    """A hostile session keeps what it read, and sends it when it is asked by somebody who may."""
    pipeline = kept_and_sent(numbers)
    with pipeline.link(engine) as linked:
        assert linked.run(n=40, labels={"n": ["private"]})["sent"] == 80
        with pytest.raises(InvalidPipeline):
            linked.run(n=1, labels={"n": ["untrusted"]})
        pipeline.input("page", "u32", labels=["untrusted"]).disconnect("inputs.n -> keeper.n")
        with pytest.raises(InvalidPipeline):
            linked.relink(pipeline.data("inputs.page", "keeper.n"))
        assert linked.run(n=1)["sent"] == 82


def test_what_was_read_is_not_washed_by_a_revert(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    """A state that was kept after something private came holds it, whatever was gone back to in between."""
    pipeline = kept_and_sent(numbers, snapshot=Snapshots())
    with pipeline.link(engine) as linked:
        node = linked.node("keeper")
        assert linked.run(n=40, labels={"n": ["private"]})["sent"] == 80
        node.snapshot("dirty")
        node.save("dirty", tmp_path / "dirty.state")
        pipeline.input("page", "u32", labels=["untrusted"]).disconnect("inputs.n -> keeper.n")
        pipeline.data("inputs.page", "keeper.n")
        for name in ("dirty", "after-init", "brought"):
            node.load(tmp_path / "dirty.state", "brought")
            node.revert(name)
            with pytest.raises(InvalidPipeline):
                linked.run(n=1, labels={"n": ["untrusted"]})
            with pytest.raises(InvalidPipeline):
                linked.relink(pipeline)
        assert linked.run(n=1)["sent"] == 82


def test_two_programs_of_one_session_know_of_the_same_after_a_revert(engine: Engine, numbers: Component) -> None:
    with kept_and_sent(numbers, ["private"], snapshot=Snapshots()).link(engine) as old:
        old.run(n=0)
        old.node("keeper").revert()
        with pytest.raises(InvalidPipeline):
            old.relink(kept_and_sent(numbers, ["untrusted"], snapshot=Snapshots()))


def test_a_state_takes_its_labels_into_another_program(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    pipeline, file = kept_and_sent(numbers, snapshot=Snapshots()), tmp_path / "state"
    with pipeline.link(engine) as linked:
        linked.run(n=40, labels={"n": ["private"]})
        linked.node("keeper").snapshot("dirty")
        linked.node("keeper").save("dirty", file)
    with pipeline.link(engine) as linked:
        assert linked.run(n=1, labels={"n": ["untrusted"]})["sent"] == 2
        node = linked.node("keeper")
        node.load(file, "dirty")
        node.revert("dirty")
        with pytest.raises(InvalidPipeline) as caught:
            linked.run(n=1)
        assert "`keeper` has it from a file: `keeper` has kept it in its memory since an earlier run" in str(
            caught.value
        )


@pytest.mark.parametrize(
    "said", [None, "private", [1], [{}], [{"label": "private", "sort": "x", "origin": "", "why": ""}]]
)
def test_what_a_file_says_of_labels_in_another_form_is_nothing(
    engine: Engine, numbers: Component, tmp_path: Path, said: object
) -> None:
    pipeline = (
        Pipeline("p").input("n", "u32").node("keeper", numbers, run=COUNT, lifetime="session", snapshot=Snapshots())
    )
    pipeline.data("inputs.n", "keeper.n").output("n", "keeper")
    with pipeline.link(engine) as linked:
        linked.run(n=1)
        node = linked.node("keeper")
        node.save("after-init", tmp_path / "state")
        rewritten(tmp_path / "state", lambda header: header["about"].update(labels=said))
        node.load(tmp_path / "state", "again")
        node.revert("again")
        assert linked.run(n=1)["n"] == 1


def test_many_labels_of_a_file_push_none_out(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    def said(many: int) -> list[dict[str, str]]:
        return [{"label": "private", "sort": "private", "origin": f"no {number}", "why": "x"} for number in range(many)]

    pipeline, file = kept_and_sent(numbers, snapshot=Snapshots()), tmp_path / "state"
    with pipeline.link(engine) as linked:
        linked.run(n=1)
        linked.node("keeper").save("after-init", file)
    rewritten(file, lambda header: header["about"].update(labels=said(400)))
    with pipeline.link(engine) as linked:
        linked.run(n=1, labels={"n": ["untrusted"]})
        linked.node("keeper").load(file, "hostile")
        with pytest.raises(InvalidPipeline):
            linked.run(n=1)
        linked.node("keeper").save("after-init", file)
    labels = read(file).about["labels"]
    assert sorted((one["label"], one["sort"]) for one in labels) == [("private", "private"), ("untrusted", "untrusted")]
    many = [{**one, "label": f"l{number}"} for number, one in enumerate(said(300))]
    rewritten(file, lambda header: header["about"].update(labels=many))
    with pipeline.link(engine) as linked:
        linked.run(n=1)
        with pytest.raises(OrchestratorError, match="the state brings 300 labels; 256 are taken"):
            linked.node("keeper").load(file, "more")


def test_labels_come_with_a_state_only_when_no_run_goes_on(engine: Engine, numbers: Component, tmp_path: Path) -> None:
    inside, go = threading.Event(), threading.Event()

    def hold(n: int) -> int:
        inside.set()
        assert go.wait(30)
        return n

    file = tmp_path / "state"
    with kept_and_sent(numbers, snapshot=Snapshots()).link(engine) as linked:
        linked.run(n=40, labels={"n": ["private"]})
        linked.node("keeper").snapshot("dirty")
        linked.node("keeper").save("dirty", file)
    pipeline = kept_and_sent(numbers, snapshot=Snapshots()).disconnect("inputs.n -> keeper.n")
    pipeline.node("hold", python=hold, signature="func(n: u32) -> u32")
    with pipeline.data("inputs.n", "hold.n").data("hold", "keeper.n").link(engine) as linked:
        execution = linked.start(n=1, labels={"n": ["untrusted"]})
        assert inside.wait(30)
        with pytest.raises(OrchestratorError, match="and a run goes on that was let in without them"):
            linked.node("keeper").load(file, "dirty")
        go.set()
        assert execution.result()["sent"] == 2
        linked.node("keeper").load(file, "dirty")
        with pytest.raises(InvalidPipeline):
            linked.run(n=1, labels={"n": ["untrusted"]})
