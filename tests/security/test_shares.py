"""What a run's limits and quotas hold for: the node, in however many instances, at once or one after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Engine, LimitExceeded, Limits, Pipeline
from orchestrator.capability.limits import KEPT
from orchestrator.capability.storage import Preopen
from orchestrator.engine import Component
from orchestrator.engine.host import Refused
from orchestrator.manifest.model import Each, Lifetime, Retry
from orchestrator.wasi import Account
from tests.behaviour.stories import Stage, Went, staged
from tests.security.conftest import COMPONENTS
from tests.support.greedy_guests import CLOCK_LOOP, GO
from tests.support.reach import Reach

LIFETIMES: list[Lifetime] = ["run", "call", "session"]
OFTEN = "the guest called the host more than the {} times it may"


# Calls of the host


def counting(component: Component, parallel: int, lifetime: Lifetime, most: int = 1000) -> Pipeline:
    """Asks what time it is as often as each element says."""
    node = Pipeline("counting").input("list", "list<u32>").node(
        "it", component, run=GO, limits=Limits(host_calls=most), lifetime=lifetime
    )  # fmt: skip
    return node.data("inputs.list", "it", each=Each(parallel)).output("out", "it")


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_elements_share_the_calls_of_the_host(engine: Engine, lifetime: Lifetime, parallel: int) -> None:
    """All of them can be made, by whichever instances, and not one more."""
    with staged(counting(engine.from_text(CLOCK_LOOP), parallel, lifetime), engine) as stage:
        for _ in range(2):
            assert stage.run(list=[100] * 10).outputs == {"out": [1] * 10}
            assert stage.run(list=[1, 990, 1, 8]).outputs == {"out": [1] * 4}
            went = stage.run(list=[100] * 10 + [1])
            assert isinstance(went.error, LimitExceeded)
            assert (went.message, went.error.limit) == (OFTEN.format(1000), "host-calls")


def test_tries_share_the_calls_of_the_host(engine: Engine) -> None:
    pipeline = (
        Pipeline("tries")
        .input("n", "u32")
        .node("it", engine.from_text(CLOCK_LOOP), run=GO, limits=Limits(host_calls=100), retry=Retry(2))
        .data("inputs.n", "it")
        .output("out", "it")
    )
    with staged(pipeline, engine) as stage:
        assert stage.run(n=101).message == OFTEN.format(100)
        assert stage.run(n=100).outputs == {"out": 1}


# Folders and output, by guests in Python


def spread(tmp_path: Path, grants: str, lifetime: str, limits: str = "{}", parallel: int = 3) -> Pipeline:
    """Runs the code that each element is."""
    path = tmp_path / "spread.yaml"
    path.write_text(f"""
pipeline: spread
inputs: {{codes: list<string>}}
outputs: {{out: it}}
nodes:
  it: {{component: {COMPONENTS / "attacker"}, run: run, lifetime: {lifetime}, grants: {grants}, limits: {limits}}}
edges:
  - {{data: inputs.codes -> it.code, each: {{parallel: {parallel}}}}}
""")
    return Pipeline.load(path)


WRITE = """
try:
    with open('/data/{0}', 'wb') as file: file.write(b'x' * 300)
    result = 'written'
except OSError as problem: result = problem.errno
"""


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_elements_share_a_quota(hostile_engine: Engine, tmp_path: Path, lifetime: Lifetime) -> None:
    (tmp_path / "data").mkdir()
    pipeline = spread(tmp_path, "{storage: [{path: data, at: /data, access: write, quota: 1000B}]}", lifetime)
    with staged(pipeline, hostile_engine) as stage:
        for number in range(2):
            went = stage.run(codes=[WRITE.format(f"{number}-{one}") for one in range(6)])
            assert went.error is None
            written = [path.stat().st_size for path in (tmp_path / "data").glob(f"{number}-*")]
            assert sorted(written) == [0, 0, 0, 300, 300, 300]
            assert denials(went) == ["grants.storage[0]: no more than 1000 bytes may be added"] * 3


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_elements_share_the_number_of_files(hostile_engine: Engine, tmp_path: Path, lifetime: Lifetime) -> None:
    (tmp_path / "data").mkdir()
    pipeline = spread(tmp_path, "{storage: [{path: data, at: /data, access: write, files: 2}]}", lifetime)
    with staged(pipeline, hostile_engine) as stage:
        for number in range(2):
            went = stage.run(codes=[WRITE.format(f"{number}-{one}") for one in range(6)])
            assert len(list((tmp_path / "data").glob(f"{number}-*"))) == 2
            assert set(denials(went)) == {"grants.storage[0]: no more than 2 entries may be added"}


def denials(went: Went) -> list[str]:
    """The rules by which something was denied."""
    return [event.rule for event in went.of("access") if event.decision == "denied"]


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_elements_share_what_is_kept_of_their_output(hostile_engine: Engine, tmp_path: Path, lifetime: str) -> None:
    pipeline = spread(tmp_path, "{}", lifetime, "{output: 100B}")
    with staged(pipeline, hostile_engine) as stage:
        for _ in range(2):
            assert len(_kept(stage, ["print('x' * 60)"] * 6)) == 100


def test_elements_share_what_is_kept_where_nothing_is_said(hostile_engine: Engine, tmp_path: Path) -> None:
    pipeline = spread(tmp_path, "{}", "run")
    with staged(pipeline, hostile_engine) as stage:
        assert len(_kept(stage, ["print('x' * 40_000)"] * 3)) == KEPT


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_elements_share_what_they_may_print(
    hostile_engine: Engine, tmp_path: Path, lifetime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = spread(tmp_path, "{stdio: inherit}", lifetime, "{output: 100B}")
    with staged(pipeline, hostile_engine) as stage:
        for _ in range(2):
            went = stage.run(codes=["print('x' * 60)"] * 6)
            assert len("".join(capfd.readouterr())) == 100
            assert denials(went) == ["limits.output: 100 bytes"]


def _kept(stage: Stage, codes: Sequence[str]) -> str:
    """What is kept of what was printed."""
    went = stage.run(codes=codes)
    assert went.error is None
    return "".join(str((event.detail or {})["text"]) for event in went.of("output"))


# By the served functions: two instances that take turns at each step


def _refusal(reach: Reach, method: str, *values: Any) -> str:
    try:
        reach.call(method, *values)
    except Refused as refused:
        return str(refused.error)
    return ""


def test_a_file_that_two_instances_make_larger_is_measured_by_both(tmp_path: Path) -> None:
    grant, account = Preopen(str(tmp_path), "/data", True, quota=1000, files=3), Account()
    one, other = Reach(grant), Reach(grant)
    one.session._account = other.session._account = account
    try:
        mine = one.open("file", "write", "create")
        theirs = other.open("file", "write")
        one.call("write", mine, b"x" * 600, 0)
        other.call("write", theirs, b"x" * 600, 0)
        assert _refusal(other, "write", theirs, b"x" * 401, 600) == "quota"
        other.call("set-size", theirs, 0)
        assert _refusal(one, "write", mine, b"x" * 401, 0) == "quota"
        one.call("write", mine, b"x" * 300, 100)
        assert _refusal(other, "set-size", theirs, 401) == "quota"
        assert _refusal(one, "create-directory-at", one.root, "a") == ""
        assert _refusal(other, "symlink-at", other.root, "file", "b") == "quota"
        assert _refusal(other, "link-at", other.root, frozenset(), "file", other.root, "c") == ""
        assert _refusal(one, "create-directory-at", one.root, "d") == "quota"
    finally:
        one.close()
        other.close()
