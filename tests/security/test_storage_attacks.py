"""`storage`: a guest in Python that was granted a folder, and tries for more of it, or for what is around it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.storage import Preopen
from tests.security.conftest import Attack, Attacker, Refused

SECRET = "nobody may read this"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to grant, beside a secret, with links that lead everywhere."""
    granted = tmp_path / "granted"
    (granted / "in" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "outside").mkdir()
    (granted / "text").write_text("text")
    (granted / "in" / "deep" / "text").write_text("deep")
    (granted / ".hidden").write_text(SECRET)
    (granted / ".git").mkdir()
    (granted / ".git" / "config").write_text(SECRET)
    for name, target in {
        "near": "text",
        "up": "..",
        "far": str(tmp_path / "secret"),
        "out": "../secret",
        "round": "in/../../secret",
        "loop": "loop",
        "root": "/",
        "dot": ".hidden",
        "dangling": "nothing",
        "folder": "in/deep",
    }.items():
        (granted / name).symlink_to(target)
    os.mkfifo(granted / "fifo")
    return granted


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def reading(folder: Path, **more: object) -> Authority:
    return Authority(preopens=(Preopen(str(folder), "/data", False, **more),), clock=Time("wall"))  # type: ignore[arg-type]


def writing(folder: Path, **more: object) -> Authority:
    return Authority(preopens=(Preopen(str(folder), "/data", True, **more),), clock=Time("wall"))  # type: ignore[arg-type]


def fails(guest: Attacker, code: str) -> str:
    """What the code raises; the guest goes on."""
    with pytest.raises(Refused) as caught:
        guest.run(code)
    assert guest.run("result = 1") == 1
    return str(caught.value)


def test_what_was_granted_is_there(attack: Attack, folder: Path) -> None:
    guest = attack(reading(folder))
    found = guest.run("result = sorted(os.listdir('/data'))")
    assert found == [
        "dangling",
        "dot",
        "far",
        "fifo",
        "folder",
        "in",
        "loop",
        "near",
        "out",
        "root",
        "round",
        "text",
        "up",
    ]
    assert guest.run(
        "result = [open(f'/data/{p}').read() for p in ('text', 'near', 'in/deep/text', 'folder/text')]"
    ) == [
        "text",
        "text",
        "deep",
        "deep",
    ]
    assert guest.run("result = os.stat('/data/in/deep/text').st_size") == 4
    assert guest.run("result = sorted(glob.glob('**/text', root_dir='/data', recursive=True))") == [
        "folder/text", "in/deep/text", "text",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "far", "out", "round", "up/secret", "in/../../secret", "root/etc/passwd", "./../secret",
        "in/deep/../../../secret", "text/../../secret", "up/granted/text", "..//secret", "folder/../../../secret",
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["open(p).read()", "os.stat(p).st_size", "os.listdir(p)", "os.readlink(p + '/x')"])
def test_nothing_around_it_can_be_reached(attack: Attack, folder: Path, path: str, how: str) -> None:
    guest = attack(writing(folder, hidden=True))
    said = fails(guest, f"p = '/data/{path}'; result = {how}")
    assert SECRET not in said
    assert (folder.parent / "secret").read_text() == SECRET


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/", "/proc/self/environ", "/data/../etc/passwd", "/dev/null", "relative"]
)
def test_other_paths_do_not_exist(attack: Attack, folder: Path, path: str) -> None:
    fails(attack(writing(folder)), f"open({path!r}).read()")


@pytest.mark.parametrize(
    "code",
    [
        "open('/data/new', 'w')", "open('/data/text', 'r+')", "open('/data/text', 'a')", "os.truncate('/data/text', 0)",
        "os.remove('/data/text')", "os.rename('/data/text', '/data/other')", "os.mkdir('/data/made')",
        "os.rmdir('/data/in')", "os.symlink('text', '/data/link')", "os.link('/data/text', '/data/hard')",
        "os.utime('/data/text', (1, 1))", "open('/data/text', 'w')", "os.replace('/data/text', '/data/in/text')",
    ],
)  # fmt: skip
def test_a_grant_to_read_changes_nothing(attack: Attack, folder: Path, code: str) -> None:
    guest, before = attack(reading(folder)), names(folder)
    modified = (folder / "text").stat().st_mtime_ns
    fails(guest, code)
    assert names(folder) == before
    assert (folder / "text").read_text() == "text"
    assert (folder / "text").stat().st_mtime_ns == modified
    assert [rule for what, _, rule in guest.denied() if what.startswith("storage")] == [
        "grants.storage: read only"
    ] * len([one for one in guest.denied() if one[0].startswith("storage")])
    assert guest.denied()


