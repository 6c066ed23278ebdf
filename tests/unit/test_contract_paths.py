"""The paths of `reject` and `redact`: where they lead, and what `reject` does there."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.contract import Checks, Ledger, Violation, compile_contract
from orchestrator.contract.paths import BadPath, parse_path, strings, values_at
from orchestrator.interface.types import (
    BOOL,
    F64,
    STRING,
    U32,
    Case,
    Field,
    Function,
    List,
    Option,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)
from orchestrator.interface.values import Variant as Value
from orchestrator.manifest.model import Contract, Reject, Where

PART = Record((Field("text", STRING), Field("tags", List(STRING))))
SHAPE = Variant((Case("named", PART), Case("size", F64), Case("none")))
DOCUMENT = Record(
    (
        Field("title", STRING),
        Field("parts", List(PART)),
        Field("note", Option(STRING)),
        Field("pair", Tuple((STRING, U32))),
        Field("shape", SHAPE),
        Field("deep", Option(Option(PART))),
    )
)
FUNCTION = Function("f", (Field("document", DOCUMENT), Field("key", STRING)), Result(DOCUMENT, STRING))


def document(**changes: Any) -> dict[str, Any]:
    return {
        "title": "T",
        "parts": [{"text": "one", "tags": ["a", "b"]}, {"text": "two", "tags": []}],
        "note": None,
        "pair": ("left", 1),
        "shape": Value("none"),
        "deep": None,
        **changes,
    }


def data(path: str, pattern: str, type_: Type = DOCUMENT) -> Checks:
    checks, diagnostics = compile_contract(Contract(reject=(Reject(path, pattern),)), None, type_, Where(), "e")
    assert diagnostics == ()
    assert checks is not None
    return checks


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("value", document(title="bad"), True),
        ("value", document(parts=[{"text": "", "tags": ["x", "bad"]}]), True),
        ("value", document(note="bad"), True),
        ("value", document(pair=("bad", 1)), True),
        ("value", document(shape=Value("named", {"text": "bad", "tags": []})), True),
        ("value", document(deep={"some": {"text": "bad", "tags": []}}), True),
        ("value", document(), False),
        ("value.title", document(title="a bad one"), True),
        ("value.title", document(note="bad"), False),
        ("value.parts.text", document(parts=[{"text": "ok", "tags": ["bad"]}]), False),
        ("value.parts.text", document(parts=[{"text": "ok", "tags": []}, {"text": "bad", "tags": []}]), True),
        ("value.parts.tags", document(parts=[{"text": "ok", "tags": ["ok", "bad"]}]), True),
        ("value.parts.0.text", document(parts=[{"text": "ok", "tags": []}, {"text": "bad", "tags": []}]), False),
        ("value.parts.1.text", document(parts=[{"text": "ok", "tags": []}, {"text": "bad", "tags": []}]), True),
        ("value.parts.7.text", document(parts=[{"text": "bad", "tags": []}]), False),
        ("value.note", document(note="bad"), True),
        ("value.note?", document(note="bad"), True),
        ("value.note?", document(), False),
        ("value.pair.0", document(pair=("bad", 1)), True),
        ("value.shape.named.text", document(shape=Value("named", {"text": "bad", "tags": []})), True),
        ("value.shape.named.text", document(shape=Value("size", 1.0)), False),
        ("value.deep??.text", document(deep={"some": {"text": "bad", "tags": []}}), True),
        ("value.deep.text", document(deep={"some": None}), False),
    ],
)
def test_reject_looks_at_every_string_under_its_path(path: str, value: Any, found: bool) -> None:
    violation = data(path, "^a? ?bad").before(Ledger(), 0, lambda: {"value": value})
    assert violation == (Violation("reject", f"a string under `{path}` matches `^a? ?bad`") if found else None)


def test_reject_on_a_call_looks_at_the_side_that_its_path_names() -> None:
    contract = Contract(reject=(Reject("args.key", "sk-[0-9]+"), Reject("result.ok.title", "(?i)secret")))
    checks, diagnostics = compile_contract(contract, FUNCTION, None, Where(), "e")
    assert diagnostics == ()
    assert checks is not None
    assert (checks.needs_args, checks.needs_result) == (True, True)
    assert checks.before(Ledger(), 0, lambda: {"document": document(title="sk-1"), "key": "x"}) is None
    violation = checks.before(Ledger(), 0, lambda: {"document": document(), "key": "my sk-12"})
    assert violation == Violation("reject", "a string under `args.key` matches `sk-[0-9]+`")
    assert checks.after(Ledger(), 0, lambda: {"ok": document(title="a SECRET")}) is not None
    assert checks.after(Ledger(), 0, lambda: {"err": "a SECRET"}) is None


def test_names_of_fields_are_not_strings_of_a_value() -> None:
    assert data("value", "title").before(Ledger(), 0, lambda: {"value": document()}) is None


def test_a_pattern_that_ruins_backtracking_engines_is_quick() -> None:
    assert data("value", "^(a+)+$", STRING).before(Ledger(), 0, lambda: {"value": "a" * 500_000 + "b"}) is None


def test_text_that_is_not_unicode_is_looked_at_all_the_same() -> None:
    assert data("value", "bad", STRING).before(Ledger(), 0, lambda: {"value": "\ud800 bad"}) is not None
    assert data("value", "bad", STRING).before(Ledger(), 0, lambda: {"value": "\0bad"}) is not None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        ("(?=a)", "invalid perl operator: (?="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("((a{100}){100}){100}", "invalid repetition size: {100}"),
        ("\ud800", "it is not valid Unicode"),
        ("a" * 1001, "it has 1001 characters, at most 1000 are allowed"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, reason: str) -> None:
    _, (found,) = compile_contract(Contract(reject=(Reject("value", pattern),)), None, STRING, Where(), "a -> b")
    assert found.code == "pattern"
    assert found.message.endswith(f"`: {reason}")
    assert found.help == ("RE2 reads patterns: no look-around, no back-references",)


@pytest.mark.parametrize(
    ("path", "message", "at"),
    [
        ("value.titel", "`value` has no field `titel`", 5),
        ("value.parts.txt", "`value.parts` has no field `txt`", 11),
        ("value.shape.other", "`value.shape` has no case `other`", 11),
        ("value.title.x", "`value.title` has no field `x`", 11),
        ("value.title.0", "`value.title` is no tuple and no list, a place cannot be picked in it", 11),
        ("value.title?", "`value.title` is no option, `?` cannot go into it", 11),
        ("value.pair.2", "`value.pair` is a tuple of 2, it has no place 2", 10),
        ("title", "it starts with `title`", 0),
        ("", "it starts with no name", 0),
        ("values.title", "it starts with `values`", 0),
        ("value title", "expected a dot before the next step", 5),
        ("value..title", "expected a field's name or an index after the dot, found nothing", 5),
        ("value.parts.*.text", "expected a field's name or an index after the dot, found `*`", 12),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, message: str, at: int) -> None:
    with pytest.raises(BadPath) as caught:
        parse_path(path, {"value": DOCUMENT})
    assert (caught.value.problem.message, caught.value.problem.at) == (message, at)


def test_a_path_of_enormous_length_is_refused() -> None:
    with pytest.raises(BadPath, match="at most"):
        parse_path("value" + ".a" * 5000, {"value": DOCUMENT})


def at(path: str, value: Any, type_: Type = DOCUMENT, root: str = "value") -> list[Any]:
    """What lies at a path of a value."""
    return list(values_at(value, type_, parse_path(path, {root: type_})[1]))


def test_a_path_leads_to_every_value_that_lies_there() -> None:
    value = document(note="n", shape=Value("named", {"text": "t", "tags": []}))
    assert at("value.title", value) == ["T"]
    assert at("value.parts.text", value) == ["one", "two"]
    assert at("value.parts.1.text", value) == ["two"]
    assert at("value.note", value) == at("value.note?", value) == ["n"]
    assert at("value.pair.1", value) == [1]
    assert at("value.shape.named.text", value) == ["t"]
    assert at("value", value) == [value]


@pytest.mark.parametrize("path", ["value.note?", "value.shape.named", "value.parts.9", "value.deep??.text"])
def test_what_is_not_there_lies_at_no_path(path: str) -> None:
    assert at(path, document()) == []


def test_a_path_reaches_into_nested_options() -> None:
    assert at("value.deep??.text", document(deep={"some": {"text": "x", "tags": []}})) == ["x"]
    assert at("value.deep??.text", document(deep={"some": None})) == []


def test_a_path_into_a_result_is_of_the_side_that_it_names() -> None:
    assert FUNCTION.result is not None
    for path, value, found in (
        ("result.err", {"err": "k"}, ["k"]),
        ("result.ok.title", {"err": "k"}, []),
        ("result.ok.title", {"ok": document()}, ["T"]),
    ):
        assert at(path, value, FUNCTION.result, "result") == found


def test_strings_of_a_deep_value_are_found_without_recursion() -> None:
    value: Any = "deep"
    for _ in range(100_000):
        value = [value]
    assert list(strings(value)) == ["deep"]
    while isinstance(value, list):
        value = value.pop()


def test_strings_are_those_of_values() -> None:
    assert sorted(strings({"a": ["x", ("y", 1, None, True)], "b": Value("case", "z"), "c": b"w"})) == ["x", "y", "z"]
    assert list(strings(BOOL)) == []
