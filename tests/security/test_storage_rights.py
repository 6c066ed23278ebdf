"""`storage`: what may be done with what is open, by every method and every way of opening; by the served functions."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability.storage import Preopen
from orchestrator.engine.host import Refused
from tests.support.reach import FOLLOW, NO_FLAGS, NOW, SAME, Reach, reached, tree, words

# Rights


MUTATIONS: list[tuple[str, tuple[Any, ...]]] = [
    ("create-directory-at", ("new",)),
    ("remove-directory-at", ("empty",)),
    ("unlink-file-at", ("text",)),
    ("symlink-at", ("text", "new")),
    ("set-times-at", (NO_FLAGS, "text", NOW, NOW)),
    ("set-times-at", (NO_FLAGS, "text", SAME, SAME)),
    ("set-times", (NOW, NOW)),
]


@pytest.mark.parametrize(("method", "values"), MUTATIONS)
@pytest.mark.parametrize("where", ["the root", "a folder beneath", "the root again"])
def test_a_grant_to_read_changes_nothing(
    folder: Path, reader: Reach, method: str, values: tuple[Any, ...], where: str
) -> None:
    for place in (folder, folder / "in"):
        (place / "empty").mkdir()
        (place / "text").write_text("text")
    before = tree(folder)
    at = {"the root": reader.root, "a folder beneath": reader.open("in"), "the root again": reader.open(".")}[where]
    assert reader.fails(method, at, *values) == "read-only"
    assert tree(folder) == before
    ((_, _, rule),) = reader.denied()
    assert rule == "grants.storage[2]: read only"


def test_a_grant_to_read_moves_and_links_nothing(folder: Path, reader: Reach) -> None:
    before, inner = tree(folder), reader.open("in")
    for one, other in itertools.product((reader.root, inner), repeat=2):
        assert reader.fails("rename-at", one, "text", other, "new") == "read-only"
        for how in (FOLLOW, NO_FLAGS):
            assert reader.fails("link-at", one, how, "text", other, "new") == "read-only"
    assert tree(folder) == before


def _subsets(names: str) -> list[str]:
    every = names.split()
    return [" ".join(some) for size in range(len(every) + 1) for some in itertools.combinations(every, size)]


OPENS = _subsets("create directory exclusive truncate")
FLAGS = _subsets("read write file-integrity-sync data-integrity-sync requested-write-sync mutate-directory")


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("path", ["text", "in", "new", "link", "dangling", ".", "in/", "text/", "in/deep/text"])
def test_no_way_of_opening_gives_more_than_reading(folder: Path, reader: Reach, path: str, follow: bool) -> None:
    (folder / "link").symlink_to("text")
    (folder / "dangling").symlink_to("new")
    before, opened = tree(folder), 0
    for make, flags in itertools.product(OPENS, FLAGS):
        try:
            found = reader.open(path, flags, make, follow=follow)
        except Refused:
            continue
        opened += 1
        assert "write" not in reader.call("get-flags", found)
        assert "mutate-directory" not in reader.call("get-flags", found)
        for method, values in (
            ("write", (b"x", 0)),
            ("set-size", (0,)),
            ("set-size", (4,)),
            ("set-times", (NOW, SAME)),
            ("write-via-stream", (0,)),
            ("append-via-stream", ()),
        ):
            assert reader.fails(method, found, *values) in ("read-only", "is-directory")
        if reader.call("get-type", found) == "directory":
            assert reader.fails("create-directory-at", found, "made") == "read-only"
        reader.drop(found)
    assert tree(folder) == before
    assert opened or path in ("new", "dangling", "text/") or (path == "link" and not follow)


@pytest.mark.parametrize("flags", FLAGS)
def test_a_file_is_used_as_it_was_opened(folder: Path, reach: Reach, flags: str) -> None:
    file = reach.open("text", flags)
    reads, writes = "read" in flags.split(), "write" in flags.split()
    assert reach.call("get-flags", file) == words(flags) - {"mutate-directory"}
    denied = {True: "", False: "bad-descriptor"}
    assert reach.fails("read", file, 1, 0) == denied[reads]
    assert reach.fails("read-via-stream", file, 0) == denied[reads]
    assert reach.fails("write", file, b"T", 0) == denied[writes]
    assert reach.fails("write-via-stream", file, 0) == denied[writes]
    assert reach.fails("append-via-stream", file) == denied[writes]
    assert reach.fails("set-size", file, 4) == ("" if writes else "invalid")
    assert reach.fails("set-times", file, NOW, NOW) == ""
    assert (folder / "text").read_text() == ("Text" if writes else "text")


def test_a_folder_that_was_opened_for_nothing_is_used_as_its_grant_says(reach: Reach, reader: Reach) -> None:
    """As programs of the first preview have it: they ask for no rights, and then list the folder."""
    inner = reach.open("in", "", "directory")
    assert reach.call("get-flags", inner) == words("read mutate-directory")
    assert [entry["name"] for entry in reach.entries(inner)] == ["deep"]
    assert reader.call("get-flags", reader.open("in", "", "directory")) == words("read")


def test_what_may_be_changed_beneath_a_folder_is_what_the_grant_says(folder: Path, reach: Reach) -> None:
    """Programs open a folder to read it and then change what is in it: Rust's `remove_dir_all`, Python's `dir_fd`."""
    inner = reach.open("in", "read", "directory")
    assert reach.call("get-flags", inner) == words("read mutate-directory")
    reach.call("create-directory-at", inner, "made")
    reach.call("unlink-file-at", inner, "deep/text")
    assert not (folder / "in" / "deep" / "text").exists()


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("open-at", (NO_FLAGS, "x", NO_FLAGS, words("read"))),
        ("stat-at", (NO_FLAGS, "x")),
        ("create-directory-at", ("x",)),
        ("read-directory", ()),
        ("readlink-at", ("x",)),
        ("symlink-at", ("x", "y")),
        ("unlink-file-at", ("x",)),
        ("remove-directory-at", ("x",)),
        ("set-times-at", (NO_FLAGS, "x", NOW, NOW)),
        ("metadata-hash-at", (NO_FLAGS, "x")),
    ],
)
def test_a_file_is_no_folder(reach: Reach, method: str, values: tuple[Any, ...]) -> None:
    assert reach.fails(method, reach.open("text"), *values) == "not-directory"


@pytest.mark.parametrize(
    ("method", "values"),
    [("read", (1, 0)), ("write", (b"x", 0)), ("read-via-stream", (0,)), ("write-via-stream", (0,)),
     ("append-via-stream", ()), ("set-size", (0,))],
)  # fmt: skip
def test_a_folder_is_no_file(reach: Reach, method: str, values: tuple[Any, ...]) -> None:
    assert reach.fails(method, reach.root, *values) == "is-directory"


# Two grants


@pytest.fixture
def two(folder: Path, tmp_path: Path) -> Iterator[Reach]:
    """A session that may read one folder, and write another."""
    (tmp_path / "own" / "d").mkdir(parents=True)
    (tmp_path / "own" / "mine").write_text("mine")
    own = Preopen(str((tmp_path / "own").resolve()), "/own", True)
    other = Preopen(str((tmp_path / "third").resolve()), "/third", True)
    (tmp_path / "third").mkdir()
    with reached(folder, False, own, other) as reach:
        yield reach


@pytest.mark.parametrize("follow", [FOLLOW, NO_FLAGS])
def test_nothing_is_moved_or_linked_from_one_grant_into_another(
    two: Reach, folder: Path, tmp_path: Path, follow: frozenset[str]
) -> None:
    read, own, third = two.roots
    before, mine = tree(folder), tree(tmp_path / "own")
    assert two.fails("rename-at", read, "text", own, "text") == "read-only"
    assert two.fails("rename-at", own, "mine", read, "mine") == "read-only"
    assert two.fails("rename-at", own, "d", read, "d") == "read-only"
    assert two.fails("link-at", read, follow, "text", own, "text") == "read-only"
    assert two.fails("link-at", own, follow, "mine", read, "mine") == "read-only"
    assert two.fails("rename-at", own, "mine", third, "mine") == "cross-device"
    assert two.fails("rename-at", own, "d", third, "d") == "cross-device"
    assert two.fails("link-at", own, follow, "mine", third, "mine") == "cross-device"
    assert tree(folder) == before
    assert tree(tmp_path / "own") == mine
    assert not list((tmp_path / "third").iterdir())


def test_each_grant_is_told_of_by_its_own_place(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    own = Preopen(str((tmp_path / "own").resolve()), "/own", True, place="grants.storage[1]")
    with reached(folder, False, own, place="grants.storage[0]") as reach:
        reach.open("text", at=reach.roots[0])
        reach.open("new", "write", "create", at=reach.roots[1])
        reach.fails("unlink-file-at", reach.roots[0], "text")
        reach.fails("stat-at", reach.roots[1], FOLLOW, "../secret")
        reach.fails("stat-at", reach.roots[1], FOLLOW, "nothing")
    assert reach.desk.decisions == [
        ("storage read", "/data/text", "grants.storage[0]", True),
        ("storage write", "/own/new", "grants.storage[1]", True),
        ("storage remove", "/data/text", "grants.storage[0]: read only", False),
        ("storage read", "/own/../secret", "grants.storage[1]: the path leads out of the folder", False),
        ("storage read", "/own/nothing", "grants.storage[1]", True),
    ]


def test_of_what_is_refused_only_that_is_told(folder: Path) -> None:
    """Not that the path might be used, which was found out before."""
    (folder / "in" / "up").symlink_to("../text")
    (folder / "out").symlink_to("../secret")
    with reached(folder, files=0, quota=0, place="grants.storage[0]") as reach:
        root = reach.root
        refused = [
            ("create", "new", ("create-directory-at", root, "new")),
            ("write", "new", reach.opening("new", "write", "create")),
            ("link", "new", ("link-at", root, NO_FLAGS, "text", root, "new")),
            ("write", "new", ("symlink-at", root, "text", "new")),
            ("link", "new", ("symlink-at", root, "../secret", "new")),
            ("rename", "in/up", ("rename-at", root, "in/up", root, "up")),
            ("link", "in/up", ("link-at", root, NO_FLAGS, "in/up", root, "up")),
            ("read", "out", ("readlink-at", root, "out")),
        ]
        for operation, path, call in refused:
            reach.desk.decisions.clear()
            assert reach.fails(*call)
            ((told, subject, _, allowed),) = reach.desk.decisions
            assert (told, subject, allowed) == (f"storage {operation}", f"/data/{path}", False)
        reach.desk.decisions.clear()
        reach.call("rename-at", root, "text", root, "in/text")
        assert sorted(reach.desk.decisions) == [
            ("storage rename", "/data/in/text", "grants.storage[0]", True),
            ("storage rename", "/data/text", "grants.storage[0]", True),
        ]


# What is neither a file nor a folder


@pytest.fixture
def special(folder: Path) -> Iterator[Path]:
    """The folder, with a fifo, a socket, and a device where the system lets us make one."""
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        try:
            os.mknod(folder / "device", 0o020666, os.makedev(1, 3))
        except PermissionError:
            (folder / "device").symlink_to("fifo")
        yield folder


@pytest.mark.parametrize("name", ["fifo", "socket", "device"])
@pytest.mark.parametrize("flags", ["read", "write", "read write", ""])
@pytest.mark.parametrize("make", ["", "create", "truncate", "create truncate"])
def test_only_files_are_opened_and_nothing_waits(special: Path, reach: Reach, name: str, flags: str, make: str) -> None:
    assert reach.fails(*reach.opening(name, flags, make)) == "not-permitted"
    ((_, _, rule),) = reach.denied()
    assert rule == "grants.storage: only regular files can be opened"


def test_what_is_not_opened_is_listed_and_removed(special: Path, reach: Reach) -> None:
    types = {entry["name"]: entry["type"] for entry in reach.entries()}
    assert (types["fifo"], types["socket"], types["in"], types["text"]) == (
        "fifo", "socket", "directory", "regular-file",
    )  # fmt: skip
    assert reach.call("stat-at", reach.root, NO_FLAGS, "fifo")["type"] == "fifo"
    reach.call("unlink-file-at", reach.root, "fifo")
    assert not (special / "fifo").exists()


# Opening, as the standard has it


@pytest.mark.parametrize(
    ("path", "make", "flags", "error"),
    [
        ("text", "create exclusive", "write", "exist"),
        ("in", "create exclusive", "write", "exist"),
        ("link", "create exclusive", "write", "exist"),
        ("dangling", "create exclusive", "write", "exist"),
        ("new", "create exclusive", "write", ""),
        ("dangling", "create", "write", ""),
        ("dangling", "", "read", "no-entry"),
        ("new", "create directory", "read", "invalid"),
        ("text", "directory", "read", "not-directory"),
        ("in", "directory", "read", ""),
        ("in", "", "read", ""),
        ("in", "", "write", "is-directory"),
        ("in", "create", "read", "is-directory"),
        ("in", "truncate", "read", "is-directory"),
        ("new/", "create", "write", "is-directory"),
        ("text/", "create", "write", "is-directory"),
        ("in/new", "create truncate", "read write", ""),
        ("nothing/new", "create", "write", "no-entry"),
        ("text", "truncate", "", ""),
        ("text", "truncate", "read", ""),
        ("text", "exclusive", "read", ""),
    ],
)
def test_opening_makes_what_it_says(folder: Path, reach: Reach, path: str, make: str, flags: str, error: str) -> None:
    (folder / "link").symlink_to("text")
    (folder / "dangling").symlink_to("made")
    names = {path.name for path in folder.rglob("*")}
    assert reach.fails(*reach.opening(path, flags, make)) == error
    made = {path.name for path in folder.rglob("*")} - names
    assert made == ({"made" if path == "dangling" else "new"} if "create" in make and not error else set())
    assert (folder / "text").read_text() == ("" if "truncate" in make and path == "text" else "text")


def test_a_link_is_not_opened_where_it_is_not_followed(folder: Path, reach: Reach) -> None:
    (folder / "link").symlink_to("text")
    (folder / "folder").symlink_to("in")
    assert reach.fails(*reach.opening("link", follow=False)) == "loop"
    assert reach.fails(*reach.opening("folder", "read", "directory", follow=False)) == "not-directory"
    assert reach.listed(reach.open("folder/", follow=False)) == ["deep"]


def test_two_nodes_that_make_the_same_file_both_open_it(folder: Path) -> None:
    """Each looks, and then makes: whoever comes second finds a file, which is what it wanted."""
    errors: list[str] = []

    def make() -> None:
        with reached(folder) as reach:
            errors.extend(reach.fails(*reach.opening(f"in/{number}", "write", "create")) for number in range(300))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) == {""}
    assert len(errors) == 1200