def test_a_grant_to_write_writes(attack: Attack, folder: Path) -> None:
    guest = attack(writing(folder))
    guest.run("""
open('/data/new', 'w').write('one')
with open('/data/new', 'a') as f: f.write(' two')
with open('/data/new', 'r+') as f:
    f.seek(0); f.write('ONE')
os.mkdir('/data/made'); os.rename('/data/new', '/data/made/new'); os.symlink('new', '/data/made/link')
os.link('/data/made/new', '/data/hard'); os.remove('/data/text'); os.utime('/data/hard', (5, 6))
shutil.rmtree('/data/in')
""")
    assert (folder / "made" / "new").read_text() == "ONE two"
    assert (folder / "made" / "link").readlink() == Path("new")
    assert (folder / "hard").stat().st_mtime == 6
    assert not (folder / "text").exists()
    assert not (folder / "in").exists()


@pytest.mark.parametrize(
    "code",
    [
        "os.symlink('/etc/passwd', '/data/link')", "os.symlink('../secret', '/data/link')",
        "os.symlink('in/../../secret', '/data/link')", "os.rename('/data/text', '/data/../moved')",
        "os.link('/data/far', '/data/up/x')", "os.mkdir('/data/up/x')", "open('/data/out', 'w')",
        "open('/data/up/new', 'w')", "os.remove('/data/up/secret')", "os.rename('/data/up/secret', '/data/x')",
        "os.symlink('../../secret', '/data/in/link')", "open('/data/.new', 'w')", "os.mkdir('/data/.d')",
        "os.rename('/data/text', '/data/.text')", "os.symlink('.hidden', '/data/link')", "os.symlink('', '/data/link')",
    ],
)  # fmt: skip
def test_a_grant_to_write_writes_nothing_outside_or_hidden(attack: Attack, folder: Path, code: str) -> None:
    guest = attack(writing(folder))
    before, around = names(folder), names(folder.parent)
    fails(guest, code)
    assert names(folder) == before
    assert names(folder.parent) == around
    assert (folder.parent / "secret").read_text() == SECRET


@pytest.mark.parametrize(
    "path", [".hidden", ".git/config", "dot", "in/../.hidden", "./.hidden", "in/deep/../../.git/config"]
)
def test_hidden_files_are_not_there(attack: Attack, folder: Path, path: str) -> None:
    guest = attack(reading(folder))
    assert "FileNotFoundError" in fails(guest, f"open('/data/{path}').read()")
    assert ".hidden" not in guest.run("result = os.listdir('/data')")
    assert guest.run(f"result = os.path.exists('/data/{path}')") is False
    assert any("hidden" in rule for _, _, rule in guest.denied())


def test_hidden_files_are_there_where_they_are_granted(attack: Attack, folder: Path) -> None:
    guest = attack(reading(folder, hidden=True))
    assert guest.run("result = [open('/data/.git/config').read(), open('/data/dot').read()]") == [SECRET, SECRET]
    assert ".hidden" in guest.run("result = os.listdir('/data')")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/data/text/')", "NotADirectoryError"),
        ("os.stat('/data/text/')", "NotADirectoryError"),
        ("open('/data/nothing/')", "FileNotFoundError"),
        ("open('/data/new/', 'w')", "Error"),
        ("open('/data/in', 'w')", "IsADirectoryError"),
        ("open('/data/te\\0xt')", "ValueError"),
        ("open('/data/' + 'x' * 300)", "OSError"),
        ("open('/data/' + 'x/' * 5000)", "OSError"),
        ("open('/data/' + 'in/deep/../../' * 200 + 'nothing')", "FileNotFoundError"),
        ("open('/data/loop')", "OSError"),
        ("open('/data/fifo')", "PermissionError"),
        ("open('/data/fifo', 'w')", "PermissionError"),
        ("open('/data/dangling')", "FileNotFoundError"),
        ("os.rmdir('/data/text')", "NotADirectoryError"),
        ("os.rmdir('/data/in')", "OSError"),
        ("os.remove('/data/in')", "Error"),
        ("os.mkdir('/data/in')", "FileExistsError"),
        ("os.rename('/data/in', '/data/in/deep/in')", "OSError"),
        ("os.listdir('/data/text')", "NotADirectoryError"),
        ("open('/data/text', 'x')", "FileExistsError"),
    ],
)
def test_strange_uses_are_errors_and_nothing_else(attack: Attack, folder: Path, code: str, error: str) -> None:
    guest = attack(writing(folder))
    assert error in fails(guest, code)
    assert (folder / "text").read_text() == "text"


