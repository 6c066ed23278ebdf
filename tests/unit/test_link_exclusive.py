"""Which conditions are known to exclude each other."""

from __future__ import annotations

import pytest

from orchestrator.interface import parse_type
from orchestrator.link.exclusive import relation
from orchestrator.link.model import LinkedData
from orchestrator.manifest.model import Ref

A = Ref("result", "a")
VARIANT = "variant { one(string), two-three(u32) }"


def edge(when: str, type_: str = "string", source: Ref = A) -> LinkedData:
    found = parse_type(type_)
    return LinkedData(when, source, "b", "p", found, found, when_text=when)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("value == 'a'", "value == 'b'", "exclude"),
        ("value == 'a'", 'value == "b"', "exclude"),
        ("value == 'a'", 'value == "a"', "unknown"),
        ("value == 'a'", "value != 'a'", "exclude"),
        ("value == 'a'", "value != 'b'", "unknown"),
        ("value.n < 5", "value.n >= 5", "exclude"),
        ("value.n < 5", "value.n > 4", "unknown"),
        ("value.n <= 5", "value.n >= 5", "unknown"),
        ("value.n == 3", "value.n > 3", "exclude"),
        ("value.n < 5", "value.m >= 5", "unknown"),
        ("value.n != 5", "value.n > 5", "unknown"),
        ("value.`a-b` == 1", "value.`a-b` == 2.5", "exclude"),
        ("value", "!value", "exclude"),
        ("!(value.n > 3 || value.m)", "value.n > 3 || value.m", "exclude"),
        ("!(value.n > 3) && value.m", "value.m && value.n > 3", "exclude"),
        ("!value.a && value.b", "value.b", "unknown"),
        ("!value.a || value.b", "value.a", "unknown"),
        ("!(value.a) || (value.b)", "value.a", "unknown"),
        ("value.a == ')'", "!(value.a == ')')", "exclude"),
        ("value.startsWith('a')", "!value.startsWith('a')", "exclude"),
        ("value == 'a '", "value == 'a'", "exclude"),
        ("value == 'a'", "value  ==  'a'", "meet"),
        ("(value == 'a')", "value == 'a'", "meet"),
        ("has(value.one)", "has(value.`two-three`)", "unknown"),
        ("", "value == 'a'", "meet"),
        ("", "", "meet"),
    ],
)
def test_conditions(one: str, other: str, expected: str) -> None:
    assert relation(edge(one), edge(other)) == expected
    assert relation(edge(other), edge(one)) == expected


def test_two_cases_of_a_variant_exclude_each_other() -> None:
    assert relation(edge("has(value.one)", VARIANT), edge("has(value.`two-three`)", VARIANT)) == "exclude"
    assert relation(edge("has(value.one)", VARIANT), edge("has(value.one)", VARIANT)) == "meet"


def test_conditions_over_different_sources_say_nothing() -> None:
    assert relation(edge("value == 'a'"), edge("value == 'b'", source=Ref("result", "c"))) == "unknown"


def test_a_result_and_an_error_of_one_node_never_meet() -> None:
    assert relation(edge(""), edge("", source=Ref("error", "a"))) == "exclude"
    assert relation(edge(""), edge("", source=Ref("error", "c"))) == "meet"
