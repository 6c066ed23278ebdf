"""`storage`: no more is added than `quota` and `files` say, by whatever way; by the served functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.capability.storage import Preopen
from orchestrator.engine.host import Refused
from tests.support.reach import FOLLOW, NO_FLAGS, Reach, reached, words

QUOTA = 1000


def _size(folder: Path) -> int:
    """Bytes of all files and links in a folder, each once."""
    found = {path.lstat().st_ino: path.lstat() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    return sum(said.st_size for said in found.values())


def _write(reach: Reach) -> None:
    file = reach.open("new", "write", "create")
    for at in range(100):
        reach.call("write", file, b"x" * 100, at * 100)


def _write_much(reach: Reach) -> None:
    reach.call("write", reach.open("new", "write", "create"), b"x" * (QUOTA + 1), 0)


def _write_far(reach: Reach) -> None:
    reach.call("write", reach.open("new", "write", "create"), b"x", 1 << 40)


def _write_over_the_end(reach: Reach) -> None:
    file = reach.open("text", "write")
    for at in range(0, 10_000, 7):
        reach.call("write", file, b"x" * 14, at)


def _stream(reach: Reach) -> None:
    stream = reach.call("write-via-stream", reach.open("new", "write", "create"), 0)
    for _ in range(100):
        _through(reach, stream)


def _stream_far(reach: Reach) -> None:
    _through(reach, reach.call("write-via-stream", reach.open("new", "write", "create"), 1 << 40))


def _append(reach: Reach) -> None:
    stream = reach.call("append-via-stream", reach.open("text", "write"))
    for _ in range(100):
        _through(reach, stream)


def _append_by_many(reach: Reach) -> None:
    streams = [reach.call("append-via-stream", reach.open("text", "write")) for _ in range(50)]
    for stream in streams:
        _through(reach, stream)


def _through(reach: Reach, stream: object) -> None:
    """Writes to a stream; its failure as that of a file."""
    try:
        reach.stream("output-stream.blocking-write-and-flush", stream, b"x" * 100)
    except Refused as refused:
        raise Refused(refused.error.value.cause) from None


def _zeroes(reach: Reach) -> None:
    stream = reach.call("write-via-stream", reach.open("new", "write", "create"), 0)
    try:
        reach.stream("output-stream.blocking-write-zeroes-and-flush", stream, 1 << 40)
    except Refused as refused:
        raise Refused(refused.error.value.cause) from None


def _set_size(reach: Reach) -> None:
    reach.call("set-size", reach.open("new", "write", "create"), 1 << 40)


def _set_size_often(reach: Reach) -> None:
    file = reach.open("text", "write")
    for size in range(0, 100_000, 100):
        reach.call("set-size", file, size)


def _set_size_up_and_down(reach: Reach) -> None:
    file = reach.open("text", "write")
    for _ in range(100):
        reach.call("set-size", file, 500)
        reach.call("set-size", file, 0)


def _truncate_and_write(reach: Reach) -> None:
    for _ in range(100):
        file = reach.open("new", "write", "create truncate")
        reach.call("write", file, b"x" * 100, 0)
        reach.drop(file)


def _many_files(reach: Reach) -> None:
    for number in range(100):
        reach.call("write", reach.open(f"{number}", "write", "create"), b"x" * 100, 0)


def _remove_and_write(reach: Reach) -> None:
    for _ in range(100):
        reach.call("write", reach.open("new", "write", "create"), b"x" * 100, 0)
        reach.call("unlink-file-at", reach.root, "new")


def _write_what_is_removed(reach: Reach) -> None:
    file = reach.open("text", "write")
    reach.call("unlink-file-at", reach.root, "text")
    for at in range(100):
        reach.call("write", file, b"x" * 100, at * 100)


def _write_by_another_name(reach: Reach) -> None:
    for number in range(100):
        reach.call("link-at", reach.root, NO_FLAGS, "text", reach.root, f"{number}")
        reach.call("write", reach.open(f"{number}", "write"), b"x" * 100, number * 100)


def _rename_over(reach: Reach) -> None:
    for _ in range(100):
        reach.call("write", reach.open("new", "write", "create"), b"x" * 100, 0)
        reach.call("rename-at", reach.root, "new", reach.root, "text")


def _links(reach: Reach) -> None:
    for number in range(100):
        reach.call("symlink-at", reach.root, "x" * 100, f"{number}")


def _beneath(reach: Reach) -> None:
    inner = reach.open("in")
    for number in range(100):
        reach.call("write", reach.open(f"{number}", "write", "create", at=inner), b"x" * 100, 0)


Way = Callable[[Reach], None]
WAYS: list[Way] = [
    _write, _write_much, _write_far, _write_over_the_end, _stream, _stream_far, _append, _append_by_many, _zeroes,
    _set_size, _set_size_often, _set_size_up_and_down, _truncate_and_write, _many_files, _remove_and_write,
    _write_what_is_removed, _write_by_another_name, _rename_over, _links, _beneath,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_more_bytes_are_added_than_granted(folder: Path, way: Way) -> None:
    before = _size(folder)
    with reached(folder, quota=QUOTA, place="grants.storage[1]") as reach:
        with pytest.raises(Refused) as caught:
            way(reach)
        assert caught.value.error == "quota"
        operation, _, rule = reach.denied()[-1]
        assert operation == "storage write"
        assert rule == f"grants.storage[1]: no more than {QUOTA} bytes may be added"
        assert _size(folder) <= before + QUOTA


def test_what_is_granted_can_be_added_to_the_last_byte(folder: Path) -> None:
    with reached(folder, quota=QUOTA) as reach:
        file = reach.open("new", "write", "create")
        assert reach.call("write", file, b"x" * 400, 0) == 400
        reach.call("set-size", file, 500)
        stream = reach.call("append-via-stream", file)
        reach.stream("output-stream.blocking-write-and-flush", stream, b"x" * 499)
        assert reach.fails("write", file, b"xx", 999) == "quota"
        assert reach.call("write", file, b"x", 999) == 1
        assert reach.stream_fails("output-stream.blocking-write-and-flush", stream, b"x") == "quota"
        assert reach.fails("set-size", file, QUOTA + 1) == "quota"
        assert (folder / "new").stat().st_size == QUOTA


def test_what_was_there_can_be_written_over_for_nothing(folder: Path) -> None:
    with reached(folder, quota=0) as reach:
        file = reach.open("text", "write")
        for _ in range(100):
            reach.call("write", file, b"TEXT", 0)
        reach.call("write", file, b"", 1 << 40)
        reach.stream("output-stream.blocking-write-and-flush", reach.call("write-via-stream", file, 2), b"xt")
        reach.call("set-size", file, 4)
        reach.call("create-directory-at", reach.root, "made")
        reach.call("rename-at", reach.root, "text", reach.root, "made/text")
        reach.open("empty", "write", "create")
        assert reach.fails("write", file, b"!", 4) == "quota"
    assert (folder / "made" / "text").read_text() == "TExt"


def test_a_write_that_fails_costs_nothing(folder: Path) -> None:
    with reached(folder, quota=10, files=2) as reach:
        file = reach.open("text", "write")
        for _ in range(20):
            assert reach.fails("write", file, b"x" * 11, 4) == "quota"
            assert reach.fails(*reach.opening("in", "write", "create")) == "is-directory"
            assert reach.fails("create-directory-at", reach.root, "in") == "exist"
            assert reach.fails("create-directory-at", reach.root, "nothing/new") == "no-entry"
            assert reach.fails("symlink-at", reach.root, "text", "in") == "exist"
            assert reach.fails("link-at", reach.root, FOLLOW, "text", reach.root, "in") == "exist"
        reach.call("write", file, b"x" * 10, 4)
        reach.call("create-directory-at", reach.root, "one")
        reach.call("create-directory-at", reach.root, "two")


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("create-directory-at", ("{}",)),
        ("symlink-at", ("text", "{}")),
        ("link-at", (NO_FLAGS, "text", None, "{}")),
        ("open-at", (NO_FLAGS, "{}", words("create"), words("write"))),
        ("open-at", (FOLLOW, "{}", words("create exclusive"), NO_FLAGS)),
        ("open-at", (FOLLOW, "dangling{}", words("create truncate"), words("read write"))),
    ],
)
def test_no_more_entries_are_added_than_granted(folder: Path, method: str, values: tuple[object, ...]) -> None:
    for number in range(30):
        (folder / f"dangling{number}").symlink_to(f"in/{number}")
    before = len(list(folder.rglob("*")))
    with reached(folder, files=10) as reach:
        errors = []
        for number in range(30):
            filled = [
                reach.root if value is None else value.format(number) if isinstance(value, str) else value
                for value in values
            ]
            errors.append(reach.fails(method, reach.root, *filled))
        assert errors == [""] * 10 + ["quota"] * 20
        assert {rule for _, _, rule in reach.denied()} == {"grants.storage: no more than 10 entries may be added"}
        assert len(list(folder.rglob("*"))) == before + 10
        reach.open("text", "write", "create truncate")  # is there already
        reach.call("rename-at", reach.root, "text", reach.root, "moved")


def test_removing_gives_no_entry_back(folder: Path) -> None:
    with reached(folder, files=3) as reach:
        for _ in range(3):
            reach.call("create-directory-at", reach.root, "made")
            reach.call("remove-directory-at", reach.root, "made")
        assert reach.fails("create-directory-at", reach.root, "made") == "quota"


def test_each_grant_and_each_session_has_its_own_quota(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    own = Preopen(str((tmp_path / "own").resolve()), "/own", True, quota=5, files=1)
    for _ in range(2):
        with reached(folder, True, own, quota=10, files=1) as reach:
            for root, quota in zip(reach.roots, (10, 5), strict=True):
                file = reach.open("new", "write", "create truncate", at=root)
                assert reach.fails("write", file, b"x" * (quota + 1), 0) == "quota"
                reach.call("write", file, b"x" * quota, 0)
                reach.fails("unlink-file-at", root, "new")


def test_without_a_quota_nothing_is_counted(folder: Path) -> None:
    with reached(folder) as reach:
        file = reach.open("new", "write", "create")
        reach.call("set-size", file, 1 << 32)
        reach.call("write", file, b"x", 1 << 33)
        assert reach.call("stat", file)["size"] == (1 << 33) + 1
