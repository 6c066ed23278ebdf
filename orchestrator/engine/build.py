"""Builds a component from a source folder (`component.yaml`, code, WIT), once for each state of its sources.

The build is kept in the cache under the digest of all that went into it, so that there is nothing to compare and
nothing is written into the source folder; where nothing changed since, a note saves reading it (see `_source_note`).
Not for compiling to machine code: that is the next step, for a `.wasm` of any origin.

The language's builder runs in a process of its own on a copy of the sources: the source folder may be read-only, a file
that changes meanwhile spoils nothing, and nothing but the folder itself can be bundled. Two builds of the same sources
differ in some bytes (an interpreter is started and its memory saved), so a build is named by its sources' digest. A
component that ships may come built, under that same name: it is taken as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from orchestrator import resources
from orchestrator.engine import _children, _javascript_builder, _python_builder
from orchestrator.engine._alone import alone
from orchestrator.engine._build_failure import message
from orchestrator.engine._room import touch
from orchestrator.engine._source_note import SourceNote
from orchestrator.engine._sources import Sources, collect, module_file
from orchestrator.errors import BuildError
from orchestrator.manifest.model import ComponentManifest

TIMEOUT = 300.0
KEPT_BUILDS = 4
STALE_WORKSPACE = 3600.0
_FORMAT = b"build 1\n"
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")

Progress = Callable[[str], None]


class Builder(Protocol):
    """What builds from one language: a module."""

    NAME: str
    VERSION: str

    def settings(self, source: ComponentManifest) -> str:
        """What of a `component.yaml` decides what is built, beside the world and the module."""

    def prepare(self, cache: Path, tell: Progress) -> None:
        """Sees to it that the builder can be run."""

    def command(self, source: ComponentManifest, workspace: Path, cache: Path) -> list[str]:
        """What is run to make `out.wasm` of a workspace."""

    def environment(self, workspace: Path) -> dict[str, str]:
        """What it is run with beside what every builder gets."""


_BUILDERS: dict[str, Builder] = {"python": _python_builder, "javascript": _javascript_builder}


def build(
    source: ComponentManifest,
    cache: Path,
    *,
    wit: Path | None = None,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
) -> Path:
    """The `.wasm` that the source's present state gives, built unless it was before.

    Several processes and threads may build the same source into the same cache: one works, the others wait for it.

    Arguments:
        source: what `component.yaml` says; its `folder` holds the sources.
        cache: the folder for builds; made with access for its owner alone where it does not exist.
        wit: the folder of WIT packages that every component may use; those that ship, where it is not given.
        progress: told a line when a build starts, waits for another, or ends. Not called when nothing is built.
        timeout: seconds that the builder may take.

    Raises:
        BuildError: the sources cannot be read or do not build, or the builder is missing, or it took too long.
    """
    tell = progress or (lambda line: None)
    shipped = wit or resources.wit()
    note = _note(source, shipped, cache)
    target = note.build()
    if target is None:
        sources = collect(source, shipped)
        target = cache / _file_name(source, sources)
        if not target.is_file() and not _taken(target):
            _build(source, sources, target, tell, timeout)
        note.keep(target)
    touch(target.with_suffix(".lock"))
    return target


def built(source: ComponentManifest, cache: Path, *, wit: Path | None = None) -> Path | None:
    """The build of the source's present state where there is one: None says that `build` has work to do.

    Raises:
        BuildError: the sources cannot be read.
    """
    shipped = wit or resources.wit()
    target = _note(source, shipped, cache).build() or cache / _file_name(source, collect(source, shipped))
    return target if target.is_file() or _taken(target) else None


def javascript() -> tuple[str, str]:
    """What builds components from JavaScript on this machine, and why nothing does; one of both is empty."""
    why = _javascript_builder.missing()
    name = f"{_javascript_builder.NAME} {_javascript_builder.VERSION}"
    return ("", why) if why else (f"{name} on Node {_javascript_builder.node_version()}", "")


def _note(source: ComponentManifest, shipped: Path, cache: Path) -> SourceNote:
    return SourceNote(source, shipped, cache, f"{_FORMAT.decode()}{_version(source)}")


def _version(source: ComponentManifest) -> str:
    """What the same sources would give another build under."""
    builder = _BUILDERS[source.language]
    return " ".join(filter(None, (builder.NAME, builder.VERSION, builder.settings(source))))


def _taken(target: Path) -> bool:
    """Puts a build that ships in its place, if there is one of the sources' present state."""
    ready = resources.built() / target.name
    if not ready.is_file():
        return False
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            shutil.copyfile(ready, Path(folder, ready.name)).replace(target)
    except OSError as problem:
        raise BuildError(f"cannot copy {ready} into the cache folder: {problem.strerror or problem}") from problem
    return True


