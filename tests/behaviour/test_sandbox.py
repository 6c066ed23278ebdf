"""Sandboxes: every snippet from the same state, in the order of asking, however the one before it ended."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    ComponentError,
    Engine,
    Grants,
    InvalidPipeline,
    InvalidResult,
    InvalidSnippet,
    LimitExceeded,
    RunError,
    Sandbox,
    SnippetDenied,
    SnippetFailed,
    TimedOut,
    Trapped,
    ValueMismatch,
)
from orchestrator.engine._live import LIVE
from orchestrator.engine.component import Way
from tests.behaviour.conftest import MakeSandbox as Make
from tests.support.parts import NUMBERS


@pytest.fixture(params=[False, True], ids=["taken back", "fresh"])
def fresh(request: pytest.FixtureRequest) -> bool:
    """Whether instances cannot be taken back, so that each snippet gets a fresh one."""
    return bool(request.param)


# What a snippet comes to


def test_a_snippet_has_a_value_and_prints(make: Make) -> None:
    sandbox = make()
    found = sandbox.run('v {"a": [1, null, "é"]}')
    assert (found.value, found.printed, found.cut, found.calls) == ({"a": [1, None, "é"]}, "", False, 0)
    assert found.duration > 0
    assert sandbox.run("p hello é").printed == "hello é"


def test_inputs_are_what_json_has(make: Make) -> None:
    sandbox = make()
    given = {"text": "é\n", "list": [1, 2.5, True, None], "object": {"deep": {"er": []}}}
    assert sandbox.run("j", {"given": given}).value == given
    assert sandbox.run("j", inputs={"given": 2**80}).value == 2**80


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("e boo", SnippetFailed, "boo"),
        ("s not a letter", InvalidSnippet, "not a letter"),
        ("i no name", InvalidSnippet, "no name"),
        ("r too large", InvalidResult, "too large"),
        ("d not to you", SnippetDenied, "not to you"),
    ],
)
def test_a_snippet_fails_in_its_own_ways(make: Make, source: str, kind: type, message: str) -> None:
    sandbox = make(size=1)
    with pytest.raises(SnippetFailed) as caught:
        sandbox.run(source)
    assert type(caught.value) is kind
    assert caught.value.message == message
    assert sandbox.run("n").value == 11


def test_an_error_comes_with_its_traceback_and_what_was_printed(make: Make) -> None:
    with pytest.raises(SnippetFailed) as caught:
        make().run("e boo")
    assert (caught.value.traceback, caught.value.printed) == ("at line 1", "before")
    assert str(caught.value) == "boo\n  at line 1"


def test_a_value_that_is_no_json_is_the_components_mistake(make: Make) -> None:
    with pytest.raises(RunError) as caught:
        make().run("v {")
    assert str(caught.value) == "the sandbox's component gave a value that is no JSON"


@pytest.mark.parametrize(("most", "printed"), [(6, "ab é"), (4, "ab "), (5, "ab é"), (0, "")])
def test_what_is_printed_is_cut_at_a_character(make: Make, most: int, printed: str) -> None:
    found = make(output=most).run("p ab é and more")
    assert (found.printed, found.cut) == (printed + (" " if most == 6 else ""), True)


# Clean every time


def test_nothing_of_a_snippet_is_there_for_the_next(make: Make, fresh: bool) -> None:
    sandbox = make(fresh=fresh, size=1)
    assert [sandbox.run("n").value for _ in range(5)] == [11] * 5
    assert [sandbox.run("g").value for _ in range(5)] == [2] * 5
    with pytest.raises(Trapped):
        sandbox.run("t")
    assert sandbox.run("n").value == 11


def test_an_instance_is_used_again_where_it_can_be_taken_back(make: Make, fresh: bool) -> None:
    sandbox = make(fresh=fresh, size=1)
    sandbox.run("n")
    before = set(LIVE)
    sandbox.run("n")
    assert (set(LIVE) == before) is not fresh or not before


def test_after_a_trap_or_a_timeout_the_next_has_an_instance_in_the_same_state(make: Make, fresh: bool) -> None:
    sandbox = make(fresh=fresh, size=1)
    for _ in range(3):
        with pytest.raises(Trapped):
            sandbox.run("t")
        with pytest.raises(TimedOut) as caught:
            sandbox.run("l", timeout=0.05)
        assert str(caught.value) == "the snippet took longer than 0.05 s"
        assert sandbox.run("n").value == 11


def test_the_sandboxs_own_timeout_holds_where_it_is_less(make: Make) -> None:
    with pytest.raises(TimedOut) as caught:
        make(timeout=0.05).run("l", timeout=60)
    assert str(caught.value) == "the snippet took longer than 0.05 s"


def test_fuel_is_for_each_snippet(make: Make, fresh: bool) -> None:
    sandbox = make(fresh=fresh, fuel=100_000, size=1)
    for _ in range(3):
        with pytest.raises(LimitExceeded) as caught:
            sandbox.run("l")
        assert caught.value.limit == "fuel"
        assert sandbox.run("n").value == 11


def test_memory_has_a_limit(make: Make) -> None:
    sandbox = make(memory=2 << 16)
    assert sandbox.run("g").value == 2
    assert make(memory=1 << 16).run("g").value == 1
    with pytest.raises(InvalidPipeline) as caught:
        make(memory=1 << 15)
    assert str(caught.value).startswith("error[limit]: `memory` of `sandbox` is 32768 bytes: ")


def test_random_numbers_begin_anew_only_where_they_are_granted(make: Make) -> None:
    assert [make(reseed=True).run("R").value for _ in range(2)] == [0, 0]
    sandbox = make(reseed=True, grants=Grants(random="secure"), size=1)
    assert [sandbox.run("R").value for _ in range(3)] == [1, 1, 1]
    with sandbox.session() as session:
        assert [session.run("R").value for _ in range(3)] == [1, 1, 1]
        session.reset()
        assert session.run("R").value == 1
    unable = make(grants=Grants(random="secure"), size=1)
    assert [unable.run("n").value for _ in range(2)] == [11, 11]
    assert unable._guests.ready.latest is None


def test_a_sandbox_says_how_its_instances_are_taken_back(make: Make) -> None:
    assert make().way == Way("instrumented")
    assert make(fresh=True).way == Way("fresh", "it changes a table")
    assert make(reseed=True, grants=Grants(random="secure")).way == Way("instrumented")
    assert make(grants=Grants(random="secure")).way == Way(
        "fresh",
        "`random: secure` is granted, and it exports no `agent:code/reseed`: its random numbers would come again",
    )


# Tools


def test_a_tool_gets_what_it_takes_and_gives_what_json_has(make: Make) -> None:
    seen = list[Any]()

    def it(a: int, b: float = 0.5, *, c: list[str] | None = None) -> dict[str, Any]:
        """Says what it got."""
        seen.append((a, b, c))
        return {"sum": a + b, "c": c}

    sandbox = make(tools={"it": it})
    found = sandbox.run('x {"a": 1, "c": ["x"]}')
    assert (found.value, found.calls) == ({"sum": 1.5, "c": ["x"]}, 1)
    assert sandbox.run('x {"a": 2, "b": 1}').value == {"sum": 3.0, "c": None}
    assert seen == [(1, 0.5, ["x"]), (2, 1.0, None)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "the value: expected JSON, found a text that is not JSON (line 1, column 2: "
              "Expecting property name enclosed in double quotes)"),
        ("[1]", "arguments: expected an object with the parameters by name, found other JSON"),
        ("{}", "arguments.a: expected a value, found none"),
        ('{"a": "x"}', 'arguments.a: expected s64 (a number, or a decimal string), found the string "x"'),
        ('{"a": 1, "aa": 2}', "arguments.aa: expected a parameter of `it`, found none; did you mean `a`?"),
        ('{"a": 1, "d": [1]}', "arguments.d: expected an object with texts for keys, found a list"),
    ],
)  # fmt: skip
def test_what_a_tool_does_not_take_is_said(make: Make, arguments: str, told: str) -> None:
    def it(a: int, d: dict[str, int] | None = None) -> None:
        raise AssertionError("it is not called")

    assert make(tools={"it": it}).run(f"x {arguments}").printed == told


def test_what_a_tool_raises_is_the_snippets_to_handle(make: Make) -> None:
    raised: list[Exception] = [ValueError("no\nluck"), KeyError(), PermissionError("not you"), OSError("\ud800")]

    def it() -> None:
        raise raised.pop(0)

    sandbox = make(tools={"it": it}, size=1)
    told = [sandbox.run("x {}").printed for _ in range(4)]
    assert told == [r'"ValueError: no\nluck"', '"KeyError"', "not you", r'"OSError: \\ud800"']


def test_a_result_without_a_form_in_json_is_the_tools_mistake(make: Make) -> None:
    results = [object(), float("nan"), {1: 2}, {"a": {3}}]
    sandbox = make(tools={"it": lambda: results.pop(0)}, size=1)
    told = [sandbox.run("x {}") for _ in range(4)]
    assert told[0].printed == (
        '"ValueMismatch: the result: expected a value that JSON has a form for, found a Python object"'
    )
    assert "found nan, inf, -inf, or an integer of more than 4,300 digits" in told[1].printed
    assert told[2].value == {"1": 2}
    assert "found a Python set" in told[3].printed


# What a sandbox is made of


def test_one_that_is_not_made_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable = list[Any]()
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sise'"):
        Sandbox(sise=1)  # type: ignore[call-arg]
    gc.collect()
    assert unraisable == []


def test_a_component_that_runs_no_snippets_is_refused(engine: Engine) -> None:
    with pytest.raises(ComponentError) as caught:
        Sandbox(engine.from_text(NUMBERS, "numbers"), engine=engine)
    assert str(caught.value) == "numbers runs no snippets: it does not export `agent:code/interpreter`"


def test_an_interpreter_of_another_shape_is_refused(engine: Engine) -> None:
    text = """(component
      (core module $m (func (export "run")))
      (core instance $i (instantiate $m))
      (func $run (canon lift (core func $i "run")))
      (instance $out (export "run" (func $run)))
      (export "agent:code/interpreter@0.1.0" (instance $out)))"""
    with pytest.raises(ComponentError) as caught:
        Sandbox(engine.from_text(text, "other"), engine=engine)
    first, *rest = str(caught.value).splitlines()
    assert first == "`agent:code/interpreter@0.1.0` of other is not what a sandbox calls"
    assert {line[:4] for line in rest} == {"  = "}


def test_a_file_that_is_not_there_is_said(engine: Engine) -> None:
    with pytest.raises(ComponentError) as caught:
        Sandbox("/no/such/file.wasm", engine=engine)
    assert str(caught.value) == "there is no component at /no/such/file.wasm"


def test_a_grant_is_refused_as_in_a_pipeline(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        make(grants=Grants(random="seeded", clock="sometimes"))  # type: ignore[arg-type]
    assert "sometimes" in str(caught.value)
    ceiling = tmp_path / "ceiling.yaml"
    ceiling.write_text("ceiling: small\nlimits:\n  memory: 64KiB\n")
    with pytest.raises(InvalidPipeline) as caught:
        make(ceiling=str(ceiling))
    assert "`sandbox` has a higher `memory` than the ceiling `small` allows: 256MiB" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"size": 0}, ValueError, "`size` is 0; expected a number above zero"),
        ({"size": 5000}, ValueError, "`size` is 5000; a sandbox may have 1000 instances"),
        ({"size": "2"}, TypeError, "`size` is a whole number, not of type str"),
        ({"timeout": -1}, ValueError, "`timeout` is -1; expected seconds above zero, at most 31536000"),
        ({"memory": 1.5}, TypeError, "`memory` is a whole number, not of type float"),
        ({"grants": "none"}, TypeError, "`grants` is a Grants, not of type str"),
        ({"tools": [len]}, TypeError, "`tools` is a mapping, not of type list"),
    ],
)
def test_what_is_given_is_checked(make: Make, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        make(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((1,), TypeError, "a snippet is a text, not of type int"),
        (("v 1\ud800",), ValueError, "a snippet is no text of Unicode: half of a pair at 3"),
        (("n", [1]), TypeError, "`inputs` is a mapping, not of type list"),
        (("n", {1: 2}), TypeError, "the name of an input is a text, not of type int"),
        (("n", {"a": {1, 2}}), ValueMismatch,
         "inputs.a: expected a value that JSON has a form for, found a Python set"),
        (("n", {"a": "\ud800"}), ValueMismatch,
         "inputs.a: expected a value that JSON has a form for, found a text with half of a pair of UTF-16"),
        (("n", {"a": float("inf")}), ValueMismatch,
         "inputs.a: expected a value that JSON has a form for, found nan, inf, -inf, or an integer of more than 4,300 "
         "digits"),
        (("n", {"\ud800": 1}), ValueMismatch, "inputs.\\ud800: expected a name, found a text that is none"),
    ],
)  # fmt: skip
def test_a_snippet_and_its_inputs_are_checked(
    make: Make, arguments: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        make().run(*arguments)
    assert str(caught.value).startswith(message)


def test_an_input_that_holds_itself_is_refused(make: Make) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueMismatch) as caught:
        make().run("j", {"a": endless})
    assert str(caught.value).startswith("inputs.a: expected a value that JSON has a form for, found ")
