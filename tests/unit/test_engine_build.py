"""Building components from sources: when, from what, and what is said when it fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import _sources
from orchestrator.engine import build as module
from orchestrator.engine.build import build, built
from orchestrator.errors import BuildError
from orchestrator.manifest.model import ComponentManifest

WORLD = "package test:greeter@0.1.0;\nworld greeter { export greet: func(name: string) -> string; }\n"
APP = """
import wit_world

class WitWorld(wit_world.WitWorld):
    def greet(self, name):
        return f"Hello, {name}"
"""
BUILDS = "import pathlib, sys; pathlib.Path('out.wasm').write_bytes(b'built')"


@pytest.fixture
def source(tmp_path: Path) -> ComponentManifest:
    folder = tmp_path / "greeter"
    (folder / "wit").mkdir(parents=True)
    (folder / "wit" / "world.wit").write_text(WORLD)
    (folder / "app.py").write_text(APP)
    (folder / "component.yaml").write_text("name: greeter\n")
    return ComponentManifest("greeter", "0.1.0", "python", "test:greeter/greeter", folder=folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def wit(tmp_path: Path) -> Path:
    for name, text in (("used", "package our:used@0.1.0;"), ("unused", "package our:unused@0.1.0;")):
        (tmp_path / "wit" / name).mkdir(parents=True)
        (tmp_path / "wit" / name / "package.wit").write_text(text)
    return tmp_path / "wit"


Stand = Callable[[str], None]


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Puts a Python script in the builder's place."""

    def stand(script: str) -> None:
        monkeypatch.setattr(module, "_command", lambda source, workspace: [sys.executable, "-c", script])

    stand(BUILDS)
    return stand


def left_in(cache: Path) -> list[str]:
    return sorted(path.suffix for path in cache.iterdir())


