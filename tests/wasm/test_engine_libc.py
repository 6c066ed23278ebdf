"""The allocator of the memory that a shim has: blocks, their growth, and the memory's end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import Engine, Instance, Module, Store, Trap

from orchestrator.engine._libc import NEXT, libc


class _Heap:
    """The allocator by itself."""

    def __init__(self, pages: int, most: int) -> None:
        engine = Engine()
        self._store = Store(engine)
        text = "(module" + libc("$m", pages, most).removeprefix("(core module $m")
        exports = Instance(self._store, Module(engine, text), []).exports(self._store)
        self._realloc: Any = exports["realloc"]
        self.memory: Any = exports["memory"]

    def __call__(self, old: int, had: int, alignment: int, size: int) -> int:
        return int(self._realloc(self._store, old, had, alignment, size)) & 0xFFFFFFFF

    def read(self, at: int, size: int) -> bytes:
        return bytes(self.memory.read(self._store, at, at + size))

    def write(self, at: int, data: bytes) -> None:
        self.memory.write(self._store, bytearray(data), at)

    @property
    def size(self) -> int:
        return int(self.memory.data_len(self._store))


def test_blocks_lie_one_after_the_other_as_they_are_aligned() -> None:
    heap = _Heap(1, 1)
    assert [heap(0, 0, 1, 3), heap(0, 0, 1, 1), heap(0, 0, 8, 8), heap(0, 0, 4, 0), heap(0, 0, 2, 2)] == [
        64, 67, 72, 80, 80,
    ]  # fmt: skip


def test_the_last_block_grows_and_shrinks_in_its_place_and_others_move() -> None:
    heap = _Heap(1, 1)
    first = heap(0, 0, 4, 4)
    heap.write(first, b"abcd")
    assert heap(first, 4, 4, 8) == first
    second = heap(0, 0, 4, 4)
    assert heap(first, 8, 4, 6) == first
    moved = heap(first, 8, 4, 12)
    assert (second, moved) == (first + 8, first + 12)
    assert heap.read(moved, 4) == b"abcd"
    assert heap(moved, 12, 4, 2) == moved
    assert heap(0, 0, 1, 1) == moved + 2


@pytest.mark.parametrize(("pages", "most"), [(1, 1), (1, 3)])
def test_no_room_beyond_the_memory_is_handed_out(pages: int, most: int) -> None:
    heap = _Heap(pages, most)
    assert heap(0, 0, 1, (most << 16) - 64) == 64
    assert heap(0, 0, 1, 0) == most << 16
    assert heap.size == most << 16
    for alignment, size in ((1, 1), (8, 2**32 - 1), (1, 2**31)):
        with pytest.raises(Trap):
            heap(0, 0, alignment, size)


@pytest.mark.parametrize("beyond", [2**32 - 1, 2**32 - 8])
def test_room_that_the_host_says_is_beyond_the_memory_is_not_handed_out(beyond: int) -> None:
    heap = _Heap(1, 1)
    heap.write(NEXT, beyond.to_bytes(4, "little"))
    with pytest.raises(Trap):
        heap(0, 0, 8, 16)


@settings(max_examples=100, deadline=None)
@given(
    requests=st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.integers(0, 5000), st.integers(0, 5000)), max_size=12)
)
def test_no_two_blocks_overlap_and_each_keeps_its_content(requests: list[tuple[int, int, int]]) -> None:
    heap = _Heap(1, 4)
    blocks: list[tuple[int, bytes]] = []
    for number, (alignment, before, after) in enumerate(requests):
        at = heap(0, 0, alignment, before)
        heap.write(at, bytes([number + 1]) * before)
        grown = heap(at, before, alignment, after)
        assert grown % alignment == 0
        assert heap.read(grown, min(before, after)) == bytes([number + 1]) * min(before, after)
        content = bytes([number + 101]) * after
        heap.write(grown, content)
        blocks.append((grown, content))
    assert [heap.read(at, len(content)) for at, content in blocks] == [content for _, content in blocks]
