"""The folder of states that were kept: bounded, whatever is in it; and what can be seen of a state."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import Contents, Engine, Snapshot, capture
from orchestrator.engine.saved import copy
from orchestrator.errors import SnapshotError
from orchestrator.snapshots import About, Region, Store, default_folder, differences, look, regions, texts
from orchestrator.snapshots import store as stores
from tests.support.keeping import Keeping, Kept, keeping, load, one_module, rewritten

GUEST = one_module(
    """(memory 2) (data (i32.const 64) "known from the first")
    (func (export "set") (param i32 i32) (result i32) (i32.store (local.get 0) (local.get 1)) (i32.const 0))
    (func (export "get") (result i32) (i32.load (i32.const 0)))""",
    ("set/2", "get/0"),
)
ABOUT = About("writer", "agent")


@pytest.fixture
def guest(engine: Engine) -> Iterator[Keeping]:
    with keeping(engine, GUEST) as made:
        yield made


def at(one: Kept, *pages: int) -> Contents:
    """What it holds after it wrote to some pages."""
    for page in pages:
        one.call("set", page * 4096, page + 1)
    return capture(one.instance)


def begun(guest: Keeping) -> tuple[Kept, Snapshot]:
    one = guest.fresh()
    return one, one.take()


def names(store: Store) -> list[str]:
    return [entry.id for entry in store.entries()[0]]


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("ORCHESTRATOR_SNAPSHOTS", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_folder() == Path("/home/ada/.local/state/orchestrator/snapshots")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_folder() == Path("/home/ada/.local/state/orchestrator/snapshots")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Store().folder == tmp_path / "orchestrator" / "snapshots"
    monkeypatch.setenv("ORCHESTRATOR_SNAPSHOTS", str(tmp_path / "own"))
    assert Store().folder == tmp_path / "own"


def test_what_is_kept_is_found_again(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "folder")
    assert store.entries() == ([], [])
    one, _ = begun(guest)
    about = About("writer", "agent", "daily", "a rule was broken", "after-init", "ab" * 16, ("run", "run"), 1e9)
    name = store.keep(at(one, 3), about)
    assert name.startswith("20010909-014640-000-")
    ((entry,), problems) = store.entries()
    assert (entry.id, entry.about, problems) == (name, about, [])
    assert store.open(name[:12]) == entry
    assert look(entry, store.folder).regions() == [Region(0, 3 * 4096, 4 * 4096)]
    assert (tmp_path / "deep" / "folder").stat().st_mode & 0o777 == 0o700


def test_a_state_that_can_be_put_is_kept_as_such(guest: Keeping, tmp_path: Path) -> None:

    store, (one, _) = Store(tmp_path / "kept"), begun(guest)
    one.call("set", 0, 5)
    entry = store.open(store.keep(one.take(), ABOUT))
    copy(entry.state, tmp_path / "out.state", store.folder)
    other = guest.fresh()
    other.put(load(tmp_path / "out.state", guest.component))
    assert other.call("get") == 5


def test_the_oldest_go_and_bases_that_none_has(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path, most=3)
    one, _ = begun(guest)
    other = guest.fresh()
    other.call("set", 0, 9)
    other.take()
    kept = [store.keep(at(one, number), About("a", "b", time=1e9 + number)) for number in range(3)]
    assert len(list(tmp_path.glob("*.base"))) == 1
    kept += [store.keep(at(other, number), About("a", "b", time=2e9 + number)) for number in range(2)]
    assert names(store) == kept[:1:-1]
    assert len(list(tmp_path.glob("*.base"))) == 2
    store.keep(at(other, 5), About("a", "b", time=3e9))
    assert len(list(tmp_path.glob("*.base"))) == 1


def test_all_of_them_take_no_more_than_they_may(guest: Keeping, tmp_path: Path) -> None:
    one, _ = begun(guest)
    store = Store(tmp_path)
    store.keep(at(one, 1), ABOUT)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    small = Store(tmp_path, size=size * 2)
    for number in range(8):
        small.keep(at(one, number), About("a", "b", time=4e9 + number))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= size * 2
    assert 1 <= len(names(small)) < 8
    with pytest.raises(SnapshotError) as caught:
        Store(tmp_path, size=100).keep(at(one, 1), ABOUT)
    assert str(caught.value) == "the state of `writer` is larger than all that may be kept: 100 bytes"
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_what_was_left_half_written_goes(guest: Keeping, tmp_path: Path) -> None:
    (tmp_path / ".new-abc").write_bytes(b"half")
    Store(tmp_path).keep(begun(guest)[1], ABOUT)
    assert not list(tmp_path.glob(".new-*"))


def test_calls_are_bounded(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = store.keep(begun(guest)[1], About("a", "b", calls=tuple(map(str, range(500)))))
    assert store.open(name).about.calls == tuple(map(str, range(300, 500)))


def test_a_name_that_is_none_or_of_several(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert refused(store, "x") == f"there is no state `x` in {tmp_path}"
    for number in range(2):
        store.keep(begun(guest)[1], About("a", "b", time=1e9 + number))
    assert refused(store, "2001") == f"2 states have names that begin with `2001` in {tmp_path}"
    assert refused(store, "") == f"there is no state `` in {tmp_path}"


def refused(store: Store, name: str) -> str:
    with pytest.raises(SnapshotError) as caught:
        store.open(name)
    return str(caught.value)


def test_a_state_is_removed_with_its_base(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, _ = begun(guest)
    first, second = (store.keep(at(one, number), About("a", "b", time=1e9 + number)) for number in range(2))
    store.remove(first)
    assert (names(store), len(list(tmp_path.glob("*.base")))) == ([second], 1)
    store.remove(second)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_file_that_is_damaged_is_named_and_the_others_are_listed(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = store.keep(begun(guest)[1], ABOUT)
    (tmp_path / "19990101-000000-000000.state").write_bytes(b"nothing")
    found, (problem,) = store.entries()
    assert [entry.id for entry in found] == [name]
    assert problem.startswith(f"{tmp_path}/19990101-000000-000000.state holds no state that can be used: ")


def test_a_file_says_of_itself_what_it_likes(guest: Keeping, tmp_path: Path) -> None:
    from orchestrator.engine.saved import save

    path = tmp_path / "20010101-000000-000000.state"
    save(begun(guest)[1], path, {"node": 5, "calls": ["a", 7, None], "time": True, "more": 1, "reason": "x"})
    ((entry,), _) = Store(tmp_path).entries()
    assert entry.about == About("", "", reason="x", calls=("a",))


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1.0, 10**400, 253_402_300_800, "1e9", True])
def test_a_time_that_no_calendar_has_is_left_out(guest: Keeping, tmp_path: Path, time: Any) -> None:
    from orchestrator.engine.saved import save

    save(begun(guest)[1], tmp_path / "20010101-000000-000000.state", {"node": "a", "time": time})
    ((entry,), _) = Store(tmp_path).entries()
    assert entry.about == About("a", "")


def test_a_state_is_named_by_its_file_too(guest: Keeping, tmp_path: Path) -> None:
    store, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    name = store.keep(begun(guest)[1], ABOUT)
    (path,) = store.folder.glob("*.state")
    assert other.open(str(path)) == store.open(name)
    assert path.exists()
    with pytest.raises(SnapshotError, match="is no state of the folder"):
        other.remove(str(path))
    assert store.remove(str(path)) == name
    assert not path.exists()
    with pytest.raises(SnapshotError, match=r"cannot read a state from .*: No such file"):
        other.open(str(path))


def test_a_folder_that_others_may_write_to(guest: Keeping, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SnapshotError, match=r"^others may write to the folder of snapshots .*/open, or it is another"):
        Store(tmp_path / "open").keep(begun(guest)[1], ABOUT)
    assert list((tmp_path / "open").iterdir()) == []


def test_a_folder_that_cannot_be_used(guest: Keeping, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SnapshotError) as caught:
        Store(tmp_path / "file").keep(begun(guest)[1], ABOUT)
    assert str(caught.value) == f"cannot use the folder of snapshots {tmp_path}/file: File exists"
    with pytest.raises(SnapshotError, match=r"^cannot use the folder of snapshots .*: Not a directory$"):
        Store(tmp_path / "file").entries()


KEEPS = """
import sys
from orchestrator.engine import Engine
from orchestrator.snapshots import About, Store
from tests.support.keeping import keeping
from tests.unit.test_snapshots import GUEST, at, begun
with Engine(sys.argv[1]) as engine, keeping(engine, GUEST) as guest:
    store = Store(sys.argv[2], most=5)
    one, _ = begun(guest)
    for number in range(12):
        store.keep(at(one, number), About(sys.argv[3], "b"))
