"""What an instance has of the host's files: granted folders, and what is open of them; adding within their quotas.

Nothing here looks at contents: `_contents` and `_folders` do, each through `place` or a descriptor's rights.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import Guarded, HostResource, Refused
from orchestrator.errors import RunError
from orchestrator.wasi._beneath import LONGEST, Denied, Place, find, open_folder
from orchestrator.wasi._codes import code_of
from orchestrator.wasi._everywhere import FILES

if TYPE_CHECKING:
    from orchestrator.capability.storage import Preopen
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi.account import Room
    from orchestrator.wasi.session import Session

MOST_OPEN = 512
"""Files, folders and listings that an instance may have open at a time."""
_MOST_NUMBERED = 1 << 16
"""Files that get the next number when they are seen; those after them get one out of a hash."""

Function = Callable[..., Any]


class Files:
    """The granted folders of an instance, and how much of them is open."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.open = 0
        self._numbers: dict[tuple[int, int], int] = {}
        self._listed: Any = None
        """Those of them that have numbers, as `state` gave it; None where one was added since."""
        self._key = b""
        self.roots: list[Root] = []

    def open_roots(self) -> None:
        """Opens what was granted; what becomes of its paths later changes nothing.

        Raises:
            RunError: a folder cannot be opened any more.
        """
        try:
            for number, preopen in enumerate(self.session.authority.preopens):
                self.roots.append(Root(self, preopen, number))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes them, as far as the guest has none of them any more."""
        for root in self.roots:
            root.opened.release()
        self.roots = []

    def state(self) -> Any:
        """The files that have numbers, in their order."""
        if self._listed is None:
            self._listed = tuple(self._numbers)
        return self._listed

    def restore(self, state: Any) -> None:
        """Gives those files their numbers, and no other.

        Raises:
            TypeError, ValueError: it is no list of files.
        """
        if self._listed is not state:
            known = {(device, file): number for number, (device, file) in enumerate(state, start=1)}
            if len(known) > _MOST_NUMBERED:
                raise ValueError("files")
            self._numbers, self._listed = known, state

    def number(self, found: os.stat_result) -> int:
        """A number for a file that says nothing of the host: by the order in which the guest saw it."""
        key = found.st_dev, found.st_ino
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers) + 1
            if number > _MOST_NUMBERED:
                return self._hashed(key)
            self._numbers[key], self._listed = number, None
        return number

    def _hashed(self, key: tuple[int, int]) -> int:
        self._key = self._key or os.urandom(16)
        digest = hashlib.blake2b(repr(key).encode(), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "little") | _MOST_NUMBERED


class Root:
    """A granted folder.

    Arguments:
        number: among those of the instance.

    Raises:
        RunError: it cannot be opened any more.
    """

    def __init__(self, files: Files, grant: Preopen, number: int) -> None:
        self.files, self.grant, self.session, self._number = files, grant, files.session, number
        self.rights = frozenset(("read", "mutate-directory") if grant.writable else ("read",))
        try:
            self.opened = Opened(self, open_folder(grant.host), reserved=False)
        except OSError as problem:
            why = problem.strerror or "it cannot be opened"
            raise RunError(f"the folder granted at `{grant.guest}` cannot be opened: {grant.host}: {why}") from None

    def deny(self, operation: str, path: str, code: str, why: str) -> Refused:
        """Tells of a denial; the error for it."""
        self.session.told(f"storage {operation}", path, f"{self.grant.place}: {why}", False)
        return Refused(code)

    @contextmanager
    def growing(self, path: str) -> Iterator[Growth]:
        """For the time in which a file may become larger: nothing else is added to the folder by the node meanwhile."""
        room = self._room()
        with room.lock:
            yield Growth(self, room, path)

    @contextmanager
    def another(self, operation: str, path: str) -> Iterator[None]:
        """For the time in which an entry is made, which is counted if it could be.

        Raises:
            Refused: none are left.
        """
        room = self._room()
        with room.lock:
            if room.files is not None and room.files <= 0:
                raise self.deny(operation, path, "quota", f"no more than {self.grant.files} entries may be added")
            yield
            if room.files is not None:
                room.files -= 1

    def _room(self) -> Room:
        return self.session.account.room(self._number, self.grant)

    def reserve(self, operation: str, path: str, number: int = 1) -> None:
        """Counts files that are about to be opened, or refuses them."""
        if self.files.open + number > MOST_OPEN:
            raise self.deny(operation, path, "insufficient-memory", f"{MOST_OPEN} files are open")
        if not FILES.take(number):
            why = f"{FILES.most()} files are open in all instances together"
            raise self.deny(operation, path, "insufficient-memory", why)
        self.files.open += number

    def release(self, number: int = 1) -> None:
        """Files that were reserved are closed, or could not be opened."""
        self.files.open -= number
        FILES.give_back(number)


class Growth:
    """A file that may become larger; see `Root.growing`.

    Arguments:
        path: as the guest knows it, for events.
    """

    __slots__ = ("_path", "_room", "_root")

    def __init__(self, root: Root, room: Room, path: str) -> None:
        self._root, self._room, self._path = root, room, path

    def allow(self, size: int) -> None:
        """Refuses what would make it larger by more bytes than are left."""
        if self._room.bytes is not None and size > self._room.bytes:
            why = f"no more than {self._root.grant.quota} bytes may be added"
            raise self._root.deny("write", self._path, "quota", why)

    def count(self, size: int) -> None:
        """Counts the bytes by which it grew."""
        if self._room.bytes is not None and size > 0:
            self._room.bytes -= size


class Opened:
    """An open file, shared by a descriptor and the streams of it; closed with the last of them.

    Arguments:
        reserved: whether it was.
    """

    __slots__ = ("_reserved", "_users", "fd", "root")

    def __init__(self, root: Root, fd: int, reserved: bool = True) -> None:
        self.root, self.fd, self._reserved, self._users = root, fd, reserved, 1

    def share(self) -> Opened:
        """The same for one user more."""
        self._users += 1
        return self

    def release(self) -> None:
        """One of its users is gone."""
        self._users -= 1
        if self._users:
            return
        os.close(self.fd)
        if self._reserved:
            self.root.release()


class Descriptor(HostResource):
    """A file or folder that is open.

    Arguments:
        path: as the guest knows it, for events.
        flags: its rights, as the standard names them.
    """

    __slots__ = ("_within", "fd", "flags", "is_folder", "opened", "path", "root")

    def __init__(self, opened: Opened, path: str, flags: frozenset[str], is_folder: bool) -> None:
        self.opened, self.path, self.flags, self.is_folder = opened, path, flags, is_folder
        self._within = f"{path.rstrip('/')}/"
        self.root, self.fd = opened.root, opened.fd

    def drop(self, frame: Frame | None = None) -> None:
        """Closes it, unless a stream of it is still there."""
        self.opened.release()

    def state(self) -> Any:
        """See `HostResource.state`: positions are those of streams, and what is in it is not the guest's alone."""
        return None

    def below(self, path: str) -> str:
        """A path beneath it, for events: cut, for a guest may write it as long as it likes."""
        return self.path if path == "." else f"{self._within}{path[:LONGEST]}"[:LONGEST]

    def needs(self, right: str, operation: str, path: str = ".") -> None:
        """Refuses what the descriptor has no right to."""
        if right in self.flags:
            return
        shown = self.below(path)
        if right == "read":
            raise self.root.deny(operation, shown, "bad-descriptor", "it was not opened for reading")
        if not self.root.grant.writable:
            raise self.root.deny(operation, shown, "read-only", "read only")
        code = "bad-descriptor" if right == "write" else "read-only"
        raise self.root.deny(operation, shown, code, "it was not opened for writing")


