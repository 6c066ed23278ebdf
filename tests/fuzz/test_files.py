"""Whatever a guest does in a granted folder is what the kernel does in one like it, unless it leads out of it.

What leads out is found here by a walk of its own, over paths, in a tree that nobody else touches.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.capability.storage import Preopen
from orchestrator.engine.host import Refused
from orchestrator.wasi._codes import code_of
from tests.support.fuzzing import examples
from tests.support.reach import FOLLOW, NO_FLAGS, Reach, open_files, words

PARTS = st.sampled_from(["a", "b", "c", "a", "b", "c", "..", ".", ""])
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
NAMES = st.sampled_from(["a", "b", "c", "a/b", "b/a", "c/b", "a/", "./c", "a/../c"])
ANY = PATHS | NAMES
OUT, LOST = "out", "lost"
Way = list[str] | str
"""The names of a place, `OUT`, or `LOST` where there is none."""


class Oracle:
    """Where paths lead in a folder.

    Arguments:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def way(self, path: str, follow: bool, names: bool = False) -> Way:
        """Where a path leads; see `orchestrator.wasi._beneath.find`."""
        if not path:
            return LOST
        if path[0] == "/":
            return OUT
        left, way, links = path.split("/"), list[str](), 0
        while left:
            part = left.pop(0)
            last = not any(left)
            here = self.root.joinpath(*way)
            if part in ("", "."):
                continue
            if part == "..":
                if not way:
                    return OUT
                way.pop()
            elif (here / part).is_symlink() and (not last or follow or (bool(left) and not names)):
                target, links = str((here / part).readlink()), links + 1
                if links > 40:
                    return LOST
                if target[0] == "/":
                    return OUT
                left = target.split("/") + left
            elif last:
                return [*way, part]
            elif not (here / part).is_dir():
                return LOST
            else:
                way.append(part)
        return [*way, "."]

    def climbs(self, path: Path, depth: int) -> bool:
        """Whether a link at or beneath a path goes up further than it lies deep, once the path lies so deep."""
        if path.is_symlink():
            return _ups(str(path.readlink())) > depth
        return path.is_dir() and any(self.climbs(inner, depth + 1) for inner in path.iterdir())


def _ups(target: str) -> int:
    parts = [part for part in target.split("/") if part not in ("", ".")]
    return next((at for at, part in enumerate(parts) if part != ".."), len(parts))


def _stays(target: str, depth: int) -> bool:
    parts = [part for part in target.split("/") if part not in ("", ".")]
    return not target.startswith("/") and ".." not in parts[_ups(target) :] and _ups(target) <= depth


