"""Imports the standard library: a module that is not loaded while the component is built is not in it.

All that imports is taken, but for what needs a screen, a terminal, processes or packages, and what is the library's own
test or a program. What is imported after this module lies beside each other in memory (see `packing`).
"""

import asyncio
import gc
import importlib
import os
import pkgutil
import posix
import sys
import time
import warnings

import locks
from loop import Policy
from packing import pack

_LEFT_OUT = {
    "_android_support",
    "_apple_support",
    "_ios_support",
    "_pyrepl",
    "__hello__",
    "__phello__",
    "antigravity",
    "cProfile",
    "concurrent.interpreters",
    "curses",
    "dbm",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "multiprocessing",
    "pip",
    "profiling",
    "pty",
    "pyclbr",
    "pydoc",
    "pydoc_data",
    "rlcompleter",
    "site",
    "test",
    "this",
    "tkinter",
    "turtle",
    "turtledemo",
    "venv",
    "webbrowser",
}


def _load(name):
    try:
        module = importlib.import_module(name)
    except Exception:  # what is not in this CPython says so in its own way
        return
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if found.name not in _LEFT_OUT and found.name.rpartition(".")[2] not in ("__main__", "test", "tests"):
            _load(found.name)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for each in sorted(sys.stdlib_module_names - _LEFT_OUT):
        _load(each)
warnings.filterwarnings("ignore", category=SyntaxWarning)  # a snippet is compiled in parts, and would be warned twice


def _exit(status):
    """`os._exit`, as an error of the snippet alone."""
    raise SystemExit(status)


def _abort():
    raise SystemExit("aborted")


def _times():
    now = time.monotonic()
    return os.times_result((now, 0.0, 0.0, 0.0, now))


def end():
    """Ends the search for modules, since there is no folder to look in later, and takes away what ends the instance.

    The C library counts a process's time from when it began, which was by another clock: while this was built.
    """
    for module in (os, posix):
        module._exit, module.abort, module.times = _exit, _abort, _times
    time.process_time, time.process_time_ns = time.monotonic, time.monotonic_ns
    locks.put()
    asyncio.events._set_event_loop_policy(Policy())
    sys.path.clear()
    sys.path_importer_cache.clear()


gc.collect()
pack()