def test_builds_once_and_tells_so(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    told: list[str] = []
    first = build(source, cache, progress=told.append)
    second = build(source, cache, progress=told.append)
    assert first == second
    assert first.read_bytes() == b"built"
    assert told[0] == "building `greeter` with componentize-py 0.25.1 (twenty seconds or so, once)"
    assert told[1].startswith("built `greeter` in ")
    assert len(told) == 2


def test_built_says_whether_there_is_work_to_do(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    assert built(source, cache) is None
    path = build(source, cache)
    assert built(source, cache) == path


@pytest.mark.parametrize("name", ["app.py", "wit/world.wit", "words.txt", "inner/deep.py"])
def test_a_change_of_the_sources_is_another_build(
    source: ComponentManifest, cache: Path, builder: Stand, name: str
) -> None:
    before = build(source, cache)
    path = source.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(path.read_text() + " " if path.exists() else "new")
    assert build(source, cache) != before


@pytest.mark.parametrize("name", ["README.md", "component.yaml", ".hidden", "__pycache__/app.cpython-311.pyc"])
def test_what_takes_no_part_in_a_build_changes_nothing(
    source: ComponentManifest, cache: Path, builder: Stand, name: str
) -> None:
    before = build(source, cache)
    (source.folder / name).parent.mkdir(exist_ok=True)
    (source.folder / name).write_text("different")
    assert build(source, cache) == before


def test_only_the_shipped_packages_that_are_referred_to_count(
    source: ComponentManifest, cache: Path, wit: Path, builder: Stand
) -> None:
    world = "package test:greeter@0.1.0;\n// our:unused/x\nworld greeter { import our:used/things@0.1.0; }\n"
    (source.folder / "wit" / "world.wit").write_text(world)
    before = build(source, cache, wit=wit)
    (wit / "unused" / "package.wit").write_text("package our:unused@0.2.0;")
    assert build(source, cache, wit=wit) == before
    (wit / "used" / "package.wit").write_text("package our:used@0.1.1;")
    assert build(source, cache, wit=wit) != before


def test_a_package_of_its_own_stands_in_for_a_shipped_one(source: ComponentManifest, wit: Path) -> None:
    (source.folder / "wit" / "world.wit").write_text("package test:greeter; world greeter { import our:used/x; }")
    (source.folder / "wit" / "deps" / "mine").mkdir(parents=True)
    (source.folder / "wit" / "deps" / "mine" / "x.wit").write_text("package our:used; interface x {}")
    names = _sources.collect(source, wit).files
    assert sorted(name for name in names if name.startswith("wit/")) == ["wit/deps/mine/x.wit", "wit/world.wit"]


def test_nothing_is_written_into_the_sources(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    before = sorted(source.folder.rglob("*"))
    build(source, cache)
    assert sorted(source.folder.rglob("*")) == before


def test_the_builder_sees_no_secret_of_the_host(
    source: ComponentManifest, cache: Path, builder: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "42")
    builder("import os; open('out.wasm', 'w').write(repr('MY_SECRET' in os.environ))")
    assert build(source, cache).read_text() == "False"


FAILURE = """
import sys
sys.stderr.write('''Traceback (most recent call last):
  File "/x/bin/componentize-py", line 6, in <module>
    sys.exit(script())
AssertionError: Traceback (most recent call last):
  File "%s/app/app.py", line 3
SyntaxError: invalid syntax


Caused by:
    SyntaxError: invalid syntax

Stack backtrace:
   0: <anyhow::Error>::msg::<alloc::string::String>
''' % __import__('os').getcwd())
sys.exit(1)
"""


def test_a_failure_ends_with_the_builders_own_words(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    builder(FAILURE)
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) does not build:\n"
        "  Traceback (most recent call last):\n"
        f'    File "{source.folder}/app.py", line 3\n'
        "  SyntaxError: invalid syntax"
    )
    assert left_in(cache) == [".lock"]


def test_a_builder_that_says_nothing(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    builder("import sys; sys.exit(3)")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) does not build:\n"
        "  componentize-py ended with exit code 3 and said nothing"
    )


def test_a_full_disk_is_told(
    source: ComponentManifest, cache: Path, builder: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    builder("pass")
    monkeypatch.setattr(_sources.Sources, "write", full)
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == f"cannot build `greeter` in the cache folder {cache}: No space left on device"


def test_a_build_that_takes_too_long_is_stopped(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    builder("import time; time.sleep(60)")
    with pytest.raises(BuildError) as caught:
        build(source, cache, timeout=0.2)
    assert str(caught.value) == (
        "building `greeter` took more than 0.2 s and was stopped; "
        "does `app.py` wait for something, or compute, while it is imported?"
    )
    assert left_in(cache) == [".lock"]


def test_an_interrupted_build_leaves_nothing(
    source: ComponentManifest, cache: Path, builder: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(subprocess.Popen[bytes]):
        calls = 0

        def communicate(self, *args: Any, **kwargs: Any) -> Any:
            type(self).calls += 1
            if self.calls == 1:
                raise KeyboardInterrupt
            return super().communicate(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    builder("import time; time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        build(source, cache)
    assert Interrupted.calls == 2
    assert left_in(cache) == [".lock"]


def test_builders_at_the_same_time_build_once(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    builder("import pathlib, time; time.sleep(0.3); pathlib.Path('out.wasm').write_bytes(b'built')")
    told: list[str] = []
    threads = [threading.Thread(target=build, args=(source, cache), kwargs={"progress": told.append}) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.startswith("building") for line in told) == 1
    assert sum(line.startswith("built") for line in told) == 1


def test_old_builds_of_a_component_are_forgotten(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    for number in range(module.KEPT_BUILDS + 2):
        (source.folder / "app.py").write_text(f"{APP}\nx = {number}\n")
        newest = build(source, cache)
        os.utime(newest, (number, number))
    assert len(list(cache.glob("greeter-*.wasm"))) == module.KEPT_BUILDS
    assert newest.is_file()


def test_a_killed_builders_workspace_is_removed_later(source: ComponentManifest, cache: Path, builder: Stand) -> None:
    cache.mkdir()
    for name, when in ((".build-old", 1), (".build-new", None)):
        (cache / name).mkdir()
        if when:
            os.utime(cache / name, (when, when))
    build(source, cache)
    assert [path.name for path in cache.glob(".build-*")] == [".build-new"]


REMEDY = f'install it into the environment of {sys.executable}: pip install "componentize-py==0.25.1"'


def test_a_missing_builder(
    source: ComponentManifest, cache: Path, builder: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == f"componentize-py, which builds components from Python, is not installed; {REMEDY}"


def test_another_version_of_the_builder(
    source: ComponentManifest, cache: Path, builder: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "0.17.0")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == f"componentize-py 0.17.0 is installed, and 0.25.1 is needed; {REMEDY}"


def test_a_source_without_its_module(source: ComponentManifest, cache: Path) -> None:
    (source.folder / "app.py").unlink()
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) has no `app.py`; "
        "`module` in its component.yaml names the Python module that implements its world"
    )


def test_a_source_without_wit(source: ComponentManifest, cache: Path, wit: Path) -> None:
    (source.folder / "wit" / "world.wit").unlink()
    (source.folder / "wit").rmdir()
    with pytest.raises(BuildError) as caught:
        build(source, cache, wit=wit)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) has no folder `wit`, and its world `test:greeter/greeter` is in none "
        "of the packages that ship; declare it in `wit/world.wit`"
    )


def test_a_link_out_of_the_folder(source: ComponentManifest, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("")
    link = source.folder / "secret.py"
    link.symlink_to(tmp_path / "secret.py")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter`: `{link}` is a link that leads out of the component's folder; put the file itself there"
    )


def test_what_is_not_a_file(source: ComponentManifest, cache: Path) -> None:
    os.mkfifo(source.folder / "pipe")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter`: `{source.folder / 'pipe'}` is not a regular file; remove it from the sources"
    )


def test_too_many_files(source: ComponentManifest, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sources, "MAX_FILES", 2)
    (source.folder / "more.py").write_text("")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) has more than 2 files or 64 MiB of sources; "
        "leave in its folder only what it is built from"
    )


@pytest.mark.slow
def test_a_real_build(source: ComponentManifest, cache: Path) -> None:
    path = build(source, cache)
    assert path.read_bytes()[:8] == b"\0asm\x0d\0\1\0"
    assert not list(source.folder.rglob("__pycache__"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("import numpy", "ModuleNotFoundError: No module named 'numpy'"),
    ],
)
def test_a_real_failure(source: ComponentManifest, cache: Path, app: str, words: str) -> None:
    (source.folder / "app.py").write_text(app)
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert words in str(caught.value)
    assert "anyhow" not in str(caught.value)
    assert str(cache) not in str(caught.value)
