"""Remembers which build the sources of a component gave, so that sources that did not change need not be read.

What is looked at is the state of every file and folder that goes into a build: path, inode, size and times. What cannot
be looked at, or changed so lately that a second change could look the same, is read. Not for the digest of what was
read, by which builds are named: that is `build`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.engine import cache
from orchestrator.engine._sources import walk, wit_places
from orchestrator.errors import ComponentError
from orchestrator.manifest.model import ComponentManifest

_NAME = re.compile(r"[a-z0-9-]+\.wasm")


class SourceNote:
    """What is noted of a component's sources, as they are now.

    Arguments:
        source: what `component.yaml` says.
        shipped: the folder of WIT packages that every component may use.
        builds: the folder of builds, where the note is.
        version: of whatever else decides what the sources give.
    """

    def __init__(self, source: ComponentManifest, shipped: Path, builds: Path, version: str) -> None:
        self._places = (source.folder, *wit_places(source), shipped)
        self._about = [version, source.name, source.world, source.module, *map(os.fspath, self._places)]
        self._builds = builds
        where = os.fsencode(source.folder.absolute()) + b"\n" + os.fsencode(shipped.absolute())
        self._note = builds / f"sources-{hashlib.sha256(where).hexdigest()[:32]}.json"
        self._state = self._look()

    def build(self) -> Path | None:
        """The build that sources in this very state gave, if it is still there."""
        known = cache.noted(self._note)
        name = str(known.get("build"))
        if not self._state or known.get("state") != self._state or not _NAME.fullmatch(name):
            return None
        found = self._builds / name
        return found if found.is_file() else None

    def keep(self, build: Path) -> None:
        """Notes what the sources gave, unless they may have changed while they were read."""
        if self._state and self._look() == self._state and _NAME.fullmatch(build.name):
            with contextlib.suppress(ComponentError):  # only a later load is slower without it
                cache.write(self._note, json.dumps({"state": self._state, "build": build.name}).encode())

    def _look(self) -> str:
        """The state of all that goes into a build; empty if it cannot be told, or changed just now."""
        digest, latest = hashlib.sha256(json.dumps(self._about).encode()), 0
        try:
            for line, changed in _states(self._places):
                digest.update(line.encode(errors="surrogateescape"))
                latest = max(latest, changed)
        except OSError:
            return ""
        return digest.hexdigest() if time.time_ns() - latest > cache.SETTLED else ""


def _states(places: tuple[Path, ...]) -> Iterator[tuple[str, int]]:
    """The state of each file and folder below some places, and when it last changed, in nanoseconds."""
    for place in places:
        if not place.exists():
            yield f"{place}: none\n", 0
            continue
        for path in walk(place):
            for found in (path.lstat(), path.stat()):  # of a link both: it may lead elsewhere, or to another content
                times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
                line = f"{path}: {found.st_mode} {found.st_dev} {found.st_ino} {found.st_size} {times}\n"
                yield line, found.st_ctime_ns
