"""States of instances in files: saved, loaded again, looked into. A file holds what memories held, and no native code.

    8 bytes     what it is, and the version of the format: `WASTATE1`
    32 bytes    the SHA-256 of all that follows
    4 bytes     the size of the header, little endian
    header      JSON: see `_Header`
    the rest    the pages that the header lists, in that order, as one zlib stream; as large as the system's

A full state lists the pages that are not zero. A state beside a base lists those that differ from the base, which is a
full state in a file of its own, named by what it holds. Nothing of a file is believed: sizes, lists and the digest are
checked before any memory is taken for it. What it says of the guest's memory is the guest's, which is not trusted
either. Not for where such files are: see `orchestrator.snapshots`.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from mmap import PAGESIZE
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from orchestrator.diagnostics import printable
from orchestrator.engine._binary import MAX_MEMORIES
from orchestrator.engine._config import STATE_FORM
from orchestrator.engine.component import Component, Variant
from orchestrator.errors import SnapshotError

if TYPE_CHECKING:
    from orchestrator.engine.snapshot import Contents, Snapshot

MAGIC = b"WASTATE1"
MOST = 4 << 30
"""Bytes of all memories of a state that is loaded or looked into."""
MAX_HEADER = 8 << 20
_MAX_FILE = MOST + MOST // 100 + MAX_HEADER
"""Bytes of a file: zlib adds less than a hundredth to what it cannot compress."""
_MAX_MEMORIES = MAX_MEMORIES + 1
"""Those that a component may make, and its keeper's."""
_PAGE, _BLOCK = 65536, 1 << 20
_SIZE = struct.Struct("<I")
_START = len(MAGIC) + hashlib.sha256().digest_size

_APART = "it holds only what differs from a base"

