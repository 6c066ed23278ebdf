"""The words that messages share."""

from __future__ import annotations

import pytest

from orchestrator.wording import closest, counted, duration, listed, size, suggest


def test_numbers_of_things() -> None:
    assert [counted(number, "span") for number in (0, 1, 2)] == ["0 spans", "1 span", "2 spans"]


def test_names_in_a_row() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "`a`, `b`"
    assert listed(range(5), most=2) == "`0`, `1`, and 3 more"


def test_the_name_that_was_meant() -> None:
    assert closest("serch", ["files", "search"]) == "search"
    assert closest("x", ["files", "search"]) == ""
    assert suggest("serch", ["files", "search"]) == "did you mean `search`?"
    assert suggest("x", ["files", "search"], "nodes") == "nodes: `files`, `search`"
    assert suggest("x", []) == "known: none"


def test_a_search_looks_at_no_more_than_its_bound() -> None:
    assert closest("search", [f"{number}" * 9 for number in range(200)] + ["search"]) == ""
    assert closest("a" * 1_000_000, ["a" * 200]) == "a" * 200


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (900, "900 ns"),
        (1_000_000, "1 ms"),
        (12_345_678, "12.3 ms"),
        (999_499_999, "999 ms"),
        (999_999_999, "1 s"),
        (61_234_567_890, "61.2 s"),
        (1_200_000_000_000, "1200 s"),
    ],
)
def test_times(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_999, "1 MB"), (2 * 10**12, "2000 GB")]
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text
