"""The linear memories of guests, which this engine owns: mapped, counted against their instance's limit, recycled.

wasmtime asks for a memory while it instantiates, on the same thread, and says nothing of the store it is for. So an
instance has a `Bank`, and `with bank:` around its instantiation has the memories that are made meanwhile belong to it.
It gives a memory back when the store is freed; its mapping is then made what it was, and the next memory of the same
shape gets it: that takes one system call, where mapping and unmapping take four.

The callbacks live as long as the module, since wasmtime keeps their addresses. A memory in use is found by its base.

Source: the headers of wasmtime 50, `wasmtime/config.h`.
"""

from __future__ import annotations

import ctypes
import resource
import struct
import threading
from collections.abc import Sequence
from mmap import PAGESIZE
from threading import get_ident
from typing import TYPE_CHECKING

from orchestrator.engine import _native as c
from orchestrator.engine import _posix
from orchestrator.engine._arena import SHIM_LEAST, WORD, bound
from orchestrator.engine._libc import END
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import MEMORY

if TYPE_CHECKING:
    from wasmtime import Config

    from orchestrator.engine._image_file import Mapped

_ADDRESSES = resource.getrlimit(resource.RLIMIT_AS)[0]
SPARE = 1 << 38 if _ADDRESSES == resource.RLIM_INFINITY else _ADDRESSES // 4
"""Bytes of addresses that spare mappings may take together: those of sixty-odd, each of which holds a page at most."""
_WORD, _FOUR = struct.Struct("<Q").pack_into, struct.Struct("<QQQQ").pack_into


class Refused(Exception):
    """A memory cannot be made or grown; its text is the error's that wasmtime gives back (see `_failure`)."""


Shape = tuple[int, int, int, "Mapped | None"]
"""What two memories have in common of which one can have the other's mapping: the bytes they begin with, those
that they can grow to, those of the guard behind, and their image. A plain tuple, since one is made for every memory."""


def addresses(shape: Shape) -> int:
    """Bytes of the whole mapping."""
    return shape[1] + shape[2]


class Written:
    """What of a memory has pages of its own, in place of those of the file that it is mapped from."""

    __slots__ = ("copies", "debt", "faults", "least", "pages", "regions")

    def __init__(self) -> None:
        self.regions: list[tuple[int, int]] = []
        """From which address to which each is."""
        self.copies: list[tuple[slice, memoryview]] = []
        """The same regions, with what the file holds of them."""
        self.pages = self.least = 0
        """How many pages these are together, and how many they were the first time."""
        self.faults = -1
        """The process's count of page faults when the regions were looked for last: see `_posix.faults`."""
        self.debt = 0.0
        """Pages that have been copied needlessly so far, as far as can be guessed."""


class Memory:
    """A linear memory: where it lies and how large it is, in bytes; both are 0 when it is gone.

    Arguments:
        kept: bytes from its start that are there from the beginning, and stay when its mapping is made new.
    """

    __slots__ = ("bank", "base", "changed", "kept", "mapped", "shape", "size", "written")

    def __init__(self, bank: Bank, shape: Shape, base: int, size: int, kept: int = 0) -> None:
        self.bank, self.shape, self.base, self.size, self.kept = bank, shape, base, size, kept
        self.mapped = 0
        """Bytes from its start that are, or were, of a file that is not its image's."""
        self.changed = False
        """Whether any of its mapping is not what it was at first, so that it cannot be made new."""
        self.written: Written | None = None
        """What of the file that it is mapped from it was last seen to have pages of its own for."""

    def view(self) -> memoryview:
        """Its bytes as they are now: when it has grown there are more. Good as long as its instance lives."""
        return MEMORY[self.base : self.base + self.size]

    def grow(self, size: int) -> None:
        """Makes it larger; it stays where it is.

        Raises:
            Refused: its addresses or its instance's limit do not hold so much.
            OSError: the system does not.
        """
        more = size - self.size
        if size > self.shape[1] or more > self.bank.left:
            self.bank.refuse()
            raise Refused(f"a memory of {size} bytes is larger than it may be")
        _posix.allow(self.base + self.size, more)
        self.bank.left -= more
        self.size = size

    def resize(self, size: int) -> None:
        """Makes it as large as it was at another time; what is added is zero.

        Raises:
            Refused, OSError: see `grow`; or the process has too many mappings.
        """
        if size >= self.size:
            self.grow(size)
            return
        self.blank(size)
        _posix.forbid(self.base + size, self.size - size)
        self.bank.left += self.size - size
        self.size = size

    def blank(self, start: int) -> None:
        """Makes it zero from there to its end, which is where it had nothing at first.

        Raises:
            OSError: the system does not take memory back, or the process has too many mappings.
        """
        if start >= self.size:
            return
        self.written = None
        if start < self.mapped:
            _posix.map_nothing(self.base + start, self.mapped - start)
            self.mapped = start
        _posix.forget(self.base + start, self.size - start)

    def map(self, descriptor: int, offset: int, size: int) -> None:
        """Has it begin with what a file holds there, whole pages.

        Raises:
            ValueError: it is not so large: what lies behind it is no guest's to touch.
            OSError: the file cannot be mapped.
        """
        if size > self.size:
            raise ValueError(f"a memory of {self.size} bytes cannot hold {size}")
        self.written = None
        _posix.map_file(self.base, size, descriptor, offset)
        self.mapped, self.changed = max(self.mapped, size), True

    def free(self) -> None:
        """Gives its mapping back."""
        shape, base, size = self.shape, self.base, self.size
        self.base = self.size = 0
        if not self.changed and _cleaned(base, size, shape[0], self.kept):
            spare.put(shape, base)
        else:
            _posix.release(base, addresses(shape))


