"""Tests of CPython's own standard library, run by a guest on the WASI that the host serves: files, streams, clocks.

They come with the Python that runs this (`EXAMINED` names another one, by its path) and are older than the guest's
library, which is 3.14's. What fails for reasons that are not the host's is listed here, with the reason; whatever else
fails is the host's fault. What is listed and passes is a failure too, so that the list stays true. `-s` shows how many
there are of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.clock import Time
from orchestrator.capability.random import Numbers
from orchestrator.capability.storage import Preopen
from orchestrator.engine import Component, Engine, Frame
from orchestrator.interface.types import Function
from tests.support.hosted import hosted

pytestmark = pytest.mark.slow

GUEST = Path(__file__).resolve().parent.parent / "components" / "examiner"
KNOWN = ("3.11.7", "3.12.1", "3.13.0")
"""The releases of Python whose tests the table below is of: between two releases tests change as well."""
EVERY = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Exam:
    """Some tests of the library.

    Arguments:
        names: their modules, or classes of them.
        versions: the ones of Python in which they are, and can be imported by the guest.
        left_out: patterns of those that are not run: they take long, and tell nothing that others do not.
    """

    names: str
    versions: tuple[str, ...] = EVERY
    left_out: tuple[str, ...] = ()


EXAMS = (
    # Files, folders and paths.
    Exam("test_fileio"),
    Exam("test_file"),
    Exam("test_largefile"),
    Exam("test_os", left_out=("*.BytesWalkTests.test_walk_many_open_files",)),
    Exam("test_posix"),
    Exam("test_stat"),
    Exam("test_genericpath"),
    Exam("test_posixpath"),
    Exam("test_glob", left_out=("*.test_glob_many_open_files",)),
    Exam("test_pathlib.PosixPathTest", ("3.12",)),
    Exam("test_shutil"),
    Exam("test_tempfile"),
    Exam("test_filecmp"),
    Exam("test_fileinput"),
    Exam("test_linecache"),
    # Streams and what is made of them.
    Exam("test_io", left_out=("test_io.Py*",)),
    Exam("test_univnewlines"),
    Exam("test_gzip"),
    Exam(
        "test_zipfile",
        left_out=("*.test_append_to_concatenated_zip_file", "*RandomBinaryFiles.*", "*_performance", "*_constant_time"),
    ),
    Exam("test_tarfile.WriteTest test_tarfile.AppendTest test_tarfile.UstarReadTest test_tarfile.GNUReadTest"),
    Exam("test_dbm_dumb"),
    Exam("test_dbm_sqlite3", ("3.13",)),
    # Clocks and random numbers.
    Exam("test_time"),
    Exam("test_sched"),
    Exam(
        "test_logging.FileHandlerTest test_logging.RotatingFileHandlerTest test_logging.TimedRotatingFileHandlerTest",
        ("3.13",),
    ),
    Exam("test_secrets"),
    Exam("test_random.SystemRandom_TestBasicOps"),
)


@dataclass(frozen=True)
class Listed:
    """Tests that fail, and not through the host.

    Arguments:
        why: the reason.
        names: patterns of their names.
        versions: the ones of Python in which they are and fail.
    """

    why: str
    names: tuple[str, ...]
    versions: tuple[str, ...] = EVERY


_NEWER = "the guest's library, 3.14's, is another there"
_NO_C = "the guest has no module for tests of the C interface"
_ROOT = "a guest has no `/`: it sees the folders that were granted, and nothing above them"
_INODE = "the guest's C library gives a link's own number for what the link stands for"
_MADE_RELATIVE = "the links that it makes are made relative, and it looks at what they stand for, or moves them"
_OUT = "the host makes no link that leads out of its folder, or that could come to"
_MODE = "WASI has no permissions of files"
_SOURCES = "the guest's own library is in no folder"
_FORMATS = "the guest's C library formats times that the test expects it to refuse"


def _names(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in names.split())


LISTED = (
    Listed(_NO_C, ("test_fileio.COtherFileTests.testInvalidFd_overflow",), ("3.11", "3.12")),
    Listed(_NEWER, ("test_os.*.test_bytes_like", "test_os.OSErrorTests.test_oserror_filename"), ("3.11",)),
    Listed(_ROOT, ("test_os.Pep383Tests.test_listdir",), ("3.11", "3.12")),
    Listed(_OUT, ("test_os.ReadlinkTests.test_bytes", "test_os.ReadlinkTests.test_pathlike*")),
    Listed(_NEWER, _names("test_posix.PosixTester.test_", "listdir_bytes_like stat"), ("3.11",)),
    Listed(_MODE, _names("test_posix.PosixTester.test_chmod_", "dir_symlink file_symlink"), ("3.13",)),
    Listed(_INODE, ("test_*path.*.test_samefile_on_symlink", "test_*path.*.test_samestat_on_symlink")),
    Listed(_ROOT, ("test_posixpath.PosixPathTest.test_ismount",)),
    Listed(_OUT, ("test_posixpath.*.test_ismount_symlinks", "test_posixpath.*.test_realpath_symlink_loops*")),
    Listed(
        _NEWER,
        (
            "test_glob.GlobTests.test_translate",
            *_names("test_glob.GlobTests.test_translate_", "include_hidden recursive seps"),
        ),
        ("3.13",),
    ),
    Listed(
        _NEWER,
        _names(
            "test_pathlib.PosixPathTest.test_",
            "is_junction parts_interning passing_kwargs_deprecated resolve_loop rglob_common with",
        ),
        ("3.12",),
    ),
    Listed(
        _ROOT,
        _names("test_pathlib.PosixPathTest.test_", "glob_dotdot is_mount mkdir_exist_ok_root resolve_root"),
        ("3.12",),
    ),
    Listed(_OUT, ("test_pathlib.PosixPathTest.test_complex_symlinks_relative_dot_dot",), ("3.12",)),
    Listed(_INODE, ("test_pathlib.PosixPathTest.test_symlink_to",), ("3.12",)),
    Listed(_NEWER, ("test_shutil.PublicAPITests.test_module_all_attribute",)),
    Listed(_NEWER, _names("test_shutil.TestArchives.test_unpack_archive_", "tar gztar"), ("3.12", "3.13")),
    Listed(_MODE, ("test_shutil.TestCopy.test_copymode_follow_symlinks",)),
    Listed(_INODE, ("test_shutil.TestCopy.test_dont_copy_file_onto_symlink_to_itself",)),
    Listed(_MADE_RELATIVE, _names("test_shutil.TestCopyTree.test_copytree_", "dangling_symlinks symlinks")),
    Listed(
        _MADE_RELATIVE,
        _names("test_shutil.TestMove.test_move_", "dangling_symlink dir_symlink file_symlink file_symlink_to_dir"),
    ),
    Listed(_MADE_RELATIVE, ("test_shutil.TestMove.test_move_symlink_to_dir_into_*",), ("3.13",)),
    Listed(_NEWER, ("test_linecache.EmptyFile.test_getlines",), ("3.11", "3.12")),
    Listed(_SOURCES, _names("test_linecache.LineCacheTests.test_", "clearcache getline memoryerror")),
    Listed(_NEWER, ("test_io.*.test_error_through_destructor",), ("3.11", "3.12")),
    Listed(_NEWER, ("test_io.CMiscIOTest.test_openwrapper",), ("3.11",)),
    Listed(_NEWER, ("test_zipfile.*.test_repr", "test_zipfile.*StripExtraTests.*"), ("3.11", "3.12")),
    Listed(_NEWER, ("test_zipfile._path.test_path.TestPath.test_is_symlink",), ("3.12",)),
    Listed(_FORMATS, ("test_time.TimeTestCase.test_strftime",)),
    Listed(
        _NEWER, _names("test_random.SystemRandom_TestBasicOps.test_randrange_", "argument_handling errors"), ("3.11",)
    ),
)
ENDING = (
    Listed(
        "it recurses until the guest's stack is used up: its library, 3.14's, is another there",
        ("test_fileio.PyAutoFileTests.testRecursiveRepr",),
        ("3.11", "3.12"),
    ),
)
"""Tests that end the guest: they are not run."""


@dataclass(frozen=True)
class Library:
    """The tests of a Python's standard library.

    Arguments:
        version: as `3.11`.
        folder: where they are.
    """

    version: str
    folder: Path

    def listed(self, table: tuple[Listed, ...]) -> list[str]:
        """The patterns of a table that are for this version."""
        return [name for listed in table if self.version in listed.versions for name in listed.names]


@pytest.fixture(scope="module")
def library() -> Library:
    """The tests; skips everything, and says so, where there are none."""
    python = os.environ.get("EXAMINED") or sys.executable
    tell = "import platform, sysconfig; print(platform.python_version(), sysconfig.get_path('stdlib'))"
    said = subprocess.run([python, "-c", tell], check=True, capture_output=True, text=True, timeout=60).stdout
    release, folder = said.strip().split(" ", 1)
    if release not in KNOWN:
        pytest.skip(f"NOT TRIED: the table is of the tests of Python {', '.join(KNOWN)}, and {python} is {release}")
    if not (Path(folder) / "test" / "test_fileio.py").is_file():
        pytest.skip(f"NOT TRIED: {python} has no tests of its standard library")
    return Library(release.rpartition(".")[0], (Path(folder) / "test").resolve())


@pytest.fixture(scope="module")
def guest() -> Iterator[tuple[Engine, Component]]:
    """The component, built once and kept in the user's cache."""
    with Engine() as engine:
        yield engine, engine.load(GUEST)


