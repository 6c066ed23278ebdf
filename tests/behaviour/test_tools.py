"""`agent:core/tools`: what a component finds by name while it runs, and calls with JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator import Contract, Engine, Limits, Pipeline, Variant
from orchestrator.engine import Component
from tests.behaviour.stories import Went, play, staged
from tests.support.parts import AGENT, NUM, TEXT

CALL = f"{AGENT}.call"
ERROR = "variant { denied(string), not-found(string), invalid-arguments(string), failed(string) }"


@pytest.fixture
def agent(engine: Engine) -> Component:
    """A component that hands `list` and `call` of its tools on."""
    from tests.support.parts import TOOL_USER

    return engine.from_text(TOOL_USER, "agent")


def show(n: int) -> Any:
    return str(n) if n else n


def tooled(agent: Component, numbers: Component, texts: Component, **contract: Any) -> Pipeline:
    return (
        Pipeline("tools")
        .input("name", "string")
        .input("arguments", "string")
        .node("agent", agent, run=CALL)
        .node("numbers", numbers)
        .node("texts", texts)
        .node("python", python=show, signature="func(n: u64) -> string")
        .data("inputs.name", "agent.name")
        .data("inputs.arguments", "agent.arguments")
        .tool("agent", f"numbers.{NUM}.add", contract=Contract(**contract))
        .tool("agent", f"numbers.{NUM}.checked")
        .tool("agent", f"numbers.{NUM}.trap")
        .tool("agent", f"numbers.{NUM}.spin", contract=Contract(timeout=0.05, on_violation="deny"))
        .tool("agent", f"texts.{TEXT}.echo")
        .tool("agent", "python.show")
        .output("out", "agent")
        .output("error", "agent.err")
    )


def call(engine: Engine, pipeline: Pipeline, name: str, arguments: Any) -> Went:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return play(pipeline, engine, {"name": name, "arguments": text})


@pytest.fixture
def pipeline(agent: Component, numbers: Component, texts: Component) -> Pipeline:
    return tooled(agent, numbers, texts)


@pytest.mark.parametrize(
    ("name", "arguments", "out"),
    [
        ("add", {"a": 2, "b": 3}, "5"),
        ("checked", {"n": 4}, "4"),
        ("echo", {"s": "é\n\u0000\U0001f600"}, json.dumps("é\n\u0000\U0001f600", ensure_ascii=False)),
    ],
)
def test_a_tool_is_called(engine: Engine, pipeline: Pipeline, name: str, arguments: Any, out: str) -> None:
    went = call(engine, pipeline, name, arguments)
    assert went.outputs == {"out": out, "error": None}
    (event,) = went.of("call")
    assert event.parent == went.of("node")[0].span
    assert event.detail == {"caller": "agent", "tool": name}
    assert event.edge.startswith("agent -> ")
    assert min(event.request, event.response) > 0


@pytest.mark.parametrize(
    ("name", "arguments", "case", "message"),
    [
        ("sub", {}, "not-found", "sub (there is add, checked, echo, show, spin, trap)"),
        ("", {}, "not-found", " (there is add, checked, echo, show, spin, trap)"),
        ("add", "{", "invalid-arguments", ""),
        ("add", "", "invalid-arguments", ""),
        ("add", "[]", "invalid-arguments", ""),
        ("add", {"a": 1}, "invalid-arguments", ""),
        ("add", {"a": 1, "b": "x"}, "invalid-arguments", "arguments.b: expected u32"),
        ("add", {"a": 1, "b": -1}, "invalid-arguments", "arguments.b: expected u32"),
        ("add", {"a": 1, "b": 2, "c": 3}, "invalid-arguments", ""),
        ("add", '{"a": 1, "a": 2, "b": 1}', "invalid-arguments", ""),
        ("add", "[" * 100_000, "invalid-arguments", ""),
        ("add", '{"a": 1' + "0" * 5000 + "}", "invalid-arguments", ""),
        ("add", '{"a": NaN, "b": 1}', "invalid-arguments", ""),
        ("checked", {"n": 0}, "failed", '"it is zero"'),
        ("spin", {"n": 0}, "denied", "timeout: the call took longer than the 0.05 s that its edge allows"),
    ],
)
def test_a_tool_that_is_not_called_is_an_error_for_the_caller(
    engine: Engine, pipeline: Pipeline, name: str, arguments: Any, case: str, message: str
) -> None:
    went = call(engine, pipeline, name, arguments)
    assert went.error is None
    assert went.outputs is not None
    error = went.outputs["error"]
    assert isinstance(error, Variant)
    assert error.case == case
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 1000
    (event,) = went.of("call")
    decision = {"denied": "denied", "failed": "allowed"}.get(case, "failed")
    assert (event.node, event.decision) == ("agent" if case == "not-found" else event.node, decision)
    assert (event.detail or {})["tool"] == name


def test_a_denied_tool(engine: Engine, agent: Component, numbers: Component, texts: Component) -> None:
    pipeline = tooled(agent, numbers, texts, require=("args.a < 10",), on_violation="deny")
    went = call(engine, pipeline, "add", {"a": 50, "b": 1})
    assert went.outputs is not None
    assert went.outputs["error"].case == "denied"
    assert went.story[-3:] == [
        "  node agent failed",
        "    call agent -> numbers.test:num/num.add add denied by require",
        "      violation agent -> numbers.test:num/num.add denied by require",
    ]
    assert call(engine, pipeline, "add", {"a": 5, "b": 1}).outputs == {"out": "6", "error": None}


def test_a_tool_that_traps_ends_the_run(engine: Engine, pipeline: Pipeline) -> None:
    went = call(engine, pipeline, "trap", {"n": 1})
    assert type(went.error).__name__ == "Trapped"
    assert (getattr(went.error, "node", ""), getattr(went.error, "edge", "")) == (
        "numbers",
        "agent -> numbers.test:num/num.trap",
    )


def test_arguments_of_megabytes(engine: Engine, pipeline: Pipeline) -> None:
    text = "x" * (4 << 20)
    went = call(engine, pipeline, "echo", {"s": text})
    assert went.outputs is not None
    assert went.outputs["out"] == f'"{text}"'


def test_arguments_that_do_not_fit_the_callee_end_the_run(
    engine: Engine, agent: Component, numbers: Component, texts: Component
) -> None:
    pipeline = tooled(agent, numbers, texts).replace("texts", limits=Limits(memory=1 << 17))
    went = call(engine, pipeline, "echo", {"s": "x" * (1 << 20)})
    assert type(went.error).__name__ in ("Trapped", "LimitExceeded")
    assert getattr(went.error, "node", "") == "texts"


def test_a_python_tool(engine: Engine, pipeline: Pipeline) -> None:
    assert call(engine, pipeline, "show", {"n": 2**60}).outputs == {"out": f'"{2**60}"', "error": None}
    went = call(engine, pipeline, "show", {"n": 0})
    assert went.message == "the Python node's result does not fit its type: expected string at `result`"
    assert getattr(went.error, "node", "") == "python"


def test_the_list_of_tools(engine: Engine, pipeline: Pipeline) -> None:
    listing = Pipeline("list").node("agent", pipeline._components["agent"], run=f"{AGENT}.list")
    listing.node("numbers", pipeline._components["numbers"])
    listing.tool("agent", f"numbers.{NUM}.double", description="Twice of it.").tool("agent", f"numbers.{NUM}.add")
    went = play(listing.output("tools", "agent"), engine)
    assert went.outputs is not None
    first, second = went.outputs["tools"]
    assert (first["name"], second["name"], second["description"]) == ("add", "double", "Twice of it.")
    assert json.loads(second["schema"])["properties"] == {"n": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}}


def test_the_tools_of_a_session_are_kept_by_relink(engine: Engine, pipeline: Pipeline) -> None:
    pipeline.replace("agent", lifetime="session").replace("numbers", lifetime="session")
    pipeline.tool("agent", f"numbers.{NUM}.count", contract=Contract(max_calls=5))
    arguments = {"name": "count", "arguments": '{"n": 1}'}
    with staged(pipeline, engine) as stage:
        assert stage.run(arguments).outputs == {"out": "1", "error": None}
        instance = stage.linked._program.homes["agent"]
        with stage.linked.relink() as new:
            assert new._program.homes["agent"] is instance
            assert new.run(arguments)["out"] == "2"


def test_tools_may_come_from_another_component(engine: Engine, agent: Component, numbers: Component) -> None:
    """A component that exports `agent:core/tools` stands between an agent and the tools: an edge answers the import."""
    from tests.support.parts import TOOL_USER

    between = engine.from_text(TOOL_USER.replace(AGENT, "agent:core/tools@0.1.0"), "between")
    pipeline = (
        Pipeline("between")
        .node("agent", agent, run=CALL, args={"name": "add", "arguments": '{"a": 2, "b": 3}'})
        .node("between", between)
        .node("numbers", numbers)
        .call("agent", "between", interface="agent:core/tools")
        .tool("between", f"numbers.{NUM}.add")
        .output("out", "agent")
    )
    went = play(pipeline, engine, {})
    assert went.outputs == {"out": "5"}
    assert [event.node for event in went.of("call")] == ["numbers", "between"]
