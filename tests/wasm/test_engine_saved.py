"""States in files: what is saved is loaded, by the component it is of and by no other; damage is refused and named."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.random import Numbers
from orchestrator.engine import CannotKeep, Engine, capture
from orchestrator.engine._base import Base
from orchestrator.engine.saved import MAGIC, copy, read, save
from orchestrator.errors import ClosedError, SnapshotError, Trapped
from tests.support.keeping import Keeping, Kept, keeping, load, one_module, rewritten

GUEST = one_module(
    """(memory 3) (data (i32.const 100) "at first") (global $g (mut i64) (i64.const 1))
    (func (export "set") (param i32 i32) (result i32)
      (i32.store (local.get 0) (local.get 1)) (global.set $g (i64.extend_i32_u (local.get 1))) (i32.const 0))
    (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "own") (result i32) (i32.wrap_i64 (global.get $g)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))""",
    ("set/2", "get/1", "own/0", "grow/1", "size/0"),
)


@pytest.fixture
def guest(engine: Engine) -> Iterator[Keeping]:
    with keeping(engine, GUEST) as made:
        yield made


def changed(guest: Keeping) -> Kept:
    """An instance that wrote something and grew, after a state of it was taken."""
    one = guest.fresh()
    one.take()
    one.call("set", 70_000, 7)
    one.call("grow", 2)
    one.call("set", 300_000, 9)
    return one


def contents(one: Kept) -> list[Any]:
    return [one.memories(), one.call("own"), one.call("size")]


@pytest.mark.parametrize("apart", [False, True], ids=["whole", "beside a base"])
def test_what_is_saved_is_loaded(guest: Keeping, tmp_path: Path, apart: bool) -> None:
    one, other = changed(guest), guest.fresh()
    path, bases = tmp_path / "a.state", tmp_path if apart else None
    save(one.take(), path, {"why": "a test"}, bases=bases)
    found = read(path)
    assert (found.about, found.restorable, found.component) == ({"why": "a test"}, True, guest.component.digest)
    assert (found.count, bool(found.base)) == ((3, True) if apart else (4, False))
    assert sorted(file.name.partition(".")[2] for file in tmp_path.iterdir()) == ["base"] * apart + ["state"]
    expected = contents(one)
    if apart:
        copy(found, tmp_path / "whole.state", tmp_path)
        path = tmp_path / "whole.state"
    other.put(load(path, guest.component))
    assert contents(other) == expected
    one.put(load(path, guest.component))
    assert contents(one) == expected


def test_a_file_is_its_owners_alone(guest: Keeping, tmp_path: Path) -> None:
    save(guest.fresh().take(), tmp_path / "a.state", {}, bases=tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_what_states_have_in_common_is_saved_once(guest: Keeping, tmp_path: Path) -> None:
    one = changed(guest)
    for name in "abc":
        one.call("set", 0, ord(name))
        save(one.take(), tmp_path / f"{name}.state", {}, bases=tmp_path)
    assert len(list(tmp_path.glob("*.base"))) == 1
    assert [read(tmp_path / f"{name}.state").count for name in "abc"] == [4, 4, 4]


def test_the_hosts_side_is_saved_with_it(engine: Engine, tmp_path: Path) -> None:
    with keeping(engine, GUEST, authority=Authority(random=Numbers("seeded", 5))) as guest:
        one, other = guest.fresh(), guest.fresh()
        assert one.instance.host is not None
        assert other.instance.host is not None
        drawn = one.instance.host.random.word()  # type: ignore[attr-defined]
        one.instance.host.clock.advance(500)  # type: ignore[attr-defined]
        save(one.take(), tmp_path / "a.state", {})
        other.put(load(tmp_path / "a.state", guest.component))
        assert other.instance.host.clock.monotonic() == 500  # type: ignore[attr-defined]
        word = other.instance.host.random.word()  # type: ignore[attr-defined]
        assert word == one.instance.host.random.word() != drawn  # type: ignore[attr-defined]


def test_of_an_instance_that_trapped_what_it_held_can_be_saved_and_is_never_put(guest: Keeping, tmp_path: Path) -> None:
    one = changed(guest)
    with pytest.raises(Trapped):
        one.call("set", 1 << 30, 1)
    save(capture(one.instance), tmp_path / "a.state", {}, bases=tmp_path)
    found = read(tmp_path / "a.state")
    assert not found.restorable
    assert {page: data[:8] for memory, page, data in found.pages() if memory == 0} == {
        17: b"\0" * 8,
        73: b"\0" * 8,
    }
    with pytest.raises(SnapshotError, match="it was kept to be looked at, and no instance can be brought there"):
        load(tmp_path / "a.state", guest.component)


def test_of_one_of_which_no_state_was_taken_everything_is_saved(engine: Engine, tmp_path: Path) -> None:
    table = one_module(
        """(memory 1) (data (i32.const 9) "seen") (table $t 1 funcref)
        (func (export "set") (param i32) (result i32) (table.set $t (i32.const 0) (ref.null func)) (i32.const 0))
        (func (export "get") (result i32) (i32.const 0))"""
    )
    with keeping(engine, table) as guest:
        one = guest.fresh()
        with pytest.raises(CannotKeep):
            one.take()
        save(capture(one.instance), tmp_path / "a.state", {})
        assert [(memory, page, data[9:13]) for memory, page, data in read(tmp_path / "a.state").pages()] == [
            (0, 0, b"seen")
        ]
        one.instance.close()
        with pytest.raises(ClosedError):
            capture(one.instance)


def refused(path: Path, guest: Keeping) -> str:
    with pytest.raises(SnapshotError) as caught:
        load(path, guest.component)
    return str(caught.value).replace(str(path), "FILE")


def test_the_state_of_another_component_is_refused(engine: Engine, guest: Keeping, tmp_path: Path) -> None:
    with keeping(engine, GUEST.replace("at first", "at second")) as other:
        one = other.fresh()
        state = one.take()
        save(state, tmp_path / "a.state", {})
        assert refused(tmp_path / "a.state", guest) == (
            "FILE holds no state that can be used: it is of the component "
            f"sha256:{other.component.digest}, not of component"
        )
        with pytest.raises(CannotKeep, match="the state is another component's"):
            guest.fresh().put(state)


def test_the_state_of_another_variant_is_refused(engine: Engine, guest: Keeping, tmp_path: Path) -> None:
    save(guest.fresh().take(), tmp_path / "a.state", {})
    said = "FILE holds no state that can be used: "
    with keeping(engine, GUEST, metered=True) as metered:
        assert refused(tmp_path / "a.state", metered) == (
            said + "it is of the component compiled in another way, or by another version of this engine"
        )
    plain = replace(guest, component=engine.from_text(GUEST))
    assert refused(tmp_path / "a.state", plain) == (said + "component is not linked to be taken back: see `kept`")


def not_copied(path: Path, bases: Path | None) -> str:
    with pytest.raises(SnapshotError) as caught:
        copy(read(path), path.with_name("whole.state"), bases)
    assert not path.with_name("whole.state").exists()
    return str(caught.value).replace(str(path), "FILE")


def test_a_state_beside_a_base_is_not_put_and_is_nothing_without_it(guest: Keeping, tmp_path: Path) -> None:
    path, said = tmp_path / "a.state", "holds no state that can be used: "
    save(changed(guest).take(), path, {}, bases=tmp_path)
    assert refused(path, guest) == (
        f"FILE {said}it holds only what differs from a base; `orchestrator snapshot export` writes all of it"
    )
    assert not_copied(path, None) == (
        f"FILE {said}it holds only what differs from a base, and nobody said where that is"
    )
    (base,) = tmp_path.glob("*.base")
    rewritten(base, lambda header: header.update({"sizes": header["sizes"][:1], "runs": header["runs"][:1]}))
    assert not_copied(path, tmp_path) == f"{base} {said}it is no base of such a state"
    base.unlink()
    assert not_copied(path, tmp_path) == f"cannot read a state from {base}: No such file or directory"


def test_nothing_of_a_base_is_taken_that_lies_behind_the_memory(guest: Keeping, tmp_path: Path) -> None:
    """As somebody hostile would have it: what is compiled for a memory relies on what lies behind it."""
    path, out = tmp_path / "a.state", tmp_path / "whole.state"
    one = guest.fresh()
    state = one.take()
    save(state, path, {}, bases=tmp_path)
    (base,) = tmp_path.glob("*.base")
    far = [[256, 1]]
    pages = [*state.base.filled(), (0, 256, b"A" * 4096)]
    body = zlib.compress(b"".join(data for _, _, data in sorted(pages)))
    rewritten(
        base,
        lambda header: header.update(
            {"sizes": [2 << 20, *header["sizes"][1:]], "runs": [header["runs"][0] + far, *header["runs"][1:]]}
        ),
        body,
    )
    copy(read(path), out, tmp_path)
    other = guest.fresh()
    other.put(load(out, guest.component))
    assert contents(other) == contents(one)
    with pytest.raises(Trapped):
        other.call("get", 1 << 20)


def test_a_memory_is_not_mapped_beyond_its_end(guest: Keeping) -> None:
    one = guest.fresh()
    assert one.instance.bank is not None
    memories = one.instance.bank.own
    large = Base.of_pages([memories[0].size + 65536, *[memory.size for memory in memories[1:]]], [])
    with pytest.raises(ValueError, match="a memory of 196608 bytes cannot hold 262144"):
        large.give(memories)
    assert one.call("get", 100) == int.from_bytes(b"at f", "little")


OTHER_FORM = "its header has another form"
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "no size of a page": ({"page": None}, OTHER_FORM),
    "pages of another system": (
        {"page": 3 * PAGESIZE},
        f"it was saved in pages of {3 * PAGESIZE} bytes, and this system has pages of {PAGESIZE}",
    ),
    "no sizes": ({"sizes": None}, OTHER_FORM),
    "a size that is negative": ({"sizes": [-65536, 65536]}, OTHER_FORM),
    "a size that is no number": ({"sizes": ["65536", 65536]}, OTHER_FORM),
    "a size that is true": ({"sizes": [True, 65536]}, OTHER_FORM),
    "a size of half a page": ({"sizes": [65537, 65536]}, OTHER_FORM),
    "sizes beyond all memory": (
        {"sizes": [1 << 62, 65536]},
        "its memories have 4611686018427453440 bytes, and 4294967296 are taken",
    ),
    "another number of memories": ({"sizes": [65536]}, OTHER_FORM),
    "too many memories": ({"sizes": [65536] * 102, "runs": [[]] * 102}, OTHER_FORM),
    "pages behind the end": ({"runs": [[[48, 1]], []]}, OTHER_FORM),
    "pages of a count beyond all": ({"runs": [[[0, 1 << 70]], []]}, OTHER_FORM),
    "no pages": ({"runs": [[[0, 0]], []]}, OTHER_FORM),
    "pages twice": ({"runs": [[[5, 2], [6, 1]], []]}, OTHER_FORM),
    "pages backwards": ({"runs": [[[5, 1], [1, 1]], []]}, OTHER_FORM),
    "pages before the start": ({"runs": [[[-1, 1]], []]}, OTHER_FORM),
    "runs of another form": ({"runs": [[5], []]}, OTHER_FORM),
    "a base that is a path": ({"base": "../" * 21 + "x"}, OTHER_FORM),
    "a component that is no text": ({"component": 5}, OTHER_FORM),
    "restorable, in a way": ({"restorable": "yes"}, OTHER_FORM),
    "more pages than it has": ({"runs": [[[0, 2]], [[0, 1]]]}, "its pages are not those that it lists"),
    "fewer pages than it has": ({"runs": [[], []]}, "its pages are not those that it lists"),
    "what is said of it is a list": ({"about": []}, OTHER_FORM),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(guest: Keeping, tmp_path: Path, name: str) -> None:
    changes, why = HOSTILE[name]
    path = tmp_path / "a.state"
    save(guest.fresh().take(), path, {})
    rewritten(path, lambda header: header.update(changes))
    assert refused(path, guest) == f"FILE holds no state that can be used: {why}"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (zlib.compress(bytes(1 << 30), 9), 1),
        (zlib.compress(bytes(4096 * 2)) + b"more", 2),
        (zlib.compress(bytes(4096 * 2))[:-2], 2),
        (b"", 2),
        (b"no stream", 2),
    ],
    ids=["a bomb", "more behind it", "cut", "nothing", "no stream"],
)
def test_pages_that_are_no_pages_are_refused(guest: Keeping, tmp_path: Path, body: bytes, count: int) -> None:
    path = tmp_path / "a.state"
    save(guest.fresh().take(), path, {})
    rewritten(path, lambda header: header.update({"runs": [[[0, count]], []]}), body)
    assert refused(path, guest) == "FILE holds no state that can be used: its pages are not those that it lists"


@pytest.mark.parametrize("sizes", [[65536, 65536], [65536 * 3, 65536, 65536]], ids=["smaller", "one more"])
def test_a_state_with_other_memories_than_the_component_has_is_not_put(
    guest: Keeping, tmp_path: Path, sizes: list[int]
) -> None:
    path = tmp_path / "a.state"
    save(guest.fresh().take(), path, {})
    rewritten(path, lambda header: header.update({"sizes": sizes, "runs": [[]] * len(sizes)}), zlib.compress(b""))
    other = guest.fresh()
    with pytest.raises(CannotKeep, match="the state has not the memories of the instance"):
        other.put(load(path, guest.component))
    assert other.call("get", 100) == int.from_bytes(b"at f", "little")


@pytest.mark.parametrize(
    "host",
    [
        None,
        5,
        [1, 2],
        ["now", [None, None], None],
        [-1, [None, None], None],
        [0, [[3, [1, 2], None], None], None],
        [0, [[3, ["x"] * 625, None], None], None],
        [0, [[3, [1 << 80] * 625, None], None], None],
        [0, [None, None], None],
        [0, [None, [1, 2, 3]], None],
        [0, [None, [-1, 2]], None],
        [0, [None, ["a", "b"]], None],
    ],
    ids=repr,
)
def test_a_hosts_side_of_another_form_is_not_put(engine: Engine, tmp_path: Path, host: Any) -> None:
    with keeping(engine, GUEST) as guest:
        path = tmp_path / "a.state"
        save(guest.fresh().take(), path, {})
        rewritten(path, lambda header: header.update({"host": host}))
        other = guest.fresh()
        with pytest.raises(CannotKeep, match="the state of the host's side has another form"):
            other.put(load(path, guest.component))
        assert other.instance.gone


def test_a_state_larger_than_an_instance_may_be_is_not_even_loaded(
    guest: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, one = tmp_path / "a.state", guest.fresh()
    save(one.take(), path, {})
    assert load(path, guest.component, most=3 << 16).sizes == (3 << 16, 65536)
    made: list[int] = []
    monkeypatch.setattr(os, "memfd_create", lambda *_: made.append(1))
    with pytest.raises(SnapshotError) as caught:
        load(path, guest.component, most=(3 << 16) - 1)
    assert str(caught.value) == (
        f"{path} holds no state that can be used: its memories have 196608 bytes, and 196607 are allowed"
    )
    assert made == []


def test_a_state_larger_than_an_instance_may_be_ends_it(engine: Engine, guest: Keeping, tmp_path: Path) -> None:
    one = guest.fresh()
    one.call("grow", 20)
    save(one.take(), tmp_path / "a.state", {})
    with keeping(engine, GUEST, memory=4 << 16) as small:
        other = small.fresh()
        with pytest.raises(Exception, match="the state does not fit the instance: a memory of 1507328 bytes is larger"):
            other.put(load(tmp_path / "a.state", small.component))
        assert other.instance.gone


def test_damage_is_found(guest: Keeping, tmp_path: Path) -> None:
    path = tmp_path / "a.state"
    save(changed(guest).take(), path, {})
    whole = path.read_bytes()
    for at in (8, 45, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert refused(path, guest) == (
            "FILE holds no state that can be used: it is damaged, or not all of it is there: its digest is another"
        )
    for size in (0, 7, 39, 42, 60, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert refused(path, guest).startswith("FILE holds no state that can be used: it ")
    path.write_bytes(b"\0asm\x01\0\0\0" + whole[8:])
    assert refused(path, guest) == (
        "FILE holds no state that can be used: it begins with 00 61 73 6d 01 00 00 00, not with 57 41 53 54 41 54 45 31"
    )


def test_a_header_is_bounded(guest: Keeping, tmp_path: Path) -> None:
    path = tmp_path / "a.state"
    rest = struct.pack("<I", (8 << 20) + 1) + b"{}"
    path.write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
    assert refused(path, guest) == (
        "FILE holds no state that can be used: its header is cut or larger than 8388608 bytes"
    )
    deep = b"[" * 100_000
    rest = struct.pack("<I", len(deep)) + deep
    path.write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
    assert refused(path, guest) == f"FILE holds no state that can be used: {OTHER_FORM}"
    with pytest.raises(SnapshotError, match="what is to be said of the state takes"):
        save(guest.fresh().take(), tmp_path / "b.state", {"text": "x" * (9 << 20)})
    assert [found.name for found in tmp_path.iterdir()] == ["a.state"]


def test_what_is_no_file_is_refused(guest: Keeping, tmp_path: Path) -> None:
    assert refused(tmp_path, guest) == "cannot read a state from FILE: Is a directory"
    (tmp_path / "pipe").touch()

    os.mkfifo(tmp_path / "fifo")
    assert refused(tmp_path / "fifo", guest) == "FILE holds no state that can be used: it is no regular file"


def test_a_disk_that_is_full_leaves_nothing_half_written(
    guest: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.state"
    state = guest.fresh().take()
    save(state, path, {"number": 1})

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SnapshotError) as caught:
        save(state, path, {"number": 2})
    assert str(caught.value) == f"cannot save a state as {path}: No space left on device"
    assert [found.name for found in tmp_path.iterdir()] == ["a.state"]
    assert read(path).about == {"number": 1}


def test_a_file_that_is_larger_than_any_state_is_not_read(guest: Keeping, tmp_path: Path) -> None:
    """Holes take no room on a disk, and an hour to be gone through."""
    path = tmp_path / "a.state"
    save(changed(guest).take(), path, {})
    os.truncate(path, 1 << 40)
    with pytest.raises(SnapshotError, match=r"it has 1099511627776 bytes, and a state has [0-9]+ at most$"):
        read(path)