def test_a_socket_in_the_folder_is_not_opened(attack: Attack, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        assert "PermissionError" in fails(attack(writing(folder)), "open('/data/s', 'r+b', buffering=0)")


@pytest.mark.parametrize(
    "code",
    [
        "f = open('/data/big', 'wb', buffering=0); f.write(b'x' * 5000)",
        "f = open('/data/big', 'ab', buffering=0)\nfor _ in range(100): f.write(b'x' * 100)",
        "f = open('/data/big', 'wb'); f.truncate(1 << 40)",
        "f = open('/data/big', 'wb', buffering=0); f.seek(10**9); f.write(b'x')",
        "for n in range(100): open(f'/data/{n}', 'wb', buffering=0).write(b'x' * 100)",
        "for _ in range(100):\n  f = open('/data/big', 'wb', buffering=0); f.write(b'x' * 100); f.truncate(0)",
        "with open('/data/text', 'wb') as f: f.write(b'x' * 5000)",
    ],
)
def test_no_more_is_added_than_the_quota_says(attack: Attack, folder: Path, code: str) -> None:
    guest = attack(writing(folder, quota=1000))
    fails(guest, code)
    assert sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) < 1200
    assert any("quota" in rule or "1000 bytes" in rule for _, _, rule in guest.denied())


def test_writing_over_what_is_there_costs_nothing(attack: Attack, folder: Path) -> None:
    guest = attack(writing(folder, quota=0))
    guest.run("f = open('/data/text', 'r+b', buffering=0); f.write(b'TEXT')")
    assert (folder / "text").read_text() == "TEXT"
    fails(guest, "f = open('/data/text', 'r+b', buffering=0); f.write(b'12345')")


@pytest.mark.parametrize(
    "code",
    [
        "for n in range(20): open(f'/data/{n}', 'w')",
        "for n in range(20): os.mkdir(f'/data/{n}')",
        "for n in range(20): os.symlink('text', f'/data/{n}')",
        "for n in range(20): os.link('/data/text', f'/data/{n}')",
        "for n in range(20):\n  open('/data/x', 'x'); os.remove('/data/x')",
    ],
)
def test_no_more_entries_are_added_than_may_be(attack: Attack, folder: Path, code: str) -> None:
    guest, before = attack(writing(folder, files=10)), len(names(folder))
    fails(guest, code)
    assert len(names(folder)) <= before + 10
    assert any("10 entries" in rule for _, _, rule in guest.denied())


def test_ten_thousand_files_are_listed_and_opened(attack: Attack, tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"f{number}").touch()
    guest = attack(reading(tmp_path))
    assert guest.run("result = len(os.listdir('/data'))") == 10_000
    assert guest.run("result = sum(1 for e in os.scandir('/data') if open(e.path).read() == '')") == 10_000


def test_a_guest_cannot_take_all_the_files_that_the_host_may_open(attack: Attack, folder: Path) -> None:
    guest, before = attack(reading(folder)), len(names(Path("/proc/self/fd")))
    said = fails(guest, "kept = []\nwhile True: kept.append(open('/data/text'))")
    assert "OSError" in said or "MemoryError" in said
    assert any("512 files are open" in rule for _, _, rule in guest.denied())
    assert guest.run("result = open('/data/text').read()") == "text"
    assert len(names(Path("/proc/self/fd"))) < before + 600


def test_closing_the_instance_closes_its_files(attack: Attack, folder: Path) -> None:
    guest, before = attack(reading(folder)), len(names(Path("/proc/self/fd")))
    guest.run("import builtins; builtins.kept = [open('/data/text') for _ in range(50)]")
    assert len(names(Path("/proc/self/fd"))) >= before + 50
    guest.instance.close()
    assert len(names(Path("/proc/self/fd"))) < before


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (
            "d = os.open('/data/in', os.O_RDONLY); os.mkdir('x', dir_fd=d)\n"
            "os.rename('x', 'y', src_dir_fd=d, dst_dir_fd=d)\n"
            "os.symlink('y', 's', dir_fd=d); result = [os.readlink('s', dir_fd=d), sorted(os.listdir('/data/in'))]",
            ["y", ["deep", "s", "y"]],
        ),
        (
            "one, two = os.scandir('/data/in/deep'), os.scandir('/data/in/deep')\n"
            "result = [next(one).name, [e.name for e in two], [e.name for e in one]]",
            ["text", ["text"], []],
        ),
        ("f = open('/data/text', 'r+'); os.remove('/data/text'); f.write('T'); f.seek(0); result = f.read()", "Text"),
        ("os.makedirs('/data/a/b'); shutil.move('/data/a', '/data/in/a'); result = os.listdir('/data/in/a')", ["b"]),
        (
            "with tempfile.TemporaryDirectory(dir='/data') as d:\n"
            "  shutil.copytree('/data/in', d + '/in'); result = open(d + '/in/deep/text').read()\n"
            "result = [result, os.path.exists(d)]",
            ["deep", False],
        ),
    ],
)
def test_programs_use_folders_as_they_are_used_to(attack: Attack, folder: Path, code: str, result: object) -> None:
    assert attack(writing(folder)).run(code) == result


