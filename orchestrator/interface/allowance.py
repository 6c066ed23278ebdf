"""How many objects values may become, and whether making them should still go on.

A value of a guest is bytes until something asks for it in Python, and a byte may stand for a tuple in a tuple in a
tuple. So whatever makes objects of a value is given an allowance: it counts the objects of each list before the first
of them is made, and looks now and then whether whoever waits for them still does. What goes through a value that is
there already makes nothing, and only looks; it asks for the allowance that is in force on its thread (`here`), where
that is whoever began it has said (`with Allowance(...)`).

Not for bytes: a guest's memory bounds those, and a text or a list of bytes is one object.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

from orchestrator.errors import LimitExceeded
from orchestrator.interface.types import U8, Flags, List, Option, Result, Type, Variant, children, walk

MOST = 16 << 20
"""Objects that the values of one call may become at most: some gigabyte."""
LOOK = 16 << 10
"""Objects that are made, or gone through, between two looks: some milliseconds."""

Check = Callable[[], None]
"""Raises why to go no further."""
See = Callable[[Check], Any]
"""(what is asked now and then whether to go on) -> values in their Python forms: they are made when it is called.

Raises:
    LimitExceeded: they would be more objects than they may.
    RunError: what the check raises.
"""
T = TypeVar("T")


def once(read: See) -> See:
    """The same, which reads the first time only."""
    found: list[Any] = []

    def seen(check: Check) -> Any:
        if not found:
            found.append(read(check))
        return found[0]

    return seen


def go_on() -> None:
    """The check of what nothing ends."""


def too_many(found: int, most: int) -> LimitExceeded:
    """The error for values that would become more objects than they may."""
    return LimitExceeded(
        f"the values of a call would be {found} objects of the host or more, and may be {most}: pass less at a time, "
        "or texts and bytes, which are one each; a contract's `max-bytes` or `max-response` says sooner what is too "
        "large",
        limit="values",
    )


def no_room() -> LimitExceeded:
    """The error for values that the system has no memory for."""
    return LimitExceeded("the host has no memory left for the values of a call: pass less at a time", limit="values")


class Allowance:
    """What is left of the objects that may be made.

    Arguments:
        most: of one value, or of the values of one call.
        check: asked every some thousand objects.
    """

    __slots__ = ("_check", "_first", "_left", "_most", "_next", "_outer", "_passed")

    def __init__(self, most: int = MOST, check: Check = go_on) -> None:
        self._most, self._check = most, check
        self._first = max(0, most - LOOK)
        self._left, self._next, self._passed = most, self._first, LOOK

    def again(self) -> None:
        """Another value, or another call: all of it may be used."""
        self._left, self._next = self._most, self._first

    def take(self, count: int) -> None:
        """Counts objects that are about to be made.

        Raises:
            LimitExceeded: they are more than may be made.
            RunError: what the check raises.
        """
        self._left -= count
        if self._left < self._next:
            self._look()

    def look(self) -> None:
        """Looks whether to go on.

        Raises:
            RunError: what the check raises.
        """
        self._check()

    def _look(self) -> None:
        if self._left < 0:
            raise too_many(self._most - self._left, self._most)
        self._next = max(0, self._left - LOOK)
        self._check()

    def walk(self, items: Iterable[T], count: int, each: int = 1) -> Iterable[T]:
        """The items, for each of which objects are made: they are counted now, and looked at as they are taken.

        Arguments:
            count: how many they are.
            each: the objects of one, without those of lists in it, which are counted when they are met.
        """
        objects = count * each
        self._left -= objects
        if self._left < self._next:
            self._look()
        return items if objects <= LOOK else chain.from_iterable(self._parts(items, count, max(1, LOOK // each)))

    def listed(self, numbers: memoryview) -> list[Any]:
        """An array of numbers as a list."""
        self.take(len(numbers))
        return numbers.tolist()

    def passing(self, items: Iterable[T], count: int) -> Iterable[T]:
        """The items, of which nothing is made: they are only looked at as they are taken."""
        self._passed -= count
        if self._passed < 0:
            self._passed = LOOK
            self._check()
        return items if count <= LOOK else chain.from_iterable(self._parts(items, count, LOOK))

    def _parts(self, items: Iterable[T], count: int, step: int) -> Iterator[Iterable[T]]:
        left = iter(items)
        for _ in range(0, count, step):
            self._check()
            yield islice(left, step)

    def __enter__(self) -> Allowance:
        self._outer, _here.allowed = _here.allowed, self
        return self

    def __exit__(self, *_: object) -> None:
        _here.allowed = self._outer


class _Here(threading.local):
    """Of each thread the allowance that is in force: where nobody said so, the values are the host's own."""

    def __init__(self) -> None:
        self.allowed = Allowance(sys.maxsize)


_here = _Here()


def here() -> Allowance:
    """The allowance that is in force on this thread."""
    return _here.allowed


def counts(types: Iterable[Type]) -> bool:
    """Whether values of the types have lists whose objects are counted: all but texts and bytes may be."""
    return any(isinstance(part, List) and part.element != U8 for type_ in types for part in walk(type_))


@lru_cache(maxsize=4096)
def objects(type_: Type) -> int:
    """How many objects a value of a type is at most, without what its lists hold.

    A record counts as one more than its fields, a set of flags as one more than its names: they take as much room.
    """
    parts = () if isinstance(type_, List) else tuple(map(objects, children(type_)))
    match type_:
        case Flags(names):
            return 1 + len(names)
        case Option(some):
            return parts[0] + (2 if isinstance(some, Option) else 0)
        case Result() | Variant():
            return 2 + max(parts, default=0)
        case _:
            return 1 + sum(parts)
