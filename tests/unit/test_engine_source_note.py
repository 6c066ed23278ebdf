"""Sources that did not change are not read; whatever did change is noticed, or else they are read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engine import _sources, build, cache
from orchestrator.engine.build import built
from orchestrator.manifest.model import ComponentManifest
from tests.unit.test_engine_build import Stand, builder, source

__all__ = ["builder", "source"]


@pytest.fixture
def builds(tmp_path: Path) -> Path:
    return tmp_path / "builds"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change counts as long ago."""
    monkeypatch.setattr(cache, "SETTLED", -1)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The sources that were read."""
    read, seen = _sources._content, list[Path]()

    def spy(manifest: ComponentManifest, path: Path, folder: Path | None = None) -> bytes:
        seen.append(path)
        return read(manifest, path, folder)

    monkeypatch.setattr(_sources, "_content", spy)
    return seen


def test_unchanged_sources_are_not_read(
    source: ComponentManifest, builds: Path, builder: Stand, settled: None, reads: list[Path]
) -> None:
    first = build.build(source, builds)
    assert reads
    reads.clear()
    assert build.build(source, builds) == built(source, builds) == first
    assert reads == []


def test_sources_that_changed_just_now_are_read(
    source: ComponentManifest, builds: Path, builder: Stand, reads: list[Path]
) -> None:
    """A second change within the same tick of the file system's clock would look like none."""
    first = build.build(source, builds)
    for path in (source.folder / "app.py",):
        before = path.stat()
        path.write_text(path.read_text().replace("Hello", "Holla"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    reads.clear()
    assert build.build(source, builds) != first
    assert reads
    assert list(builds.glob("sources-*")) == []


def _link(folder: Path) -> None:
    (folder / "words.txt").unlink()
    (folder / "words.txt").symlink_to("app.py")


def _same_size_and_time(folder: Path) -> None:
    path = folder / "app.py"
    before = path.stat()
    path.write_text(path.read_text().replace("Hello", "Holla"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


_CHANGES: dict[str, Callable[[Path], object]] = {
    "a file's content": _same_size_and_time,
    "a new file": lambda folder: (folder / "new.txt").write_text("new"),
    "a new file in a folder": lambda folder: (folder / "inner" / "new.txt").write_text("new"),
    "a file that went": lambda folder: (folder / "words.txt").unlink(),
    "a file that was renamed": lambda folder: (folder / "words.txt").rename(folder / "names.txt"),
    "a link in place of a file": _link,
    "what a link leads to": lambda folder: (folder / "inner" / "target.txt").write_text("other"),
    "the world": lambda folder: (folder / "wit" / "world.wit").write_text("package a:b; world greeter {}"),
}


@pytest.mark.parametrize("change", _CHANGES)
def test_a_change_is_noticed(
    source: ComponentManifest, builds: Path, builder: Stand, settled: None, change: str
) -> None:
    (source.folder / "words.txt").write_text("words")
    (source.folder / "inner").mkdir()
    (source.folder / "inner" / "target.txt").write_text("target")
    (source.folder / "link.txt").symlink_to("inner/target.txt")
    first = build.build(source, builds)
    time.sleep(0.02)  # a tick of the clock that files have
    _CHANGES[change](source.folder)
    assert build.build(source, builds) != first


def test_another_world_or_other_wit_is_noticed(
    source: ComponentManifest, builds: Path, builder: Stand, settled: None, tmp_path: Path
) -> None:
    from dataclasses import replace

    wit = tmp_path / "wit"
    (wit / "used").mkdir(parents=True)
    (wit / "used" / "package.wit").write_text("package our:used@0.1.0;")
    (source.folder / "wit" / "world.wit").write_text("package test:x; world greeter { import our:used/y; }")
    first = build.build(source, builds, wit=wit)
    assert build.build(replace(source, world="test:greeter/other"), builds, wit=wit) != first
    time.sleep(0.02)
    (wit / "used" / "package.wit").write_text("package our:used@0.1.1;")
    assert build.build(source, builds, wit=wit) != first


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"build": "../../x.wasm"}'])
def test_a_note_that_is_damaged_or_leads_nowhere_counts_for_nothing(
    source: ComponentManifest, builds: Path, builder: Stand, settled: None, reads: list[Path], damage: str
) -> None:
    first = build.build(source, builds)
    (note,) = builds.glob("sources-*")
    whole = json.loads(note.read_text())
    note.write_text(damage if not damage.endswith("}") else json.dumps({**whole, **json.loads(damage)}))
    reads.clear()
    assert build.build(source, builds) == first
    assert reads
    first.unlink()
    assert build.build(source, builds).read_bytes() == b"built"


def test_a_source_that_cannot_be_looked_at_is_read(
    source: ComponentManifest, builds: Path, builder: Stand, settled: None
) -> None:
    from orchestrator.errors import BuildError

    build.build(source, builds)
    (source.folder / "gone.py").symlink_to("nowhere.py")
    with pytest.raises(BuildError) as caught:
        build.build(source, builds)
    assert str(caught.value) == (
        f"component `greeter`: `{source.folder / 'gone.py'}` is not a regular file; remove it from the sources"
    )
