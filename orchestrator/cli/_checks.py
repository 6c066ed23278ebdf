"""What `orchestrator doctor` looks at, a function for each matter."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from orchestrator import __version__, resources
from orchestrator.cli import _session as session
from orchestrator.errors import OrchestratorError

DISTRIBUTION = "wasm-orchestrator"
_ADVISORIES = Path(__file__).with_name("advisories.json")


@dataclass(frozen=True, slots=True)
class Check:
    """One matter: its name, what was found, what to do. `info` is neither good nor bad."""

    name: str
    status: Literal["ok", "warning", "error", "info"]
    found: str
    help: str = ""

    def to_json(self) -> dict[str, Any]:
        """The check as JSON."""
        return asdict(self)


def all_checks() -> Iterator[Check]:
    """Every check, in the order to show."""
    yield Check("orchestrator", "ok", __version__)
    yield python()
    yield Check("platform", "ok" if sys.platform == "linux" else "warning", platform.platform())
    yield from dependencies()
    yield javascript()
    yield shipped_files()
    yield engine()
    yield from cache()
    yield address_space()
    yield pagemap_scan()
    yield protection_keys()
    yield advisories()


def python() -> Check:
    """The interpreter: 3.11 or later."""
    found = f"{platform.python_version()} at {sys.executable}"
    return Check("Python", "ok" if sys.version_info >= (3, 11) else "error", found)


def dependencies() -> Iterator[Check]:
    """Each dependency's version, and whether it is the one that is pinned, where one is."""
    try:
        wanted = [line for line in metadata.requires(DISTRIBUTION) or () if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        yield Check("dependencies", "warning", f"{DISTRIBUTION} is not installed", "run: pip install --editable .")
        return
    for line in sorted(wanted, key=lambda line: ("==" not in line, line.lower())):
        yield _dependency(line)


def _dependency(line: str) -> Check:
    name = re.split(r"[^\w.-]", line)[0]
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, "error", "not installed", f'run: pip install "{line}"')
    pinned = re.fullmatch(r"[\w.-]+==(\S+)", line)
    if pinned and pinned[1] != found:
        return Check(name, "error", f"{found}, where {pinned[1]} is needed", f'run: pip install "{line}"')
    return Check(name, "ok", found + (" (pinned)" if pinned else ""))


def javascript() -> Check:
    """Node and npm, which only components in JavaScript need, and only to be built."""
    from orchestrator.engine.build import javascript as builder

    found, why = builder()
    what, _, remedy = why.partition("; ")
    if why:
        return Check("JavaScript", "info", what, f"to build components from JavaScript: {remedy}")
    return Check("JavaScript", "ok", found)


def shipped_files() -> Check:
    """The WIT packages that ship with the package."""
    folder = resources.wit()
    found = sorted(path.name for path in folder.glob("*/")) if folder.is_dir() else []
    if not found:
        return Check("WIT packages", "error", f"none at {folder}", "the installation is damaged; install it again")
    return Check("WIT packages", "ok", f"{', '.join(found)} at {folder}")


def engine() -> Check:
    """Whether wasmtime's library loads and compiles a component."""
    try:
        with session.engine(quiet=True) as opened:
            opened.from_text("(component)", "empty")
    except OrchestratorError as problem:
        return Check("engine", "error", str(problem).partition("\n")[0])
    except (OSError, ImportError) as problem:
        return Check("engine", "error", str(problem).partition("\n")[0], "does wasmtime ship for this platform?")
    return Check("engine", "ok", "compiles and caches a component")


def cache() -> Iterator[Check]:
    """The cache folder: where, how large, and whether it is this user's alone."""
    folder = session.cache_folder()
    try:
        status = folder.stat()
    except OSError as problem:
        yield Check("cache", "warning", f"{folder}: {problem.strerror}", "ORCHESTRATOR_CACHE names another folder")
        return
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(_size(path) for path in files)
    yield Check("cache", "ok", f"{folder}: {size / 1e6:.1f} MB in {len(files)} files")
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.getuid() or mode & 0o077:
        yield Check("cache access", "error", f"mode {mode:04o}, owner {status.st_uid}", f"run: chmod 700 {folder}")
    else:
        yield Check("cache access", "ok", f"mode {mode:04o}, this user's alone")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def address_space() -> Check:
    """Each memory of a component reserves some 4 GiB of addresses, which cost nothing but need to be allowed."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return Check("address space", "ok", "not limited")
    help = "run: ulimit -v unlimited" if limit < 64 << 30 else ""
    return Check("address space", "warning" if help else "ok", f"limited to {limit >> 30} GiB", help)


def pagemap_scan() -> Check:
    """PAGEMAP_SCAN (Linux 6.7): tells which pages a guest wrote to, which a revert then takes back alone."""
    from orchestrator.engine.snapshot import tells_changes

    kernel = f"kernel {platform.release()}"
    if tells_changes():
        return Check("PAGEMAP_SCAN", "ok", f"{kernel} has it: a revert takes back the pages that were written to")
    return Check("PAGEMAP_SCAN", "info", f"{kernel} does not offer it: a revert takes back whole memories, more slowly")


def protection_keys() -> Check:
    """Memory protection keys, with which many memories share one reservation of addresses."""
    try:
        flags = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        flags = ""
    has = re.search(r"^flags\s*:.*\bospke\b", flags, re.MULTILINE) is not None
    return Check("protection keys", "info", "offered" if has else "not offered (nothing here needs them)")


def advisories() -> Check:
    """Security advisories of the pinned wasmtime, as known on the day that the list was made."""
    data = json.loads(_ADVISORIES.read_text(encoding="utf-8"))
    version, known = data["version"], ", ".join(data["affecting"]) or "none"
    found = f"wasmtime {version}: {known} in the list of {data['as-of']}"
    found += ", which is older than that version" if data["older-than-version"] else ""
    return Check("advisories", "warning" if data["affecting"] else "info", found, f"newer ones: {data['look']}")
