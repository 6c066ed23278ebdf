"""Runs unit tests of Python's own standard library, and says how each of them ended.

A component has the modules alone that were imported while it was built. The tests import many, and some anew: so the
sources of the standard library are kept in here, and found by whoever imports.
"""

import asyncio  # noqa: F401
import fnmatch
import importlib.abc
import importlib.util
import io
import json
import logging.handlers  # noqa: F401
import os
import shutil  # noqa: F401
import subprocess  # noqa: F401
import sys
import tarfile  # noqa: F401
import tempfile  # noqa: F401
import traceback
import unittest
import unittest.async_case
import unittest.mock
import warnings
import zlib
from pathlib import Path

import wit_world
from componentize_py_types import Err

LIBRARY = Path(unittest.__file__).parent.parent
LEFT_OUT = ("ensurepip", "idlelib", "pydoc_data", "tkinter", "turtledemo")
SOURCES = {
    str(path): zlib.compress(path.read_bytes())
    for path in LIBRARY.rglob("*.py")
    if path.relative_to(LIBRARY).parts[0] not in LEFT_OUT
}


class Kept(importlib.abc.SourceLoader):
    """Loads a module out of the sources that are kept."""

    def __init__(self, path):
        self.path = path

    def get_filename(self, _name):
        return self.path

    def get_data(self, path):
        if path not in SOURCES:
            raise OSError(path)
        return zlib.decompress(SOURCES[path])


class Library(importlib.abc.MetaPathFinder):
    """Finds the modules that are kept."""

    def find_spec(self, name, path=None, target=None):
        base = f"{LIBRARY}/{name.replace('.', '/')}"
        for found, folders in ((f"{base}/__init__.py", [base]), (f"{base}.py", None)):
            if found in SOURCES:
                return importlib.util.spec_from_file_location(
                    name, found, loader=Kept(found), submodule_search_locations=folders
                )
        return None


class Result(unittest.TestResult):
    """How each test ended."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def note(self, test, how, why=""):
        self.found.setdefault(test.id().removeprefix("test."), (how, why))

    def fail(self, test, error):
        self.found.pop(test.id().removeprefix("test."), None)
        self.note(test, "failed", "".join(traceback.format_exception(*error)))

    def addSuccess(self, test):
        self.note(test, "passed")

    def addExpectedFailure(self, test, error):
        self.note(test, "passed")

    def addUnexpectedSuccess(self, test):
        self.note(test, "failed", "it passed, and should not")

    def addSkip(self, test, reason):
        self.note(test, "skipped", reason)

    def addError(self, test, error):
        self.fail(test, error)

    def addFailure(self, test, error):
        self.fail(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.fail(test, error)


def prepare():
    """As the library's own runner does: the tests as the package `test`, a folder to work in, a name of the program."""
    sys.meta_path.append(Library())
    os.chdir("/tmp")
    sys.argv = ["python"]
    sys.stdout = sys.stderr = io.StringIO()
    spec = importlib.util.spec_from_file_location("test", "/test/__init__.py", submodule_search_locations=["/test"])
    sys.modules["test"] = importlib.util.module_from_spec(spec)
    from test.support import os_helper

    # It leaves out what makes links, since most of that makes absolute ones: here they are made relative.
    os_helper._can_symlink = True
    os.symlink = relative(os.symlink)


def relative(make):
    """A maker of links that stand for a relative path: WASI has no others."""

    def symlink(src, dst, target_is_directory=False, *, dir_fd=None):
        target = os.fsdecode(src)
        if Path(target).is_absolute() and dir_fd is None:
            target = os.path.relpath(target, Path(os.fsdecode(dst)).absolute().parent)
            src = os.fsencode(target) if isinstance(os.fspath(src), bytes) else target
        return make(src, dst, target_is_directory, dir_fd=dir_fd)

    return symlink


def each(suite):
    for item in suite:
        if isinstance(item, unittest.TestCase):
            yield item
        else:
            yield from each(item)


def run(names, left_out):
    result = Result()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        suite = unittest.defaultTestLoader.loadTestsFromNames([f"test.{name}" for name in names])
        kept = [
            test
            for test in each(suite)
            if not any(fnmatch.fnmatchcase(test.id().removeprefix("test."), pattern) for pattern in left_out)
        ]
        unittest.TestSuite(kept).run(result)
    return result.found


class WitWorld(wit_world.WitWorld):
    def examine(self, names: list[str], left_out: list[str]) -> str:
        try:
            prepare()
            return json.dumps(run(names, left_out))
        except BaseException:
            raise Err(traceback.format_exc()) from None
