"""`storage`: how much a guest has open, what files say of the host, and what is in them; by the served functions."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orchestrator import resources
from orchestrator.capability.clock import Time
from orchestrator.capability.storage import Preopen
from orchestrator.errors import RunError
from orchestrator.interface import Packages
from orchestrator.interface.types import Enum
from orchestrator.interface.values import Variant
from orchestrator.manifest.model import Clock
from orchestrator.wasi import _codes, _contents, _files
from orchestrator.wasi._everywhere import FILES
from tests.support.reach import FOLLOW, NO_FLAGS, SAME, Reach, open_files, reached

# Much of it


def test_listings_are_read_as_they_are_asked_for_each_by_itself(folder: Path, reach: Reach) -> None:
    for number in range(3000):
        (folder / "in" / f"{number}").touch()
    inner = reach.open("in")
    one, other = reach.call("read-directory", inner), reach.call("read-directory", inner)
    first = [next(reach.reading(one))["name"] for _ in range(10)]
    every = [entry["name"] for entry in reach.reading(other)]
    rest = [entry["name"] for entry in reach.reading(one)]
    assert len(every) == 3001
    assert sorted(first + rest) == sorted(every)
    assert reach.listed(inner) == every


def test_ten_thousand_files_are_made_listed_read_and_removed(folder: Path, reach: Reach) -> None:
    reach.call("create-directory-at", reach.root, "many")
    many = reach.open("many")
    before = open_files()
    for number in range(10_000):
        file = reach.open(f"{number}", "write", "create exclusive", at=many)
        reach.call("write", file, b"%d" % number, 0)
        reach.drop(file)
    names = reach.listed(many)
    assert sorted(names, key=int) == [str(number) for number in range(10_000)]
    for name in names:
        reach.call("unlink-file-at", many, name)
    assert reach.listed(many) == []
    assert open_files() == before + 2  # of the two listings, until they are dropped


def test_a_session_has_no_more_files_open_than_it_may(folder: Path, reach: Reach) -> None:
    before = open_files()
    kept = [reach.open("text") for _ in range(_files.MOST_OPEN)]
    assert reach.fails(*reach.opening("text")) == "insufficient-memory"
    assert reach.fails("read-directory", reach.root) == "insufficient-memory"
    assert reach.denied()[0] == ("storage read", "/data/text", "grants.storage: 512 files are open")
    streams = [reach.call("read-via-stream", file, 0) for file in kept for _ in range(3)]
    again = [reach.directories() for _ in range(1000)]
    assert len(streams) + len(again) == 2536
    assert open_files() == before + _files.MOST_OPEN
    for file in kept:
        reach.drop(file)
    assert open_files() == before + _files.MOST_OPEN, "their streams are still there"
    for stream in streams:
        reach.drop(stream)
    assert open_files() == before
    reach.open("text")


def test_opening_that_fails_takes_no_file(folder: Path, reach: Reach) -> None:
    os.mkfifo(folder / "fifo")
    before = open_files()
    for path, make in (
        ("nothing", ""),
        ("fifo", ""),
        ("text", "directory"),
        ("in", "truncate"),
        ("text/x", ""),
        ("..", ""),
    ):
        for _ in range(200):
            assert reach.fails(*reach.opening(path, "read", make))
    assert open_files() == before
    kept = [reach.open("text") for _ in range(_files.MOST_OPEN)]
    assert len(kept) == 512


def test_all_sessions_together_leave_the_host_files_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with reached(folder) as one, reached(folder) as other:
        held = FILES.taken
        monkeypatch.setattr(FILES, "most", lambda: held + 20)
        kept = [one.open("text") for _ in range(15)] + [other.open("text") for _ in range(5)]
        assert other.fails(*other.opening("text")) == "insufficient-memory"
        assert other.denied()[0][2] == f"grants.storage: {held + 20} files are open in all instances together"
        one.drop(kept[0])
        other.open("text")
    assert FILES.taken == held


def test_the_host_keeps_a_part_of_what_it_may_open() -> None:
    import resource

    assert 0 < FILES.most() < resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_session_that_ends_closes_all(folder: Path) -> None:
    before = open_files()
    with reached(folder) as reach:
        for _ in range(20):
            reach.call("append-via-stream", reach.open("text", "read write"))
            reach.call("read-directory", reach.open("in"))
        assert open_files() > before + 60
    assert open_files() == before


def test_grants_that_cannot_all_be_opened_leave_none_open(folder: Path, tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(RunError, match=r"the folder granted at `/gone` cannot be opened: .*/gone: No such file"):
        Reach(Preopen(str(folder.resolve()), "/data", True), Preopen(str(tmp_path.resolve() / "gone"), "/gone", False))
    assert open_files() == before


# What files say


def test_numbers_of_files_are_of_the_session_alone(folder: Path, reach: Reach, reader: Reach) -> None:
    reader.call("metadata-hash-at", reader.root, NO_FLAGS, "in")
    one = reach.call("metadata-hash-at", reach.root, NO_FLAGS, "text")
    assert one == {"lower": 1, "upper": 0}
    assert reach.call("metadata-hash", reach.open("in")) == {"lower": 2, "upper": 0}
    reach.call("link-at", reach.root, NO_FLAGS, "text", reach.root, "same")
    assert reach.call("metadata-hash", reach.open("same")) == one
    assert reader.call("metadata-hash-at", reader.root, NO_FLAGS, "text") == {"lower": 2, "upper": 0}


def test_numbers_of_many_files_take_no_more_memory(folder: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "_MOST_NUMBERED", 2)
    for number in range(50):
        (folder / str(number)).touch()
    seen = [reach.call("metadata-hash-at", reach.root, NO_FLAGS, str(number))["lower"] for number in range(50)]
    assert seen == [reach.call("metadata-hash-at", reach.root, NO_FLAGS, str(number))["lower"] for number in range(50)]
    assert len(set(seen)) == 50
    assert len(reach.session.files._numbers) == 2


@pytest.mark.parametrize("mode", ["none", "fixed", "monotonic"])
@pytest.mark.parametrize("writable", [True, False])
def test_no_file_tells_the_time_without_a_clock(folder: Path, mode: Clock, writable: bool) -> None:
    """Nor one that may only be read: it may be written by another grant of the same folder, or by another node."""
    stamps = ("data-access-timestamp", "data-modification-timestamp", "status-change-timestamp")
    reach = Reach(Preopen(str(folder.resolve()), "/data", writable), clock=Time(mode))
    for said in reach.call("stat-at", reach.root, NO_FLAGS, "text"), reach.call("stat", reach.open("text")):
        assert [said[stamp] for stamp in stamps] == [None] * 3
    reach.close()


@pytest.mark.parametrize("writable", [True, False])
def test_who_may_only_read_leaves_no_mark_by_that(folder: Path, writable: bool) -> None:
    """Reading moves the access time, with many file systems once a day at least: it is shown to who may set it too."""
    (folder / "link").symlink_to("text")
    for name in ("text", "in", "link"):
        os.utime(folder / name, ns=(5 * 10**9, 7 * 10**9), follow_symlinks=False)
    reach = Reach(Preopen(str(folder.resolve()), "/data", writable), clock=Time("wall"))
    said = [reach.call("stat-at", reach.root, NO_FLAGS, name) for name in ("text", "in", "link")]
    said.append(reach.call("stat", reach.open("text")))
    told = {"seconds": 5 if writable else 7, "nanoseconds": 0}
    assert [each["data-access-timestamp"] for each in said] == [told] * 4
    assert [each["data-modification-timestamp"]["seconds"] for each in said] == [7] * 4
    reach.close()


def test_times_are_set_and_read(folder: Path, reach: Reach) -> None:
    at = Variant("timestamp", {"seconds": 1000, "nanoseconds": 7})
    reach.call("set-times-at", reach.root, NO_FLAGS, "text", SAME, at)
    said = reach.call("stat", reach.open("text"))
    assert said["data-modification-timestamp"] == {"seconds": 1000, "nanoseconds": 7}
    before = (folder / "text").stat()
    reach.call("set-times", reach.open("text", "write"), at, SAME)
    after = (folder / "text").stat()
    assert (after.st_mtime_ns, after.st_atime_ns) == (before.st_mtime_ns, 1000 * 10**9 + 7)
    (folder / "link").symlink_to("text")
    reach.call("set-times-at", reach.root, NO_FLAGS, "link", SAME, Variant("now"))
    assert (folder / "text").stat().st_mtime_ns == before.st_mtime_ns
    reach.call("set-times-at", reach.root, FOLLOW, "link", SAME, Variant("now"))
    assert (folder / "text").stat().st_mtime_ns > before.st_mtime_ns


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "error"),
    [((1 << 64) - 1, 0, "overflow"), (1 << 63, 0, "overflow"), (1, 10**9, "invalid"), (1, (1 << 32) - 1, "invalid")],
)
def test_a_time_that_is_none_is_refused(reach: Reach, seconds: int, nanoseconds: int, error: str) -> None:
    at = Variant("timestamp", {"seconds": seconds, "nanoseconds": nanoseconds})
    assert reach.fails("set-times-at", reach.root, NO_FLAGS, "text", at, at) == error


# Contents


def test_reads_are_bounded_and_end(folder: Path, reach: Reach) -> None:
    (folder / "big").write_bytes(b"x" * (3 << 20))
    file = reach.open("big")
    assert [(len(data), end) for data, end in (reach.call("read", file, 1 << 62, at << 20) for at in range(4))] == [
        (1 << 20, False), (1 << 20, False), (1 << 20, False), (0, True),
    ]  # fmt: skip
    assert reach.call("read", file, 0, 0) == (b"", False)
    assert reach.call("read", file, 10, (3 << 20) - 4) == (b"xxxx", False)
    stream = reach.call("read-via-stream", file, (2 << 20) - 1)
    assert [len(data) for data in reach.rest(stream)] == [1 << 20, 1]


@pytest.mark.parametrize("method", ["read", "write"])
@pytest.mark.parametrize("offset", [1 << 63, (1 << 64) - 1])
def test_an_offset_that_no_file_has_is_invalid(reach: Reach, method: str, offset: int) -> None:
    file = reach.open("text", "read write")
    assert reach.fails(method, file, 1 if method == "read" else b"x", offset) == "invalid"
    assert reach.fails(f"{method}-via-stream", file, offset) == "invalid"
    assert reach.fails("set-size", file, offset) == "invalid"
    assert reach.fails("advise", file, offset, 1, "normal") == "invalid"


def test_the_last_offset_ends_in_an_error_and_nothing_else(folder: Path, reach: Reach) -> None:
    file = reach.open("text", "read write")
    last = (1 << 63) - 1
    assert reach.fails("read", file, 1, last) in ("", "invalid")
    assert reach.fails("write", file, b"xx", last) in ("invalid", "file-too-large", "overflow")
    stream = reach.call("write-via-stream", file, last)
    assert reach.stream("output-stream.check-write", stream) > 0
    assert reach.stream_fails("output-stream.write", stream, b"xx") in ("invalid", "file-too-large")
    assert reach.fails("set-size", file, last) in ("", "file-too-large", "invalid")
    reach.call("set-size", file, 4)
    assert (folder / "text").read_text() == "text"


def test_streams_write_where_they_were_opened_and_at_the_end(folder: Path, reach: Reach) -> None:
    file = reach.open("text", "write")
    inside, last, also = (
        reach.call("write-via-stream", file, 2),
        reach.call("append-via-stream", file),
        reach.call("append-via-stream", reach.open("text", "write")),
    )
    for stream, data in ((inside, b"XT"), (last, b"one"), (also, b"two"), (last, b"three"), (inside, b"O")):
        reach.stream("output-stream.blocking-write-and-flush", stream, data)
    (folder / "text").write_bytes((folder / "text").read_bytes() + b"!")  # by another process
    reach.stream("output-stream.blocking-write-zeroes-and-flush", last, 2)
    assert (folder / "text").read_bytes() == b"teXTOnetwothree!\0\0"


@pytest.mark.parametrize("flag", [0, 1 << 30])
def test_streams_append_where_the_system_cannot_do_it_at_once(
    folder: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch, flag: int
) -> None:
    monkeypatch.setattr(_contents, "_APPEND", flag)
    stream = reach.call("append-via-stream", reach.open("text", "write"))
    for data in (b"one", b"two"):
        reach.stream("output-stream.blocking-write-and-flush", stream, data)
    assert (folder / "text").read_bytes() == b"textonetwo"


@pytest.mark.parametrize(
    ("problem", "code"),
    [(OSError(errno.ENOSPC, "full"), "insufficient-space"), (OSError(errno.EIO, "bad"), "io"), (0, "io")],
)
def test_a_disk_that_takes_no_more_ends_a_stream(
    reach: Reach, monkeypatch: pytest.MonkeyPatch, problem: OSError | int, code: str
) -> None:
    def writing(*_: object) -> int:
        if isinstance(problem, OSError):
            raise problem
        return problem

    stream = reach.call("write-via-stream", reach.open("text", "write"), 0)
    monkeypatch.setattr(os, "pwrite", writing)
    assert reach.stream_fails("output-stream.blocking-write-and-flush", stream, b"x") == code


def test_every_error_of_the_standard_is_known_and_no_other() -> None:
    wit = Packages.read(sorted(path for path in resources.wit().iterdir() if path.is_dir()))
    (name,) = (name for name in wit.interfaces() if name.base == "wasi:filesystem/types")
    (codes,) = (found.type for found in wit.interface(name).types if found.name == "error-code")
    assert isinstance(codes, Enum)
    assert frozenset(codes.cases) == _codes.CODES


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "access"), (errno.EMFILE, "insufficient-memory"), (errno.ESTALE, "no-entry"),
        (errno.ENOTEMPTY, "not-empty"), (errno.EXDEV, "cross-device"), (9999, "io"), (None, "io"),
    ],
)  # fmt: skip
def test_an_error_of_the_system_has_one_of_the_standard(number: int | None, code: str) -> None:
    assert _codes.code_of(OSError(number, "text") if number else OSError("text")) == code


def test_a_stream_copies_a_file_into_another(folder: Path, reach: Reach) -> None:
    (folder / "big").write_bytes(os.urandom(3_000_000))
    source = reach.call("read-via-stream", reach.open("big"), 0)
    target = reach.call("append-via-stream", reach.open("copy", "write", "create"))
    sizes = [reach.stream("output-stream.splice", target, source, 1 << 62) for _ in range(3)]
    assert (sizes, reach.rest(source)) == ([1 << 20, 1 << 20, 3_000_000 - (2 << 20)], [])
    assert (folder / "copy").read_bytes() == (folder / "big").read_bytes()


def test_what_is_opened_outlives_its_name(folder: Path, reach: Reach) -> None:
    file = reach.open("text", "read write")
    reach.call("unlink-file-at", reach.root, "text")
    reach.call("write", file, b"T", 0)
    assert reach.call("read", file, 9, 0)[0] == b"Text"
    assert reach.call("stat", file)["link-count"] == 0


@pytest.mark.parametrize("advice", ["normal", "sequential", "random", "will-need", "dont-need", "no-reuse"])
def test_advice_and_syncing_work_on_files_that_are_read(reader: Reach, advice: str) -> None:
    file = reader.open("text")
    reader.call("advise", file, 0, 0, advice)
    reader.call("sync", file)
    reader.call("sync-data", file)
    reader.call("sync", reader.root)
    assert reader.fails("advise", reader.root, 0, 0, advice) == "bad-descriptor"