def _build(source: ComponentManifest, sources: Sources, target: Path, tell: Progress, timeout: float) -> None:
    """Builds where nobody has meanwhile."""
    cache = target.parent
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(target.with_suffix(".lock"), lambda: tell(f"waiting for another build of `{source.name}`")):
            if not target.is_file():
                _sweep(cache)
                _make(source, sources, target, tell, timeout)
                _forget_older(target)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise BuildError(f"cannot build `{source.name}` in the cache folder {cache}: {reason}") from problem


def _file_name(source: ComponentManifest, sources: Sources) -> str:
    digest = hashlib.sha256(_FORMAT + f"{_version(source)}\n".encode())
    digest.update(f"{source.world}\n{source.module}\n".encode())
    for path, content in sorted(sources.files.items()):
        digest.update(f"{path}\n{len(content)}\n".encode(errors="surrogateescape") + content)
    return f"{_slug(source)}-{digest.hexdigest()[:40]}.wasm"


def _slug(source: ComponentManifest) -> str:
    return re.sub(r"[^a-z0-9]+", "-", source.name.lower())[:60] or "component"


def _make(source: ComponentManifest, sources: Sources, target: Path, tell: Progress, timeout: float) -> None:
    builder = _BUILDERS[source.language]
    builder.prepare(target.parent, tell)
    tell(f"building `{source.name}` with {builder.NAME} {builder.VERSION} (twenty seconds or so, once)")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        workspace = Path(folder)
        sources.write(workspace)
        _run(source, workspace, timeout)
        (workspace / "out.wasm").replace(target)
    seconds, size = time.monotonic() - begun, target.stat().st_size / 1e6
    tell(f"built `{source.name}` in {seconds:.1f} s ({size:.1f} MB)")


def _run(source: ComponentManifest, workspace: Path, timeout: float) -> None:
    command, environment = _command(source, workspace), _environment(source, workspace)
    try:
        done = _children.run(command, timeout=timeout, cwd=workspace, env=environment)
    except subprocess.TimeoutExpired:
        raise BuildError(
            f"building `{source.name}` took more than {timeout:g} s and was stopped; "
            f"does `{module_file(source)}` wait for something, or compute, while it is imported?"
        ) from None
    if done.returncode != 0 or not (workspace / "out.wasm").is_file():
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise BuildError(message(source, workspace, _BUILDERS[source.language].NAME, done.returncode, said))


def _command(source: ComponentManifest, workspace: Path) -> list[str]:
    return _BUILDERS[source.language].command(source, workspace, workspace.parent)


def _environment(source: ComponentManifest, workspace: Path) -> dict[str, str]:
    """A short environment: the builder runs the component's modules, which have no business with the host's secrets."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | _BUILDERS[source.language].environment(workspace)


def _sweep(cache: Path) -> None:
    """Removes what builders left that were killed outright; a workspace in use is younger than that."""
    for folder in cache.glob(".build-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_WORKSPACE:
                shutil.rmtree(folder, ignore_errors=True)


def _forget_older(target: Path) -> None:
    """Keeps the newest builds of a component's name, so that a day of editing does not fill the disk."""
    name = target.name.rpartition("-")[0]
    builds = [path for path in target.parent.glob(f"{name}-*.wasm") if path.name.rpartition("-")[0] == name]
    for path in sorted(builds, key=_age)[KEPT_BUILDS:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
