"""Expected files: compared, or rewritten when BLESS=1 is set (`make bless`)."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent / "golden"
PROJECT = Path(__file__).parent.parent.parent


def matches(expected: Path, found: str) -> None:
    """Assert that a file holds exactly `found`, whole; write it instead where BLESS=1."""
    if os.environ.get("BLESS") == "1":
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(found, encoding="utf-8")
    assert expected.is_file(), f"no expected file {expected}; write it with BLESS=1"
    assert found == expected.read_text(encoding="utf-8")


def cases(folder: str, pattern: str = "*.yaml") -> list[Path]:
    """The inputs of a golden folder, sorted. A folder without any is an error, so that no test passes on nothing."""
    found = sorted((ROOT / folder).glob(pattern))
    assert found, f"no golden case {pattern} in {ROOT / folder}"
    return found
