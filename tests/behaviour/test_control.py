"""Control: when, each, repeat, retry and fallback, alone and together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator import Contract, Engine, Pipeline
from orchestrator.engine import Component
from orchestrator.manifest.model import Each, Reject, Repeat, Retry, SomeStep
from tests.behaviour.stories import play, staged, story
from tests.support.parts import NUM


class Flaky:
    """A Python node that fails as it is told: each entry of `plan` is a problem to raise, or None."""

    def __init__(self, *plan: BaseException | None) -> None:
        self._plan: Iterator[BaseException | None] = iter(plan)
        self.calls = 0

    def __call__(self, n: int) -> int:
        self.calls += 1
        problem = next(self._plan, None)
        if problem is not None:
            raise problem
        return n


def one(run: str, numbers: Component, **control: Any) -> Pipeline:
    """One node that is given an input `n`, and whose result is the output."""
    pipeline = Pipeline("one").input("n", "u32").node("it", numbers, run=f"{NUM}.{run}", **control)
    return pipeline.data("inputs.n", "it").output("out", "it")


# when


def pair(first: str, second: str) -> Pipeline:
    def mark(name: str) -> Callable[[int], str]:
        def marked(n: int) -> str:
            return f"{name} {n}"

        return marked

    return (
        Pipeline("pair")
        .input("n", "s64")
        .node("small", python=mark("small"))
        .node("large", python=mark("large"))
        .node("join", python=lambda s: s, signature="func(s: string) -> string")
        .data("inputs.n", "small", when=first)
        .data("inputs.n", "large", when=second)
        .data("small", "join", when="true")
        .data("large", "join", when="value != ''")
        .output("out", "join")
    )


def test_conditions_choose_a_branch_and_what_hangs_on_the_other_is_skipped(engine: Engine) -> None:
    with staged(pair("value < 10", "value >= 10"), engine) as stage:
        small, large = stage.run(n=3), stage.run(n=30)
    assert (small.outputs, large.outputs) == ({"out": "small 3"}, {"out": "large 30"})
    assert small.story == [
        "run",
        "  data inputs.n -> small",
        "  node small",
        "  data small -> join",
        "  node join",
    ]


def test_no_condition_holds_and_nothing_runs(engine: Engine) -> None:
    went = play(pair("value < 0", "value > 100"), engine, n=50)
    assert (went.outputs, went.story) == ({"out": None}, ["run"])


def test_two_conditions_that_both_hold_end_the_run(engine: Engine) -> None:
    went = play(pair("value < 10", "value > 0"), engine, n=5)
    assert went.message == ("the parameter `s` has several values at once: from `small -> join` and `large -> join`")
    assert getattr(went.error, "node", "") == "join"


# each


def spread(each: Each, python: Callable[[int], Any], **edge: Any) -> Pipeline:
    return (
        Pipeline("spread")
        .input("list", "list<s64>")
        .node("it", python=python, signature="func(n: s64) -> s64")
        .data("inputs.list", "it", each=each, **edge)
        .output("out", "it")
    )


def test_each_keeps_the_order_and_respects_its_bound(engine: Engine) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(3)

    def work(n: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        meet.wait(60)
        with lock:
            now[0] -= 1
        return n * 10

    went = play(spread(Each(3), work), engine, list=list(range(12)))
    assert went.outputs == {"out": [n * 10 for n in range(12)]}
    assert most == [3]
    assert sorted(went.story) == sorted(["run"] + ["  data inputs.list -> it", "  node it"] * 12)
    elements = [(event.detail or {})["element"] for event in went.of("node")]
    assert sorted(elements) == list(range(12))


def test_each_of_an_empty_list_is_an_empty_list(engine: Engine) -> None:
    went = play(spread(Each(4), lambda n: n), engine, list=[])
    assert (went.outputs, went.story) == ({"out": []}, ["run"])


def test_the_first_error_of_an_element_cancels_the_rest(engine: Engine) -> None:
    done: list[int] = []

    def work(n: int) -> int:
        if n == 2:
            raise ValueError("two")
        done.append(n)
        return n

    went = play(spread(Each(1), work), engine, list=[0, 1, 2, 3, 4])
    assert (went.message, done) == ("the Python node raised ValueError: two", [0, 1])
    crossed = "  data inputs.list -> it"
    assert went.story == ["run failed", *[crossed, "  node it"] * 2, crossed, "  node it failed"]


def test_an_element_that_computes_is_cancelled_by_anothers_error(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("spread")
        .input("list", "list<u32>")
        .node("it", numbers, run=f"{NUM}.odd-traps")
        .node("spin", numbers, run=f"{NUM}.spin")
        .data("inputs.list", "it", each=2)
        .data("inputs.list.0", "spin")
        .output("out", "it")
    )
    went = play(pipeline, engine, list=[0, 1])
    assert type(went.error).__name__ == "Trapped"
    ended = {(event.node, event.decision) for event in went.of("node")}
    assert {("it", "failed"), ("spin", "cancelled")} <= ended


def test_an_err_of_an_element_cancels_the_rest_too(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("spread")
        .input("list", "list<u32>")
        .node("it", numbers, run=f"{NUM}.checked")
        .data("inputs.list", "it", each=1)
        .output("out", "it")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(list=[3, 4]).outputs == {"out": [3, 4]}
        went = stage.run(list=[3, 0, 4, 5])
    assert type(went.error).__name__ == "ComponentFailed"
    assert [event.decision for event in went.of("node")] == ["allowed", "failed"]


def test_each_element_has_an_instance_of_its_own_and_rounds_share_it(
    engine: Engine, numbers: Component, nothing_left: None
) -> None:
    pipeline = (
        Pipeline("spread")
        .input("list", "list<u32>")
        .node("it", numbers, run=f"{NUM}.count", repeat=Repeat("value >= 5u", max=10))
        .data("inputs.list", "it", each=2)
        .output("out", "it")
    )
    # Each adds its element to what its own instance counted: 1 five times, 2 three times, 7 once.
    went = play(pipeline, engine, list=[1, 2, 7])
    assert went.outputs == {"out": [5, 6, 7]}
    rounds = {(d["element"], d["round"]) for d in (event.detail or {} for event in went.of("node"))}
    assert rounds == {(0, n) for n in range(1, 6)} | {(1, n) for n in range(1, 4)} | {(2, 1)}


def test_an_element_that_a_contract_denies_is_left_out(engine: Engine) -> None:
    contract = Contract(require=("value != 2",), on_violation="deny")
    went = play(spread(Each(1), lambda n: n, contract=contract), engine, list=[1, 2, 3])
    assert went.outputs == {"out": [1, 3]}
    assert went.story == [
        "run",
        "  data inputs.list -> it",
        "  node it",
        "  data inputs.list -> it denied by require",
        "    violation inputs.list -> it denied by require",
        "  data inputs.list -> it",
        "  node it",
    ]


def test_a_retry_is_of_the_element_that_failed(engine: Engine) -> None:
    flaky = Flaky(None, ValueError("once"))
    pipeline = spread(Each(1), flaky).replace("it", retry=Retry(1))
    went = play(pipeline, engine, list=[1, 2, 3])
    assert (went.outputs, flaky.calls) == ({"out": [1, 2, 3]}, 4)
    attempts = [(d["element"], d["attempt"]) for d in (event.detail or {} for event in went.of("node"))]
    assert attempts == [(0, 1), (1, 1), (1, 2), (2, 1)]


# repeat


def test_repeat_feeds_its_result_until_the_condition_holds(engine: Engine, numbers: Component) -> None:
    pipeline = one("double", numbers, repeat=Repeat("value > 100u", {"n": ()}, max=10))
    went = play(pipeline, engine, n=3)
    assert went.outputs == {"out": 192}
    assert went.story == ["run", "  data inputs.n -> it", *["  node it"] * 6]
    assert [(event.detail or {})["round"] for event in went.of("node")] == [1, 2, 3, 4, 5, 6]


def test_repeat_without_feed_keeps_arguments_and_instance(engine: Engine, numbers: Component) -> None:
    assert play(one("count", numbers, repeat=Repeat("value >= 9u", max=9)), engine, n=4).outputs == {"out": 12}


def test_reaching_max_is_an_error_or_accepted(engine: Engine, numbers: Component) -> None:
    repeat = Repeat("value > 100u", {"n": ()}, max=2)
    went = play(one("double", numbers, repeat=repeat), engine, n=1)
    assert went.message == "`until` still does not hold after 2 times"
    assert went.story == ["run failed", "  data inputs.n -> it", "  node it", "  node it"]
    accept = Repeat("value > 100u", {"n": ()}, max=2, at_max="accept")
    assert play(one("double", numbers, repeat=accept), engine, n=1).outputs == {"out": 4}


def test_repeat_ends_with_an_err(engine: Engine, numbers: Component) -> None:
    went = play(one("checked", numbers, repeat=Repeat("value > 100u", max=5)), engine, n=0)
    assert (type(went.error).__name__, len(went.of("node"))) == ("ComponentFailed", 1)


@pytest.mark.parametrize("given", [None, {"some": None}, {"some": "x"}])
def test_what_repeat_feeds_is_wrapped_as_the_parameter_takes_it(engine: Engine, given: Any) -> None:
    seen: list[Any] = []

    def look(x: Any) -> Any:
        seen.append(x)
        return x

    pipeline = (
        Pipeline("wrap")
        .input("x", "option<option<string>>")
        .node("it", python=look, signature="func(x: option<option<string>>) -> option<option<string>>",
              repeat=Repeat("false", {"x": ()}, max=2, at_max="accept"))
        .data("inputs.x", "it")
        .output("out", "it")
    )  # fmt: skip
    assert play(pipeline, engine, x=given).outputs == {"out": given}
    assert seen == [given, given]


def test_what_repeat_feeds_from_inside_an_option(engine: Engine) -> None:
    seen: list[Any] = []

    def look(x: Any) -> Any:
        seen.append(x)
        return {"some": "y"}

    pipeline = (
        Pipeline("wrap")
        .node("it", python=look, signature="func(x: option<option<string>>) -> option<option<string>>",
              repeat=Repeat("false", {"x": (SomeStep(),)}, max=2, at_max="accept"))
        .output("out", "it")
    )  # fmt: skip
    assert play(pipeline, engine).outputs == {"out": {"some": "y"}}
    assert seen == [None, {"some": "y"}]


# retry


@pytest.mark.parametrize(
    ("run", "on", "tries"),
    [
        ("trap", ("trap",), 3),
        ("trap", ("timeout", "err"), 1),
        ("spin", ("timeout",), 3),
        ("spin", ("trap", "err"), 1),
        ("checked", ("err",), 3),
        ("checked", ("trap", "timeout"), 1),
    ],
)
def test_retry_is_for_what_it_names(engine: Engine, numbers: Component, run: str, on: Any, tries: int) -> None:
    from orchestrator import Limits

    limits = Limits(timeout=0.05) if run == "spin" else None
    went = play(one(run, numbers, retry=Retry(2, on=on), limits=limits), engine, n=0)
    kinds = {"trap": "Trapped", "spin": "TimedOut", "checked": "ComponentFailed"}
    assert type(went.error).__name__ == kinds[run]
    assert [event.kind for event in went.events if event.kind in ("node", "retry")] == (
        ["node", "retry"] * (tries - 1) + ["node"]
    )
    assert [event.detail for event in went.of("retry")] == [
        {"because": on[0], "left": left} for left in range(2, 3 - tries, -1)
    ]


def test_a_retry_that_succeeds(engine: Engine) -> None:
    flaky = Flaky(ValueError("a"), OSError("b"))
    pipeline = Pipeline("retry").input("n", "s64").node("it", python=flaky, retry=Retry(5, wait=0.01))
    pipeline.replace("it", python=flaky, signature="func(n: s64) -> s64")
    went = play(pipeline.data("inputs.n", "it").output("out", "it"), engine, n=7)
    assert (went.outputs, flaky.calls) == ({"out": 7}, 3)
    assert went.story == [
        "run",
        "  data inputs.n -> it",
        "  node it failed",
        "  retry it",
        "  node it failed",
        "  retry it",
        "  node it",
    ]


def test_the_wait_of_a_retry_can_be_interrupted(engine: Engine, numbers: Component) -> None:
    pipeline = one("trap", numbers, retry=Retry(1, wait=3600.0))
    with staged(pipeline, engine) as stage:
        execution = stage.linked.start(n=1)
        for event in execution:
            if event.kind == "retry":
                execution.cancel("enough")
        with pytest.raises(Exception, match="enough"):
            execution.result(60)


def test_a_violation_and_a_condition_are_not_retried(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("one")
        .input("n", "u32")
        .node("it", numbers, run=f"{NUM}.double", retry=Retry(3))
        .data("inputs.n", "it", contract=Contract(require=("value > 5u",)))
        .output("out", "it")
    )
    went = play(pipeline, engine, n=1)
    assert type(went.error).__name__ == "ContractViolated"
    assert went.of("retry") == []


# fallback


def doubled(numbers: Component, run: str, **control: Any) -> Pipeline:
    """`main` with the fallback `spare`, which doubles; a consumer adds nothing to what either gives."""
    return (
        Pipeline("fallback")
        .input("n", "u32")
        .node("main", numbers, run=f"{NUM}.{run}", fallback="spare", **control)
        .node("spare", numbers, run=f"{NUM}.double")
        .node("after", numbers, run=f"{NUM}.count")
        .data("inputs.n", "main")
        .data("inputs.n", "spare")
        .data("main", "after")
        .output("main", "main")
        .output("after", "after")
    )


@pytest.mark.parametrize(("run", "n"), [("trap", 4), ("checked", 0)])
def test_a_fallback_stands_in(engine: Engine, numbers: Component, run: str, n: int) -> None:
    went = play(doubled(numbers, run), engine, n=n)
    assert went.outputs == {"main": 2 * n, "after": 2 * n}
    assert went.story == [
        "run",
        "  data inputs.n -> main",
        "  node main failed",
        "  fallback main",
        "  data inputs.n -> spare",
        "  node spare",
        "  data main -> after",
        "  node after",
    ]
    (stood_in,) = went.of("fallback")
    assert (stood_in.detail or {})["to"] == "spare"
    assert "zero" not in str(went.events)


def test_a_fallback_that_is_not_needed_does_not_run(engine: Engine, numbers: Component) -> None:
    went = play(doubled(numbers, "checked"), engine, n=4)
    assert went.outputs == {"main": 4, "after": 4}
    assert "  node spare" not in went.story


def test_retries_come_before_the_fallback(engine: Engine, numbers: Component) -> None:
    went = play(doubled(numbers, "trap", retry=Retry(1)), engine, n=4)
    assert [e.kind for e in went.events if e.kind in ("node", "retry", "fallback")] == [
        "node", "retry", "node", "fallback", "node", "node",
    ]  # fmt: skip


def test_a_fallback_of_a_fallback(engine: Engine, numbers: Component) -> None:
    pipeline = doubled(numbers, "trap")
    pipeline.replace("spare", run=f"{NUM}.trap", fallback="last").node("last", numbers, run=f"{NUM}.add", args={"b": 1})
    pipeline.data("inputs.n", "last.a")
    went = play(pipeline, engine, n=4)
    assert went.outputs == {"main": 5, "after": 5}
    assert [(e.node, (e.detail or {})["to"]) for e in went.of("fallback")] == [("main", "spare"), ("spare", "last")]


def test_the_error_of_a_node_goes_to_its_fallback(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("fallback")
        .input("n", "u32")
        .node("main", numbers, run=f"{NUM}.checked", fallback="spare")
        .node("spare", python=lambda why: len(why), signature="func(why: string) -> u32")
        .data("inputs.n", "main")
        .data("main.err", "spare")
        .output("out", "main")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=0).outputs == {"out": len("it is zero")}
        assert stage.run(n=3).outputs == {"out": 3}
    # A trap leaves no error to take, so nothing can stand in for it.
    went = play(pipeline.replace("main", run=f"{NUM}.checked").replace("main", retry=None), engine, n=0)
    assert went.outputs == {"out": 10}


def test_a_trap_without_an_error_to_take_ends_the_run(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("fallback")
        .input("n", "u32")
        .node("main", python=Flaky(ValueError("broken")), fallback="spare",
              signature="func(n: u32) -> result<u32, string>")
        .node("spare", python=lambda why: len(why), signature="func(why: string) -> u32")
        .data("inputs.n", "main")
        .data("main.err", "spare")
        .output("out", "main")
    )  # fmt: skip
    went = play(pipeline, engine, n=1)
    assert went.message == "the Python node raised ValueError: broken"


def test_a_fallback_that_fails_ends_the_run_with_its_own_error(engine: Engine, numbers: Component) -> None:
    pipeline = doubled(numbers, "trap").replace("spare", run=f"{NUM}.spin").limit(timeout=0.2)
    assert type(play(pipeline, engine, n=4).error).__name__ == "TimedOut"


def test_a_timeout_of_the_run_is_no_case_for_a_fallback(engine: Engine, numbers: Component) -> None:
    went = play(doubled(numbers, "spin").limit(timeout=0.1), engine, n=4)
    assert went.message == "the run took longer than its timeout, 0.1 s"
    assert went.of("fallback") == []


def test_each_with_a_fallback(engine: Engine, numbers: Component) -> None:
    pipeline = (
        Pipeline("spread")
        .input("list", "list<u32>")
        .node("it", numbers, run=f"{NUM}.odd-traps", fallback="spare")
        .node("spare", python=lambda n: n, signature="func(n: list<u32>) -> list<u32>")
        .data("inputs.list", "it", each=1)
        .data("inputs.list", "spare")
        .output("out", "it")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(list=[2, 4]).outputs == {"out": [2, 4]}
        assert stage.run(list=[2, 3]).outputs == {"out": [2, 3]}


def test_a_reject_rule_on_a_list_looks_at_each_element(engine: Engine) -> None:
    contract = Contract(reject=(Reject("value", "^b"),), on_violation="deny")
    pipeline = (
        Pipeline("spread")
        .input("list", "list<string>")
        .node("it", python=lambda s: s, signature="func(s: string) -> string")
        .data("inputs.list", "it", each=2, contract=contract)
        .output("out", "it")
    )
    went = play(pipeline, engine, list=["a", "b", "c"])
    assert went.outputs == {"out": ["a", "c"]}
    assert story(went.events, ordered=False).count("  data inputs.list -> it denied by reject") == 1
