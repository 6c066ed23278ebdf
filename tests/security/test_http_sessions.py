"""`http` in an instance that outlives runs: what a run asks of others is in its trace and ends with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator import Engine, Grants, LinkedPipeline, Pipeline
from orchestrator.engine import Component
from orchestrator.manifest.model import Http
from orchestrator.wasi import _line
from tests.security.conftest import COMPONENTS, Attack
from tests.support.http_guests import RAW, ended, granting, silent
from tests.support.http_servers import Server, plain, saying, serving

LEAVES = """import builtins
builtins.kept = [outgoing_handler.handle(request(Scheme_Http(), AT, '/'), None) for _ in range({})]
"""
FINDS = "import builtins\nresult = sorted({repr(wait(one)) for one in builtins.kept})"


@pytest.fixture
def attacker(hostile_engine: Engine) -> Component:
    return hostile_engine.load(COMPONENTS / "attacker")


@pytest.fixture
def quiet() -> Iterator[Server]:
    """A server that does not answer."""
    done = threading.Event()
    with serving(silent(done)) as server:
        yield server
        done.set()


def linked(engine: Engine, attacker: Component, server: Server) -> LinkedPipeline:
    grants = Grants(http=(Http(f"{server.url}/**"),))
    pipeline = Pipeline("kept").input("code").output("said", "it").data("inputs.code", "it.code")
    pipeline.node("it", attacker, run="run", grants=grants, lifetime="session")
    return pipeline.link(engine, addresses=["127.0.0.0/8"])


def ran(linked: LinkedPipeline, server: Server, code: str) -> tuple[Any, list[tuple[str, str, dict[str, Any]]]]:
    """What the guest gave, and what the trace of the run says of requests."""
    execution = linked.start(code=f"{RAW}\nAT = '127.0.0.1:{server.port}'\n{code}")
    told = [
        (event.function, event.decision, event.detail or {})
        for event in execution
        if event.kind == "access" and event.function.startswith("http")
    ]
    return json.loads(execution.result().outputs["said"]), told


def test_a_request_that_is_left_open_is_in_the_trace_of_its_run(hostile_engine: Engine, attacker: Component) -> None:
    """Else a guest could send what it likes, keep the answer, and no run would have a trace of it."""
    with (
        serving(saying(plain(b"fine"))) as server,
        linked(hostile_engine, attacker, server) as pipeline,
    ):
        _, told = ran(pipeline, server, f"{LEAVES.format(1)}\nbuiltins.kept[0].subscribe().block()")
        assert told == [("http GET", "allowed", {"subject": f"{server.url}/", "status": 200})]
        found, told = ran(pipeline, server, "import builtins\nresult = body_of(wait(builtins.kept[0]))[0].decode()")
        assert (found, told) == ("", []), "what came of the answer ended with the run that asked for it"


def test_nothing_that_a_run_asked_for_goes_on_after_it(
    hostile_engine: Engine, attacker: Component, quiet: Server
) -> None:
    """Neither what talks, nor what waits for its turn: who has it left is told so."""
    count = _line.AT_ONCE + 4
    with linked(hostile_engine, attacker, quiet) as pipeline:
        _, told = ran(pipeline, quiet, LEAVES.format(count))
        assert [(function, detail["subject"]) for function, _, detail in told] == [
            ("http GET", f"{quiet.url}/")
        ] * count
        assert ended()
        found, told = ran(pipeline, quiet, FINDS)
        assert (found, told) == (["ErrorCode_ConnectionTerminated()"], [])
        assert len(quiet.heads) <= _line.AT_ONCE


def test_what_another_stay_asked_for_goes_on(attack: Attack, quiet: Server) -> None:
    guest = attack(granting(f"{quiet.url}/**"))
    code = f"{RAW}\nAT = '127.0.0.1:{quiet.port}'\n{LEAVES.format(1)}\nbuiltins.{{}} = builtins.kept"
    guest.run(code.format("first"))
    host: Any = guest.instance.host
    (first,) = host.line._kept
    guest.run(code.format("second"))
    host.end_run(lambda frame: frame is first.frame)
    found = guest.run(
        f"{RAW}\nimport builtins\nresult = [repr(wait(builtins.first[0])), repr(builtins.second[0].get())]"
    )
    assert found == ["ErrorCode_ConnectionTerminated()", "None"]
