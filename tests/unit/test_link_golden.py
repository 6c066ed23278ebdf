"""Every golden pipeline that `link` refuses or warns of: all that is said of it, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.goldens import cases, matches
from tests.support.link_worlds import linking, reading, shown


@pytest.mark.parametrize("path", cases("invalid/link"), ids=lambda path: path.stem)
def test_a_pipeline_gives_all_that_is_wrong_with_it(path: Path) -> None:
    manifest = reading(path.read_text(encoding="utf-8"), path.name).result()
    found = linking(manifest, python_nodes=True)
    assert found.diagnostics
    matches(path.with_suffix(".txt"), shown(found))
