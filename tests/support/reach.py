"""The files that a session reaches: the functions of `wasi:filesystem`, called as a guest calls them, without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.storage import Preopen
from orchestrator.engine.host import HostResource, Refused
from orchestrator.interface.values import Variant
from orchestrator.wasi import Session, tables
from tests.support.hosted import Notes

if TYPE_CHECKING:
    from orchestrator.engine import Instance

FOLLOW = frozenset(("symlink-follow",))
NO_FLAGS = frozenset[str]()
NOW, SAME = Variant("now"), Variant("no-change")
KEEP = (SAME, SAME)
SECRET = "nobody may read this"


def words(text: str) -> frozenset[str]:
    """Flags, from their names with blanks between."""
    return frozenset(text.split())


class _Nowhere:
    """Stands in for the instance that a session belongs to: one whose time is never up."""

    frame = None

    def say(self, stream: str, data: bytes) -> None:
        """What a guest prints; unheard."""

    def exited(self, code: int) -> Exception:
        """What a guest ends with."""
        return AssertionError(code)

    def check(self) -> None:
        """Nothing ends it."""


class Reach:
    """A session over granted folders; what it opened is closed with it.

    Arguments:
        desk: what was decided.
        roots: the granted folders, as the guest is given them.
    """

    def __init__(self, *preopens: Preopen, clock: Time = Time("wall")) -> None:  # noqa: B008
        self.desk = Notes()
        self.session = Session(Authority(preopens=preopens, clock=clock), self.desk)
        self.session.attach(cast("Instance", _Nowhere()))
        self._kept: list[HostResource] = []
        self.roots: list[Any] = [folder for folder, _ in self.directories()]

    def directories(self) -> list[tuple[Any, str]]:
        """What `get-directories` gives."""
        found: list[tuple[Any, str]] = tables()["wasi:filesystem/preopens"]["get-directories"](self.session)
        self._kept += [folder for folder, _ in found]
        return found

    @property
    def root(self) -> Any:
        """The first granted folder."""
        return self.roots[0]

    def call(self, method: str, *values: Any) -> Any:
        """A method of a descriptor, which is the first value.

        Raises:
            Refused: with the standard's error.
        """
        value = tables()["wasi:filesystem/types"][f"[method]descriptor.{method}"](self.session, *values)
        if isinstance(value, HostResource):
            self._kept.append(value)
        return value

    def fails(self, method: str, *values: Any) -> str:
        """The error of a method; `` where it worked."""
        try:
            self.call(method, *values)
        except Refused as refused:
            return str(refused.error)
        return ""

    def open(self, path: str, flags: str = "read", make: str = "", *, at: Any = None, follow: bool = True) -> Any:
        """`open-at`, beneath the first granted folder unless another is said."""
        return self.call(*self.opening(path, flags, make, at=at, follow=follow))

    def opening(self, path: str, flags: str = "read", make: str = "", *, at: Any = None, follow: bool = True) -> Any:
        """The same as what `call` and `fails` take."""
        how = FOLLOW if follow else NO_FLAGS
        return "open-at", at or self.root, how, path, words(make), words(flags)

    def stream(self, method: str, stream: Any, *values: Any) -> Any:
        """A method of a stream: `input-stream.read`."""
        return tables()["wasi:io/streams"][f"[method]{method}"](self.session, stream, *values)

    def stream_fails(self, method: str, stream: Any, *values: Any) -> str | None:
        """The error code of the file behind what a method of a stream ends with; None where it has none."""
        with pytest.raises(Refused) as caught:
            self.stream(method, stream, *values)
        error = caught.value.error
        if error == Variant("closed"):
            return None
        code: str | None = tables()["wasi:filesystem/types"]["filesystem-error-code"](self.session, error.value)
        return code

    def rest(self, stream: Any) -> list[bytes]:
        """What an input stream still gives, by reads that ask for all of it."""
        found = []
        while True:
            try:
                found.append(self.stream("input-stream.read", stream, 1 << 62))
            except Refused as refused:
                if refused.error != Variant("closed"):
                    raise
                return found

    def listed(self, folder: Any = None) -> list[str]:
        """The names in a folder, in the order in which they come."""
        return [entry["name"] for entry in self.entries(folder)]

    def entries(self, folder: Any = None) -> list[dict[str, str]]:
        """The entries of a folder."""
        return list(self.reading(self.call("read-directory", folder or self.root)))

    def reading(self, listing: Any) -> Iterator[dict[str, str]]:
        """What a listing still gives."""
        next_ = tables()["wasi:filesystem/types"]["[method]directory-entry-stream.read-directory-entry"]
        while entry := next_(self.session, listing):
            yield entry

    def drop(self, resource: HostResource) -> None:
        """Drops a handle, as the guest does."""
        self._kept.remove(resource)
        resource.drop()

    def denied(self) -> list[tuple[str, str, str]]:
        """What was refused: operation, subject, rule."""
        return [(what, subject, rule) for what, subject, rule, allowed in self.desk.decisions if not allowed]

    def close(self) -> None:
        """Drops all, as an instance that ends."""
        while self._kept:
            self._kept.pop().drop()
        self.session.close()


@contextmanager
def reached(folder: Path, writable: bool = True, *others: Preopen, **grant: Any) -> Iterator[Reach]:
    """A session over a folder at `/data`, granted with those keys, and over others."""
    reach = Reach(Preopen(str(folder.resolve()), "/data", writable, **grant), *others)
    try:
        yield reach
    finally:
        reach.close()


def open_files() -> int:
    """Files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


Snapshot = dict[str, tuple[Any, ...]]
"""By path: mode, time of change, links, content."""


def tree(folder: Path) -> Snapshot:
    """All that is in a folder, and what of it a guest could change."""
    found = {}
    for path in folder.rglob("*"):
        said = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (said.st_mode, said.st_mtime_ns, said.st_nlink, content)
    return found
