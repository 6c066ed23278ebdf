"""Whatever a guest calls a file: what is found is beneath the folder that was granted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine.host import Refused
from orchestrator.wasi import _beneath
from orchestrator.wasi._beneath import Denied, find
from tests.support.fuzzing import examples

NAMES = [
    "a",
    "b",
    "..",
    ".",
    "",
    "link",
    "up",
    "out",
    "root",
    "loop",
    "far",
    ".h",
    "text",
    "x" * 300,
    "\0",
    "é",
    "\ud800",
]
PATHS = st.lists(st.sampled_from(NAMES) | st.text(max_size=3), max_size=9).map("/".join)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A folder with links in it that lead about, and out of it."""
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / ".h").mkdir()
    (outside / "text").write_text("secret")
    for place in (root, root / "a", root / "a" / "b"):
        (place / "text").write_text("text")
        for name, target in {"link": "a/b", "up": "..", "out": "../text", "loop": "loop", "far": str(outside)}.items():
            (place / name).symlink_to(target)
        (place / "root").symlink_to("/")
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    yield root, fd
    os.close(fd)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@given(path=PATHS, follow=st.booleans(), hidden=st.booleans(), creates=st.booleans())
@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck))
def test_what_is_found_is_beneath(tree: tuple[Path, int], path: str, follow: bool, hidden: bool, creates: bool) -> None:
    root, fd = tree
    before = _open_files()
    with suppress(Denied, Refused), find(fd, path, follow=follow, hidden=hidden, creates=creates) as place:
        folder = Path(f"/proc/self/fd/{place.fd}").readlink()
        assert folder == root or root in folder.parents
        assert place.depth == len(folder.relative_to(root).parts)
        assert place.name == "." or ("/" not in place.name and place.name not in ("", ".."))
        assert hidden or not any(part.startswith(".") for part in folder.relative_to(root).parts)
        assert hidden or place.name == "." or not place.name.startswith(".")
        if follow and place.name != ".":
            with suppress(OSError):
                assert not Path(f"/proc/self/fd/{place.fd}/{place.name}").is_symlink()
    assert _open_files() == before, "a lookup leaves nothing open"


def _outcome(fd: int, path: str, **how: bool) -> tuple[object, ...]:
    """What comes of a lookup."""
    try:
        with find(fd, path, **how) as place:
            found = None if place.found is None else place.found.st_ino
            return place.name, place.depth, place.is_folder, Path(f"/proc/self/fd/{place.fd}").readlink(), found
    except Denied as denied:
        return denied.code, denied.why
    except Refused as refused:
        return (refused.error,)


@given(
    path=PATHS | st.sampled_from(["..", "../text", ".. ", "..a", "../\n", "a"]),
    follow=st.booleans(),
    hidden=st.booleans(),
)
@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck))
def test_what_is_told_at_a_glance_is_what_a_walk_tells(
    tree: tuple[Path, int], path: str, follow: bool, hidden: bool
) -> None:
    found = _outcome(tree[1], path, follow=follow, hidden=hidden)
    with patch.object(_beneath, "_PLAIN", lambda _path: None), patch.object(_beneath, "_UP", lambda _path: None):
        assert _outcome(tree[1], path, follow=follow, hidden=hidden) == found