def test_a_file_that_must_be_new_is_not_made_through_a_link(attack: Attack, folder: Path) -> None:
    assert "FileExistsError" in fails(attack(writing(folder)), "open('/data/dangling', 'x')")
    assert not (folder / "nothing").exists()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ("O_RDONLY", "os.pwrite(f, b'x', 0)", "OSError: [Errno 8] Bad file descriptor"),
        ("O_RDONLY", "os.ftruncate(f, 0)", "OSError: [Errno 28] Invalid argument"),
        ("O_WRONLY", "os.pread(f, 1, 0)", "OSError: [Errno 8] Bad file descriptor"),
    ],
)
def test_a_file_is_used_as_it_was_opened(attack: Attack, folder: Path, flags: str, code: str, said: str) -> None:
    assert fails(attack(writing(folder)), f"f = os.open('/data/text', os.{flags})\n{code}") == said
    assert (folder / "text").read_text() == "text"


def test_the_times_of_an_open_file_are_set_where_the_grant_is_to_write(attack: Attack, folder: Path) -> None:
    code = "f = os.open('/data/text', os.O_RDONLY)\nos.utime(f, (1, 2))"
    before = (folder / "text").stat().st_mtime
    assert "Read-only file system" in fails(attack(reading(folder)), code)
    assert (folder / "text").stat().st_mtime == before
    attack(writing(folder)).run(code)
    assert (folder / "text").stat().st_mtime == 2


def test_nothing_moves_between_two_grants(attack: Attack, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("mine")
    authority = Authority(
        preopens=(Preopen(str(folder), "/data", False), Preopen(str(other), "/own", True)), clock=Time("wall")
    )
    guest = attack(authority)
    for code in (
        "os.rename('/data/text', '/own/text')",
        "os.link('/data/text', '/own/text')",
        "os.rename('/own/mine', '/data/mine')",
        "os.link('/own/mine', '/data/mine')",
    ):
        fails(guest, code)
    assert names(other) == ["mine"]
    assert not (folder / "mine").exists()
    guest.run("shutil.copy('/data/text', '/own/text')")
    assert (other / "text").read_text() == "text"


def test_a_link_that_is_swapped_while_it_is_followed_leads_nowhere(attack: Attack, folder: Path) -> None:
    (folder / "swap").mkdir()
    (folder / "swap" / "secret").write_text("fine")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (folder / "swap").rename(folder / "kept")
            (folder / "swap").symlink_to(folder.parent)
            (folder / "swap").unlink()
            (folder / "kept").rename(folder / "swap")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = attack(reading(folder)).run("""
result = []
for _ in range(2000):
    try: result.append(open('/data/swap/secret').read())
    except OSError: pass
""")
    finally:
        stop.set()
        thread.join()
    assert set(found) <= {"fine"}


def test_without_a_clock_no_file_tells_the_time(attack: Attack, folder: Path) -> None:
    authority = Authority(preopens=(Preopen(str(folder), "/data", True),))
    found = attack(authority).run(
        "open('/data/new', 'w').write('x'); s = os.stat('/data/new'); result = [s.st_mtime, s.st_atime, s.st_ctime]"
    )
    assert found == [0, 0, 0]


def test_the_numbers_of_files_say_nothing_of_the_host(attack: Attack, folder: Path) -> None:
    found = attack(reading(folder)).run("result = [os.stat('/data/text').st_ino, os.stat('/data/in').st_ino]")
    assert (folder / "text").stat().st_ino not in found
    assert len(set(found)) == 2


def test_what_was_decided_names_the_path_and_the_grant(attack: Attack, folder: Path) -> None:
    guest = attack(reading(folder, place="grants.storage[3]"))
    guest.run("open('/data/in/deep/text').read()")
    assert ("storage read", "/data/in/deep/text", "grants.storage[3]", True) in guest.desk.decisions
    fails(guest, "open('/data/../secret')")
    fails(guest, "open('/data/up/secret')")
    assert ("storage read", "/data/up/secret", "grants.storage[3]: the path leads out of the folder") in guest.denied()


def test_a_grant_that_was_replaced_by_a_link_is_not_followed(attack: Attack, folder: Path) -> None:
    folder.rename(folder.parent / "moved")
    folder.symlink_to(folder.parent)
    with pytest.raises(Exception, match="the folder granted at `/data` cannot be opened"):
        attack(reading(folder))