"""


def test_two_processes_at_once(engine: Engine, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KEEPS, str(engine.cache.folder), str(tmp_path)]
    both = [subprocess.Popen([*arguments, name], stderr=subprocess.PIPE, text=True) for name in "ab"]
    assert [(one.communicate()[1], one.returncode) for one in both] == [("", 0), ("", 0)]
    found, problems = Store(tmp_path, most=5).entries()
    assert (len(found), problems) == (5, [])
    assert all(list(look(entry, tmp_path).whole()) for entry in found)
    assert len(list(tmp_path.glob("*.base"))) == 1


def test_states_are_compared(guest: Keeping, tmp_path: Path) -> None:
    store, (one, _) = Store(tmp_path), begun(guest)
    first = store.keep(at(one, 1, 2), ABOUT)
    second = store.keep(at(one, 2, 9), ABOUT)
    other = guest.fresh()
    other.call("set", 4096, 2)
    other.call("set", 8192, 3)
    third = store.keep(other.take(), ABOUT)
    seen = {name: look(store.open(name), tmp_path) for name in (first, second, third)}
    assert differences(seen[first], seen[first]) == []
    assert regions(differences(seen[first], seen[second])) == [Region(0, 9 * 4096, 10 * 4096)]
    assert differences(seen[first], seen[second]) == differences(seen[second], seen[first])
    assert differences(seen[first], seen[third]) == []
    assert regions(differences(seen[second], seen[third])) == [Region(0, 9 * 4096, 10 * 4096)]


def test_pages_that_follow_each_other_are_a_region() -> None:
    assert regions([(1, 0), (0, 5), (0, 4), (0, 7), (1, 1)]) == [
        Region(0, 4 * 4096, 6 * 4096),
        Region(0, 7 * 4096, 8 * 4096),
        Region(1, 0, 2 * 4096),
    ]
    assert Region(0, 4096, 3 * 4096).pages == 2


def page(*parts: tuple[int, bytes]) -> bytes:
    data = bytearray(4096)
    for place, part in parts:
        data[place : place + len(part)] = part
    return bytes(data)


def listed(pages: Mapping[tuple[int, int], bytes]) -> list[tuple[int, int, bytes]]:
    return [(*place, data) for place, data in sorted(pages.items())]


def test_texts_are_found_in_each_form() -> None:
    zero_width = "hidden​text‮here"
    pages = {
        (0, 0): page((0, b"plain text"), (100, "schöne Grüße".encode()), (301, "wide text".encode("utf-16-le"))),
        (0, 1): page((4, "кириллица".encode("utf-16-le")), (200, "very wide 🦀".encode("utf-32-le"))),
        (0, 2): page(
            (1, "日本語のテキスト".encode()), (99, zero_width.encode()), (999, zero_width.encode("utf-16-le"))
        ),
        (0, 3): page((0, bytes(range(128, 256)) * 8), (2000, b"\xff\xfe" * 100), (3000, b"short")),
    }
    assert [(one.address, one.form, one.text) for one in texts(listed(pages), (), 6)] == [
        (0, "utf-8", "plain text"),
        (100, "utf-8", "schöne Grüße"),
        (301, "utf-16", "wide text"),
        (4100, "utf-16", "кириллица"),
        (4296, "utf-32", "very wide 🦀"),
        (8193, "utf-8", "日本語のテキスト"),
        (8291, "utf-8", zero_width),
        (9191, "utf-16", zero_width),
    ]


def test_a_text_over_the_end_of_a_page_is_one() -> None:
    pages = {(0, 0): page((4090, b"across")), (0, 1): page((0, b" the border")), (1, 5): page((0, b"another"))}
    assert [(one.memory, one.address, one.text) for one in texts(listed(pages), (), 6)] == [
        (0, 4090, "across the border"),
        (1, 5 * 4096, "another"),
    ]


def test_a_text_that_goes_on_where_others_are_looked_at_is_told_as_two() -> None:
    whole = b"a" * (4 << 20) + b"b" * 4096
    pages = [(0, 7 + number, whole[number * 4096 :][:4096]) for number in range(1025)]
    assert [(one.address, one.text[-1], len(one.text)) for one in texts(pages, (), 6)] == [
        (7 * 4096, "a", 4 << 20),
        (1031 * 4096, "b", 4096),
    ]


def test_what_stood_there_before_is_no_news() -> None:
    old = {(0, 0): page((0, b"known before"), (100, b"also known"))}
    new = {(0, 0): page((0, b"known before"), (100, b"also knows"), (200, b"known before"))}
    assert [(one.address, one.text) for one in texts(listed(new), listed(old), 4)] == [
        (100, "also knows"),
        (200, "known before"),
    ]
    assert len(list(texts(listed(new), (), 4))) == 3


def test_many_are_found_in_a_time_that_grows_with_the_size_alone() -> None:
    data = b"a\0" * 2048
    found = list(texts(((0, number, data) for number in range(256)), (), 6))
    assert [(one.form, len(one.text)) for one in found] == [("utf-16", 256 * 2048)]


def test_a_small_file_that_lists_many_pages_takes_little_memory(guest: Keeping, tmp_path: Path) -> None:
    store, size = Store(tmp_path / "kept"), 32 << 20
    path = store.open(store.keep(begun(guest)[1], ABOUT)).state.path
    pages = zlib.compress((b"what can be read\n" * 241)[:4096] * (size // 4096))
    rewritten(path, lambda header: header.update(sizes=[size, 65536], runs=[[[0, size // 4096]], []]), pages)
    seen = look(store.entries()[0][0], store.folder)
    assert seen.entry.bytes < size // 100
    works: dict[str, tuple[Callable[[], Any], Any]] = {
        "show": (seen.regions, [Region(0, 0, size)]),
        "diff": (lambda: differences(seen, seen), []),
        "strings": (lambda: sum(len(text.text) for text in seen.texts(6)) * 100 // size, 100),
        "export": (lambda: copy(seen.entry.state, tmp_path / "out", store.folder), None),
    }
    for name, (work, expected) in works.items():
        tracemalloc.start()
        try:
            assert work() == expected, name
            assert tracemalloc.get_traced_memory()[1] < size, name
        finally:
            tracemalloc.stop()


def test_where_pages_changed_is_told_by_the_list_of_them(guest: Keeping, tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.open(store.keep(begun(guest)[1], ABOUT)).state.path
    rewritten(path, lambda header: header.update(runs=[[[1, 2], [3, 1], [5, 1]], [[0, 1]]]), b"no pages at all")
    seen = look(store.entries()[0][0], tmp_path)
    assert seen.regions() == [
        Region(0, 4096, 4 * 4096), Region(0, 5 * 4096, 6 * 4096), Region(1, 0, 4096),
    ]  # fmt: skip
    with pytest.raises(SnapshotError, match="its pages are not those that it lists"):
        list(seen.texts(6))


def test_the_bounds_are_what_is_documented() -> None:
    assert (stores.MOST, stores.SIZE, stores.MAX_CALLS) == (64, 1 << 30, 200)
