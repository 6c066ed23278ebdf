"""`orchestrator doctor`."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from orchestrator.cli import _checks as checks
from orchestrator.engine._config import WASMTIME
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_this_installation_is_sound(command: Command) -> None:
    done = command("doctor", "--json")
    found = {check["name"]: check for check in done.json["checks"]}
    assert (done.code, done.json["ok"]) == (0, True)
    assert found["wasmtime"]["found"] == f"{WASMTIME} (pinned)"
    assert found["engine"]["status"] == "ok"
    assert found["cache access"]["found"] == "mode 0700, this user's alone"
    assert "agent-llm" in found["WIT packages"]["found"]


def test_every_check_is_a_line(command: Command) -> None:
    names = [check["name"] for check in command("doctor", "--json").json["checks"]]
    lines = [line for line in command("doctor").out.splitlines() if " help: " not in line]
    assert [line[6:].split("  ")[0] for line in lines] == names


def test_a_cache_that_others_may_read_is_an_error(own_cache: Path, command: Command) -> None:
    own_cache.mkdir(mode=0o700)
    own_cache.chmod(0o755)
    done = command("doctor", "--json")
    found = {check["name"]: check for check in done.json["checks"]}
    assert done.code == 1
    assert (found["cache access"]["status"], found["cache access"]["help"]) == ("error", f"run: chmod 700 {own_cache}")


def test_without_node_components_in_javascript_cannot_be_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = command("doctor", "--json")
    found = {check["name"]: check for check in done.json["checks"]}["JavaScript"]
    assert done.code == 0
    assert found == {
        "name": "JavaScript",
        "status": "info",
        "found": "componentize-js, which builds components from JavaScript, needs Node 20 or later with npm, and there "
        "is no `node` and no `npm` on PATH",
        "help": "to build components from JavaScript: install it from https://nodejs.org, so that `node` and `npm` are "
        "on PATH",
    }


@pytest.mark.parametrize(
    ("tells", "status", "found"),
    [
        (True, "ok", " has it: a revert takes back the pages that were written to"),
        (False, "info", " does not offer it: a revert takes back whole memories, more slowly"),
    ],
)
def test_what_a_revert_takes_back(
    tells: bool, status: str, found: str, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setattr("orchestrator.engine._posix.tells_changes", lambda: tells)
    checked = {check["name"]: check for check in command("doctor", "--json").json["checks"]}["PAGEMAP_SCAN"]
    assert checked["status"] == status
    assert checked["found"] == f"kernel {platform.release()}{found}"


def test_another_version_than_the_pinned_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cli._checks.metadata.requires", lambda _: ["click==0.1", "no-such-thing>=1"])
    wrong, missing = checks.dependencies()
    assert (wrong.status, wrong.help) == ("error", 'run: pip install "click==0.1"')
    assert wrong.found.endswith(", where 0.1 is needed")
    assert missing == checks.Check("no-such-thing", "error", "not installed", 'run: pip install "no-such-thing>=1"')


def test_the_advisories_are_of_the_wasmtime_that_is_pinned() -> None:
    data = json.loads(checks._ADVISORIES.read_text())
    assert data["version"] == WASMTIME
    assert checks.advisories().found == (
        f"wasmtime {WASMTIME}: none in the list of {data['as-of']}, which is older than that version"
    )