class Bank:
    """The memories of one instance, in the order in which they are made.

    `begun` are those that began with a page or more: their order is what a binary tells. `refused` says whether one was
    not let grow since the instance was entered: most guests end soon after, in a way that does not say why.

    Arguments:
        limit: bytes of all of them together.
        images: what each of those holds at first that begin with a page or more, in their order; () for nothing.
        shim: whether the first of `begun` is not the guest's but ours: it is nearly 4 GiB, not counted, and there as it
            is touched.
    """

    __slots__ = ("_images", "_next", "_outer", "_shim", "begun", "context", "left", "memories", "own", "refused")

    def __init__(self, limit: int, images: Sequence[Mapped | None] = (), shim: bool = False) -> None:
        self.left = limit
        self.memories: list[Memory] = []
        self.own: list[Memory] = []
        """Those of the guest itself, and of its keeper where it has one: all but the shim's."""
        self.begun: list[Memory] = []
        self.refused = False
        self.context = 0
        """Of the store, by which the instance is found."""
        self._images, self._next, self._shim = images, 0, shim
        self._outer: Bank | None = None

    def __enter__(self) -> Bank:
        """Has this thread's instantiations make their memories here."""
        thread = get_ident()
        self._outer = _current.get(thread)
        _current[thread] = self
        return self

    def __exit__(self, *_: object) -> None:
        """Goes back to the bank of the instantiation that this one happened in."""
        if self._outer is None:
            del _current[get_ident()]
        else:
            _current[get_ident()] = self._outer
            self._outer = None

    def refuse(self) -> None:
        """One was not let grow: the instance is to look at that when it is left."""
        self.refused = True
        instance = LIVE.get(self.context)
        if instance is not None:
            instance.swollen = True

    def make(self, minimum: int, capacity: int, guard: int) -> Memory:
        """The next memory.

        Raises:
            Refused: it is larger than what is left of the limit, or not the memory that its image belongs to.
            OSError: the system has no room for it.
        """
        image = self._image(minimum) if self._images else None
        shape = (minimum, capacity if capacity > minimum else minimum, guard, image)
        ours = self._shim and minimum > 0 and not self.begun
        if ours:
            memory = self._mapped(shape)
        elif minimum > self.left:
            raise Refused(f"memory minimum size of {minimum} bytes exceeds the {self.left} that are left of the limit")
        else:
            memory = Memory(self, shape, spare.take(shape) or _new(shape, minimum), minimum)
            self.left -= minimum
        self.memories.append(memory)
        if not ours:
            self.own.append(memory)
        if minimum:
            self.begun.append(memory)
        return memory

    def _image(self, minimum: int) -> Mapped | None:
        """The image of the next memory; one that is made empty, as a heap of objects is, has no place in the order."""
        if not minimum:
            return None
        number, self._next = self._next, self._next + 1
        image = self._images[number] if number < len(self._images) else None
        if number >= len(self._images) or (image is not None and image.minimum != minimum):
            raise Refused("the component's memories are not made in the order that its binary says")
        return image

    def _mapped(self, shape: Shape) -> Memory:
        """The shim's memory: less of it where the system promises no more than it has (`vm.overcommit_memory` 2).

        The guest gets no room past `END` from the shim's allocator, so nothing touches what is not there. The page with
        that word is touched by every instance: it stays, since a page fault takes longer than all else here.
        """
        base, size = spare.take(shape), shape[0]
        if not base:
            try:
                base = _new(shape, size)
            except OSError:
                size = min(size, SHIM_LEAST)
                base = _new(shape, size)
        WORD.pack_into(MEMORY, base + END, min(size, bound(self.left)))
        return Memory(self, shape, base, size, PAGESIZE)


