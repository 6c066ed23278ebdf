"""Grants in whole pipelines: what a node may do in a run, and what the trace says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Engine, Pipeline
from orchestrator.audit.spans import SpanMaker
from tests.behaviour.stories import Went, staged
from tests.support.http_servers import Server, plain, saying, serving

ATTACKER = Path(__file__).resolve().parent.parent / "components" / "attacker"
SECRET = "hunter2-hunter2"
FETCH = """
from wit_world.imports.web import Request, fetch
def get(url):
    answer = fetch(Request('GET', url, [], b''))
    return answer.body.decode()
"""


@pytest.fixture(scope="module")
def kept() -> Iterator[Engine]:
    """An engine with the user's cache: the component is built once."""
    with Engine() as engine:
        yield engine


@pytest.fixture
def fine() -> Iterator[Server]:
    with serving(saying(plain(b"fine"))) as server:
        yield server


def pipeline(tmp_path: Path, grants: str, more: str = "") -> Path:
    """A pipeline of one node that runs the code it is given."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(f"""
pipeline: one
inputs: {{code: string}}
outputs: {{out: it}}
nodes:
  it:
    component: {ATTACKER}
    run: run
    grants: {grants}
    {more}
edges:
  - data: inputs.code -> it.code
""")
    return path


def run(engine: Engine, path: Path, code: str, **operator: Any) -> Went:
    """Runs it once, as an operator that allows loopback."""
    loaded = Pipeline.load(path)
    operator.setdefault("addresses", ["127.0.0.0/8"])
    with staged(loaded, engine, **operator) as stage:
        return stage.run(code=code)


def accesses(went: Went) -> list[tuple[str, str, str, str]]:
    found = [(e.function, (e.detail or {})["subject"], e.rule, e.decision) for e in went.of("access")]
    return [one for one in found if one[0].split()[0] in ("http", "storage", "secret", "sockets")]


def test_a_request_that_is_granted_is_a_span_of_the_trace(kept: Engine, tmp_path: Path, fine: Server) -> None:
    path = pipeline(tmp_path, f'{{http: [{{url: "{fine.url}/v1/**"}}]}}')
    went = run(kept, path, f"{FETCH}\nresult = get('{fine.url}/v1/x?q=secret')")
    assert went.outputs == {"out": '"fine"'}
    (event,) = [e for e in went.of("access") if e.function == "http GET"]
    assert (event.decision, event.rule) == ("allowed", f"grants.http[0]: {fine.url}/v1/**")
    assert event.detail == {"subject": f"{fine.url}/v1/x", "status": 200}
    assert (event.request, event.response) == (0, 4)
    span = next(span for span in SpanMaker().spans(went.events) if span.name == "http GET")
    assert span.kind.name == "CLIENT"
    assert span.attributes is not None
    assert span.attributes["wasm.access.subject"] == f"{fine.url}/v1/x"
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time > span.start_time
    parent = f"-{span.parent.span_id:016x}-" if span.parent else ""
    assert f"traceparent: 00-{went.result.trace_id if went.result else ''}{parent}".encode() in fine.heads[0]


def test_a_request_that_is_denied_is_an_event_of_its_node(kept: Engine, tmp_path: Path, fine: Server) -> None:
    path = pipeline(tmp_path, f'{{http: [{{url: "{fine.url}/v1/**"}}]}}')
    went = run(kept, path, f"{FETCH}\nget('{fine.url}/v2/x')")
    assert went.error is not None
    rule = f"grants.http: no grant admits GET {fine.url}/v2/x; granted: {fine.url}/v1/**"
    assert accesses(went) == [("http GET", f"{fine.url}/v2/x", rule, "denied")]
    node = next(span for span in SpanMaker().spans(went.events) if span.name == "invoke_agent it")
    denied = [event for event in node.events if event.name == "grant.denied"]
    assert [dict(event.attributes or {})["wasm.rule"] for event in denied] == [rule]
    assert not fine.heads


def test_loopback_is_refused_unless_the_operator_allows_it(kept: Engine, tmp_path: Path, fine: Server) -> None:
    path = pipeline(tmp_path, f'{{http: [{{url: "{fine.url}/**"}}]}}')
    went = run(kept, path, f"{FETCH}\nget('{fine.url}/x')", addresses=[])
    assert ("http connect", fine.url, "addresses: 127.0.0.1 is an address of this machine", "denied") in accesses(went)
    assert not fine.heads


def test_a_secret_is_the_operator_s_to_give(kept: Engine, tmp_path: Path, fine: Server) -> None:
    grants = f'{{http: [{{url: "{fine.url}/**"}}], secrets: [{{name: KEY, to: "{fine.url}", header: "x-key: {{}}"}}]}}'
    path = pipeline(tmp_path, grants)
    code = f"{FETCH}\nresult = get('{fine.url}/')"
    went = run(kept, path, code, secrets={"KEY": SECRET})
    assert went.outputs == {"out": '"fine"'}
    assert f"x-key: {SECRET}".encode() in fine.heads[0]
    assert SECRET not in repr(went.events)
    without = run(kept, path, code)
    assert without.message == "the secret `KEY` has no value: give it with `--secret KEY`"


def test_what_a_node_prints_and_opens_is_told_with_its_grant(kept: Engine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    path = pipeline(tmp_path, "{storage: [{path: data, at: /data}]}")
    went = run(kept, path, "result = open('/data/a').read()")
    assert went.outputs == {"out": '"a"'}
    assert ("storage read", "/data/a", "grants.storage[0]", "allowed") in accesses(went)
    went = run(kept, path, "open('/data/b', 'w')")
    assert accesses(went) == [("storage write", "/data/b", "grants.storage[0]: read only", "denied")]


def test_what_a_contract_redacts_is_not_told_by_an_access(kept: Engine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = pipeline(tmp_path, "{storage: [{path: data, at: /data}]}")
    path.write_text(path.read_text() + "    contract: {redact: [value]}\n")
    went = run(kept, path, "open('/data/hunter2')")
    assert went.of("access")
    assert "hunter2" not in repr(went.events)


@pytest.mark.parametrize("lifetime", ["run", "call", "session"])
def test_a_run_does_not_see_what_another_was_granted(kept: Engine, tmp_path: Path, lifetime: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    path = pipeline(tmp_path, '{storage: [{path: "${inputs.folder}", at: /data}]}', f"lifetime: {lifetime}")
    path.write_text(path.read_text().replace("inputs: {code: string}", "inputs: {code: string, folder: {type: path}}"))
    with staged(Pipeline.load(path), kept) as stage:
        for name in ("one", "two", "one"):
            went = stage.run(code="result = open('/data/file').read()", folder=str(tmp_path / name))
            assert went.outputs == {"out": json.dumps(name)}


def test_the_command_shows_what_was_denied(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "up").symlink_to("..")
    path = pipeline(tmp_path, "{storage: [{path: data, at: /data}]}")
    code = "try: open('/data/up/secret')\nexcept OSError: result = 'kept out'\nelse: result = 'in'"
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "run", str(path), "--input", f"code={code}", "--tree"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kept out" in done.stdout
    why = "grants.storage[0]: the path leads out of the folder"
    assert f"! denied storage read /data/up/secret: {why}" in done.stderr


@pytest.mark.parametrize("stdio", ["captured", "inherit"])
def test_what_is_printed_beyond_the_limit_is_cut(
    kept: Engine, tmp_path: Path, stdio: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = pipeline(tmp_path, f"{{stdio: {stdio}}}", "limits: {output: 100B}")
    code = "sys.stdout.write('x' * 80 + '\\n'); sys.stdout.flush(); sys.stderr.write('y' * 80 + '\\n')"
    went = run(kept, path, f"for _ in range(3):\n  {code}\nresult = 'done'")
    assert went.outputs == {"out": '"done"'}
    kept_text = "".join(str((e.detail or {})["text"]) for e in went.of("output"))
    shown = kept_text if stdio == "captured" else "".join(capfd.readouterr())
    assert len(shown) == 100
    assert set(shown) == {"x", "y", "\n"}
    if stdio == "captured":
        assert [(e.detail or {})["cut"] for e in went.of("output")] == [False, True]
    else:
        denied = [(e.function, e.rule) for e in went.of("access") if e.decision == "denied"]
        assert denied == [("stdio print", "limits.output: 100 bytes")]


def test_a_limit_of_output_may_allow_more_than_is_kept_without_one(kept: Engine, tmp_path: Path) -> None:
    path = pipeline(tmp_path, "{}", "limits: {output: 1MiB}")
    went = run(kept, path, "print('x' * 200_000)")
    assert sum(len(str((e.detail or {})["text"])) for e in went.of("output")) == 200_001