Page = tuple[int, int, bytes]
"""The number of a memory, that of a page in it, and what the page holds."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A file with a state, as its header tells; the pages are read when they are asked for.

    Arguments:
        component: the digest of the component.
        bulk, metered, form: how its machine code was made, and for which form of this engine.
        sizes: bytes of each memory; the last is the keeper's where there is one.
        runs: of each memory the pages that are in the file: the first, and how many follow each other.
        base: the name of the base that they differ from; empty for a full state.
        restorable: whether an instance can be brought there.
        host: the state of the host's side.
        about: what whoever saved it says of it.
    """

    path: Path
    component: str
    bulk: str
    metered: bool
    form: str
    sizes: tuple[int, ...]
    runs: tuple[tuple[tuple[int, int], ...], ...]
    base: str
    restorable: bool
    host: Any = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many pages are in the file."""
        return sum(count for memory in self.runs for _, count in memory)

    def pages(self) -> Iterator[Page]:
        """What is in the file, one page at a time.

        Raises:
            SnapshotError: it is not what it was when it was opened, or its pages are damaged.
        """
        yield from _pages(self)


# Saving


def save(state: Contents, path: Path, about: Mapping[str, Any], *, bases: Path | None = None) -> None:
    """Writes a state into a file of the user's own (mode 0600): all of it, or nothing.

    Arguments:
        about: anything that JSON can express; whoever can read the file can read it.
        bases: a folder for what it has in common with other states, saved there once; None to save it as a whole.

    Raises:
        SnapshotError: it cannot be written.
    """
    if bases is None:
        _write(path, _header(state, about, _whole(state), ""), _whole(state))
        return
    base = bases / base_name(state.base.name)
    if not base.exists():
        empty: dict[str, Any] = {}
        header = {**_header(state, empty, state.base.filled(), ""), "sizes": state.base.sizes, "restorable": False}
        _write(base, header, state.base.filled())
    _write(path, _header(state, about, _apart(state), state.base.name), _apart(state))


def base_name(name: str) -> str:
    """The name of the file of a base."""
    return f"{name}.base"


def _whole(state: Contents) -> Iterator[Page]:
    """The pages that are not zero."""
    zero = bytes(PAGESIZE)
    known = dict.fromkeys((memory, page) for memory, page, _ in state.base.filled())
    known |= dict.fromkeys((memory, page) for memory, pages in enumerate(state.pages) for page in pages)
    for memory, page in sorted(known):
        if page * PAGESIZE < state.sizes[memory] and (data := state.page(memory, page)) != zero:
            yield memory, page, data


def _apart(state: Contents) -> Iterator[Page]:
    """The pages that differ from the base."""
    for memory, pages in enumerate(state.pages):
        yield from ((memory, page, pages[page]) for page in sorted(pages))


def _header(state: Contents, about: Mapping[str, Any], pages: Iterable[Page], base: str) -> dict[str, Any]:
    from orchestrator.engine.snapshot import Snapshot

    restorable = isinstance(state, Snapshot) and state.portable
    return {
        "component": state.digest,
        "bulk": state.variant.bulk,
        "metered": state.variant.metered,
        "form": STATE_FORM,
        "page": PAGESIZE,
        "sizes": state.sizes,
        "runs": _runs(pages, len(state.sizes)),
        "base": base,
        "restorable": restorable,
        "host": state.host if isinstance(state, Snapshot) and restorable else None,
        "about": about,
    }


def _runs(pages: Iterable[Page], memories: int) -> list[list[list[int]]]:
    """Pages that follow each other, of each memory: the first and how many."""
    runs: list[list[list[int]]] = [[] for _ in range(memories)]
    for memory, page, _ in pages:
        found = runs[memory]
        if found and sum(found[-1]) == page:
            found[-1][1] += 1
        else:
            found.append([page, 1])
    return runs


def _write(path: Path, header: Mapping[str, Any], pages: Iterable[Page]) -> None:
    temporary = ""
    _refuse_special(path)
    try:
        data = json.dumps(header, separators=(",", ":")).encode()
        if len(data) > MAX_HEADER:
            raise SnapshotError(f"what is to be said of the state takes {len(data)} bytes; {MAX_HEADER} are allowed")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            _fill(file, _SIZE.pack(len(data)) + data, pages)
        Path(temporary).replace(path)
    except OSError as problem:
        _discard(temporary)
        why = problem.strerror or problem
        raise SnapshotError(f"cannot save a state as {printable(str(path))}: {why}") from problem
    except BaseException:
        _discard(temporary)
        raise


def _refuse_special(path: Path) -> None:
    """Refuses what is there and no regular file: it would be replaced by one."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder the system says so itself
            what = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
            raise SnapshotError(f"cannot save a state as {printable(str(path))}: it is {what}")


def _discard(temporary: str) -> None:
    if temporary:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()


def _fill(file: IO[bytes], header: bytes, pages: Iterable[Page]) -> None:
    digest, packer = hashlib.sha256(), zlib.compressobj(1)
    file.write(bytes(_START))

    def put(data: bytes) -> None:
        digest.update(data)
        file.write(data)

    put(header)
    for _, _, data in pages:
        put(packer.compress(data))
    put(packer.flush())
    file.seek(0)
    file.write(MAGIC + digest.digest())
    file.flush()
    os.fsync(file.fileno())


# Reading