def _new(shape: Shape, size: int) -> int:
    """A mapping of which so many bytes can be used; the spare ones give way where addresses are short.

    Raises:
        OSError: the system has no room for it.
    """
    try:
        base = _posix.reserve(addresses(shape))
    except OSError:
        if not spare.clear():
            raise
        base = _posix.reserve(addresses(shape))
    try:
        _posix.allow(base, size)
        image = shape[3]
        if image is not None:
            _posix.map_file(base + image.at, image.length, image.file.descriptor, image.offset)
    except OSError:
        _posix.release(base, addresses(shape))
        raise
    return base


def _cleaned(base: int, size: int, minimum: int, kept: int) -> bool:
    """Makes a mapping what it was when it was new; whether that is what it is now."""
    if size < minimum:
        return False
    try:
        _posix.forget(base + kept, size - kept)
        if size > minimum:
            _posix.forbid(base + minimum, size - minimum)
    except OSError:
        return False
    if kept:
        MEMORY[base : base + kept] = bytes(kept)
    return True


class _Spare:
    """Mappings without a memory, by their shape; the shapes in the order in which they were last given back.

    The lock can be taken again by the thread that has it: a memory may be freed by whatever runs while it is held.
    """

    def __init__(self) -> None:
        self._bases: dict[Shape, list[int]] = {}
        self._held = 0
        self._lock = threading.RLock()

    def take(self, shape: Shape) -> int:
        """The base of a mapping of that shape; 0 if there is none."""
        with self._lock:
            bases = self._bases.get(shape)
            if not bases:
                return 0
            self._held -= addresses(shape)
            base = bases.pop()
            if not bases:
                del self._bases[shape]
            return base

    def put(self, shape: Shape, base: int) -> None:
        """Keeps a mapping that is as new; the one that was needed least lately goes where there are too many."""
        with self._lock:
            bases = self._bases.pop(shape, [])
            bases.append(base)
            self._bases[shape] = bases
            self._held += addresses(shape)
            while self._held > SPARE:
                self._drop()

    def clear(self) -> bool:
        """Unmaps all of them; whether there were any."""
        with self._lock:
            some = self._held > 0
            while self._held:
                self._drop()
            return some

    def _drop(self) -> None:
        shape = next(iter(self._bases))
        _posix.release(self.take(shape), addresses(shape))


spare = _Spare()
_current: dict[int, Bank] = {}
"""The bank that a thread makes memories for, by the thread's number."""
_live: dict[int, Memory] = {}
"""The memories in use, by their bases."""


def _new_memory(_env: int, _type: int, minimum: int, _maximum: int, capacity: int, guard: int, out: int) -> int:
    try:
        bank = _current.get(get_ident())
        if bank is None:
            raise Refused("a memory is made outside of an instantiation")
        memory = bank.make(minimum, capacity, guard)
        _live[memory.base] = memory
        _FOUR(MEMORY, out, memory.base, _GET, _GROW, _FREE)
    except BaseException as problem:
        return _error(problem)
    return 0


def _get_memory(base: int, size: int, capacity: int) -> int:
    memory = _live[base]
    _WORD(MEMORY, size, memory.size)
    _WORD(MEMORY, capacity, memory.shape[1])
    return base


def _grow_memory(base: int, size: int) -> int:
    try:
        _live[base].grow(size)
    except BaseException as problem:
        return _error(problem)
    return 0


def _free_memory(base: int) -> None:
    _live.pop(base).free()


def _error(problem: BaseException) -> int:
    """The C error for what was raised: wasmtime says it on, or has `memory.grow` answer -1."""
    text = f"the system has no memory for a guest: {problem}" if isinstance(problem, OSError) else str(problem)
    return int(c.error_new(text.encode("utf-8", "replace")))


_SIZE = ctypes.c_size_t
_callbacks = (
    ctypes.CFUNCTYPE(_SIZE, _SIZE, _SIZE, _SIZE)(_get_memory),
    ctypes.CFUNCTYPE(_SIZE, _SIZE, _SIZE)(_grow_memory),
    ctypes.CFUNCTYPE(None, _SIZE)(_free_memory),
)
_GET, _GROW, _FREE = map(c.address, _callbacks)
_creator_callback = ctypes.CFUNCTYPE(_SIZE, *[_SIZE] * 7)(_new_memory)
_creator = (ctypes.c_uint64 * 3)(0, c.address(_creator_callback), 0)
"""A `wasmtime_memory_creator_t`: what it is called with, what makes memories, no finalizer."""


def own(config: Config) -> None:
    """Has the engines of a configuration ask here for every linear memory.

    Copy-on-write images of wasmtime's own are turned off: with both on, it ends the process.
    """
    config.memory_init_cow = False
    c.config_memory_creator(c.address(config.ptr()), ctypes.addressof(_creator))
