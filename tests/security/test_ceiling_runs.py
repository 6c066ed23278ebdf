"""Ceilings and claims while a hostile guest runs: it has what is left to it, refusals are events, the host goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    Allowed,
    Ceiling,
    Engine,
    Grants,
    InvalidPipeline,
    LimitExceeded,
    Limits,
    LinkedPipeline,
    Pipeline,
    RunError,
    Storage,
)
from orchestrator.engine import Component
from orchestrator.manifest.model import Claims, ComponentManifest
from tests.security.conftest import COMPONENTS

TIME = "import time\nresult = [time.time() > 1e9, time.monotonic() > 0]"
NUMBERS = "result = os.urandom(8).hex()"


@pytest.fixture
def attacker(hostile_engine: Engine) -> Component:
    return hostile_engine.load(COMPONENTS / "attacker")


@pytest.fixture(autouse=True)
def no_ceiling_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATOR_CEILING", raising=False)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_text(f"what is {name}")
    return tmp_path


def hostile(attacker: Component, grants: Grants, folder: Path | None = None, limits: Limits | None = None) -> Pipeline:
    return (
        Pipeline("hostile", folder=folder or ".")
        .input("code")
        .input("folder", "path", default="open")
        .output("said", "it")
        .node("it", attacker, run="run", grants=grants, limits=limits)
        .data("inputs.code", "it.code")
    )


def said(linked: LinkedPipeline, code: str, **inputs: Any) -> Any:
    return json.loads(linked.run(code=code, **inputs).outputs["said"])


def refusals(linked: LinkedPipeline, code: str, **inputs: Any) -> list[tuple[str, Any]]:
    """What was refused while it ran, by the rules of ceilings and claims; the run may fail."""
    execution = linked.start(code=code, **inputs)
    events = list(execution)
    denied = [event for event in events if event.kind == "access" and event.decision == "denied"]
    return [(one.function, (one.detail or {})["subject"]) for one in denied if one.rule.startswith("the ")]


STORED = (Storage("${inputs.folder}", "/data", "write"),)
READ = "result = open('/data/file.txt').read()"
WRITE = "open('/data/new.txt', 'w').write('x')\nresult = os.listdir('/data')"


def test_a_folder_that_only_this_run_names_is_refused_in_it(
    hostile_engine: Engine, attacker: Component, folders: Path
) -> None:
    ceiling = Ceiling("ops", Allowed(storage=((str(folders / "open"), "write"),)))
    with hostile(attacker, Grants(STORED), folders).link(hostile_engine, ceiling=ceiling) as linked:
        assert said(linked, WRITE) == ["file.txt", "new.txt"]
        (folders / "open" / "out").symlink_to(folders / "closed")
        for path in (folders / "closed", folders / "open" / ".." / "closed", folders / "open" / "out", folders):
            with pytest.raises(RunError, match=r"may not be written: .*: the ceiling `ops` allows write `") as caught:
                linked.run(code=READ, folder=str(path))
            assert caught.value.node == "it"
        assert refusals(linked, READ, folder=str(folders / "closed")) == [("storage grant", "/data")]
        assert said(linked, READ) == "what is open"
    assert [path.name for path in (folders / "closed").iterdir()] == ["file.txt"]


def test_a_folder_that_may_only_be_read_is_only_read(
    hostile_engine: Engine, attacker: Component, folders: Path
) -> None:
    ceiling = Ceiling("ops", Allowed(storage=((str(folders), "read"),)))
    optional = Grants(STORED, optional=True)
    with hostile(attacker, optional, folders).link(hostile_engine, ceiling=ceiling) as linked:
        assert said(linked, READ) == "what is open"
        with pytest.raises(RunError):
            linked.run(code=WRITE)
        assert refusals(linked, WRITE) == []  # the narrowing is the link's; what the guest tries, its own grant's
    assert not (folders / "open" / "new.txt").exists()


def test_a_folder_that_is_optional_is_not_there(hostile_engine: Engine, attacker: Component, folders: Path) -> None:
    ceiling = Ceiling("ops", Allowed(storage=((str(folders / "open"), "write"),)))
    with hostile(attacker, Grants(STORED, optional=True), folders).link(hostile_engine, ceiling=ceiling) as linked:
        with pytest.raises(RunError):
            linked.run(code=READ, folder=str(folders / "closed"))
        assert refusals(linked, "result = 1", folder=str(folders / "closed")) == [("storage grant", "/data")]
        assert said(linked, READ) == "what is open"


def test_clock_and_random_numbers_are_what_the_ceiling_leaves(hostile_engine: Engine, attacker: Component) -> None:
    wanted = Grants(clock="wall", random="secure", optional=True)
    with hostile(attacker, wanted).link(hostile_engine) as linked:
        assert said(linked, TIME)[0] is True
        assert said(linked, NUMBERS) != said(linked, NUMBERS)
    with hostile(attacker, wanted).link(hostile_engine, ceiling=Ceiling("ops")) as linked:
        assert said(linked, TIME)[0] is False
        assert said(linked, NUMBERS) == said(linked, NUMBERS)


def test_a_component_that_claims_less_than_it_imports_is_served_the_rest_in_vain(
    hostile_engine: Engine, attacker: Component, folders: Path
) -> None:
    about = attacker.manifest
    assert isinstance(about, ComponentManifest)
    modest = replace(attacker, manifest=replace(about, claims=Claims(clock="wall")))
    asked = Grants((Storage("open", "/data", "write"),), clock="wall", random="secure", environment={"A": "b"})
    with pytest.raises(InvalidPipeline) as caught:
        hostile(modest, asked, folders).link(hostile_engine)
    assert [one.code for one in caught.value.diagnostics if one.severity == "error"] == ["claim"] * 3
    with hostile(modest, replace(asked, optional=True), folders).link(hostile_engine) as linked:
        assert said(linked, TIME)[0] is True
        assert said(linked, "result = [dict(os.environ), os.path.exists('/data')]") == [{}, False]
        assert said(linked, NUMBERS) == said(linked, NUMBERS)
        refused = {one.power for one in linked.plan().nodes[0].refused}
        assert refused == {"storage", "http", "sockets", "environment", "random"}


def test_a_guest_has_the_limits_of_the_ceiling_where_its_pipeline_states_none(
    hostile_engine: Engine, attacker: Component
) -> None:
    ceiling = Ceiling("ops", limits=Limits(memory=96 << 20))
    hog = "x = [bytearray(1 << 20) for _ in range(256)]\nresult = len(x)"
    with hostile(attacker, Grants()).link(hostile_engine, ceiling=ceiling) as linked:
        with pytest.raises((RunError, LimitExceeded)):
            linked.run(code=hog)
        assert said(linked, "result = 1") == 1
    with hostile(attacker, Grants()).link(hostile_engine) as linked:
        assert said(linked, hog) == 256