def system(function: Function) -> Guarded:
    """The function, with errors of the system as the standard's."""
    return Guarded(function, _meaning)


def _meaning(problem: Exception) -> Refused | None:
    if isinstance(problem, OSError):
        return Refused(code_of(problem))
    if isinstance(problem, OverflowError):
        return Refused("overflow")
    if isinstance(problem, UnicodeEncodeError):  # a name that this system has no bytes for
        return Refused("illegal-byte-sequence")
    return None


def seen(folder: Descriptor, path: str, *, follow: bool) -> os.stat_result:
    """What is at a path beneath a folder, for who does no more than look; it is told at once whether they may."""
    root = folder.root
    if not folder.is_folder:
        raise Refused("not-directory")
    try:
        found = find(folder.fd, path, follow=follow, hidden=root.grant.hidden)
    except Denied as denied:
        raise root.deny("read", folder.below(path), denied.code, denied.why) from None
    if found.held:
        os.close(found.fd)
    root.session.told("storage read", folder.below(path), root.grant.place)
    return found.there()


def place(
    operation: str,
    folder: Descriptor,
    path: str,
    *,
    follow: bool = False,
    changes: bool = False,
    creates: bool = False,
    names: bool = False,
) -> Place:
    """What a path beneath a folder leads to, for a `with` block in which it is used.

    One of both is told: that it may not be used, for whatever reason, the block's own among them; or that it was.

    Arguments:
        operation: as events name it.
        changes: whether something of the folder is to be changed.
        follow, creates, names: as for `find`.
    """
    root = folder.root
    if not folder.is_folder:
        raise Refused("not-directory")
    if changes:
        folder.needs("mutate-directory", operation, path)
    try:
        found = find(folder.fd, path, follow=follow, hidden=root.grant.hidden, creates=creates, names=names)
    except Denied as denied:
        raise root.deny(operation, folder.below(path), denied.code, denied.why) from None
    session, before = root.session, root.session.denials

    def done() -> None:
        if session.denials == before:
            session.told(f"storage {operation}", folder.below(path), root.grant.place)

    found.done = done
    return found
