"""`storage`: paths that a guest makes up, links that it finds or makes, hidden names; by the served functions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.wasi import _beneath, _links
from tests.support.reach import FOLLOW, KEEP, NO_FLAGS, NOW, SECRET, Reach, open_files, reached, tree, words

# Paths


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", "no-entry"),
        ("/", "not-permitted"),
        ("/data/text", "not-permitted"),
        ("//text", "not-permitted"),
        ("..", "not-permitted"),
        ("../granted/text", "not-permitted"),
        ("in/../..", "not-permitted"),
        ("in/deep/../../../secret", "not-permitted"),
        ("nothing/../text", "no-entry"),
        ("text/../text", "not-directory"),
        ("text/.", "not-directory"),
        ("text/", "not-directory"),
        ("text//", "not-directory"),
        ("in/text", "no-entry"),
        ("te\0xt", "invalid"),
        ("text\0", "invalid"),
        ("in/\0/../text", "invalid"),
        ("x" * 256, "name-too-long"),
        ("in/" + "x" * 256, "name-too-long"),
        ("./" * 3000 + "text", "name-too-long"),
        ("x" * 10_000_000, "name-too-long"),
        ("é" * 2048, "name-too-long"),
        (".hidden", "no-entry"),
        ("./.hidden", "no-entry"),
        ("in/../.hidden", "no-entry"),
        (".hidden/", "no-entry"),
        (".nothing/x", "no-entry"),
        ("...", "no-entry"),
        ("..\u200b", "no-entry"),
        ("\u200b.hidden", "no-entry"),
        ("\\..\\secret", "no-entry"),
        ("C:", "no-entry"),
        ("text\n", "no-entry"),
        ("TEXT", "no-entry"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error_for_every_look(reach: Reach, path: str, error: str) -> None:
    for follow in (FOLLOW, NO_FLAGS):
        assert reach.fails("stat-at", reach.root, follow, path) == error
        assert reach.fails("metadata-hash-at", reach.root, follow, path) == error
        assert reach.fails("open-at", reach.root, follow, path, NO_FLAGS, words("read")) == error
        assert reach.fails("set-times-at", reach.root, follow, path, *KEEP) == error
    assert reach.fails("readlink-at", reach.root, path) == error


@pytest.mark.parametrize(
    "path",
    [
        "text",
        "./text",
        "in/../text",
        "in/deep/../../text",
        "in//deep/.././..//text",
        "in/deep/text",
        "./././in/./deep/text",
    ],
)
def test_a_path_that_stays_beneath_is_found(reach: Reach, path: str) -> None:
    size = reach.call("stat-at", reach.root, FOLLOW, path)["size"]
    data, _ = reach.call("read", reach.open(path), 100, 0)
    assert size == len(data) == 4


@pytest.mark.parametrize("path", [".", "./", "in/..", "in/deep/../..", "in/deep/../../."])
def test_the_folder_itself_has_names(reach: Reach, path: str) -> None:
    assert reach.call("stat-at", reach.root, NO_FLAGS, path)["type"] == "directory"
    assert reach.call("is-same-object", reach.open(path), reach.root)
    for method, values, error in (
        ("create-directory-at", (), "exist"),
        ("remove-directory-at", (), "invalid"),
        ("unlink-file-at", (), "is-directory"),
        ("rename-at", (reach.root, "new"), "busy"),
        ("link-at", (), "not-permitted"),
    ):
        if method == "link-at":
            assert reach.fails("link-at", reach.root, NO_FLAGS, path, reach.root, "new") == error
        else:
            assert reach.fails(method, reach.root, path, *values) == error
    assert reach.fails("rename-at", reach.root, "text", reach.root, path) in ("busy", "not-directory")
    assert reach.fails("symlink-at", reach.root, "text", path) == "exist"
    assert reach.fails("open-at", reach.root, NO_FLAGS, path, words("create"), words("write")) == "is-directory"


def test_a_folder_beneath_is_the_end_of_the_world_for_paths_from_it(reach: Reach) -> None:
    inner = reach.open("in/deep", "read", "directory")
    assert reach.fails("stat-at", inner, FOLLOW, "../../text") == "not-permitted"
    assert reach.fails("stat-at", inner, FOLLOW, "..") == "not-permitted"
    assert reach.call("stat-at", inner, FOLLOW, "text")["size"] == 4
    assert reach.fails("rename-at", inner, "text", inner, "../moved") == "not-permitted"
    reach.call("rename-at", inner, "text", reach.root, "moved")
    assert reach.listed(inner) == []


@pytest.mark.parametrize("how", ["down", "up and down", "back to the start"])
def test_a_path_hundreds_of_folders_deep_holds_few_files_of_the_host(folder: Path, reach: Reach, how: str) -> None:
    deep = 400
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(deep):
        os.mkdir("a", dir_fd=fd)
        inner = os.open("a", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    path = {
        "down": "a/" * deep + ".",
        "up and down": "a/" * deep + "../" * 300 + "a/" * 100,
        "back to the start": "a/" * deep + "../" * deep + "in",
    }[how]
    before, most = open_files(), 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, open_files())

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(5):
        assert reach.call("stat-at", reach.root, FOLLOW, path)["type"] == "directory"
    done.set()
    watching.join()
    assert most <= before + 40
    assert open_files() == before
    assert reach.fails("stat-at", reach.root, FOLLOW, "a/" * deep + "../" * (deep + 1) + "secret") == "not-permitted"


def test_names_that_unicode_writes_in_two_ways_are_two_names(folder: Path, reach: Reach) -> None:
    one, other = "\xe9", "e\u0301"
    for name in (one, other):
        reach.call("write", reach.open(name, "write", "create"), name.encode(), 0)
    assert reach.call("read", reach.open(one), 9, 0)[0] == one.encode()
    assert reach.call("read", reach.open(other), 9, 0)[0] == other.encode()
    assert {one, other} <= set(reach.listed())


def test_names_that_are_no_unicode_are_left_out(folder: Path, reach: Reach) -> None:
    name = os.fsdecode(b"\xff\xfe")
    (folder / name).touch()
    (folder / "link").symlink_to(name)
    assert sorted(reach.listed()) == ["in", "link", "text"]
    assert reach.fails("readlink-at", reach.root, "link") == "illegal-byte-sequence"
    assert reach.fails("stat-at", reach.root, FOLLOW, "link") == "illegal-byte-sequence"


def test_what_a_guest_calls_a_file_is_cut_in_what_is_told(reader: Reach) -> None:
    reader.fails("create-directory-at", reader.root, "x" * 10_000_000)
    folder = reader.root
    for _ in range(50):
        folder = reader.call("open-at", folder, NO_FLAGS, "./" * 2000 + ".", NO_FLAGS, words("read"))
    reader.fails("unlink-file-at", folder, "text")
    assert len(reader.denied()) == 2
    assert max(len(subject) for _, subject, _, _ in reader.desk.decisions) <= 4096


# Links


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("../secret", "not-permitted"),
        ("in/../../secret", "not-permitted"),
        ("..", "not-permitted"),
        ("/", "not-permitted"),
        ("/etc/passwd", "not-permitted"),
        ("/proc/self/root", "not-permitted"),
        (".hidden", "no-entry"),
        ("in/../.hidden", "no-entry"),
        ("nothing", "no-entry"),
        ("link", "loop"),
        ("in/deep/../../link/x", "loop"),
        ("text/", "not-directory"),
        ("text/x", "not-directory"),
    ],
)
def test_a_link_of_the_host_that_leads_out_is_followed_by_nothing(
    folder: Path, reach: Reach, target: str, error: str
) -> None:
    os.symlink(target, folder / "link")  # noqa: PTH211 (a path loses a slash at its end)
    for path in ("link", "./link", "in/../link"):
        assert reach.fails("stat-at", reach.root, FOLLOW, path) == error
        assert reach.fails(*reach.opening(path)) == error
        assert reach.fails(*reach.opening(path, "write")) == error
        assert reach.fails("set-times-at", reach.root, FOLLOW, path, NOW, NOW) == error
        assert reach.fails("link-at", reach.root, FOLLOW, path, reach.root, "hard") == error
    assert reach.fails(*reach.opening("link/x")) == ("not-directory" if error == "not-directory" else error)
    assert reach.call("stat-at", reach.root, NO_FLAGS, "link")["type"] == "symbolic-link"
    assert (folder.parent / "secret").read_text() == SECRET


def test_forty_links_are_followed_and_no_more(folder: Path, reach: Reach) -> None:
    (folder / "l0").symlink_to("text")
    for number in range(41):
        (folder / f"l{number + 1}").symlink_to(f"l{number}")
    assert reach.call("stat-at", reach.root, FOLLOW, "l39")["size"] == 4
    assert reach.fails("stat-at", reach.root, FOLLOW, "l40") == "loop"


def test_links_that_multiply_end_soon(folder: Path, reach: Reach) -> None:
    (folder / "b0").mkdir()
    for number in range(30):
        (folder / f"b{number + 1}").symlink_to("/".join([f"../granted/b{number}"] * 1 + [f"../b{number}"] * 9))
        (folder / f"c{number + 1}").symlink_to("/".join([f"c{number}/.."] * 9 + [f"c{number}"]))
    (folder / "c0").mkdir()
    assert reach.fails("stat-at", reach.root, FOLLOW, "c30/x") == "loop"
    assert reach.fails("stat-at", reach.root, FOLLOW, "b30/x") == "not-permitted"


@pytest.mark.parametrize(
    ("target", "name", "error"),
    [
        ("/etc/passwd", "new", "not-permitted"),
        ("../secret", "new", "not-permitted"),
        ("../../secret", "in/new", "not-permitted"),
        ("in/../text", "new", "not-permitted"),
        ("./in/..", "new", "not-permitted"),
        (".hidden", "new", "not-permitted"),
        ("in/.git/config", "new", "not-permitted"),
        ("", "new", "no-entry"),
        ("a\0b", "new", "invalid"),
        ("x" * 4096, "new", "name-too-long"),
        ("text", ".new", "not-permitted"),
        ("text", "\u200b.new", "not-permitted"),
        ("text", "new/", "no-entry"),
        ("text", "in", "exist"),
        ("text", "in/", "exist"),
        ("text", "nothing/new", "no-entry"),
        ("text", "../new", "not-permitted"),
        ("text", "new", ""),
        ("nothing", "new", ""),
        ("./in/./deep", "new", ""),
        ("../text", "in/new", ""),
        ("../.././text", "in/deep/new", ""),
    ],
)
def test_a_guest_makes_links_that_stay_in_the_folder_whoever_follows_them(
    folder: Path, reach: Reach, target: str, name: str, error: str
) -> None:
    before = tree(folder)
    assert reach.fails("symlink-at", reach.root, target, name) == error
    assert (tree(folder).keys() == before.keys()) is bool(error)
    if not error:
        assert str((folder / name).readlink()) == str(Path(target))


def test_no_chain_of_links_that_a_guest_makes_leads_out(folder: Path, reach: Reach) -> None:
    reach.call("symlink-at", reach.root, ".", "here")
    assert reach.fails("symlink-at", reach.root, "here/../secret", "out") == "not-permitted"
    reach.call("symlink-at", reach.root, "../here", "in/up")
    assert reach.call("stat-at", reach.root, FOLLOW, "in/up/text")["size"] == 4
    rule = "grants.storage: a link goes up only at its start"
    assert reach.denied() == [("storage link", "/data/out", rule)]


@pytest.mark.parametrize("how", ["rename", "hard link", "folder", "moved twice", "descriptor"])
def test_a_link_is_not_moved_to_where_it_leads_out(folder: Path, reach: Reach, how: str) -> None:
    root = reach.root
    reach.call("symlink-at", root, "../../text", "in/deep/link")
    if how == "moved twice":
        for path in ("a", "a/b"):
            reach.call("create-directory-at", root, path)
        reach.call("rename-at", root, "in", root, "a/b/in")
        reach.call("rename-at", root, "a/b/in", root, "in")
    moves: dict[str, tuple[Any, ...]] = {
        "rename": ("rename-at", root, "in/deep/link", root, "link"),
        "hard link": ("link-at", root, NO_FLAGS, "in/deep/link", root, "in/link"),
        "folder": ("rename-at", root, "in/deep", root, "moved"),
        "moved twice": ("rename-at", root, "in/deep", root, "moved"),
        "descriptor": ("rename-at", reach.open("in/deep"), "link", reach.open("in"), "link"),
    }
    assert reach.fails(*moves[how]) == "not-permitted"
    assert reach.denied()[-1][2] == "grants.storage: a link would lead out of the folder"
    assert [link.resolve() for link in folder.rglob("link")] == [folder.resolve() / "text"]


def test_links_that_stay_in_the_folder_move_with_it(folder: Path, reach: Reach) -> None:
    reach.call("symlink-at", reach.root, "text", "in/deep/link")
    (folder / "in" / "deep" / "absolute").symlink_to("/etc")
    reach.call("rename-at", reach.root, "in/deep", reach.root, "moved")
    reach.call("symlink-at", reach.root, "../text", "moved/up")
    reach.call("rename-at", reach.root, "moved", reach.root, "again")
    reach.call("rename-at", reach.root, "again/up", reach.root, "again/higher")
    assert (folder / "again" / "higher").read_text() == "text"


def test_a_folder_with_too_much_in_it_to_look_at_is_copied_not_moved(
    folder: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_links, "_MOST", 10)
    (folder / "in" / "many").mkdir()
    for number in range(11):
        (folder / "in" / "many" / str(number)).touch()
    assert reach.fails("rename-at", reach.root, "in/many", reach.root, "many") == "cross-device"
    reach.call("rename-at", reach.root, "in/many", reach.root, "in/much")
    (folder / "in" / "much" / "0").unlink()
    reach.call("rename-at", reach.root, "in/much", reach.root, "many")
    assert len(list((folder / "many").iterdir())) == 10


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("text", "text"),
        ("in/../text", "in/../text"),
        ("in/deep", "in/deep"),
        ("nothing", "nothing"),
        ("../secret", ""),
        ("in/../../secret", ""),
        ("/etc/passwd", ""),
        (".hidden", ""),
        ("in/.git", ""),
    ],
)
def test_what_a_link_stands_for_is_told_where_it_stays_inside(
    folder: Path, reach: Reach, target: str, told: str
) -> None:
    (folder / "link").symlink_to(target)
    if told:
        assert reach.call("readlink-at", reach.root, "link") == told
    else:
        assert reach.fails("readlink-at", reach.root, "link") == "not-permitted"


def test_reading_what_is_no_link_is_invalid(reach: Reach) -> None:
    assert reach.fails("readlink-at", reach.root, "text") == "invalid"
    assert reach.fails("readlink-at", reach.root, "in") == "invalid"


Swap = Callable[[Path], None]


def _swap_link(folder: Path) -> None:
    (folder / "swap").rename(folder / "kept")
    (folder / "swap").symlink_to(folder.parent / "outside")
    (folder / "swap").unlink()
    (folder / "kept").rename(folder / "swap")


def _swap_last(folder: Path) -> None:
    (folder / "swap" / "file").rename(folder / "swap" / "kept")
    (folder / "swap" / "file").symlink_to(folder.parent / "outside" / "file")
    (folder / "swap" / "file").unlink()
    (folder / "swap" / "kept").rename(folder / "swap" / "file")


def _swap_out(folder: Path) -> None:
    (folder / "swap").rename(folder.parent / "taken")
    (folder.parent / "taken").rename(folder / "swap")


@pytest.fixture(params=[_swap_link, _swap_last, _swap_out])
def swapped(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    """The folder, in which another process exchanges what a path leads through, all the time."""
    for place in (folder / "swap", folder.parent / "outside"):
        (place / "inner").mkdir(parents=True)
    (folder / "swap" / "file").write_text("fine")
    (folder.parent / "outside" / "file").write_text(SECRET)
    stop = threading.Event()

    def swapping() -> None:
        while not stop.is_set():
            with suppress(FileExistsError):  # the guest was in between
                request.param(folder)

    thread = threading.Thread(target=swapping)
    thread.start()
    yield folder
    stop.set()
    thread.join()


def test_two_thousand_opens_in_a_race_read_and_write_nothing_outside(swapped: Path, reach: Reach) -> None:
    errors = set()
    for number in range(2000):
        path = ("swap/file", "swap/inner/../file", "in/../swap/file", "swap/../swap/file")[number % 4]
        try:
            file = reach.open(path, "read write", "create")
        except Exception as problem:
            errors.add(str(getattr(problem, "error", problem)))
            continue
        assert reach.call("read", file, 100, 0)[0] in (b"fine", b"")
        reach.call("write", file, b"fine", 0)
        reach.drop(file)
        errors.add(reach.fails("stat-at", reach.root, FOLLOW, path))
        errors.add(reach.fails("rename-at", reach.root, "swap/inner", reach.root, "swap/../inner"))
        errors.add(reach.fails("rename-at", reach.root, "inner", reach.root, "swap/inner"))
    assert errors <= {"", "no-entry", "not-permitted", "not-directory", "loop", "exist", "invalid", "busy"}
    outside = swapped.parent / "outside"
    assert (outside / "file").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["file", "inner"]


@pytest.mark.parametrize("becomes", ["a link out", "a fifo", "a folder"])
@pytest.mark.parametrize(
    ("method", "values", "errors"),
    [
        ("open-at", (FOLLOW, "text", NO_FLAGS, words("read")), ("loop", "not-permitted", "not-permitted")),
        ("open-at", (FOLLOW, "text", NO_FLAGS, words("write")), ("loop", "no-such-device", "is-directory")),
        (
            "open-at",
            (FOLLOW, "text", words("create truncate"), words("write")),
            ("loop", "no-such-device", "is-directory"),
        ),
        ("open-at", (FOLLOW, "text", words("truncate"), words("read")), ("loop", "not-permitted", "is-directory")),
        ("set-times-at", (FOLLOW, "text", NOW, NOW), ("", "", "")),
        ("unlink-file-at", ("text",), ("", "", "is-directory")),
        ("stat-at", (FOLLOW, "text"), ("", "", "")),
    ],
)
def test_what_becomes_something_else_between_a_look_and_its_use(
    folder: Path,
    reach: Reach,
    monkeypatch: pytest.MonkeyPatch,
    becomes: str,
    method: str,
    values: tuple[Any, ...],
    errors: tuple[str, str, str],
) -> None:
    secret, look = folder.parent / "secret", _beneath.look
    modified = secret.stat().st_mtime_ns

    def looking(fd: int, name: str) -> os.stat_result | None:
        found = look(fd, name)
        monkeypatch.undo()
        (folder / "text").unlink()
        if becomes == "a link out":
            (folder / "text").symlink_to(secret)
        elif becomes == "a fifo":
            os.mkfifo(folder / "text")
        else:
            (folder / "text").mkdir()
        return found

    monkeypatch.setattr(_beneath, "look", looking)
    expected = errors[("a link out", "a fifo", "a folder").index(becomes)]
    assert reach.fails(method, reach.root, *values) == expected
    assert (secret.read_text(), secret.stat().st_mtime_ns) == (SECRET, modified)


def test_a_folder_that_is_moved_away_while_it_is_open_leads_nowhere_new(folder: Path, reach: Reach) -> None:
    inner = reach.open("in/deep")
    (folder / "in" / "deep").rename(folder.parent / "deep")
    assert reach.fails("stat-at", inner, FOLLOW, "../secret") == "not-permitted"
    assert reach.call("stat-at", inner, FOLLOW, "text")["size"] == 4
    assert reach.fails("rename-at", inner, "text", reach.root, "../text") == "not-permitted"


def test_a_folder_that_is_moved_into_itself_stays(folder: Path, reach: Reach) -> None:
    assert reach.fails("rename-at", reach.root, "in", reach.root, "in/deep/in") == "invalid"
    assert reach.fails("rename-at", reach.root, "in", reach.open("in/deep"), "in") == "invalid"
    assert (folder / "in" / "deep" / "text").read_text() == "deep"


def test_a_removed_folder_that_is_open_has_nothing_in_it(folder: Path, reach: Reach) -> None:
    (folder / "gone").mkdir()
    gone = reach.open("gone")
    (folder / "gone").rmdir()
    assert reach.listed(gone) == []
    assert reach.fails("create-directory-at", gone, "x") == "no-entry"
    assert reach.fails(*reach.opening("x", "write", "create", at=gone)) == "no-entry"


# Hidden names


@pytest.mark.parametrize("name", [".new", "..new", "...", "\u200b.new", "\ufeff\u200d.git", "\xad.git"])
def test_nothing_hidden_is_made(folder: Path, reach: Reach, name: str) -> None:
    before = tree(folder)
    root = reach.root
    for prefix in ("", "./", "in/../"):
        path = prefix + name
        for error in (
            reach.fails("create-directory-at", root, path),
            reach.fails("create-directory-at", root, path + "/"),
            reach.fails("symlink-at", root, "text", path),
            reach.fails("link-at", root, NO_FLAGS, "text", root, path),
            reach.fails("rename-at", root, "text", root, path),
            reach.fails("rename-at", root, "in", root, path),
            reach.fails(*reach.opening(path, "write", "create")),
            reach.fails(*reach.opening(path, "write", "create exclusive")),
        ):
            assert error == "not-permitted"
    assert tree(folder) == before
    assert {rule for _, _, rule in reach.denied()} == {"grants.storage: names that begin with a dot are hidden"}


def test_nothing_hidden_is_changed_seen_or_removed(folder: Path, reach: Reach) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(SECRET)
    (folder / "link").symlink_to(".git/config")
    before, root = tree(folder), reach.root
    for path in (".hidden", ".git/config", ".git", "link"):
        assert reach.fails("stat-at", root, FOLLOW, path) == "no-entry"
        assert reach.fails(*reach.opening(path)) == "no-entry"
        assert reach.fails(*reach.opening(path, "write")) == "no-entry"
        assert reach.fails("set-times-at", root, FOLLOW, path, NOW, NOW) == "no-entry"
        assert reach.fails("link-at", root, FOLLOW, path, root, "hard") == "no-entry"
    for path in (".hidden", ".git/config", ".git"):
        assert reach.fails("unlink-file-at", root, path) == "no-entry"
        assert reach.fails("remove-directory-at", root, path) == "no-entry"
        assert reach.fails("rename-at", root, path, root, "seen") == "no-entry"
        assert reach.fails("readlink-at", root, path) == "no-entry"
        assert reach.fails("metadata-hash-at", root, NO_FLAGS, path) == "no-entry"
    assert sorted(reach.listed()) == ["in", "link", "text"]
    assert tree(folder) == before


def test_hidden_names_are_names_where_they_are_granted(folder: Path) -> None:
    with reached(folder, hidden=True) as reach:
        reach.call("create-directory-at", reach.root, ".d")
        reach.call("symlink-at", reach.root, ".hidden", ".l")
        reach.call("rename-at", reach.root, "text", reach.root, ".d/.text")
        assert reach.call("read", reach.open(".l"), 99, 0)[0] == SECRET.encode()
        assert sorted(reach.listed()) == [".d", ".hidden", ".l", "in"]