def read(path: Path) -> Saved:
    """What a file says of the state that it holds.

    Raises:
        SnapshotError: it cannot be read, or holds none.
    """
    with _opened(path) as file:
        return _checked(path, file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                _refuse(path, "it is no regular file")
            yield file
    except OSError as problem:
        raise SnapshotError(f"cannot read a state from {printable(str(path))}: {problem.strerror}") from problem


def _refuse(path: Path, why: str) -> NoReturn:
    raise SnapshotError(f"{printable(str(path))} holds no state that can be used: {why}")


def _checked(path: Path, file: IO[bytes]) -> Saved:
    """What it says; its pages begin where the file stands then."""
    size = os.fstat(file.fileno()).st_size
    if size > _MAX_FILE:
        _refuse(path, f"it has {size} bytes, and a state has {_MAX_FILE} at most")
    begin = file.read(_START)
    if begin[: len(MAGIC)] != MAGIC:
        _refuse(path, f"it begins with {begin[: len(MAGIC)].hex(' ') or 'nothing'}, not with {MAGIC.hex(' ')}")
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    if digest.digest() != begin[len(MAGIC) :]:
        _refuse(path, "it is damaged, or not all of it is there: its digest is another")
    file.seek(_START)
    length = file.read(_SIZE.size)
    if len(length) < _SIZE.size or _SIZE.unpack(length)[0] > MAX_HEADER:
        _refuse(path, f"its header is cut or larger than {MAX_HEADER} bytes")
    try:
        return _from_header(path, json.loads(file.read(_SIZE.unpack(length)[0])))
    except (KeyError, TypeError, ValueError, RecursionError):
        _refuse(path, "its header has another form")


def _from_header(path: Path, header: Any) -> Saved:
    """The header, checked; whatever has another form is one of the errors of Python for that."""
    page = _number(header["page"])
    if page != PAGESIZE:
        _refuse(path, f"it was saved in pages of {page} bytes, and this system has pages of {PAGESIZE}")
    sizes = tuple(map(_number, header["sizes"]))
    if len(sizes) > _MAX_MEMORIES or any(size % _PAGE for size in sizes):
        raise ValueError("memories")
    if sum(sizes) > MOST:
        _refuse(path, f"its memories have {sum(sizes)} bytes, and {MOST} are taken")
    runs = tuple(_checked_runs(memory, size) for memory, size in zip(header["runs"], sizes, strict=True))
    flags, texts = (header["metered"], header["restorable"]), (header["component"], header["bulk"], header["base"])
    if not all(isinstance(flag, bool) for flag in flags) or not all(isinstance(text, str) for text in texts):
        raise TypeError("flags and texts")
    base = header["base"]
    if base and (len(base) != 64 or set(base) - set("0123456789abcdef")):
        raise ValueError("base")
    if not isinstance(header["about"], dict):
        raise TypeError("about")
    return Saved(
        path, header["component"], header["bulk"], header["metered"], str(header["form"]), sizes, runs, base,
        header["restorable"], header["host"], header["about"],
    )  # fmt: skip


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a number")
    return value


def _checked_runs(runs: Any, size: int) -> tuple[tuple[int, int], ...]:
    """Runs of pages, in their order, none of which is twice or behind the memory's end."""
    free, found = 0, list[tuple[int, int]]()
    for first, count in runs:
        if _number(first) < free or _number(count) < 1:
            raise ValueError("pages")
        free = first + count
        found.append((first, count))
    if free * PAGESIZE > size:
        raise ValueError("pages")
    return tuple(found)


def _pages(saved: Saved) -> Iterator[Page]:
    with _opened(saved.path) as file:
        if _checked(saved.path, file) != saved:
            _refuse(saved.path, "it changed while it was read")
        unpacker, rest = zlib.decompressobj(), b""
        try:
            for memory, runs in enumerate(saved.runs):
                for first, count in runs:
                    for page in range(first, first + count):
                        data, rest = _unpacked(unpacker, file, rest)
                        yield memory, page, data
            _refuse_more(unpacker, file, rest)
        except (zlib.error, ValueError, EOFError):
            _refuse(saved.path, "its pages are not those that it lists")


def _unpacked(unpacker: Any, file: IO[bytes], rest: bytes) -> tuple[bytes, bytes]:
    """The next page, and what was read and is not unpacked yet."""
    out = b""
    while len(out) < PAGESIZE:
        rest = rest or file.read(_BLOCK)
        found = unpacker.decompress(rest, PAGESIZE - len(out))
        if not found and (unpacker.eof or not rest):
            raise EOFError
        out, rest = out + found, unpacker.unconsumed_tail
    return out, rest


def _refuse_more(unpacker: Any, file: IO[bytes], rest: bytes) -> None:
    while not unpacker.eof and (rest := rest or file.read(_BLOCK)):
        if unpacker.decompress(rest, 1):
            raise ValueError("more than its pages")
        rest = unpacker.unconsumed_tail
    if not unpacker.eof or unpacker.unused_data or file.read(1):
        raise ValueError("something behind its pages")


def base_of(saved: Saved, bases: Path | None) -> Saved:
    """The base of a state that has one.

    Raises:
        SnapshotError: nobody said where it is, or it cannot be read.
    """
    if bases is None:
        _refuse(saved.path, f"{_APART}, and nobody said where that is")
    found = read(bases / base_name(saved.base))
    if len(found.sizes) != len(saved.sizes) or found.base:
        _refuse(found.path, "it is no base of such a state")
    return found


def _place(page: Page) -> tuple[int, int]:
    """Where a page is: pages of a file come in that order."""
    return page[:2]


def whole(saved: Saved, bases: Path | None) -> Iterator[Page]:
    """All its pages that are not zero, those of its base among them, one at a time in their order.

    Raises:
        SnapshotError: it or its base cannot be read.
    """
    zero, below = bytes(PAGESIZE), base_of(saved, bases).pages() if saved.base else ()
    for (memory, page), found in groupby(heapq.merge(saved.pages(), below, key=_place), key=_place):
        *_, data = next(found)  # its own stands before that of the base
        if page * PAGESIZE < saved.sizes[memory] and data != zero:
            yield memory, page, data


def copy(saved: Saved, path: Path, bases: Path | None) -> None:
    """Writes it as a full state, which needs no base, into another file.

    Raises:
        SnapshotError: it cannot be read or written.
    """
    header = {
        "component": saved.component,
        "bulk": saved.bulk,
        "metered": saved.metered,
        "form": saved.form,
        "page": PAGESIZE,
        "sizes": saved.sizes,
        "runs": _runs(whole(saved, bases), len(saved.sizes)),
        "base": "",
        "restorable": saved.restorable,
        "host": saved.host,
        "about": saved.about,
    }
    _write(path, header, whole(saved, bases))


# Loading


def restored(saved: Saved, component: Component, *, most: int = MOST) -> Snapshot:
    """The full state of a file, to which instances of the component can be brought with `put`.

    Arguments:
        saved: the file, as it was read; it is refused where it has changed since.
        component: in the variant of which there are to be instances.
        most: bytes that the memories of these may have together.

    Raises:
        SnapshotError: the file holds no such state, a larger one, or another component's.
    """
    path = saved.path
    _refuse_foreign(saved, component)
    if saved.base:
        _refuse(path, f"{_APART}; `orchestrator snapshot export` writes all of it")
    size = sum(saved.sizes) - component.keeper
    if size > most:
        _refuse(path, f"its memories have {size} bytes, and {most} are allowed")
    from orchestrator.engine._base import Base
    from orchestrator.engine.snapshot import Snapshot

    try:
        base = Base.of_pages(saved.sizes, saved.pages())
    except OSError as problem:
        raise SnapshotError(f"the system has no room for the state in {printable(str(path))}: {problem}") from problem
    none: tuple[dict[int, bytes], ...] = tuple({} for _ in saved.sizes)
    return Snapshot(component.digest, component.variant, base, saved.sizes, none, {}, saved.host)


def _refuse_foreign(saved: Saved, component: Component) -> None:
    """Refuses the state of another component, or of the same that was compiled in another way."""
    if saved.component != component.digest:
        _refuse(saved.path, f"it is of the component sha256:{printable(saved.component)}, not of {component.name}")
    if not saved.restorable:
        _refuse(saved.path, "it was kept to be looked at, and no instance can be brought there")
    variant = Variant(component.variant.bulk, component.variant.metered, True)
    if (saved.bulk, saved.metered, saved.form) != (variant.bulk, variant.metered, STATE_FORM):
        _refuse(saved.path, "it is of the component compiled in another way, or by another version of this engine")
    if component.variant != variant:
        _refuse(saved.path, f"{component.name} is not linked to be taken back: {component.way.reason or 'see `kept`'}")
