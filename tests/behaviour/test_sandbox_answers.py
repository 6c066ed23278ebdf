"""What an interpreter answers, where the snippet in it has replaced what keeps its bounds: the host keeps them too."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from orchestrator import Cancelled, InvalidResult, InvalidSnippet, RunError, SnippetFailed, Variant
from orchestrator.interface.allowance import go_on
from orchestrator.sandbox.outcome import MOST_SAID, outcome
from tests.behaviour.conftest import MakeSandbox

MIB = 1 << 20


def answered(value: str, check: Any = go_on) -> Any:
    return outcome({"ok": {"value": value, "printed": "", "cut": False, "calls": 0}}, MIB, check, 0.0).value


@pytest.mark.parametrize(
    "value", ["", "x", "NaN", "[Infinity]", '{"a": 1, "a": 2}', '"\\ud800"', '["\\uDFFF"]', "[" * 100_000]
)
def test_what_is_no_json_is_no_value(value: str) -> None:
    with pytest.raises(RunError, match="gave a value that is no JSON"):
        answered(value)


def test_what_json_has_is_a_value() -> None:
    for value in (None, [1, 2.5, {"é": ["\U0001f600", "\\ud800"]}], "\x00", 2**200):
        assert answered(json.dumps(value)) == value
    assert answered('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("form", ["{}", "-{}", "[{}]", '{{"a": [{}]}}'])
def test_a_number_has_as_many_digits_as_python_converts(form: str) -> None:
    """JavaScript writes a `bigint` in full; that it is too long is told of the snippet, not of the interpreter."""
    assert answered(form.format("7" * 4300)) == json.loads(form.format("7" * 4300))
    with pytest.raises(InvalidResult) as caught:
        answered(form.format("7" * 4301))
    assert str(caught.value) == "the value has a number of more than 4300 digits; make it a text"


@pytest.mark.parametrize("part", ["[],", "{},", "0,", '"é",'])
def test_a_value_has_a_size(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setattr("orchestrator.sandbox.outcome.MOST_VALUE", MIB)
    within = ("[" + part * (MIB // len(part.encode()) - 2) + "0]").encode()
    assert answered(within.ljust(MIB).decode())[-1] == 0
    with pytest.raises(RunError, match="gave a value of more than 1 MiB"):
        answered(within.ljust(MIB + 1).decode())


def test_a_large_value_is_looked_at_only_as_long_as_the_snippet_may_go_on() -> None:
    def stopped() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        answered("[" + "0," * 100_000 + "0]", stopped)


def test_what_an_error_says_has_a_size() -> None:
    said = {"message": "é" * MIB, "traceback": "x" * MIB, "printed": "y" * 2 * MIB}
    with pytest.raises(SnippetFailed) as caught:
        outcome({"err": Variant("raised", said)}, MIB, go_on, 0.0)
    error = caught.value
    assert [len(text.encode()) for text in (error.message, error.traceback, error.printed)] == [
        MOST_SAID,
        MOST_SAID,
        MIB,
    ]
    with pytest.raises(InvalidSnippet) as caught:
        outcome({"err": Variant("invalid-source", "a\n" * 30 * MIB)}, MIB, go_on, 0.0)
    assert (caught.value.message, len(caught.value.traceback)) == ("a", MOST_SAID)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"\\udfff": 1}', r"arguments.\udfff: expected a parameter of `it`, found none; it takes: `x`"),
        ("[" * 100_000, "expected JSON, found a text that is nested too deeply"),
        ('{"x": ' + "1" * 5_000 + "}", "expected JSON, found a number with too many digits"),
        ('{"x": NaN}', "expected JSON"),
        ('{"x": 1, "x": 1}', 'found the string "x" twice'),
    ],
)
def test_hostile_arguments_of_a_tool_are_refused(make: MakeSandbox, arguments: str, said: str) -> None:
    def it(x: list[int]) -> int:
        return len(x)

    found = make(tools={"it": it}).run(f"x {arguments}")
    assert re.search(re.escape(said), found.printed)


def test_arguments_of_a_tool_have_a_size(make: MakeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.sandbox._tools._MOST_GIVEN", 20)
    sandbox = make(tools={"it": lambda: 1})
    assert sandbox.run("x {}" + " " * 18).value == 1
    assert sandbox.run("x {}" + " " * 19).printed == "arguments: expected at most 0 Mi characters, found 21"
