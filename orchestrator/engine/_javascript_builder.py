"""componentize-js: builds components from JavaScript, in a process of Node's.

Node and npm are the machine's own; the builder's packages are installed once, into the folder of builds, at the
versions and digests of a lock file that ships. Not for running JavaScript: what is built needs neither.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.engine import _children
from orchestrator.engine._alone import alone
from orchestrator.errors import BuildError
from orchestrator.manifest.model import ComponentManifest

NAME = "componentize-js"
VERSION = "0.23.0"
NODE = 20
"""The first major version of Node that the builder runs on."""
TIMEOUT = 600.0
_SHIPPED = Path(__file__).with_name("javascript")
_FILES = ("package.json", "package-lock.json", "componentize.mjs", "files.mjs", "glue.mjs")
_SCRIPT, _MARK = "componentize.mjs", "node_modules/@bytecodealliance/componentize-js/package.json"
_UNUSED = 86400.0
"""Seconds after which another version's packages belong to no build that still runs."""
_PASSED_ON = re.compile(r"PATH|HOME|TMPDIR|LANG|LC_ALL|npm_config_\w+|NODE_EXTRA_CA_CERTS|(?i:https?_proxy|no_proxy)")
"""Variables that npm gets: with them it finds its settings, and the network that a company has."""


def settings(source: ComponentManifest) -> str:
    """What decides what is built beside the sources: how the builder is called, and the engine's features."""
    return f"{_digest()} {_features(source)}"


def _features(source: ComponentManifest) -> str:
    """What of its engine's a component has: what it claims, and all where it says nothing of claims."""
    claims = source.claims
    if claims is None:
        return "stdio random clocks http"
    asked = {
        "stdio": claims.stdio != "none",
        "random": claims.random != "none",
        "clocks": claims.clock != "none",
        "http": bool(claims.http),
    }
    return " ".join(name for name, wanted in asked.items() if wanted)


def prepare(cache: Path, tell: Callable[[str], None]) -> None:
    """Sees to it that the builder can be run: installs its packages where they are not yet.

    Raises:
        BuildError: Node is missing or too old, or the packages cannot be installed.
    """
    _require_node()
    folder = _folder(cache)
    with alone(folder.with_name(f"{folder.name}.lock")):
        if not (folder / _MARK).is_file():
            tell(f"installing {NAME} {VERSION} with npm (half a minute or so, once)")
            _install(folder)
            _forget_others(folder)


def command(source: ComponentManifest, workspace: Path, cache: Path) -> list[str]:
    """What is run to make `out.wasm` of a workspace."""
    module = f"{source.module.replace('.', '/')}.js"
    places = [str(workspace.resolve() / "app"), module, str(workspace / "wit")]
    script = str(_folder(cache) / _SCRIPT)
    return [_found("node"), script, *places, source.world, _features(source), str(workspace / "out.wasm")]


def environment(workspace: Path) -> dict[str, str]:
    """What it is run with beside what every builder gets: a folder of its own for what it leaves behind."""
    (workspace / "tmp").mkdir()
    return {"TMPDIR": str(workspace.resolve() / "tmp"), "NODE_OPTIONS": ""}


def missing() -> str:
    """Why components cannot be built from JavaScript on this machine, and what to do; empty where they can."""
    try:
        _require_node()
    except BuildError as problem:
        return str(problem)
    return ""


def node_version() -> str:
    """What Node says its version is, `20.1.0`; empty where it cannot be run."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = _children.run([_found("node"), "--version"], timeout=60).stdout.decode(errors="replace")
        return said.strip().removeprefix("v")
    return ""


def _require_node() -> None:
    needs = f"{NAME}, which builds components from JavaScript, needs Node {NODE} or later with npm"
    remedy = "install it from https://nodejs.org, so that `node` and `npm` are on PATH"
    absent = [f"`{name}`" for name in ("node", "npm") if shutil.which(name) is None]
    if absent:
        raise BuildError(f"{needs}, and there is no {' and no '.join(absent)} on PATH; {remedy}")
    found = node_version()
    version = re.match(r"\d+", found)
    if version is None or int(version[0]) < NODE:
        raise BuildError(f"{needs}, and `node` is {found or 'none that can be run'}; {remedy}")


def _found(name: str) -> str:
    return shutil.which(name) or name


def _folder(cache: Path) -> Path:
    """Where the packages of this very lock file are, or would be; the name keeps it from being taken for a build."""
    return cache / f".{NAME}-{VERSION}-{_digest()}"


@functools.cache
def _digest() -> str:
    """Of what is installed and how it is called."""
    return hashlib.sha256(b"".join((_SHIPPED / name).read_bytes() for name in _FILES)).hexdigest()[:16]


def _install(folder: Path) -> None:
    """Installs beside the folder and renames: it is there whole, or not at all."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        workspace = Path(name) / "packages"
        workspace.mkdir()
        for file in _FILES:
            shutil.copyfile(_SHIPPED / file, workspace / file)
        _run_npm(workspace)
        shutil.rmtree(folder, ignore_errors=True)
        workspace.replace(folder)


def _run_npm(workspace: Path) -> None:
    command = [_found("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    variables = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    try:
        done = _children.run([*command, "--loglevel=error"], timeout=TIMEOUT, cwd=workspace, env=variables)
    except subprocess.TimeoutExpired:
        raise BuildError(_not_installed(f"npm took more than {TIMEOUT:g} s and was stopped", "")) from None
    if done.returncode != 0 or not (workspace / _MARK).is_file():
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise BuildError(_not_installed(f"npm ended with exit code {done.returncode}", said))


def _not_installed(what: str, said: str) -> str:
    lines = [line.rstrip() for line in said.splitlines() if line.strip() and "complete log of this run" not in line]
    words = "".join(f"\n  {line}" for line in lines[:20] if "_logs/" not in line)
    return (
        f"the packages of {NAME} {VERSION}, which builds components from JavaScript, cannot be installed: {what}{words}"
        "\n  help: npm fetches them once from its registry; without a network, or behind a proxy, set npm's `registry`"
        "\n  or `proxy` to what can be reached, or build where there is a network and use the .wasm"
    )


def _forget_others(folder: Path) -> None:
    for other in folder.parent.glob(f".{NAME}-*"):
        with contextlib.suppress(OSError):
            if other.is_dir() and other != folder and time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other, ignore_errors=True)
