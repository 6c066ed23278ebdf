"""The page of error codes: each code once, with its meaning."""

from __future__ import annotations

from orchestrator import manifest
from tests.goldens import PROJECT, matches

TABLES = {"Reading a pipeline or a component.yaml": manifest.CODES}


def test_the_committed_page_is_that_of_the_codes() -> None:
    matches(PROJECT / "docs/reference/errors.md", manifest.error_reference(TABLES))


def test_codes_are_kebab_case_and_in_one_table() -> None:
    codes = [code for table in TABLES.values() for code in table]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if code != code.lower() or "_" in code or " " in code] == []
