"""Images of memories, and the file beside a component's machine code that holds them.

Only what is written into the cache and read from it, by plain files: `_images` takes images out of a binary, and
`_memories` maps them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = 65536
"""Bytes of a page of linear memory; no smaller than a page of any system."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a memory holds when it is made; around and between its segments it is zero.

    Arguments:
        minimum: bytes of the memory when it is made.
        segments: places and bytes, none empty, in the order in which they are written.
    """

    minimum: int
    segments: tuple[tuple[int, bytes], ...]

    @property
    def at(self) -> int:
        """Where the first page begins that is not zero."""
        return min(at for at, _ in self.segments) // PAGE * PAGE

    @property
    def length(self) -> int:
        """Bytes from there to the end of the last page that is not zero."""
        return -(-max(at + len(data) for at, data in self.segments) // PAGE) * PAGE - self.at


def distinct(images: Iterable[Image | None]) -> list[Image]:
    """Each image once, in the order of its first memory: a module that is instantiated twice has one."""
    return list({id(image): image for image in images if image is not None}.values())


def write(path: Path, images: Iterable[Image | None]) -> None:
    """Writes images one behind the other, with holes where they are zero."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        start = 0
        for image in distinct(images):
            for at, data in image.segments:
                file.seek(start + at - image.at)
                file.write(data)
            start += image.length
        file.truncate(start)


def places(images: Sequence[Image | None]) -> list[list[int] | None]:
    """Where each is in the file, as the cache keeps it: [offset, length, place in the memory, the memory's minimum]."""
    starts, start = dict[int, int](), 0
    for image in distinct(images):
        starts[id(image)] = start
        start += image.length
    return [None if image is None else [starts[id(image)], image.length, image.at, image.minimum] for image in images]


class Mapped:
    """An image in an open file, ready to be mapped; memories are recycled among those of the same object."""

    __slots__ = ("at", "file", "length", "minimum", "offset")

    def __init__(self, file: ImageFile, offset: int, length: int, at: int, minimum: int) -> None:
        self.file, self.offset, self.length, self.at, self.minimum = file, offset, length, at, minimum


class ImageFile:
    """An open file of images, closed when nothing holds it any more; what is mapped of it stays.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = -1
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self.descriptor).st_size

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self.descriptor >= 0:
            close(self.descriptor)


def check(known: Any) -> list[list[int] | None]:
    """What the cache keeps of images, if it is what `places` gives.

    Raises:
        TypeError, ValueError: it is not.
    """
    if not isinstance(known, list):
        raise TypeError("images are a list")
    for each in known:
        if each is None:
            continue
        _offset, length, at, minimum = each
        if not all(type(number) is int and number >= 0 and number % PAGE == 0 for number in each):
            raise ValueError("an image is whole pages")
        if not 0 < length <= at + length <= minimum:
            raise ValueError("an image lies in its memory")
    return known


def opened(path: Path, known: Sequence[Sequence[int] | None]) -> tuple[Mapped | None, ...]:
    """The images of a component, in the order of its memories.

    Raises:
        OSError: there is no such file.
        ValueError: it is shorter than the images: touching what is not there would end the process.
    """
    if not any(known):
        return ()
    file = ImageFile(path)
    if file.size < max(each[0] + each[1] for each in known if each):
        raise ValueError("the file of images is cut")
    made: dict[tuple[int, ...], Mapped] = {}
    return tuple(made.setdefault(tuple(each), Mapped(file, *each)) if each else None for each in known)
