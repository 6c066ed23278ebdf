"""The page of error codes: each code of a table, with its meaning."""

from __future__ import annotations

from orchestrator import manifest
from orchestrator.link.codes import CODES
from tests.support.goldens import PROJECT, matches

TABLES = {"Reading a pipeline or a component.yaml": manifest.CODES, "Linking": CODES}


def test_the_committed_page_is_that_of_the_codes() -> None:
    matches(PROJECT / "docs/reference/errors.md", manifest.error_reference(TABLES))


def test_codes_are_kebab_case_and_those_in_both_tables_are_known() -> None:
    codes = [code for table in TABLES.values() for code in table]
    both = manifest.CODES.keys() & CODES.keys()
    assert both == {"conflicting-keys", "path", "python-not-allowed", "too-many-errors"}
    assert [code for code in codes if code != code.lower() or "_" in code or " " in code] == []
