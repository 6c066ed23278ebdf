"""What is in a folder: its entries, listed, made, moved and removed. Nothing moves from one granted folder to another.

Names that are no Unicode cannot be told to a guest: they are left out of listings, as hidden ones are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.engine.host import HostResource, Refused
from orchestrator.wasi import _links
from orchestrator.wasi._beneath import Place, is_hidden, is_text
from orchestrator.wasi._files import Descriptor, Function, Root, place

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.wasi.session import Session

_LISTING = 2
"""Files that a listing has open: the system's function takes one for itself."""
TYPES = {
    stat.S_IFREG: "regular-file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic-link",
    stat.S_IFCHR: "character-device", stat.S_IFBLK: "block-device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}  # fmt: skip


class Entries(HostResource):
    """The entries of a folder, read as they are asked for."""

    __slots__ = ("_entries", "_fd", "_root")

    def __init__(self, folder: Descriptor) -> None:
        self._root = folder.root
        # Opened anew: a listing has its own place in the folder.
        self._fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder.fd)
        try:
            self._entries = os.scandir(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def next(self) -> dict[str, str] | None:
        """The next entry; None after the last."""
        for entry in self._entries:
            if (self._root.grant.hidden or not is_hidden(entry.name)) and is_text(entry.name):
                return {"type": _type(entry), "name": entry.name}
        return None

    def drop(self, frame: Frame | None = None) -> None:
        """Closes it."""
        self._entries.close()
        os.close(self._fd)
        self._root.release(_LISTING)


def _type(entry: os.DirEntry[str]) -> str:
    if entry.is_file(follow_symlinks=False):
        return "regular-file"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    if entry.is_symlink():
        return "symbolic-link"
    try:
        return TYPES.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), "unknown")
    except FileNotFoundError:
        return "unknown"


def _entries(_session: Session, folder: Descriptor) -> Entries:
    root = folder.root
    if not folder.is_folder:
        raise Refused("not-directory")
    folder.needs("read", "read")
    root.reserve("read", folder.path, _LISTING)
    try:
        found = Entries(folder)
    except BaseException:
        root.release(_LISTING)
        raise
    root.session.told("storage read", folder.path, root.grant.place)
    return found


def _add(root: Root, operation: str, path: str, make: Callable[[], None]) -> None:
    """Makes an entry, counted if it could be made."""
    with root.another(operation, path):
        make()


def _create_folder(_session: Session, folder: Descriptor, path: str) -> None:
    with place("create", folder, path, creates=True, changes=True, names=True) as new:
        if new.found is not None:
            raise Refused("exist")
        _add(folder.root, "create", folder.below(path), lambda: os.mkdir(new.name, dir_fd=new.fd))


def _remove_folder(_session: Session, folder: Descriptor, path: str) -> None:
    with place("remove", folder, path, changes=True, names=True) as old:
        if old.name == ".":
            raise Refused("invalid")
        old.there()
        os.rmdir(old.name, dir_fd=old.fd)


def _unlink(_session: Session, folder: Descriptor, path: str) -> None:
    with place("remove", folder, path, changes=True, names=True) as old:
        if stat.S_ISDIR(old.there().st_mode):
            raise Refused("is-directory")
        os.unlink(old.name, dir_fd=old.fd)


def _checked_move(operation: str, folder: Descriptor, path: str, old: Place, new: Place) -> None:
    """Refuses to bring links to where they would lead out."""
    found = old.there()
    if _same(old.fd, new.fd):
        return
    shown, root = folder.below(path), folder.root
    try:
        why = _links.moved(old, found, new.depth)
    except _links.TooLarge as problem:  # a program that is told this copies what it cannot move
        raise root.deny(operation, shown, "cross-device", str(problem)) from None
    if why:
        raise root.deny(operation, shown, "not-permitted", why)


def _same(one: int, other: int) -> bool:
    return one == other or os.path.samestat(os.fstat(one), os.fstat(other))


def _link(_session: Session, folder: Descriptor, how: frozenset[str], path: str, other: Descriptor, new: str) -> None:
    with place("link", folder, path, follow="symlink-follow" in how, changes=True) as old:
        found = old.there()
        with place("link", other, new, creates=True, changes=True, names=True) as target:
            _same_grant(folder, other)
            _free(target)
            if stat.S_ISDIR(found.st_mode):
                raise Refused("not-permitted")
            _checked_move("link", folder, path, old, target)
            _add(folder.root, "link", other.below(new), _linking(old, target))


def _linking(old: Place, new: Place) -> Callable[[], None]:
    return lambda: os.link(old.name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd, follow_symlinks=False)


def _same_grant(folder: Descriptor, other: Descriptor) -> None:
    """Refuses what would bring something from one granted folder into another."""
    if folder.root is not other.root:
        raise Refused("cross-device")


def _free(new: Place) -> None:
    """Refuses to make what is no folder where something is, or a folder is meant."""
    if new.found is not None:
        raise Refused("exist")
    if new.is_folder:
        raise Refused("no-entry")


def _rename(_session: Session, folder: Descriptor, path: str, other: Descriptor, new: str) -> None:
    with (
        place("rename", folder, path, changes=True, names=True) as old,
        place("rename", other, new, creates=True, changes=True, names=True) as target,
    ):
        _same_grant(folder, other)
        if "." in (old.name, target.name):
            raise Refused("busy")
        if target.is_folder and not stat.S_ISDIR(old.there().st_mode):
            raise Refused("not-directory")
        _checked_move("rename", folder, path, old, target)
        os.rename(old.name, target.name, src_dir_fd=old.fd, dst_dir_fd=target.fd)


def _symlink(_session: Session, folder: Descriptor, target: str, path: str) -> None:
    root = folder.root
    with place("link", folder, path, creates=True, changes=True, names=True) as new:
        why = _links.made(target, new.depth, root.grant.hidden)
        if why:
            raise root.deny("link", folder.below(path), "not-permitted", why)
        _free(new)
        shown, size = folder.below(path), len(target.encode())
        with root.growing(shown) as growth:
            growth.allow(size)
            _add(root, "link", shown, lambda: os.symlink(target, new.name, dir_fd=new.fd))
            growth.count(size)


def _readlink(_session: Session, folder: Descriptor, path: str) -> str:
    with place("read", folder, path) as link:
        link.there()
        target = os.readlink(link.name, dir_fd=link.fd)
        why = _links.shown(target, link.depth, folder.root.grant.hidden)
        if why:
            raise folder.root.deny("read", folder.below(path), "not-permitted", why)
    if not is_text(target):
        raise Refused("illegal-byte-sequence")
    return target


METHODS: dict[str, Function] = {
    "read-directory": _entries,
    "create-directory-at": _create_folder,
    "link-at": _link,
    "readlink-at": _readlink,
    "remove-directory-at": _remove_folder,
    "rename-at": _rename,
    "symlink-at": _symlink,
    "unlink-file-at": _unlink,
}