class Files(RuleBasedStateMachine):
    """A granted folder, and one of the kernel's, in which the same is done."""

    def __init__(self) -> None:
        super().__init__()
        self.before = open_files()
        self.base = Path(tempfile.mkdtemp()).resolve()
        for folder in ("ours", "theirs"):
            (self.base / folder / "root" / "a" / "b").mkdir(parents=True)
            (self.base / folder / "root" / "b").write_text("b")
            (self.base / folder / "secret").write_text("secret")
        self.ours, self.theirs = self.base / "ours" / "root", self.base / "theirs" / "root"
        self.reach = Reach(Preopen(str(self.ours), "/data", True))
        self.fd = os.open(self.theirs, os.O_RDONLY)
        self.oracle = Oracle(self.theirs)

    def teardown(self) -> None:
        self.reach.close()
        os.close(self.fd)
        assert open_files() == self.before, "nothing is left open"
        shutil.rmtree(self.base)

    def same(self, ours: Callable[[], Any], theirs: Callable[[], Any], *ways: Way) -> None:
        """Does both, unless it leads out; what comes of them is the same."""
        found = _outcome(ours)
        if OUT in ways:
            assert found in [
                f"error {name}" for name in ("not-permitted", "no-entry", "not-directory", "loop", "invalid")
            ]
        else:
            assert found == _outcome(theirs), ways

    def denied(self, ours: Callable[[], Any]) -> None:
        """Does what only we deny."""
        assert _outcome(ours) in ("error not-permitted", "error no-entry", "error exist", "error not-directory")

    @rule(path=ANY)
    def create_directory(self, path: str) -> None:
        way = self.oracle.way(path, False, True)
        self.same(
            lambda: self.reach.call("create-directory-at", self.reach.root, path),
            lambda: os.mkdir(path, dir_fd=self.fd),
            way,
        )

    @rule(path=ANY)
    def remove_directory(self, path: str) -> None:
        way = self.oracle.way(path, False, True)
        if way[-1:] == ["."]:
            return  # never removed; the errors of the kernel differ with how the path is written
        self.same(
            lambda: self.reach.call("remove-directory-at", self.reach.root, path),
            lambda: os.rmdir(path, dir_fd=self.fd),
            way,
        )

    @rule(path=ANY)
    def unlink(self, path: str) -> None:
        self.same(
            lambda: self.reach.call("unlink-file-at", self.reach.root, path),
            lambda: os.unlink(path, dir_fd=self.fd),
            self.oracle.way(path, False, True),
        )

    @rule(path=ANY, follow=st.booleans())
    def stat(self, path: str, follow: bool) -> None:
        def ours() -> Any:
            said = self.reach.call("stat-at", self.reach.root, FOLLOW if follow else NO_FLAGS, path)
            return said["link-count"], said["size"] if said["type"] != "directory" else 0

        def theirs() -> Any:
            said = os.stat(path, dir_fd=self.fd, follow_symlinks=follow)
            return said.st_nlink, 0 if os.path.stat.S_ISDIR(said.st_mode) else said.st_size  # type: ignore[attr-defined]

        self.same(ours, theirs, self.oracle.way(path, follow))

    @rule(stored=ANY.filter(bool) | st.sampled_from(["/etc", "../a", "../../a", "..", "a/..", ".hidden"]), path=ANY)
    def symlink(self, stored: str, path: str) -> None:
        way = self.oracle.way(path, False, True)

        def ours() -> Any:
            self.reach.call("symlink-at", self.reach.root, stored, path)

        if isinstance(way, list) and (".hidden" in stored or not _stays(stored, len(way) - 1)):
            self.denied(ours)
        else:
            self.same(ours, lambda: os.symlink(stored, path, dir_fd=self.fd), way)

    @rule(path=ANY)
    def readlink(self, path: str) -> None:
        self.same(
            lambda: self.reach.call("readlink-at", self.reach.root, path),
            lambda: os.readlink(path, dir_fd=self.fd),
            self.oracle.way(path, False),
        )

    @rule(old=ANY, new=ANY)
    def rename(self, old: str, new: str) -> None:
        ways = self.oracle.way(old, False, True), self.oracle.way(new, False, True)

        def ours() -> Any:
            self.reach.call("rename-at", self.reach.root, old, self.reach.root, new)

        if any(way[-1:] == ["."] for way in ways):
            assert _outcome(ours).startswith("error")
        elif self._climbs(*ways):
            self.denied(ours)
        else:
            self.same(
                ours,
                lambda: os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd),
                *ways,
            )

    def _climbs(self, old: Way, new: Way) -> bool:
        if isinstance(old, str) or isinstance(new, str) or old[:-1] == new[:-1]:
            return False
        return self.oracle.climbs(self.theirs.joinpath(*old), len(new) - 1)

    @rule(old=ANY, new=ANY, follow=st.booleans())
    def link(self, old: str, new: str, follow: bool) -> None:
        ways = self.oracle.way(old, follow), self.oracle.way(new, False, True)

        def ours() -> Any:
            how = FOLLOW if follow else NO_FLAGS
            self.reach.call("link-at", self.reach.root, how, old, self.reach.root, new)

        def theirs() -> Any:
            os.link(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=follow)

        if self._climbs(*ways):
            self.denied(ours)
        else:
            self.same(ours, theirs, *ways)

    @rule(
        path=ANY,
        make=st.sets(st.sampled_from(["create", "exclusive", "truncate", "directory"])),
        flags=st.sampled_from(["read", "write", "read write"]),
        follow=st.booleans(),
        data=st.binary(max_size=3),
        offset=st.integers(0, 5),
    )
    def open(self, path: str, make: set[str], flags: str, follow: bool, data: bytes, offset: int) -> None:
        if make & {"create", "exclusive"} == {"exclusive"} or ("truncate" in make and "write" not in flags):
            return  # the kernel promises nothing
        mode = {"read": os.O_RDONLY, "write": os.O_WRONLY, "read write": os.O_RDWR}[flags]
        names = {"create": os.O_CREAT, "exclusive": os.O_EXCL, "truncate": os.O_TRUNC, "directory": os.O_DIRECTORY}
        for name in make:
            mode |= names[name]

        def ours() -> Any:
            file = self.reach.call(
                "open-at", self.reach.root, FOLLOW if follow else NO_FLAGS, path, frozenset(make), words(flags)
            )
            said = self.reach.call("get-type", file)
            if "write" in flags:
                self.reach.call("write", file, data, offset)
            return said, self.reach.call("read", file, 99, 0)[0] if said != "directory" and "read" in flags else b""

        def theirs() -> Any:
            fd = os.open(path, mode | (0 if follow else os.O_NOFOLLOW), 0o666, dir_fd=self.fd)
            try:
                is_folder = os.path.isdir(f"/proc/self/fd/{fd}")  # noqa: PTH112
                if "write" in flags:
                    os.pwrite(fd, data, offset)
                content = os.pread(fd, 99, 0) if not is_folder and "read" in flags else b""
                return "directory" if is_folder else "regular-file", content
            finally:
                os.close(fd)

        new = {"create", "exclusive"} <= make
        self.same(ours, theirs, self.oracle.way(path, follow and not new, new))

    @rule(path=ANY)
    def listing(self, path: str) -> None:
        self.same(
            lambda: sorted(self.reach.listed(self.reach.open(path, "read", "directory"))),
            lambda: sorted(_listed(path, self.fd)),
            self.oracle.way(path, True),
        )

    @invariant()
    def trees_are_the_same(self) -> None:
        assert _tree(self.ours) == _tree(self.theirs)
        assert sorted(path.name for path in self.ours.parent.iterdir()) == ["root", "secret"]
        assert (self.ours.parent / "secret").read_text() == "secret"

    @invariant()
    def no_link_leads_out(self) -> None:
        """Not even for those that follow it as the kernel does."""
        for path in self.ours.rglob("*"):
            if path.is_symlink() and not _loops(path):
                real = os.path.realpath(path)
                assert real == str(self.ours) or real.startswith(f"{self.ours}/")


def _loops(path: Path) -> bool:
    try:
        path.stat()
    except OSError as problem:
        return problem.errno == errno.ELOOP
    return False


def _listed(path: str, fd: int) -> list[str]:
    inner = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
    try:
        with os.scandir(inner) as entries:
            return [entry.name for entry in entries]
    finally:
        os.close(inner)


def _outcome(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        return f"error {refused.error}"
    except OSError as problem:
        return f"error {code_of(problem)}"


def _tree(root: Path) -> dict[str, tuple[Any, ...]]:
    found = {}
    for path in root.rglob("*"):
        said = path.lstat()
        content: Any = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (said.st_mode, said.st_nlink, content)
    return found


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=examples(30), stateful_step_count=30, deadline=None)