Found = dict[str, tuple[str, str]]


def examined(
    guest: tuple[Engine, Component], library: Library, folder: Path, names: list[str], left_out: list[str]
) -> Found:
    """How each test ended, by its name: `passed`, `skipped` or `failed`, and why."""
    engine, component = guest
    authority = Authority(
        preopens=(
            Preopen(str(library.folder), "/test", False),
            Preopen(str(folder.resolve()), "/tmp", True, hidden=True),
        ),
        environment=(("TMPDIR", "/tmp"),),
        clock=Time("wall"),
        random=Numbers("secure"),
    )
    function = next(item for item in component.world.exports if isinstance(item, Function))
    with hosted(engine, component, authority) as made, made.entered(Frame(deadline=time.monotonic() + 200)):
        outcome = made.call(None, function, [names, left_out])
    assert "ok" in outcome, outcome
    found: Found = {name: (how, why) for name, (how, why) in json.loads(outcome["ok"]).items()}
    return found


def matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@pytest.mark.parametrize("exam", EXAMS, ids=lambda exam: exam.names.split(" ")[0])
def test_the_library_s_own_tests_pass(
    guest: tuple[Engine, Component], library: Library, tmp_path: Path, exam: Exam
) -> None:
    if library.version not in exam.versions:
        pytest.skip(f"Python {library.version} has no such tests for the guest's library")
    listed, ending = library.listed(LISTED), library.listed(ENDING)
    found = examined(guest, library, tmp_path, exam.names.split(), [*exam.left_out, *ending])
    counts = Counter(how for how, _ in found.values())
    print(f"\n{exam.names}: {dict(counts)}")  # noqa: T201
    failed = {name: why for name, (how, why) in found.items() if how == "failed" and not matches(name, listed)}
    assert not failed, "\n\n".join(f"{name}\n{why}" for name, why in failed.items())
    passed = [name for name, (how, _) in found.items() if how == "passed" and matches(name, listed)]
    assert not passed, f"listed as failing, and they pass: {passed}"
    assert counts["passed"] > 0
